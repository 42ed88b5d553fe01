"""What the ledger must say of checks, contacts, opt-outs, releases and holds, and whether it does."""

import json
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from consent.audit import RECORDED as OF_CONSENT
from core.audit import Recorded, compare, entries_of, unaccounted
from core.clock import utc
from core.ledger import LedgerEntry
from core.secrets import Keyring
from core.verification import Finding
from dnc.models import Check, Contact, Hold, OptOut, OptOutRelease

RECORDED = (
    Recorded(
        "contact.logged",
        Contact,
        "id",
        lambda row, keyring: {
            "check": row.check_id,
            "number": keyring.number_hash(row.number),
            "call_id": row.call_id,
            "started_at": utc(row.started_at),
            "ended_at": utc(row.ended_at),
            "outcome": row.outcome,
            "agent": row.agent,
            "source_disclosed": row.source_disclosed,
        },
        "logged_by",
    ),
    Recorded(
        "opt_out.added",
        OptOut,
        "id",
        lambda row, keyring: {
            "number": keyring.number_hash(row.number),
            "channels": row.channels,
            "via": row.via,
            "received_at": utc(row.received_at),
            "recorded_at": utc(row.recorded_at),
        },
        "recorded_by",
    ),
    Recorded(
        "opt_out.released",
        OptOutRelease,
        "opt_out_id",
        lambda row, _keyring: {
            "asked_by_person_at": utc(row.asked_by_person_at),
            "verified_by": row.verified_by,
        },
        "released_by",
    ),
    Recorded(
        "hold.made",
        Hold,
        "id",
        lambda row, keyring: {"number": keyring.number_hash(row.number), "reason": row.reason},
        "made_by",
    ),
)


def compare_records(session: Session, keyring: Keyring) -> list[Finding]:
    """Return every row of these tables that differs from the ledger, is gone, or was put in beside it."""
    return [*compare(session, keyring, (*OF_CONSENT, *RECORDED)), *_closed_holds(session), *_checks(session, keyring)]


def _closed_holds(session: Session) -> list[Finding]:
    """Return a finding if a hold was closed, or opened again, without a word in the ledger."""
    said = {entry.subject for entries in entries_of(session, "hold.closed") for entry in entries}
    closed = set(session.scalars(select(Hold.id).where(Hold.closed_at.is_not(None))))
    if said == closed:
        return []
    return [Finding("changed", None, None, f"{len(said ^ closed)} holds are closed or open against the ledger")]


def _checks(session: Session, keyring: Keyring) -> list[Finding]:
    findings: list[Finding] = []
    seen = 0
    for entries in entries_of(session, "checks"):
        for entry in entries:
            rows = session.scalars(
                select(Check).where(Check.id.in_(_ids(entry))) if entry.payload else _by_place(entry)
            ).all()
            seen += len(rows)
            if entry.payload is not None:
                findings += _compared(entry, {row.id: row for row in rows}, keyring)
    return [*findings, *unaccounted(session, Check, seen)]


def _by_place(entry: LedgerEntry) -> Any:  # Any: a select of checks
    return select(Check).where(Check.chain == entry.chain, Check.seq == entry.seq)


def _ids(entry: LedgerEntry) -> list[str]:
    return [row[0] for row in json.loads(entry.payload or "{}").get("rows", ())]


def _compared(entry: LedgerEntry, rows: dict[str, Check], keyring: Keyring) -> list[Finding]:
    findings = []
    document = json.loads(entry.payload or "{}")
    for place, (id_, number, decision, _ids, reference) in enumerate(document["rows"]):
        row, answer = rows.get(id_), document["decisions"][decision]["answer"]
        if row is None:
            findings.append(Finding("missing", entry.chain, entry.seq, f"the check in place {place} is gone"))
            continue
        is_so = {
            "number": (keyring.number_hash(row.number) if row.number is not None else None) == number,
            "verdict": row.verdict == answer["verdict"],
            "checked_at": utc(row.checked_at) == answer["checked_at"],
            "valid_until": utc(row.valid_until) == answer["valid_until"],
            "reference": row.reference == reference,
            "campaign": row.campaign_id == document["decisions"][decision]["campaign_id"],
            "seller": row.seller_id == entry.seller_id,
            "asked_by": row.asked_by == entry.actor,
            "place": (row.chain, row.seq, row.place) == (entry.chain, entry.seq, place),
        }
        wrong = [name for name, right in is_so.items() if not right]
        if wrong:
            detail = f"the check in place {place} differs in {', '.join(wrong)}"
            findings.append(Finding("changed", entry.chain, entry.seq, detail))
    return findings
