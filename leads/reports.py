"""What became of a lead file: its report, and its rows page by page."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import BinaryIO

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from core.access import Caller, Right
from core.clock import from_microseconds, local_day
from leads.errors import LeadFileNotKept
from leads.headings import maps_by_place
from leads.intake import kept_warnings, layout_again
from leads.layouts import share_read
from leads.models import LeadFile, LeadRow, LeadSegment, Source
from leads.reading import KeptFile, Reading, raw_rows_of
from leads.references import Reference, references_of
from leads.rejects import write_rejects
from leads.segments import Start
from leads.shelf import KeptFileDamaged, Shelf
from leads.suppliers import lead_file_of
from leads.terms import FileFormat, FileState, RowState

WINDOW = 10_000
"""Rows looked at together when a page of them is put together."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What a row would become as a lead: personal data, for whoever loads the file. ``number`` is E.164."""

    row_no: int
    number: str
    birth_date: str | None
    collected_at: datetime | None
    person: Mapping[str, object]

    @classmethod
    def of(
        cls, row_no: int, number: int, birth_date: str | None, collected_at: int | None, person: str | None
    ) -> "Preview":
        """Return the preview of a settled lead."""
        return cls(
            row_no,
            f"+{number}",
            birth_date,
            None if collected_at is None else from_microseconds(collected_at),
            json.loads(person) if person else {},
        )


@dataclass(frozen=True, slots=True)
class LeadFileReport:
    """A lead file and the count of its rows in each state; ``rows`` is the sum of the four.

    ``reasons`` counts each reason over the rows that were not accepted. ``mapping`` is the heading that each field was
    read from, ``unread`` the headings that none was; ``references`` are all that it came under, in the order of saying,
    ``wash_register`` and ``wash_version`` the supplier's own claim of a wash. ``warnings`` say what surprised in it,
    None if it was received before that was kept. ``id`` and ``state`` are None for a dry run, which kept nothing and
    gives a ``preview`` instead. ``progress`` is the share of the file that is read, None where it cannot be told before
    the end. ``repeated``: the source had delivered this very file before; this is the first delivery's report.
    """

    id: str | None
    source: str
    file_name: str
    sha256: str
    size: int
    format: FileFormat
    wrapping: str
    encoding: str
    delimiter: str
    mapping: Mapping[str, str]
    unread: Sequence[str]
    warnings: Sequence[str] | None
    references: Sequence[Reference]
    wash_register: str | None
    wash_version: date | None
    preview: Sequence[Preview]
    state: FileState | None
    progress: float | None
    rows: int
    accepted: int
    rejected: int
    duplicate: int
    ambiguous: int
    reasons: Mapping[str, int]
    merkle_root: str | None
    received_at: datetime
    repeated: bool
    dry_run: bool


@dataclass(frozen=True, slots=True)
class ReportedRow:
    """One row of a lead file as delivered, and what became of it. ``row_no`` counts from 1 below the headings."""

    row_no: int
    state: RowState
    reasons: tuple[str, ...]
    cells: Sequence[str] | None


def lead_file_report(session: Session, caller: Caller, lead_file_id: str) -> LeadFileReport:
    """Return how far the file has come and what became of its rows.

    Raises:
        NotFound: there is no such file for this caller.
    """
    caller.require(Right.LOAD_LEADS)
    lead_file, source = lead_file_of(session, caller, lead_file_id)
    return report_of(session, lead_file, source, repeated=False, dry_run=False)


