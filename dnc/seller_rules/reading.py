"""The part of a check's one statement that reads the seller's rules in force, beside its campaign."""

import json
from functools import lru_cache

from sqlalchemy import String, cast, func, literal_column, select
from sqlalchemy.orm import aliased
from sqlalchemy.sql.elements import ColumnElement

from dnc.models import Campaign
from dnc.narrowing import NO_RULES, SellerRules, UnreadableRules, rules_from_record
from dnc.seller_rules.models import SellerRulesVersion


def with_newest_rules(text: ColumnElement[str]) -> ColumnElement[str]:
    """Return ``text`` and, if the seller of the statement's campaign has rules, a space and the newest: "3 {…}".

    They are a version and JSON, for ``read_rules``. Served by uq_seller_rules_seller_id.
    """
    version, space = cast(SellerRulesVersion.version, String), literal_column("' '", String)
    every = aliased(SellerRulesVersion)
    last = select(func.max(every.version)).where(every.seller_id == Campaign.seller_id).correlate(Campaign)
    newest = (
        select(space.op("||")(version).op("||")(space).op("||")(SellerRulesVersion.rules))
        .where(SellerRulesVersion.seller_id == Campaign.seller_id)
        .where(SellerRulesVersion.version == last.scalar_subquery())
        .correlate(Campaign)
        .scalar_subquery()
    )
    return text.op("||")(func.coalesce(newest, literal_column("''", String)))


def rules_or_none(version: int, record: str) -> SellerRules | None:
    """Return a version's rules from their JSON; None if they cannot be read."""
    try:
        return rules_from_record(version, json.loads(record))
    except (UnreadableRules, ValueError, RecursionError):
        return None


@lru_cache(maxsize=512)
def read_rules(newest: str) -> SellerRules | None:
    """Return the rules that stood behind the space; None if they cannot be read, which counts against the call."""
    if not newest:
        return NO_RULES
    version, _, record = newest.partition(" ")
    return rules_or_none(int(version), record)
