"""Pauses of suppliers, sources and lead files: each takes effect at the next check, and is kept on record.

A quarantine (``leads.quarantines``) is a pause too; pausing what is quarantined leaves it so, and only compliance ends
that. The pause of a file that is withdrawn (``leads.withdrawals``) nobody ends.
"""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.access import Caller, Right
from core.clock import utc
from core.errors import Forbidden, InvalidInput
from core.ledger import Event, put_on_record
from core.naming import trimmed
from leads.errors import LeadFileWithdrawn
from leads.models import LeadFile, PauseMark, Source, Supplier
from leads.suppliers import lead_file_of, source_of, supplier_named

REASON_LENGTH = 1000
PAUSED, QUARANTINED, RESUMED, WITHDRAWN = "paused", "quarantined", "resumed", "withdrawn"
MARKS = ("paused_at", "paused_reason", "quarantined_at", "resumed_at")


def pause_supplier(session: Session, caller: Caller, *, slug: str, reason: str, now: datetime) -> None:
    """Deny every lead of the supplier from the next check on, for every seller; if paused, note a new reason.

    Raises:
        InvalidInput: no reason is given, or a very long one.
        NotFound: there is no such supplier.
        Forbidden: the caller acts for one seller only, and a supplier serves all.
    """
    supplier = for_every_seller(session, caller, slug)
    pause(session, caller, supplier, None, reason, now)


def resume_supplier(session: Session, caller: Caller, *, slug: str, now: datetime) -> None:
    """End the supplier's pause, if it is paused; of a quarantine, only for compliance. Raises as ``pause_supplier``."""
    _resume(session, caller, for_every_seller(session, caller, slug), None, now)


def pause_source(session: Session, caller: Caller, *, slug: str, reason: str, now: datetime) -> bool:
    """Deny every lead of the source from the next check on; if paused, note a new reason. Return whether that is new.

    Raises:
        InvalidInput: no reason is given, or a very long one.
        NotFound: there is no such source for this caller.
    """
    caller.require(Right.PAUSE_SOURCES)
    source = source_of(session, caller, slug)
    return pause(session, caller, source, source.seller_id, reason, now)


def resume_source(session: Session, caller: Caller, *, slug: str, now: datetime) -> None:
    """End the source's pause, if it is paused; of a quarantine, only for compliance. Raises as ``pause_source``."""
    caller.require(Right.PAUSE_SOURCES)
    source = source_of(session, caller, slug)
    _resume(session, caller, source, source.seller_id, now)


def pause_lead_file(session: Session, caller: Caller, *, lead_file_id: str, reason: str, now: datetime) -> None:
    """Deny every lead of the file from the next check on; if paused, note a new reason.

    Raises:
        InvalidInput: no reason is given, or a very long one.
        NotFound: there is no such file for this caller.
        LeadFileWithdrawn: it is withdrawn.
    """
    caller.require(Right.PAUSE_SOURCES)
    lead_file, source = lead_file_of(session, caller, lead_file_id)
    pause(session, caller, lead_file, source.seller_id, reason, now)


def resume_lead_file(session: Session, caller: Caller, *, lead_file_id: str, now: datetime) -> None:
    """End the file's pause, if it is paused; of a quarantine, only for compliance. Raises as ``pause_lead_file``."""
    caller.require(Right.PAUSE_SOURCES)
    lead_file, source = lead_file_of(session, caller, lead_file_id)
    _resume(session, caller, lead_file, source.seller_id, now)


def for_every_seller(session: Session, caller: Caller, slug: str) -> Supplier:
    """Return the supplier, to be paused for everybody.

    Raises:
        NotFound: there is no such supplier.
        Forbidden: the caller may not pause, or acts for one seller only.
    """
    caller.require(Right.PAUSE_SOURCES)
    supplier = supplier_named(session, slug)
    if caller.seller_id is not None:
        raise Forbidden("a supplier serves every seller: pause your own sources instead")
    return supplier


