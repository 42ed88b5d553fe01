"""Where the number came from and what carries the call: leads, consents and customer relations."""

from dataclasses import replace
from typing import Any

import pytest

from consent.terms import Basis
from dnc.decision import Verdict
from dnc.grounds import GroundKind
from dnc.policies.catalogue import SE_2026_1
from dnc.policies.terms import Regime
from tests.unit.calls import (
    BY_MACHINE,
    CONSENT,
    LEAD,
    LISTED,
    LONG,
    MACHINE,
    RELATION,
    ask,
    at,
    codes,
)

CONSENT_LEAD = replace(LEAD, basis=Basis.CONSENT, has_assessment=False)
OPT_IN = replace(SE_2026_1, version="test-opt-in", regime=Regime.OPT_IN)
EXPIRED: dict[str, Any] = {"expires_at": at("2026-11-18T12:00")}


# --- no_source ---


def test_a_number_from_nowhere_is_not_called() -> None:
    decision = ask(leads=())

    assert (codes(decision), decision.verdict) == (["no_source"], Verdict.DENY)
    assert decision.ground is None
    assert decision.lawful_basis is None


def test_a_lead_collected_in_the_future_is_no_source_yet() -> None:
    assert codes(ask(leads=(replace(LEAD, collected_at=at("2026-11-18T12:00:01")),))) == ["no_source"]
    assert ask(leads=(replace(LEAD, collected_at=at("2026-11-18T12:00")),)).may_call


def test_a_lead_whose_supplier_gave_no_dates_may_be_called() -> None:
    decision = ask(leads=(replace(LEAD, collected_at=None, expires_at=None),))

    assert decision.may_call
    assert decision.ground is not None
    assert decision.ground.until is None


def test_a_consent_by_itself_is_a_source() -> None:
    decision = ask(leads=(), consents=(CONSENT,))

    assert decision.may_call
    assert decision.ground is not None
    assert (decision.ground.kind, decision.ground.id) == (GroundKind.CONSENT, "consent-1")
    assert (decision.ground.source_id, decision.ground.consent_id) == (None, "consent-1")
    assert decision.lawful_basis is Basis.CONSENT


def test_a_customer_relation_by_itself_is_a_source() -> None:
    decision = ask(leads=(), relations=(RELATION,))

    assert decision.may_call
    assert decision.ground is not None
    assert (decision.ground.kind, decision.ground.id) == (GroundKind.RELATION, "relation-1")
    assert (decision.ground.source_id, decision.ground.consent_id) == (None, None)
    assert decision.lawful_basis is Basis.LEGITIMATE_INTEREST


@pytest.mark.parametrize(
    "known",
    [
        {"consents": (replace(CONSENT, withdrawn_at=at("2026-11-01T00:00")),)},
        {"consents": (replace(CONSENT, names_seller=False),)},
        {"consents": (replace(CONSENT, expires_at=at("2026-11-18T12:00")),)},
        {"relations": (replace(RELATION, product="insurance"),)},
        {"relations": (replace(RELATION, fulfilled_at=at("2025-11-18T12:00")),)},
    ],
    ids=["withdrawn", "names another", "ended", "other product", "past"],
)
def test_a_ground_that_no_longer_holds_is_no_source(known: dict[str, Any]) -> None:
    assert codes(ask(leads=(), **known)) == ["no_source"]


@pytest.mark.parametrize(
    ("other", "may_call"),
    [
        ({}, False),
        ({"given_at": at("2026-11-01T00:00")}, False),
        ({"given_at": at("2026-11-01T00:00:01")}, True),
    ],
    ids=["the same again", "given as the other was withdrawn", "given later"],
)
def test_a_withdrawal_ends_all_that_was_agreed_to_before_it(other: dict[str, Any], may_call: bool) -> None:
    withdrawn = replace(CONSENT, id="consent-2", withdrawn_at=at("2026-11-01T00:00"))

    assert ask(leads=(), consents=(withdrawn, replace(CONSENT, **other))).may_call is may_call


def test_a_withdrawal_ends_nothing_on_another_channel() -> None:
    withdrawn = replace(CONSENT, id="consent-2", channels=MACHINE, withdrawn_at=at("2026-11-01T00:00"))

    assert ask(leads=(), consents=(withdrawn, CONSENT)).may_call


