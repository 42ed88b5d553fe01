"""Everything on a number that a role may see, now or as it was; each look-up is itself on record.

Sales see what they must say and whether the person said no; which supplier sold a list, and who asked what, is for
customer service and compliance.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session
from sqlalchemy.sql import Select

from consent.queries import ConsentRecord, RelationRecord, consents_on, relations_on
from core.access import Caller, Right, Role
from core.clock import utc
from core.errors import InvalidInput
from core.ledger import Event, put_on_record
from core.numbers import Number, read_number
from core.secrets import Keyring
from dnc.models import Check, Contact, Hold, OptOut, OptOutRelease, Restriction
from leads.queries import LeadOrigin, leads_on, without_supplier

NEWEST = 200


@dataclass(frozen=True, slots=True)
class OptOutRecord:
    """An opt-out with its end, if it has one. ``in_force`` is as of the moment asked about, as known then."""

    id: str
    seller_id: str | None
    channels: str
    via: str
    note: str
    received_at: datetime
    recorded_at: datetime
    recorded_by: str
    in_force: bool
    asked_by_person_at: datetime | None
    released_at: datetime | None
    released_by: str | None
    verified_by: str | None


@dataclass(frozen=True, slots=True)
class NumberRecord:
    """What is on record on a number, newest first in each part, at most 200 checks and contacts.

    ``full`` is False for sales: then no part but ``leads`` (without the supplier of a list) and whether it is opted
    out or held is given.
    """

    number: Number
    as_of: datetime
    known_at: datetime
    full: bool
    opted_out: bool
    held: bool
    opt_outs: Sequence[OptOutRecord]
    holds: Sequence[Hold]
    restrictions: Sequence[Restriction]
    leads: Sequence[LeadOrigin]
    consents: Sequence[ConsentRecord]
    relations: Sequence[RelationRecord]
    checks: Sequence[Check]
    contacts: Sequence[Contact]


def look_up(
    session: Session,
    caller: Caller,
    keyring: Keyring,
    *,
    number: Number,
    as_of: datetime | None,
    known_at: datetime | None,
    now: datetime,
) -> NumberRecord:
    """Return what the caller may see on the number; the look-up itself goes on record.

    ``as_of``: how it was at that moment; ``known_at``: by what was on record at that moment. Both are now by default.

    Raises:
        Forbidden: the caller may not look up numbers.
    """
    caller.require(Right.LOOK_UP)
    true_at, known = as_of or now, known_at or now
    full = caller.role is not Role.SALES
    opt_outs = opt_outs_on(session, number.value, caller.seller_id, as_of=true_at, known_at=known)
    holds = _holds(session, number.value, caller.seller_id, known)
    leads = [lead for lead in leads_on(session, number.value, caller.seller_id) if lead.received_at <= known]
    payload = {"number": keyring.number_hash(number.value), "as_of": utc(true_at), "known_at": utc(known)}
    put_on_record(session, Event("number.looked_up", caller.id, caller.actor, caller.seller_id, payload))
    return NumberRecord(
        number=number,
        as_of=true_at,
        known_at=known,
        full=full,
        opted_out=any(row.in_force for row in opt_outs),
        held=any(_is_open(hold, true_at, known) for hold in holds),
        opt_outs=opt_outs if full else (),
        holds=holds if full else (),
        restrictions=_restrictions(session, number.value, caller.seller_id, known) if full else (),
        leads=leads if full else [without_supplier(lead) for lead in leads],
        consents=consents_on(session, number.value, caller.seller_id, known_at=known) if full else (),
        relations=relations_on(session, number.value, caller.seller_id, known_at=known) if full else (),
        checks=_checks(session, number.value, caller.seller_id, known) if full else (),
        contacts=_contacts(session, number.value, caller.seller_id, known) if full else (),
    )


def readable(raw: str, region: str) -> Number:
    """Return the number that was written.

    Raises:
        InvalidInput: none can be read; the text itself is not repeated.
    """
    number = read_number(raw, region=region)
    if isinstance(number, Number):
        return number
    raise InvalidInput(f"no number can be read: {number.replace('_', ' ')}", extra={"fault": number})


def _is_open(hold: Hold, as_of: datetime, known_at: datetime) -> bool:
    """Return whether the hold was open at ``as_of``, by what was known at ``known_at``: its end may not have been."""
    closed_at = hold.closed_at if hold.closed_at is not None and hold.closed_at <= known_at else None
    return hold.made_at <= as_of and (closed_at is None or closed_at > as_of)


def opt_outs_on(
    session: Session, number: int, seller_id: str | None, *, as_of: datetime, known_at: datetime
) -> list[OptOutRecord]:
    """Return the opt-outs on a number for a seller (for any seller, if None) as known at ``known_at``, newest first.

    An opt-out is true from when the person said no until the person asked to leave; known from when it was recorded.
    Served by ix_opt_outs_number.
    """
    query: Select[*tuple[Any, ...]] = (  # Any: an outer join, so the second may be None
        select(OptOut, OptOutRelease)
        .outerjoin(OptOutRelease, OptOutRelease.opt_out_id == OptOut.id)
        .where(OptOut.number == number, OptOut.recorded_at <= known_at)
        .order_by(OptOut.recorded_at.desc(), OptOut.id.desc())
    )
    if seller_id is not None:
        query = query.where(or_(OptOut.seller_id == seller_id, OptOut.seller_id.is_(None)))
    records = []
    for opt_out, release in session.execute(query):
        end: OptOutRelease | None = release
        if end is not None and end.released_at > known_at:
            end = None
        records.append(
            OptOutRecord(
                id=opt_out.id,
                seller_id=opt_out.seller_id,
                channels=opt_out.channels,
                via=opt_out.via,
                note=opt_out.note,
                received_at=opt_out.received_at,
                recorded_at=opt_out.recorded_at,
                recorded_by=opt_out.recorded_by,
                in_force=opt_out.received_at <= as_of and (end is None or end.asked_by_person_at > as_of),
                asked_by_person_at=end.asked_by_person_at if end is not None else None,
                released_at=end.released_at if end is not None else None,
                released_by=end.released_by if end is not None else None,
                verified_by=end.verified_by if end is not None else None,
            )
        )
    return records


def _holds(session: Session, number: int, seller_id: str | None, known_at: datetime) -> list[Hold]:
    query = select(Hold).where(Hold.number == number, Hold.made_at <= known_at).order_by(Hold.made_at.desc())
    if seller_id is not None:
        query = query.where(Hold.seller_id == seller_id)
    return list(session.scalars(query))


def _restrictions(session: Session, number: int, seller_id: str | None, known_at: datetime) -> list[Restriction]:
    query = (
        select(Restriction)
        .where(Restriction.number == number, Restriction.made_at <= known_at)
        .order_by(Restriction.made_at.desc())
    )
    if seller_id is not None:
        query = query.where(or_(Restriction.seller_id == seller_id, Restriction.seller_id.is_(None)))
    return list(session.scalars(query))


def _checks(session: Session, number: int, seller_id: str | None, known_at: datetime) -> list[Check]:
    query = (
        select(Check)
        .where(Check.number == number, Check.checked_at <= known_at)
        .order_by(Check.id.desc())
        .limit(NEWEST)
    )
    if seller_id is not None:
        query = query.where(Check.seller_id == seller_id)
    return list(session.scalars(query))


def _contacts(session: Session, number: int, seller_id: str | None, known_at: datetime) -> list[Contact]:
    query = (
        select(Contact)
        .where(Contact.number == number, Contact.recorded_at <= known_at)
        .order_by(Contact.started_at.desc())
        .limit(NEWEST)
    )
    if seller_id is not None:
        query = query.where(Contact.seller_id == seller_id)
    return list(session.scalars(query))
