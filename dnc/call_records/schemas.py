"""The bodies of the API's requests and answers about call records."""

from dataclasses import asdict
from typing import Annotated

from pydantic import Field, StringConstraints

from core.numbers import Number
from dnc.call_records.models import CallRecord
from dnc.call_records.reports import CallRecordsReport
from dnc.call_records.rows import Column, HowToReadCalls
from dnc.call_records.states import CallState
from dnc.models import Contact
from web.endpoint import Document
from web.fields import Id, Instant, Limit, Region, Slug
from web.lists import CURSOR

Heading = Annotated[str, StringConstraints(min_length=1, max_length=100)]


class NewCallRecords(Document):
    """The form that goes with a file of call records. A column is a heading, or its place as ``#2``."""

    seller: Slug
    campaign: Slug | None = None
    number_column: Heading | None = None
    started_column: Heading | None = None
    day_column: Heading | None = Field(None, description="the day, where started_column holds the time alone")
    duration_column: Heading | None = None
    call_id_column: Heading | None = None
    agent_column: Heading | None = None
    time_format: Heading | None = Field(None, description="as strptime, or epoch; ISO 8601 without")
    zone: Annotated[str, StringConstraints(min_length=1, max_length=60)] | None = None
    region: Region = "SE"
    encoding: Annotated[str, StringConstraints(min_length=1, max_length=20)] | None = None
    delimiter: Annotated[str, StringConstraints(min_length=1, max_length=1)] | None = None

    def how(self) -> HowToReadCalls:
        """Return how the file is to be read."""
        named = {
            Column.NUMBER: self.number_column,
            Column.STARTED_AT: self.started_column,
            Column.DAY: self.day_column,
            Column.DURATION: self.duration_column,
            Column.CALL_ID: self.call_id_column,
            Column.AGENT: self.agent_column,
        }
        return HowToReadCalls(
            columns={column: heading for column, heading in named.items() if heading is not None},
            time_format=self.time_format,
            zone=self.zone,
            region=self.region,
            encoding=self.encoding,
            delimiter=self.delimiter,
        )


class CallRecordsDocument(Document):
    """A file of call records; the counts are null until all of its rows are matched."""

    id: str
    seller: str
    campaign: str | None
    file_name: str
    sha256: str
    size: int
    rows: int
    counts: dict[CallState, int] | None
    calls: int | None
    share_matched: float | None
    first_started_at: Instant | None
    last_started_at: Instant | None
    contacts: int | None
    contacts_missing: int | None
    received_at: Instant
    received_by: str
    matched_at: Instant | None
    repeated: bool


class FilesQuestion(Document):
    """After which file, and how many at once."""

    cursor: Id | None = Field(default=None, description=CURSOR)
    limit: Annotated[int, Field(ge=1, le=200, description="How many at most.")] = 100


class CallRecordsList(Document):
    """Files of call records, the newest first; ``cursor`` goes on, null at the last page."""

    files: list[CallRecordsDocument]
    cursor: str | None


class RowsQuestion(Document):
    """Rows of one state, or all but those matched."""

    state: CallState | None = None
    cursor: Annotated[int, Field(ge=0, le=2**31 - 1, description=CURSOR)] = 0
    limit: Limit = 200


class CallRecordDocument(Document):
    """One row of the file, and what became of it."""

    row: int
    state: CallState
    number: str | None
    started_at: Instant | None
    seconds: int | None
    call_id: str | None
    agent: str | None
    check_id: str | None
    contact_id: str | None


class CallRecordPage(Document):
    """Rows in the file's order; ``cursor`` goes on, null at the last page."""

    rows: list[CallRecordDocument]
    cursor: int | None


class MissingQuestion(Document):
    """After which contact, and how many at once."""

    cursor: Id | None = Field(default=None, description=CURSOR)
    limit: Limit = 200


class MissingContactDocument(Document):
    """A contact that was logged and that no call record shows."""

    contact_id: str
    number: str
    started_at: Instant
    call_id: str
    check_id: str
    agent: str | None


class MissingContactPage(Document):
    """Contacts without a call record; ``cursor`` goes on, null at the last page."""

    contacts: list[MissingContactDocument]
    cursor: str | None


def report_document(report: CallRecordsReport) -> CallRecordsDocument:
    """Return a report in its wire form."""
    return CallRecordsDocument(**asdict(report))


def row_document(row: CallRecord) -> CallRecordDocument:
    """Return a row in its wire form."""
    return CallRecordDocument(
        row=row.row_no,
        state=CallState(row.state),
        number=None if row.number is None else Number(row.number).e164,
        started_at=row.started_at,
        seconds=row.seconds,
        call_id=row.call_id,
        agent=row.agent,
        check_id=row.check_id,
        contact_id=row.contact_id,
    )


def missing_document(contact: Contact) -> MissingContactDocument:
    """Return a contact without a call record in its wire form."""
    return MissingContactDocument(
        contact_id=contact.id,
        number=Number(contact.number).e164,
        started_at=contact.started_at,
        call_id=contact.call_id,
        check_id=contact.check_id,
        agent=contact.agent,
    )
