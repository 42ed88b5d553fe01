"""May this number be called now? The rules, as one pure function on what is known.

Each rule below yields every reason it finds. Where a fact could not be learnt, it counts against the call; where
several grounds could carry the call, one that does is enough; and no ground carries it past a person's own no.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache

from consent.terms import Basis
from dnc.calendar import (
    EARLIEST,
    LATEST,
    MIDNIGHT,
    age_on,
    calling_window,
    instant,
    local_instant,
    next_opening,
    register_ends,
)
from dnc.facts import CallFacts, RegisterFact
from dnc.grounds import Ground, carrying, weigh
from dnc.narrowing import NO_RULES, SELLER_RULE, narrowed
from dnc.policies.terms import Policy
from dnc.reasons import Category, Reason, ReasonCode, reason_for


class Verdict(StrEnum):
    """The answer: the call may be placed, may not, or it is not known whether it may."""

    ALLOW = "allow"
    DENY = "deny"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class RegisterAnswer:
    """What the register said: which version, whether it lists the number, until when that holds.

    ``lifted_by``: the consent or relation that lets the call be made whatever the register says.
    """

    register: str
    version_id: str | None
    listed: bool | None
    valid_until: datetime | None
    lifted_by: Ground | None


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer to one question, with every reason against the call in the order of ``ReasonCode``.

    ``ground`` is also given beside a deny, when a lead that is neither paused nor expired, a consent or a relation
    could be named. ``valid_until``: the call may be placed before this instant; None unless allowed.
    ``retry_at``: when the hours and attempts stop being a reason; None if they are none, or calling opens never.
    ``seller_rules``: the version of the seller's own rules, None if it has none.
    """

    verdict: Verdict
    reasons: tuple[Reason, ...]
    ground: Ground | None
    register: RegisterAnswer | None
    valid_until: datetime | None
    retry_at: datetime | None
    policy: str | None
    seller_rules: int | None = None

    @property
    def may_call(self) -> bool:
        """True for ``allow`` alone."""
        return self.verdict is Verdict.ALLOW

    @property
    def lawful_basis(self) -> Basis | None:
        """The basis of GDPR article 6 that carries the call, if one does."""
        return self.ground.basis if self.ground is not None else None

    @property
    def source_id(self) -> str | None:
        """The source of the lead that is the ground, if one is."""
        return self.ground.source_id if self.ground is not None else None


def decide(facts: CallFacts, policy: Policy | None, now: datetime) -> Decision:
    """Say whether this call may be placed at ``now`` and, if not, every reason why.

    Pure and total: no facts make it raise, and whatever is unknown counts against the call. A naive instant is read as
    UTC. ``policy`` is the one in force for the number's country, None if there is none; the seller's own rules, which
    are facts, can only make it stricter.
    """
    now = instant(now)
    if policy is not None and not _speaks_of(policy, facts, now):
        policy = None
    lawful = _held_to(facts, policy, now)
    rules = facts.campaign.rules if facts.campaign is not None else None
    if rules is None or rules == NO_RULES:
        return lawful
    narrowing = rules.of(policy.country) if policy is not None else None
    if policy is None or narrowing is None:
        return replace(lawful, seller_rules=rules.version)
    own = _held_to(facts, _narrowed(policy, narrowing), now)
    return replace(_stricter(lawful, own), seller_rules=rules.version)


_narrowed = lru_cache(maxsize=256)(narrowed)


def _stricter(lawful: Decision, own: Decision) -> Decision:
    """Return the answer under the seller's own rules, which gives no more than the law: no allow, and no longer one.

    A reason that the law does not give is said to be the seller's rule.
    """
    if own.valid_until is not None:
        return (
            lawful if lawful.valid_until is None else replace(own, valid_until=min(lawful.valid_until, own.valid_until))
        )
    given = {reason.code for reason in lawful.reasons}
    reasons = (reason if reason.code in given else replace(reason, rule=SELLER_RULE) for reason in own.reasons)
    return replace(own, reasons=tuple(reasons))


