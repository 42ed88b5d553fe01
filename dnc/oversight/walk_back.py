"""From a number that somebody complained about back to where it came from, and to everybody else from there.

What it costs: the number's own part is a handful of probes. The counts over the sources' other leads, told on the first
page alone, are one pass over those leads, and a probe of the checks and contacts for each. A page is read in the order
of an index from where the last one ended, so that no list is held in memory, whatever the sources hold: all pages of
leads together are one pass over pk_leads, and all of checks one over ix_checks_number, with a probe of the leads each.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from core.access import Caller, Right
from core.errors import InvalidInput
from core.ledger import Event, put_on_record
from core.numbers import Number
from core.store import Store
from dnc.models import Check, Contact
from dnc.oversight.complaints import RecordedComplaint, complaints_on
from leads.deliveries import (
    OtherLead,
    SourceStanding,
    among_leads,
    count_leads,
    has_lead,
    leads_after,
    source_standings,
)
from leads.queries import LeadOrigin, leads_on

OWN = 1000
PAGE = 200
NUMBER_LENGTH = 15
Row = TypeVar("Row", Check, Contact)


class Part(StrEnum):
    """What a page lists of the sources' other leads: themselves, the checks of their numbers, or the contacts."""

    LEADS = "leads"
    CHECKS = "checks"
    CONTACTS = "contacts"


@dataclass(frozen=True, slots=True)
class Others:
    """How many other leads the sources have, and what was asked and done about their numbers for those sellers."""

    leads: int
    checks: Mapping[str, int]
    contacts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ReachedSource:
    """A source with a lead on the number, and how many files and leads there are of it; None but on the first page."""

    source: SourceStanding
    files: int | None
    leads: int | None


@dataclass(frozen=True, slots=True)
class WalkBack:
    """Where a number came from, what was asked and done about it, and who else came from there.

    ``checks`` and ``contacts`` are the newest thousand on the number; ``check_counts`` and ``contact_counts`` count
    all of them, by verdict and by outcome. ``others`` is None but on the first page. ``page`` lists other people's
    numbers, so it is None for a caller who may not see them. ``cursor`` goes on from its end; None at the last page.
    """

    number: Number
    leads: Sequence[LeadOrigin]
    sources: Sequence[ReachedSource]
    complaints: Sequence[RecordedComplaint]
    checks: Sequence[Check]
    check_counts: Mapping[str, int]
    contacts: Sequence[Contact]
    contact_counts: Mapping[str, int]
    others: Others | None
    part: Part
    page: Sequence[OtherLead] | Sequence[Check] | Sequence[Contact] | None
    cursor: str | None


def walk_back(
    store: Store,
    caller: Caller,
    *,
    number: Number,
    part: Part = Part.LEADS,
    cursor: str | None = None,
    limit: int = PAGE,
) -> WalkBack:
    """Return the number's origin, all that was asked and done about it, and a page of what else came from there.

    That it was walked back is on record before this returns, in a unit of work of its own: no check waits while it
    counts. Customer service sees the whole but for other people's numbers, which answering this person does not need;
    they are for compliance.

    Raises:
        Forbidden: the caller may not walk complaints back.
        InvalidInput: the cursor is not one that was given for this part.
    """
    caller.require(Right.WALK_BACK)
    after = None if cursor is None else _read_cursor(cursor)
    with store.snapshot() as session:
        found = _walked_back(session, caller, number, part, after, limit)
        session.expunge_all()
    payload = {
        "number": store.keyring.number_hash(number.value),
        "part": part.value,
        "later_page": cursor is not None,
        "numbers_shown": len(found.page or ()),
    }
    with store.writing() as session:
        put_on_record(session, Event("number.walked_back", caller.id, caller.actor, caller.seller_id, payload))
    return found


def _walked_back(
    session: Session, caller: Caller, number: Number, part: Part, after: tuple[int, str] | None, limit: int
) -> WalkBack:
    leads = leads_on(session, number.value, caller.seller_id)
    sources = _reached(session, caller, leads, counted=after is None)
    nos = [one.source.no for one in sources]
    sees_numbers = caller.may(Right.SEE_OTHER_NUMBERS)
    page = _page(session, nos, part, after, limit + 1, number.value) if sees_numbers else None
    more = page is not None and len(page) > limit
    page = page[:limit] if page is not None else None
    return WalkBack(
        number=number,
        leads=leads,
        sources=sources,
        complaints=complaints_on(session, number.value, caller.seller_id),
        checks=_own_checks(session, number.value, caller.seller_id),
        check_counts=_counts(session, Check.verdict.expression, _on(Check, number.value, caller.seller_id)),
        contacts=_own_contacts(session, number.value, caller.seller_id),
        contact_counts=_counts(session, Contact.outcome.expression, _on(Contact, number.value, caller.seller_id)),
        others=None if after is not None else _others(session, sources, number.value),
        part=part,
        page=page,
        cursor=_cursor_after(page[-1]) if page and more else None,
    )


