"""Suppliers, and whose the things are that they deliver: a source or file is another seller's, or the caller's own."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.access import Caller, Right
from core.errors import NotFound
from core.ids import new_id
from core.ledger import Event, put_on_record
from core.naming import check_name, check_slug, insert_named
from leads.models import LeadFile, Source, Supplier
from leads.terms import SourceKind

NO_SUCH_SOURCE = "there is no source with that slug"


@dataclass(frozen=True, slots=True)
class SupplierReport:
    """A supplier as it stands; ``paused_at`` None: every seller may use what it delivers."""

    id: str
    slug: str
    name: str
    kind: SourceKind
    created_at: datetime
    paused_at: datetime | None
    paused_reason: str | None
    quarantined_at: datetime | None


def add_supplier(
    session: Session, caller: Caller, *, slug: str, name: str, kind: SourceKind, now: datetime
) -> Supplier:
    """Return the new supplier.

    Raises:
        InvalidInput: the slug is malformed, or the name empty or longer than 200 characters.
        AlreadyExists: the slug is taken.
    """
    caller.require(Right.LOAD_LEADS)
    called = check_name(name, "a supplier")
    supplier = Supplier(id=new_id(), slug=check_slug(slug), name=called, kind=kind.value, created_at=now)
    insert_named(session, supplier, "a supplier of that slug exists already")
    payload = {"slug": slug, "name": supplier.name, "kind": kind.value}
    put_on_record(session, Event("supplier.added", supplier.id, caller.actor, None, payload))
    return supplier


def supplier_report(session: Session, caller: Caller, slug: str) -> SupplierReport:
    """Return the supplier with that slug; whoever may pause it may see it.

    Raises:
        NotFound: there is none.
    """
    caller.require(Right.PAUSE_SOURCES)
    return _report(supplier_named(session, slug))


def supplier_reports(
    session: Session, caller: Caller, *, after: str = "", limit: int | None
) -> Sequence[SupplierReport]:
    """Return at most ``limit`` suppliers by slug, after ``after``; None: all. Served by uq_suppliers_slug."""
    caller.require(Right.PAUSE_SOURCES)
    suppliers = session.scalars(select(Supplier).where(Supplier.slug > after).order_by(Supplier.slug).limit(limit))
    return [_report(supplier) for supplier in suppliers]


def _report(supplier: Supplier) -> SupplierReport:
    return SupplierReport(
        id=supplier.id,
        slug=supplier.slug,
        name=supplier.name,
        kind=SourceKind(supplier.kind),
        created_at=supplier.created_at,
        paused_at=supplier.paused_at,
        paused_reason=supplier.paused_reason,
        quarantined_at=supplier.quarantined_at,
    )


def supplier_named(session: Session, slug: str) -> Supplier:
    """Return the supplier with that slug.

    Raises:
        NotFound: there is none.
    """
    supplier = session.scalar(select(Supplier).where(Supplier.slug == slug))
    if supplier is None:
        raise NotFound("there is no supplier with that slug")
    return supplier


def source_of(session: Session, caller: Caller, slug: str) -> Source:
    """Return the source with that slug if it belongs to a seller that the caller may act for.

    Raises:
        NotFound: there is none, or it is not the caller's; the two are not told apart.
    """
    source = session.scalar(select(Source).where(Source.slug == slug))
    if source is None or caller.seller_id not in (None, source.seller_id):
        raise NotFound(NO_SUCH_SOURCE)
    return source


def lead_file_of(session: Session, caller: Caller, lead_file_id: str) -> tuple[LeadFile, Source]:
    """Return the lead file and its source, if the caller may act for the seller.

    Raises:
        NotFound: there is none, or it is not the caller's; the two are not told apart.
    """
    found = session.execute(
        select(LeadFile, Source).join(Source, Source.id == LeadFile.source_id).where(LeadFile.id == lead_file_id)
    ).one_or_none()
    if found is None or caller.seller_id not in (None, found[1].seller_id):
        raise NotFound("there is no lead file with that id")
    return found[0], found[1]
