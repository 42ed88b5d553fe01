"""A seller's own rules: what it asks of itself beyond the law. They can make a policy stricter, and never wider.

Pure. ``narrowed`` takes the stricter of two values, whatever a rule says; ``widening`` names each rule that would ask
for less than the law does, so that it is refused where it is set rather than be without effect.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, time, timedelta
from typing import Any

from consent.terms import Channel
from dnc.calendar import validity_ends
from dnc.policies.terms import Hours, Policy, Regime, Week

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
SELLER_RULE = "RK-SELLER-1"
"""The rule behind a reason that the law alone would not have given."""

_COUNTRY = re.compile(r"[A-Z]{2}")
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)
_PRODUCT = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,58}[a-z0-9])?")
LONGEST = 10_000  # no count, month or day of a rule is larger: a typing error, and dates must stay within the calendar


class UnreadableRules(ValueError):
    """The rules cannot be read. ``mistakes`` names each that is wrong, by country and rule; no input is repeated."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("; ".join(mistakes))
        self.mistakes = mistakes


@dataclass(frozen=True, slots=True)
class Narrowing:
    """One country's rules of a seller; None, or an empty set, asks no more than the law does.

    ``opens``, ``closes``: by the local clock, on every day. ``closed_weekdays``: 0 is Monday.
    ``attempts_day``, ``attempts_period``: calls at most. ``attempts_gap_minutes``: between two.
    ``minor_age``: no younger person is called. ``consent_months``: how old a consent may be, both as a ground and to
    lift the register. ``relation_months``: how long a relation lasts after the contract.
    ``register_days``: how old a register version may be. ``prohibited_products``: never sold by telephone.
    ``automated_voice``: False if machines never call. ``consent_only``: True if nobody is called without consent.
    """

    opens: time | None = None
    closes: time | None = None
    closed_weekdays: frozenset[int] = frozenset()
    attempts_day: int | None = None
    attempts_gap_minutes: int | None = None
    attempts_period: int | None = None
    minor_age: int | None = None
    consent_months: int | None = None
    relation_months: int | None = None
    register_days: int | None = None
    prohibited_products: frozenset[str] = frozenset()
    automated_voice: bool = True
    consent_only: bool = False


@dataclass(frozen=True, slots=True)
class SellerRules:
    """One version of a seller's rules, by country (ISO 3166) in the order of the alphabet; version 0 is none."""

    version: int
    countries: tuple[tuple[str, Narrowing], ...]

    def of(self, country: str) -> Narrowing | None:
        """Return the rules for calls to the country, or None if there are none."""
        for name, narrowing in self.countries:
            if name == country:
                return narrowing
        return None


NO_RULES = SellerRules(0, ())


def narrowed(policy: Policy, narrowing: Narrowing) -> Policy:
    """Return the policy with the stricter of its own value and the seller's in each place.

    Whatever the rules, what the policy does not allow the result does not allow either. The version stays the law's.
    """
    validity = policy.register_validity
    consent_only = narrowing.consent_only and policy.regime is not Regime.PROHIBITED
    return replace(
        policy,
        regime=Regime.OPT_IN if consent_only else policy.regime,
        opt_out_products=frozenset() if consent_only else policy.opt_out_products,
        hours=_closed(policy.hours, narrowing),
        weekend_hours=_closed(policy.weekend_hours, narrowing),
        attempts_day=_least(policy.attempts_day, narrowing.attempts_day),
        attempts_gap=max(policy.attempts_gap, timedelta(minutes=narrowing.attempts_gap_minutes or 0)),
        attempts_period=_least(policy.attempts_period, narrowing.attempts_period),
        minor_age=max(policy.minor_age, narrowing.minor_age or 0),
        consent_ground_months=_least(policy.consent_ground_months, narrowing.consent_months),
        consent_lift_months=_least(policy.consent_lift_months, narrowing.consent_months),
        relation_months=_least(policy.relation_months, narrowing.relation_months),
        register_validity=replace(validity, days=_least(validity.days, narrowing.register_days)),
        prohibited_products=policy.prohibited_products | narrowing.prohibited_products,
        prohibited_channels=policy.prohibited_channels
        | (frozenset() if narrowing.automated_voice else {Channel.AUTOMATED_VOICE}),
    )


