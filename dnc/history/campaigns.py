"""Campaigns with all that is needed to say how they stood at a past moment, their seller's own rules included."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, select

from consent.terms import Channel
from dnc.facts import CampaignFact
from dnc.models import Campaign
from dnc.narrowing import NO_RULES, SellerRules
from dnc.seller_rules.models import SellerRulesVersion
from dnc.seller_rules.reading import read_rules


@dataclass(frozen=True, slots=True)
class PastRules:
    """A version of a seller's own rules, in force from ``set_at``; ``rules`` None: they cannot be read."""

    id: str
    set_at: datetime
    rules: SellerRules | None


@dataclass(frozen=True, slots=True)
class PastCampaign:
    """A campaign with its whole life, once closed it stays so, and its seller's own rules, oldest first."""

    id: str
    slug: str
    seller_id: str
    product: str
    channel: Channel
    opens_weekends: bool
    created_at: datetime
    closed_at: datetime | None
    rules: tuple[PastRules, ...]

    def rules_at(self, at: datetime) -> SellerRules | None:
        """Return the seller's own rules in force at ``at``; None if they cannot be read any more."""
        for one in reversed(self.rules):
            if one.set_at <= at:
                return one.rules
        return NO_RULES

    def changed_at(self) -> Iterator[datetime]:
        """Yield when it was closed, and when each version of its seller's rules was set."""
        if self.closed_at is not None:
            yield self.closed_at
        yield from (one.set_at for one in self.rules)

    def fact_at(self, at: datetime) -> CampaignFact:
        """Return the campaign as it stood at ``at``."""
        is_open = self.closed_at is None or self.closed_at > at
        return CampaignFact(self.product, self.channel, is_open, self.opens_weekends, self.rules_at(at))


_CAMPAIGNS = select(
    Campaign.id,
    Campaign.slug,
    Campaign.seller_id,
    Campaign.product,
    Campaign.channel,
    Campaign.opens_weekends,
    Campaign.created_at,
    Campaign.closed_at,
)


def campaigns_with(connection: Connection, ids: Iterable[str]) -> dict[str, PastCampaign]:
    """Return the campaigns with these ids, by id."""
    found = _campaigns(connection, _CAMPAIGNS.where(Campaign.id.in_(list(ids))))
    return {campaign.id: campaign for campaign in found}


def campaigns_at(connection: Connection, seller_id: str | None, at: datetime) -> list[PastCampaign]:
    """Return the campaigns of a seller (of all sellers for None) that were open at ``at``, by slug."""
    query = _CAMPAIGNS.where(
        Campaign.created_at <= at, Campaign.closed_at.is_(None) | (Campaign.closed_at > at)
    ).order_by(Campaign.slug)
    if seller_id is not None:
        query = query.where(Campaign.seller_id == seller_id)
    return _campaigns(connection, query)


def _campaigns(
    connection: Connection, query: Select[*tuple[Any, ...]]
) -> list[PastCampaign]:  # Any: _CAMPAIGNS, narrowed
    rows = connection.execute(query).all()
    rules: dict[str, list[PastRules]] = {}
    for row in connection.execute(
        select(SellerRulesVersion)
        .where(SellerRulesVersion.seller_id.in_({row.seller_id for row in rows}))
        .order_by(SellerRulesVersion.version)
    ):
        read = read_rules(f"{row.version} {row.rules}")
        rules.setdefault(row.seller_id, []).append(PastRules(row.id, row.set_at, read))
    return [
        PastCampaign(
            row.id,
            row.slug,
            row.seller_id,
            row.product,
            Channel(row.channel),
            row.opens_weekends,
            row.created_at,
            row.closed_at,
            tuple(rules.get(row.seller_id, ())),
        )
        for row in rows
    ]
