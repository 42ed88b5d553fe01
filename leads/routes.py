"""The API of lead files."""

from datetime import datetime
from typing import Annotated

from pydantic import Field, Json
from sqlalchemy.orm import Session

from core.access import Caller, Right
from core.errors import NotFound
from core.store import Store
from leads.errors import LeadFileChanged, UnclearHeadings, UnreadableLeadFile
from leads.importer import import_lead_file
from leads.reports import LeadFileReport, lead_file_report, reported_rows
from leads.terms import FileState, RowState
from web.endpoint import Api, Document
from web.uploads import Upload

FILE_LIMIT = 2 * 1024**3


class LeadFileForm(Document):
    """The fields sent with a lead file."""

    source: str = Field(max_length=60, description="Slug of the source that delivers the file.")
    mapping: Json[dict[str, str]] | None = Field(
        default=None,
        description="JSON object: the heading of each field it names.",
    )
    dry_run: bool = Field(default=False, description="Count what an import would give, and keep nothing.")


class LeadFileDocument(Document):
    """A lead file and what became of its rows; ``id`` and ``state`` are null for a dry run."""

    id: str | None
    source: str
    file_name: str
    sha256: str
    size: int
    encoding: str
    delimiter: str
    mapping: dict[str, str]
    state: FileState | None
    rows: int
    accepted: int
    rejected: int
    duplicate: int
    ambiguous: int
    reasons: dict[str, int]
    received_at: datetime
    repeated: bool
    dry_run: bool


class RowsQuery(Document):
    """Which rows: those in one state, after a cursor."""

    state: RowState | None = None
    cursor: Annotated[str, Field(pattern=r"^[0-9]{1,9}$")] = "0"
    limit: Annotated[int, Field(ge=1, le=1000)] = 100


class LeadRowDocument(Document):
    """One row as delivered, and what became of it; ``cells`` is null once its retention has ended."""

    row_no: int
    state: RowState
    reasons: list[str]
    cells: list[str] | None


class LeadRowPage(Document):
    """Some rows in the file's order; ``next_cursor`` is null on the last page."""

    rows: list[LeadRowDocument]
    next_cursor: str | None


def lead_files_api(store: Store) -> Api:
    """Return the endpoints of lead files."""
    api = Api("lead-files", store)

    @api.post(
        "/v1/lead-files",
        right=Right.LOAD_LEADS,
        status=202,
        fields=LeadFileForm,
        limit=FILE_LIMIT,
        problems=[NotFound, UnreadableLeadFile, UnclearHeadings, LeadFileChanged],
    )
    def receive_lead_file(upload: Upload, form: LeadFileForm, caller: Caller) -> LeadFileDocument:
        """Read a CSV file of leads; a file that this source has delivered before gives the first report again."""
        report = import_lead_file(
            store,
            caller,
            path=upload.path,
            file_name=upload.name,
            source_slug=form.source,
            mapping=form.mapping,
            dry_run=form.dry_run,
        )
        return _document(report)

    @api.get("/v1/lead-files/<lead_file_id>", right=Right.LOAD_LEADS, problems=[NotFound])
    def read_lead_file(lead_file_id: str, caller: Caller, session: Session) -> LeadFileDocument:
        """Say how far a lead file has come and what became of its rows."""
        return _document(lead_file_report(session, caller, lead_file_id))

    @api.get("/v1/lead-files/<lead_file_id>/rows", right=Right.LOAD_LEADS, problems=[NotFound])
    def read_lead_rows(lead_file_id: str, query: RowsQuery, caller: Caller, session: Session) -> LeadRowPage:
        """List a lead file's rows as delivered, each with what became of it and why."""
        rows = reported_rows(
            session, caller, lead_file_id, state=query.state, after=int(query.cursor), limit=query.limit + 1
        )
        page = rows[: query.limit]
        return LeadRowPage(
            rows=[
                LeadRowDocument(
                    row_no=row.row_no,
                    state=row.state,
                    reasons=list(row.reasons),
                    cells=None if row.cells is None else list(row.cells),
                )
                for row in page
            ],
            next_cursor=str(page[-1].row_no) if len(rows) > query.limit else None,
        )

    return api


def _document(report: LeadFileReport) -> LeadFileDocument:
    return LeadFileDocument(
        id=report.id,
        source=report.source,
        file_name=report.file_name,
        sha256=report.sha256,
        size=report.size,
        encoding=report.encoding,
        delimiter=report.delimiter,
        mapping=dict(report.mapping),
        state=report.state,
        rows=report.rows,
        accepted=report.accepted,
        rejected=report.rejected,
        duplicate=report.duplicate,
        ambiguous=report.ambiguous,
        reasons=dict(report.reasons),
        received_at=report.received_at,
        repeated=report.repeated,
        dry_run=report.dry_run,
    )