def _held_to(facts: CallFacts, policy: Policy | None, now: datetime) -> Decision:
    """Return the decision by the policy alone."""
    found = set(_of_number(facts, policy))
    found.update(_of_the_persons_no(facts))
    grounds = weigh(facts, policy, now)
    ground, lacking = carrying(facts, grounds, now)
    found.update(lacking)
    register, lift_until, doubts = _asked(facts, policy, grounds.lift, now)
    found.update(doubts)
    found.update(_of_campaign(facts, policy))
    retry_at = closes = None
    if policy is not None:
        found.update(_too_young(facts, policy, now))
        at_this_time, clear_at, closes = _of_time(facts, policy, now)
        if at_this_time:
            found.update(at_this_time)
            retry_at = next_opening(clear_at, policy, opens_weekends=_opens_weekends(facts))
    missing = tuple(name for name in _COUNTED if getattr(facts, name) is None)
    if facts.campaign is not None and facts.campaign.rules is None:
        missing += ("seller_rules",)
    if facts.number is None:
        found -= _FOLLOWING_FROM_NO_NUMBER
    elif missing:
        found.add(ReasonCode.FACT_MISSING)
    if found or policy is None or ground is None:
        reasons = _worded(found, policy, register, missing, grounds.needs_consent)
        version = policy.version if policy is not None else None
        return Decision(_verdict(reasons), reasons, ground, register, None, retry_at, version)
    clocks = (now + policy.answer_cap, closes, ground.until, lift_until)
    valid_until = min(moment for moment in clocks if moment is not None)
    return Decision(Verdict.ALLOW, (), ground, register, valid_until, None, policy.version)


# Of a number that could not be read nothing else can be known; to say so again in other words would only confuse.
_FOLLOWING_FROM_NO_NUMBER = {ReasonCode.NO_POLICY, ReasonCode.REGISTER_MISSING, ReasonCode.NO_SOURCE}

# The number and the register have reasons of their own for not being known.
_COUNTED = ("campaign", "opt_outs", "holds", "restrictions", "leads", "consents", "relations", "attempts")


def _speaks_of(policy: Policy, facts: CallFacts, now: datetime) -> bool:
    """Say whether the policy is of the number's country, and the moment one that any calendar can speak of."""
    return (facts.number is None or facts.number.country == policy.country) and EARLIEST < now < LATEST


def _of_number(facts: CallFacts, policy: Policy | None) -> Iterator[ReasonCode]:
    if facts.number is None or not facts.number.valid:
        yield ReasonCode.INVALID_NUMBER
    elif policy is not None and facts.number.kind not in policy.callable_kinds:
        yield ReasonCode.NOT_CALLABLE_TYPE
    if policy is None:
        yield ReasonCode.NO_POLICY


def _of_the_persons_no(facts: CallFacts) -> Iterator[ReasonCode]:
    """A no to this channel, a hold and a restriction; an opt-out that names no channel, or a call of unknown channel,
    is taken to mean all of them."""
    channel = facts.campaign.channel if facts.campaign is not None else None
    for opt_out in facts.opt_outs or ():
        if channel is None or not opt_out.channels or channel in opt_out.channels:
            yield ReasonCode.OPTED_OUT
    if facts.holds:
        yield ReasonCode.HELD
    if facts.restrictions:
        yield ReasonCode.RESTRICTED


def _too_young(facts: CallFacts, policy: Policy, now: datetime) -> Iterator[ReasonCode]:
    """Any lead's birth date speaks, whatever the lead's own standing."""
    today = now.astimezone(policy.zone).date()
    for lead in facts.leads or ():
        if lead.birth_date is not None and age_on(lead.birth_date, today) < policy.minor_age:
            yield ReasonCode.MINOR


def _of_campaign(facts: CallFacts, policy: Policy | None) -> Iterator[ReasonCode]:
    if facts.campaign is not None and not facts.campaign.is_open:
        yield ReasonCode.CAMPAIGN_CLOSED
    if policy is not None:
        product = facts.campaign.product if facts.campaign is not None else None
        if policy.prohibits(product):
            yield ReasonCode.PRODUCT_PROHIBITED
        if facts.campaign is not None and facts.campaign.channel in policy.prohibited_channels:
            yield ReasonCode.CHANNEL_PROHIBITED


def _asked(
    facts: CallFacts, policy: Policy | None, lift: Ground | None, now: datetime
) -> tuple[RegisterAnswer | None, datetime | None, set[ReasonCode]]:
    """Return what the register says, when the lift that the call rests on ends, and the reasons against the call.

    A register that could not be asked at all blocks even where a consent or relation would lift its answer. The
    version's own end is no clock of an allow: it is a local midnight, and calling closes no later than that.
    """
    asked = facts.register
    if asked is None:
        return None, None, {ReasonCode.REGISTER_MISSING}
    ends = register_ends(asked.as_of, policy) if asked.as_of is not None and policy is not None else None
    answer = RegisterAnswer(asked.register, asked.version_id, asked.listed, ends, lift)
    doubts: set[ReasonCode] = set()
    if asked.listed:
        doubts.add(ReasonCode.ON_REGISTER)
    if not _usable(asked, policy, now):
        doubts.add(ReasonCode.REGISTER_MISSING)
    elif ends is not None and ends <= now:
        doubts.add(ReasonCode.REGISTER_STALE)
    if lift is not None and doubts:
        return answer, lift.until, set()
    return answer, None, doubts


