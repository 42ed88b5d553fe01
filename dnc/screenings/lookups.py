"""What was answered on a number by screenings, from the record: by one of them, or by all.

No table says which screenings a number stands in: a hundred million rows stand packed, some three bytes each, and their
parts are looked through from the newest screening backwards, so many rows a page.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.access import Caller, Right
from core.errors import InvalidInput
from core.ledger import Event, put_on_record
from core.numbers import Number
from core.pages import newest, page_of
from core.sellers import Seller
from core.store import Store
from dnc.models import Campaign
from dnc.screenings.errors import ScreeningDamaged, ScreeningErased
from dnc.screenings.found import found_rows
from dnc.screenings.models import Screening, ScreeningPart
from dnc.screenings.recording import part_entry
from dnc.screenings.service import screening_of
from dnc.screenings.terms import ScreeningState, Subject

ROWS_AT_ONCE = 20_000_000
"""Rows looked through for one page: as many as take some half a second."""
AS_READ = 10
"""A part in which the number stands takes so many times as long as one that is looked through in vain."""
SCREENINGS_AT_ONCE = 500
"""Screenings looked through for one page, however few rows they have."""
_CURSOR = re.compile(r"([0-9a-f-]{36})(?::([0-9]{1,15}))?")


class WhyUnread(StrEnum):
    """Why rows could not be looked through: their answers' retention has ended, or they are not those on record."""

    ERASED = "erased"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class AnsweredRows:
    """An answer on the number, as it was given, and the rows to which it was given at once."""

    rows: Sequence[int]
    decided_at: datetime
    answer: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class UnreadRows:
    """Rows of which nobody can tell whether the number is among them."""

    first_row: int
    last_row: int
    why: WhyUnread


@dataclass(frozen=True, slots=True)
class ScreeningOfNumber:
    """A screening with rows of the number, or with rows that could not be read; ``rows`` counts all on record."""

    id: str
    seller: str
    campaign: str
    subject: Subject
    file_name: str | None
    next_hour: bool
    asked_at: datetime
    asked_by: str
    state: ScreeningState
    rows: int
    answers: Sequence[AnsweredRows]
    unread: Sequence[UnreadRows]


@dataclass(frozen=True, slots=True)
class ScreeningsOfNumber:
    """A page of the screenings that a number stands in, the newest first; ``rows``: so many were looked through for it.

    ``next_cursor`` goes on from its end; None: all are looked through. It alone tells: a page may be empty and not be
    the last, and a long screening may stand on several.
    """

    number: Number
    screenings: Sequence[ScreeningOfNumber]
    rows: int
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class ScreenedRow:
    """One row of a screening: which, its number, when it was decided, and the answer as it was given."""

    row: int
    number: int
    decided_at: datetime
    answer: Mapping[str, object]


def answers_on(
    session: Session, caller: Caller, screening_id: str, number: int, *, after: int = 0
) -> Iterator[ScreenedRow]:
    """Yield every row of the screening after the row ``after`` that has the number, in order, from the record.

    Raises:
        Forbidden, UnknownScreening: as ``screening_of``.
        ScreeningErased: its answers are no longer kept.
        ScreeningDamaged: its rows are not those that are on record.
    """
    screening = screening_of(session, caller, screening_id)
    for looked in _look_through(session, screening_id, screening.rows, number, after):
        if looked.fault is not None:
            raise looked.fault
        answers = {row: one for one in looked.answers for row in one.rows if row > after}
        for row, one in sorted(answers.items()):
            yield ScreenedRow(row, number, one.decided_at, one.answer)


def look_up_screenings(
    store: Store, caller: Caller, *, number: Number, cursor: str | None = None
) -> ScreeningsOfNumber:
    """Return a page of the screenings that the number stands in, with what was answered.

    They are the caller's seller's; all, for a caller of every seller. That they were looked up is on record before this
    returns, in a unit of work of its own: no check waits meanwhile.

    Raises:
        Forbidden: the caller may not look screenings up.
        InvalidInput: the cursor is none that was given.
    """
    caller.require(Right.LOOK_UP_SCREENINGS)
    begin, after = (None, None) if cursor is None else _read_cursor(cursor)
    with store.snapshot() as session:
        found = _page(session, caller, number, begin, after)
    payload = {
        "number": store.keyring.number_hash(number.value),
        "later_page": cursor is not None,
        "screenings": [one.id for one in found.screenings],
    }
    with store.writing() as session:
        event = Event("number.screenings_looked_up", caller.id, caller.actor, caller.seller_id, payload)
        put_on_record(session, event)
    return found


