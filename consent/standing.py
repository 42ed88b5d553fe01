"""What consents and customer relations say of numbers, for the decision."""

from typing import Any

from sqlalchemy import exists, or_, select, union
from sqlalchemy.sql import ColumnElement, Select

from consent.models import Consent, ConsentWithdrawal, CustomerRelation
from core.database import any_of
from core.standing import NUMBERS, standing


def consents_standing(delivered: ColumnElement[str | None]) -> Select[Any]:
    """Consents: a channels, b as ``delivered`` says, t1 given, t2 expires, t3 withdrawn, flag names the seller.

    ``delivered``: how the file of ``delivered_with`` stands; whoever knows lead files joins them.
    By ix_consents_number.
    """
    return (
        standing(
            "consent",
            id=Consent.id,
            number=Consent.number,
            seller_id=Consent.seller_id,
            a=Consent.channels,
            b=delivered,
            t1=Consent.given_at,
            t2=Consent.expires_at,
            t3=ConsentWithdrawal.withdrawn_at,
            flag=Consent.names_seller,
        )
        .outerjoin(ConsentWithdrawal, ConsentWithdrawal.consent_id == Consent.id)
        .where(any_of(Consent.number, NUMBERS))
    )


def delivered_with() -> ColumnElement[str | None]:
    """Return the id of the lead file that delivered the consent, NULL if none did."""
    return Consent.lead_file_id.expression


def has_grounds(number: ColumnElement[int | None], seller_id: str) -> ColumnElement[bool]:
    """Return whether the seller has a consent or a customer relation on the number, whether or not it is in force.

    By ix_consents_number and ix_customer_relations_number.
    """
    return or_(
        *(exists().where(kind.number == number, kind.seller_id == seller_id) for kind in (Consent, CustomerRelation))
    )


def grounds_known() -> Select[int, str]:
    """Return a select of each of the numbers that a seller has a consent or a customer relation on, with its id.

    By ix_consents_number and ix_customer_relations_number.
    """
    both = union(
        *(
            select(kind.number, kind.seller_id).where(any_of(kind.number, NUMBERS))
            for kind in (Consent, CustomerRelation)
        )
    ).subquery()
    return select(both.c.number, both.c.seller_id)


def relations_standing() -> Select[Any]:
    """Customer relations: a product, t1 started, t2 fulfilled. By ix_customer_relations_number."""
    return standing(
        "relation",
        id=CustomerRelation.id,
        number=CustomerRelation.number,
        seller_id=CustomerRelation.seller_id,
        a=CustomerRelation.product,
        t1=CustomerRelation.started_at,
        t2=CustomerRelation.fulfilled_at,
    ).where(any_of(CustomerRelation.number, NUMBERS))
