"""The API of suppliers and sources: add them, file their terms, see what they lack, pause and resume them."""

import re
from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated

from pydantic import BeforeValidator, Field
from sqlalchemy.orm import Session

from consent.terms import Basis
from core.access import Caller, Right
from core.errors import AlreadyExists, NotFound
from core.naming import NAME_LENGTH
from core.pages import cut
from core.store import Store
from leads.assessments import AssessmentDocument
from leads.errors import LeadFileWithdrawn
from leads.pauses import (
    REASON_LENGTH,
    pause_lead_file,
    pause_source,
    pause_supplier,
    resume_lead_file,
    resume_source,
    resume_supplier,
)
from leads.source_terms import MAX_NAMES, TEXT_LENGTH, URL_LENGTH, Terms, add_terms, terms_of
from leads.sources import (
    ASSESSMENT_LENGTH,
    MAX_RETENTION_DAYS,
    RETENTION_DAYS,
    SAY_LENGTH,
    EvidenceGap,
    SourceReport,
    add_source,
    source_report,
    source_reports,
)
from leads.suppliers import (
    add_supplier,
    lead_file_of,
    supplier_report,
    supplier_reports,
)
from leads.terms import SourceKind
from leads.withdrawals import withdraw_lead_file
from web.endpoint import Api, Document
from web.lists import AfterSlug

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _written_day(value: object) -> object:
    """Let through only what is written as a day; pydantic would take a number of seconds too."""
    if value is not None and not (isinstance(value, str) and _DAY.fullmatch(value)):
        raise ValueError("write a day as YYYY-MM-DD")
    return value


Day = Annotated[date, BeforeValidator(_written_day)]
Slug = Annotated[str, Field(max_length=60)]
Name = Annotated[str, Field(max_length=NAME_LENGTH)]


class NewSupplier(Document):
    """Who delivers leads."""

    slug: Slug
    name: Name
    kind: SourceKind = Field(description="A partner that collects leads itself, or a seller of lists.")


class SupplierDocument(Document):
    """A supplier as it stands; a quarantine is a pause that only compliance may end."""

    id: str
    slug: str
    name: str
    kind: SourceKind
    created_at: datetime
    paused_at: datetime | None
    paused_reason: str | None
    quarantined_at: datetime | None


class SupplierPage(Document):
    """Some suppliers by slug; ``next_cursor`` is null on the last page."""

    suppliers: list[SupplierDocument]
    next_cursor: str | None


class NewSource(Document):
    """One origin of leads; what is said of a bought list must name neither it nor its supplier."""

    slug: Slug
    supplier: Slug = Field(description="The supplier's slug.")
    seller: Slug = Field(description="The slug of the seller that may call the leads.")
    name: Name
    basis: Basis
    assessment: str | None = Field(
        default=None, max_length=ASSESSMENT_LENGTH, description="The reference of the balancing test on file."
    )
    say: str = Field(max_length=SAY_LENGTH, description="What to say in the call, in Swedish.")
    say_en: str | None = Field(default=None, max_length=SAY_LENGTH, description="The same in English.")
    retention_days: Annotated[int, Field(ge=1, le=MAX_RETENTION_DAYS)] = RETENTION_DAYS
    needs_identity: bool = Field(
        default=False, description="Read personal identity numbers in its files, and keep them sealed."
    )


class SourceDocument(Document):
    """A source as it stands, and what its evidence lacks; ``terms_version`` is null if no terms are on file."""

    id: str
    slug: str
    supplier: str
    seller: str
    name: str
    kind: SourceKind
    basis: Basis | None
    assessment: str | None
    assessment_document: AssessmentDocument
    say: str
    say_en: str | None
    retention_days: int
    needs_identity: bool
    terms_version: int | None
    evidence_gaps: list[EvidenceGap]
    created_at: datetime
    paused_at: datetime | None
    paused_reason: str | None
    quarantined_at: datetime | None


class SourcePage(Document):
    """Some sources by slug; ``next_cursor`` is null on the last page."""

    sources: list[SourceDocument]
    next_cursor: str | None


