"""An answer that allows a call holds the attempt: for whoever asked, until the call is logged or can only be over."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from core.access import Caller
from dnc.answers import Answer
from dnc.gate import Question
from dnc.models import Contact
from dnc.recorded import replay
from dnc.reservations import CALL_AT_MOST, Reservation, forget_reservations
from leads.pauses import pause_source
from service import Service
from tests.calls import log_call
from tests.integration.seeds import beside, dialer_of, verified
from tests.seeding import CAMPAIGN, FROM_LIST, FROM_PARTNER, LISTED, OPERATOR, PARTNER_SOURCE, Seeded


@pytest.fixture
def node(seeded: Seeded) -> Iterator[Service]:
    """Return another node, where another dialer asks."""
    other = beside(seeded)
    yield other
    other.close()


def dialers(seeded: Seeded) -> tuple[Caller, Caller]:
    one = dialer_of(seeded)
    return one, replace(one, id="dialer-2", name="another dialer")


def ask(service: Service, caller: Caller, number: str = FROM_PARTNER) -> Answer:
    return service.gate.ask(caller, CAMPAIGN, Question(number))


def held_by(answer: Answer) -> datetime:
    """Return until when the answer holds the attempt while nobody logs a call on it."""
    assert answer.decision.valid_until is not None
    return answer.decision.valid_until + CALL_AT_MOST


def codes(answer: Answer) -> list[str]:
    return [reason.code.value for reason in answer.decision.reasons]


def test_while_one_dialer_holds_the_attempt_no_other_is_allowed_it_on_any_node(seeded: Seeded, node: Service) -> None:
    one, other = dialers(seeded)
    held = ask(seeded.service, one)
    refused = ask(node, other)

    assert held.decision.may_call
    assert (codes(refused), refused.decision.retry_at) == (["attempts_gap"], held_by(held))
    assert ask(node, other, FROM_LIST).decision.may_call


def test_whoever_holds_the_attempt_may_ask_again_and_the_newest_check_alone_permits_the_call(
    seeded: Seeded, node: Service
) -> None:
    one, other = dialers(seeded)
    first = ask(seeded.service, one)
    seeded.clock.at += timedelta(minutes=2)
    second = ask(node, one)
    refused = ask(seeded.service, other)

    assert second.decision.may_call
    assert refused.decision.retry_at == held_by(second)
    now = seeded.clock.now()
    assert not log_call(node, one, first.id, "on the first", now).permitted
    assert log_call(node, one, second.id, "on the second", now).permitted


def test_a_call_made_before_the_newer_check_was_permitted_by_the_older(seeded: Seeded) -> None:
    one, _ = dialers(seeded)
    first, started_at = ask(seeded.service, one), seeded.clock.now()
    seeded.clock.at += timedelta(minutes=2)
    ask(seeded.service, one)

    assert log_call(seeded.service, one, first.id, "logged late", started_at).permitted


@pytest.mark.parametrize(("minutes", "permitted"), [(1, True), (2, False), (3, False)])
def test_a_later_no_to_the_same_asker_takes_the_permission_back_and_one_to_another_does_not(
    seeded: Seeded, node: Service, minutes: int, permitted: bool
) -> None:
    """As a call log is matched: two minutes after the yes the same dialer is told no."""
    (one, other), asked_at = dialers(seeded), seeded.clock.now()
    first = ask(seeded.service, one)
    seeded.clock.at = asked_at + timedelta(minutes=1)
    assert not ask(node, other).decision.may_call
    seeded.clock.at = asked_at + timedelta(minutes=2)
    with seeded.service.store.writing() as session:
        pause_source(session, OPERATOR, slug=PARTNER_SOURCE, reason="complaints", now=seeded.clock.now())
    assert codes(ask(node, one)) == ["source_paused"]

    seeded.clock.at = asked_at + timedelta(minutes=4)
    logged = log_call(node, one, first.id, "call-1", asked_at + timedelta(minutes=minutes))

    assert logged.permitted is permitted


def test_a_call_that_outlasts_its_answer_and_is_logged_at_its_end_alone_leaves_no_other_a_gap(
    seeded: Seeded, node: Service
) -> None:
    one, other = dialers(seeded)
    held, started_at = ask(seeded.service, one), seeded.clock.now()
    for _minute in range(45):
        seeded.clock.at += timedelta(minutes=1)
        assert codes(ask(node, other)) == ["attempts_gap"]
    assert log_call(seeded.service, one, held.id, "a long call", started_at).permitted

    refused = ask(node, other)
    assert codes(refused) == ["attempts_gap"]
    assert refused.decision.retry_at == started_at + timedelta(hours=4)


def test_an_attempt_that_is_not_used_is_free_once_no_call_on_it_can_go_on(seeded: Seeded, node: Service) -> None:
    one, other = dialers(seeded)
    held = ask(seeded.service, one)

    seeded.clock.at = held_by(held) - timedelta(microseconds=1)
    assert codes(ask(node, other)) == ["attempts_gap"]
    seeded.clock.at = held_by(held)
    taken = ask(node, other)
    assert taken.decision.may_call
    assert codes(ask(seeded.service, one)) == ["attempts_gap"]
    assert log_call(node, other, taken.id, "of the other", seeded.clock.now()).permitted


def test_a_contact_settles_the_attempt_and_the_call_itself_counts_from_then_on(seeded: Seeded, node: Service) -> None:
    one, other = dialers(seeded)
    held = ask(seeded.service, one)
    assert log_call(seeded.service, one, held.id, "the call", seeded.clock.now()).permitted
    refused = ask(node, other)

    assert codes(refused) == ["attempts_gap"]
    assert refused.decision.retry_at == seeded.clock.now() + timedelta(hours=4)
    assert codes(ask(seeded.service, one)) == ["attempts_gap"]


@pytest.mark.parametrize("earlier", [timedelta(minutes=4), timedelta(hours=5), timedelta(days=60)])
def test_a_call_dated_before_its_check_counts_from_its_check(seeded: Seeded, node: Service, earlier: timedelta) -> None:
    one, other = dialers(seeded)
    held = ask(seeded.service, one)
    checked_at = seeded.clock.now()
    log_call(seeded.service, one, held.id, "the call", checked_at - earlier)
    seeded.clock.at += timedelta(minutes=1)

    for refused in (ask(seeded.service, one), ask(node, other)):
        assert codes(refused) == ["attempts_gap"]
        assert refused.decision.retry_at == checked_at + timedelta(hours=4)


def test_a_contact_on_an_older_check_leaves_the_newer_ones_attempt_held(seeded: Seeded) -> None:
    one, _ = dialers(seeded)
    first = ask(seeded.service, one)
    seeded.clock.at += timedelta(minutes=1)
    second = ask(seeded.service, one)
    log_call(seeded.service, one, first.id, "on the older", seeded.clock.now())

    with seeded.service.store.reading() as session:
        row = session.scalars(select(Reservation)).one()
        assert (row.moved_by, row.settled) == (second.id, False)


def test_the_held_attempt_counts_towards_the_day(seeded: Seeded, node: Service) -> None:
    one, other = dialers(seeded)
    for place in range(2):
        log_call(seeded.service, one, ask(seeded.service, one).id, f"call {place}", seeded.clock.now())
        seeded.clock.at += timedelta(hours=4)
    assert ask(seeded.service, one).decision.may_call
    assert codes(ask(node, other)) == ["attempts_day", "attempts_gap"]


def test_what_may_not_be_called_is_not_held(seeded: Seeded) -> None:
    one, _ = dialers(seeded)
    ask(seeded.service, one, LISTED)
    seeded.service.gate.simulate(one, CAMPAIGN, Question(FROM_PARTNER), at=seeded.clock.now())

    with seeded.service.store.reading() as session:
        assert session.scalar(select(func.count()).select_from(Reservation)) == 0


def test_what_if_sees_what_others_hold_and_not_what_the_asker_holds(seeded: Seeded) -> None:
    one, other = dialers(seeded)
    ask(seeded.service, one)
    gate, now = seeded.service.gate, seeded.clock.now()

    _number, own, _common = gate.simulate(one, CAMPAIGN, Question(FROM_PARTNER), at=now)
    _number, of_others, _common = gate.simulate(other, CAMPAIGN, Question(FROM_PARTNER), at=now)
    assert own.may_call
    assert [reason.code for reason in of_others.reasons] == ["attempts_gap"]


def test_a_batch_holds_its_attempts_too_and_of_a_number_asked_twice_the_later_check_holds_it(
    seeded: Seeded, node: Service
) -> None:
    one, other = dialers(seeded)
    questions = [Question(number) for number in (FROM_PARTNER, LISTED, FROM_LIST, FROM_PARTNER)]
    answers = seeded.service.gate.ask_many(one, CAMPAIGN, questions)
    refused = node.gate.ask_many(other, CAMPAIGN, questions)

    assert [answer.decision.may_call for answer in answers] == [True, False, True, True]
    assert [codes(answer) for answer in refused] == [["attempts_gap"], ["on_register"], *[["attempts_gap"]] * 2]
    now = seeded.clock.now()
    assert not log_call(node, one, answers[0].id, "the earlier", now).permitted
    assert log_call(node, one, answers[3].id, "the later", now).permitted


def test_what_others_held_is_on_record_and_is_decided_the_same_again(seeded: Seeded, node: Service) -> None:
    one, other = dialers(seeded)
    ask(seeded.service, one)
    ask(node, other)

    with seeded.service.store.reading() as session:
        again = replay(session)
    assert (again.checks, again.differences) == (2, ())
    assert verified(seeded.service).findings == ()


def test_an_attempt_held_for_another_campaign_or_by_a_settled_row_is_nobodys_obstacle(seeded: Seeded) -> None:
    one, other = dialers(seeded)
    held = ask(seeded.service, one)
    log_call(seeded.service, one, held.id, "the call", seeded.clock.now())
    seeded.clock.at += timedelta(hours=4)

    assert ask(seeded.service, other).decision.may_call
    with seeded.service.store.reading() as session:
        row = session.scalars(select(Reservation)).one()
        contact = session.scalars(select(Contact)).one()
        assert (row.held_by, row.moved_after) == (other.actor, contact.id)


def test_held_attempts_are_forgotten_a_day_after_their_end(seeded: Seeded) -> None:
    one, _ = dialers(seeded)
    held = ask(seeded.service, one)

    for moment, gone in ((timedelta(days=1), 0), (timedelta(days=1, seconds=1), 1)):
        with seeded.service.store.writing() as session:
            assert forget_reservations(session, held_by(held) + moment) == gone