def report_of(
    session: Session,
    lead_file: LeadFile,
    source: Source,
    *,
    repeated: bool,
    dry_run: bool,
    warnings: Sequence[str] = (),
) -> LeadFileReport:
    """Return the report of a lead file's row; ``warnings`` are told beside those that were kept with it.

    Its reasons are counted from its rows: one scan of this file's part.
    """
    kept = kept_warnings(lead_file)
    reasons: Counter[str] = Counter()
    for written, count in session.execute(
        select(LeadRow.reasons, func.count())
        .where(LeadRow.lead_file_id == lead_file.id, LeadRow.state != RowState.ACCEPTED.value)
        .group_by(LeadRow.reasons)
    ):
        reasons.update(dict.fromkeys(written.split(","), count))
    mapping = {field: heading for field, heading in json.loads(lead_file.mapping).items() if heading}
    headings = json.loads(lead_file.headings) if lead_file.headings else []
    return LeadFileReport(
        id=lead_file.id,
        source=source.slug,
        file_name=lead_file.filename,
        sha256=lead_file.sha256,
        size=lead_file.size,
        format=FileFormat(lead_file.format),
        wrapping=lead_file.wrapping,
        encoding=lead_file.encoding,
        delimiter=lead_file.delimiter,
        mapping=mapping,
        unread=[heading for heading in headings if heading and heading not in mapping.values()],
        warnings=None if kept is None and not warnings else (*(kept or ()), *warnings),
        references=references_of(session, lead_file),
        wash_register=lead_file.wash_register,
        wash_version=lead_file.wash_version,
        preview=(),
        state=FileState(lead_file.state),
        progress=shares_read(session, [lead_file])[lead_file.id],
        rows=lead_file.rows_read,
        accepted=lead_file.rows_accepted,
        rejected=lead_file.rows_rejected,
        duplicate=lead_file.rows_duplicate,
        ambiguous=lead_file.rows_ambiguous,
        reasons=dict(sorted(reasons.items())),
        merkle_root=lead_file.merkle_root,
        received_at=lead_file.received_at,
        repeated=repeated,
        dry_run=dry_run,
    )


def shares_read(session: Session, lead_files: Sequence[LeadFile]) -> dict[str, float | None]:
    """Return by id the share of each file that is read; None where ``share_read`` cannot tell.

    One statement, by pk_lead_segments, if any of them is being read.
    """
    shares: dict[str, float | None] = {
        file.id: 1.0 if file.state == FileState.FINISHED else None for file in lead_files
    }
    reading = {file.id: file for file in lead_files if file.state != FileState.FINISHED}
    if reading:
        ends = select(LeadSegment.lead_file_id, func.max(LeadSegment.end_position))
        ends = ends.where(LeadSegment.lead_file_id.in_(reading)).group_by(LeadSegment.lead_file_id)
        reached = {row[0]: row[1] for row in session.execute(ends)}
        shares |= {
            file.id: share_read(file.format, file.wrapping, file.encoding, reached.get(file.id, 0), file.size)
            for file in reading.values()
        }
    return shares


def reported_rows(
    session: Session,
    shelf: Shelf,
    caller: Caller,
    lead_file_id: str,
    *,
    state: RowState | None,
    after: int,
    limit: int,
) -> Sequence[ReportedRow]:
    """Return at most ``limit`` rows after row ``after``, in order; no personal identity number is among the cells.

    Rows that did not become leads are read from the database (pk_lead_rows); all others did, and are read again from
    the kept file, from the nearest segment on.

    Raises:
        NotFound: there is no such file for this caller.
    """
    caller.require(Right.LOAD_LEADS)
    lead_file, source = lead_file_of(session, caller, lead_file_id)
    if state not in (None, RowState.ACCEPTED):
        return _others(session, lead_file, LeadRow.row_no > after, LeadRow.state == state.value, limit=limit)
    found: list[ReportedRow] = []
    while len(found) < limit and after < lead_file.rows_read:
        last = min(after + WINDOW, lead_file.rows_read)
        others = {row.row_no: row for row in _others(session, lead_file, LeadRow.row_no.between(after + 1, last))}
        for row_no in range(after + 1, last + 1):
            if row_no not in others:
                found.append(ReportedRow(row_no, RowState.ACCEPTED, (), None))
            elif state is None:
                found.append(others[row_no])
        after = last
    return _with_cells(session, shelf, lead_file, source, found[:limit])


def _others(session: Session, lead_file: LeadFile, *where: ColumnElement[bool], limit: int = -1) -> list[ReportedRow]:
    query = (
        select(LeadRow.row_no, LeadRow.state, LeadRow.reasons, LeadRow.raw)
        .where(LeadRow.lead_file_id == lead_file.id, *where)
        .order_by(LeadRow.row_no)
    )
    if limit >= 0:
        query = query.limit(limit)
    return [
        ReportedRow(
            row.row_no,
            RowState(row.state),
            tuple(row.reasons.split(",")) if row.reasons else (),
            None if row.raw is None else json.loads(row.raw),
        )
        for row in session.execute(query)
    ]


