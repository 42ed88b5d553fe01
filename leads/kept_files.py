"""The retention clock of files as received: how long one is kept, and what goes when nothing needs it any more."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session
from sqlalchemy.sql import ColumnElement

from core.access import operator
from core.database import let_others_write
from core.ledger import Event, put_on_record
from core.store import Store
from leads.models import LeadFile, LeadRow, Source
from leads.shelf import Shelf

KEPT_FOR = timedelta(days=5 * 365 + 2)
"""At least five years from receipt, whichever leap days they hold: as long as decisions and proof of consent.

The longest of the times within which it may have to be shown what was delivered, by whom and under which terms:
docs/receipts.md. An erasure does not reach what a legal claim may need (GDPR art. 17.3.e).
"""
ORPHAN_AFTER = timedelta(days=1)
"""How long a file lies on the shelf that no lead file names: one that was being received, tried or refused."""
EMPTIED_AT_ONCE = 10_000
"""Rows whose cells go in one transaction: some tenths of a second, in which over SQLite no check is answered."""


def forget_kept_files(store: Store, shelf: Shelf, now: datetime) -> int:
    """Remove from the shelf what no lead file needs any more; return how many files.

    A lead file whose time has come loses the cells of the rows that did not become leads, which stand in the
    database: their numbers and reasons stay, as what speaks against calling. Then it says that it is no longer
    kept, on record, before its file goes; a file that several share stays until the last one's time. Safe to run
    twice and at any point again, beside imports too: what an earlier run left, or an import that came to nothing,
    goes after ``ORPHAN_AFTER``.
    """
    with store.reading() as session:
        over = session.scalars(select(LeadFile.id).where(*_is_over(now)).order_by(LeadFile.received_at)).all()
    for lead_file_id in over:
        _empty_rows(store, lead_file_id)
    with store.writing() as session:
        for lead_file, seller_id in _expired(session, now, over):
            lead_file.kept = False
            payload = {"sha256": lead_file.sha256, "received_at": lead_file.received_at.isoformat()}
            actor = operator("jobs").actor
            put_on_record(session, Event("lead_file.forgotten", lead_file.id, actor, seller_id, payload))
    on_shelf = shelf.places()  # before the rows: what is received after this is not looked at
    with store.reading() as session:
        needed = frozenset(session.scalars(select(LeadFile.sha256).where(LeadFile.kept)))
    return sum(shelf.remove(place, unless_since=now - ORPHAN_AFTER) for place in sorted(on_shelf - needed))


def _is_over(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return LeadFile.kept.expression, LeadFile.kept_until <= now


def _empty_rows(store: Store, lead_file_id: str) -> None:
    """Take away the cells of the file's rows that did not become leads, some at a time. By pk_lead_rows."""
    after = 0
    while True:
        with store.writing() as session:
            these = LeadRow.lead_file_id == lead_file_id, LeadRow.row_no > after
            some = select(LeadRow.row_no).where(*these).order_by(LeadRow.row_no).limit(EMPTIED_AT_ONCE)
            row_nos = session.scalars(some).all()
            if row_nos:
                after = row_nos[-1]
                session.execute(
                    update(LeadRow).where(*these, LeadRow.row_no <= after, LeadRow.raw.is_not(None)).values(raw=None)
                )
        if len(row_nos) < EMPTIED_AT_ONCE:
            return
        let_others_write(store.engine)


def _expired(session: Session, now: datetime, emptied: Sequence[str]) -> list[tuple[LeadFile, str]]:
    """Return the lead files whose file's time has come and whose rows are emptied, each with its seller's id."""
    found = session.execute(
        select(LeadFile, Source.seller_id)
        .join(Source, Source.id == LeadFile.source_id)
        .where(*_is_over(now), LeadFile.id.in_(emptied))
        .order_by(LeadFile.received_at)
        .with_for_update(of=LeadFile, skip_locked=True)
    )
    return [(lead_file, seller_id) for lead_file, seller_id in found]
