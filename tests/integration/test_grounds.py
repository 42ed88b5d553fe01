"""Consents, their withdrawal and customer relations, as they are put on record."""

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from threading import Barrier, BrokenBarrierError
from typing import Any

import pytest
from sqlalchemy import func, select

from consent import grounds
from consent.grounds import record_consent, record_relation, withdraw_consent
from consent.models import Consent, ConsentWithdrawal, CustomerRelation, RelationVersion
from consent.terms import Channel
from core.changes import changes_after
from core.errors import InvalidInput, NotFound
from core.ledger import LedgerEntry
from core.naming import insert_named
from core.numbers import Number
from core.store import Store
from core.verification import Finding
from dnc.audit import compare_records
from dnc.campaigns import add_campaign
from service import Service
from tests.commands import run_command
from tests.deliveries import FIRST, OPERATOR, add_origins, lead_manager
from tests.registers import NOON

DAY = timedelta(days=1)


@pytest.fixture
def store(service: Service) -> Store:
    """Return the service's store."""
    return service.store


def consent(store: Store, seller_id: str, **changes: Any) -> Consent:  # Any: whatever the test changes
    """Return a consent put on record, good but for ``changes``."""
    given: dict[str, Any] = {
        "seller_id": seller_id,
        "number": Number(FIRST),
        "channels": frozenset({Channel.VOICE}),
        "names_seller": True,
        "text_version": "v1",
        "evidence": {"form": "https://example.se/f"},
        "given_at": NOON - DAY,
        "expires_at": None,
        "now": NOON,
        "keyring": store.keyring,
        **changes,
    }
    with store.writing() as session:
        return record_consent(session, OPERATOR, **given)


@pytest.mark.parametrize(
    "changes",
    [
        {"channels": frozenset()},
        {"text_version": " "},
        {"evidence": {}},
        {"evidence": {"form": ""}},
        {"given_at": NOON + DAY},
        {"expires_at": NOON - 2 * DAY},
    ],
)
def test_a_consent_that_could_not_be_proved_is_refused(store: Store, changes: dict[str, Any]) -> None:
    seller_id = add_origins(store)["norrsken"]

    with pytest.raises(InvalidInput):
        consent(store, seller_id, **changes)


def test_a_withdrawal_takes_effect_once_and_is_announced_without_a_number_in_the_ledger(store: Store) -> None:
    seller_id = add_origins(store)["norrsken"]
    given = consent(store, seller_id)
    for _ in range(2):
        with store.writing() as session:
            withdraw_consent(
                session,
                OPERATOR,
                consent_id=given.id,
                withdrawn_at=NOON,
                via="phone",
                note="",
                now=NOON,
                keyring=store.keyring,
            )

    with store.reading() as session:
        assert session.scalar(select(func.count()).select_from(ConsentWithdrawal)) == 1
        assert [(change.kind, change.number) for change in changes_after(session, 0, seller_id=seller_id, limit=9)] == [
            ("retraction", FIRST)
        ]
        assert not any("1740605" in (payload or "") for payload in session.scalars(select(LedgerEntry.payload)))


def test_another_sellers_consent_is_not_to_be_found(store: Store) -> None:
    ids = add_origins(store)
    given = consent(store, ids["norrsken"])

    with pytest.raises(NotFound), store.writing() as session:
        withdraw_consent(
            session,
            lead_manager(ids["soder"]),
            consent_id=given.id,
            withdrawn_at=NOON,
            via="phone",
            note="",
            now=NOON,
            keyring=store.keyring,
        )


def test_a_relation_sent_again_is_the_same_one_with_its_fulfilment(store: Store) -> None:
    seller_id = add_origins(store)["norrsken"]

    def send(fulfilled_at: datetime | None) -> str:
        with store.writing() as session:
            return record_relation(
                session,
                OPERATOR,
                seller_id=seller_id,
                number=Number(FIRST),
                product="el",
                reference="A1",
                started_at=NOON - 2 * DAY,
                fulfilled_at=fulfilled_at,
                now=NOON,
                keyring=store.keyring,
            ).id

    assert send(None) == send(NOON - DAY) == send(NOON - DAY)
    with store.reading() as session:
        assert session.scalars(select(CustomerRelation.fulfilled_at)).all() == [NOON - DAY]


