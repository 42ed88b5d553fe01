"""What sources delivered, for the packages above: their leads as a part of a query, their pages, and their counts."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import and_, case, exists, func, or_, select, tuple_
from sqlalchemy.orm import Session
from sqlalchemy.sql import Subquery
from sqlalchemy.sql.elements import ColumnElement

from consent.terms import Basis
from core.elapsed import days_between
from leads.models import Lead, LeadFile, Source, Supplier
from leads.terms import SourceKind

CONSENT_PROOF = '%"consent_at"%'


@dataclass(frozen=True, slots=True)
class SourceStanding:
    """A source with its supplier, and whether either is paused or quarantined."""

    no: int
    id: str
    slug: str
    name: str
    seller_id: str
    supplier_id: str
    supplier_slug: str
    supplier_name: str
    kind: SourceKind
    paused_reason: str | None
    paused: bool
    quarantined: bool
    resumed_at: datetime | None


@dataclass(frozen=True, slots=True)
class OtherLead:
    """A lead among many: its number, and where it stands in which file."""

    number: int
    source_no: int
    lead_file_id: str
    row_no: int
    collected_at: datetime | None
    received_at: datetime


@dataclass(slots=True)
class Delivered:
    """What a source delivered in a period: files, rows by what became of them, and the leads' ages and proof.

    ``ages`` counts leads by whole days from when they were collected until they were delivered.
    """

    files: int = 0
    rows: int = 0
    invalid: int = 0
    duplicate: int = 0
    leads: int = 0
    without_proof: int = 0
    ages: Counter[int] = field(default_factory=Counter)

    def add(self, other: "Delivered") -> None:
        """Count the other's too."""
        self.files += other.files
        self.rows += other.rows
        self.invalid += other.invalid
        self.duplicate += other.duplicate
        self.leads += other.leads
        self.without_proof += other.without_proof
        self.ages += other.ages


def source_standings(
    session: Session, seller_id: str | None, nos: Collection[int] | None = None
) -> list[SourceStanding]:
    """Return the sources of a seller (of every seller, if None), or those of them with these numbers, by slug."""
    query = (
        select(
            Source.no,
            Source.id,
            Source.slug,
            Source.name,
            Source.seller_id,
            Supplier.id,
            Supplier.slug,
            Supplier.name,
            Supplier.kind,
            func.coalesce(Source.paused_reason, Supplier.paused_reason),
            or_(Source.paused_at.is_not(None), Supplier.paused_at.is_not(None)),
            or_(Source.quarantined_at.is_not(None), Supplier.quarantined_at.is_not(None)),
            Source.resumed_at,
        )
        .join(Supplier, Supplier.id == Source.supplier_id)
        .order_by(Source.slug)
    )
    if seller_id is not None:
        query = query.where(Source.seller_id == seller_id)
    if nos is not None:
        query = query.where(Source.no.in_(nos))
    found = []
    for row in session.execute(query):
        fields: list[Any] = list(row)  # Any: a column of each type, in the order of SourceStanding
        fields[8], fields[10], fields[11] = SourceKind(fields[8]), bool(fields[10]), bool(fields[11])
        found.append(SourceStanding(*fields))
    return found


def source_nos_on(session: Session, number: int, seller_id: str | None) -> list[int]:
    """Return the numbers of the sources that have a lead on this phone number, in order. Served by pk_leads."""
    query = select(Lead.source_no).join(Source, Source.no == Lead.source_no).where(Lead.number == number)
    if seller_id is not None:
        query = query.where(Source.seller_id == seller_id)
    return list(session.scalars(query.order_by(Lead.source_no)))


def leads_known() -> Subquery:
    """Return every lead with its source, for a query to join by number and seller. A probe is served by pk_leads.

    Those of withdrawn files are among them: calls were made on them.

    Columns: number, seller_id, source_id, supplier_id, received_at, expires_at, resumed_at (the source's).
    """
    return (
        select(
            Lead.number,
            Source.seller_id,
            Source.id.label("source_id"),
            Source.supplier_id,
            LeadFile.received_at,
            Lead.expires_at,
            Source.resumed_at,
        )
        .join(LeadFile, LeadFile.no == Lead.file_no)
        .join(Source, Source.id == LeadFile.source_id)
        .subquery("known_leads")
    )


def among_leads(number: ColumnElement[Any], seller_id: ColumnElement[Any], nos: Collection[int]) -> ColumnElement[bool]:
    """Return the condition that one of these sources has a lead on the row's number for the row's seller.

    For counting: it is answered by one pass over the sources' leads, whatever else there is.
    """
    return tuple_(number, seller_id).in_(
        select(Lead.number, Source.seller_id).join(Source, Source.no == Lead.source_no).where(Lead.source_no.in_(nos))
    )


def has_lead(number: ColumnElement[Any], seller_id: ColumnElement[Any], nos: Collection[int]) -> ColumnElement[bool]:
    """Return the same condition as ``among_leads``, for pages in an order: a probe of pk_leads for each row read."""
    return (
        exists()
        .where(
            Lead.number == number, Lead.source_no.in_(nos), Source.no == Lead.source_no, Source.seller_id == seller_id
        )
        .correlate_except(Lead, Source)
    )


