"""An attempt that another dialer's answer holds: it counts while it is held, and is free after."""

from dataclasses import replace
from datetime import datetime, timedelta

from dnc.decision import Decision, Verdict
from dnc.facts import AttemptsFact, facts_from_record, facts_to_record
from tests.unit.calls import CALLABLE, NOON, ask, at, called, codes

HELD_UNTIL = NOON + timedelta(minutes=10)


def held(*made: str, now: datetime = NOON) -> Decision:
    """Return the decision when these calls were made and another dialer holds the next attempt."""
    return ask(now=now, attempts=replace(called(*made), reserved_until=HELD_UNTIL))


def test_an_attempt_that_another_holds_denies_the_call_until_it_lapses() -> None:
    decision = held()

    assert (codes(decision), decision.verdict, decision.retry_at) == (["attempts_gap"], Verdict.DENY, HELD_UNTIL)
    assert codes(held(now=HELD_UNTIL - timedelta(microseconds=1))) == ["attempts_gap"]
    assert held(now=HELD_UNTIL).may_call


def test_the_third_attempt_of_a_day_being_held_is_enough_for_the_day() -> None:
    decision = held("2026-11-18T00:30", "2026-11-18T08:00")

    assert (codes(decision), decision.retry_at) == (["attempts_day", "attempts_gap"], HELD_UNTIL)
    assert codes(held("2026-11-17T23:30", "2026-11-18T08:00")) == ["attempts_gap"]


def test_the_thirtieth_attempt_of_the_period_being_held_is_enough_for_the_period() -> None:
    first = at("2026-11-01T07:00")
    made = [first + timedelta(hours=13 * place) for place in range(29)]
    decision = ask(attempts=AttemptsFact(tuple(made), HELD_UNTIL))
    one_less = ask(attempts=AttemptsFact(tuple(made[1:]), HELD_UNTIL))

    assert (codes(decision), decision.retry_at) == (["attempts_gap", "attempts_period"], HELD_UNTIL)
    assert codes(one_less) == ["attempts_gap"]


def test_calls_that_were_made_go_on_counting_after_the_held_attempt_lapses() -> None:
    decision = held("2026-11-18T10:00")

    assert decision.retry_at == at("2026-11-18T14:00")
    assert held("2026-11-18T08:00:01", now=NOON).retry_at == HELD_UNTIL


def test_a_held_attempt_is_on_record_with_the_facts_and_absent_where_there_was_none() -> None:
    facts = replace(CALLABLE, attempts=replace(called("2026-11-18T08:00"), reserved_until=HELD_UNTIL))

    assert facts_from_record(facts_to_record(facts)) == facts
    assert "reserved_until" not in facts_to_record(CALLABLE)
    assert facts_from_record(facts_to_record(CALLABLE)) == CALLABLE
