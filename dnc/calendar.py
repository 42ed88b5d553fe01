"""Local time: red days, the calling window, and limits counted in calendar months. Pure; used by the decision alone.

Every function takes and returns aware instants (UTC out). No instant makes one raise: what lies outside
``EARLIEST``–``LATEST`` is moved to the nearer end, where no rule is near.
"""

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays

from dnc.policy import Policy

EARLIEST = datetime(1970, 1, 2, tzinfo=UTC)
LATEST = datetime(2199, 12, 30, tzinfo=UTC)
SEARCH_DAYS = 31
MIDNIGHT = time(0)

EVES = {"SE": ("public", "de_facto")}


def instant(moment: datetime) -> datetime:
    """Return ``moment`` as an aware instant within ``EARLIEST``–``LATEST``; a naive one is read as UTC."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    if moment < EARLIEST:
        return EARLIEST
    return min(moment, LATEST)


@lru_cache(maxsize=512)
def red_days(country: str, year: int) -> frozenset[date]:
    """Return the year's public holidays and the eves kept as such (Midsummer, Christmas, New Year), without Sundays.

    The set is empty for a country whose holidays are not known here; its policy then closes by weekday alone.
    """
    if country not in holidays.list_supported_countries():
        return frozenset()
    return frozenset(holidays.country_holidays(country, years=year, categories=EVES.get(country, ("public",))))


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

    A seller that opens weekends opens them within the policy's hours; red days and eves stay closed.
    """
    closed_weekdays: frozenset[int] = frozenset() if opens_weekends else policy.closed_weekdays
    return _window(day, policy.country, policy.zone, policy.opens, policy.closes, closed_weekdays)


def next_opening(at: datetime, policy: Policy, *, opens_weekends: bool) -> datetime | None:
    """Return the first instant, ``at`` or later, when calling is open; None if ``SEARCH_DAYS`` days hold none."""
    today = at.astimezone(policy.zone).date()
    for ahead in range(SEARCH_DAYS):
        window = calling_window(today + timedelta(days=ahead), policy, opens_weekends=opens_weekends)
        if window is not None and at < window[1]:
            return max(at, window[0])
    return None


@lru_cache(maxsize=4096)
def _window(
    day: date, country: str, zone: ZoneInfo, opens: time, closes: time, closed_weekdays: frozenset[int]
) -> tuple[datetime, datetime] | None:
    if day.weekday() in closed_weekdays or day in red_days(country, day.year):
        return None
    return local_instant(day, opens, zone), local_instant(day, closes, zone)