def count_leads(session: Session, nos: Collection[int]) -> dict[int, tuple[int, int]]:
    """Return by source how many files and leads there are of it.

    One pass over these sources' part of the leads, found by ix_leads_file_no.
    """
    files = select(LeadFile.no).join(Source, Source.id == LeadFile.source_id).where(Source.no.in_(nos))
    query = (
        select(Lead.source_no, func.count(Lead.file_no.distinct()), func.count())
        .where(Lead.file_no.in_(files), Lead.source_no.in_(nos))
        .group_by(Lead.source_no)
    )
    return {no: (int(of_files), int(of_leads)) for no, of_files, of_leads in session.execute(query)}


def leads_after(
    session: Session, nos: Collection[int], after: tuple[int, int] | None, limit: int, *, without: int
) -> Sequence[OtherLead]:
    """Return at most ``limit`` leads of the sources after (number, source), in that order, but for one number's.

    Served by pk_leads, which is read in order past the leads of other sources: all pages together cost one pass over
    it, however many pages there are.
    """
    query = (
        select(
            Lead.number,
            Lead.source_no,
            LeadFile.id,
            Lead.row_no,
            Lead.collected_at,
            LeadFile.received_at,
        )
        .join(LeadFile, LeadFile.no == Lead.file_no)
        .where(Lead.source_no.in_(nos), Lead.number != without)
        .order_by(Lead.number, Lead.source_no)
        .limit(limit)
    )
    if after is not None:
        number, source_no = after
        query = query.where(
            Lead.number >= number, or_(Lead.number > number, and_(Lead.number == number, Lead.source_no > source_no))
        )
    return [OtherLead(*row) for row in session.execute(query)]


def delivered(
    session: Session, seller_id: str | None, since: datetime, until: datetime, *, after_resume: bool = False
) -> Mapping[str, Delivered]:
    """Return by source id what came in the period; sources that delivered nothing are left out.

    Files that are withdrawn do not count: they were read wrongly, and count once they are read again.
    ``after_resume``: only what came after the source was last resumed. A lead is without proof if its row does not say
    when it was collected, if its source has no lawful basis or rests on legitimate interest without a balancing test,
    or if its source rests on consent and the row does not say when it was given. One pass over the leads of the
    period's files.
    """
    within = _came_within(seller_id, since, until, after_resume=after_resume)
    found: dict[str, Delivered] = {}
    for source_id, files, rows, invalid, duplicate in session.execute(
        select(
            Source.id,
            func.count(),
            func.sum(LeadFile.rows_read),
            func.sum(LeadFile.rows_rejected + LeadFile.rows_ambiguous),
            func.sum(LeadFile.rows_duplicate),
        )
        .select_from(LeadFile)
        .join(Source, Source.id == LeadFile.source_id)
        .where(*within)
        .group_by(Source.id)
    ):
        found[source_id] = Delivered(int(files), int(rows), int(invalid), int(duplicate))
    age = days_between(Lead.collected_at, LeadFile.received_at)
    for source_id, days, leads, without_proof in session.execute(
        select(Source.id, age, func.count(), func.sum(case((_without_proof(), 1), else_=0)))
        .select_from(Lead)
        .join(LeadFile, LeadFile.no == Lead.file_no)
        .join(Source, Source.id == LeadFile.source_id)
        .where(*within)
        .group_by(Source.id, age)
    ):
        one = found[source_id]
        one.leads += int(leads)
        one.without_proof += int(without_proof)
        if days is not None:
            one.ages[max(int(days), 0)] += int(leads)
    return found


def count_without_proof(session: Session, file_no: int) -> int:
    """Return how many of the file's leads are without proof, as ``delivered`` counts them. By ix_leads_file_no."""
    query = (
        select(func.count())
        .select_from(Lead)
        .join(Source, Source.no == Lead.source_no)
        .where(Lead.file_no == file_no, _without_proof())
    )
    return session.scalars(query).one()


def files_that_came(
    session: Session, seller_id: str | None, since: datetime, until: datetime, *, after_resume: bool = False
) -> dict[str, str]:
    """Return the files of the period, each with its source's id; ``after_resume`` as for ``delivered``."""
    query = (
        select(LeadFile.id, Source.id)
        .join(Source, Source.id == LeadFile.source_id)
        .where(*_came_within(seller_id, since, until, after_resume=after_resume))
    )
    return {row[0]: row[1] for row in session.execute(query)}


def _came_within(
    seller_id: str | None, since: datetime, until: datetime, *, after_resume: bool
) -> list[ColumnElement[bool]]:
    within = [LeadFile.received_at >= since, LeadFile.received_at <= until, LeadFile.withdrawn_at.is_(None)]
    if seller_id is not None:
        within.append(Source.seller_id == seller_id)
    if after_resume:
        within.append(or_(Source.resumed_at.is_(None), LeadFile.received_at > Source.resumed_at))
    return within


def _without_proof() -> ColumnElement[bool]:
    return or_(
        Lead.collected_at.is_(None),
        Source.basis.is_(None),
        and_(Source.basis == Basis.LEGITIMATE_INTEREST.value, Source.assessment.is_(None)),
        and_(
            Source.basis == Basis.CONSENT.value,
            or_(Lead.person.is_(None), Lead.person.not_like(CONSENT_PROOF)),
        ),
    )