def _reached(session: Session, caller: Caller, leads: Sequence[LeadOrigin], *, counted: bool) -> list[ReachedSource]:
    ids = {lead.source_id for lead in leads}
    sources = [one for one in source_standings(session, caller.seller_id) if one.id in ids]
    if not (counted and sources):
        return [ReachedSource(one, None, None) for one in sources]
    counts = count_leads(session, [one.no for one in sources])
    return [ReachedSource(one, *counts.get(one.no, (0, 0))) for one in sources]


def _others(session: Session, sources: Sequence[ReachedSource], number: int) -> Others:
    nos = [one.source.no for one in sources]
    if not nos:
        return Others(0, {}, {})
    return Others(
        leads=sum(one.leads or 0 for one in sources) - len(sources),
        checks=_counts(session, Check.verdict.expression, _of_others(Check, nos, number)),
        contacts=_counts(session, Contact.outcome.expression, _of_others(Contact, nos, number)),
    )


def _on(model: type[Check] | type[Contact], number: int, seller_id: str | None) -> list[ColumnElement[bool]]:
    """Return the condition that a check or contact is on the number, for the seller if there is one."""
    conditions = [model.number == number]
    if seller_id is not None:
        conditions.append(model.seller_id == seller_id)
    return conditions


def _of_others(model: type[Check] | type[Contact], nos: Collection[int], number: int) -> list[ColumnElement[bool]]:
    return [among_leads(model.number.expression, model.seller_id.expression, nos), model.number != number]


def _counts(session: Session, by: ColumnElement[str], conditions: list[ColumnElement[bool]]) -> dict[str, int]:
    rows = session.execute(select(by, func.count()).where(*conditions).group_by(by).order_by(by))
    return {name: int(count) for name, count in rows}


def _own_checks(session: Session, number: int, seller_id: str | None) -> Sequence[Check]:
    """Return the newest checks of the number. Served by ix_checks_number."""
    query = select(Check).where(*_on(Check, number, seller_id)).order_by(Check.id.desc()).limit(OWN)
    return session.scalars(query).all()


def _own_contacts(session: Session, number: int, seller_id: str | None) -> Sequence[Contact]:
    """Return the newest contacts with the number. Served by ix_contacts_number_contacts_started_at."""
    query = select(Contact).where(*_on(Contact, number, seller_id)).order_by(Contact.started_at.desc()).limit(OWN)
    return session.scalars(query).all()


def _page(
    session: Session, nos: Collection[int], part: Part, after: tuple[int, str] | None, limit: int, number: int
) -> Sequence[OtherLead] | Sequence[Check] | Sequence[Contact]:
    if not nos:
        return ()
    match part:
        case Part.LEADS:
            place = None if after is None else (after[0], _source_no(after[1]))
            return leads_after(session, nos, place, limit, without=number)
        case Part.CHECKS:
            return _rows_after(session, Check, nos, after, limit, number)
        case Part.CONTACTS:
            return _rows_after(session, Contact, nos, after, limit, number)


def _rows_after(
    session: Session, model: type[Row], nos: Collection[int], after: tuple[int, str] | None, limit: int, number: int
) -> Sequence[Row]:
    """Return checks or contacts of the sources' other numbers, by number and id, from the index by number."""
    of_sources = has_lead(model.number.expression, model.seller_id.expression, nos)
    query = select(model).where(of_sources, model.number != number).order_by(model.number, model.id).limit(limit)
    if after is not None:
        query = query.where(model.number >= after[0], or_(model.number > after[0], model.id > after[1]))
    return session.scalars(query).all()


def _cursor_after(last: OtherLead | Check | Contact) -> str:
    return f"{last.number}:{last.source_no if isinstance(last, OtherLead) else last.id}"


def _read_cursor(cursor: str) -> tuple[int, str]:
    number, _, place = cursor.partition(":")
    if not place or not (number.isascii() and number.isdigit() and len(number) <= NUMBER_LENGTH):
        raise InvalidInput("the cursor is none that was given")
    return int(number), place


def _source_no(place: str) -> int:
    if not (place.isascii() and place.isdigit() and len(place) < NUMBER_LENGTH):
        raise InvalidInput("the cursor is none that was given for this part")
    return int(place)