@pytest.mark.parametrize("spelling", [" home-alarm ", "Home_Alarm", "HOME-ALARM"])
def test_a_contract_ends_however_its_product_is_spelt_and_is_of_the_campaigns_product(
    store: Store, spelling: str
) -> None:
    seller_id = add_origins(store)["norrsken"]
    with store.writing() as session:
        campaign = add_campaign(
            session,
            OPERATOR,
            slug="larm",
            seller_id=seller_id,
            name="Larm 2026",
            product="Home-alarm",
            channel=Channel.VOICE,
            opens_weekends=False,
            now=NOON,
        )
        for product, fulfilled_at in (("home_alarm", None), (spelling, NOON - DAY)):
            record_relation(
                session,
                OPERATOR,
                seller_id=seller_id,
                number=Number(FIRST),
                product=product,
                reference="A1",
                started_at=NOON - 2 * DAY,
                fulfilled_at=fulfilled_at,
                now=NOON,
                keyring=store.keyring,
            )
        sold = campaign.product

    with store.reading() as session:
        relations = session.execute(select(CustomerRelation.product, CustomerRelation.fulfilled_at)).all()
    assert relations == [(sold, NOON - DAY)]


@pytest.mark.parametrize("product", ["home alarm", "hemförsäkring", "\u043el", "_el", "", "x" * 61])
def test_a_product_that_no_campaign_can_have_is_refused_of_a_contract_too(store: Store, product: str) -> None:
    seller_id = add_origins(store)["norrsken"]

    with pytest.raises(InvalidInput, match="product"):
        contract(store, seller_id, product=product)
    with pytest.raises(InvalidInput, match="product"), store.writing() as session:
        add_campaign(
            session,
            OPERATOR,
            slug="larm",
            seller_id=seller_id,
            name="Larm 2026",
            product=product,
            channel=Channel.VOICE,
            opens_weekends=False,
            now=NOON,
        )


@pytest.mark.parametrize(
    "spelling",
    ["\u00c5-1 a", "\u00e5-1 A", " A\u030a-1\u00a0A", "\u00c5-1A"],
    ids=["same", "small", "decomposed", "close"],
)
def test_a_contract_ends_however_its_reference_is_spelt(store: Store, spelling: str) -> None:
    seller_id = add_origins(store)["norrsken"]
    contract(store, seller_id, reference="\u00c5-1 a")
    contract(store, seller_id, reference="\u00c5-2 a")

    contract(store, seller_id, reference=spelling, fulfilled_at=NOON - DAY)

    assert sorted(map(str, fulfilments(store))) == [str(NOON - DAY), "None"]


def test_two_spellings_of_a_new_reference_at_the_same_moment_are_one_contract_that_ends(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    seller_id = add_origins(store)["norrsken"]
    both, real = Barrier(2), insert_named

    def insert_together(*arguments: Any) -> None:
        with suppress(BrokenBarrierError):  # the other one waits for this one
            both.wait(2)
        real(*arguments)

    monkeypatch.setattr(grounds, "insert_named", insert_together)
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda reference: contract(store, seller_id, reference=reference), ("avtal-1", "Avtal-1")))
    contract(store, seller_id, reference="AVTAL-1", fulfilled_at=NOON - DAY)

    assert fulfilments(store) == [NOON - DAY]


def found_wrong(store: Store) -> list[Finding]:
    """Return in what the rows differ from the ledger."""
    with store.reading() as session:
        return compare_records(session, store.keyring)


def versions(store: Store) -> int | None:
    """Return how many versions of contracts are kept."""
    with store.reading() as session:
        return session.scalar(select(func.count()).select_from(RelationVersion))