Pausable = Supplier | Source | LeadFile
_KINDS: dict[type[Pausable], str] = {Supplier: "supplier", Source: "source", LeadFile: "lead_file"}


def kind_of(thing: Pausable) -> str:
    """Return how the ledger's kinds begin for such a thing."""
    return _KINDS[type(thing)]


def locked(session: Session, thing: Pausable) -> None:
    """Read the thing's marks anew and hold them: nobody else pauses, quarantines or resumes it meanwhile.

    Raises:
        LeadFileWithdrawn: it is a file that is withdrawn.
    """
    hold_marks(session, thing)
    if isinstance(thing, LeadFile) and thing.withdrawn_at is not None:
        raise LeadFileWithdrawn("it is paused for good")


def hold_marks(session: Session, thing: Pausable) -> None:
    """Read the thing's marks anew and hold them, also those of a file that is withdrawn."""
    marks = (*MARKS, "withdrawn_at") if isinstance(thing, LeadFile) else MARKS
    session.refresh(thing, marks, with_for_update=True)


def pause(session: Session, caller: Caller, thing: Pausable, seller_id: str | None, reason: str, now: datetime) -> bool:
    """Pause the thing; if it is paused already, note the new reason. Return whether it was not paused.

    Raises:
        InvalidInput: no reason is given, or a very long one.
    """
    reason = sound_reason(reason, "a pause")
    locked(session, thing)
    if thing.paused_at is not None:
        add_reason(session, caller, thing, seller_id, reason)
        return False
    thing.paused_at, thing.paused_reason = now, reason
    keep_mark(session, caller, thing, PAUSED, reason, now)
    session.flush()
    payload = {"reason": reason, "recorded_at": utc(now)}
    put_on_record(session, Event(f"{kind_of(thing)}.paused", thing.id, caller.actor, seller_id, payload))
    return True


def sound_reason(reason: str, what: str) -> str:
    """Return the reason, trimmed.

    Raises:
        InvalidInput: there is none, or it is very long; ``what`` needs it.
    """
    reason = trimmed(reason)
    if not 1 <= len(reason) <= REASON_LENGTH:
        raise InvalidInput(f"{what} needs a reason of at most {REASON_LENGTH} characters")
    return reason


def keep_mark(session: Session, caller: Caller, thing: Pausable, became: str, reason: str, now: datetime) -> None:
    """Keep that the thing became so at ``now``, for whoever asks about that moment later; the thing is ``locked``."""
    newest = session.scalar(select(func.max(PauseMark.no)).where(PauseMark.subject_id == thing.id))
    session.add(
        PauseMark(
            subject_id=thing.id,
            no=1 + (newest or 0),
            became=became,
            recorded_at=now,
            recorded_by=caller.actor,
            reason=reason,
        )
    )


def add_reason(session: Session, caller: Caller, thing: Pausable, seller_id: str | None, reason: str) -> None:
    """Put on record that there is another reason for a pause that stands; its own reason stays."""
    if reason != thing.paused_reason:
        kind = f"{kind_of(thing)}.reason_added"
        put_on_record(session, Event(kind, thing.id, caller.actor, seller_id, {"reason": reason}))


def _resume(session: Session, caller: Caller, thing: Pausable, seller_id: str | None, now: datetime) -> None:
    locked(session, thing)
    if thing.paused_at is None:
        return
    if thing.quarantined_at is not None and not caller.may(Right.QUARANTINE):
        raise Forbidden("it is quarantined: only compliance may end that")
    was, was_quarantined = thing.paused_reason, thing.quarantined_at is not None
    thing.paused_at = thing.paused_reason = thing.quarantined_at = None
    thing.resumed_at = now
    keep_mark(session, caller, thing, RESUMED, "", now)
    session.flush()
    payload = {"was": was, "was_quarantined": was_quarantined, "recorded_at": utc(now)}
    put_on_record(session, Event(f"{kind_of(thing)}.resumed", thing.id, caller.actor, seller_id, payload))
