"""Whether a call that took place was permitted: by its check, by the clock, and by what came in between.

One set of rules for the calls that dialers log and for those that a carrier's records show.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from itertools import chain
from typing import Any, Protocol

from sqlalchemy import BindParameter, bindparam, select
from sqlalchemy.orm import Session

from consent.terms import read_channels
from core.clock import CLOCK_SLACK
from core.database import any_of, any_of_value
from core.numbers import Number
from dnc.decision import decide
from dnc.facts import AttemptsFact
from dnc.gathering import Listed
from dnc.history.campaigns import PastCampaign, campaigns_with
from dnc.history.facts import Asked, facts_from
from dnc.history.rows import Past, past_of
from dnc.models import Hold, OptOut, OptOutRelease, Restriction
from dnc.policies.catalogue import policy_for
from dnc.reasons import ReasonCode


class Fault(StrEnum):
    """Why a call was not permitted by its check."""

    DENIED_CHECK = "denied_check"
    BEFORE_CHECK = "before_check"
    AFTER_END = "after_end"
    CHECK_USED = "check_used"
    AFTER_OPT_OUT = "after_opt_out"
    DURING_HOLD = "during_hold"
    DURING_RESTRICTION = "during_restriction"
    AFTER_RETRACTION = "after_retraction"


@dataclass(frozen=True, slots=True)
class Stop:
    """A no that was in force from ``since`` until ``until`` (None: it still is), on ``channels`` (None: on all)."""

    fault: Fault
    since: datetime
    until: datetime | None
    channels: frozenset[str] | None

    def holds_at(self, at: datetime, channel: str) -> bool:
        """Return whether it stood in the way of a call on ``channel`` at ``at``."""
        within = self.since <= at and (self.until is None or at < self.until)
        return within and (self.channels is None or channel in self.channels)


class CheckAnswer(Protocol):
    """A check, as far as it speaks of the calls that it permits."""

    @property
    def verdict(self) -> str:
        """Its verdict."""
        ...

    @property
    def checked_at(self) -> datetime:
        """When it was made."""
        ...

    @property
    def valid_until(self) -> datetime | None:
        """The instant from which it permits no call; None if it never did."""
        ...


def fault_of_check(check: CheckAnswer, started_at: datetime) -> Fault | None:
    """Return why the check by itself did not permit a call at ``started_at``, or None if it did. Pure."""
    if check.verdict != "allow" or check.valid_until is None:
        return Fault.DENIED_CHECK
    if started_at < check.checked_at - CLOCK_SLACK:
        return Fault.BEFORE_CHECK
    return Fault.AFTER_END if started_at >= check.valid_until else None


def fault_of_stops(stops: Sequence[Stop], channel: str, at: datetime) -> Fault | None:
    """Return what stood in the way of a call at ``at``, an opt-out before all else, or None. Pure."""
    holding = {stop.fault for stop in stops if stop.holds_at(at, channel)}
    return next((fault for fault in Fault if fault in holding), None)


def stops_on(session: Session, numbers: Collection[int], seller_id: str) -> Mapping[int, Sequence[Stop]]:
    """Return by number every opt-out, hold and restriction that ever spoke to the seller.

    An opt-out that names no channel is one from all of them, as in ``decide``.
    Three statements whatever the numbers, by ix_opt_outs_number, ix_holds_number and ix_restrictions_number.
    """
    wanted: BindParameter[Any] = bindparam("numbers")  # Any: a list in each dialect's own form
    listed = {"numbers": any_of_value(session.get_bind().dialect.name, set(numbers))}
    found: dict[int, list[Stop]] = {}
    opt_outs = (
        select(OptOut.number, OptOut.recorded_at, OptOutRelease.released_at, OptOut.channels)
        .outerjoin(OptOutRelease, OptOutRelease.opt_out_id == OptOut.id)
        .where(any_of(OptOut.number, wanted), (OptOut.seller_id == seller_id) | OptOut.seller_id.is_(None))
    )
    for number, since, until, channels in session.execute(opt_outs, listed):
        found.setdefault(number, []).append(Stop(Fault.AFTER_OPT_OUT, since, until, read_channels(channels) or None))
    holds = select(Hold.number, Hold.made_at, Hold.closed_at).where(
        any_of(Hold.number, wanted), Hold.seller_id == seller_id
    )
    restrictions = select(Restriction.number, Restriction.made_at, Restriction.ended_at).where(
        any_of(Restriction.number, wanted),
        (Restriction.seller_id == seller_id) | Restriction.seller_id.is_(None),
    )
    for fault, query in ((Fault.DURING_HOLD, holds), (Fault.DURING_RESTRICTION, restrictions)):
        for number, made_at, ended_at in session.execute(query, listed):
            found.setdefault(number, []).append(Stop(fault, made_at, ended_at, None))
    return found


@dataclass(frozen=True, slots=True)
class CallOnCheck:
    """A call that its check permits by the clock, if what the check rested on still stood when the call began."""

    number: int
    campaign_id: str
    checked_at: datetime
    started_at: datetime


def retracted(session: Session, listed: Listed, calls: Sequence[CallOnCheck]) -> list[bool]:
    """Return for each call whether a reason against it was put on record after its check and by its start.

    Of every kind that a check at the call's start would have found: a consent withdrawn, a source paused, a campaign
    closed, a register loaded, a rule of the seller's … Decided anew from the tables by ``decide``; of attempts nothing
    is asked, as the check held its own. What came in between and left the call as permitted as before is no reason.

    ``listed`` is ``RegisterShelf.listed``. A handful of statements whatever the calls; none if all began before their
    checks.
    """
    later = [one for one in calls if one.started_at > one.checked_at]
    if not later:
        return [False] * len(calls)
    connection, last = session.connection(), max(one.started_at for one in later)
    past = past_of(connection, {one.number for one in later}, contacts_since=last, permissions_since=last)
    campaigns = campaigns_with(connection, {one.campaign_id for one in calls})
    return [_is_retracted(past, campaigns[one.campaign_id], listed, one) for one in calls]


def _is_retracted(past: Past, campaign: PastCampaign, listed: Listed, call: CallOnCheck) -> bool:
    changed_at = chain(campaign.changed_at(), past.changed_at(call.number))
    if not any(call.checked_at < moment <= call.started_at for moment in changed_at):
        return False
    # Which leads of a file were there while it was being read nobody can tell: what came after the check is left out.
    leads = [
        lead
        for lead in past.leads.get(call.number, ())
        if not call.checked_at < lead.received_at <= call.started_at < lead.settled_at
    ]
    known = replace(past, leads={call.number: leads})
    before, then = (_reasons(known, campaign, listed, call, at) for at in (call.checked_at, call.started_at))
    return not then <= before


def _reasons(past: Past, campaign: PastCampaign, listed: Listed, call: CallOnCheck, at: datetime) -> set[ReasonCode]:
    """Return every reason against the call at the moment, by what was on record then."""
    number = Number(call.number)
    facts = facts_from(past, campaign, Asked(number, campaign.id, at, known_at=at), listed)
    decision = decide(replace(facts, attempts=AttemptsFact(())), policy_for(number.country, at), at)
    return {reason.code for reason in decision.reasons}