def policy_under(policy: Policy, rules: SellerRules | None) -> Policy:
    """Return the policy that a seller with these rules is held to: to ask the calendar by, as ``decide`` does itself.

    Rules that could not be read (None) leave the policy as it is; ``decide`` then answers unknown.
    """
    narrowing = rules.of(policy.country) if rules is not None else None
    return policy if narrowing is None else narrowed(policy, narrowing)


def _closed(law: Week, narrowing: Narrowing) -> Week:
    days = [None if day in narrowing.closed_weekdays else _within(hours, narrowing) for day, hours in enumerate(law)]
    monday, tuesday, wednesday, thursday, friday, saturday, sunday = days
    return monday, tuesday, wednesday, thursday, friday, saturday, sunday


def _within(hours: Hours | None, narrowing: Narrowing) -> Hours | None:
    if hours is None:
        return None
    opens = max(hours[0], narrowing.opens or time.min)
    closes = min(hours[1], narrowing.closes or time.max)
    return (opens, closes) if opens < closes else None


def _least(law: Any, own: int | None) -> Any:  # Any: an int or None, as the law's value is
    return law if own is None else own if law is None else min(law, own)


def widening(policy: Policy, narrowing: Narrowing) -> list[str]:
    """Return a sentence for each rule that asks for less than the policy does, beginning with its name; pure."""
    days = [hours for hours in (*policy.hours, *policy.weekend_hours) if hours is not None]
    longest = max((validity_ends(day, policy.register_validity) - day).days for day in _YEAR)
    months = (policy.consent_ground_months, policy.consent_lift_months)
    asked = narrowing
    wide: list[tuple[str, bool, object]] = [
        ("opens", asked.opens is not None and asked.opens < min(day[0] for day in days), min(day[0] for day in days)),
        ("closes", asked.closes is not None and asked.closes > max(day[1] for day in days), max(d[1] for d in days)),
        ("attempts_day", _over(asked.attempts_day, policy.attempts_day), policy.attempts_day),
        (
            "attempts_gap_minutes",
            asked.attempts_gap_minutes is not None
            and timedelta(minutes=asked.attempts_gap_minutes) < policy.attempts_gap,
            policy.attempts_gap // timedelta(minutes=1),
        ),
        ("attempts_period", _over(asked.attempts_period, policy.attempts_period), policy.attempts_period),
        ("minor_age", asked.minor_age is not None and asked.minor_age < policy.minor_age, policy.minor_age),
        ("consent_months", all(_over(asked.consent_months, law) for law in months), months[1]),
        ("relation_months", _over(asked.relation_months, policy.relation_months), policy.relation_months),
        ("register_days", _over(asked.register_days, longest), longest),
    ]
    return [
        f"{name}: {_told(getattr(asked, name))} would be wider than the law's {_told(own)} ({policy.version})"
        for name, is_wider, own in wide
        if is_wider
    ]


_YEAR = [date(2027, 1, 1) + timedelta(days=day) for day in range(366)]


def _over(asked: int | None, law: int | None) -> bool:
    return asked is not None and law is not None and asked > law


def _told(value: object) -> str:
    return f"{value:%H:%M}" if isinstance(value, time) else str(value)


def rules_to_record(rules: SellerRules) -> dict[str, object]:
    """Return the rules by country as values that JSON can hold, without those that ask for nothing; pure."""
    return {country: _narrowing_to_record(narrowing) for country, narrowing in rules.countries}


