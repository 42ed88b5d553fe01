"""Every source of facts changes the very next check, on every node, with nothing in between."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select, update

from consent.grounds import record_relation, withdraw_consent
from core.ids import new_id
from dnc.campaigns import close_campaign
from dnc.facts import RestrictionKind
from dnc.gate import Question
from dnc.holds import close_hold, report_objection
from dnc.models import Campaign, RegisterVersion, Restriction
from dnc.opt_outs import release_opt_out
from dnc.reasons import ReasonCode
from dnc.restrictions import restrict
from leads.models import Lead, LeadFile, Supplier
from leads.pauses import (
    pause_lead_file,
    pause_source,
    pause_supplier,
    resume_lead_file,
    resume_source,
    resume_supplier,
)
from service import Service
from tests.calls import log_call
from tests.integration.seeds import beside, consented, dialer_of
from tests.seeding import (
    CAMPAIGN,
    FROM_LIST,
    FROM_PARTNER,
    LISTED,
    OPERATOR,
    OPTED_OUT,
    PARTNER_SOURCE,
    TUESDAY_AT_TEN,
    WITHOUT_SOURCE,
    Seeded,
    load_listed,
    number_of,
    opt_out,
)


@pytest.fixture
def node(seeded: Seeded) -> Iterator[Service]:
    """Return another node, which changes the facts that the first node must see."""
    other = beside(seeded)
    yield other
    other.close()


def codes(seeded: Seeded, number: str, campaign: str = CAMPAIGN) -> set[str]:
    answer = seeded.service.gate.ask(dialer_of(seeded), campaign, Question(number))
    return {reason.code.value for reason in answer.decision.reasons}


def test_an_opt_out_and_its_release_count_at_the_next_check(seeded: Seeded, node: Service) -> None:
    assert codes(seeded, FROM_PARTNER) == set()
    id_ = opt_out(node, "070-174 06 05", seeded.seller_id)
    assert codes(seeded, FROM_PARTNER) == {ReasonCode.OPTED_OUT}

    release(node, id_)
    assert codes(seeded, FROM_PARTNER) == set()
    opt_out(node, FROM_PARTNER, None)
    assert codes(seeded, FROM_PARTNER) == {ReasonCode.OPTED_OUT}


def release(node: Service, id_: str) -> None:
    with node.store.writing() as session:
        release_opt_out(
            session,
            OPERATOR,
            node.keyring,
            opt_out_id=id_,
            asked_by_person_at=node.clock.now(),
            verified_by="called back",
            note="",
            now=node.clock.now(),
        )


def test_an_opt_out_stands_against_consent_and_relation(seeded: Seeded, node: Service) -> None:
    consented(seeded, number_of(OPTED_OUT), node)
    relation(node, seeded, OPTED_OUT)
    assert codes(seeded, OPTED_OUT) == {ReasonCode.OPTED_OUT}


def test_a_hold_and_its_end_count_at_the_next_check(seeded: Seeded, node: Service) -> None:
    now = node.clock.now()
    with node.store.writing() as session:
        hold = report_objection(
            session,
            OPERATOR,
            node.keyring,
            number=number_of(FROM_PARTNER).value,
            seller_id=seeded.seller_id,
            note="",
            now=now,
        )
    assert codes(seeded, FROM_PARTNER) == {ReasonCode.HELD}

    with node.store.writing() as session:
        close_hold(session, OPERATOR, node.keyring, hold_id=hold.id, resolution="a mistake", now=now)
    assert codes(seeded, FROM_PARTNER) == set()


@pytest.mark.parametrize("kind", ["restricted", "deceased", "vulnerable"])
@pytest.mark.parametrize("for_all", [True, False])
def test_a_restriction_and_its_end_count_at_the_next_check(
    seeded: Seeded, node: Service, kind: str, for_all: bool
) -> None:
    row = Restriction(
        id=new_id(),
        seller_id=None if for_all else seeded.seller_id,
        number=number_of(FROM_PARTNER).value,
        kind=kind,
        note="",
        made_at=node.clock.now(),
        made_by="operator:tests",
    )
    with node.store.writing() as session:
        session.add(row)
    assert codes(seeded, FROM_PARTNER) == {ReasonCode.RESTRICTED}

    with node.store.writing() as session:
        session.execute(update(Restriction).values(ended_at=node.clock.now(), ended_by="operator:tests"))
    assert codes(seeded, FROM_PARTNER) == set()


def test_a_paused_source_supplier_or_file_counts_at_the_next_check(seeded: Seeded, node: Service) -> None:
    now = node.clock.now()
    with node.store.reading() as session:
        slug = session.scalar(select(Supplier.slug).where(Supplier.name.like("Tävlingsbyrån%")))
        files = list(session.scalars(select(LeadFile.id)))
    assert slug is not None

    with node.store.writing() as session:
        pause_source(session, OPERATOR, slug=PARTNER_SOURCE, reason="complaints", now=now)
    assert codes(seeded, FROM_PARTNER) == {ReasonCode.SOURCE_PAUSED}
    assert codes(seeded, FROM_LIST) == set()
    with node.store.writing() as session:
        resume_source(session, OPERATOR, slug=PARTNER_SOURCE, now=now)
    assert codes(seeded, FROM_PARTNER) == set()

    with node.store.writing() as session:
        pause_supplier(session, OPERATOR, slug=slug, reason="complaints", now=now)
    assert codes(seeded, FROM_PARTNER) == {ReasonCode.SOURCE_PAUSED}
    with node.store.writing() as session:
        resume_supplier(session, OPERATOR, slug=slug, now=now)
    assert codes(seeded, FROM_PARTNER) == set()

    with node.store.writing() as session:
        for file in files:
            pause_lead_file(session, OPERATOR, lead_file_id=file, reason="complaints", now=now)
    assert codes(seeded, FROM_PARTNER) == {ReasonCode.SOURCE_PAUSED}
    with node.store.writing() as session:
        for file in files:
            resume_lead_file(session, OPERATOR, lead_file_id=file, now=now)
    assert codes(seeded, FROM_PARTNER) == set()


def relation(
    node: Service, seeded: Seeded, number: str, product: str = "electricity", fulfilled_at: datetime | None = None
) -> None:
    with node.store.writing() as session:
        record_relation(
            session,
            OPERATOR,
            keyring=node.keyring,
            seller_id=seeded.seller_id,
            number=number_of(number),
            product=product,
            reference=f"contract-{product}",
            started_at=node.clock.now() - timedelta(days=500),
            fulfilled_at=fulfilled_at,
            now=node.clock.now(),
        )


def test_a_consent_and_its_withdrawal_count_at_the_next_check(seeded: Seeded, node: Service) -> None:
    assert codes(seeded, LISTED) == {ReasonCode.ON_REGISTER}
    id_ = consented(seeded, number_of(LISTED), node)
    assert codes(seeded, LISTED) == set()

    with node.store.writing() as session:
        withdraw_consent(
            session,
            OPERATOR,
            keyring=node.keyring,
            consent_id=id_,
            withdrawn_at=node.clock.now(),
            via="phone",
            note="",
            now=node.clock.now(),
        )
    assert codes(seeded, LISTED) == {ReasonCode.ON_REGISTER}


def test_a_customer_relation_counts_at_the_next_check_for_its_product_alone(seeded: Seeded, node: Service) -> None:
    relation(node, seeded, LISTED, product="insurance")
    assert codes(seeded, LISTED) == {ReasonCode.ON_REGISTER}
    relation(node, seeded, LISTED)
    assert codes(seeded, LISTED) == set()


def test_a_relation_is_a_ground_without_a_lead(seeded: Seeded, node: Service) -> None:
    assert ReasonCode.NO_SOURCE in codes(seeded, WITHOUT_SOURCE)
    relation(node, seeded, WITHOUT_SOURCE)
    assert codes(seeded, WITHOUT_SOURCE) == set()


def test_a_consent_counts_until_it_ends_and_a_relation_for_a_year_after_its_contract(
    seeded: Seeded, node: Service
) -> None:
    now = seeded.clock.now()
    consented(seeded, number_of(LISTED), node, expires_at=now + timedelta(minutes=5))
    assert codes(seeded, LISTED) == set()
    seeded.clock.at = now + timedelta(minutes=5)
    assert codes(seeded, LISTED) == {ReasonCode.ON_REGISTER}

    relation(node, seeded, LISTED, fulfilled_at=now - timedelta(days=400))
    assert codes(seeded, LISTED) == {ReasonCode.ON_REGISTER}


def test_what_was_given_to_another_seller_is_no_ground_here(seeded: Seeded, node: Service) -> None:
    another = replace(seeded, seller_id=seeded.other_seller_id)
    for number in (LISTED, WITHOUT_SOURCE):
        consented(another, number_of(number), node)
        relation(node, another, number)

    assert codes(seeded, LISTED) == {ReasonCode.ON_REGISTER}
    assert ReasonCode.NO_SOURCE in codes(seeded, WITHOUT_SOURCE)


def test_a_hold_or_restriction_for_another_seller_stops_no_call_here(seeded: Seeded, node: Service) -> None:
    number, now = number_of(FROM_PARTNER).value, node.clock.now()
    other = seeded.other_seller_id
    with node.store.writing() as session:
        report_objection(session, OPERATOR, node.keyring, number=number, seller_id=other, note="", now=now)
        kind = RestrictionKind.RESTRICTED
        restrict(session, OPERATOR, node.keyring, number=number, seller_id=other, kind=kind, note="", now=now)

    assert codes(seeded, FROM_PARTNER) == set()


def test_a_lead_whose_birth_date_tells_of_a_minor_counts_at_the_next_check(seeded: Seeded, node: Service) -> None:
    with node.store.writing() as session:
        of_number = Lead.number == number_of(FROM_PARTNER).value
        session.execute(update(Lead).where(of_number).values(birth_date=date(2010, 11, 25)))
    assert codes(seeded, FROM_PARTNER) == {ReasonCode.MINOR}

    seeded.clock.at += timedelta(days=1)
    assert codes(seeded, FROM_PARTNER) == set()


def test_a_new_register_version_counts_at_the_next_check_on_every_node(seeded: Seeded, node: Service) -> None:
    folder = node.settings.data_dir
    assert codes(seeded, FROM_PARTNER) == set()
    load_listed(node, folder, [FROM_PARTNER], as_of=date(2026, 11, 20))

    assert codes(seeded, FROM_PARTNER) == {ReasonCode.ON_REGISTER}
    assert codes(seeded, LISTED) == set()


def test_a_closed_campaign_counts_at_the_next_check(seeded: Seeded, node: Service) -> None:
    with node.store.writing() as session:
        close_campaign(session, OPERATOR, slug=CAMPAIGN, now=node.clock.now())
    assert codes(seeded, FROM_PARTNER) == {ReasonCode.CAMPAIGN_CLOSED}


def test_calls_that_were_made_count_at_the_next_check_of_their_campaign_alone(seeded: Seeded, node: Service) -> None:
    dialer = dialer_of(seeded)
    with node.store.writing() as session:
        twin = session.scalars(select(Campaign).where(Campaign.slug == CAMPAIGN)).one()
        columns = {c.name: getattr(twin, c.name) for c in Campaign.__table__.columns} | {"id": "other", "slug": "other"}
        session.add(Campaign(**columns))
    for place in range(3):
        answer = seeded.service.gate.ask(dialer, CAMPAIGN, Question(FROM_PARTNER))
        assert answer.decision.may_call
        log_call(node, dialer, answer.id, f"call-{place}")
        assert ReasonCode.ATTEMPTS_GAP in codes(seeded, FROM_PARTNER)
        assert codes(seeded, FROM_PARTNER, "other") == set()
        seeded.clock.at += timedelta(hours=4)
    seeded.clock.at = TUESDAY_AT_TEN + timedelta(hours=8, minutes=1)
    assert ReasonCode.ATTEMPTS_DAY in codes(seeded, FROM_PARTNER)
    seeded.clock.at = TUESDAY_AT_TEN + timedelta(days=1)
    assert codes(seeded, FROM_PARTNER) == set()


def test_a_register_snapshot_that_is_damaged_or_gone_is_never_taken_for_not_listed(seeded: Seeded) -> None:
    """Each time a node of its own starts, with nothing of the snapshot in memory."""
    with seeded.service.store.reading() as session:
        sha256 = session.scalars(select(RegisterVersion.snapshot_sha256)).one()
    [file] = [path for path in seeded.service.settings.registers_dir.iterdir() if sha256 in path.name]
    intact = file.read_bytes()

    def codes_on_a_fresh_node(number: str) -> set[str]:
        node = beside(seeded)
        answer = node.gate.ask(dialer_of(seeded), CAMPAIGN, Question(number))
        node.close()
        return {reason.code.value for reason in answer.decision.reasons}

    assert codes_on_a_fresh_node(FROM_PARTNER) == set()
    for damaged in (intact[:-1], intact[:4], b"", intact[:-1] + bytes([intact[-1] ^ 1]), b"x" * len(intact)):
        file.write_bytes(damaged)
        assert codes_on_a_fresh_node(FROM_PARTNER) == {ReasonCode.REGISTER_MISSING}
        assert codes_on_a_fresh_node(LISTED) == {ReasonCode.REGISTER_MISSING}
    file.unlink()
    assert codes_on_a_fresh_node(FROM_PARTNER) == {ReasonCode.REGISTER_MISSING}
    file.write_bytes(intact)
    assert codes_on_a_fresh_node(FROM_PARTNER) == set()
    assert codes_on_a_fresh_node(LISTED) == {ReasonCode.ON_REGISTER}


def test_a_register_that_is_too_old_is_stale_and_not_a_yes(seeded: Seeded) -> None:
    seeded.clock.at = datetime(2027, 1, 18, 9, 0, tzinfo=UTC)
    assert ReasonCode.REGISTER_STALE in codes(seeded, FROM_PARTNER)


def test_a_fact_that_cannot_be_read_fails_its_own_check_and_no_other(seeded: Seeded, node: Service) -> None:
    """As when a newer node has written what this one does not know yet."""
    row = Restriction(
        id=new_id(),
        seller_id=None,
        number=number_of(FROM_LIST).value,
        kind="of-tomorrow",
        note="",
        made_at=node.clock.now(),
        made_by="operator:tests",
    )
    with node.store.writing() as session:
        session.add(row)
    barrier = threading.Barrier(12)

    def at_once(place: int) -> object:
        barrier.wait()
        try:
            return codes(seeded, FROM_LIST if place % 4 == 0 else FROM_PARTNER)
        except ValueError:
            return ValueError

    with ThreadPoolExecutor(12) as pool:
        found = list(pool.map(at_once, range(12)))
    assert found == [ValueError if place % 4 == 0 else set() for place in range(12)]
