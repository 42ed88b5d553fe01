"""Restrictions: a number that must not be used, whatever else is known of it.

Processing is restricted at the person's wish (GDPR art. 18), or the person is marked deceased or vulnerable.
"""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from consent.terms import EVERY_CHANNEL
from core.access import Caller, Right
from core.changes import ChangeKind, NewChange, announce
from core.errors import Kind, NotFound, ServiceError
from core.ids import new_id
from core.ledger import Event, put_on_record
from core.naming import check_note
from core.secrets import Keyring
from dnc.facts import RestrictionKind
from dnc.models import Restriction


class RestrictionEnded(ServiceError):
    """The restriction ended before; nothing was changed."""

    kind, code, title = Kind.CONFLICT, "restriction-ended", "The restriction has already ended"


def restrict(
    session: Session,
    caller: Caller,
    keyring: Keyring,
    *,
    number: int,
    seller_id: str | None,
    kind: RestrictionKind,
    note: str,
    now: datetime,
) -> Restriction:
    """Return a new restriction; every check is denied from the commit on. ``seller_id`` None means every seller.

    Raises:
        Forbidden: the caller may not restrict.
        NotFound: the seller is not the caller's.
        InvalidInput: the note is too long.
    """
    caller.require(Right.RESTRICT)
    if caller.seller_id is not None and seller_id != caller.seller_id:
        raise NotFound("there is no seller with that slug")
    row = Restriction(
        id=new_id(),
        seller_id=seller_id,
        number=number,
        kind=kind.value,
        note=check_note(note),
        made_at=now,
        made_by=caller.actor,
    )
    session.add(row)
    payload = {"number": keyring.number_hash(number), "kind": kind.value}
    put_on_record(session, Event("restriction.made", row.id, caller.actor, seller_id, payload))
    announce(session, NewChange(now, ChangeKind.RETRACTION, number, seller_id, row.id, EVERY_CHANNEL))
    return row


def end_restriction(session: Session, caller: Caller, *, restriction_id: str, now: datetime) -> Restriction:
    """Return the restriction, ended.

    Raises:
        Forbidden: the caller may not restrict.
        NotFound: there is no such restriction for the caller.
        RestrictionEnded: it ended before.
    """
    caller.require(Right.RESTRICT)
    row = session.scalar(select(Restriction).where(Restriction.id == restriction_id).with_for_update())
    if row is None or (caller.seller_id is not None and row.seller_id != caller.seller_id):
        raise NotFound("there is no such restriction")
    if row.ended_at is not None:
        raise RestrictionEnded("nothing was changed")
    row.ended_at, row.ended_by = now, caller.actor
    put_on_record(session, Event("restriction.ended", row.id, caller.actor, row.seller_id, {"kind": row.kind}))
    return row
