"""What leads say of numbers, for the decision; and the card of a source, for the answer."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, String, case, cast, literal_column, or_, select
from sqlalchemy.sql import ColumnElement, Select

from core.database import any_of
from core.standing import NUMBERS, standing
from leads.models import Lead, LeadFile, Source, Supplier

PAUSED = "paused"
"""How a lead file stands that is paused, or whose source or supplier is."""


def lead_id() -> ColumnElement[str]:
    """Return what a lead is known by: its file's id and its row, which also say where it came from."""
    return LeadFile.id + literal_column("':'", String) + cast(Lead.row_no, String)


def leads_standing() -> Select[Any]:
    """Leads: a source, b kind of supplier, c basis, e balancing test, t1 collected, t2 expires, day of birth.

    The flag says that source, supplier or lead file is paused. A withdrawn file's own birth dates are left out. By
    pk_leads.
    """
    return (
        standing(
            "lead",
            id=lead_id(),
            number=Lead.number,
            seller_id=Source.seller_id,
            a=Source.id,
            b=Supplier.kind,
            c=Source.basis,
            e=Source.assessment,
            t1=Lead.collected_at,
            t2=Lead.expires_at,
            flag=_is_paused(),
            day=case((or_(LeadFile.withdrawn_at.is_(None), Lead.told_by.is_not(None)), Lead.birth_date)),
        )
        .join(Source, Source.no == Lead.source_no)
        .join(Supplier, Supplier.id == Source.supplier_id)
        .join(LeadFile, LeadFile.no == Lead.file_no)
        .where(any_of(Lead.number, NUMBERS))
    )


def _is_paused() -> ColumnElement[bool]:
    return or_(Source.paused_at.is_not(None), Supplier.paused_at.is_not(None), LeadFile.paused_at.is_not(None))


def file_stands() -> ColumnElement[str | None]:
    """Return ``PAUSED`` if the file that ``beside_file`` found is; NULL if it is not, or there is none."""
    return case((_is_paused(), literal_column(f"'{PAUSED}'", String)))


def beside_file(part: Select[Any], lead_file_id: ColumnElement[str | None]) -> Select[Any]:
    """Return the SELECT with the lead file of that id beside each row, its source and its supplier, if there is one.

    By pk_lead_files, pk_sources and pk_suppliers.
    """
    return (
        part.outerjoin(LeadFile, LeadFile.id == lead_file_id)
        .outerjoin(Source, Source.id == LeadFile.source_id)
        .outerjoin(Supplier, Supplier.id == Source.supplier_id)
    )


@dataclass(frozen=True, slots=True)
class SourceCard:
    """What is told of a source in the call. A source's wording is never edited: a new wording is a new source."""

    kind: str
    name: str
    assessment: str | None
    say: str
    say_en: str | None


def source_cards(connection: Connection, ids: Iterable[str]) -> dict[str, SourceCard]:
    """Return the cards of the sources by id."""
    rows = connection.execute(
        select(Source.id, Supplier.kind, Source.name, Source.assessment, Source.say, Source.say_en)
        .join(Supplier, Supplier.id == Source.supplier_id)
        .where(Source.id.in_(list(ids)))
    )
    return {row.id: SourceCard(row.kind, row.name, row.assessment, row.say, row.say_en) for row in rows}