def _with_cells(
    session: Session, shelf: Shelf, lead_file: LeadFile, source: Source, rows: list[ReportedRow]
) -> list[ReportedRow]:
    """Return the rows with the cells of those that became leads, as long as the file is kept."""
    wanted = {row.row_no for row in rows if row.state is RowState.ACCEPTED}
    if not wanted or not lead_file.kept:
        return rows
    cells: dict[int, Sequence[str]] = {}
    with closing(raw_rows_of(reading_from(session, shelf, lead_file, source, min(wanted)))) as delivered:  # type: ignore[type-var] # a generator
        for row in delivered:
            if row.row_no in wanted:
                cells[row.row_no] = row.cells
            if row.row_no >= max(wanted):
                break
    blanked = layout_again(KeptFile(*shelf.located(lead_file.sha256)), lead_file).columns.blanked
    return [replace(row, cells=blanked(cells[row.row_no])) if row.row_no in cells else row for row in rows]


def reading_from(session: Session, shelf: Shelf, lead_file: LeadFile, source: Source, row_no: int) -> Reading:
    """Return how to read a kept file again from the segment that holds the row."""
    kept = KeptFile(*shelf.located(lead_file.sha256))
    segment = session.scalar(
        select(LeadSegment)
        .where(LeadSegment.lead_file_id == lead_file.id, LeadSegment.rows_before < row_no)
        .order_by(LeadSegment.rows_before.desc())
        .limit(1)
    )
    return Reading(
        kept,
        layout_again(kept, lead_file, spool_dir=shelf.directory),
        lead_file.received_at,
        timedelta(days=source.retention_days),
        Start(segment.rows_before, segment.position) if segment is not None else Start(),
        spool_dir=shelf.directory,
    )


def _reach(mapping: Mapping[str, str]) -> int:
    """Return the last column that a mapping names by its number: no row of a file without headings has fewer.

    0 for a file of the first version, which kept no headings and named each column by its own.
    """
    return max(int(place[1:]) for place in mapping.values() if place) if maps_by_place(mapping) else 0


def rejects_of(session: Session, shelf: Shelf, caller: Caller, lead_file_id: str, file: BinaryIO) -> tuple[str, int]:
    """Write the rows that did not become leads to ``file`` in the file's original form, each with its reasons added.

    Return a name for it and how many rows it holds. A workbook is put together beside the kept files. The line by which
    Excel is told the delimiter is taken from the kept file, and missing once that is gone.

    Raises:
        NotFound: there is no such file for this caller.
        LeadFileNotKept: its time is over, and its rows are emptied.
    """
    caller.require(Right.LOAD_LEADS)
    lead_file, _ = lead_file_of(session, caller, lead_file_id)
    if not lead_file.kept and lead_file.kept_until is not None:
        raise LeadFileNotKept(f"it was kept until {local_day(lead_file.kept_until)}, and so were the cells of its rows")
    query = (
        select(LeadRow.row_no, LeadRow.raw, LeadRow.reasons)
        .where(LeadRow.lead_file_id == lead_file.id)
        .order_by(LeadRow.row_no)
        .execution_options(yield_per=10_000)
    )
    count, width = 0, 0 if lead_file.headings else _reach(json.loads(lead_file.mapping))

    def rows() -> Iterator[tuple[int, Sequence[str], Sequence[str]]]:
        nonlocal count
        for row_no, raw, reasons in session.execute(query):
            count += 1
            cells = [] if raw is None else json.loads(raw)
            yield row_no, [*cells, *[""] * (width - len(cells))], reasons.split(",")

    form = FileFormat(lead_file.format)
    with shelf.temporary_folder() if form is FileFormat.XLSX else nullcontext() as spool_dir:
        write_rejects(
            file,
            format=form.value,
            headings=json.loads(lead_file.headings) if lead_file.headings else [],
            delimiter=lead_file.delimiter or ",",
            encoding=lead_file.encoding or "utf-8",
            opening=_opening(shelf, lead_file) if form is FileFormat.CSV else "",
            rows=rows(),
            spool_dir=spool_dir,
        )
    return f"rejects-{lead_file.id}.{form.value}", count


def _opening(shelf: Shelf, lead_file: LeadFile) -> str:
    """Return the line before all others of a file of text, empty if it has none or is not there to be asked."""
    if not lead_file.kept:
        return ""
    try:
        return layout_again(KeptFile(*shelf.located(lead_file.sha256)), lead_file).opening
    except KeptFileDamaged:
        return ""
