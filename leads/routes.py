"""The API of lead files."""

from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import date, datetime
from typing import Annotated

from pydantic import Field, Json
from sqlalchemy.orm import Session

from core.access import Caller, Right
from core.errors import NotFound
from core.pages import cut
from core.store import Store
from leads import importer
from leads.errors import LeadFileChanged, LeadFileNotKept, UnclearHeadings, UnreadableLeadFile
from leads.file_lists import lead_file_page
from leads.intake import FILE_LIMIT, DeliveryTerms, HowToRead
from leads.originals import take_original
from leads.reference_routes import GivenReferences, ReferenceDocument
from leads.references import REFERENCE_LENGTH
from leads.reports import LeadFileReport, lead_file_report, rejects_of, reported_rows
from leads.shelf import FileTooLarge, KeptFileDamaged, KeptUnderAnotherSecret, Shelf
from leads.terms import FileFormat, FileState, RowState
from leads.trial import try_lead_file
from web.endpoint import Api, Document, Download
from web.fields import EachKeyOnce, Limit, Slug
from web.lists import CURSOR, AfterId
from web.uploads import Upload

READ_AT_ONCE = 1 << 20
"""Bytes of a file that is read within the request."""


class LeadFileForm(Document):
    """The fields sent with a lead file."""

    source: str = Field(max_length=60, description="Slug of the source that delivers the file.")
    mapping: Annotated[Json[dict[str, str]], EachKeyOnce] | None = Field(
        default=None,
        description="JSON object: the heading of each field it names.",
    )
    encoding: str | None = Field(default=None, max_length=20, description="The character set, if not found by itself.")
    contract: str | None = Field(
        default=None, max_length=REFERENCE_LENGTH, description="Reference of the contract it comes under."
    )
    invoice: str | None = Field(default=None, max_length=REFERENCE_LENGTH, description="Reference of the invoice.")
    order: str | None = Field(default=None, max_length=REFERENCE_LENGTH, description="Reference of the order.")
    washed: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9-]{1,40}:[0-9]{4}-[0-9]{2}-[0-9]{2}$",
        description="The supplier's own claim of a wash: register and version, as nix:2026-11-15.",
    )
    dry_run: bool = Field(default=False, description="Count what an import would give, and keep nothing.")


class PreviewDocument(Document):
    """What a row would become as a lead."""

    row_no: int
    number: str
    birth_date: str | None
    collected_at: datetime | None
    person: dict[str, object]