def _usable(asked: RegisterFact, policy: Policy | None, now: datetime) -> bool:
    """Say whether there is a version to go by: of the policy's register, read, and not dated in the future."""
    if asked.version_id is None or asked.as_of is None or asked.listed is None:
        return False
    return policy is None or (asked.register == policy.register and asked.as_of <= now.astimezone(policy.zone).date())


def _of_time(facts: CallFacts, policy: Policy, now: datetime) -> tuple[set[ReasonCode], datetime, datetime | None]:
    """Return what hour and attempts say against the call, when the attempts no longer do, and when calling closes.

    Attempts dated in the future, from a dialer whose clock is wrong, count like any other.
    """
    today = now.astimezone(policy.zone).date()
    found: set[ReasonCode] = set()
    clear_at = now
    window = calling_window(today, policy, opens_weekends=_opens_weekends(facts))
    if window is None or not window[0] <= now < window[1]:
        found.add(ReasonCode.OUTSIDE_HOURS)
    for code, free_at in _attempt_limits(facts, policy, now):
        if now < free_at:
            found.add(code)
            clear_at = max(clear_at, free_at)
    return found, clear_at, window[1] if window is not None else None


def _attempt_limits(facts: CallFacts, policy: Policy, now: datetime) -> Iterator[tuple[ReasonCode, datetime]]:
    """Yield each limit on attempts that has been reached, with the instant from which it no longer holds.

    An attempt that another dialer's answer holds counts as made now, for as long as it is held.
    """
    if facts.attempts is None:
        return
    made = facts.attempts.started_at
    yield from _limits_reached(made, policy)
    held_until = facts.attempts.reserved_until
    if held_until is not None and now < instant(held_until):
        for code, free_at in _limits_reached((*made, now), policy):
            if now < free_at:
                yield code, instant(held_until)


def _limits_reached(made: tuple[datetime, ...], policy: Policy) -> Iterator[tuple[ReasonCode, datetime]]:
    if not made:
        return
    newest_first = sorted(map(instant, made), reverse=True)
    if len(newest_first) >= policy.attempts_day:
        day = newest_first[policy.attempts_day - 1].astimezone(policy.zone).date()
        yield ReasonCode.ATTEMPTS_DAY, local_instant(day + timedelta(days=1), MIDNIGHT, policy.zone)
    yield ReasonCode.ATTEMPTS_GAP, newest_first[0] + policy.attempts_gap
    if len(newest_first) >= policy.attempts_period:
        yield ReasonCode.ATTEMPTS_PERIOD, newest_first[policy.attempts_period - 1] + policy.period


def _opens_weekends(facts: CallFacts) -> bool:
    return facts.campaign is not None and facts.campaign.opens_weekends


def _worded(
    found: set[ReasonCode],
    policy: Policy | None,
    register: RegisterAnswer | None,
    missing: tuple[str, ...],
    needs_consent: bool,
) -> tuple[Reason, ...]:
    """Return the reasons found, in the order of ``ReasonCode``, each under the policy's rule."""
    reasons = []
    for code in ReasonCode:
        if code in found:
            rule = policy.rules.get(code) if policy is not None else None
            if code is ReasonCode.NO_LAWFUL_BASIS and needs_consent and policy is not None:
                rule = policy.consent_rule
            name = _register_named(policy, register) if code in _OF_REGISTER else None
            reasons.append(reason_for(code, rule, name, missing if code is ReasonCode.FACT_MISSING else ()))
    return tuple(reasons)


_OF_REGISTER = frozenset({ReasonCode.ON_REGISTER, ReasonCode.REGISTER_MISSING, ReasonCode.REGISTER_STALE})


def _register_named(policy: Policy | None, register: RegisterAnswer | None) -> str | None:
    return register.register if register is not None else policy.register if policy is not None else None


def _verdict(reasons: tuple[Reason, ...]) -> Verdict:
    if any(reason.category is Category.DENY for reason in reasons):
        return Verdict.DENY
    return Verdict.UNKNOWN
