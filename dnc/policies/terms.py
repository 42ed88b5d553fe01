"""What a policy is made of: values only, so that a change of law is a reviewed diff and can be compared and kept."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from consent.terms import Channel
from dnc.reasons import ReasonCode

Hours = tuple[time, time]
"""When calling opens and closes by the local clock; closed at the second itself."""

Week = tuple[Hours | None, Hours | None, Hours | None, Hours | None, Hours | None, Hours | None, Hours | None]
"""The hours of each weekday from Monday on; None for a day on which no calls are made."""

SAID_OTHERWISE = dict.fromkeys(("premiepension", "premiepensioner", "premium_pensions", "ppm"), "premium_pension")
"""Other words for products that are prohibited. None is an exception: what is said otherwise opens nothing."""


class Regime(StrEnum):
    """What the country's law starts from: a call is allowed until refused, needs consent, or may not be made."""

    OPT_OUT = "opt_out"
    OPT_IN = "opt_in"
    PROHIBITED = "prohibited"


def week(weekdays: Hours | None, saturday: Hours | None = None, sunday: Hours | None = None) -> Week:
    """Return the week whose Mondays to Fridays are alike."""
    return weekdays, weekdays, weekdays, weekdays, weekdays, saturday, sunday


@dataclass(frozen=True, slots=True)
class Validity:
    """How long a register version may be called on, counted from its own date: to whichever limit comes first.

    ``months``: calendar months. ``days``: days. ``same_month``: not past the end of the calendar month of its date.
    With no limit at all a version is never valid, since nothing says how long.
    """

    months: int | None = None
    days: int | None = None
    same_month: bool = False


@dataclass(frozen=True, slots=True)
class RedDays:
    """The days kept as holidays: those of ``country`` in the calendar of holidays, and ``eves`` (month, day) beside.

    ``categories``: the kinds of holiday that count. ``subdivisions``: parts of the country with holidays of their own;
    a number does not tell its part, so a holiday of any part is one of all.
    """

    country: str
    categories: tuple[str, ...] = ("public",)
    subdivisions: tuple[str, ...] = ()
    eves: frozenset[tuple[int, int]] = frozenset()


@dataclass(frozen=True, slots=True)
class Policy:
    """One country's rules, in force from ``in_force_from`` until (not including) ``in_force_until``, local dates.

    ``in_force_from`` None is a hypothetical policy: never in force, and only asked for by name in a "what if".
    ``opt_out_products``: products that may be sold by telephone as under opt-out, where ``regime`` is opt-in.
    ``register_validity``: how long a register version may be called on.
    ``consent_lift_months``: how old a consent may be and still lift the register; None leaves that to its own limit.
    ``consent_ground_months``: how old it may be and still be a ground; None leaves that to the consent's own limit.
    ``consent_channels``: channels that need consent whatever the regime.
    ``relation_lifts``: whether a customer relation of the product type lifts the register.
    ``relation_months``: how long a relation lasts after the contract is fulfilled.
    ``prohibited_products``, ``prohibited_channels``: what is never sold by telephone, and how never.
    ``hours``: the calling hours by the local clock. ``weekend_hours``: the hours of a seller that opens weekends; the
    same where the law leaves nothing to open. Red days are closed in both.
    ``attempts_day`` calls a local day at most, ``attempts_gap`` apart, and ``attempts_period`` of them in ``period``.
    ``answer_cap``: how long an allow may be relied on, whatever else would let it last.
    ``rules``: the policy's own rule behind a reason, where it is not one that holds in every country.
    ``consent_rule``: the rule by which the call needs consent, where it does.
    """

    version: str
    country: str
    regime: Regime
    opt_out_products: frozenset[str]
    in_force_from: date | None
    in_force_until: date | None
    zone: ZoneInfo
    register: str
    register_validity: Validity
    consent_lift_months: int | None
    consent_ground_months: int | None
    consent_channels: frozenset[Channel]
    relation_lifts: bool
    relation_months: int
    minor_age: int
    callable_kinds: frozenset[str]
    prohibited_products: frozenset[str]
    prohibited_channels: frozenset[Channel]
    hours: Week
    weekend_hours: Week
    red_days: RedDays
    attempts_day: int
    attempts_gap: timedelta
    attempts_period: int
    period: timedelta
    answer_cap: timedelta
    rules: Mapping[ReasonCode, str] = field(compare=False)
    consent_rule: str

    def in_force(self, at: datetime) -> bool:
        """Say whether the policy is the law at the aware instant ``at``, from local midnight to local midnight."""
        if self.in_force_from is None or at < datetime.combine(self.in_force_from, time(0), self.zone):
            return False
        return self.in_force_until is None or at < datetime.combine(self.in_force_until, time(0), self.zone)

    def regime_of(self, product: str | None) -> Regime:
        """Return the regime for calls that sell ``product``; an unknown product is never an exception."""
        if self.regime is Regime.OPT_IN and product in self.opt_out_products:
            return Regime.OPT_OUT
        return self.regime

    def prohibits(self, product: str | None) -> bool:
        """Say whether ``product`` may not be sold by telephone, in whichever of its words."""
        return self.regime is Regime.PROHIBITED or not self.prohibited_products.isdisjoint(
            {product, SAID_OTHERWISE.get(product or "")}
        )
