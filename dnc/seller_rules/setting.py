"""Set a seller's own rules, and read which are in force and which there have been."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.access import Caller, Right
from core.database import inserted
from core.errors import InvalidInput, Kind, NotFound, ServiceError
from core.ids import new_id
from core.ledger import Event, canonical, put_on_record
from core.sellers import Seller
from dnc.narrowing import SellerRules, UnreadableRules, rules_from_record, rules_to_record, widening
from dnc.policies.catalogue import policy_for
from dnc.seller_rules.models import SellerRulesVersion
from dnc.seller_rules.reading import rules_or_none

BECAUSE_LENGTH = 500


class RulesRefused(ServiceError):
    """A rule cannot be read, or would be wider than the law; nothing was changed. ``errors`` names each."""

    kind, code, title = Kind.INVALID, "rules-refused", "The seller's rules cannot be set"


class RulesChanged(ServiceError):
    """Somebody else set the seller's rules at the same moment; look at them before setting yours."""

    kind, code, title = Kind.CONFLICT, "rules-changed", "The seller's rules were changed meanwhile"


@dataclass(frozen=True, slots=True)
class RulesSet:
    """One version of a seller's rules on record; ``set_by`` is an actor as in the ledger.

    ``rules``: None if they cannot be read, as when a later Ringklar wrote them; every check is then answered unknown.
    """

    seller: str
    version: int
    rules: SellerRules | None
    because: str
    set_at: datetime
    set_by: str


def set_rules(
    session: Session, caller: Caller, *, seller: Seller, rules: object, because: str, now: datetime
) -> RulesSet:
    """Return the seller's new rules, in force for every check that starts after the commit, in place of all earlier.

    ``rules`` holds, by country, the rules of ``narrowing.Narrowing`` as JSON has them; an empty object ends all rules.

    Raises:
        Forbidden: the caller may not set rules.
        NotFound: the seller is not the caller's.
        InvalidInput: no reason of 1 to 500 characters.
        RulesRefused: a rule cannot be read, would widen the law, or is for a country that has no policy in force.
        RulesChanged: another version was set at the same moment.
    """
    caller.require(Right.SET_SELLER_RULES)
    _require_own(caller, seller)
    if not 1 <= len(because.strip()) <= BECAUSE_LENGTH:
        raise InvalidInput(f"say in 1 to {BECAUSE_LENGTH} characters why")
    newest = _newest(session, seller)
    version = newest.version + 1 if newest is not None else 1
    try:
        read = rules_from_record(version, rules)
    except UnreadableRules as error:
        raise _refused(error.mistakes) from error
    mistakes = wider_than_the_law(read, now)
    if mistakes:
        raise _refused(mistakes)
    record = rules_to_record(read)
    row = SellerRulesVersion(
        id=new_id(),
        seller_id=seller.id,
        version=version,
        rules=canonical(record),
        because=because.strip(),
        set_at=now,
        set_by=caller.actor,
    )
    if not inserted(session, row):
        raise RulesChanged("another version was set; look at it and set yours again")
    payload = {"version": version, "rules": record, "because": row.because}
    put_on_record(session, Event("seller_rules.set", row.id, caller.actor, seller.id, payload))
    return RulesSet(seller.slug, version, read, row.because, now, row.set_by)


def wider_than_the_law(rules: SellerRules, now: datetime) -> list[str]:
    """Return a sentence for each rule that would widen the policy in force at ``now``, or has none to narrow. Pure."""
    mistakes: list[str] = []
    for country, narrowing in rules.countries:
        policy = policy_for(country, now)
        if policy is None:
            mistakes.append(f"{country}: no policy is in force there, so there is nothing to narrow")
        else:
            mistakes += [f"{country}.{mistake}" for mistake in widening(policy, narrowing)]
    return mistakes


def rules_of(session: Session, caller: Caller, *, seller: Seller) -> list[RulesSet]:
    """Return every version of the seller's rules, the one in force first; none if it never had any.

    Raises:
        Forbidden: the caller may not read rules.
        NotFound: the seller is not the caller's.
    """
    caller.require(Right.READ_SELLER_RULES)
    _require_own(caller, seller)
    rows = session.scalars(
        select(SellerRulesVersion)
        .where(SellerRulesVersion.seller_id == seller.id)
        .order_by(SellerRulesVersion.version.desc())
    )
    return [
        RulesSet(seller.slug, row.version, rules_or_none(row.version, row.rules), row.because, row.set_at, row.set_by)
        for row in rows
    ]


def _newest(session: Session, seller: Seller) -> SellerRulesVersion | None:
    """Served by uq_seller_rules_seller_id."""
    return session.scalar(
        select(SellerRulesVersion)
        .where(SellerRulesVersion.seller_id == seller.id)
        .order_by(SellerRulesVersion.version.desc())
        .limit(1)
    )


def _require_own(caller: Caller, seller: Seller) -> None:
    if caller.seller_id not in (None, seller.id):
        raise NotFound("there is no seller with that slug")


def _refused(mistakes: list[str]) -> RulesRefused:
    return RulesRefused("; ".join(mistakes), extra={"errors": mistakes})
