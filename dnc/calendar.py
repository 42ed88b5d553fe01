"""Local time: red days, the calling window, and limits counted in calendar months. Pure; used by the decision alone.

Every function takes and returns aware instants (UTC out). No instant makes one raise: what lies outside
``EARLIEST``–``LATEST`` is moved to the nearer end, where no rule is near.
"""

import sys
from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from zoneinfo import ZoneInfo

from dnc.policies.terms import Hours, Policy, RedDays, Validity

EARLIEST = datetime(1970, 1, 2, tzinfo=UTC)
LATEST = datetime(2199, 12, 30, tzinfo=UTC)
SEARCH_DAYS = 31
MIDNIGHT = time(0)


def instant(moment: datetime) -> datetime:
    """Return ``moment`` as an aware instant within ``EARLIEST``–``LATEST``; a naive one is read as UTC."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    if moment < EARLIEST:
        return EARLIEST
    return min(moment, LATEST)


@cache
def _holidays() -> ModuleType:
    """Return ``holidays``, which loads a country when it is asked for.

    Its package of countries would load all 250 along with the first one: a tenth of a second, and 8 MB in each process.
    So that package stays empty, and is where its modules are found.
    """
    import holidays

    of_countries = find_spec("holidays.countries")
    assert of_countries is not None  # noqa: S101 - it is a part of the package
    sys.modules.setdefault(of_countries.name, module_from_spec(of_countries))
    return holidays


@lru_cache(maxsize=512)
def red_days(kept: RedDays, year: int) -> frozenset[date]:
    """Return the year's days that are kept as holidays, without ordinary Sundays.

    A country whose holidays are not known here has its eves alone; its policy then closes by weekday.
    """
    eves = {date(year, month, day) for month, day in kept.eves}
    holidays = _holidays()
    if kept.country not in holidays.EntityLoader.get_country_codes():
        return frozenset(eves)
    parts = [
        holidays.country_holidays(kept.country, subdiv=part, years=year, categories=kept.categories)
        for part in kept.subdivisions or (None,)
    ]
    return frozenset(eves.union(*parts))


@lru_cache(maxsize=4096)
def local_instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    """Return the instant at which clocks in ``zone`` show ``at`` on ``day`` (the first, if they show it twice)."""
    return instant(datetime.combine(day, at, tzinfo=zone).astimezone(UTC))


def months_after(day: date, months: int) -> date:
    """Return the same day ``months`` calendar months later, or the last of that month if it is shorter."""
    count = day.year * 12 + day.month - 1 + months
    year, month = divmod(count, 12)
    if year < EARLIEST.year:
        return EARLIEST.date()
    if year > LATEST.year:
        return LATEST.date()
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


@lru_cache(maxsize=512)
def validity_ends(as_of: date, validity: Validity) -> date:
    """Return the first day on which a register version dated ``as_of`` may no longer be gone by."""
    ends = []
    if validity.months is not None:
        ends.append(months_after(as_of, validity.months))
    if validity.days is not None:
        ends.append(min(as_of, LATEST.date()) + timedelta(days=validity.days))
    if validity.same_month:
        ends.append(months_after(as_of.replace(day=1), 1))
    return min(ends, default=as_of)


def register_ends(as_of: date, policy: Policy) -> datetime:
    """Return the local midnight from which a register version dated ``as_of`` can no longer be called on.

    The cautious reading of the limit: the day on which it is reached does not count.
    """
    return local_instant(validity_ends(as_of, policy.register_validity), MIDNIGHT, policy.zone)


def instant_months_after(moment: datetime, months: int, zone: ZoneInfo) -> datetime:
    """Return the instant ``months`` calendar months later by the clock on the wall in ``zone``."""
    local = instant(moment).astimezone(zone)
    later = datetime.combine(months_after(local.date(), months), local.time(), tzinfo=zone)
    return instant(later.astimezone(UTC))


def age_on(birth_date: date, today: date) -> int:
    """Return the age in whole years; one born on 29 February ages on 1 March in other years. Negative if unborn."""
    return today.year - birth_date.year - ((today.month, today.day) < (birth_date.month, birth_date.day))


def calling_window(day: date, policy: Policy, *, opens_weekends: bool) -> tuple[datetime, datetime] | None:
    """Return when calling opens and closes on the local ``day``, or None if the day is closed.

    A seller that opens weekends has the hours that the policy keeps for those that do; red days stay closed.
    """
    hours = (policy.weekend_hours if opens_weekends else policy.hours)[day.weekday()]
    return None if hours is None else _window(day, policy.red_days, policy.zone, hours)


def next_opening(at: datetime, policy: Policy, *, opens_weekends: bool) -> datetime | None:
    """Return the first instant, ``at`` or later, when calling is open; None if ``SEARCH_DAYS`` days hold none."""
    today = at.astimezone(policy.zone).date()
    for ahead in range(SEARCH_DAYS):
        window = calling_window(today + timedelta(days=ahead), policy, opens_weekends=opens_weekends)
        if window is not None and at < window[1]:
            return max(at, window[0])
    return None


@lru_cache(maxsize=4096)
def _window(day: date, kept: RedDays, zone: ZoneInfo, hours: Hours) -> tuple[datetime, datetime] | None:
    if day in red_days(kept, day.year):
        return None
    opens, closes = hours
    return local_instant(day, opens, zone), local_instant(day, closes, zone)