def test_a_withdrawal_dated_before_its_consent_ends_the_same_consent_again() -> None:
    withdrawn = replace(CONSENT, id="consent-2", withdrawn_at=at("2026-01-01T00:00"))

    assert not ask(leads=(), consents=(withdrawn, CONSENT)).may_call


def test_a_consent_too_old_to_lift_the_register_still_says_where_the_number_came_from() -> None:
    old = replace(CONSENT, given_at=at("2025-01-01T00:00"))

    assert ask(leads=(), consents=(old,)).may_call
    assert codes(ask(leads=(), consents=(old,), register=LISTED)) == ["on_register"]


def test_a_policy_may_limit_the_age_of_a_consent_as_ground() -> None:
    limited = replace(LONG, consent_ground_months=1)
    decision = ask(policy=limited, leads=(), consents=(replace(CONSENT, given_at=at("2026-10-18T12:00:01")),))

    assert decision.valid_until == at("2026-11-18T12:00:01")
    older = (replace(CONSENT, given_at=at("2026-10-18T12:00")),)
    assert codes(ask(policy=limited, leads=(), consents=older)) == ["no_source"]


# --- no_lawful_basis ---


def test_legitimate_interest_needs_a_balancing_test_on_file() -> None:
    decision = ask(leads=(replace(LEAD, has_assessment=False),))

    assert (codes(decision), decision.verdict) == (["no_lawful_basis"], Verdict.DENY)
    assert decision.reasons[0].rule == "EU-GDPR-6"


def test_a_source_without_a_basis_carries_no_call() -> None:
    decision = ask(leads=(replace(LEAD, basis=None),))

    assert codes(decision) == ["no_lawful_basis"]
    assert decision.lawful_basis is None


def test_a_source_that_rests_on_consent_needs_one_on_record() -> None:
    decision = ask(leads=(CONSENT_LEAD,), consents=(CONSENT,))

    assert decision.may_call
    assert decision.ground is not None
    assert (decision.ground.kind, decision.ground.source_id) == (GroundKind.LEAD, "contest")
    assert (decision.ground.basis, decision.ground.consent_id) == (Basis.CONSENT, "consent-1")
    assert codes(ask(leads=(CONSENT_LEAD,))) == ["no_lawful_basis"]


def test_a_balancing_test_does_not_replace_the_consent_a_source_rests_on() -> None:
    assert codes(ask(leads=(replace(CONSENT_LEAD, has_assessment=True),))) == ["no_lawful_basis"]


def test_one_lead_with_a_basis_is_enough() -> None:
    bare = replace(LEAD, id="lead-0", basis=None)

    for leads in ((bare, LEAD), (LEAD, bare)):
        decision = ask(leads=leads)
        assert decision.may_call
        assert decision.ground is not None
        assert decision.ground.id == "lead-1"


def test_a_lead_without_a_basis_gives_way_to_a_relation_that_has_one() -> None:
    decision = ask(leads=(replace(LEAD, basis=None),), relations=(RELATION,))

    assert decision.may_call
    assert decision.ground is not None
    assert decision.ground.kind is GroundKind.RELATION


def test_a_machine_may_call_only_with_a_consent_to_machines() -> None:
    denied = ask(campaign=BY_MACHINE, relations=(RELATION,), consents=(CONSENT,))
    allowed = ask(campaign=BY_MACHINE, consents=(replace(CONSENT, channels=MACHINE),))

    assert (codes(denied), denied.verdict) == (["no_lawful_basis"], Verdict.DENY)
    assert denied.reasons[0].rule == "SE-MFL-19"
    assert allowed.may_call


def test_the_consent_is_the_basis_of_a_machines_call_and_the_lead_its_origin() -> None:
    ground = ask(campaign=BY_MACHINE, consents=(replace(CONSENT, channels=MACHINE),)).ground

    assert ground is not None
    assert (ground.kind, ground.id, ground.basis) == (GroundKind.LEAD, "lead-1", Basis.CONSENT)
    assert ground.consent_id == "consent-1"


def test_a_machines_consent_does_not_mend_a_source_without_a_basis_but_carries_the_call_itself() -> None:
    ground = ask(
        campaign=BY_MACHINE, leads=(replace(LEAD, basis=None),), consents=(replace(CONSENT, channels=MACHINE),)
    ).ground

    assert ground is not None
    assert ground.kind is GroundKind.CONSENT


