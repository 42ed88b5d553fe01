"""A policy's values as docs/rules.md writes them."""

from dataclasses import fields
from datetime import date, time, timedelta
from zoneinfo import ZoneInfo

from dnc.policies.catalogue import Policy
from dnc.policies.terms import RedDays, Validity

NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
LEFT_OUT = {"version", "country", "rules", "consent_rule"}
"""The first two stand in the heading; rules have a table of their own, by reason."""


def values_of(policy: Policy) -> dict[str, str]:
    """Return each value of a policy by the name of its field, in words."""
    return {field.name: written(getattr(policy, field.name)) for field in fields(Policy) if field.name not in LEFT_OUT}


def written(value: object) -> str:
    """Return a value in words."""
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case timedelta():
            return _length(value)
        case date():
            return value.isoformat()
        case ZoneInfo():
            return value.key
        case Validity():
            limits = [f"{value.months} months"] if value.months is not None else []
            limits += [f"{value.days} days"] if value.days is not None else []
            limits += ["the month of its date"] if value.same_month else []
            return ", ".join(limits)
        case RedDays():
            parts = [f"{value.country} {' and '.join(value.categories)}"]
            parts += [f"any of {' '.join(value.subdivisions)}"] if value.subdivisions else []
            parts += [f"{month:02}-{day:02}" for month, day in sorted(value.eves)]
            return ", ".join(parts)
        case frozenset():
            return ", ".join(sorted(map(str, value))) or "none"
        case tuple():
            return _week(value)
        case _:
            return str(value)


def _length(length: timedelta) -> str:
    for unit, name in ((timedelta(days=1), "days"), (timedelta(hours=1), "hours"), (timedelta(minutes=1), "minutes")):
        if length >= unit:
            return f"{length // unit} {name}"
    return str(length)


def _week(week: tuple[tuple[time, time] | None, ...]) -> str:
    """Return the hours of a week, days with the same hours together; a day that is not named is closed."""
    runs: list[tuple[list[int], tuple[time, time] | None]] = []
    for day, hours in enumerate(week):
        if runs and runs[-1][1] == hours:
            runs[-1][0].append(day)
        else:
            runs.append(([day], hours))
    return ", ".join(
        f"{NAMES[days[0]]}{'' if len(days) == 1 else f'–{NAMES[days[-1]]}'} {hours[0]:%H:%M}–{hours[1]:%H:%M}"
        for days, hours in runs
        if hours is not None
    )
