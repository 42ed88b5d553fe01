"""Holds: a temporary block while customer service looks at what was reported from a call, or said by a lead file.

A seller's staff can report an objection, which blocks at once; only customer service turns it into an opt-out or
closes it.
"""

from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from consent.terms import EVERY_CHANNEL
from core.access import Caller, Right
from core.changes import ChangeKind, NewChange, announce
from core.database import lock_key, number_lock
from core.errors import InvalidInput, Kind, NotFound, ServiceError
from core.ids import new_id
from core.ledger import Event, put_on_record
from core.naming import trimmed
from core.secrets import Keyring
from dnc.models import Hold

FROM_LEAD_FILE = "lead file "
"""How the note begins of a hold that a lead file made, and nobody in a call."""
HOLD_LOCKS = 0x52494E47_030000  # PostgreSQL advisory locks: the reports on one number, one after the other


class HoldClosed(ServiceError):
    """The hold was closed before; nothing was changed."""

    kind, code, title = Kind.CONFLICT, "hold-closed", "The hold is already closed"


def make_hold(
    session: Session,
    caller: Caller,
    keyring: Keyring,
    *,
    number: int,
    seller_id: str,
    reason: str,
    contact_id: str | None,
    note: str,
    now: datetime,
) -> Hold:
    """Return a new hold on the number for the seller; it blocks from the commit on."""
    hold = Hold(
        id=new_id(),
        seller_id=seller_id,
        number=number,
        reason=reason,
        contact_id=contact_id,
        note=note,
        made_at=now,
        made_by=caller.actor,
    )
    session.add(hold)
    payload = {"number": keyring.number_hash(number), "reason": reason, "contact": contact_id}
    put_on_record(session, Event("hold.made", hold.id, caller.actor, seller_id, payload))
    announce(session, NewChange(now, ChangeKind.HOLD, number, seller_id, hold.id, EVERY_CHANNEL))
    return hold


def report_objection(
    session: Session, caller: Caller, keyring: Keyring, *, number: int, seller_id: str, note: str, now: datetime
) -> Hold:
    """Return the hold that a reported objection makes; customer service finds it among its tasks.

    Idempotent while that hold is open: the same report of the same caller again, as a form sent twice, makes no other.

    Raises:
        Forbidden: the caller may not report objections.
        NotFound: the seller is not the caller's.
    """
    caller.require(Right.REPORT_OBJECTION)
    if caller.seller_id not in (None, seller_id):
        raise NotFound("there is no seller with that slug")
    lock_key(session, number_lock(HOLD_LOCKS, number))
    same = select(Hold).where(*_open(seller_id), Hold.number == number, Hold.contact_id.is_(None))
    known = session.scalars(same.where(Hold.made_by == caller.actor, Hold.note == note)).first()
    if known is not None:
        return known
    return make_hold(
        session,
        caller,
        keyring,
        number=number,
        seller_id=seller_id,
        reason="objected",
        contact_id=None,
        note=note,
        now=now,
    )


def close_hold(
    session: Session, caller: Caller, keyring: Keyring, *, hold_id: str, resolution: str, now: datetime
) -> Hold:
    """Return the hold, closed with its resolution.

    Raises:
        Forbidden: the caller may not close holds.
        NotFound: there is no such hold for the caller.
        HoldClosed: it was closed before.
        InvalidInput: no resolution is given.
    """
    caller.require(Right.CLOSE_HOLD)
    hold = session.get(Hold, hold_id, with_for_update=True)
    if hold is None or caller.seller_id not in (None, hold.seller_id):
        raise NotFound("there is no such hold")
    if hold.closed_at is not None:
        raise HoldClosed("nothing was changed")
    resolution = trimmed(resolution)
    if not resolution:
        raise InvalidInput("say what was found")
    hold.closed_at, hold.closed_by, hold.resolution = now, caller.actor, resolution
    payload = {"number": keyring.number_hash(hold.number), "resolution": resolution}
    put_on_record(session, Event("hold.closed", hold.id, caller.actor, hold.seller_id, payload))
    announce(session, NewChange(now, ChangeKind.HOLD_CLOSED, hold.number, hold.seller_id, hold.id, EVERY_CHANNEL))
    return hold


def open_holds(session: Session, seller_id: str | None, *, limit: int = 100) -> list[Hold]:
    """Return open holds of a seller (of all sellers for None), the oldest first: customer service's task list.

    Those that lead files made come last, so that a file with many hides nobody's objection from a call.
    """
    from_file = Hold.note.startswith(FROM_LEAD_FILE)
    query = select(Hold).where(*_open(seller_id)).order_by(from_file, Hold.made_at, Hold.id).limit(limit)
    return list(session.scalars(query))


def count_open_holds(session: Session, seller_id: str | None) -> int:
    """Return how many holds of a seller (of all sellers for None) are open, whether or not the task list has room."""
    return session.scalar(select(func.count()).select_from(Hold).where(*_open(seller_id))) or 0


def _open(seller_id: str | None) -> tuple[ColumnElement[bool], ...]:
    is_open = Hold.closed_at.is_(None)
    return (is_open,) if seller_id is None else (is_open, Hold.seller_id == seller_id)
