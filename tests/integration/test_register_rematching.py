"""Versions of a register compared, and past contacts held against them: who was listed when called."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import event, select, update

from consent.grounds import record_consent, record_relation
from consent.terms import Channel
from core import ids
from core.clock import to_microseconds
from core.errors import Forbidden, InvalidInput
from core.ledger import LedgerEntry
from core.numbers import Number
from core.sellers import seller_named
from dnc.models import Check
from dnc.registers.changes import Comparison, Move, compare_versions
from dnc.registers.contents import UnknownVersion, VersionUnreadable
from dnc.registers.loading import load_register
from dnc.registers.rematching import ERASED, Lifted, Rematch, Said, rematch
from dnc.seller_rules.setting import set_rules
from tests.calls import call, check, compliance, contact, dialer
from tests.integration.seeds import KINDS, seeded_service
from tests.integration.tampering import tamper
from tests.seeding import (
    CAMPAIGN,
    FROM_LIST,
    FROM_PARTNER,
    LIST_SOURCE,
    LISTED,
    OF_OTHER_SELLER,
    OPERATOR,
    OPTED_OUT,
    PARTNER_SOURCE,
    REGISTER_AS_OF,
    SELLER,
    TUESDAY_AT_TEN,
    Seeded,
    load_listed,
)

DAY = timedelta(days=1)
SOON = TUESDAY_AT_TEN + timedelta(minutes=1)  # the version of the template was loaded before it
NEWER = date(2026, 11, 24)


@pytest.fixture(params=KINDS)
def seeded(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Seeded]:
    """Return a seeded service, whose ids are made by its clock too."""
    with seeded_service(request, request.param, tmp_path) as made:
        milliseconds = count()
        clock = SimpleNamespace(time_ns=lambda: to_microseconds(made.clock.now()) * 1000 + next(milliseconds) * 10**6)
        monkeypatch.setattr(ids, "time", clock)
        yield made


def swap(seeded: Seeded, folder: Path, numbers: list[str], at: datetime, as_of: date = NEWER) -> None:
    """Put a newer version in force at ``at``."""
    seeded.clock.at = at
    load_listed(seeded.service, folder, numbers, as_of)


def compared(seeded: Seeded, seller_id: str | None = None) -> Comparison:
    with seeded.service.store.snapshot() as session:
        return compare_versions(
            session,
            seeded.service.settings.registers_dir,
            compliance(seller_id),
            name="nix",
            older=REGISTER_AS_OF.isoformat(),
            newer=NEWER.isoformat(),
        )


def rematched(seeded: Seeded, **asked: object) -> Rematch:
    period = {"since": TUESDAY_AT_TEN - DAY, "until": TUESDAY_AT_TEN + 30 * DAY}
    return rematch(
        seeded.service.store,
        seeded.service.settings.registers_dir,
        compliance(),
        **{"name": "nix", **period, **asked},  # type: ignore[arg-type] # as the test gives them
    )


def test_a_comparison_counts_who_joined_and_left_and_whose_leads_they_are(seeded: Seeded, tmp_path: Path) -> None:
    strangers = [f"+4684650{number}" for number in range(400, 420)]
    swap(seeded, tmp_path, [FROM_PARTNER, OF_OTHER_SELLER, *strangers], TUESDAY_AT_TEN + DAY)

    found = compared(seeded)

    assert found.moved == {Move.JOINED: 22, Move.LEFT: 1, Move.NOT_KNOWN_BEFORE: 0, Move.NOT_KNOWN_AFTER: 0}
    assert found.stayed == 0
    of = {slug: (counts[Move.JOINED], counts[Move.LEFT]) for slug, counts in found.sellers.items()}
    assert of == {"norrsken": (1, 1), "sydljus": (2, 0)}


def test_who_acts_for_one_seller_sees_its_own_leads_alone(seeded: Seeded, tmp_path: Path) -> None:
    swap(seeded, tmp_path, [LISTED, FROM_PARTNER, OF_OTHER_SELLER], TUESDAY_AT_TEN + DAY)

    found = compared(seeded, seeded.seller_id)

    assert (found.moved[Move.JOINED], found.stayed) == (2, 1)
    assert {slug: counts[Move.JOINED] for slug, counts in found.sellers.items()} == {"norrsken": 1}


def test_a_version_that_there_is_not_or_that_is_damaged_is_said_so(seeded: Seeded, tmp_path: Path) -> None:
    with pytest.raises(UnknownVersion):
        compared(seeded)
    swap(seeded, tmp_path, [LISTED, FROM_PARTNER], TUESDAY_AT_TEN + DAY)
    for path in seeded.service.settings.registers_dir.iterdir():
        path.write_bytes(b"damaged")

    with pytest.raises(VersionUnreadable):
        compared(seeded)


def test_each_contact_is_asked_of_the_version_that_was_in_force_when_it_was_made(
    seeded: Seeded, tmp_path: Path
) -> None:
    call(seeded, FROM_PARTNER, "before", TUESDAY_AT_TEN)
    call(seeded, LISTED, "listed", TUESDAY_AT_TEN)
    swap(seeded, tmp_path, [FROM_PARTNER, OPTED_OUT], TUESDAY_AT_TEN + DAY)
    call(seeded, FROM_PARTNER, "after", TUESDAY_AT_TEN + DAY)
    call(seeded, LISTED, "left", TUESDAY_AT_TEN + DAY)

    found = rematched(seeded, version=NEWER.isoformat())

    assert found.when_called is not None
    assert found.named is not None
    assert (found.when_called.whole.said[Said.LISTED], found.when_called.whole.contacts) == (2, 4)
    assert (found.named.whole.said[Said.LISTED], found.named.whole.contacts) == (2, 4)
    told = {(Number(one.number).e164, one.started_at): (one.when_called, one.named) for one in found.page}
    assert told == {
        (FROM_PARTNER, TUESDAY_AT_TEN): (Said.NOT_LISTED, Said.LISTED),
        (LISTED, TUESDAY_AT_TEN): (Said.LISTED, Said.NOT_LISTED),
        (FROM_PARTNER, TUESDAY_AT_TEN + DAY): (Said.LISTED, Said.LISTED),
    }


def test_it_is_told_by_campaign_and_by_the_source_that_carried_the_call(seeded: Seeded, tmp_path: Path) -> None:
    swap(seeded, tmp_path, [FROM_PARTNER, FROM_LIST], SOON)
    call(seeded, FROM_PARTNER, "one", SOON)
    call(seeded, FROM_LIST, "two", SOON)
    call(seeded, OPTED_OUT, "three", SOON)

    found = rematched(seeded).when_called

    assert found is not None
    assert {slug: (one.said[Said.LISTED], one.contacts) for slug, one in found.campaigns.items()} == {CAMPAIGN: (2, 3)}
    by_source = {slug: (one.said[Said.LISTED], one.contacts) for slug, one in found.sources.items()}
    assert by_source == {PARTNER_SOURCE: (1, 2), LIST_SOURCE: (1, 1)}


def test_what_a_consent_lifted_when_the_call_was_checked_is_told_apart(seeded: Seeded) -> None:
    call(seeded, LISTED, "without", TUESDAY_AT_TEN)
    with seeded.service.store.writing() as session:
        record_consent(
            session,
            OPERATOR,
            number=Number(int(LISTED[1:])),
            seller_id=seeded.seller_id,
            channels=frozenset({Channel.VOICE}),
            names_seller=True,
            text_version="v1",
            evidence={"form": "kept"},
            given_at=TUESDAY_AT_TEN,
            expires_at=None,
            now=TUESDAY_AT_TEN,
            keyring=seeded.service.keyring,
        )
    call(seeded, LISTED, "with", TUESDAY_AT_TEN + DAY)

    found = rematched(seeded)

    assert found.when_called is not None
    assert found.when_called.whole.listed == {Lifted.NOTHING: 1, Lifted.CONSENT: 1}
    assert [one.lifted for one in found.page] == [Lifted.NOTHING, Lifted.CONSENT]


def test_what_lifted_the_register_is_told_by_the_seller_s_own_rules(seeded: Seeded) -> None:
    """By the law the relation would end last; by the seller's rule it was over."""
    with seeded.service.store.writing() as session:
        of = {"number": Number(int(LISTED[1:])), "seller_id": seeded.seller_id, "now": TUESDAY_AT_TEN}
        record_consent(
            session,
            OPERATOR,
            **of,  # type: ignore[arg-type] # as both take them
            channels=frozenset({Channel.VOICE}),
            names_seller=True,
            text_version="v1",
            evidence={"form": "kept"},
            given_at=TUESDAY_AT_TEN,
            expires_at=None,
            keyring=seeded.service.keyring,
        )
        record_relation(
            session,
            OPERATOR,
            **of,  # type: ignore[arg-type] # as both take them
            product="electricity",
            reference="k-1",
            started_at=TUESDAY_AT_TEN - 400 * DAY,
            fulfilled_at=TUESDAY_AT_TEN - 60 * DAY,
            keyring=seeded.service.keyring,
        )
    call(seeded, LISTED, "by the law", TUESDAY_AT_TEN)
    with seeded.service.store.writing() as session:
        seller, rules = seller_named(session, SELLER), {"SE": {"relation_months": 1}}
        set_rules(session, OPERATOR, seller=seller, rules=rules, because="the board", now=TUESDAY_AT_TEN)
    call(seeded, LISTED, "by the rule", TUESDAY_AT_TEN + DAY)

    assert [one.lifted for one in rematched(seeded).page] == [Lifted.RELATION, Lifted.CONSENT]


