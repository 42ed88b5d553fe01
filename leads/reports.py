"""What became of a lead file: its report, and its rows page by page."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.access import Caller, Right
from leads.models import LeadFile, LeadRow, Source
from leads.suppliers import lead_file_of
from leads.terms import FileState, RowState


@dataclass(frozen=True, slots=True)
class LeadFileReport:
    """A lead file and the count of its rows in each state; ``rows`` is the sum of the four.

    ``reasons`` counts each reason over the rows that were not accepted. ``mapping`` is the heading that each field was
    read from. ``id`` and ``state`` are None for a dry run, which kept nothing. ``repeated``: the source had delivered
    this very file before, and this is the first delivery's report.
    """

    id: str | None
    source: str
    file_name: str
    sha256: str
    size: int
    encoding: str
    delimiter: str
    mapping: Mapping[str, str]
    state: FileState | None
    rows: int
    accepted: int
    rejected: int
    duplicate: int
    ambiguous: int
    reasons: Mapping[str, int]
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
    session: Session, lead_file: LeadFile, source: Source, *, repeated: bool, dry_run: bool
) -> LeadFileReport:
    """Return the report of a lead file's row. Its reasons are counted from its rows: one scan of this file's part."""
    reasons: Counter[str] = Counter()
    for written, count in session.execute(
        select(LeadRow.reasons, func.count())
        .where(LeadRow.lead_file_id == lead_file.id, LeadRow.state != RowState.ACCEPTED.value)
        .group_by(LeadRow.reasons)
    ):
        reasons.update(dict.fromkeys(written.split(","), count))
    return LeadFileReport(
        id=lead_file.id,
        source=source.slug,
        file_name=lead_file.filename,
        sha256=lead_file.sha256,
        size=lead_file.size,
        encoding=lead_file.encoding,
        delimiter=lead_file.delimiter,
        mapping=json.loads(lead_file.mapping),
        state=FileState(lead_file.state),
        rows=lead_file.rows_read,
        accepted=lead_file.rows_accepted,
        rejected=lead_file.rows_rejected,
        duplicate=lead_file.rows_duplicate,
        ambiguous=lead_file.rows_ambiguous,
        reasons=dict(sorted(reasons.items())),
        received_at=lead_file.received_at,
        repeated=repeated,
        dry_run=dry_run,
    )


def reported_rows(
    session: Session, caller: Caller, lead_file_id: str, *, state: RowState | None, after: int, limit: int
) -> Sequence[ReportedRow]:
    """Return at most ``limit`` rows after row ``after``, in order. Served by pk_lead_rows.

    Raises:
        NotFound: there is no such file for this caller.
    """
    caller.require(Right.LOAD_LEADS)
    lead_file, _ = lead_file_of(session, caller, lead_file_id)
    query = (
        select(LeadRow.row_no, LeadRow.state, LeadRow.reasons, LeadRow.raw)
        .where(LeadRow.lead_file_id == lead_file.id, LeadRow.row_no > after)
        .order_by(LeadRow.row_no)
        .limit(limit)
    )
    if state is not None:
        query = query.where(LeadRow.state == state.value)
    return [
        ReportedRow(
            row.row_no,
            RowState(row.state),
            tuple(row.reasons.split(",")) if row.reasons else (),
            None if row.raw is None else json.loads(row.raw),
        )
        for row in session.execute(query)
    ]
