"""What is on record of consents and customer relations on a number."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlalchemy.sql import Select

from consent.models import Consent, ConsentWithdrawal, CustomerRelation
from consent.past import past_relations


@dataclass(frozen=True, slots=True)
class ConsentRecord:
    """A consent with its evidence and, if it was withdrawn, when and how."""

    id: str
    seller_id: str
    channels: str
    names_seller: bool
    text_version: str
    evidence: str
    given_at: datetime
    expires_at: datetime | None
    recorded_at: datetime
    withdrawn_at: datetime | None
    withdrawn_via: str | None


@dataclass(frozen=True, slots=True)
class RelationRecord:
    """A customer relation with the dates that were on record at the moment asked about."""

    id: str
    seller_id: str
    product: str
    reference: str
    started_at: datetime
    fulfilled_at: datetime | None


def consents_on(session: Session, number: int, seller_id: str | None, *, known_at: datetime) -> list[ConsentRecord]:
    """Return the consents on a number for a seller (for any, if None) as known at a moment, newest first.

    Served by ix_consents_number.
    """
    query: Select[*tuple[Any, ...]] = (  # Any: an outer join, so the second may be None
        select(Consent, ConsentWithdrawal)
        .outerjoin(ConsentWithdrawal, ConsentWithdrawal.consent_id == Consent.id)
        .where(Consent.number == number, Consent.recorded_at <= known_at)
        .order_by(Consent.given_at.desc(), Consent.id.desc())
    )
    if seller_id is not None:
        query = query.where(Consent.seller_id == seller_id)
    records = []
    for consent, withdrawal in session.execute(query):
        end: ConsentWithdrawal | None = withdrawal
        if end is not None and end.recorded_at > known_at:
            end = None
        records.append(
            ConsentRecord(
                id=consent.id,
                seller_id=consent.seller_id,
                channels=consent.channels,
                names_seller=consent.names_seller,
                text_version=consent.text_version,
                evidence=consent.evidence,
                given_at=consent.given_at,
                expires_at=consent.expires_at,
                recorded_at=consent.recorded_at,
                withdrawn_at=end.withdrawn_at if end is not None else None,
                withdrawn_via=end.via if end is not None else None,
            )
        )
    return records


def relations_on(
    session: Session, number: int, seller_id: str | None, *, as_of: datetime, known_at: datetime
) -> list[RelationRecord]:
    """Return the customer relations on a number for a seller (for any, if None) in two times, newest first.

    Each has the dates that were on record at ``known_at``; of what was recorded after ``as_of``, those that came later
    are left out. Served by ix_customer_relations_number and pk_relation_versions.
    """
    references = dict(
        session.execute(
            select(CustomerRelation.id, CustomerRelation.reference).where(CustomerRelation.number == number)
        ).all()
    )
    records = []
    for relation in past_relations(session.connection(), [number]).get(number, []):
        version = relation.known(known_at)
        if version is None or seller_id not in (None, relation.seller_id):
            continue
        was_known = version.recorded_at <= as_of
        if version.started_at > as_of and not was_known:
            continue
        is_fulfilled = version.fulfilled_at is not None and (version.fulfilled_at <= as_of or was_known)
        records.append(
            RelationRecord(
                id=relation.id,
                seller_id=relation.seller_id,
                product=relation.product,
                reference=references[relation.id],
                started_at=version.started_at,
                fulfilled_at=version.fulfilled_at if is_fulfilled else None,
            )
        )
    return sorted(records, key=lambda one: (one.started_at, one.id), reverse=True)
