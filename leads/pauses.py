"""Pauses of suppliers, sources and lead files: each takes effect at the next check, and is kept on record."""

from datetime import datetime

from sqlalchemy.orm import Session

from core.access import Caller, Right
from core.errors import Forbidden, InvalidInput
from core.ledger import Event, put_on_record
from leads.models import LeadFile, Source, Supplier
from leads.suppliers import lead_file_of, source_of, supplier_named


def pause_supplier(session: Session, caller: Caller, *, slug: str, reason: str, now: datetime) -> None:
    """Deny every lead of the supplier from the next check on, for every seller; once paused, nothing changes.

    Raises:
        InvalidInput: no reason is given.
        NotFound: there is no such supplier.
        Forbidden: the caller acts for one seller only, and a supplier serves all.
    """
    supplier = _for_every_seller(session, caller, slug)
    _pause(session, caller, supplier, None, reason, now)


def resume_supplier(session: Session, caller: Caller, *, slug: str) -> None:
    """End the supplier's pause, if it is paused. Raises as ``pause_supplier``."""
    _resume(session, caller, _for_every_seller(session, caller, slug), None)


def pause_source(session: Session, caller: Caller, *, slug: str, reason: str, now: datetime) -> None:
    """Deny every lead of the source from the next check on; once paused, nothing changes.

    Raises:
        InvalidInput: no reason is given.
        NotFound: there is no such source for this caller.
    """
    caller.require(Right.PAUSE_SOURCES)
    source = source_of(session, caller, slug)
    _pause(session, caller, source, source.seller_id, reason, now)


def resume_source(session: Session, caller: Caller, *, slug: str) -> None:
    """End the source's pause, if it is paused. Raises as ``pause_source``."""
    caller.require(Right.PAUSE_SOURCES)
    source = source_of(session, caller, slug)
    _resume(session, caller, source, source.seller_id)


def pause_lead_file(session: Session, caller: Caller, *, lead_file_id: str, reason: str, now: datetime) -> None:
    """Deny every lead of the file from the next check on; once paused, nothing changes.

    Raises:
        InvalidInput: no reason is given.
        NotFound: there is no such file for this caller.
    """
    caller.require(Right.PAUSE_SOURCES)
    lead_file, source = lead_file_of(session, caller, lead_file_id)
    _pause(session, caller, lead_file, source.seller_id, reason, now)


def resume_lead_file(session: Session, caller: Caller, *, lead_file_id: str) -> None:
    """End the file's pause, if it is paused. Raises as ``pause_lead_file``."""
    caller.require(Right.PAUSE_SOURCES)
    lead_file, source = lead_file_of(session, caller, lead_file_id)
    _resume(session, caller, lead_file, source.seller_id)


def _for_every_seller(session: Session, caller: Caller, slug: str) -> Supplier:
    caller.require(Right.PAUSE_SOURCES)
    if caller.seller_id is not None:
        raise Forbidden("a supplier serves every seller: pause your own sources instead")
    return supplier_named(session, slug)


Pausable = Supplier | Source | LeadFile
_KINDS: dict[type[Pausable], str] = {Supplier: "supplier", Source: "source", LeadFile: "lead_file"}


def _pause(
    session: Session, caller: Caller, thing: Pausable, seller_id: str | None, reason: str, now: datetime
) -> None:
    if not reason.strip():
        raise InvalidInput("a pause needs a reason")
    if thing.paused_at is not None:
        return
    thing.paused_at, thing.paused_reason = now, reason.strip()
    session.flush()
    kind = f"{_KINDS[type(thing)]}.paused"
    put_on_record(session, Event(kind, thing.id, caller.actor, seller_id, {"reason": thing.paused_reason}))


def _resume(session: Session, caller: Caller, thing: Pausable, seller_id: str | None) -> None:
    if thing.paused_at is None:
        return
    was = thing.paused_reason
    thing.paused_at = thing.paused_reason = None
    session.flush()
    put_on_record(session, Event(f"{_KINDS[type(thing)]}.resumed", thing.id, caller.actor, seller_id, {"was": was}))
