"""Balancing tests on file (GDPR art. 6.1.f): the document itself, encrypted, under the reference that sources name.

A reference alone, to a document filed elsewhere, counts as a balancing test on file too; only, it cannot be shown from
here, and that is told wherever the source is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import BinaryIO

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.access import Caller, Right
from core.errors import AlreadyExists, InvalidInput, NotFound
from core.ids import new_id
from core.ledger import Event, put_on_record
from core.naming import insert_named
from core.sellers import Seller, seller_of
from leads.models import Assessment, Source
from leads.shelf import Shelf, kept_name

DOCUMENT_LIMIT = 50 * 1024 * 1024
"""Bytes: a balancing test is a document of some pages."""
REFERENCE_LENGTH, TITLE_LENGTH = 200, 200
_TAKEN = "a balancing test of that reference is on file already"


class AssessmentDocument(StrEnum):
    """Where the document of a source's balancing test is: kept here, only referred to, or not even that."""

    KEPT = "kept"
    ELSEWHERE = "elsewhere"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class AssessmentReport:
    """A balancing test whose document is kept; ``seller`` is the seller's slug, ``size`` the document's bytes."""

    id: str
    reference: str
    seller: str
    title: str
    file_name: str
    size: int
    sha256: str
    added_at: datetime
    added_by: str


def add_assessment(
    session: Session,
    shelf: Shelf,
    caller: Caller,
    *,
    reference: str,
    seller: str,
    title: str,
    document: BinaryIO,
    file_name: str,
    now: datetime,
) -> AssessmentReport:
    """Return the balancing test, its document on the shelf. It is never edited: a new test has a new reference.

    Sources of the seller that name the reference have their document kept from then on, whenever they were added.

    Raises:
        InvalidInput: no reference or title, one too long, or an empty document.
        NotFound: there is no such seller that the caller may act for.
        AlreadyExists: the reference is taken.
        FileTooLarge: the document has more than 50 MiB.
        StorageUnavailable: the disk did not take it.
    """
    caller.require(Right.LOAD_LEADS)
    owner = seller_of(session, caller, seller)
    if not 1 <= len(reference.strip()) <= REFERENCE_LENGTH or not reference.isprintable():
        raise InvalidInput(f"the reference of a balancing test has 1 to {REFERENCE_LENGTH} printable characters")
    if not 1 <= len(title.strip()) <= TITLE_LENGTH or not title.isprintable():
        raise InvalidInput(f"the title of a balancing test has 1 to {TITLE_LENGTH} printable characters")
    if session.scalar(select(Assessment.id).where(Assessment.reference == reference.strip())) is not None:
        raise AlreadyExists(_TAKEN)
    shelf.sweep_unfinished(now)
    received = shelf.receive(document, limit=DOCUMENT_LIMIT)
    if received.size == 0:
        shelf.remove(received.place)
        raise InvalidInput("the document of a balancing test is empty")
    row = Assessment(
        id=new_id(),
        reference=reference.strip(),
        seller_id=owner.id,
        title=title.strip(),
        file_name=kept_name(file_name),
        size=received.size,
        sha256=received.sha256,
        added_at=now,
        added_by=caller.actor,
    )
    insert_named(session, row, _TAKEN)
    payload = {
        "reference": row.reference,
        "title": row.title,
        "file_name": row.file_name,
        "size": row.size,
        "sha256": row.sha256,
    }
    put_on_record(session, Event("assessment.added", row.id, caller.actor, owner.id, payload))
    return _report(row, owner.slug)


def assessment_report(session: Session, caller: Caller, reference: str) -> AssessmentReport:
    """Return the balancing test of that reference.

    Raises:
        NotFound: none is on file, or it is not the caller's; the two are not told apart.
    """
    caller.require(Right.PAUSE_SOURCES)
    found = session.execute(
        select(Assessment, Seller.slug)
        .join(Seller, Seller.id == Assessment.seller_id)
        .where(Assessment.reference == reference)
    ).one_or_none()
    if found is None or caller.seller_id not in (None, found[0].seller_id):
        raise NotFound("no balancing test of that reference is on file")
    return _report(*found)


def assessment_reports(session: Session, caller: Caller) -> Sequence[AssessmentReport]:
    """Return every balancing test that is the caller's to see, by reference."""
    caller.require(Right.PAUSE_SOURCES)
    query = select(Assessment, Seller.slug).join(Seller, Seller.id == Assessment.seller_id)
    if caller.seller_id is not None:
        query = query.where(Assessment.seller_id == caller.seller_id)
    return [_report(row, slug) for row, slug in session.execute(query.order_by(Assessment.reference))]


def open_document(session: Session, shelf: Shelf, caller: Caller, reference: str) -> BinaryIO:
    """Return the document of the balancing test, as it was filed; each part is verified as it is read.

    Raises:
        NotFound: as ``assessment_report``.
        KeptFileDamaged: the document is gone from the shelf, or not as it was filed.
    """
    return shelf.open(assessment_report(session, caller, reference).sha256)


def assessment_documents(session: Session, sources: Sequence[Source]) -> Mapping[str, AssessmentDocument]:
    """Return by the source's id where its balancing test is; another seller's document is none of its own.

    Served by uq_assessments_reference.
    """
    named = {source.assessment for source in sources if source.assessment}
    found = session.execute(select(Assessment.reference, Assessment.seller_id).where(Assessment.reference.in_(named)))
    kept = {(reference, seller_id) for reference, seller_id in found}

    def where(source: Source) -> AssessmentDocument:
        if not source.assessment:
            return AssessmentDocument.MISSING
        is_kept = (source.assessment, source.seller_id) in kept
        return AssessmentDocument.KEPT if is_kept else AssessmentDocument.ELSEWHERE

    return {source.id: where(source) for source in sources}


def _report(row: Assessment, seller: str) -> AssessmentReport:
    return AssessmentReport(
        id=row.id,
        reference=row.reference,
        seller=seller,
        title=row.title,
        file_name=row.file_name,
        size=row.size,
        sha256=row.sha256,
        added_at=row.added_at,
        added_by=row.added_by,
    )
