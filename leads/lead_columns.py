"""A seller's leads a column at a time, for whoever asks about them by the hundred thousand."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from sqlalchemy import (
    BindParameter,
    Connection,
    String,
    and_,
    bindparam,
    case,
    cast,
    func,
    or_,
    select,
    text,
)
from sqlalchemy.sql import ColumnElement, Select

from core.columns import places_of, read_columns
from core.database import any_of, any_of_value
from core.standing import NUMBERS
from leads.models import Lead, LeadFile, Source, Supplier

SOURCES: BindParameter[Any] = bindparam("sources")
LEADS = Lead.__tablename__
"""The table of leads."""
AT_ONCE = 250_000
"""Rows of the table read by one statement, where all are read."""
PAGES_AT_ONCE = 4096
"""Pages of the table read by one statement in PostgreSQL: as many rows, if they are short."""
LEAD_COLUMNS = {
    "number": pl.Int64,
    "source_no": pl.Int32,
    "file_no": pl.Int32,
    "row_no": pl.Int32,
    "collected_at": pl.Int64,
    "expires_at": pl.Int64,
    "birth_date": pl.String,
}
"""Instants are microseconds since 1970, days ISO 8601."""
_TOLD_COLUMNS = {name: kind for name, kind in LEAD_COLUMNS.items() if name not in ("number", "row_no")}
_LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class BriefLeads:
    """Leads in brief: the one on ``numbers[i]`` says what stands in row ``which[i]`` of ``told``.

    ``told`` has the columns of ``LEAD_COLUMNS`` but number and row; an instant that tells nothing is null.
    """

    numbers: npt.NDArray[np.int64]
    which: npt.NDArray[np.int64]
    told: pl.DataFrame


def lead_columns(connection: Connection, seller_id: str, numbers: Sequence[int] | None) -> Iterator[pl.DataFrame]:
    """Yield the seller's leads as ``LEAD_COLUMNS``: on the numbers, by pk_leads; or all, from one end to the other."""
    columns: dict[str, Any] = {
        "number": Lead.number,
        "source_no": Lead.source_no,
        "file_no": Lead.file_no,
        "row_no": Lead.row_no,
        "collected_at": Lead.collected_at,
        "expires_at": Lead.expires_at,
        "birth_date": cast(Lead.birth_date, String),
    }
    yield from _read(connection, seller_id, numbers, columns, LEAD_COLUMNS)


def brief_leads(connection: Connection, seller_id: str, first: datetime, last: datetime) -> BriefLeads:
    """Return all of the seller's leads, for whoever asks of moments from ``first`` to ``last``.

    ``collected_at`` is null unless it is after ``first``, ``expires_at`` is null if it is after ``last``. A lead of
    which nothing is left but where it came from, as of most, is read as one whole number: to write out what tells
    nothing is most of the cost of reading it.
    """
    files = (connection.execute(select(func.max(LeadFile.no))).scalar() or 0) + 1
    sources = (connection.execute(select(func.max(Source.no))).scalar() or 0) + 1
    most = connection.execute(select(func.max(Lead.number))).scalar() or 0
    tells = or_(Lead.collected_at > first, Lead.expires_at <= last, Lead.birth_date.is_not(None))
    columns: dict[str, Any] = {
        "number": Lead.number,
        "source_no": Lead.source_no,
        "file_no": Lead.file_no,
        "collected_at": case((Lead.collected_at > first, Lead.collected_at)),
        "expires_at": case((Lead.expires_at <= last, Lead.expires_at)),
        "birth_date": cast(Lead.birth_date, String),
    }
    schema = {"number": pl.Int64, **_TOLD_COLUMNS}
    if (most + 1) * files * sources > _LARGEST:
        return _in_brief([], files, sources, list(_read(connection, seller_id, None, columns, schema)))
    whole = {"whole": (Lead.number * files + Lead.file_no) * sources + Lead.source_no}
    tells_nothing = and_(
        or_(Lead.collected_at.is_(None), Lead.collected_at <= first),
        Lead.expires_at > last,
        Lead.birth_date.is_(None),
    )
    brief = [frame["whole"] for frame in _read(connection, seller_id, None, whole, {"whole": pl.Int64}, tells_nothing)]
    return _in_brief(brief, files, sources, list(_read(connection, seller_id, None, columns, schema, tells)))


def _in_brief(brief: Sequence[pl.Series], files: int, sources: int, frames: Sequence[pl.DataFrame]) -> BriefLeads:
    """Return the leads that came as one whole number each, and those that came in ``frames``."""
    whole = pl.concat(brief).to_numpy() if brief else np.empty(0, dtype=np.int64)
    numbers, origins = np.divmod(whole, files * sources)
    origins, which = places_of(origins)
    file_no, source_no = np.divmod(origins, sources)
    nothing = {name: pl.lit(None, dtype=kind) for name, kind in _TOLD_COLUMNS.items() if not name.endswith("_no")}
    told = pl.select(pl.Series("source_no", source_no), pl.Series("file_no", file_no)).with_columns(**nothing)
    if frames:
        others = pl.concat(frames)
        numbers = np.concatenate([numbers, others["number"].to_numpy()])
        which = np.concatenate([which, np.arange(len(others)) + len(told)])
        told = pl.concat([told.cast(pl.Schema(_TOLD_COLUMNS)), others.drop("number")])
    return BriefLeads(numbers, which, told.cast(pl.Schema(_TOLD_COLUMNS)))


def _read(
    connection: Connection,
    seller_id: str,
    numbers: Sequence[int] | None,
    columns: Mapping[str, Any],
    schema: Mapping[str, type[pl.DataType]],
    where: ColumnElement[bool] | None = None,
) -> Iterator[pl.DataFrame]:
    sources = [row[0] for row in connection.execute(select(Source.no).where(Source.seller_id == seller_id))]
    if not sources:
        return
    leads = select(*(column.label(name) for name, column in columns.items()))
    if where is not None:  # first: few rows are left of the one, and the other would look each one up
        leads = leads.where(where)
    name = connection.dialect.name
    values = {"sources": any_of_value(name, sources)}
    leads = leads.where(Lead.source_no == sources[0] if len(sources) == 1 else any_of(Lead.source_no, SOURCES))
    if numbers is not None:
        values["numbers"] = any_of_value(name, numbers)
        yield read_columns(connection, leads.where(any_of(Lead.number, NUMBERS)), schema, values)
        return
    for start, end in _ranges(connection):
        yield read_columns(connection, leads.where(_IN_RANGE[name]), schema, {**values, "start": start, "end": end})


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


def file_columns(connection: Connection) -> pl.DataFrame:
    """Return every lead file's ``file_no``, ``file_id`` and whether it is ``paused``. A row a delivery."""
    rows = connection.execute(select(LeadFile.no, LeadFile.id, LeadFile.paused_at.is_not(None))).all()
    schema = {"file_no": pl.Int32, "file_id": pl.String, "paused": pl.Boolean}
    return pl.DataFrame([tuple(row) for row in rows], schema=schema, orient="row")


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
