"""A call that may be placed, in plain values, and the means to ask about it with one thing changed."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from consent.terms import Basis, Channel
from dnc.decision import Decision, decide
from dnc.facts import (
    AttemptsFact,
    CallFacts,
    CampaignFact,
    ConsentFact,
    LeadFact,
    NumberFact,
    RegisterFact,
    RelationFact,
)
from dnc.policies.catalogue import SE_2026_1, Policy
from leads.terms import SourceKind

STOCKHOLM = ZoneInfo("Europe/Stockholm")
VOICE = frozenset({Channel.VOICE})
MACHINE = frozenset({Channel.AUTOMATED_VOICE})


def at(text: str) -> datetime:
    """An instant by the clock in Stockholm."""
    return datetime.fromisoformat(text).replace(tzinfo=STOCKHOLM)


NOON = at("2026-11-18T12:00")  # a Wednesday
LONG = replace(SE_2026_1, version="test-long", answer_cap=timedelta(days=1000))

LEAD = LeadFact(
    id="lead-1",
    source_id="contest",
    source_kind=SourceKind.PARTNER,
    basis=Basis.LEGITIMATE_INTEREST,
    has_assessment=True,
    paused=False,
    collected_at=at("2026-10-01T10:00"),
    expires_at=at("2027-10-01T10:00"),
    birth_date=None,
)
CONSENT = ConsentFact("consent-1", True, VOICE, given_at=at("2026-10-01T10:00"), expires_at=None, withdrawn_at=None)
RELATION = RelationFact("relation-1", "energy", started_at=at("2024-01-01T00:00"), fulfilled_at=None)
FRESH = RegisterFact("nix", "v1", as_of=date(2026, 11, 15), listed=False)
LISTED = replace(FRESH, listed=True)
CAMPAIGN = CampaignFact("energy", Channel.VOICE, is_open=True, opens_weekends=False)
BY_MACHINE = replace(CAMPAIGN, channel=Channel.AUTOMATED_VOICE)

CALLABLE = CallFacts(
    number=NumberFact("SE", "mobile", valid=True),
    campaign=CAMPAIGN,
    opt_outs=(),
    holds=(),
    restrictions=(),
    register=FRESH,
    leads=(LEAD,),
    consents=(),
    relations=(),
    attempts=AttemptsFact(()),
)


def ask(now: datetime = NOON, policy: Policy | None = SE_2026_1, **known: Any) -> Decision:
    """The decision on a callable number with these facts changed."""
    return decide(replace(CALLABLE, **known), policy, now)


def codes(decision: Decision) -> list[str]:
    """The codes of a decision's reasons, in its order."""
    return [reason.code.value for reason in decision.reasons]


def called(*times: str) -> AttemptsFact:
    """Attempts at these times by the clock in Stockholm."""
    return AttemptsFact(tuple(at(time) for time in times))
