"""Answers of older versions are tried by the rules of their time, which the form of their facts tells."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from consent.grounds import withdraw_consent
from core.numbers import Number, NumberKind
from dnc import gathering
from dnc.auditor.auditing import Scope
from dnc.facts import RECORD_FORM
from dnc.gate import Question
from dnc.recorded import replay
from tests.calls import contact
from tests.consented import add_consent_source, deliver, pause
from tests.integration.seeds import dialer_of
from tests.integration.test_auditor import ABROAD, ask, audited, consented, found, later, tamper
from tests.seeding import CAMPAIGN, FROM_PARTNER, LISTED, OPERATOR, WITHOUT_SOURCE, Seeded


def allowed_by_what_was_not_withdrawn(seeded: Seeded, monkeypatch: pytest.MonkeyPatch) -> None:
    """One permission stood twice and was withdrawn once."""
    now = seeded.clock.now()
    first = consented(seeded, now - timedelta(days=3))
    consented(seeded, now - timedelta(days=2))
    with seeded.service.store.writing() as session:
        keyring = seeded.service.keyring
        withdraw_consent(
            session, OPERATOR, consent_id=first, withdrawn_at=now, via="mail", note="", now=now, keyring=keyring
        )
    later(seeded, minutes=1)
    with monkeypatch.context() as then:
        then.setattr("dnc.grounds._ended_until", lambda *_: None)
        ask(seeded, LISTED)


def allowed_after_a_call_dated_before_its_check(seeded: Seeded, _monkeypatch: pytest.MonkeyPatch) -> None:
    """The call was on record before the second answer, and counted from the start that the dialer gave."""
    first_at = seeded.clock.at
    [first] = ask(seeded, FROM_PARTNER)
    later(seeded, hours=1)
    ask(seeded, FROM_PARTNER)
    second_at, seeded.clock.at = seeded.clock.at, first_at + timedelta(minutes=1)
    contact(seeded, first, "call-1", first_at - timedelta(hours=5))
    seeded.clock.at = second_at


def answered_by_another_plan(seeded: Seeded, monkeypatch: pytest.MonkeyPatch) -> None:
    """A number that laws of two countries share was taken for the first one's."""
    ask(seeded, ABROAD)
    monkeypatch.setattr(Number, "plan", property(lambda _number: (None, NumberKind.MOBILE, True)))


def allowed_by_what_a_paused_file_delivered(seeded: Seeded, monkeypatch: pytest.MonkeyPatch) -> None:
    """A consent was not known to come with its file: it carried the lead of another source that was not paused."""
    add_consent_source(seeded, "tavling-a", "kronan")
    add_consent_source(seeded, "tavling-b", "fjallraven")
    delivery = deliver(seeded, "tavling-a", [WITHOUT_SOURCE])
    deliver(seeded, "tavling-b", [WITHOUT_SOURCE], proved=False)
    later(seeded, minutes=1)
    pause(seeded, "file", lead_file_id=delivery, source="tavling-a", supplier="kronan")
    later(seeded, minutes=1)
    known = gathering._consent
    with monkeypatch.context() as then:
        then.setattr("dnc.gathering._consent", lambda place, row: replace(known(place, row), paused=False))
        ask(seeded, WITHOUT_SOURCE)


def allowed_after_another_ones_answer_ended(seeded: Seeded, monkeypatch: pytest.MonkeyPatch) -> None:
    """An attempt was held until its answer's end, though its call might still go on."""
    one = dialer_of(seeded)
    with monkeypatch.context() as then:
        then.setattr("dnc.reservations.CALL_AT_MOST", timedelta(0))
        for caller in (replace(one, id="dialer-2"), one):
            assert seeded.service.gate.ask(caller, CAMPAIGN, Question(FROM_PARTNER)).decision.may_call
            later(seeded, minutes=15)