class NewTerms(Document):
    """The terms of a source as the person was shown them; the next wording is the next version."""

    text: str = Field(max_length=TEXT_LENGTH)
    page_url: str | None = Field(default=None, max_length=URL_LENGTH)
    shown_from: Day | None = Field(default=None, description="The first day they were shown.")
    shown_until: Day | None = Field(default=None, description="The last day, once it is known.")
    names: list[Name] = Field(
        default=[], max_length=MAX_NAMES, description="The companies that they name as ones that may call."
    )


class TermsDocument(Document):
    """One version of a source's terms; ``sha256`` is that of the text in UTF-8."""

    version: int
    text: str
    sha256: str
    page_url: str | None
    shown_from: date | None
    shown_until: date | None
    names: list[str]
    added_at: datetime
    added_by: str


class SourceWithTerms(SourceDocument):
    """A source with every version of its terms, newest first."""

    terms: list[TermsDocument]


class NewPause(Document):
    """Why it is paused; it is kept on record."""

    reason: str = Field(min_length=1, max_length=REASON_LENGTH)


class PausedLeadFile(Document):
    """Whether a lead file is paused, and why; one that is withdrawn is so for good."""

    id: str
    source: str
    paused_at: datetime | None
    paused_reason: str | None
    quarantined_at: datetime | None
    withdrawn_at: datetime | None


def suppliers_api(store: Store) -> Api:
    """Return the endpoints of suppliers and sources, and of the pauses of lead files."""
    api = Api("suppliers", store)
    _add_suppliers(api, store)
    _add_sources(api, store)
    _add_lead_files(api, store)
    return api


def _add_suppliers(api: Api, store: Store) -> None:
    @api.post("/v1/suppliers", right=Right.LOAD_LEADS, status=201, problems=[AlreadyExists])
    def create_supplier(body: NewSupplier, caller: Caller, session: Session) -> SupplierDocument:
        """Add who delivers leads."""
        add_supplier(session, caller, slug=body.slug, name=body.name, kind=body.kind, now=store.clock.now())
        return _supplier(session, caller, body.slug)

    @api.get("/v1/suppliers", right=Right.PAUSE_SOURCES)
    def list_suppliers(query: AfterSlug, caller: Caller, session: Session) -> SupplierPage:
        """List suppliers by slug."""
        found = supplier_reports(session, caller, after=query.cursor or "", limit=query.limit + 1)
        page, next_cursor = cut(found, query.limit, lambda one: one.slug)
        return SupplierPage(suppliers=[SupplierDocument(**asdict(one)) for one in page], next_cursor=next_cursor)

    @api.get("/v1/suppliers/<slug>", right=Right.PAUSE_SOURCES, problems=[NotFound])
    def read_supplier(slug: str, caller: Caller, session: Session) -> SupplierDocument:
        """Say how a supplier stands."""
        return _supplier(session, caller, slug)

    @api.post("/v1/suppliers/<slug>/pause", right=Right.PAUSE_SOURCES, problems=[NotFound])
    def pause_a_supplier(slug: str, body: NewPause, caller: Caller, session: Session) -> SupplierDocument:
        """Deny every lead of the supplier from the next check on, for every seller."""
        pause_supplier(session, caller, slug=slug, reason=body.reason, now=store.clock.now())
        return _supplier(session, caller, slug)

    @api.post("/v1/suppliers/<slug>/resume", right=Right.PAUSE_SOURCES, problems=[NotFound])
    def resume_a_supplier(slug: str, caller: Caller, session: Session) -> SupplierDocument:
        """End the supplier's pause; of a quarantine, only for compliance."""
        resume_supplier(session, caller, slug=slug, now=store.clock.now())
        return _supplier(session, caller, slug)


