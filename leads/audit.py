"""What the ledger must say of suppliers, sources and lead files, and of their pauses."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import object_session

from core.audit import Recorded, Switched
from leads.models import LeadFile, Source, Supplier


def _slug(row: Any, model: type[Supplier] | type[Source], id_: str) -> str | None:  # Any: a row of this package
    session = object_session(row)
    return None if session is None else session.scalar(select(model.slug).where(model.id == id_))


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
)
SWITCHED = (
    Switched(Supplier, "paused_at", "supplier.paused", "supplier.resumed"),
    Switched(Source, "paused_at", "source.paused", "source.resumed"),
    Switched(LeadFile, "paused_at", "lead_file.paused", "lead_file.resumed"),
    Switched(Supplier, "quarantined_at", "supplier.quarantined", "supplier.resumed"),
    Switched(Source, "quarantined_at", "source.quarantined", "source.resumed"),
    Switched(LeadFile, "quarantined_at", "lead_file.quarantined", "lead_file.resumed"),
)
