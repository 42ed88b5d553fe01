"""May this number be called now? The answer, the number itself, and what the person has said."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from consent.terms import Basis
from dnc.decision import Verdict, decide
from dnc.facts import CallFacts, NumberFact, OptOutFact, RestrictionKind
from dnc.grounds import GroundKind
from dnc.reasons import Category, ReasonCode
from tests.unit.calls import (
    CAMPAIGN,
    CONSENT,
    FRESH,
    LEAD,
    LISTED,
    MACHINE,
    RELATION,
    VOICE,
    ask,
    at,
    called,
    codes,
)

# --- the answer ---


def test_a_fresh_lead_on_an_unlisted_number_may_be_called() -> None:
    decision = ask()

    assert decision.verdict is Verdict.ALLOW
    assert decision.may_call
    assert decision.reasons == ()
    assert decision.policy == "se-2026-1"
    assert decision.lawful_basis is Basis.LEGITIMATE_INTEREST
    assert decision.retry_at is None


def test_of_a_number_that_cannot_be_read_nothing_else_is_said() -> None:
    nothing = CallFacts(None, CAMPAIGN, None, None, None, None, None, None, None, None)

    decision = decide(nothing, None, at("2026-11-18T12:00"))

    assert decision.verdict is Verdict.UNKNOWN
    assert [reason.code for reason in decision.reasons] == [ReasonCode.INVALID_NUMBER]


def test_an_allow_names_the_lead_and_source_that_carry_it() -> None:
    ground = ask().ground

    assert ground is not None
    assert (ground.kind, ground.id, ground.source_id) == (GroundKind.LEAD, "lead-1", "contest")
    assert (ground.consent_id, ground.until) == (None, LEAD.expires_at)


def test_an_allow_names_the_register_version_it_rests_on() -> None:
    register = ask().register

    assert register is not None
    assert (register.register, register.version_id, register.listed) == ("nix", "v1", False)
    assert register.valid_until == at("2027-01-15T00:00")
    assert register.lifted_by is None


def test_every_reason_is_given_in_a_fixed_order_not_only_the_first() -> None:
    decision = ask(
        now=at("2026-11-18T22:00"),
        number=NumberFact("SE", "premium", valid=True),
        campaign=replace(CAMPAIGN, product="premium_pension", is_open=False),
        opt_outs=(OptOutFact("no", VOICE, all_sellers=False),),
        holds=("hold",),
        restrictions=(RestrictionKind.DECEASED,),
        register=replace(LISTED, as_of=date(2026, 1, 1)),
        leads=(replace(LEAD, birth_date=date(2020, 1, 1), paused=True, expires_at=at("2026-10-02T00:00"), basis=None),),
        attempts=called("2026-11-18T21:50", "2026-11-18T13:00", "2026-11-18T09:00"),
    )

    assert decision.verdict is Verdict.DENY
    assert codes(decision) == [
        "not_callable_type",
        "opted_out",
        "held",
        "restricted",
        "minor",
        "on_register",
        "register_stale",
        "no_lawful_basis",
        "source_paused",
        "lead_expired",
        "product_prohibited",
        "campaign_closed",
        "outside_hours",
        "attempts_day",
        "attempts_gap",
    ]


def test_a_reason_to_deny_outweighs_what_is_not_known() -> None:
    assert ask(register=replace(FRESH, listed=None)).verdict is Verdict.UNKNOWN
    assert ask(register=replace(FRESH, listed=None), holds=("hold",)).verdict is Verdict.DENY


def test_a_reason_carries_its_rule_and_its_words_in_both_languages() -> None:
    (reason,) = ask(register=LISTED).reasons

    assert (reason.code, reason.category) == (ReasonCode.ON_REGISTER, Category.DENY)
    assert (reason.rule, reason.register) == ("SE-NIX-1", "nix")
    assert "register" in reason.text
    assert "spärregistret" in reason.text_sv


def test_reasons_that_are_not_about_a_register_name_none() -> None:
    (reason,) = ask(holds=("hold",)).reasons

    assert (reason.register, reason.missing) == (None, ())


# --- invalid_number, no_policy, fact_missing ---


def test_a_number_that_cannot_be_read_is_not_known_to_be_callable() -> None:
    decision = ask(number=None)

    assert (codes(decision), decision.verdict) == (["invalid_number"], Verdict.UNKNOWN)


def test_an_invalid_number_is_not_also_said_to_be_of_the_wrong_type() -> None:
    assert codes(ask(number=NumberFact("SE", "unknown", valid=False))) == ["invalid_number"]


def test_without_a_policy_nothing_is_allowed_and_what_is_known_is_still_said() -> None:
    decision = ask(policy=None, holds=("hold",))

    assert codes(decision) == ["no_policy", "held"]
    assert decision.policy is None
    assert codes(ask(policy=None)) == ["no_policy"]
    assert ask(policy=None).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("country", ["NO", None])
def test_a_policy_does_not_speak_of_another_countrys_number(country: str | None) -> None:
    decision = ask(number=NumberFact(country, "mobile", valid=True))

    assert codes(decision) == ["no_policy"]
    assert decision.policy is None


def test_without_a_policy_a_listed_number_stays_listed_and_nothing_lifts_it() -> None:
    assert codes(ask(policy=None, register=LISTED, relations=(RELATION,))) == ["no_policy", "on_register"]


def test_without_a_policy_the_reasons_bear_the_rules_that_hold_everywhere() -> None:
    decision = ask(policy=None, register=LISTED)

    assert [reason.rule for reason in decision.reasons] == ["RK-POLICY-1", "RK-REGISTER-1"]


def test_without_a_policy_the_origin_is_still_named() -> None:
    fulfilled = replace(RELATION, fulfilled_at=at("2026-11-01T00:00"))

    assert ask(policy=None).ground is not None
    assert ask(policy=None, leads=(), consents=(CONSENT,)).ground is not None
    assert ask(policy=None, leads=(), relations=(RELATION,)).ground is not None
    assert ask(policy=None, leads=(), relations=(fulfilled,)).ground is None


@pytest.mark.parametrize("when", ["0001-01-01T00:00:00", "9999-12-31T23:59:59"])
def test_a_moment_no_calendar_speaks_of_has_no_policy(when: str) -> None:
    assert "no_policy" in codes(ask(now=datetime.fromisoformat(when)))


@pytest.mark.parametrize(
    "name", ["campaign", "opt_outs", "holds", "restrictions", "leads", "consents", "relations", "attempts"]
)
def test_a_fact_that_could_not_be_learnt_blocks_and_is_named(name: str) -> None:
    unlearnt: dict[str, Any] = {name: None}
    decision = ask(**unlearnt)

    assert decision.verdict is Verdict.UNKNOWN
    (reason,) = decision.reasons
    assert reason.code is ReasonCode.FACT_MISSING
    assert (reason.rule, reason.missing) == ("RK-FACT-1", (name,))


def test_several_missing_facts_make_one_reason() -> None:
    (reason,) = ask(holds=None, attempts=None).reasons

    assert reason.missing == ("holds", "attempts")


def test_a_missing_fact_blocks_even_where_other_facts_would_carry_the_call() -> None:
    assert codes(ask(leads=None, relations=(RELATION,))) == ["fact_missing"]
    assert codes(ask(consents=None, relations=(RELATION,), register=LISTED)) == ["fact_missing"]


# --- not_callable_type ---


@pytest.mark.parametrize("kind", ["fixed_line", "mobile", "fixed_or_mobile", "uan", "personal"])
def test_numbers_that_people_hold_may_be_called(kind: str) -> None:
    assert ask(number=NumberFact("SE", kind, valid=True)).may_call


@pytest.mark.parametrize("kind", ["premium", "toll_free", "short", "m2m", "pager", "unknown", ""])
def test_numbers_of_other_types_are_not_called(kind: str) -> None:
    decision = ask(number=NumberFact("SE", kind, valid=True))

    assert (codes(decision), decision.verdict) == (["not_callable_type"], Verdict.DENY)


# --- opted_out, held, restricted ---


def test_a_no_to_the_seller_is_final() -> None:
    decision = ask(opt_outs=(OptOutFact("no", VOICE, all_sellers=False),))

    assert (codes(decision), decision.verdict) == (["opted_out"], Verdict.DENY)


def test_a_no_to_all_sellers_is_a_no_to_this_one() -> None:
    assert codes(ask(opt_outs=(OptOutFact("no", VOICE, all_sellers=True),))) == ["opted_out"]


def test_a_no_to_machines_alone_leaves_a_human_call_open() -> None:
    assert ask(opt_outs=(OptOutFact("no", MACHINE, all_sellers=False),)).may_call


def test_a_no_that_names_no_channel_is_a_no_to_all_of_them() -> None:
    assert codes(ask(opt_outs=(OptOutFact("no", frozenset(), all_sellers=False),))) == ["opted_out"]


def test_a_no_counts_whatever_the_channel_when_the_campaign_is_not_known() -> None:
    decision = ask(campaign=None, opt_outs=(OptOutFact("no", MACHINE, all_sellers=False),))

    assert codes(decision) == ["fact_missing", "opted_out"]


def test_a_no_beats_every_ground_there_is() -> None:
    decision = ask(opt_outs=(OptOutFact("no", VOICE, all_sellers=False),), consents=(CONSENT,), relations=(RELATION,))

    assert codes(decision) == ["opted_out"]


def test_a_number_on_hold_is_not_called() -> None:
    decision = ask(holds=("hold-1",))

    assert (codes(decision), decision.verdict) == (["held"], Verdict.DENY)


@pytest.mark.parametrize("kind", list(RestrictionKind))
def test_a_restricted_number_is_not_called_and_the_words_do_not_say_why(kind: RestrictionKind) -> None:
    decision = ask(restrictions=(kind,))

    assert (codes(decision), decision.verdict) == (["restricted"], Verdict.DENY)
    assert decision.reasons[0].text == "Use of this number is restricted."


# --- minor ---


@pytest.mark.parametrize(
    ("born", "may_call"),
    [("2010-11-18", True), ("2010-11-19", False), ("2013-05-01", False), ("2030-01-01", False), ("1950-01-01", True)],
)
def test_a_person_is_called_from_the_day_they_turn_sixteen(born: str, may_call: bool) -> None:
    decision = ask(leads=(replace(LEAD, birth_date=date.fromisoformat(born)),))

    assert decision.may_call is may_call
    assert codes(decision) == ([] if may_call else ["minor"])


def test_the_sixteenth_birthday_begins_at_local_midnight() -> None:
    """At 23:30 UTC on the 17th it is the 18th in Sweden."""
    leads = (replace(LEAD, birth_date=date(2010, 11, 18)),)

    assert "minor" not in codes(ask(now=datetime(2026, 11, 17, 23, 30, tzinfo=UTC), leads=leads))
    assert "minor" in codes(ask(now=datetime(2026, 11, 17, 22, 30, tzinfo=UTC), leads=leads))


def test_one_leads_birth_date_speaks_for_the_number_whatever_that_leads_standing() -> None:
    spent = replace(
        LEAD,
        id="old",
        birth_date=date(2012, 1, 1),
        paused=True,
        expires_at=at("2026-01-01T00:00"),
        collected_at=at("2027-01-01T00:00"),
    )

    assert codes(ask(leads=(LEAD, spent))) == ["minor"]
    assert codes(ask(leads=(spent, LEAD))) == ["minor"]


def test_a_no_names_the_policy_and_register_version_it_was_decided_by() -> None:
    decision = ask(register=LISTED)

    assert decision.policy == "se-2026-1"
    assert decision.register is not None
    assert (decision.register.version_id, decision.register.listed) == ("v1", True)


def test_only_the_reason_for_missing_facts_names_them() -> None:
    missing, held = ask(attempts=None, holds=("hold",)).reasons

    assert missing.missing == ("attempts",)
    assert held.missing == ()


def test_without_a_policy_a_ground_still_ends_when_it_says_so() -> None:
    ended = replace(CONSENT, expires_at=at("2026-11-18T12:00"))

    assert ask(policy=None, leads=(), consents=(ended,)).ground is None
