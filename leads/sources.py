"""Sources: added with all that their basis needs, and what is missing of it."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from consent.terms import Basis
from core.access import Caller, Right
from core.database import lock_key
from core.errors import InvalidInput
from core.ids import new_id
from core.ledger import Event, put_on_record
from core.naming import NAME_LENGTH, check_slug, insert_named, trimmed
from core.sellers import Seller, seller_of
from leads.assessments import AssessmentDocument, assessment_documents
from leads.models import Source, Supplier
from leads.source_terms import Terms, newest_terms
from leads.suppliers import source_of, supplier_named
from leads.terms import SourceKind

RETENTION_DAYS = 365
MAX_RETENTION_DAYS = 3650
SAY_LENGTH, ASSESSMENT_LENGTH = 500, 200
_NUMBERING = 0x52494E47_534F5552  # the lock under which sources get their numbers
_WORDS = re.compile(r"[a-z0-9]+")
_COMPANY_FORMS = frozenset(
    {"ab", "aktiebolag", "publ", "hb", "kb", "as", "asa", "aps", "oy", "oyj", "ltd", "inc", "gmbh"}
)
_TELLING_LENGTH = 5
_TELLING_WORDS = 2
_BRACKETED = re.compile(r"\([^)]*\)")


class EvidenceGap(StrEnum):
    """What a source lacks of what its basis needs, or of what shows it; a closed set."""

    NO_BASIS = "no_basis"
    NO_TERMS = "no_terms"
    NO_PAGE_URL = "no_page_url"
    NO_PERIOD = "no_period"
    SELLER_NOT_NAMED = "seller_not_named"
    NO_ASSESSMENT = "no_assessment"
    ASSESSMENT_DOCUMENT_ELSEWHERE = "assessment_document_elsewhere"
    NO_ENGLISH_WORDING = "no_english_wording"


@dataclass(frozen=True, slots=True)
class SourceReport:
    """A source as it stands, with the newest version of its terms and what its evidence lacks.

    ``supplier`` and ``seller`` are slugs. ``assessment`` refers to the balancing test, ``assessment_document`` says
    where that is.
    """

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
    terms: Terms | None
    evidence_gaps: tuple[EvidenceGap, ...]
    created_at: datetime
    paused_at: datetime | None
    paused_reason: str | None
    quarantined_at: datetime | None


def add_source(
    session: Session,
    caller: Caller,
    *,
    slug: str,
    supplier: str,
    seller: str,
    name: str,
    basis: Basis | None,
    assessment: str | None,
    say: str,
    say_en: str | None,
    now: datetime,
    retention_days: int = RETENTION_DAYS,
    needs_identity: bool = False,
) -> Source:
    """Return the new source; ``supplier`` and ``seller`` are slugs.

    What the caller is told to say about a bought list must tell neither who sold it nor which list it is. Legitimate
    interest without ``assessment`` (the balancing test's reference) is taken, but no lead of the source may be called
    until it has one. ``needs_identity``: personal identity numbers in its files are read and kept, sealed; they may be
    only where that is clearly justified (dataskyddslagen 3 kap. 10 §).

    Raises:
        InvalidInput: a malformed slug, an empty name, nothing to say, words that name a list or its supplier, a text
            too long, or a retention outside 1 to 3,650 days; ``errors`` lists every mistake.
        NotFound: there is no such supplier, or no such seller that the caller may act for.
        AlreadyExists: the slug is taken.
    """
    caller.require(Right.LOAD_LEADS)
    owner, from_whom = seller_of(session, caller, seller), supplier_named(session, supplier)
    spoken = [trimmed(text) for text in (say, say_en or "")]
    mistakes = list(_mistakes(from_whom, slug, name, assessment, spoken, retention_days))
    if mistakes:
        raise InvalidInput("the source cannot be added", extra={"errors": mistakes})
    lock_key(session, _NUMBERING)
    source = Source(
        id=new_id(),
        no=1 + (session.scalar(select(func.max(Source.no))) or 0),
        slug=check_slug(slug),
        supplier_id=from_whom.id,
        seller_id=owner.id,
        name=trimmed(name),
        basis=None if basis is None else basis.value,
        assessment=trimmed(assessment or "") or None,
        say=spoken[0],
        say_en=spoken[1] or None,
        retention_days=retention_days,
        needs_identity=needs_identity,
        created_at=now,
    )
    insert_named(session, source, "a source of that slug exists already")
    payload: dict[str, object] = {
        "slug": slug,
        "supplier": from_whom.slug,
        "name": source.name,
        "basis": source.basis,
        "assessment": source.assessment,
        "say": source.say,
        "say_en": source.say_en,
        "retention_days": retention_days,
    }
    if needs_identity:
        payload["needs_identity"] = True
    put_on_record(session, Event("source.added", source.id, caller.actor, owner.id, payload))
    return source


def _mistakes(
    supplier: Supplier, slug: str, name: str, assessment: str | None, spoken: list[str], retention_days: int
) -> Iterable[str]:
    if not trimmed(name):
        yield "a source needs a name"
    if len(trimmed(name)) > NAME_LENGTH:
        yield f"a source's name has at most {NAME_LENGTH} characters"
    if len(trimmed(assessment or "")) > ASSESSMENT_LENGTH:
        yield f"the reference of the balancing test has at most {ASSESSMENT_LENGTH} characters"
    if not spoken[0]:
        yield "a source needs words to say in the call: where the person's number comes from (GDPR art. 14.2.f)"
    if any(len(text) > SAY_LENGTH for text in spoken):
        yield f"what is said has at most {SAY_LENGTH} characters"
    if supplier.kind == SourceKind.LIST:
        if any(names(text, supplier.name) or _tells_slug(text, supplier.slug) for text in spoken):
            yield "what is said about a bought list must not name its supplier"
        if any(names(text, name) or _tells_slug(text, slug) for text in spoken if trimmed(name)):
            yield "what is said about a bought list must not name its source"
    if not 1 <= retention_days <= MAX_RETENTION_DAYS:
        yield f"retention is 1 to {MAX_RETENTION_DAYS} days"


def names(text: str, name: str) -> bool:
    """Return whether ``text`` tells ``name``: whatever its case, accents, spacing and company form. Pure.

    What stands in brackets is no part of the name, and two neighbouring words of a longer name already tell it.
    """
    name = _BRACKETED.sub(" ", name).strip() or name
    words, told = _words(text), [word for word in _words(name) if word not in _COMPANY_FORMS] or _words(name)
    if not told:
        return name.strip().casefold() in text.casefold()
    parts = {tuple(told[at : at + _TELLING_WORDS]) for at in range(max(1, len(told) - _TELLING_WORDS + 1))}
    if any(tuple(words[at : at + len(part)]) == part for part in parts for at in range(len(words))):
        return True
    squashed = "".join(told)
    return len(squashed) >= _TELLING_LENGTH and squashed in "".join(words)


def _tells_slug(text: str, slug: str) -> bool:
    """Return whether ``text`` has the slug in it as a word, or as neighbouring words."""
    words, told = _words(text), _words(slug)
    return bool(told) and any(words[at : at + len(told)] == told for at in range(len(words)))


def _words(text: str) -> list[str]:
    return _WORDS.findall(
        "".join(
            letter for letter in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(letter)
        )
    )


def source_report(session: Session, caller: Caller, slug: str) -> SourceReport:
    """Return the source with that slug; whoever may pause it may see it.

    Raises:
        NotFound: there is none, or it is not the caller's; the two are not told apart.
    """
    caller.require(Right.PAUSE_SOURCES)
    return _reports(session, [source_of(session, caller, slug)])[0]


def source_reports(session: Session, caller: Caller, *, after: str = "", limit: int | None) -> Sequence[SourceReport]:
    """Return at most ``limit`` of the sources that are the caller's to see, by slug, after ``after``; None: all.

    Served by uq_sources_slug; what is said of each is read for all at once.
    """
    caller.require(Right.PAUSE_SOURCES)
    query = select(Source).where(Source.slug > after).order_by(Source.slug).limit(limit)
    if caller.seller_id is not None:
        query = query.where(Source.seller_id == caller.seller_id)
    return _reports(session, session.scalars(query).all())


def _reports(session: Session, sources: Sequence[Source]) -> list[SourceReport]:
    terms = newest_terms(session, [source.id for source in sources])
    documents = assessment_documents(session, sources)
    sellers = {
        seller.id: seller
        for seller in session.scalars(select(Seller).where(Seller.id.in_({source.seller_id for source in sources})))
    }
    suppliers = {
        supplier.id: supplier
        for supplier in session.scalars(
            select(Supplier).where(Supplier.id.in_({source.supplier_id for source in sources}))
        )
    }
    return [
        SourceReport(
            id=source.id,
            slug=source.slug,
            supplier=suppliers[source.supplier_id].slug,
            seller=sellers[source.seller_id].slug,
            name=source.name,
            kind=SourceKind(suppliers[source.supplier_id].kind),
            basis=None if source.basis is None else Basis(source.basis),
            assessment=source.assessment,
            assessment_document=documents[source.id],
            say=source.say,
            say_en=source.say_en,
            retention_days=source.retention_days,
            needs_identity=source.needs_identity,
            terms=terms.get(source.id),
            evidence_gaps=_gaps(source, sellers[source.seller_id], terms.get(source.id), documents[source.id]),
            created_at=source.created_at,
            paused_at=source.paused_at,
            paused_reason=source.paused_reason,
            quarantined_at=source.quarantined_at,
        )
        for source in sources
    ]


def _gaps(source: Source, seller: Seller, terms: Terms | None, document: AssessmentDocument) -> tuple[EvidenceGap, ...]:
    """Return what the source lacks, in the order of ``EvidenceGap``; empty if it can answer for itself.

    No gap but ``no_basis`` and ``no_assessment`` denies a call by itself: where the basis is consent, each call rests
    on a consent for its number on record, which has evidence of its own.
    """
    rests_on_consent = source.basis == Basis.CONSENT
    weighs_interests = source.basis == Basis.LEGITIMATE_INTEREST
    shown = terms if rests_on_consent else None
    lacking = {
        EvidenceGap.NO_BASIS: source.basis is None,
        EvidenceGap.NO_TERMS: rests_on_consent and terms is None,
        EvidenceGap.NO_PAGE_URL: shown is not None and shown.page_url is None,
        EvidenceGap.NO_PERIOD: shown is not None and shown.shown_from is None,
        EvidenceGap.SELLER_NOT_NAMED: shown is not None and not shown.names_seller(seller),
        EvidenceGap.NO_ASSESSMENT: weighs_interests and document is AssessmentDocument.MISSING,
        EvidenceGap.ASSESSMENT_DOCUMENT_ELSEWHERE: weighs_interests and document is AssessmentDocument.ELSEWHERE,
        EvidenceGap.NO_ENGLISH_WORDING: source.say_en is None,
    }
    return tuple(gap for gap in EvidenceGap if lacking[gap])
