"""A number's past in two times: how it stood at a moment, all that led there, and what was learnt of it only later."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from core.access import Caller, Right, Role
from core.clock import EPOCH
from core.numbers import Number
from dnc.calendar import MIDNIGHT, local_instant
from dnc.decision import decide
from dnc.gathering import Listed
from dnc.history.campaigns import PastCampaign, campaigns_at
from dnc.history.differences import CampaignStanding, Difference, differences
from dnc.history.events import EventKind, OriginNames, PastEvent, events_of, in_order
from dnc.history.facts import Asked, facts_from, version_at
from dnc.history.rows import (
    Past,
    PastRegisterVersion,
    past_of,
    read_unweighed,
)
from dnc.policies.catalogue import policy_for
from leads.queries import leads_on

CAMPAIGNS = 100
"""For how many campaigns at most, by slug, it is said whether the number could be called."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """A number's past: what it was worth at ``as_of`` by what was known at ``known_at`` and by what is known now.

    ``history`` is all that was on record by now, in the order in which it was true; what came after ``as_of`` too.
    """

    as_of: datetime
    known_at: datetime
    standing: Sequence[CampaignStanding]
    history: Sequence[PastEvent]
    differences: Sequence[Difference]


def timeline(
    session: Session,
    caller: Caller,
    listed: Listed,
    *,
    number: Number,
    as_of: datetime | None,
    known_at: datetime | None,
    now: datetime,
) -> Timeline:
    """Return the number's past as far as the caller's role may see it: for sales, nothing of it.

    That another dialer's answer held the attempt is left out: the question is whether the number could be called.
    ``as_of`` is now by default, and ``known_at`` is ``as_of``: as known then. Nothing goes on record here; whoever
    looks a number up for somebody puts that on record (``dnc.lookups.look_up``). A score of indexed statements, and at
    most three register snapshots are asked.

    Raises:
        Forbidden: the caller may not look up numbers.
    """
    caller.require(Right.LOOK_UP)
    at = as_of or now
    known = known_at or at
    if caller.role is Role.SALES:
        return Timeline(at, known, (), (), ())
    connection, value = session.connection(), number.value
    past = past_of(connection, [value], contacts_since=EPOCH, permissions_since=now)
    read_unweighed(connection, past, [value])
    standings = [
        _standing(past, campaign, number, listed, at, known, now)
        for campaign in campaigns_at(connection, caller.seller_id, at)[:CAMPAIGNS]
    ]
    events = events_of(past, value, _names(session, past, value), caller.seller_id)
    events = in_order([*events, *_register_events(past, number, listed, at, known, now)])
    late = differences(events, standings, at=at, known_at=known)
    return Timeline(at, known, standings, events, late)


def _standing(
    past: Past,
    campaign: PastCampaign,
    number: Number,
    listed: Listed,
    at: datetime,
    known_at: datetime,
    now: datetime,
) -> CampaignStanding:
    policy = policy_for(number.country, at)
    then, today = (
        decide(facts_from(past, campaign, Asked(number, campaign.id, at, known, counts_held=False), listed), policy, at)
        for known in (known_at, max(now, known_at))
    )
    return CampaignStanding(campaign.slug, then, today)


def _names(session: Session, past: Past, number: int) -> OriginNames:
    """Return what the number's sources, suppliers and files are called."""
    names: dict[str, str] = {}
    suppliers = {lead.id: lead.supplier_id for lead in past.leads.get(number, ())}
    for origin in leads_on(session, number):
        if origin.lead_id not in suppliers:
            continue  # it came after the past was read
        names[origin.source_id] = origin.source_name or ""
        names[origin.lead_file_id] = origin.file_name or ""
        names[suppliers[origin.lead_id]] = origin.supplier_name or ""
    return OriginNames(names)


def _register_events(
    past: Past, number: Number, listed: Listed, at: datetime, known_at: datetime, now: datetime
) -> list[PastEvent]:
    """Return the versions that spoke: as known then, as known now, and the one in force now."""
    versions = past.versions.get(number.country or "", ())
    asked = (version_at(versions, at, known_at), version_at(versions, at, now), version_at(versions, now, now))
    found = {one.id: one for one in asked if one is not None}
    return [_register_event(one, listed(one.snapshot, number.value)) for one in found.values()]


def _register_event(version: PastRegisterVersion, is_listed: bool | None) -> PastEvent:
    said = {
        True: "lists the number",
        False: "does not list the number",
        None: "tells nothing of the number: it is not covered, or cannot be read any more",
    }[is_listed]
    policy = policy_for(version.country, version.loaded_at)
    true_at = version.loaded_at if policy is None else local_instant(version.as_of, MIDNIGHT, policy.zone)
    text = f"the register {version.register} of {version.as_of} {said}"
    return PastEvent(EventKind.REGISTER, true_at, version.loaded_at, version.loaded_by, None, version.id, text)
