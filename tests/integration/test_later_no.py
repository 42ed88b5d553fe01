"""A no said again outlives an earlier wish to leave the list; and a call after a no was not permitted."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from consent.terms import Channel
from core.access import operator
from core.clock import CLOCK_SLACK
from core.errors import InvalidInput
from core.ids import new_id
from dnc.facts import RestrictionKind
from dnc.gate import Question
from dnc.holds import close_hold, report_objection
from dnc.models import OptOut
from dnc.opt_outs import add_opt_outs, release_opt_out
from dnc.permits import Fault, fault_of_stops, stops_on
from dnc.restrictions import end_restriction, restrict
from tests.calls import log_call
from tests.seeding import CAMPAIGN, FROM_PARTNER, Seeded, opt_out

ME = operator("test")
NUMBER = FROM_PARTNER


SECOND = timedelta(seconds=1)


def say_no(seeded: Seeded, received_at: datetime, channels: frozenset[Channel] = frozenset(Channel)) -> str:
    """Record a no on NUMBER, to every channel unless some are given; return its opt-out's id."""
    with seeded.service.store.writing() as session:
        [result] = add_opt_outs(
            session,
            ME,
            seeded.service.keyring,
            numbers=[NUMBER],
            seller_id=seeded.seller_id,
            channels=channels,
            via="phone",
            received_at=received_at,
            note="",
            now=seeded.clock.now(),
        )
    assert result.id is not None
    return result.id


def release(seeded: Seeded, opt_out_id: str, asked_at: datetime, verified_by: str = "called back") -> None:
    """Release the opt-out for a wish of that moment."""
    with seeded.service.store.writing() as session:
        release_opt_out(
            session,
            ME,
            seeded.service.keyring,
            opt_out_id=opt_out_id,
            asked_by_person_at=asked_at,
            verified_by=verified_by,
            note="",
            now=seeded.clock.now(),
        )


def verdict(seeded: Seeded) -> str:
    """Ask, on record, whether NUMBER may be called now."""
    caller = replace(ME, seller_id=seeded.seller_id)
    return seeded.service.gate.ask(caller, CAMPAIGN, Question(NUMBER)).decision.verdict.value


def test_a_wish_from_before_the_last_no_does_not_end_it(seeded: Seeded) -> None:
    now = seeded.clock.now()
    first = say_no(seeded, now - timedelta(days=10))
    for days in (3, 1):
        assert say_no(seeded, now - timedelta(days=days)) == first

    for days in (5, 2):
        with pytest.raises(InvalidInput, match="after that"):
            release(seeded, first, now - timedelta(days=days))
    assert verdict(seeded) == "deny"

    release(seeded, first, now - timedelta(hours=1))
    assert verdict(seeded) == "allow"


def test_a_no_ends_neither_by_a_wish_that_nobody_verified_nor_by_one_yet_to_come(seeded: Seeded) -> None:
    now = seeded.clock.now()
    id_ = say_no(seeded, now)

    for verified_by in ("", " \u200b", "x" * 201):
        with pytest.raises(InvalidInput, match="made sure that the person asked"):
            release(seeded, id_, now, verified_by)
    with pytest.raises(InvalidInput, match="in the future"):
        release(seeded, id_, now + CLOCK_SLACK + SECOND)

    assert verdict(seeded) == "deny"


@pytest.mark.parametrize("said_before_to", ["another", "everybody"])
def test_a_no_is_kept_for_its_seller_though_there_is_one_to_somebody_else(seeded: Seeded, said_before_to: str) -> None:
    before = opt_out(seeded.service, NUMBER, seeded.other_seller_id if said_before_to == "another" else None)
    say_no(seeded, seeded.clock.now())
    release(seeded, before, seeded.clock.now())

    assert verdict(seeded) == "deny"


def test_a_no_to_calls_is_kept_though_there_is_one_to_machines(seeded: Seeded) -> None:
    machines = say_no(seeded, seeded.clock.now(), frozenset({Channel.AUTOMATED_VOICE}))
    assert verdict(seeded) == "allow"

    assert say_no(seeded, seeded.clock.now()) != machines
    assert verdict(seeded) == "deny"


def test_a_no_to_everybody_reaches_every_seller_though_one_was_told_before(seeded: Seeded) -> None:
    opt_out(seeded.service, NUMBER, seeded.other_seller_id)
    assert verdict(seeded) == "allow"
    opt_out(seeded.service, NUMBER, None)

    assert verdict(seeded) == "deny"


def test_a_call_after_a_no_came_in_was_not_permitted_whatever_its_check_said(seeded: Seeded) -> None:
    caller = replace(ME, seller_id=seeded.seller_id)
    answer = seeded.service.gate.ask(caller, CAMPAIGN, Question(NUMBER))
    assert answer.decision.may_call
    seeded.clock.at += timedelta(minutes=1)
    say_no(seeded, seeded.clock.now())
    seeded.clock.at += timedelta(minutes=1)

    assert not log_call(seeded.service, caller, answer.id, "after").permitted