def doubled(store: Store, seller_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put one contract on record twice, running, as requests at the same moment once could."""
    with monkeypatch.context() as patched:
        patched.setattr(grounds, "_folded", lambda reference: reference)
        contract(store, seller_id, reference="avtal-1")
        contract(store, seller_id, reference="Avtal-1")


def test_a_contract_that_was_doubled_before_ends_with_both_its_rows(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    seller_id = add_origins(store)["norrsken"]
    doubled(store, seller_id, monkeypatch)

    contract(store, seller_id, reference="avtal-1", fulfilled_at=NOON - DAY)

    assert fulfilments(store) == [NOON - DAY, NOON - DAY]
    assert found_wrong(store) == []


def test_migrating_ends_what_runs_on_of_a_contract_that_was_doubled_and_ended_once(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = service.store
    seller_id = add_origins(store)["norrsken"]
    doubled(store, seller_id, monkeypatch)
    contract(store, seller_id, reference="avtal-2")
    with monkeypatch.context() as patched:
        patched.setattr(grounds, "_folded", lambda reference: reference)
        contract(store, seller_id, reference="avtal-1", fulfilled_at=NOON - DAY)

    for _ in range(2):
        assert run_command(service.settings, "migrate").exit_code == 0

    assert sorted(map(str, fulfilments(store))) == [str(NOON - DAY), str(NOON - DAY), "None"]
    assert versions(store) == 5
    assert found_wrong(store) == []


def test_migrating_ends_a_contract_whose_end_an_earlier_version_kept_under_another_spelling_of_its_product(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ran on, and lifted NIX without end."""
    store = service.store
    seller_id = add_origins(store)["norrsken"]
    with monkeypatch.context() as patched:
        patched.setattr(grounds, "product_type", str.strip)
        contract(store, seller_id, product="el", reference="avtal-1")
        contract(store, seller_id, product="El", reference="Avtal-1", fulfilled_at=NOON - DAY)
        contract(store, seller_id, product="hem el", reference="avtal-1")
        contract(store, seller_id, product="bredband", reference="avtal-1")

    for _ in range(2):
        assert run_command(service.settings, "migrate").exit_code == 0

    assert sorted(map(str, fulfilments(store))) == [str(NOON - DAY), str(NOON - DAY), "None", "None"]
    assert found_wrong(store) == []


def contract(store: Store, seller_id: str, **changes: Any) -> None:  # Any: whatever the test changes
    """Put a contract of two days ago on record, good but for ``changes``."""
    given: dict[str, Any] = {
        "seller_id": seller_id,
        "number": Number(FIRST),
        "product": "el",
        "reference": "A1",
        "started_at": NOON - 2 * DAY,
        "fulfilled_at": None,
        "now": NOON,
        "keyring": store.keyring,
        **changes,
    }
    with store.writing() as session:
        record_relation(session, OPERATOR, **given)


def fulfilled(store: Store, seller_id: str, fulfilled_at: datetime | None, reopened_reason: str | None = None) -> None:
    """Put a contract of a year ago on record, fulfilled then."""
    with store.writing() as session:
        record_relation(
            session,
            OPERATOR,
            seller_id=seller_id,
            number=Number(FIRST),
            product="el",
            reference="A1",
            started_at=NOON - 365 * DAY,
            fulfilled_at=fulfilled_at,
            now=NOON,
            keyring=store.keyring,
            reopened_reason=reopened_reason,
        )


def fulfilments(store: Store) -> list[datetime | None]:
    """Return when each relation on record was fulfilled."""
    with store.reading() as session:
        return list(session.scalars(select(CustomerRelation.fulfilled_at)))


@pytest.mark.parametrize("later", [None, NOON - 9 * DAY], ids=["running again", "fulfilled later"])
@pytest.mark.parametrize("reason", [None, "", " ", "x" * 501])
def test_a_fulfilled_contract_does_not_run_on_without_a_reason(
    store: Store, later: datetime | None, reason: str | None
) -> None:
    seller_id = add_origins(store)["norrsken"]
    fulfilled(store, seller_id, NOON - 10 * DAY)

    with pytest.raises(InvalidInput, match="reopened_reason"):
        fulfilled(store, seller_id, later, reason)

    assert fulfilments(store) == [NOON - 10 * DAY]
    fulfilled(store, seller_id, NOON - 11 * DAY)  # earlier takes away and needs no reason
    assert fulfilments(store) == [NOON - 11 * DAY]


@pytest.mark.parametrize("later", [None, NOON - 9 * DAY], ids=["running again", "fulfilled later"])
def test_why_a_contract_was_reopened_is_on_record(store: Store, later: datetime | None) -> None:
    seller_id = add_origins(store)["norrsken"]
    fulfilled(store, seller_id, NOON - 10 * DAY)
    fulfilled(store, seller_id, later, " the end was typed for the wrong contract ")

    assert fulfilments(store) == [later]
    with store.reading() as session:
        payloads = session.scalars(select(LedgerEntry.payload).where(LedgerEntry.kind == "relation.recorded")).all()
    reasons = [json.loads(payload or "").get("reopened_reason") for payload in payloads]
    assert reasons == [None, "the end was typed for the wrong contract"]


def test_a_text_longer_than_its_column_is_refused_in_words(store: Store) -> None:
    seller_id = add_origins(store)["norrsken"]
    given = consent(store, seller_id)

    with pytest.raises(InvalidInput, match="text_version"):
        consent(store, seller_id, text_version=_longer_than(Consent.text_version))
    with pytest.raises(InvalidInput, match="via"), store.writing() as session:
        withdraw_consent(
            session,
            OPERATOR,
            consent_id=given.id,
            withdrawn_at=NOON,
            via=_longer_than(ConsentWithdrawal.via),
            note="",
            now=NOON,
            keyring=store.keyring,
        )
    with pytest.raises(InvalidInput, match=r"product: .*reference: "), store.writing() as session:
        record_relation(
            session,
            OPERATOR,
            seller_id=seller_id,
            number=Number(FIRST),
            product=_longer_than(CustomerRelation.product),
            reference=_longer_than(CustomerRelation.reference),
            started_at=NOON,
            fulfilled_at=None,
            now=NOON,
            keyring=store.keyring,
        )


def _longer_than(column: Any) -> str:  # Any: a mapped column, whose type knows its length
    return "å" * (int(column.type.length) + 1)