def _page(session: Session, caller: Caller, number: Number, begin: str | None, after: int | None) -> ScreeningsOfNumber:
    """Return what is found from the row ``after`` of the screening ``begin`` on, or else in those before it."""
    newer = newest(session, Screening.id, Screening.seller_id, before=begin)
    wanted = select(newer.c.id)
    if caller.seller_id is not None:
        wanted = wanted.where(newer.c.seller_id == caller.seller_id)
    page = page_of(session, newer, wanted, SCREENINGS_AT_ONCE)
    ids = [begin, *page.ids] if begin is not None and after is not None else page.ids
    found: list[ScreeningOfNumber] = []
    rows = cost = 0
    for screening in _screenings(session, caller, ids):
        answers: list[AnsweredRows] = []
        unread: list[UnreadRows] = []
        through = after or 0 if screening.id == begin else 0
        for looked in _look_through(session, screening.id, screening.rows, number.value, through):
            answers += looked.answers
            if looked.fault is not None:
                _add(unread, looked.first_row, looked.last_row, looked.fault)
            count, through = looked.last_row - looked.first_row + 1, looked.last_row
            rows, cost = rows + count, cost + count * (AS_READ if looked.answers else 1)
            if cost >= ROWS_AT_ONCE:
                break
        if answers or unread:
            found.append(replace(screening, answers=answers, unread=unread))
        if cost >= ROWS_AT_ONCE:
            return ScreeningsOfNumber(number, found, rows, f"{screening.id}:{through}")
    return ScreeningsOfNumber(number, found, rows, page.next_cursor)


def _screenings(session: Session, caller: Caller, ids: Sequence[str]) -> list[ScreeningOfNumber]:
    """Return of these screenings those of the caller's seller, the newest first: one statement. By pk_screenings."""
    query = (
        select(Screening, Seller.slug, Campaign.slug)
        .join(Seller, Seller.id == Screening.seller_id)
        .join(Campaign, Campaign.id == Screening.campaign_id)
        .where(Screening.id.in_(ids))
        .order_by(Screening.id.desc())
    )
    if caller.seller_id is not None:
        query = query.where(Screening.seller_id == caller.seller_id)
    return [
        ScreeningOfNumber(
            id=row.id,
            seller=seller,
            campaign=campaign,
            subject=Subject(row.subject),
            file_name=row.file_name,
            next_hour=row.next_hour,
            asked_at=row.asked_at,
            asked_by=row.asked_by,
            state=ScreeningState(row.state),
            rows=row.rows,
            answers=(),
            unread=(),
        )
        for row, seller, campaign in session.execute(query)
    ]


@dataclass(frozen=True, slots=True)
class _Looked:
    """Some rows of a screening that were looked through, or that could not be for the ``fault``."""

    first_row: int
    last_row: int
    answers: Sequence[AnsweredRows] = ()
    fault: ScreeningErased | ScreeningDamaged | None = None


def _look_through(session: Session, screening_id: str, rows: int, number: int, after: int) -> Iterator[_Looked]:
    """Yield the parts of a screening with the rows after the row ``after``, in order; it has ``rows`` on record."""
    parts = session.execute(
        select(ScreeningPart.no, ScreeningPart.first_row, ScreeningPart.rows, ScreeningPart.decided_at)
        .where(ScreeningPart.screening_id == screening_id, ScreeningPart.first_row + ScreeningPart.rows > after + 1)
        .order_by(ScreeningPart.no)
    ).all()
    gone = ScreeningDamaged("rows that were on record are not there")
    for part in parts:
        if part.first_row > after + 1:
            yield _Looked(after + 1, part.first_row - 1, fault=gone)
        after = part.first_row + part.rows - 1
        try:
            answers = _answers(session, screening_id, part.no, part.decided_at, number)
        except (ScreeningErased, ScreeningDamaged) as fault:
            yield _Looked(part.first_row, after, fault=fault)
        else:
            yield _Looked(part.first_row, after, answers)
    if after < rows:
        yield _Looked(after + 1, rows, fault=gone)


def _answers(session: Session, screening_id: str, no: int, decided_at: datetime, number: int) -> list[AnsweredRows]:
    found = found_rows(session, screening_id, no, [number])
    if not len(found.rows):
        return []
    entry = part_entry(session, found.chain, found.seq)
    return [
        AnsweredRows(found.rows[found.places == place].tolist(), decided_at, entry.answer(place))
        for place in np.unique(found.places).tolist()
    ]


def _add(unread: list[UnreadRows], first_row: int, last_row: int, fault: ScreeningErased | ScreeningDamaged) -> None:
    """Add the rows, to those right before them if these could not be read for the same reason."""
    why = WhyUnread.ERASED if isinstance(fault, ScreeningErased) else WhyUnread.DAMAGED
    if unread and (unread[-1].last_row, unread[-1].why) == (first_row - 1, why):
        first_row = unread.pop().first_row
    unread.append(UnreadRows(first_row, last_row, why))


def _read_cursor(cursor: str) -> tuple[str, int | None]:
    """Return the screening to begin at, and the row after which; None: with the next one."""
    read = _CURSOR.fullmatch(cursor)
    if read is None:
        raise InvalidInput("the cursor is none that was given")
    return read[1], None if read[2] is None else int(read[2])
