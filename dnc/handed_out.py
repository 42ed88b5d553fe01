"""To whom leads were handed: the recipients, and each export that was made for one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.access import ApiKey, Caller, Right
from core.pages import newest, page_of
from core.sellers import Seller
from dnc.models import Campaign, Export, Recipient
from dnc.recipients import recipient_of


@dataclass(frozen=True, slots=True)
class RecipientReport:
    """A recipient: a processor of the seller's, under a contract. ``key`` names the API key by which it asks."""

    slug: str
    name: str
    seller: str
    contract: str
    key: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ListedExport:
    """An export: how many leads went to whom, under the contract of that day; ``sha256`` is of the file as handed."""

    id: str
    campaign: str
    recipient: str
    contract: str
    sha256: str
    leads: int
    made_at: datetime
    made_by: str


@dataclass(frozen=True, slots=True)
class ExportPage:
    """Some exports, the newest first; ``next_cursor`` is that of a ``PageOfIds``."""

    exports: Sequence[ListedExport]
    next_cursor: str | None


def recipient_reports(session: Session, caller: Caller, *, after: str = "", limit: int) -> Sequence[RecipientReport]:
    """Return at most ``limit`` of the recipients that are the caller's to see, by slug, after ``after``.

    Served by uq_recipients_slug.

    Raises:
        Forbidden: the caller may not read exports.
    """
    caller.require(Right.READ_EXPORTS)
    query = (
        select(
            Recipient.slug,
            Recipient.name,
            Seller.slug,
            Recipient.contract_reference,
            ApiKey.name,
            Recipient.created_at,
        )
        .join(Seller, Seller.id == Recipient.seller_id)
        .outerjoin(ApiKey, ApiKey.id == Recipient.key_id)
        .where(Recipient.slug > after)
        .order_by(Recipient.slug)
        .limit(limit)
    )
    if caller.seller_id is not None:
        query = query.where(Recipient.seller_id == caller.seller_id)
    return [RecipientReport(*row) for row in session.execute(query)]


def export_page(
    session: Session, caller: Caller, *, recipient: str | None = None, cursor: str | None = None, limit: int
) -> ExportPage:
    """Return at most ``limit`` exports of the caller's seller (of all, for a caller of every seller).

    Those to one ``recipient``, by slug, if it is named; after ``cursor``, if there was a page before. Served by
    pk_exports.

    Raises:
        Forbidden: the caller may not read exports.
        UnknownRecipient: there is no such recipient for the caller.
    """
    caller.require(Right.READ_EXPORTS)
    looked = newest(session, Export.id, Export.seller_id, Export.recipient_id, before=cursor)
    wanted = select(looked.c.id)
    if caller.seller_id is not None:
        wanted = wanted.where(looked.c.seller_id == caller.seller_id)
    if recipient is not None:
        wanted = wanted.where(looked.c.recipient_id == recipient_of(session, caller.seller_id, recipient).id)
    page = page_of(session, looked, wanted, limit)
    rows = session.execute(
        select(Export, Campaign.slug, Recipient.slug)
        .join(Campaign, Campaign.id == Export.campaign_id)
        .join(Recipient, Recipient.id == Export.recipient_id)
        .where(Export.id.in_(page.ids))
        .order_by(Export.id.desc())
    )
    return ExportPage([_listed(*row) for row in rows], page.next_cursor)


def _listed(export: Export, campaign: str, recipient: str) -> ListedExport:
    return ListedExport(
        id=export.id,
        campaign=campaign,
        recipient=recipient,
        contract=export.contract_reference,
        sha256=export.sha256,
        leads=export.leads,
        made_at=export.made_at,
        made_by=export.made_by,
    )