def test_a_machine_without_source_or_consent_lacks_both() -> None:
    assert codes(ask(campaign=BY_MACHINE, leads=())) == ["no_source", "no_lawful_basis"]


def test_where_the_law_asks_consent_for_every_call_a_lead_or_relation_is_not_enough() -> None:
    assert codes(ask(policy=OPT_IN, relations=(RELATION,))) == ["no_lawful_basis"]
    assert ask(policy=OPT_IN, consents=(CONSENT,)).may_call


# --- source_paused, lead_expired ---


def test_a_paused_source_stops_its_calls() -> None:
    decision = ask(leads=(replace(LEAD, paused=True),))

    assert (codes(decision), decision.verdict) == (["source_paused"], Verdict.DENY)


def test_one_source_that_is_not_paused_is_enough() -> None:
    decision = ask(leads=(replace(LEAD, paused=True), replace(LEAD, id="lead-2", source_id="survey")))

    assert decision.may_call
    assert decision.ground is not None
    assert decision.ground.source_id == "survey"


def test_a_relation_carries_the_call_past_a_paused_source() -> None:
    assert ask(leads=(replace(LEAD, paused=True),), relations=(RELATION,)).may_call
    assert ask(leads=(replace(LEAD, paused=True),), consents=(CONSENT,)).may_call


def test_a_lead_past_its_time_is_not_called() -> None:
    decision = ask(leads=(replace(LEAD, **EXPIRED),))

    assert (codes(decision), decision.verdict) == (["lead_expired"], Verdict.DENY)
    assert decision.ground is None
    assert ask(leads=(replace(LEAD, expires_at=at("2026-11-18T12:00:01")),)).may_call


def test_one_lead_within_its_time_is_enough() -> None:
    assert ask(leads=(replace(LEAD, **EXPIRED), replace(LEAD, id="lead-2"))).may_call


def test_a_consent_or_relation_carries_the_call_past_an_expired_lead() -> None:
    assert ask(leads=(replace(LEAD, **EXPIRED),), consents=(CONSENT,)).may_call
    assert ask(leads=(replace(LEAD, **EXPIRED),), relations=(RELATION,)).may_call


def test_of_one_lead_paused_and_one_expired_the_pause_is_what_stops_the_call() -> None:
    """Lifting the pause would open the call; the expired lead could not carry it whatever its source's state."""
    decision = ask(leads=(replace(LEAD, paused=True), replace(LEAD, id="lead-2", **EXPIRED)))

    assert codes(decision) == ["source_paused"]


def test_a_lead_both_paused_and_expired_is_said_to_be_both() -> None:
    assert codes(ask(leads=(replace(LEAD, paused=True, **EXPIRED),))) == ["source_paused", "lead_expired"]


def test_of_one_lead_paused_and_one_without_a_basis_the_pause_is_what_stops_the_call() -> None:
    decision = ask(leads=(replace(LEAD, paused=True), replace(LEAD, id="lead-2", basis=None)))

    assert codes(decision) == ["source_paused"]


def test_of_one_lead_expired_and_one_without_a_basis_the_basis_is_what_is_lacking() -> None:
    decision = ask(leads=(replace(LEAD, **EXPIRED), replace(LEAD, id="lead-2", basis=None)))

    assert codes(decision) == ["no_lawful_basis"]


def test_the_consents_of_a_paused_source_are_in_doubt_with_it() -> None:
    """What is on record may be what that source delivered: it neither carries the call nor lifts the register."""
    paused = replace(CONSENT_LEAD, paused=True)

    assert codes(ask(leads=(paused,), consents=(CONSENT,))) == ["no_lawful_basis", "source_paused"]
    assert codes(ask(leads=(paused, replace(LEAD, id="lead-2")), consents=(CONSENT,), register=LISTED)) == [
        "on_register"
    ]


def test_another_source_of_consents_that_is_not_paused_ends_that_doubt() -> None:
    paused = replace(CONSENT_LEAD, paused=True)
    other = replace(CONSENT_LEAD, id="lead-2", source_id="survey")

    assert ask(leads=(paused, other), consents=(CONSENT,), register=LISTED).may_call
    not_yet = replace(other, collected_at=at("2026-11-19T00:00"))
    assert not ask(leads=(paused, not_yet), consents=(CONSENT,)).may_call


