"""Where a number came from: each lead with its source, supplier and file, as the packages above may ask."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlalchemy.sql import Select

from consent.terms import Basis
from leads.models import Lead, LeadFile, Source, Supplier
from leads.standing import lead_id
from leads.terms import SourceKind


@dataclass(frozen=True, slots=True)
class LeadOrigin:
    """One lead and its whole chain of origin.

    The names are None once ``without_supplier`` has taken them away, and so are the assessment, whose title may hold
    one, and the moments, which are those of one file. ``sha256`` and ``row_no`` find the row in the file as it was
    delivered; rows count from 1 below the headings.
    """

    lead_id: str
    seller_id: str
    source_id: str
    source_name: str | None
    kind: SourceKind
    supplier_name: str | None
    say: str
    say_en: str | None
    basis: Basis | None
    assessment: str | None
    lead_file_id: str
    file_name: str | None
    sha256: str | None
    row_no: int | None
    partner_reference: str | None
    collected_at: datetime | None
    received_at: datetime | None
    expires_at: datetime | None
    source_paused: bool
    supplier_paused: bool
    file_paused: bool
    file_withdrawn: bool

    @property
    def paused(self) -> bool:
        """Whether source, supplier or file is paused, which denies every call on this lead."""
        return self.source_paused or self.supplier_paused or self.file_paused


def leads_on(session: Session, number: int, seller_id: str | None = None) -> Sequence[LeadOrigin]:
    """Return every lead on the number, of one seller or of all (None), oldest first; also those of withdrawn files.

    Served by pk_leads.
    """
    query = _origins().where(Lead.number == number).order_by(LeadFile.received_at, Lead.file_no, Lead.row_no)
    if seller_id is not None:
        query = query.where(Source.seller_id == seller_id)
    return [_read(found) for found in session.execute(query)]


def has_lead_file(session: Session, seller_id: str, lead_file_id: str) -> bool:
    """Return whether the seller has a lead file of that id, whatever became of it. Served by pk_lead_files."""
    of_file = select(Source.seller_id).join(LeadFile, LeadFile.source_id == Source.id)
    return session.scalar(of_file.where(LeadFile.id == lead_file_id)) == seller_id


def without_supplier(origin: LeadOrigin) -> LeadOrigin:
    """Return the origin as sales and dialers may see it: of a bought list nothing that tells who sold it, nor which.

    A partner's stays whole: the person must be told of the very contest, survey or offer.
    """
    if origin.kind is SourceKind.PARTNER:
        return origin
    return replace(
        origin,
        source_name=None,
        supplier_name=None,
        assessment=None,
        file_name=None,
        sha256=None,
        row_no=None,
        partner_reference=None,
        collected_at=None,
        received_at=None,
        expires_at=None,
    )


def _origins() -> Select[*tuple[Any, ...]]:  # Any: a column of each type
    return (
        select(
            lead_id(),
            Source.seller_id,
            Source.id,
            Source.name,
            Supplier.kind,
            Supplier.name,
            Source.say,
            Source.say_en,
            Source.basis,
            Source.assessment,
            LeadFile.id,
            LeadFile.filename,
            LeadFile.sha256,
            Lead.row_no,
            Lead.person,
            Lead.collected_at,
            LeadFile.received_at,
            Lead.expires_at,
            Source.paused_at,
            Supplier.paused_at,
            LeadFile.paused_at,
            LeadFile.withdrawn_at,
        )
        .join(LeadFile, LeadFile.no == Lead.file_no)
        .join(Source, Source.id == LeadFile.source_id)  # also of leads that gave way
        .join(Supplier, Supplier.id == Source.supplier_id)
    )


def _read(found: Any) -> LeadOrigin:  # Any: a row of _origins, in the order of LeadOrigin
    *fields, source_paused_at, supplier_paused_at, file_paused_at, withdrawn_at = found
    fields[4] = SourceKind(fields[4])
    fields[8] = None if fields[8] is None else Basis(fields[8])
    fields[14] = None if fields[14] is None else json.loads(fields[14]).get("partner_reference")
    marks = (source_paused_at, supplier_paused_at, file_paused_at, withdrawn_at)
    return LeadOrigin(*fields, *(moment is not None for moment in marks))