def _add_sources(api: Api, store: Store) -> None:
    @api.post("/v1/sources", right=Right.LOAD_LEADS, status=201, problems=[NotFound, AlreadyExists])
    def create_source(body: NewSource, caller: Caller, session: Session) -> SourceDocument:
        """Add one origin of leads; ``evidence_gaps`` says what it still lacks."""
        add_source(session, caller, **dict(body), now=store.clock.now())
        return _source(source_report(session, caller, body.slug))

    @api.get("/v1/sources", right=Right.PAUSE_SOURCES)
    def list_sources(query: AfterSlug, caller: Caller, session: Session) -> SourcePage:
        """List sources by slug, each with what its evidence lacks."""
        found = source_reports(session, caller, after=query.cursor or "", limit=query.limit + 1)
        page, next_cursor = cut(found, query.limit, lambda one: one.slug)
        return SourcePage(sources=[_source(one) for one in page], next_cursor=next_cursor)

    @api.get("/v1/sources/<slug>", right=Right.PAUSE_SOURCES, problems=[NotFound])
    def read_source(slug: str, caller: Caller, session: Session) -> SourceWithTerms:
        """Say how a source stands, with every version of its terms."""
        shown = source_report(session, caller, slug)
        versions = [_terms(terms) for terms in terms_of(session, shown.id)]
        return SourceWithTerms(**dict(_source(shown)), terms=versions)

    @api.post("/v1/sources/<slug>/terms", right=Right.LOAD_LEADS, status=201, problems=[NotFound])
    def add_source_terms(slug: str, body: NewTerms, caller: Caller, session: Session) -> TermsDocument:
        """File the terms as the person was shown them; filed again unchanged they are no new version."""
        return _terms(add_terms(session, caller, source_slug=slug, **dict(body), now=store.clock.now()))

    @api.post("/v1/sources/<slug>/pause", right=Right.PAUSE_SOURCES, problems=[NotFound])
    def pause_a_source(slug: str, body: NewPause, caller: Caller, session: Session) -> SourceDocument:
        """Deny every lead of the source from the next check on."""
        pause_source(session, caller, slug=slug, reason=body.reason, now=store.clock.now())
        return _source(source_report(session, caller, slug))

    @api.post("/v1/sources/<slug>/resume", right=Right.PAUSE_SOURCES, problems=[NotFound])
    def resume_a_source(slug: str, caller: Caller, session: Session) -> SourceDocument:
        """End the source's pause; of a quarantine, only for compliance."""
        resume_source(session, caller, slug=slug, now=store.clock.now())
        return _source(source_report(session, caller, slug))


def _add_lead_files(api: Api, store: Store) -> None:
    problems = [NotFound, LeadFileWithdrawn]

    @api.post("/v1/lead-files/<lead_file_id>/pause", right=Right.PAUSE_SOURCES, problems=problems)
    def pause_a_lead_file(lead_file_id: str, body: NewPause, caller: Caller, session: Session) -> PausedLeadFile:
        """Deny every lead of the file from the next check on."""
        pause_lead_file(session, caller, lead_file_id=lead_file_id, reason=body.reason, now=store.clock.now())
        return _lead_file(session, caller, lead_file_id)

    @api.post("/v1/lead-files/<lead_file_id>/resume", right=Right.PAUSE_SOURCES, problems=problems)
    def resume_a_lead_file(lead_file_id: str, caller: Caller, session: Session) -> PausedLeadFile:
        """End the file's pause; of a quarantine, only for compliance."""
        resume_lead_file(session, caller, lead_file_id=lead_file_id, now=store.clock.now())
        return _lead_file(session, caller, lead_file_id)

    @api.post("/v1/lead-files/<lead_file_id>/withdraw", right=Right.PAUSE_SOURCES, problems=[NotFound])
    def withdraw_a_lead_file(lead_file_id: str, body: NewPause, caller: Caller, session: Session) -> PausedLeadFile:
        """Take back, for good, all that a wrongly read file says of numbers; it may then be delivered again.

        Of a file in quarantine, only for compliance.
        """
        withdraw_lead_file(session, caller, lead_file_id=lead_file_id, reason=body.reason, now=store.clock.now())
        return _lead_file(session, caller, lead_file_id)


def _supplier(session: Session, caller: Caller, slug: str) -> SupplierDocument:
    return SupplierDocument(**asdict(supplier_report(session, caller, slug)))


def _source(shown: SourceReport) -> SourceDocument:
    document = asdict(shown)
    terms = document.pop("terms")
    return SourceDocument(**document, terms_version=None if terms is None else terms["version"])


def _terms(terms: Terms) -> TermsDocument:
    return TermsDocument(**asdict(terms))


def _lead_file(session: Session, caller: Caller, lead_file_id: str) -> PausedLeadFile:
    lead_file, source = lead_file_of(session, caller, lead_file_id)
    return PausedLeadFile(
        id=lead_file.id,
        source=source.slug,
        paused_at=lead_file.paused_at,
        paused_reason=lead_file.paused_reason,
        quarantined_at=lead_file.quarantined_at,
        withdrawn_at=lead_file.withdrawn_at,
    )
