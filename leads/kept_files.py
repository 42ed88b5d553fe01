"""The retention clock of files as received: how long one is kept, and what goes when nothing needs it any more."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.access import operator
from core.ledger import Event, put_on_record
from core.store import Store
from leads.models import LeadFile, Source
from leads.shelf import Shelf

KEPT_FOR = timedelta(days=5 * 365 + 2)
"""At least five years from receipt, whichever leap days they hold: as long as decisions and proof of consent.

The longest of the times within which it may have to be shown what was delivered, by whom and under which terms:
docs/receipts.md. An erasure does not reach what a legal claim may need (GDPR art. 17.3.e).
"""
ORPHAN_AFTER = timedelta(days=1)
"""How long a file lies on the shelf that no lead file names: one that was being received, tried or refused."""


def forget_kept_files(store: Store, shelf: Shelf, now: datetime) -> int:
    """Remove from the shelf what no lead file needs any more; return how many files.

    A lead file whose time has come says that it is no longer kept, on record, before its file goes; a file that several
    share stays until the last one's time. Safe to run twice and at any point again, beside imports too: what an earlier
    run left, or an import that came to nothing, goes after ``ORPHAN_AFTER``.
    """
    with store.writing() as session:
        for lead_file, seller_id in _expired(session, now):
            lead_file.kept = False
            payload = {"sha256": lead_file.sha256, "received_at": lead_file.received_at.isoformat()}
            actor = operator("jobs").actor
            put_on_record(session, Event("lead_file.forgotten", lead_file.id, actor, seller_id, payload))
    on_shelf = shelf.places()  # before the rows: what is received after this is not looked at
    with store.reading() as session:
        needed = frozenset(session.scalars(select(LeadFile.sha256).where(LeadFile.kept)))
    return sum(shelf.remove(place, unless_since=now - ORPHAN_AFTER) for place in sorted(on_shelf - needed))


def _expired(session: Session, now: datetime) -> list[tuple[LeadFile, str]]:
    """Return the lead files whose file's time has come, each with its seller's id."""
    found = session.execute(
        select(LeadFile, Source.seller_id)
        .join(Source, Source.id == LeadFile.source_id)
        .where(LeadFile.kept, LeadFile.kept_until <= now)
        .order_by(LeadFile.received_at)
        .with_for_update(of=LeadFile, skip_locked=True)
    )
    return [(lead_file, seller_id) for lead_file, seller_id in found]
