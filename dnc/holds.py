"""Holds: a temporary block while customer service looks at what was reported from a call, or said by a lead file.

A seller's staff can report an objection, which blocks at once; only customer service turns it into an opt-out or
closes it.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session

from consent.terms import EVERY_CHANNEL, Channel
from core.access import Caller, Right
from core.changes import ChangeKind, NewChange, announce
from core.database import lock_key, number_lock
from core.errors import InvalidInput, Kind, NotFound, ServiceError
from core.ids import new_id
from core.ledger import Event, put_on_record
from core.naming import check_note, trimmed
from core.secrets import Keyring
from dnc.models import Hold
from dnc.opt_outs import OptOutResult, add_opt_outs

FROM_LEAD_FILE = "lead file "
"""How the note begins of a hold that a lead file made, and nobody in a call; the file's id comes after it."""
BY_SCREENING = "operator:"
"""Who makes a lead file's holds: no person who reports an objection is one, whatever words the note is in."""
BECAME_OPT_OUT = "opt_out"
"""The resolution of a hold that was turned into an opt-out, and of no other."""
IN_A_CALL, IN_A_LEAD_FILE = "sales_call", "lead_file"
"""How the person said no, where a hold became an opt-out."""
ID_LENGTH = 36
HOLD_LOCKS = 0x52494E47_030000  # PostgreSQL advisory locks: the reports on one number, one after the other


class HoldReason(StrEnum):
    """Why a number is held: what a call came to, or a lead file says."""

    OBJECTED = "objected"
    WRONG_NUMBER = "wrong_number"
    MINOR = "minor"
    DECEASED = "deceased"


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
        InvalidInput: as ``checked_resolution``.
    """
    caller.require(Right.CLOSE_HOLD)
    hold = _still_open(session, caller, hold_id)
    put_closed(session, caller, keyring, [hold], resolution=checked_resolution(resolution), now=now)
    return hold


def opt_out_hold(
    session: Session, caller: Caller, keyring: Keyring, *, hold_id: str, now: datetime
) -> tuple[Hold, OptOutResult]:
    """Return the hold, closed because its number is opted out now, and that opt-out.

    Raises:
        Forbidden: the caller may not close holds, or not add opt-outs.
        NotFound: there is no such hold for the caller.
        HoldClosed: it was closed before; no opt-out is made of it.
    """
    caller.require(Right.CLOSE_HOLD)
    hold = _still_open(session, caller, hold_id)
    [result] = put_opted_out(session, caller, keyring, [hold], now=now)
    return hold, result


def checked_resolution(resolution: str) -> str:
    """Return what was found, without what cannot be seen around it.

    Raises:
        InvalidInput: it is empty or longer than a note, or the word that says that a hold became an opt-out, which
            closing it does not make.
    """
    resolution = trimmed(resolution)
    if not resolution:
        raise InvalidInput("say what was found")
    if resolution.casefold() == BECAME_OPT_OUT:
        raise InvalidInput("closing a hold makes no opt-out: turn it into one, or say what was found")
    return check_note(resolution)


def put_closed(
    session: Session, caller: Caller, keyring: Keyring, holds: Sequence[Hold], *, resolution: str, now: datetime
) -> None:
    """Close the holds, which are open and locked: each with an entry and a change of its own."""
    for hold in holds:
        hold.closed_at, hold.closed_by, hold.resolution = now, caller.actor, resolution
        payload = {"number": keyring.number_hash(hold.number), "resolution": resolution}
        put_on_record(session, Event("hold.closed", hold.id, caller.actor, hold.seller_id, payload))
        announce(session, NewChange(now, ChangeKind.HOLD_CLOSED, hold.number, hold.seller_id, hold.id, EVERY_CHANNEL))


def put_opted_out(
    session: Session, caller: Caller, keyring: Keyring, holds: Sequence[Hold], *, now: datetime
) -> list[OptOutResult]:
    """Opt the numbers of the holds out, then close these, which are open and locked; return the opt-outs in order.

    All are one seller's, made at one moment in the same words: that moment is when the person said no. In the change
    feed each opt-out stands before the end of its hold, so that nobody who follows it finds the number free.

    Raises:
        Forbidden: the caller may not add opt-outs.
    """
    one = holds[0]
    results = add_opt_outs(
        session,
        caller,
        keyring,
        numbers=[f"+{hold.number}" for hold in holds],
        seller_id=one.seller_id,
        channels=frozenset(Channel),
        via=IN_A_CALL if lead_file_behind(one) is None else IN_A_LEAD_FILE,
        received_at=min(one.made_at, now),  # made by another's clock, it may be ahead: no no is refused for that
        note=one.note,
        now=now,
    )
    assert all(result.id for result in results)  # noqa: S101 - what was read as a number is read as it again
    put_closed(session, caller, keyring, holds, resolution=BECAME_OPT_OUT, now=now)
    return results


def _still_open(session: Session, caller: Caller, hold_id: str) -> Hold:
    """Return the caller's hold, locked against others who would close it."""
    hold = session.get(Hold, hold_id, with_for_update=True)
    if hold is None or caller.seller_id not in (None, hold.seller_id):
        raise NotFound("there is no such hold")
    if hold.closed_at is not None:
        raise HoldClosed("nothing was changed")
    return hold


def lead_file_behind(hold: Hold) -> str | None:
    """Return the id of the lead file that made the hold; None if it was reported from a call. Pure."""
    is_by_file = hold.contact_id is None and hold.made_by.startswith(BY_SCREENING)
    if not (is_by_file and hold.note.startswith(FROM_LEAD_FILE)):
        return None
    return hold.note.removeprefix(FROM_LEAD_FILE)[:ID_LENGTH]


def made_by_lead_file(lead_file_id: str = "", among: Any = Hold) -> ColumnElement[bool]:  # Any: or a part of it
    """Return what is true of the holds that this lead file made, or any: those of ``lead_file_behind``."""
    begins = among.note.startswith(f"{FROM_LEAD_FILE}{lead_file_id}")
    return and_(among.contact_id.is_(None), among.made_by.startswith(BY_SCREENING), begins)


def open_holds(session: Session, seller_id: str | None, *, limit: int = 100) -> list[Hold]:
    """Return open holds of a seller (of all sellers for None), the oldest first: customer service's task list.

    Those that lead files made come last, so that a file with many hides nobody's objection from a call.
    """
    query = select(Hold).where(*_open(seller_id)).order_by(made_by_lead_file(), Hold.made_at, Hold.id).limit(limit)
    return list(session.scalars(query))


def count_open_holds(session: Session, seller_id: str | None) -> int:
    """Return how many holds of a seller (of all sellers for None) are open, whether or not the task list has room."""
    return session.scalar(select(func.count()).select_from(Hold).where(*_open(seller_id))) or 0


def _open(seller_id: str | None) -> tuple[ColumnElement[bool], ...]:
    is_open = Hold.closed_at.is_(None)
    return (is_open,) if seller_id is None else (is_open, Hold.seller_id == seller_id)
