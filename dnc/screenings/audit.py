"""What the ledger must say of screenings and their parts, and whether it does."""

import hashlib
import json

from sqlalchemy.orm import Session

from core.audit import Recorded, entries_of, unaccounted
from core.clock import utc
from core.ledger import LedgerEntry
from core.verification import Finding
from dnc.screenings.models import Screening, ScreeningPart
from dnc.screenings.recording import PART_KIND
from dnc.screenings.service import asked

RECORDED = (Recorded("screening.asked", Screening, "id", lambda row, _keyring: asked(row), "asked_by"),)


def compare_parts(session: Session) -> list[Finding]:
    """Return a finding for each part that is gone, was changed, or was put in beside the ledger."""
    findings: list[Finding] = []
    seen = 0
    for entries in entries_of(session, PART_KIND):
        for entry in entries:
            screening_id, _, no = entry.subject.rpartition(":")
            row = session.get(ScreeningPart, (screening_id, int(no)))
            if row is None:
                findings.append(Finding("missing", entry.chain, entry.seq, "a part of a screening is gone"))
                continue
            seen += 1
            if not _is_as_recorded(entry, row):
                findings.append(Finding("changed", entry.chain, entry.seq, "a part of a screening was changed"))
    return [*findings, *unaccounted(session, ScreeningPart, seen)]


def _is_as_recorded(entry: LedgerEntry, row: ScreeningPart) -> bool:
    """Say whether the part is the one that its entry vouches for; of an erased entry only its place can tell."""
    is_in_place = (row.chain, row.seq) == (entry.chain, entry.seq)
    if entry.payload is None:
        return is_in_place
    said = json.loads(entry.payload)
    sha256 = hashlib.sha256(row.packed).hexdigest()
    told = {"packed": sha256, "rows": row.rows, "first_row": row.first_row, "decided_at": utc(row.decided_at)}
    return is_in_place and row.sha256 == sha256 and all(said[name] == value for name, value in told.items())
