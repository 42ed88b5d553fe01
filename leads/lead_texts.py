"""A seller's leads as texts that the database writes, for whoever asks about them by the hundred thousand.

``leads.lead_columns`` takes the texts apart; to have them written it need not be loaded yet.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BindParameter,
    Connection,
    String,
    Table,
    and_,
    bindparam,
    case,
    cast,
    false,
    func,
    null,
    or_,
    select,
    text,
)
from sqlalchemy.sql import ColumnElement, Select

from core.database import any_of, any_of_value
from core.row_texts import as_text
from core.standing import NUMBERS
from leads.models import Lead, LeadFile, Source, Supplier

SOURCES: BindParameter[Any] = bindparam("sources")
LEADS: Table = Lead.__table__  # type: ignore[assignment] # SQLAlchemy types it as any FROM
"""The table of leads."""
AT_ONCE = 250_000
"""Rows of the table read by one statement, where all are read."""
PAGES_AT_ONCE = 4096
"""Pages of the table read by one statement in PostgreSQL: as many rows, if they are short."""
_LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class BriefTexts:
    """Leads in brief, as texts. A lead of which nothing is left to tell but where it came from is one whole number.

    It is number, file and source, in base ``files`` and ``sources``. Each of ``parts`` has a text of such leads, and
    one of the others: their number, source, file, when they were collected, when they expire, birth date.
    """

    files: int
    sources: int
    parts: Sequence[tuple[str | None, str | None]]


def lead_texts(connection: Connection, seller_id: str, numbers: Sequence[int] | None) -> Iterator[str | None]:
    """Yield texts of the seller's leads: on the numbers, by pk_leads; or all, from one end to the other.

    They tell number, source, file, row, when it was collected, when it expires, birth date.
    """
    birth_date = _birth_date(connection)
    columns = [
        Lead.number,
        Lead.source_no,
        Lead.file_no,
        Lead.row_no,
        Lead.collected_at,
        Lead.expires_at,
        cast(birth_date, String),
    ]
    for (found,) in _read(connection, seller_id, numbers, select(as_text(columns, connection.dialect.name))):
        yield found


def brief_texts(connection: Connection, seller_id: str, first: datetime, last: datetime) -> BriefTexts:
    """Return all of the seller's leads, for whoever asks of moments from ``first`` to ``last``.

    When a lead was collected is left out unless it is after ``first``, when it expires if it is after ``last``: to
    write out what tells nothing is most of the cost of reading it.
    """
    files = (connection.execute(select(func.max(LeadFile.no))).scalar() or 0) + 1
    sources = (connection.execute(select(func.max(Source.no))).scalar() or 0) + 1
    most = connection.execute(select(func.max(Lead.number))).scalar() or 0
    birth_date = _birth_date(connection)
    is_past, is_beyond = Lead.collected_at <= first, Lead.expires_at > last
    tells_nothing = and_(or_(Lead.collected_at.is_(None), is_past), is_beyond, birth_date.is_(None))
    if (most + 1) * files * sources > _LARGEST:
        tells_nothing = and_(false())
    whole = (Lead.number * files + Lead.file_no) * sources + Lead.source_no
    columns = [
        Lead.number,
        Lead.source_no,
        Lead.file_no,
        case((~is_past, Lead.collected_at)),
        case((~is_beyond, Lead.expires_at)),
        cast(birth_date, String),
    ]
    name = connection.dialect.name
    leads = select(as_text([whole], name, tells_nothing), as_text(columns, name, ~tells_nothing))
    return BriefTexts(files, sources, [(brief, told) for brief, told in _read(connection, seller_id, None, leads)])


def _birth_date(connection: Connection) -> ColumnElement[Any]:  # Any: a day or NULL
    """Return the column of birth dates, without those of withdrawn files' own rows."""
    withdrawn = connection.execute(select(LeadFile.no).where(LeadFile.withdrawn_at.is_not(None))).scalars().all()
    if not withdrawn:
        return Lead.birth_date.expression
    own = and_(Lead.file_no.in_(withdrawn), Lead.told_by.is_(None))
    return case((own, null()), else_=Lead.birth_date)


def _read(
    connection: Connection, seller_id: str, numbers: Sequence[int] | None, leads: Select[Any]
) -> Iterator[Sequence[Any]]:
    """Yield what ``leads``, a row of texts, says of the seller's leads: on the numbers at once, or a range at a time.

    Any: texts, or None.
    """
    sources = [row[0] for row in connection.execute(select(Source.no).where(Source.seller_id == seller_id))]
    if not sources:
        return
    name = connection.dialect.name
    values = {"sources": any_of_value(name, sources)}
    leads = leads.where(Lead.source_no == sources[0] if len(sources) == 1 else any_of(Lead.source_no, SOURCES))
    if numbers is not None:
        values["numbers"] = any_of_value(name, numbers)
        yield connection.execute(leads.where(any_of(Lead.number, NUMBERS)), values).one()
        return
    for start, end in _ranges(connection):
        yield connection.execute(leads.where(_IN_RANGE[name]), {**values, "start": start, "end": end}).one()


_IN_RANGE = {
    "sqlite": text("leads.rowid >= :start AND leads.rowid < :end"),
    "postgresql": text("leads.ctid >= CAST(:start AS tid) AND leads.ctid < CAST(:end AS tid)"),
}
"""Which part of the table: by the place where its rows lie, so that each page is read once."""


def _ranges(connection: Connection) -> Iterator[tuple[object, object]]:
    """Yield the beginning and end of each part of the table, some ``AT_ONCE`` rows each."""
    if connection.dialect.name == "sqlite":
        last = connection.execute(text("SELECT max(rowid) FROM leads")).scalar() or 0
        for start in range(0, last + 1, AT_ONCE):
            yield start, start + AT_ONCE
        return
    size = text("SELECT pg_relation_size('leads') / CAST(current_setting('block_size') AS bigint)")
    pages = connection.execute(size).scalar_one()
    for start in range(0, pages, PAGES_AT_ONCE):
        yield f"({start},0)", f"({start + PAGES_AT_ONCE},0)"


def lead_numbers(seller_id: str, sources: Sequence[str] | None, after: int, limit: int) -> Select[int]:
    """Return the next ``limit`` numbers after ``after`` that the seller has a lead on, in order, each once.

    ``sources``: ids of the sources looked at; None means all of the seller's. By pk_leads.
    """
    found = select(Source.no).where(Source.seller_id == seller_id)
    if sources is not None:
        found = found.where(Source.id.in_(sources))
    return (
        select(Lead.number)
        .where(Lead.number > after, Lead.source_no.in_(found))
        .distinct()
        .order_by(Lead.number)
        .limit(limit)
    )


def count_lead_numbers(seller_id: str, sources: Sequence[str] | None) -> Select[int]:
    """Return how many leads the seller's sources have: as many numbers at most."""
    found = select(Source.no).where(Source.seller_id == seller_id)
    if sources is not None:
        found = found.where(Source.id.in_(sources))
    return select(func.count()).select_from(Lead).where(Lead.source_no.in_(found))


def sources_of_seller(seller_id: str) -> Select[str, str, str]:
    """Return each of the seller's sources: its id, its slug, and its supplier's kind."""
    return (
        select(Source.id, Source.slug, Supplier.kind)
        .join(Supplier, Supplier.id == Source.supplier_id)
        .where(Source.seller_id == seller_id)
    )
