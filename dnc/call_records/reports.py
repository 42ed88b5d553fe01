"""What became of files of call records: the counts, and the calls and contacts behind them."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.access import Caller, Right
from core.sellers import Seller
from dnc.call_records.errors import UnknownCallRecords
from dnc.call_records.gathering import missing_contacts
from dnc.call_records.models import CallRecord, CallRecordFile
from dnc.call_records.states import CallState, calls_in, share_matched
from dnc.models import Campaign, Contact


@dataclass(frozen=True, slots=True)
class CallRecordsReport:
    """A file of call records. ``counts`` by state are None until all of its rows are matched, as are those after it.

    ``contacts`` were logged of calls in the time that the file spans; ``contacts_missing`` of them are in no file.
    ``share_matched`` is of the calls in the file, without rows that are unreadable or repeated.
    """

    id: str
    seller: str
    campaign: str | None
    file_name: str
    sha256: str
    size: int
    rows: int
    counts: Mapping[str, int] | None
    calls: int | None
    share_matched: float | None
    first_started_at: datetime | None
    last_started_at: datetime | None
    contacts: int | None
    contacts_missing: int | None
    received_at: datetime
    received_by: str
    matched_at: datetime | None
    repeated: bool


def report_of(session: Session, row: CallRecordFile, *, repeated: bool) -> CallRecordsReport:
    """Return the report of a file; of one that is being matched, how many rows are kept."""
    return _reports_of(session, [row], repeated=repeated)[0]


def _reports_of(session: Session, rows: Sequence[CallRecordFile], *, repeated: bool) -> list[CallRecordsReport]:
    """Return the reports of the files, in order: three statements, however many there are."""
    sellers = select(Seller.id, Seller.slug).where(Seller.id.in_({row.seller_id for row in rows}))
    campaigns = select(Campaign.id, Campaign.slug).where(Campaign.id.in_({row.campaign_id for row in rows} - {None}))
    slugs = {id_: slug for query in (sellers, campaigns) for id_, slug in session.execute(query)}
    last = select(func.max(CallRecord.row_no)).where(CallRecord.file_id == CallRecordFile.id).scalar_subquery()
    being_matched = select(CallRecordFile.id, last).where(
        CallRecordFile.id.in_([row.id for row in rows if row.counts is None])
    )
    kept = {file_id: row_no or 0 for file_id, row_no in session.execute(being_matched)}
    return [_report(row, slugs, kept.get(row.id, 0), repeated) for row in rows]


def _report(row: CallRecordFile, slugs: Mapping[str, str], kept: int, repeated: bool) -> CallRecordsReport:
    counts = None if row.counts is None else json.loads(row.counts)
    return CallRecordsReport(
        id=row.id,
        seller=slugs[row.seller_id],
        campaign=None if row.campaign_id is None else slugs[row.campaign_id],
        file_name=row.file_name,
        sha256=row.sha256,
        size=row.size,
        rows=kept if counts is None else sum(counts.values()),
        counts=counts,
        calls=None if counts is None else calls_in(counts),
        share_matched=None if counts is None else share_matched(counts),
        first_started_at=row.first_started_at,
        last_started_at=row.last_started_at,
        contacts=row.contacts,
        contacts_missing=row.contacts_missing,
        received_at=row.received_at,
        received_by=row.received_by,
        matched_at=row.matched_at,
        repeated=repeated,
    )


def call_records_report(session: Session, caller: Caller, file_id: str) -> CallRecordsReport:
    """Return the report of one file.

    Raises:
        Forbidden: the caller may not match calls.
        UnknownCallRecords: there is none for the caller.
    """
    return report_of(session, _file(session, caller, file_id), repeated=False)


def call_record_files(
    session: Session, caller: Caller, *, after: str | None = None, limit: int = 100
) -> list[CallRecordsReport]:
    """Return at most ``limit`` files, the newest first, from the one after ``after`` on.

    Raises:
        Forbidden: the caller may not match calls.
    """
    caller.require(Right.MATCH_CALLS)
    query = select(CallRecordFile).order_by(CallRecordFile.id.desc()).limit(limit)
    if caller.seller_id is not None:
        query = query.where(CallRecordFile.seller_id == caller.seller_id)
    if after is not None:
        query = query.where(CallRecordFile.id < after)
    return _reports_of(session, session.scalars(query).all(), repeated=False)


def call_rows(
    session: Session,
    caller: Caller,
    file_id: str,
    *,
    states: Collection[CallState] | None = None,
    after: int = 0,
    limit: int = 200,
) -> Sequence[CallRecord]:
    """Return at most ``limit`` of a file's rows after row ``after``: those of some states, or all but those matched.

    Raises:
        Forbidden: the caller may not match calls.
        UnknownCallRecords: there is no such file for the caller.
    """
    row = _file(session, caller, file_id)
    wanted = set(CallState) - {CallState.MATCHED} if states is None else set(states)
    query = (
        select(CallRecord)
        .where(CallRecord.file_id == row.id, CallRecord.row_no > after)
        .where(CallRecord.state.in_([state.value for state in wanted]))
        .order_by(CallRecord.row_no)
        .limit(limit)
    )
    return session.scalars(query).all()


def contacts_without_record(
    session: Session, caller: Caller, file_id: str, *, after: str | None = None, limit: int = 200
) -> Sequence[Contact]:
    """Return at most ``limit`` contacts of the time that the file spans which no file of call records has.

    Raises:
        Forbidden: the caller may not match calls.
        UnknownCallRecords: there is no such file for the caller.
    """
    row = _file(session, caller, file_id)
    if row.first_started_at is None or row.last_started_at is None:
        return []
    return missing_contacts(
        session,
        seller_id=row.seller_id,
        campaign_id=row.campaign_id,
        since=row.first_started_at,
        until=row.last_started_at,
        after=after,
        limit=limit,
    )


def _file(session: Session, caller: Caller, file_id: str) -> CallRecordFile:
    caller.require(Right.MATCH_CALLS)
    row = session.get(CallRecordFile, file_id)
    if row is None or caller.seller_id not in (None, row.seller_id):
        raise UnknownCallRecords("there are no such call records for your seller")
    return row