def test_before_the_first_version_and_where_one_is_damaged_nothing_is_known(seeded: Seeded, tmp_path: Path) -> None:
    contact(seeded, check(seeded, FROM_PARTNER).id, "before any", TUESDAY_AT_TEN - timedelta(minutes=1))
    call(seeded, LISTED, "damaged", TUESDAY_AT_TEN)
    for path in seeded.service.settings.registers_dir.iterdir():
        path.write_bytes(b"damaged")
    swap(seeded, tmp_path, [LISTED, OPTED_OUT], TUESDAY_AT_TEN + DAY)
    call(seeded, OPTED_OUT, "read", TUESDAY_AT_TEN + DAY)

    found = rematched(seeded).when_called

    assert found is not None
    assert found.whole.said == {Said.NOT_KNOWN: 2, Said.LISTED: 1}


WASH = (
    '{"delimiter": ";", "key": "wash", "columns": {"number": "telefon", "result": "spärr"}, "listed": ["ja"], '
    '"not_listed": ["nej"]}'
)


def wash(seeded: Seeded, folder: Path, answers: dict[str, str], at: datetime, as_of: date) -> str:
    """Put a version in force at ``at`` that covers these numbers alone; return its id."""
    seeded.clock.at = at
    path = folder / f"{as_of}.csv"
    path.write_text("".join(f"{row}\n" for row in ("telefon;spärr", *map(";".join, answers.items()))), "utf-8")
    loaded = load_register(
        seeded.service.store,
        seeded.service.settings.registers_dir,
        OPERATOR,
        name="nix",
        path=path,
        as_of=as_of,
        file_name=path.name,
        now=at,
        layout_json=WASH,
    )
    return loaded.version_id


