"""The API of call records: send a file, see what share of its calls a check permitted, and the list of the others."""

from pathlib import Path

from sqlalchemy.orm import Session

from core.access import Caller, Right
from core.errors import NotFound
from core.pages import cut
from core.store import Store
from dnc.call_records.errors import CallRecordsBusy, TooManyCallRecords, UnknownCallRecords, UnreadableCallRecords
from dnc.call_records.importing import match_call_records
from dnc.call_records.reports import call_record_files, call_records_report, call_rows, contacts_without_record
from dnc.call_records.schemas import (
    CallRecordPage,
    CallRecordsDocument,
    CallRecordsList,
    FilesQuestion,
    MissingContactPage,
    MissingQuestion,
    NewCallRecords,
    RowsQuestion,
    missing_document,
    report_document,
    row_document,
)
from dnc.drafts import UnknownCampaign
from dnc.gathering import Listed
from leads.errors import LeadFileChanged
from web.endpoint import Api
from web.uploads import Upload

UPLOAD_LIMIT = 64 * 1024 * 1024


def call_records_api(store: Store, listed: Listed, spool_dir: Path) -> Api:
    """Return the endpoints of call records; ``spool_dir`` is where a workbook is unpacked while it is read.

    ``listed`` is ``RegisterShelf.listed``.
    """
    api = Api("call_records", store)

    @api.post(
        "/v1/call-records",
        right=Right.MATCH_CALLS,
        status=201,
        fields=NewCallRecords,
        limit=UPLOAD_LIMIT,
        problems=[
            NotFound,
            UnknownCampaign,
            UnreadableCallRecords,
            TooManyCallRecords,
            CallRecordsBusy,
            LeadFileChanged,
        ],
    )
    def create_call_records(upload: Upload, form: NewCallRecords, caller: Caller) -> CallRecordsDocument:
        """Match every call in a file to a check; the same file again gives the first report, or goes on with it."""
        return report_document(
            match_call_records(
                store,
                listed,
                caller,
                path=upload.path,
                file_name=upload.name,
                seller=form.seller,
                campaign=form.campaign,
                how=form.how(),
                spool_dir=spool_dir,
            )
        )

    @api.get("/v1/call-records", right=Right.MATCH_CALLS)
    def list_call_records(query: FilesQuestion, caller: Caller, session: Session) -> CallRecordsList:
        """Return the files of call records, the newest first."""
        found = call_record_files(session, caller, after=query.cursor, limit=query.limit + 1)
        files, cursor = cut(found, query.limit, lambda one: one.id)
        return CallRecordsList(files=[report_document(one) for one in files], cursor=cursor)

    @api.get("/v1/call-records/<file_id>", right=Right.MATCH_CALLS, problems=[UnknownCallRecords])
    def read_call_records(file_id: str, caller: Caller, session: Session) -> CallRecordsDocument:
        """Return what share of a file's calls a check permitted, and its rows by state."""
        return report_document(call_records_report(session, caller, file_id))

    @api.get("/v1/call-records/<file_id>/rows", right=Right.MATCH_CALLS, problems=[UnknownCallRecords])
    def read_call_record_rows(file_id: str, query: RowsQuestion, caller: Caller, session: Session) -> CallRecordPage:
        """Return a file's rows of one state, or all but those matched, in the file's order."""
        states = None if query.state is None else [query.state]
        found = call_rows(session, caller, file_id, states=states, after=query.cursor, limit=query.limit + 1)
        rows, cursor = cut(found, query.limit, lambda row: row.row_no)
        return CallRecordPage(rows=[row_document(row) for row in rows], cursor=cursor)

    @api.get("/v1/call-records/<file_id>/missing-contacts", right=Right.MATCH_CALLS, problems=[UnknownCallRecords])
    def read_missing_contacts(
        file_id: str, query: MissingQuestion, caller: Caller, session: Session
    ) -> MissingContactPage:
        """Return contacts that were logged in the time that the file spans and that no call record shows."""
        found = contacts_without_record(session, caller, file_id, after=query.cursor, limit=query.limit + 1)
        contacts, cursor = cut(found, query.limit, lambda one: one.id)
        return MissingContactPage(contacts=[missing_document(one) for one in contacts], cursor=cursor)

    return api
