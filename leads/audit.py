"""What the ledger must say of suppliers, sources and lead files, and of their pauses."""

from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, object_session

from core.audit import Recorded, Switched, entries_of, read_object
from core.verification import Finding
from leads.intake import TERMS, terms_on_record, warnings_on_record
from leads.models import Assessment, LeadFile, LeadFileReference, Source, SourceSeller, SourceTerms, Supplier
from leads.references import reference_on_record
from leads.source_terms import text_sha256
from leads.terms import FileState


def _slug(row: Any, model: type[Supplier] | type[Source], id_: str) -> str | None:  # Any: a row of this package
    session = object_session(row)
    return None if session is None else session.scalar(select(model.slug).where(model.id == id_))


def _names(row: SourceTerms) -> list[str] | None:
    """Return the companies that the terms name, as the entry lists them."""
    session = object_session(row)
    if session is None:
        return None
    return sorted(session.scalars(select(SourceSeller.name).where(SourceSeller.terms_id == row.id)))


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


RECORDED = (
    Recorded(
        "supplier.added",
        Supplier,
        "id",
        lambda row, _keyring: {"slug": row.slug, "name": row.name, "kind": row.kind},
        None,
    ),
    Recorded(
        "source.added",
        Source,
        "id",
        lambda row, _keyring: {
            "slug": row.slug,
            "supplier": _slug(row, Supplier, row.supplier_id),
            "name": row.name,
            "basis": row.basis,
            "assessment": row.assessment,
            "say": row.say,
            "say_en": row.say_en,
            "retention_days": row.retention_days,
            **({"needs_identity": True} if row.needs_identity else {}),
        },
        None,
    ),
    Recorded(
        "lead_file.received",
        LeadFile,
        "id",
        lambda row, _keyring: {
            "source": _slug(row, Source, row.source_id),
            "sha256": row.sha256,
            "size": row.size,
            "file_name": row.filename,
            **dict.fromkeys(TERMS),
            **terms_on_record(row),
            "warnings_sha256": warnings_on_record(row).get("warnings_sha256"),
        },
        "received_by",
    ),
    Recorded(
        "lead_file.referenced", LeadFileReference, "id", lambda row, _keyring: reference_on_record(row), "added_by"
    ),
    Recorded(
        "source.terms_added",
        SourceTerms,
        "id",
        lambda row, _keyring: {
            "source": _slug(row, Source, row.source_id),
            "version": row.version,
            "sha256": row.sha256 if row.sha256 == text_sha256(row.text) else None,
            "page_url": row.page_url,
            "shown_from": _day(row.shown_from),
            "shown_until": _day(row.shown_until),
            "names": _names(row),
        },
        "added_by",
    ),
    Recorded(
        "assessment.added",
        Assessment,
        "id",
        lambda row, _keyring: {
            "reference": row.reference,
            "title": row.title,
            "file_name": row.file_name,
            "size": row.size,
            "sha256": row.sha256,
        },
        "added_by",
    ),
)
SWITCHED = (
    Switched(Supplier, "paused_at", "supplier.paused", "supplier.resumed"),
    Switched(Source, "paused_at", "source.paused", "source.resumed"),
    Switched(LeadFile, "paused_at", "lead_file.paused", "lead_file.resumed"),
    Switched(Supplier, "quarantined_at", "supplier.quarantined", "supplier.resumed"),
    Switched(Source, "quarantined_at", "source.quarantined", "source.resumed"),
    Switched(LeadFile, "quarantined_at", "lead_file.quarantined", "lead_file.resumed"),
    Switched(LeadFile, "withdrawn_at", "lead_file.withdrawn"),
)


def compare_finished(session: Session) -> list[Finding]:
    """Return every lead file whose counts or Merkle root are not those that it was finished with.

    A file that is being read has no such entry yet, and what is counted of it so far is not compared.
    """
    findings: list[Finding] = []
    told: set[str] = set()
    for entries in entries_of(session, "lead_file.finished"):
        ids = [entry.subject for entry in entries]
        told.update(ids)
        rows = {row.id: row for row in session.scalars(select(LeadFile).where(LeadFile.id.in_(ids)))}
        for entry in entries:
            row = rows.get(entry.subject)
            wrong = [] if row is None else _differing(row, entry.payload)
            if wrong:
                detail = f"the row of lead_files differs in {', '.join(wrong)}"
                findings.append(Finding("changed", entry.chain, entry.seq, detail))
    is_finished = (LeadFile.state == FileState.FINISHED.value) | LeadFile.merkle_root.is_not(None)
    untold = set(session.scalars(select(LeadFile.id).where(is_finished))) - told
    if untold:
        findings.append(Finding("changed", None, None, f"{len(untold)} lead files are finished against the ledger"))
    return findings


def _differing(row: LeadFile, payload: str | None) -> list[str]:
    """Return the names of what is not as the entry says; one whose payload was erased says that it is finished."""
    wrong = [] if row.state == FileState.FINISHED else ["state"]
    if payload is None:
        return wrong
    said = read_object(payload)
    values = {
        "merkle_root": row.merkle_root,
        "rows": row.rows_read,
        "accepted": row.rows_accepted,
        "rejected": row.rows_rejected,
        "duplicate": row.rows_duplicate,
        "ambiguous": row.rows_ambiguous,
    }
    return [*wrong, *(name for name, value in values.items() if said.get(name) != value)]
