"""Everything on a number that a role may see, now or as it was; each look-up is itself on record.

Two moments apply to every part: nothing is shown that was recorded after ``known_at``, or that came after ``as_of``;
what was on record by ``as_of`` had come by then, whatever a clock elsewhere said.

Sales see what they must say and whether the person said no; which supplier sold a list, and who asked what, is for
customer service and compliance.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
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
from core.store import Store
from dnc.calendar import LATEST
from dnc.models import Check, Contact, Hold, OptOut, OptOutRelease, Restriction
from leads.past import past_leads, past_pauses
from leads.queries import LeadOrigin, leads_on, without_supplier
from leads.terms import SourceKind

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
class HoldRecord:
    """A hold with its end, if that was known. ``is_open`` is as of the moment asked about, as known then."""

    id: str
    seller_id: str
    reason: str
    note: str
    made_at: datetime
    made_by: str
    closed_at: datetime | None
    closed_by: str | None
    resolution: str | None
    is_open: bool


@dataclass(frozen=True, slots=True)
class NumberRecord:
    """What is on record on a number, newest first in each part but ``leads``, at most 200 checks and contacts.

    ``restrictions`` are the kinds of those in force at the moment asked about, as known then.
    Sales are given no part but ``leads`` (without the supplier of a list) and whether it is opted out or held, as which
    they are told of a restriction too: that the number is not called, and not why.
    """

    number: Number
    as_of: datetime
    known_at: datetime
    opted_out: bool
    held: bool
    opt_outs: Sequence[OptOutRecord]
    holds: Sequence[HoldRecord]
    restrictions: Sequence[str]
    leads: Sequence[LeadOrigin]
    consents: Sequence[ConsentRecord]
    relations: Sequence[RelationRecord]
    checks: Sequence[Check]
    contacts: Sequence[Contact]


@contextmanager
def looking_up(
    store: Store,
    caller: Caller,
    *,
    number: Number,
    as_of: datetime | None,
    known_at: datetime | None,
    now: datetime,
) -> Iterator[Session]:
    """Give a session that sees one state of the database, to look the number up in; then put on record that it was.

    One state: between two statements a hold may become an opt-out, and a number with a no would be shown without any.
    What was read outlives the session. The record is a unit of work of its own, and no other write waits for the rest.

    Raises:
        Forbidden: the caller may not look up numbers.
    """
    caller.require(Right.LOOK_UP)
    with store.snapshot() as session:
        yield session
        session.expunge_all()
    asked = {"as_of": utc(as_of or now), "known_at": utc(known_at or now)}
    payload = {"number": store.keyring.number_hash(number.value), **asked}
    with store.writing() as session:
        put_on_record(session, Event("number.looked_up", caller.id, caller.actor, caller.seller_id, payload))


def look_up(
    session: Session,
    caller: Caller,
    *,
    number: Number,
    as_of: datetime | None,
    known_at: datetime | None,
    now: datetime,
) -> NumberRecord:
    """Return what the caller may see on the number, from a session of ``looking_up``.

    ``as_of``: how it was at that moment; ``known_at``: by what was on record at that moment. Both are now by default:
    all that is on record then counts, whatever the clock of the node said that put it there.
    Sales see a bought list as it stands now, whatever the moment: by asking about many they would learn when it came.

    Raises:
        Forbidden: the caller may not look up numbers.
    """
    caller.require(Right.LOOK_UP)
    true_at, known = as_of or LATEST, known_at or LATEST
    full = caller.role is not Role.SALES
    opt_outs = opt_outs_on(session, number.value, caller.seller_id, as_of=true_at, known_at=known)
    holds = _holds(session, number.value, caller.seller_id, true_at, known)
    restrictions = _restrictions(session, number.value, caller.seller_id, true_at, known)
    leads = _leads(session, number.value, caller.seller_id, true_at, known)
    if not full:
        lists = _leads(session, number.value, caller.seller_id, LATEST, LATEST)
        leads = [*_of_kind(leads, SourceKind.PARTNER), *map(without_supplier, _of_kind(lists, SourceKind.LIST))]
    return NumberRecord(
        number=number,
        as_of=as_of or now,
        known_at=known_at or now,
        opted_out=any(row.in_force for row in opt_outs),
        held=any(hold.is_open for hold in holds) or (not full and bool(restrictions)),
        opt_outs=opt_outs if full else (),
        holds=holds if full else (),
        restrictions=restrictions if full else (),
        leads=leads,
        consents=_consents(session, number.value, caller.seller_id, true_at, known) if full else (),
        relations=relations_on(session, number.value, caller.seller_id, as_of=true_at, known_at=known) if full else (),
        checks=_checks(session, number.value, caller.seller_id, true_at, known) if full else (),
        contacts=_contacts(session, number.value, caller.seller_id, true_at, known) if full else (),
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
        .where(OptOut.number == number, OptOut.recorded_at <= known_at, OptOut.received_at <= as_of)
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
                in_force=end is None or min(end.asked_by_person_at, end.released_at) > as_of,
                asked_by_person_at=end.asked_by_person_at if end is not None else None,
                released_at=end.released_at if end is not None else None,
                released_by=end.released_by if end is not None else None,
                verified_by=end.verified_by if end is not None else None,
            )
        )
    return records


def _holds(
    session: Session, number: int, seller_id: str | None, as_of: datetime, known_at: datetime
) -> list[HoldRecord]:
    """Return the holds made by then, newest first; an end that was not known yet is left out. By ix_holds_number."""
    moment = min(as_of, known_at)
    query = select(Hold).where(Hold.number == number, Hold.made_at <= moment).order_by(Hold.made_at.desc())
    if seller_id is not None:
        query = query.where(Hold.seller_id == seller_id)
    records = []
    for hold in session.scalars(query):
        is_closed = hold.closed_at is not None and hold.closed_at <= moment
        records.append(
            HoldRecord(
                id=hold.id,
                seller_id=hold.seller_id,
                reason=hold.reason,
                note=hold.note,
                made_at=hold.made_at,
                made_by=hold.made_by,
                closed_at=hold.closed_at if is_closed else None,
                closed_by=hold.closed_by if is_closed else None,
                resolution=hold.resolution if is_closed else None,
                is_open=not is_closed,
            )
        )
    return records


def _restrictions(
    session: Session, number: int, seller_id: str | None, as_of: datetime, known_at: datetime
) -> list[str]:
    """Return the kinds of the restrictions in force, newest first. By ix_restrictions_number."""
    moment = min(as_of, known_at)
    query = (
        select(Restriction.kind)
        .where(Restriction.number == number, Restriction.made_at <= moment)
        .where(Restriction.ended_at.is_(None) | (Restriction.ended_at > moment))
        .order_by(Restriction.made_at.desc())
    )
    if seller_id is not None:
        query = query.where(or_(Restriction.seller_id == seller_id, Restriction.seller_id.is_(None)))
    return list(session.scalars(query))


def _leads(
    session: Session, number: int, seller_id: str | None, as_of: datetime, known_at: datetime
) -> list[LeadOrigin]:
    """Return the leads whose file had come by then, oldest first, with the pauses of that moment."""
    moment = min(as_of, known_at)
    found = leads_on(session, number, seller_id)
    origins = [one for one in found if one.received_at is not None and one.received_at <= moment]
    if not origins:
        return []
    connection = session.connection()
    past = past_leads(connection, [number]).get(number, [])
    pauses = past_pauses(connection, {id_ for lead in past for id_ in lead.came_from})
    suppliers = {lead.id: lead.supplier_id for lead in past}
    return [
        replace(
            one,
            source_paused=pauses.paused(one.source_id, moment),
            supplier_paused=pauses.paused(suppliers[one.lead_id], moment),
            file_paused=pauses.paused(one.lead_file_id, moment),
            file_withdrawn=pauses.withdrawn(one.lead_file_id, moment),
        )
        for one in origins
    ]


def _of_kind(leads: Sequence[LeadOrigin], kind: SourceKind) -> list[LeadOrigin]:
    return [lead for lead in leads if lead.kind is kind]


def _consents(
    session: Session, number: int, seller_id: str | None, as_of: datetime, known_at: datetime
) -> list[ConsentRecord]:
    """Return the consents given by then, newest first; a withdrawal that came later is left out."""
    found = consents_on(session, number, seller_id, known_at=known_at)
    return [
        replace(one, withdrawn_at=None, withdrawn_via=None)
        if one.withdrawn_at is not None and one.withdrawn_at > as_of
        else one
        for one in found
        if one.given_at <= as_of or one.recorded_at <= as_of
    ]


def _checks(session: Session, number: int, seller_id: str | None, as_of: datetime, known_at: datetime) -> list[Check]:
    query = (
        select(Check)
        .where(Check.number == number, Check.checked_at <= min(as_of, known_at))
        .order_by(Check.id.desc())
        .limit(NEWEST)
    )
    if seller_id is not None:
        query = query.where(Check.seller_id == seller_id)
    return list(session.scalars(query))


def _contacts(
    session: Session, number: int, seller_id: str | None, as_of: datetime, known_at: datetime
) -> list[Contact]:
    query = (
        select(Contact)
        .where(Contact.number == number, Contact.recorded_at <= known_at)
        .where(or_(Contact.started_at <= as_of, Contact.recorded_at <= as_of))
        .order_by(Contact.started_at.desc())
        .limit(NEWEST)
    )
    if seller_id is not None:
        query = query.where(Contact.seller_id == seller_id)
    return list(session.scalars(query))
