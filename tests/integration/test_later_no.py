"""A no said again outlives an earlier wish to leave the list; and a call after a no was not permitted."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from consent.terms import Channel
from core.access import operator
from core.errors import InvalidInput
from core.ids import new_id
from dnc.gate import Question
from dnc.models import OptOut
from dnc.opt_outs import add_opt_outs, release_opt_out
from tests.calls import log_call
from tests.seeding import CAMPAIGN, FROM_PARTNER, Seeded

ME = operator("test")
NUMBER = FROM_PARTNER


def say_no(seeded: Seeded, received_at: datetime) -> str:
    """Record a no on NUMBER; return its opt-out's id."""
    with seeded.service.store.writing() as session:
        [result] = add_opt_outs(
            session,
            ME,
            seeded.service.keyring,
            numbers=[NUMBER],
            seller_id=seeded.seller_id,
            channels=frozenset(Channel),
            via="phone",
            received_at=received_at,
            note="",
            now=seeded.clock.now(),
        )
    assert result.id is not None
    return result.id


def release(seeded: Seeded, opt_out_id: str, asked_at: datetime) -> None:
    """Release the opt-out for a wish of that moment."""
    with seeded.service.store.writing() as session:
        release_opt_out(
            session,
            ME,
            seeded.service.keyring,
            opt_out_id=opt_out_id,
            asked_by_person_at=asked_at,
            verified_by="called back",
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
    assert say_no(seeded, now - timedelta(days=1)) == first

    with pytest.raises(InvalidInput, match="after that"):
        release(seeded, first, now - timedelta(days=5))
    assert verdict(seeded) == "deny"

    release(seeded, first, now - timedelta(hours=1))
    assert verdict(seeded) == "allow"


def test_a_call_after_a_no_came_in_was_not_permitted_whatever_its_check_said(seeded: Seeded) -> None:
    caller = replace(ME, seller_id=seeded.seller_id)
    answer = seeded.service.gate.ask(caller, CAMPAIGN, Question(NUMBER))
    assert answer.decision.may_call
    seeded.clock.at += timedelta(minutes=1)
    say_no(seeded, seeded.clock.now())
    seeded.clock.at += timedelta(minutes=1)

    assert not log_call(seeded.service, caller, answer.id, "after").permitted


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

    assert verdict(seeded) == "deny"
    assert not log_call(seeded.service, caller, answer.id, "after").permitted


def test_a_check_permits_one_call(seeded: Seeded) -> None:
    caller = replace(ME, seller_id=seeded.seller_id)
    answer = seeded.service.gate.ask(caller, CAMPAIGN, Question(NUMBER))
    seeded.clock.at += timedelta(minutes=1)

    assert log_call(seeded.service, caller, answer.id, "one").permitted
    assert not log_call(seeded.service, caller, answer.id, "two").permitted
    assert log_call(seeded.service, caller, answer.id, "one").permitted
    assert not log_call(seeded.service, caller, answer.id, "two").permitted
