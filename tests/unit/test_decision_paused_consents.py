"""Consents that lead files delivered: a paused file, source or supplier takes away its own, and no other."""

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.calls import CONSENT, LEAD, LISTED, MACHINE, RELATION, ask, at, codes
from tests.unit.test_decision_grounds import CONSENT_LEAD, EXPIRED, OPT_IN

PAUSED = replace(CONSENT, id="consent-2", paused=True)


def test_a_consent_of_a_paused_file_carries_no_lead_of_another_source() -> None:
    """Lifting the pause is what would open the call."""
    delivered = replace(CONSENT_LEAD, paused=True)
    bare = replace(CONSENT_LEAD, id="lead-2", source_id="survey")

    assert codes(ask(leads=(delivered, bare), consents=(PAUSED,))) == ["source_paused"]
    assert ask(leads=(replace(delivered, paused=False), bare), consents=(CONSENT,)).may_call


def test_a_consent_of_a_paused_file_lifts_no_register_for_a_lead_that_needs_none() -> None:
    paused = replace(CONSENT_LEAD, id="lead-2", paused=True)
    opened = replace(CONSENT_LEAD, id="lead-3")

    for leads in ((LEAD,), (LEAD, paused), (LEAD, opened, paused)):
        assert codes(ask(leads=leads, consents=(PAUSED,), register=LISTED)) == ["on_register"]
    for leads in ((LEAD,), (LEAD, opened, paused)):
        assert ask(leads=leads, consents=(CONSENT,), register=LISTED).may_call


def test_a_consent_of_a_paused_file_is_no_source_by_itself() -> None:
    for leads in ((), (replace(LEAD, **EXPIRED),), (replace(LEAD, basis=None),)):
        assert codes(ask(leads=leads, consents=(PAUSED,))) == ["source_paused"], leads
        assert ask(leads=leads, consents=(CONSENT,)).may_call, leads
    assert codes(ask(leads=(replace(CONSENT_LEAD, paused=True),), consents=(PAUSED,))) == ["source_paused"]


def test_what_needs_no_consent_is_called_beside_a_consent_of_a_paused_file() -> None:
    assert ask(consents=(PAUSED,)).may_call
    assert ask(leads=(replace(CONSENT_LEAD, paused=True),), consents=(PAUSED,), relations=(RELATION,)).may_call


def test_where_the_call_needs_consent_the_pause_of_the_only_one_is_what_stops_it() -> None:
    for relations in ((), (RELATION,)):
        assert codes(ask(policy=OPT_IN, consents=(PAUSED,), relations=relations)) == ["source_paused"]
        assert ask(policy=OPT_IN, consents=(CONSENT,), relations=relations).may_call
    assert codes(ask(policy=OPT_IN, leads=(), consents=(PAUSED,))) == ["source_paused"]


@pytest.mark.parametrize(
    "change",
    [
        {"withdrawn_at": at("2026-11-01T00:00")},
        {"names_seller": False},
        {"expires_at": at("2026-11-18T12:00")},
        {"channels": MACHINE},
    ],
    ids=["withdrawn", "names another", "ended", "other channel"],
)
def test_a_consent_that_would_not_hold_without_the_pause_either_is_no_matter_of_the_pause(
    change: dict[str, Any],
) -> None:
    assert codes(ask(leads=(CONSENT_LEAD,), consents=(replace(PAUSED, **change),))) == ["no_lawful_basis"]
    assert codes(ask(leads=(), consents=(replace(PAUSED, **change),))) == ["no_source"]


def test_the_withdrawal_of_a_consent_of_a_paused_file_ends_the_others_all_the_same() -> None:
    withdrawn = replace(PAUSED, withdrawn_at=at("2026-11-01T00:00"))

    assert not ask(leads=(), consents=(withdrawn, CONSENT)).may_call


def test_the_same_permission_stands_if_another_file_that_is_not_paused_delivered_it_too() -> None:
    paused = replace(CONSENT_LEAD, paused=True)

    for leads in ((paused, replace(CONSENT_LEAD, id="lead-2")), (LEAD,), ()):
        decision = ask(leads=leads, consents=(PAUSED, CONSENT), register=LISTED)
        assert decision.may_call, leads
        assert decision.register is not None
        assert decision.register.lifted_by is not None
        assert decision.register.lifted_by.consent_id == "consent-1"


def test_every_consent_is_in_doubt_while_every_source_that_rests_on_consent_is_paused() -> None:
    """Whatever its evidence says of where it comes from."""
    paused = replace(CONSENT_LEAD, paused=True)

    assert codes(ask(leads=(paused,), consents=(PAUSED, CONSENT))) == ["source_paused"]
    assert ask(leads=(paused, replace(CONSENT_LEAD, id="lead-2")), consents=(PAUSED, CONSENT)).may_call
    assert ask(leads=(LEAD,), consents=(PAUSED, CONSENT), register=LISTED).may_call


def test_a_lead_that_is_not_paused_is_named_as_the_origin_beside_the_paused_consent() -> None:
    ground = ask(leads=(CONSENT_LEAD,), consents=(PAUSED,)).ground

    assert ground is not None
    assert (ground.source_id, ground.consent_id) == ("contest", None)
    assert ask(leads=(replace(CONSENT_LEAD, paused=True),), consents=(PAUSED,)).ground is None
