"""What the ledger must say of files of call records and the calls in them, and whether it does."""

import json
from collections import Counter

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.audit import entries_of, read_object
from core.clock import utc
from core.ledger import LedgerEntry
from core.verification import Finding
from dnc.call_records.models import CallRecord, CallRecordFile

MATCHED = "call_records.matched"


def compare_files(session: Session) -> list[Finding]:
    """Return a finding for each matched file whose row, or calls by state, are not those that it was matched with.

    A file that is being matched has no entry yet, and neither have its calls.
    """
    findings: list[Finding] = []
    told: set[str] = set()
    for entries in entries_of(session, MATCHED):
        ids = [entry.subject for entry in entries]
        told.update(ids)
        rows = {row.id: row for row in session.scalars(select(CallRecordFile).where(CallRecordFile.id.in_(ids)))}
        calls = _calls(session, ids)
        for entry in entries:
            row = rows.get(entry.subject)
            if row is None:
                findings.append(Finding("missing", entry.chain, entry.seq, "the row of call_record_files is gone"))
                continue
            wrong = _differing(row, calls.get(row.id, Counter()), entry)
            if wrong:
                detail = f"the row of call_record_files differs in {', '.join(wrong)}"
                findings.append(Finding("changed", entry.chain, entry.seq, detail))
    is_matched = CallRecordFile.matched_at.is_not(None) | CallRecordFile.counts.is_not(None)
    untold = set(session.scalars(select(CallRecordFile.id).where(is_matched))) - told
    if untold:
        detail = f"{len(untold)} rows of call_record_files are not in the ledger"
        findings.append(Finding("inserted", None, None, detail))
    return findings


def _calls(session: Session, ids: list[str]) -> dict[str, Counter[str]]:
    """Return by file how many of its calls are kept in each state. Served by pk_call_records."""
    counted = (
        select(CallRecord.file_id, CallRecord.state, func.count())
        .where(CallRecord.file_id.in_(ids))
        .group_by(CallRecord.file_id, CallRecord.state)
    )
    calls: dict[str, Counter[str]] = {}
    for file_id, state, rows in session.execute(counted):
        calls.setdefault(file_id, Counter())[state] = rows
    return calls


def _differing(row: CallRecordFile, calls: Counter[str], entry: LedgerEntry) -> list[str]:
    """Return the names of what is not as the entry says; one whose payload was erased says that it is matched."""
    wrong = [] if row.matched_at is not None else ["matched_at"]
    wrong += [] if row.seller_id == entry.seller_id else ["seller_id"]
    if entry.payload is None:
        return wrong
    said = json.loads(entry.payload)
    values = {
        "sha256": row.sha256,
        "size": row.size,
        "campaign": row.campaign_id,
        "counts": read_object(row.counts or ""),
        "first_started_at": utc(row.first_started_at),
        "last_started_at": utc(row.last_started_at),
        "contacts": row.contacts,
        "contacts_missing": row.contacts_missing,
    }
    wrong += [name for name, value in values.items() if said.get(name) != value]
    return [*wrong, *(["call_records"] if calls != Counter(said["counts"]) else [])]