class LeadFileDocument(Document):
    """A lead file and what became of its rows; ``id`` and ``state`` are null for a dry run.

    ``warnings`` say what surprised in it, null if it was received by a version that did not keep them.
    ``references`` are all that it came under, in the order of saying; ``wash_register`` and ``wash_version`` are the
    supplier's own claim of a wash, null if there is none. ``progress`` is the share that is read, null where it cannot
    be told. ``preview`` is of a dry run's first rows.
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
    mapping: dict[str, str]
    unread: list[str]
    warnings: list[str] | None
    references: list[ReferenceDocument]
    wash_register: str | None
    wash_version: date | None
    preview: list[PreviewDocument]
    state: FileState | None
    progress: float | None
    rows: int
    accepted: int
    rejected: int
    duplicate: int
    ambiguous: int
    reasons: dict[str, int]
    merkle_root: str | None
    received_at: datetime
    repeated: bool
    dry_run: bool


class LeadFilesQuery(GivenReferences, AfterId):
    """Which lead files: those of one source, in one state, or under every reference that is given; after a cursor.

    A file comes under the reference of a kind that was said last: one that was replaced finds nothing.
    """

    source: Slug | None = None
    state: FileState | None = None


class ListedLeadFileDocument(Document):
    """A lead file in a list; ``progress`` is the share that is read, null where it cannot be told.

    ``warnings`` say what surprised in it, null if it was received by a version that did not keep them.
    ``references`` are all that it came under, in the order of saying; ``wash_register`` and ``wash_version`` are the
    supplier's own claim of a wash, null if there is none.
    """

    id: str
    source: str
    file_name: str
    sha256: str
    size: int
    format: FileFormat
    state: FileState
    progress: float | None
    rows: int
    accepted: int
    rejected: int
    duplicate: int
    ambiguous: int
    warnings: list[str] | None
    references: list[ReferenceDocument]
    wash_register: str | None
    wash_version: date | None
    received_at: datetime
    received_by: str
    paused_at: datetime | None
    quarantined_at: datetime | None
    withdrawn_at: datetime | None


class LeadFilePageDocument(Document):
    """Some lead files, the newest first; ``next_cursor`` is null on the last page, whatever a page holds."""

    lead_files: list[ListedLeadFileDocument]
    next_cursor: str | None


class RowsQuery(Document):
    """Which rows: those in one state, after a cursor."""

    state: RowState | None = None
    cursor: Annotated[str, Field(pattern=r"^[0-9]{1,9}$", description=CURSOR)] = "0"
    limit: Limit = 100


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


def lead_files_api(
    store: Store, shelf: Shelf, read_beside: Callable[[str], None], when_read: Callable[[str], None]
) -> Api:
    """Return the endpoints of lead files.

    ``read_beside`` has a file read by another process, ``when_read`` is called with a file that was read here.
    """
    api = Api("lead-files", store)

    @api.post(
        "/v1/lead-files",
        right=Right.LOAD_LEADS,
        status=202,
        fields=LeadFileForm,
        limit=FILE_LIMIT,
        problems=[NotFound, UnreadableLeadFile, UnclearHeadings, LeadFileChanged, FileTooLarge],
    )
    def receive_lead_file(upload: Upload, form: LeadFileForm, caller: Caller) -> LeadFileDocument:
        """Receive a file of leads; one that this source has delivered before gives the first report again.

        A file of up to a megabyte is read while you wait; a larger one goes on being read: ask for its progress.
        """
        how = HowToRead(mapping=form.mapping, encoding=form.encoding)
        terms = DeliveryTerms.told(form.contract, form.invoice, form.order, form.washed)
        path, name, source = upload.path, upload.name, form.source
        if form.dry_run:
            return _document(
                try_lead_file(store, caller, path=path, file_name=name, source_slug=source, how=how, terms=terms)
            )
        report = importer.receive_lead_file(
            store, shelf, caller, path=path, file_name=name, source_slug=source, how=how, terms=terms
        )
        if report.id is None or report.state is FileState.FINISHED:
            return _document(report)
        if report.size > READ_AT_ONCE:
            read_beside(report.id)
            return _document(report)
        report = replace(importer.read_lead_file(store, shelf, caller, report.id), warnings=report.warnings)
        when_read(report.id or "")
        return _document(report)

    @api.get("/v1/lead-files", right=Right.PAUSE_SOURCES, problems=[NotFound])
    def list_lead_files(query: LeadFilesQuery, caller: Caller, session: Session) -> LeadFilePageDocument:
        """List lead files, the newest first: how far each has come and what became of its rows."""
        page = lead_file_page(
            session,
            caller,
            source=query.source,
            state=query.state,
            references=query.by_kind(),
            cursor=query.cursor,
            limit=query.limit,
        )
        return LeadFilePageDocument(
            lead_files=[ListedLeadFileDocument(**asdict(one)) for one in page.files], next_cursor=page.next_cursor
        )

    @api.get("/v1/lead-files/<lead_file_id>", right=Right.LOAD_LEADS, problems=[NotFound])
    def read_lead_file(lead_file_id: str, caller: Caller, session: Session) -> LeadFileDocument:
        """Say how far a lead file has come and what became of its rows."""
        return _document(lead_file_report(session, caller, lead_file_id))

    @api.get("/v1/lead-files/<lead_file_id>/rows", right=Right.LOAD_LEADS, problems=[NotFound])
    def read_lead_rows(lead_file_id: str, query: RowsQuery, caller: Caller, session: Session) -> LeadRowPage:
        """List a lead file's rows as delivered, each with what became of it and why."""
        rows = reported_rows(
            session, shelf, caller, lead_file_id, state=query.state, after=int(query.cursor), limit=query.limit + 1
        )
        page, next_cursor = cut(rows, query.limit, lambda row: str(row.row_no))
        return LeadRowPage(rows=[LeadRowDocument(**asdict(row)) for row in page], next_cursor=next_cursor)

    @api.get(
        "/v1/lead-files/<lead_file_id>/rejects",
        right=Right.LOAD_LEADS,
        problems=[NotFound, LeadFileNotKept],
    )
    def download_rejects(lead_file_id: str, caller: Caller, session: Session) -> Download:
        """Download the rows that did not become leads, in the form they came in, each with its reasons added."""
        file = shelf.temporary_file()
        try:
            name, _ = rejects_of(session, shelf, caller, lead_file_id, file)
        except BaseException:
            file.close()
            raise
        return Download(file, name)

    @api.get(
        "/v1/lead-files/<lead_file_id>/original",
        right=Right.TAKE_ORIGINALS,
        problems=[NotFound, LeadFileNotKept, KeptFileDamaged, KeptUnderAnotherSecret],
    )
    def download_original(lead_file_id: str, caller: Caller) -> Download:
        """Download a lead file as it was received, byte for byte; that it was taken is on record before that."""
        original = take_original(store, shelf, caller, lead_file_id)
        return Download(original.content, original.name)

    return api


def _document(report: LeadFileReport) -> LeadFileDocument:
    return LeadFileDocument(**asdict(report))
