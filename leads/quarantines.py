"""Quarantines of suppliers, sources and lead files: pauses that only compliance may end.

A quarantine denies every lead at the next check, as a pause does; and since only what may be called is exported, it
keeps the leads out of exports. Nothing is announced in the change feed: it is read number by number, and a source may
have a million of them. No permission outlives a few minutes, and none is given after this.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.access import Caller, Right
from core.clock import utc
from core.errors import NotFound
from core.ledger import Event, put_on_record
from leads.deliveries import source_nos_on
from leads.models import Source
from leads.pauses import (
    QUARANTINED,
    Pausable,
    add_reason,
    for_every_seller,
    keep_mark,
    kind_of,
    locked,
    pause,
    sound_reason,
)
from leads.suppliers import lead_file_of, source_of


@dataclass(frozen=True, slots=True)
class Quarantined:
    """Slugs of the sources that were quarantined now, and of those that were already."""

    sources: tuple[str, ...]
    already: tuple[str, ...]


def quarantine_supplier(session: Session, caller: Caller, *, slug: str, reason: str, now: datetime) -> bool:
    """Quarantine every lead of the supplier, for every seller; return whether that is new.

    Raises:
        Forbidden: the caller may not quarantine, or acts for one seller only.
        InvalidInput: no reason is given, or a very long one.
        NotFound: there is no such supplier.
    """
    caller.require(Right.QUARANTINE)
    return _quarantine(session, caller, for_every_seller(session, caller, slug), None, reason, now)


def quarantine_source(session: Session, caller: Caller, *, slug: str, reason: str, now: datetime) -> bool:
    """Quarantine every lead of the source; return whether that is new. Raises as ``quarantine_supplier``."""
    caller.require(Right.QUARANTINE)
    source = source_of(session, caller, slug)
    return _quarantine(session, caller, source, source.seller_id, reason, now)


def quarantine_lead_file(session: Session, caller: Caller, *, lead_file_id: str, reason: str, now: datetime) -> bool:
    """Quarantine every lead of the file; return whether that is new. Raises as ``quarantine_supplier``.

    Raises:
        LeadFileWithdrawn: it is withdrawn.
    """
    caller.require(Right.QUARANTINE)
    lead_file, source = lead_file_of(session, caller, lead_file_id)
    return _quarantine(session, caller, lead_file, source.seller_id, reason, now)


def quarantine_sources_on(
    session: Session, caller: Caller, *, number: int, seller_id: str, reason: str, now: datetime
) -> Quarantined:
    """Quarantine every source of the seller that has a lead on the number: all of them in this unit of work, or none.

    Raises:
        Forbidden: the caller may not quarantine.
        InvalidInput: no reason is given, or a very long one.
        NotFound: the seller is not the caller's, or none of its sources has a lead on the number.
    """
    caller.require(Right.QUARANTINE)
    if caller.seller_id not in (None, seller_id):
        raise NotFound("there is no seller with that slug")
    nos = source_nos_on(session, number, seller_id)
    if not nos:
        raise NotFound("no source of this seller has a lead on the number")
    new: list[str] = []
    already: list[str] = []
    for source in session.scalars(select(Source).where(Source.no.in_(nos)).order_by(Source.no)):
        is_new = _quarantine(session, caller, source, source.seller_id, reason, now)
        (new if is_new else already).append(source.slug)
    return Quarantined(tuple(new), tuple(already))


def _quarantine(
    session: Session, caller: Caller, thing: Pausable, seller_id: str | None, reason: str, now: datetime
) -> bool:
    reason = sound_reason(reason, "a quarantine")
    locked(session, thing)
    if thing.quarantined_at is not None:
        add_reason(session, caller, thing, seller_id, reason)
        return False
    was = thing.paused_reason
    if thing.paused_at is None:
        pause(session, caller, thing, seller_id, reason, now)
    thing.quarantined_at, thing.paused_reason = now, reason
    keep_mark(session, caller, thing, QUARANTINED, reason, now)
    session.flush()
    payload = {"reason": reason, "was": was, "recorded_at": utc(now)}
    put_on_record(session, Event(f"{kind_of(thing)}.quarantined", thing.id, caller.actor, seller_id, payload))
    return True
