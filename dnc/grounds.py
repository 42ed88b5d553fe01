"""What carries a call: the leads, consents and customer relations on record, and which of them may be relied on."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from consent.terms import Basis, Channel
from dnc.calendar import LATEST, instant, instant_months_after
from dnc.facts import CallFacts, ConsentFact, LeadFact, RelationFact
from dnc.policies.terms import Policy, Regime
from dnc.reasons import ReasonCode

FOREVER = LATEST + timedelta(days=1)


class GroundKind(StrEnum):
    """What carries a call, or lifts the register."""

    LEAD = "lead"
    CONSENT = "consent"
    RELATION = "relation"


@dataclass(frozen=True, slots=True)
class Ground:
    """Where the number came from and the lawful basis that carries the call.

    ``source_id`` is that of a lead; no other ground has one. ``basis`` is None only beside a deny, when the lead has
    none. ``consent_id``: the consent it rests on, if any. ``until``: when this ground ends, None if nothing on record
    ends it.
    """

    kind: GroundKind
    id: str
    source_id: str | None
    basis: Basis | None
    consent_id: str | None
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Grounds:
    """What could carry the call, each the one that ends last of its kind, and what could lift the register.

    ``withheld``: a consent that a paused file delivered could carry the call, were the pause lifted.
    """

    consent: Ground | None
    relation: Ground | None
    lift: Ground | None
    needs_consent: bool
    withheld: bool = False


def weigh(facts: CallFacts, policy: Policy | None, now: datetime) -> Grounds:
    """Return the consents and relations that hold at ``now``, the last to end of each kind.

    With no policy there is no limit to hold them to, so nothing lifts a register.
    """
    channel = facts.campaign.channel if facts.campaign is not None else None
    product = facts.campaign.product if facts.campaign is not None else None
    needs_consent = policy is not None and (
        policy.regime_of(product) is Regime.OPT_IN or channel in policy.consent_channels
    )
    if not facts.consents and not facts.relations:  # as of most numbers
        return Grounds(None, None, None, needs_consent)
    ended_until = _ended_until(facts, channel)
    standing = [one for one in facts.consents or () if _stands(one, channel, ended_until, now)]
    consents = [] if _in_doubt(facts, now) else [one for one in standing if not one.paused]
    relations = [_from_relation(one, policy) for one in facts.relations or () if _begun(one, facts, now)]
    lifting: list[Ground] = []
    if policy is not None:
        lifting = [_from_consent(one, policy, policy.consent_lift_months) for one in consents]
        lifting += relations if policy.relation_lifts else []
    return Grounds(
        consent=_last_to_carry(consents, policy, now),
        relation=_last_to_end(relations, now),
        lift=_last_to_end(lifting, now),
        needs_consent=needs_consent,
        withheld=_last_to_carry([one for one in standing if one.paused], policy, now) is not None,
    )


def _last_to_carry(consents: list[ConsentFact], policy: Policy | None, now: datetime) -> Ground | None:
    months = policy.consent_ground_months if policy is not None else None
    return _last_to_end([_from_consent(one, policy, months) for one in consents], now)


def _in_doubt(facts: CallFacts, now: datetime) -> bool:
    """Say whether every lead that rests on consent is paused: whatever consent is on record may come from there.

    Also one that is said to come from elsewhere: its evidence is what somebody wrote, and ends no pause.
    """
    resting = [lead for lead in facts.leads or () if lead.basis is Basis.CONSENT]
    return any(lead.paused for lead in resting) and all(lead.paused or not _collected(lead, now) for lead in resting)


def _stands(consent: ConsentFact, channel: Channel | None, ended_until: datetime | None, now: datetime) -> bool:
    return (
        consent.names_seller
        and channel in consent.channels
        and consent.withdrawn_at is None
        and instant(consent.given_at) <= now
        and (ended_until is None or instant(consent.given_at) > ended_until)
    )


def _ended_until(facts: CallFacts, channel: Channel | None) -> datetime | None:
    """Return the moment of the newest withdrawal: what was agreed to by then, for this channel, is over.

    One permission may be on record several times: sent again, or delivered by several suppliers, also later.
    """
    ends = (
        max(instant(one.withdrawn_at), instant(one.given_at))
        for one in facts.consents or ()
        if one.withdrawn_at is not None and channel in one.channels
    )
    return max(ends, default=None)


def _begun(relation: RelationFact, facts: CallFacts, now: datetime) -> bool:
    """Say whether the contract is of the campaign's product type and has begun."""
    return (
        facts.campaign is not None
        and relation.product == facts.campaign.product
        and instant(relation.started_at) <= now
    )


