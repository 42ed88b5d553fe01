"""What the ledger must say of suppliers, sources and lead files, and of their pauses."""

from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import object_session

from core.audit import Recorded, Switched
from leads.models import Assessment, LeadFile, Source, SourceSeller, SourceTerms, Supplier
from leads.source_terms import text_sha256


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
        },
        "received_by",
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
)
