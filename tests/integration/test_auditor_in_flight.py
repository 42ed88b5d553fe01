"""What the auditor excuses: a no that could not be seen yet when the answer was given, and nothing older."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from consent.grounds import withdraw_consent
from consent.terms import Channel
from core.ledger import LedgerEntry
from core.sellers import seller_of
from dnc.answers import Answer
from dnc.auditor.auditing import AuditReport, excused_of
from dnc.auditor.findings import Against
from dnc.auditor.rebuilding import CLOCKS
from dnc.campaigns import close_campaign
from dnc.facts import RestrictionKind
from dnc.gate import Question
from dnc.holds import close_hold, make_hold
from dnc.models import Hold, OptOut
from dnc.opt_outs import add_opt_outs, release_opt_out
from dnc.restrictions import restrict
from dnc.seller_rules.setting import set_rules
from leads.pauses import pause_source, resume_source
from tests.calls import contact
from tests.integration.seeds import dialer_of
from tests.integration.test_auditor import ask, audited, consented, found, later
from tests.seeding import CAMPAIGN, FROM_PARTNER, LISTED, OPERATOR, PARTNER_SOURCE, SELLER, Seeded

SECOND = timedelta(seconds=1)
NUMBER = int(FROM_PARTNER[1:])


def opted_out(seeded: Seeded, session: Session) -> None:
    add_opt_outs(
        session,
        OPERATOR,
        seeded.service.keyring,
        numbers=[FROM_PARTNER],
        seller_id=seeded.seller_id,
        channels=frozenset(Channel),
        via="phone",
        received_at=seeded.clock.now(),
        note="",
        now=seeded.clock.now(),
    )


def held(seeded: Seeded, session: Session) -> None:
    make_hold(
        session,
        OPERATOR,
        seeded.service.keyring,
        number=NUMBER,
        seller_id=seeded.seller_id,
        reason="objection",
        contact_id=None,
        note="",
        now=seeded.clock.now(),
    )


def restricted(seeded: Seeded, session: Session) -> None:
    restrict(
        session,
        OPERATOR,
        seeded.service.keyring,
        number=NUMBER,
        seller_id=seeded.seller_id,
        kind=RestrictionKind.DECEASED,
        note="",
        now=seeded.clock.now(),
    )


def paused(seeded: Seeded, session: Session) -> None:
    pause_source(session, OPERATOR, slug=PARTNER_SOURCE, reason="complaints", now=seeded.clock.now())


def closed(seeded: Seeded, session: Session) -> None:
    close_campaign(session, OPERATOR, slug=CAMPAIGN, now=seeded.clock.now())


def narrowed(seeded: Seeded, session: Session) -> None:
    seller = seller_of(session, OPERATOR, SELLER)
    rules = {"SE": {"consent_only": True}}
    set_rules(session, OPERATOR, seller=seller, rules=rules, because="the board", now=seeded.clock.now())


Change = Callable[[Seeded, Session], None]
CHANGES: dict[str, Change] = {
    "opt-out": opted_out,
    "hold": held,
    "restriction": restricted,
    "pause": paused,
    "closing of the campaign": closed,
    "rules of the seller": narrowed,
}
change = pytest.mark.parametrize("change", CHANGES)


def recorded(seeded: Seeded, change: Change, began: float, ended: float) -> None:
    """Put a change on record in a transaction that began and ended so many seconds after the present moment."""
    present = seeded.clock.at
    with seeded.service.store.writing() as session:
        seeded.clock.at = present + timedelta(seconds=began)
        change(seeded, session)
        session.flush()
        seeded.clock.at = present + timedelta(seconds=ended)
    seeded.clock.at = present


def excused(seeded: Seeded, report: AuditReport) -> list[str | None]:
    with seeded.service.store.reading() as session:
        return [one.check_id for one in excused_of(session, report.id)]


@change
def test_an_allow_after_an_acknowledged_no_is_a_difference_within_the_minute(seeded: Seeded, change: str) -> None:
    later(seeded, hours=1)
    ask(seeded, FROM_PARTNER)
    recorded(seeded, CHANGES[change], -55, -55)

    counts = audited(seeded).counts
    assert (counts.in_flight, counts.differences) == (0, 1)


@change
def test_a_no_is_not_held_against_who_answered_before_its_transaction_ended(seeded: Seeded, change: str) -> None:
    """A long list is on record only as a whole: its ledger entries tell when."""
    later(seeded, hours=1)
    [id_] = ask(seeded, FROM_PARTNER)
    recorded(seeded, CHANGES[change], -55, -1)

    report = audited(seeded)
    assert (report.counts.in_flight, report.counts.differences) == (1, 0)
    assert excused(seeded, report) == [id_]
    with seeded.service.store.reading() as session:
        payload = session.scalar(select(LedgerEntry.payload).where(LedgerEntry.kind == "audit.finished"))
    assert [one[0] for one in json.loads(str(payload))["excused"]] == [id_]


def test_a_consent_that_was_withdrawn_is_held_against_an_answer_from_its_ledger_entry_on(seeded: Seeded) -> None:
    later(seeded, hours=1)
    keyring, ids = seeded.service.keyring, list[str]()
    consent_id = consented(seeded, seeded.clock.now())
    for _ in range(2):
        later(seeded, seconds=20)
        ids += ask(seeded, LISTED)

    def withdrawn(seeded: Seeded, session: Session) -> None:
        now = seeded.clock.now()
        withdraw_consent(
            session,
            OPERATOR,
            consent_id=consent_id,
            withdrawn_at=now,
            via="phone",
            note="",
            now=now,
            keyring=keyring,
        )

    recorded(seeded, withdrawn, -30, -15)

    report = audited(seeded)
    assert excused(seeded, report) == ids[:1]
    assert found(seeded, report) == [(Against.TABLES, ids[1])]


@change
def test_a_no_of_a_node_whose_clock_is_fast_is_no_difference(seeded: Seeded, change: str) -> None:
    """Its row is dated after the answer that heard of it."""
    later(seeded, hours=1)
    recorded(seeded, CHANGES[change], 2, 2)
    ask(seeded, FROM_PARTNER)

    counts = audited(seeded).counts
    assert (counts.in_flight, counts.differences) == (1, 0)


def opt_out_released(seeded: Seeded, session: Session) -> None:
    now = seeded.clock.now()
    release_opt_out(
        session,
        OPERATOR,
        seeded.service.keyring,
        opt_out_id=session.scalars(select(OptOut.id).where(OptOut.number == NUMBER)).one(),
        asked_by_person_at=now,
        verified_by="called back",
        note="",
        now=now,
    )


def hold_closed(seeded: Seeded, session: Session) -> None:
    hold_id = session.scalars(select(Hold.id)).one()
    now = seeded.clock.now()
    close_hold(session, OPERATOR, seeded.service.keyring, hold_id=hold_id, resolution="a mistake", now=now)


def resumed(seeded: Seeded, session: Session) -> None:
    resume_source(session, OPERATOR, slug=PARTNER_SOURCE, now=seeded.clock.now())


@pytest.mark.parametrize(("change", "undone"), [(opted_out, opt_out_released), (held, hold_closed), (paused, resumed)])
@pytest.mark.parametrize("made", [0.2, 1.2])
def test_a_no_of_a_fast_clock_is_no_difference_if_it_was_taken_back_at_once(
    seeded: Seeded, change: Change, undone: Change, made: float
) -> None:
    """It stood at none of the whole seconds around the answer that heard of it."""
    later(seeded, hours=1)
    recorded(seeded, change, made, made)
    [id_] = ask(seeded, FROM_PARTNER)
    recorded(seeded, undone, made + 0.4, made + 0.4)

    report = audited(seeded)
    assert excused(seeded, report) == [id_]
    assert found(seeded, report) == []


@pytest.mark.parametrize(("change", "undone"), [(opted_out, opt_out_released), (held, hold_closed), (paused, resumed)])
def test_an_allow_is_no_difference_if_it_fell_between_two_noes_of_one_second(
    seeded: Seeded, change: Change, undone: Change
) -> None:
    later(seeded, hours=1)
    recorded(seeded, change, -5.5, -5.5)
    recorded(seeded, undone, -0.7, -0.7)
    [id_] = ask(seeded, FROM_PARTNER)
    recorded(seeded, change, -0.3, -0.3)

    report = audited(seeded)
    assert excused(seeded, report) == [id_]
    assert found(seeded, report) == []


@pytest.mark.parametrize(("apart", "in_flight"), [(CLOCKS - SECOND, 1), (CLOCKS + SECOND, 0)])
def test_clocks_excuse_seconds_alone(seeded: Seeded, apart: timedelta, in_flight: int) -> None:
    later(seeded, hours=1)
    ask(seeded, FROM_PARTNER)
    recorded(seeded, opted_out, -apart.total_seconds(), -apart.total_seconds())

    counts = audited(seeded).counts
    assert (counts.in_flight, counts.differences) == (in_flight, 1 - in_flight)


def asked_by_another(seeded: Seeded) -> Answer:
    other = replace(dialer_of(seeded), id="other", name="other")
    return seeded.service.gate.ask(other, CAMPAIGN, Question(FROM_PARTNER))


def taken_by_a_faster_clock(seeded: Seeded) -> Answer:
    later(seeded, seconds=1)
    ask(seeded, FROM_PARTNER)
    later(seeded, seconds=-1)
    return asked_by_another(seeded)


def settled_in_flight(seeded: Seeded) -> Answer:
    [first] = ask(seeded, FROM_PARTNER)
    later(seeded, seconds=30)
    answer = asked_by_another(seeded)
    later(seeded, seconds=-1)
    contact(seeded, first, "first")
    later(seeded, seconds=1)
    return answer


def settled_by_a_faster_clock(seeded: Seeded) -> Answer:
    """The second call of the day: were it still held, a third would be one too many."""
    for call_id, ahead in (("first", 0), ("second", 1)):
        later(seeded, hours=4)
        [id_] = ask(seeded, FROM_PARTNER)
        later(seeded, seconds=30 + ahead)
        contact(seeded, id_, call_id)
        later(seeded, seconds=-ahead)
    return asked_by_another(seeded)


def taken_again_soon(seeded: Seeded, ahead: timedelta = SECOND / 5) -> Answer:
    """Whoever holds the attempt asks again, and holds it for longer: at no moment tried does the first end stand."""
    seeded.clock.at += ahead
    ask(seeded, FROM_PARTNER)
    seeded.clock.at -= ahead
    answer = asked_by_another(seeded)
    seeded.clock.at += ahead + SECOND / 5
    ask(seeded, FROM_PARTNER)
    return answer


@pytest.mark.parametrize(
    "attempt", [taken_by_a_faster_clock, taken_again_soon, settled_in_flight, settled_by_a_faster_clock]
)
def test_a_no_that_heard_of_an_attempt_sooner_or_later_than_its_time_says_is_excused(
    seeded: Seeded, attempt: Callable[[Seeded], Answer]
) -> None:
    later(seeded, hours=1)
    answer = attempt(seeded)
    assert not answer.decision.may_call

    report = audited(seeded)
    assert excused(seeded, report) == [answer.id]
    assert found(seeded, report) == []


def test_a_no_that_heard_of_an_attempt_that_nobody_held_about_then_is_a_difference(seeded: Seeded) -> None:
    later(seeded, hours=1)
    answer = taken_again_soon(seeded, CLOCKS + SECOND)
    assert not answer.decision.may_call

    report = audited(seeded)
    assert excused(seeded, report) == []
    assert found(seeded, report) == [(Against.TABLES, answer.id)]