def _from_consent(consent: ConsentFact, policy: Policy | None = None, months: int | None = None) -> Ground:
    until = instant(consent.expires_at) if consent.expires_at is not None else None
    if policy is not None and months is not None:
        until = _earlier(until, instant_months_after(consent.given_at, months, policy.zone))
    return Ground(GroundKind.CONSENT, consent.id, None, Basis.CONSENT, consent.id, until)


def _from_relation(relation: RelationFact, policy: Policy | None) -> Ground:
    until = instant(relation.fulfilled_at) if relation.fulfilled_at is not None else None
    if until is not None and policy is not None:
        until = instant_months_after(until, policy.relation_months, policy.zone)
    return Ground(GroundKind.RELATION, relation.id, None, Basis.LEGITIMATE_INTEREST, None, until)


def carrying(facts: CallFacts, grounds: Grounds, now: datetime) -> tuple[Ground | None, set[ReasonCode]]:
    """Return what carries the call, or else what names its origin, with the reasons why nothing carries it.

    A lead comes first, because it is the origin the person must be told of; then a consent, then a relation. Where a
    consent is withheld, the pause alone is the reason: once lifted, that consent carries the call. Else leads that do
    not carry it are narrowed by what each lacks, so that each reason is true of all that got so far: all past their
    time; of the others, none with a basis; of those, all paused.
    """
    lacking: set[ReasonCode] = set()
    if grounds.needs_consent and grounds.consent is None:
        lacking.add(ReasonCode.SOURCE_PAUSED if grounds.withheld else ReasonCode.NO_LAWFUL_BASIS)
    leads = [lead for lead in facts.leads or () if _collected(lead, now)]
    live = [lead for lead in leads if not _expired(lead, now)]
    based = [lead for lead in live or leads if _based(lead, grounds)]
    ready = [lead for lead in based or live or leads if not lead.paused]
    if live and based and ready:
        return _last_to_end([_from_lead(lead, grounds) for lead in ready], now), lacking
    if grounds.consent is not None:
        return grounds.consent, lacking
    if grounds.relation is not None:
        return grounds.relation, lacking
    named = _last_to_end([_from_lead(lead, grounds) for lead in live if not lead.paused], now)
    if grounds.withheld:
        return named, {ReasonCode.SOURCE_PAUSED}
    if not leads:
        if facts.leads is not None:
            lacking.add(ReasonCode.NO_SOURCE)
        return None, lacking
    if not live:
        lacking.add(ReasonCode.LEAD_EXPIRED)
    if not based:
        lacking.add(ReasonCode.NO_LAWFUL_BASIS)
    if not ready:
        lacking.add(ReasonCode.SOURCE_PAUSED)
    return named, lacking


def _collected(lead: LeadFact, now: datetime) -> bool:
    return lead.collected_at is None or instant(lead.collected_at) <= now


def _expired(lead: LeadFact, now: datetime) -> bool:
    return lead.expires_at is not None and instant(lead.expires_at) <= now


def _based(lead: LeadFact, grounds: Grounds) -> bool:
    """Say whether the lead's basis holds: a consent on record or, where none is needed, a balancing test."""
    if lead.basis is Basis.CONSENT or grounds.needs_consent:
        return lead.basis is not None and grounds.consent is not None
    return lead.basis is Basis.LEGITIMATE_INTEREST and lead.has_assessment


def _from_lead(lead: LeadFact, grounds: Grounds) -> Ground:
    until = instant(lead.expires_at) if lead.expires_at is not None else None
    consent = grounds.consent if lead.basis is Basis.CONSENT or grounds.needs_consent else None
    if consent is None:
        return Ground(GroundKind.LEAD, lead.id, lead.source_id, lead.basis, None, until)
    until = _earlier(until, consent.until)
    return Ground(GroundKind.LEAD, lead.id, lead.source_id, Basis.CONSENT, consent.id, until)


def _last_to_end(grounds: list[Ground], now: datetime) -> Ground | None:
    """Return the ground in force that ends last; of equals the same one in whatever order they come."""
    in_force = [ground for ground in grounds if ground.until is None or now < ground.until]
    if len(in_force) == 1:  # as most are
        return in_force[0]
    return min(in_force, key=_rank, default=None)


def _rank(ground: Ground) -> tuple[timedelta, str, str, str, str]:
    ends = FOREVER if ground.until is None else ground.until
    return (
        FOREVER - ends,
        ground.kind,
        ground.id,
        ground.source_id or "",
        ground.basis or "",
    )


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    if one is None or other is None:
        return one if other is None else other
    return min(one, other)