def test_of_a_number_that_no_version_covers_nothing_is_known_and_it_is_not_told_as_unlisted(
    seeded: Seeded, tmp_path: Path
) -> None:
    called = [FROM_PARTNER, FROM_LIST, LISTED]
    for number in called:  # an hour before the first version that is kept was put in force
        contact(seeded, check(seeded, number).id, f"first {number}", TUESDAY_AT_TEN - timedelta(hours=1))
    wash(seeded, tmp_path, {FROM_PARTNER: "ja", FROM_LIST: "nej"}, TUESDAY_AT_TEN + DAY, NEWER)
    for number in called:
        call(seeded, number, f"between {number}", TUESDAY_AT_TEN + DAY)
    later = wash(seeded, tmp_path, {LISTED: "ja"}, TUESDAY_AT_TEN + 2 * DAY, NEWER + DAY)
    for number in called:
        call(seeded, number, f"last {number}", TUESDAY_AT_TEN + 2 * DAY)

    found = rematched(seeded, version=later)

    assert found.when_called is not None
    assert found.named is not None
    assert found.when_called.whole.said == {Said.LISTED: 2, Said.NOT_LISTED: 1, Said.NOT_KNOWN: 6}
    assert found.named.whole.said == {Said.LISTED: 3, Said.NOT_KNOWN: 6}
    assert found.when_called.whole.contacts == found.named.whole.contacts == 9
    told = [(Number(one.number).e164, one.version_id is None, one.when_called, one.named) for one in found.page]
    assert told == [
        (LISTED, True, Said.NOT_KNOWN, Said.LISTED),
        (FROM_PARTNER, False, Said.LISTED, Said.NOT_KNOWN),
        (LISTED, False, Said.NOT_KNOWN, Said.LISTED),
        (LISTED, False, Said.LISTED, Said.LISTED),
    ]


def test_pages_give_every_listed_contact_once_and_the_counts_with_the_first_alone(
    seeded: Seeded, tmp_path: Path
) -> None:
    swap(seeded, tmp_path, [FROM_PARTNER, FROM_LIST, LISTED], SOON)
    made = [
        call(seeded, number, f"{number} {day}", SOON + day * DAY)
        for day in range(2)
        for number in (FROM_PARTNER, OPTED_OUT, FROM_LIST, LISTED)
    ]
    found, listed = rematched(seeded, limit=2), []
    while True:
        listed += [one.contact_id for one in found.page]
        if found.cursor is None:
            break
        found = rematched(seeded, limit=2, cursor=found.cursor)
        assert found.when_called is None

    assert listed == [id_ for place, id_ in enumerate(made) if place % 4 != 1]