def _narrowing_to_record(narrowing: Narrowing) -> dict[str, object]:
    record: dict[str, object] = {}
    for field in fields(Narrowing):
        value = getattr(narrowing, field.name)
        if value == field.default:
            continue
        if isinstance(value, time):
            record[field.name] = f"{value:%H:%M}"
        elif field.name == "closed_weekdays":
            record[field.name] = [WEEKDAYS[day] for day in sorted(value)]
        else:
            record[field.name] = sorted(value) if isinstance(value, frozenset) else value
    return record


def rules_from_record(version: int, record: object) -> SellerRules:
    """Return the rules that ``record`` says, by country; what ``rules_to_record`` wrote comes back the same. Pure.

    Raises:
        UnreadableRules: a country or rule is not known here, or a value cannot be one.
    """
    if not isinstance(record, Mapping):
        raise UnreadableRules(["rules are an object with a country's two letters for each name"])
    mistakes: list[str] = []
    read: list[tuple[str, Narrowing]] = []
    for country, rules in sorted(record.items(), key=lambda item: str(item[0])):
        if not (isinstance(country, str) and _COUNTRY.fullmatch(country)):
            mistakes.append("a country is named by its two letters, in capitals")
        elif not isinstance(rules, Mapping):
            mistakes.append(f"{country}: rules are an object with the name of a rule for each name")
        else:
            mistakes += [f"{country}.{mistake}" for mistake in _mistakes(rules)]
            if not mistakes:
                read.append((country, _narrowing(rules)))
    if mistakes:
        raise UnreadableRules(mistakes)
    return SellerRules(version, tuple(read))


def _mistakes(rules: Mapping[str, object]) -> Iterator[str]:
    for name, value in rules.items():
        known = _READ.get(name)
        if known is None:
            yield f"?: there is no such rule; there are {', '.join(_READ)}"
            continue
        try:
            known(value)
        except ValueError as error:
            yield f"{name}: {error}"
    try:
        opens, closes = _clock(rules.get("opens", "00:00")), _clock(rules.get("closes", "23:59"))
    except ValueError:
        return
    if opens >= closes:
        yield "opens: calling must open before it closes"


def _narrowing(rules: Mapping[str, object]) -> Narrowing:
    values: dict[str, Any] = {name: _READ[name](value) for name, value in rules.items()}  # Any: each of its own type
    return Narrowing(**values)


def _clock(value: object) -> time:
    if isinstance(value, str) and _CLOCK.fullmatch(value):
        return time.fromisoformat(value)
    raise ValueError("a time of day is written as 09:30")


def _count(least: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= LONGEST:
            return value
        raise ValueError(f"a whole number from {least} to {LONGEST}")

    return read


def _days(value: object) -> frozenset[int]:
    if isinstance(value, list | tuple) and all(day in WEEKDAYS for day in value):
        return frozenset(WEEKDAYS.index(day) for day in value)
    raise ValueError(f"a list of {', '.join(WEEKDAYS)}")


def _products(value: object) -> frozenset[str]:
    if isinstance(value, list | tuple) and all(isinstance(one, str) and _PRODUCT.fullmatch(one) for one in value):
        return frozenset(one.replace("-", "_") for one in value)
    raise ValueError("a list of product types, in small letters, digits, hyphens and underscores")


def _only_off(value: object) -> bool:
    if value is False:
        return value
    raise ValueError("can only be false: a seller can turn automated calls off, and never on")


def _only_on(value: object) -> bool:
    if value is True:
        return value
    raise ValueError("can only be true: a seller can ask for consent where the law does not, and never the reverse")


_READ: dict[str, Callable[[object], object]] = {
    "opens": _clock,
    "closes": _clock,
    "closed_weekdays": _days,
    "attempts_day": _count(1),
    "attempts_gap_minutes": _count(0),
    "attempts_period": _count(1),
    "minor_age": _count(0),
    "consent_months": _count(0),
    "relation_months": _count(0),
    "register_days": _count(0),
    "prohibited_products": _products,
    "automated_voice": _only_off,
    "consent_only": _only_on,
}
