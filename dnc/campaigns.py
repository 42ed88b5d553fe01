"""Campaigns: a seller's calling efforts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from consent.terms import Channel, product_type
from core.access import Caller, Right
from core.errors import InvalidInput, NotFound
from core.ids import new_id
from core.ledger import Event, put_on_record
from core.naming import check_name, check_slug, insert_named
from core.sellers import Seller
from dnc.models import Campaign


@dataclass(frozen=True, slots=True)
class CampaignReport:
    """A campaign as it stands; ``seller`` is a slug. ``closed_at`` None: it is open."""

    slug: str
    name: str
    seller: str
    product: str
    channel: Channel
    opens_weekends: bool
    created_at: datetime
    closed_at: datetime | None


def add_campaign(
    session: Session,
    caller: Caller,
    *,
    slug: str,
    seller_id: str,
    name: str,
    product: str,
    channel: Channel,
    opens_weekends: bool,
    now: datetime,
) -> Campaign:
    """Return the new campaign, open from the start.

    ``product`` is the product type by which customer relations, prohibited products and exceptions are matched, as
    ``product_type`` reads it; the words that a law knows stand in ``docs/rules.md``, and any other is an ordinary one.
    ``opens_weekends`` opens what a policy leaves to the seller to open (Sweden's weekends); it can open no other hour.

    Raises:
        InvalidInput: slug, name or product cannot be used.
        AlreadyExists: the slug is taken.
    """
    called = check_name(name, "a campaign")
    sold = product_type(product)
    if sold is None:
        raise InvalidInput("a product has 1 to 60 letters a-z, digits and inner hyphens or underscores")
    campaign = Campaign(
        id=new_id(),
        slug=check_slug(slug),
        seller_id=seller_id,
        name=called,
        product=sold,
        channel=channel.value,
        opens_weekends=opens_weekends,
        created_at=now,
    )
    insert_named(session, campaign, f"a campaign named {slug} exists already")
    payload = {
        "slug": slug,
        "name": campaign.name,
        "product": campaign.product,
        "channel": campaign.channel,
        "opens_weekends": opens_weekends,
    }
    put_on_record(session, Event("campaign.added", campaign.id, caller.actor, seller_id, payload))
    return campaign


def close_campaign(session: Session, caller: Caller, *, slug: str, now: datetime) -> Campaign:
    """Return the campaign, closed: every check for it is denied from now on. Idempotent.

    Raises:
        NotFound: there is none.
    """
    campaign = session.scalar(select(Campaign).where(Campaign.slug == slug))
    if campaign is None:
        raise NotFound("there is no campaign with that slug")
    if campaign.closed_at is None:
        campaign.closed_at = now
        put_on_record(session, Event("campaign.closed", campaign.id, caller.actor, campaign.seller_id, {}))
    return campaign


def campaign_reports(session: Session, caller: Caller, *, after: str = "", limit: int) -> Sequence[CampaignReport]:
    """Return at most ``limit`` of the campaigns that are the caller's to see, by slug, after ``after``.

    The closed ones too. Served by uq_campaigns_slug.

    Raises:
        Forbidden: the caller may not read campaigns.
    """
    caller.require(Right.READ_CAMPAIGNS)
    query = select(Campaign, Seller.slug).join(Seller, Seller.id == Campaign.seller_id)
    query = query.where(Campaign.slug > after).order_by(Campaign.slug).limit(limit)
    if caller.seller_id is not None:
        query = query.where(Campaign.seller_id == caller.seller_id)
    return [
        CampaignReport(
            slug=campaign.slug,
            name=campaign.name,
            seller=seller,
            product=campaign.product,
            channel=Channel(campaign.channel),
            opens_weekends=campaign.opens_weekends,
            created_at=campaign.created_at,
            closed_at=campaign.closed_at,
        )
        for campaign, seller in session.execute(query)
    ]


def campaigns_of(session: Session, seller_id: str | None) -> list[Campaign]:
    """Return the open campaigns of a seller (of all sellers for None) by name."""
    query = select(Campaign).where(Campaign.closed_at.is_(None)).order_by(Campaign.name)
    if seller_id is not None:
        query = query.where(Campaign.seller_id == seller_id)
    return list(session.scalars(query))