def test_a_lead_to_be_collected_from_a_paused_source_casts_the_same_doubt_already() -> None:
    paused = replace(CONSENT_LEAD, paused=True, collected_at=at("2026-11-19T00:00"))

    assert codes(ask(leads=(paused,), consents=(CONSENT,))) == ["no_source"]


# --- the ground that is named ---


def test_the_lead_is_named_before_consent_and_relation_because_the_person_must_be_told_of_it() -> None:
    ground = ask(consents=(CONSENT,), relations=(RELATION,)).ground

    assert ground is not None
    assert ground.kind is GroundKind.LEAD


def test_a_consent_is_named_before_a_relation() -> None:
    ground = ask(leads=(), consents=(CONSENT,), relations=(RELATION,)).ground

    assert ground is not None
    assert ground.kind is GroundKind.CONSENT


def test_of_several_leads_the_one_that_may_be_used_longest_is_named() -> None:
    longer = replace(LEAD, id="lead-9", expires_at=at("2028-01-01T00:00"))
    longest = replace(LEAD, id="lead-8", expires_at=None)

    for leads, named in (((LEAD, longer), "lead-9"), ((longer, LEAD), "lead-9"), ((longer, longest), "lead-8")):
        ground = ask(leads=leads).ground
        assert ground is not None
        assert ground.id == named


def test_of_equal_leads_the_same_one_is_named_in_whatever_order_they_come() -> None:
    twin = replace(LEAD, id="lead-2")
    other_source = replace(LEAD, source_id="another")

    for leads in ((LEAD, twin), (twin, LEAD), (LEAD, other_source), (other_source, LEAD)):
        ground = ask(leads=leads).ground
        assert ground is not None
        assert ground.id == "lead-1"
    assert ask(leads=(LEAD, other_source)).ground == ask(leads=(other_source, LEAD)).ground


def test_a_no_still_names_the_origin_that_sales_must_be_able_to_see() -> None:
    decision = ask(register=LISTED)

    assert decision.ground is not None
    assert decision.ground.source_id == "contest"


def test_a_lead_that_lacks_its_basis_is_still_named_as_the_origin() -> None:
    ground = ask(leads=(replace(LEAD, has_assessment=False),)).ground

    assert ground is not None
    assert (ground.source_id, ground.basis) == ("contest", Basis.LEGITIMATE_INTEREST)


@pytest.mark.parametrize("change", [{"paused": True}, EXPIRED], ids=["paused", "expired"])
def test_a_paused_or_expired_lead_is_not_named(change: dict[str, Any]) -> None:
    assert ask(leads=(replace(LEAD, **change),)).ground is None


def test_a_relation_is_named_as_the_origin_of_a_call_that_lacks_consent() -> None:
    ground = ask(campaign=BY_MACHINE, leads=(), relations=(RELATION,)).ground

    assert ground is not None
    assert ground.kind is GroundKind.RELATION


def test_an_expired_lead_without_a_basis_lacks_both_and_no_more() -> None:
    assert codes(ask(leads=(replace(LEAD, basis=None, **EXPIRED),))) == ["no_lawful_basis", "lead_expired"]


def test_an_expired_leads_open_source_does_not_excuse_the_paused_one() -> None:
    expired = replace(LEAD, basis=None, **EXPIRED)
    paused = replace(LEAD, id="lead-2", basis=None, paused=True)

    assert codes(ask(leads=(expired, paused))) == ["no_lawful_basis", "source_paused"]


def test_leads_that_differ_in_basis_alone_are_named_in_the_same_way_in_whatever_order() -> None:
    leads = (LEAD, CONSENT_LEAD)
    one = ask(leads=leads, consents=(CONSENT,)).ground
    other = ask(leads=leads[::-1], consents=(CONSENT,)).ground

    assert one is not None
    assert one == other
    assert one.basis is Basis.CONSENT


def test_a_consent_without_an_end_leaves_the_lead_its_own() -> None:
    ground = ask(leads=(CONSENT_LEAD,), consents=(CONSENT,)).ground

    assert ground is not None
    assert ground.until == CONSENT_LEAD.expires_at


def test_a_lead_without_an_end_takes_that_of_its_consent() -> None:
    ending = replace(CONSENT, expires_at=at("2026-12-01T00:00"))
    ground = ask(leads=(replace(CONSENT_LEAD, expires_at=None),), consents=(ending,)).ground

    assert ground is not None
    assert ground.until == ending.expires_at
