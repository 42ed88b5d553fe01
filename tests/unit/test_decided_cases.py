"""Cases that NIX-nämnden (before its rename DM-nämnden) and others have decided, asked of our rules.

Each names its case as ``docs/rules.md`` does. What the case turned on is in the facts; all else is a callable number.
"""

from dataclasses import replace
from datetime import date
from typing import Any

from consent.terms import Basis
from dnc.facts import NumberFact, OptOutFact, RegisterFact, RelationFact
from dnc.grounds import GroundKind
from tests.unit.calls import BY_MACHINE, CAMPAIGN, CONSENT, LEAD, LISTED, VOICE, ask, at, called, codes

NO = OptOutFact("no", VOICE, all_sellers=False)


def test_tre_25_178_an_agents_call_back_note_is_no_exception_for_a_number_listed_since() -> None:
    """The note of April is a lead like any other: the register of today decides."""
    note = replace(LEAD, source_id="call-back note", collected_at=at("2025-04-15T10:00"), expires_at=None)
    now = at("2025-10-01T12:00")
    register = RegisterFact("nix", "v", as_of=date(2025, 9, 15), listed=True)

    assert codes(ask(now=now, leads=(note,), register=register)) == ["on_register"]
    assert ask(now=now, leads=(note,), register=replace(register, listed=False)).may_call


def test_gota_energi_18_391_a_sweepstakes_consent_lifts_the_register_but_not_the_objection() -> None:
    consent = replace(CONSENT, given_at=at("2018-11-12T12:00"))
    contest = replace(LEAD, basis=Basis.CONSENT, collected_at=at("2018-11-12T12:00"), expires_at=None)
    known: dict[str, Any] = {
        "leads": (contest,),
        "consents": (consent,),
        "register": replace(LISTED, as_of=date(2018, 11, 15)),
    }
    now = at("2018-11-29T14:00")

    assert ask(now=now, **known).may_call
    assert codes(ask(now=now, opt_outs=(NO,), **known)) == ["opted_out"]


def test_postkodlotteriet_18_174_a_vendors_wash_does_not_answer_for_the_persons_own_no() -> None:
    """The vendor's list was washed and the register says the number is not on it; the person had said no to us."""
    assert codes(ask(opt_outs=(NO,))) == ["opted_out"]


def test_postkodlotteriet_24_257_a_washed_list_and_no_objection_may_be_called() -> None:
    assert ask().may_call


def test_folkspel_22_118_a_participant_of_the_last_twelve_months_is_a_customer() -> None:
    took_part = RelationFact("draw", "lottery", started_at=at("2021-09-01T00:00"), fulfilled_at=at("2021-11-20T00:00"))
    lottery = replace(CAMPAIGN, product="lottery")
    register = RegisterFact("nix", "v", as_of=date(2022, 5, 1), listed=True)
    decision = ask(now=at("2022-05-10T12:00"), campaign=lottery, leads=(), relations=(took_part,), register=register)

    assert decision.may_call
    assert decision.ground is not None
    assert (decision.ground.kind, decision.ground.id) == (GroundKind.RELATION, "draw")
    later = at("2022-11-21T12:00")
    assert codes(ask(now=later, campaign=lottery, leads=(), relations=(took_part,), register=register)) == [
        "on_register",
        "register_stale",
        "no_source",
    ]


def test_allente_23_366_a_mistyped_number_comes_from_nowhere_and_is_not_called() -> None:
    assert codes(ask(leads=(), register=LISTED)) == ["on_register", "no_source"]


def test_telia_18_421_a_no_outlives_the_erasure_of_everything_else() -> None:
    assert codes(ask(leads=(), opt_outs=(NO,))) == ["opted_out", "no_source"]


def test_callsign_17_060_a_child_of_thirteen_is_not_called() -> None:
    child = replace(LEAD, birth_date=date(2013, 5, 25))

    assert codes(ask(leads=(child,))) == ["minor"]


def test_svensk_laneformedling_19_175_five_calls_in_a_day_are_not_made() -> None:
    earlier = called("2026-11-18T08:10", "2026-11-18T12:10", "2026-11-18T16:10")

    assert codes(ask(now=at("2026-11-18T20:15"), attempts=earlier)) == ["attempts_day"]


def test_sensor_18_311_nobody_is_called_between_nine_in_the_evening_and_eight_in_the_morning() -> None:
    for hour in ("21:00", "23:30", "02:00", "07:59"):
        assert codes(ask(now=at(f"2026-11-18T{hour}"))) == ["outside_hours"]


def test_hubside_2024_004_a_consent_that_does_not_name_the_seller_is_none() -> None:
    lead = replace(LEAD, basis=Basis.CONSENT)

    assert codes(ask(leads=(lead,), consents=(replace(CONSENT, names_seller=False),))) == ["no_lawful_basis"]


def test_bonnier_2019_11737_a_source_without_a_balancing_test_does_not_rest_on_legitimate_interest() -> None:
    assert codes(ask(leads=(replace(LEAD, has_assessment=False),))) == ["no_lawful_basis"]


def test_a_robot_never_calls_on_legitimate_interest() -> None:
    assert codes(ask(campaign=BY_MACHINE)) == ["no_lawful_basis"]


def test_a_premium_number_is_not_called_whatever_the_ground() -> None:
    decision = ask(number=NumberFact("SE", "premium", valid=True), consents=(CONSENT,))

    assert codes(decision) == ["not_callable_type"]