FORM = '"facts":{"form":'
Answered = Callable[[Seeded, pytest.MonkeyPatch], None]
ANSWERED: list[tuple[Answered, int]] = [
    (allowed_by_what_was_not_withdrawn, 2),
    (allowed_after_a_call_dated_before_its_check, 2),
    (answered_by_another_plan, 2),
    (allowed_by_what_a_paused_file_delivered, 3),
    (allowed_after_another_ones_answer_ended, 4),
]
"""What was answered by rules of its time, and in which form it was the last time."""


@pytest.mark.parametrize(("answered", "form"), ANSWERED)
def test_an_answer_of_an_older_form_is_tried_by_the_rules_of_its_time(
    seeded: Seeded, monkeypatch: pytest.MonkeyPatch, answered: Answered, form: int
) -> None:
    answered(seeded, monkeypatch)
    today, then = f"{FORM}{RECORD_FORM}", f"{FORM}{form}"
    tamper(seeded, "UPDATE ledger_entries SET payload = replace(payload, :today, :then)", today=today, then=then)

    report = audited(seeded, Scope.ALL)
    assert found(seeded, report) == []
    assert (report.counts.unrebuilt, report.counts.in_flight) == (0, 0)
    with seeded.service.store.snapshot() as session:
        assert replay(session).differences == ()


@pytest.mark.parametrize("answered", [answered for answered, _form in ANSWERED])
def test_the_same_answer_of_today_is_a_difference(
    seeded: Seeded, monkeypatch: pytest.MonkeyPatch, answered: Answered
) -> None:
    answered(seeded, monkeypatch)

    assert audited(seeded, Scope.ALL).counts.differences == 1


@pytest.mark.parametrize(("form", "differences"), [(1, 0), (2, 1)])
def test_an_answer_after_an_upgrade_is_held_by_none_from_before_attempts_were_held(
    seeded: Seeded, form: int, differences: int
) -> None:
    """The first version's yes was in no table of held attempts, and another dialer was given the same one after it."""
    [first] = ask(seeded, FROM_PARTNER)
    tamper(seeded, "DELETE FROM reservations")
    today, then = f"{FORM}{RECORD_FORM}", f"{FORM}{form}"
    tamper(seeded, "UPDATE ledger_entries SET payload = replace(payload, :today, :then)", today=today, then=then)
    later(seeded, minutes=1)
    one = dialer_of(seeded)
    for caller, is_given in ((replace(one, id="dialer-2"), True), (one, False)):
        answer = seeded.service.gate.ask(caller, CAMPAIGN, Question(FROM_PARTNER))
        assert answer.decision.may_call is is_given

    report = audited(seeded, Scope.ALL)
    assert report.counts.differences == differences
    assert (report.counts.unrebuilt, report.counts.in_flight) == (0, 0)
    assert first not in [check_id for _against, check_id in found(seeded, report)]


@pytest.mark.parametrize(("form", "differences"), [(4, 0), (5, 1)])
def test_an_answer_after_an_upgrade_is_held_by_one_from_before_until_its_end_alone(
    seeded: Seeded, monkeypatch: pytest.MonkeyPatch, form: int, differences: int
) -> None:
    """What the older version gave was held for ten minutes; fifteen minutes later another dialer was given the same."""
    one = dialer_of(seeded)
    with monkeypatch.context() as then:
        then.setattr("dnc.reservations.CALL_AT_MOST", timedelta(0))
        ask(seeded, FROM_PARTNER)
    today, then_form = f"{FORM}{RECORD_FORM}", f"{FORM}{form}"
    tamper(seeded, "UPDATE ledger_entries SET payload = replace(payload, :today, :then)", today=today, then=then_form)
    later(seeded, minutes=15)
    other = replace(one, id="dialer-2")
    assert seeded.service.gate.ask(other, CAMPAIGN, Question(FROM_PARTNER)).decision.may_call
    later(seeded, minutes=15)
    assert not seeded.service.gate.ask(one, CAMPAIGN, Question(FROM_PARTNER)).decision.may_call

    report = audited(seeded, Scope.ALL)
    assert report.counts.differences == differences
    assert (report.counts.unrebuilt, report.counts.in_flight) == (0, 0)
