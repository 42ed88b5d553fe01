"""The law as dated values: one policy a country and period, so that a change of law is a reviewed diff.

A policy that has decided a call is never edited, because its answers are decided again from it years later; a new
rule is a new version with its own dates. Each value's legal source stands in ``docs/rules.md``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from types import MappingProxyType
from zoneinfo import ZoneInfo

from dnc.facts import Channel
from dnc.reasons import ReasonCode


class Regime(StrEnum):
    """What the country's law starts from: a call is allowed until refused, needs consent, or may not be made."""

    OPT_OUT = "opt_out"
    OPT_IN = "opt_in"
    PROHIBITED = "prohibited"


class UnknownPolicy(ValueError):
    """No policy has this version."""


@dataclass(frozen=True, slots=True)
class Policy:
    """One country's rules, in force from ``in_force_from`` until (not including) ``in_force_until``, local dates.

    ``register_months``: how long a register version may be called on, in calendar months from its own date.
    ``consent_lift_months``: how old a consent may be and still lift the register.
    ``consent_ground_months``: how old it may be and still be a ground; None leaves that to the consent's own limit.
    ``relation_months``: how long a relation lasts after the contract is fulfilled.
    ``opens``, ``closes``: the calling window in local time, closed at ``closes`` itself.
    ``closed_weekdays``: 0 is Monday; a seller may open them, but never a red day or an eve.
    ``attempts_day`` calls a local day at most, ``attempts_gap`` apart, and ``attempts_period`` of them in ``period``.
    ``answer_cap``: how long an allow may be relied on, whatever else would let it last.
    ``rules``: the policy's own rule behind a reason, where it is not one that holds in every country.
    """

    version: str
    country: str
    regime: Regime
    in_force_from: date
    in_force_until: date | None
    zone: ZoneInfo
    register: str
    register_months: int
    consent_lift_months: int
    consent_ground_months: int | None
    consent_channels: frozenset[Channel]
    relation_months: int
    minor_age: int
    callable_kinds: frozenset[str]
    prohibited_products: frozenset[str]
    opens: time
    closes: time
    closed_weekdays: frozenset[int]
    attempts_day: int
    attempts_gap: timedelta
    attempts_period: int
    period: timedelta
    answer_cap: timedelta
    rules: Mapping[ReasonCode, str] = field(compare=False)
    consent_channel_rule: str

    def in_force(self, at: datetime) -> bool:
        """Say whether the policy is the law at the aware instant ``at``, from local midnight to local midnight."""
        if at < datetime.combine(self.in_force_from, time(0), self.zone):
            return False
        return self.in_force_until is None or at < datetime.combine(self.in_force_until, time(0), self.zone)


SE_2026_1 = Policy(
    version="se-2026-1",
    country="SE",
    regime=Regime.OPT_OUT,
    # The present edition of the trade's ethical rules. Earlier calls were judged by other rules, which this is not.
    in_force_from=date(2021, 7, 1),
    in_force_until=None,
    zone=ZoneInfo("Europe/Stockholm"),
    register="nix",
    register_months=2,
    consent_lift_months=3,
    consent_ground_months=None,
    consent_channels=frozenset({Channel.AUTOMATED_VOICE}),
    relation_months=12,
    minor_age=16,
    callable_kinds=frozenset({"fixed_line", "mobile", "fixed_or_mobile", "uan", "personal"}),
    prohibited_products=frozenset({"premium_pension"}),
    opens=time(8),
    closes=time(21),
    closed_weekdays=frozenset({5, 6}),
    attempts_day=3,
    attempts_gap=timedelta(hours=4),
    attempts_period=30,
    # "30 in a campaign within a period": the length of the period is cut off in every public copy we have found. Thirty
    # days is an assumption, named as one in docs/rules.md; a longer period is stricter.
    period=timedelta(days=30),
    answer_cap=timedelta(minutes=10),
    rules=MappingProxyType(
        {
            ReasonCode.NOT_CALLABLE_TYPE: "SE-NUMBER-1",
            ReasonCode.OPTED_OUT: "SE-OPTOUT-1",
            ReasonCode.HELD: "SE-OPTOUT-2",
            ReasonCode.MINOR: "SE-AGE-1",
            ReasonCode.ON_REGISTER: "SE-NIX-1",
            ReasonCode.REGISTER_MISSING: "SE-NIX-2",
            ReasonCode.REGISTER_STALE: "SE-NIX-3",
            ReasonCode.PRODUCT_PROHIBITED: "SE-PRODUCT-1",
            ReasonCode.OUTSIDE_HOURS: "SE-HOURS-1",
            ReasonCode.ATTEMPTS_DAY: "SE-ATTEMPTS-1",
            ReasonCode.ATTEMPTS_GAP: "SE-ATTEMPTS-2",
            ReasonCode.ATTEMPTS_PERIOD: "SE-ATTEMPTS-3",
        }
    ),
    consent_channel_rule="SE-MFL-19",
)

POLICIES: tuple[Policy, ...] = (SE_2026_1,)


def policy_for(country: str | None, at: datetime) -> Policy | None:
    """Return the policy in force for ``country`` (ISO 3166, two letters) at ``at``, or None if there is none.

    A naive ``at`` is read as UTC.
    """
    moment = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    for policy in POLICIES:
        if policy.country == country and policy.in_force(moment):
            return policy
    return None


def policy_named(version: str) -> Policy:
    """Return the policy of this version, in force or not; raises UnknownPolicy if there never was one."""
    for policy in POLICIES:
        if policy.version == version:
            return policy
    raise UnknownPolicy("no policy has this version")