@pytest.mark.parametrize(
    ("fault", "said_to"),
    [
        (Fault.AFTER_OPT_OUT, "seller"),
        (Fault.AFTER_OPT_OUT, "everybody"),
        (Fault.AFTER_OPT_OUT, "another"),
        (Fault.DURING_HOLD, "seller"),
        (Fault.DURING_HOLD, "another"),
        (Fault.DURING_RESTRICTION, "seller"),
        (Fault.DURING_RESTRICTION, "everybody"),
        (Fault.DURING_RESTRICTION, "another"),
    ],
)
def test_a_no_stands_in_the_way_of_its_sellers_calls_from_its_first_moment_to_its_end(
    seeded: Seeded, fault: Fault, said_to: str
) -> None:
    sellers = {"seller": seeded.seller_id, "everybody": None, "another": seeded.other_seller_id}
    begins = seeded.clock.now()
    ends = begins + timedelta(minutes=1)
    stop(seeded, fault, sellers[said_to], ends)

    with seeded.service.store.reading() as session:
        stops = stops_on(session, [int(NUMBER)], seeded.seller_id).get(int(NUMBER), ())
    found = [fault_of_stops(stops, "voice", at) for at in (begins - SECOND, begins, ends - SECOND, ends)]

    assert found == ([None] * 4 if said_to == "another" else [None, fault, fault, None])


def stop(seeded: Seeded, fault: Fault, seller_id: str | None, ends: datetime) -> None:
    """Make what stands in the way of calls to NUMBER from now on, and end it at that moment."""
    keyring, number, now = seeded.service.keyring, int(NUMBER), seeded.clock.now()
    if fault is Fault.AFTER_OPT_OUT:
        opt_out_id = opt_out(seeded.service, NUMBER, seller_id)
        seeded.clock.at = ends
        release(seeded, opt_out_id, ends)
        return
    with seeded.service.store.writing() as session:
        if seller_id is not None and fault is Fault.DURING_HOLD:
            hold = report_objection(session, ME, keyring, number=number, seller_id=seller_id, note="", now=now)
            session.flush()
            close_hold(session, ME, keyring, hold_id=hold.id, resolution="a mistake", now=ends)
        else:
            kind = RestrictionKind.RESTRICTED
            row = restrict(session, ME, keyring, number=number, seller_id=seller_id, kind=kind, note="", now=now)
            session.flush()
            end_restriction(session, ME, restriction_id=row.id, now=ends)


@pytest.mark.parametrize(
    ("from_check", "from_end", "permitted"),
    [
        (-CLOCK_SLACK, None, True),
        (-CLOCK_SLACK - SECOND, None, False),
        (None, -SECOND, True),
        (None, 0 * SECOND, False),
    ],
)
def test_a_check_permits_a_call_from_when_it_was_made_until_its_answer_ends(
    seeded: Seeded, from_check: timedelta | None, from_end: timedelta | None, permitted: bool
) -> None:
    caller = replace(ME, seller_id=seeded.seller_id)
    answer = seeded.service.gate.ask(caller, CAMPAIGN, Question(NUMBER))
    until = answer.decision.valid_until
    assert until is not None
    started_at = until + from_end if from_end is not None else seeded.clock.now() + (from_check or timedelta())
    seeded.clock.at = until

    assert log_call(seeded.service, caller, answer.id, "one", started_at).permitted is permitted


def test_a_no_that_names_no_channel_is_a_no_to_all_of_them(seeded: Seeded) -> None:
    caller = replace(ME, seller_id=seeded.seller_id)
    answer = seeded.service.gate.ask(caller, CAMPAIGN, Question(NUMBER))
    no = OptOut(
        id=new_id(),
        seller_id=seeded.seller_id,
        number=int(NUMBER),
        channels="",
        via="phone",
        note="",
        received_at=seeded.clock.now(),
        recorded_at=seeded.clock.now(),
        recorded_by=ME.actor,
    )
    with seeded.service.store.writing() as session:
        session.add(no)
    seeded.clock.at += timedelta(minutes=1)

    # Before anybody asks again: a newer no would take the permission back by itself.
    assert not log_call(seeded.service, caller, answer.id, "after").permitted
    assert verdict(seeded) == "deny"


def test_a_check_permits_one_call(seeded: Seeded) -> None:
    caller = replace(ME, seller_id=seeded.seller_id)
    answer = seeded.service.gate.ask(caller, CAMPAIGN, Question(NUMBER))
    seeded.clock.at += timedelta(minutes=1)

    assert log_call(seeded.service, caller, answer.id, "one").permitted
    assert not log_call(seeded.service, caller, answer.id, "two").permitted
    assert log_call(seeded.service, caller, answer.id, "one").permitted
    assert not log_call(seeded.service, caller, answer.id, "two").permitted