def test_a_period_holds_its_beginning_and_not_its_end(seeded: Seeded) -> None:
    for day in range(3):
        call(seeded, LISTED, f"day {day}", TUESDAY_AT_TEN + day * DAY)

    found = rematched(seeded, since=TUESDAY_AT_TEN, until=TUESDAY_AT_TEN + 2 * DAY)

    assert len(found.page) == 2


def test_contacts_of_before_the_period_are_not_read(seeded: Seeded) -> None:
    """However many were ever logged, the walk begins at the first that can be of the period."""
    call(seeded, LISTED, "long before", TUESDAY_AT_TEN)
    asked: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: object, *_rest: object) -> None:
        if "FROM contacts JOIN checks" in statement.replace("\n", ""):
            asked.append((statement, parameters))

    event.listen(seeded.service.store.engine, "before_cursor_execute", note)
    rematched(seeded, since=TUESDAY_AT_TEN + 9 * DAY, until=TUESDAY_AT_TEN + 10 * DAY)
    event.remove(seeded.service.store.engine, "before_cursor_execute", note)

    [(statement, parameters)] = asked
    with seeded.service.store.engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            steps = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            assert any("SEARCH contacts" in str(step) and "(id>?)" in str(step) for step in steps), steps
        else:
            for other in ("seqscan", "bitmapscan", "sort"):  # which would do for so few rows
                connection.exec_driver_sql(f"SET LOCAL enable_{other} = off")
            steps = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).all()
            assert any("Index Cond" in str(step) and "(id)::text >=" in str(step) for step in steps), steps


def test_a_call_that_began_before_it_was_logged_or_by_another_clock_is_found(seeded: Seeded) -> None:
    id_ = check(seeded, LISTED, TUESDAY_AT_TEN).id
    later = contact(seeded, id_, "logged late", TUESDAY_AT_TEN)
    seeded.clock.at = TUESDAY_AT_TEN - timedelta(minutes=4)
    early = contact(seeded, id_, "another clock", TUESDAY_AT_TEN)

    found = rematched(seeded, since=TUESDAY_AT_TEN, until=TUESDAY_AT_TEN + DAY)

    assert {one.contact_id for one in found.page} == {later, early}


def test_a_call_whose_facts_were_erased_is_counted_as_such(seeded: Seeded) -> None:
    call(seeded, LISTED, "erased", TUESDAY_AT_TEN)
    with seeded.service.store.writing() as session:
        chain, seq = session.execute(select(Check.chain, Check.seq).order_by(Check.id.desc()).limit(1)).one()
        session.execute(
            update(LedgerEntry).where(LedgerEntry.chain == chain, LedgerEntry.seq == seq).values(payload=None)
        )

    found = rematched(seeded).when_called

    assert found is not None
    assert found.whole.listed == {Lifted.NOT_KNOWN: 1}
    assert set(found.sources) == {ERASED}


@pytest.mark.parametrize("payload", ["", "[]", '{"rows":[["id"]],"decisions":[]}', '{"rows":[],"decisions":[[]]}'])
def test_a_call_whose_facts_cannot_be_read_is_counted_as_such(seeded: Seeded, payload: str) -> None:
    call(seeded, LISTED, "unreadable", TUESDAY_AT_TEN)
    tamper(seeded.service, update(LedgerEntry).where(LedgerEntry.kind == "checks").values(payload=payload))

    found = rematched(seeded)

    assert found.when_called is not None
    assert found.when_called.whole.listed == {Lifted.NOT_KNOWN: 1}


def test_the_question_is_on_record_without_a_number(seeded: Seeded) -> None:
    call(seeded, LISTED, "one", TUESDAY_AT_TEN)
    rematched(seeded)

    with seeded.service.store.reading() as session:
        [payload] = session.scalars(select(LedgerEntry.payload).where(LedgerEntry.kind == "register.rematched"))
    assert '"listed_when_called":1' in (payload or "")
    assert LISTED[1:] not in (payload or "")


def test_only_compliance_may_ask_and_only_of_a_period(seeded: Seeded) -> None:
    store, folder = seeded.service.store, seeded.service.settings.registers_dir
    asked = {"name": "nix", "since": TUESDAY_AT_TEN, "until": TUESDAY_AT_TEN}
    with pytest.raises(InvalidInput):
        rematch(store, folder, compliance(), **asked)  # type: ignore[arg-type] # as they stand
    with pytest.raises(Forbidden):
        rematch(store, folder, dialer(seeded), **asked)  # type: ignore[arg-type] # as they stand
