"""Dates and moments as suppliers write them: one beyond doubt, or none. Pure."""

import re
from datetime import UTC, date, datetime, time
from functools import lru_cache

from core.clock import LOCAL_TIME

_DATE = re.compile(r"(\d{4})[-/.]?(\d{2})[-/.]?(\d{2})")
_DAY_FIRST = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})")
_MIDNIGHT = re.compile(r"(\S+?)[ T]00:00(?::00(?:[.,]0+)?)?Z?")
"""A day as databases write it out."""
_CLOCK = re.compile(r"(\S+?)(?:T|,? +(?:kl\.? ?)?)([0-9]{1,2})([:.])([0-9]{2})(?:\3([0-9]{2}))?")
_OF_SECONDS = re.compile(r"[0-9]{2}:?[0-9]{2}:?[0-9]{2}[.,][0-9]")
_UTC = (" UTC", " GMT")


@lru_cache(maxsize=8192)
def read_date(text: str) -> date | None:
    """Return the date, or None if ``text`` is not one date beyond doubt.

    Year first (2001-05-03, 20010503), or day first with dots (3.5.2001); with other signs only where day and month
    cannot be taken for each other. A year has four digits: a century is never guessed.
    """
    if not text.isascii():
        return None
    try:
        if found := _DATE.fullmatch(text):
            return date(int(found[1]), int(found[2]), int(found[3]))
        if found := _DAY_FIRST.fullmatch(text):
            day, month = int(found[1]), int(found[3])
            if found[2] == "." or day > 12 or day == month:  # noqa: PLR2004 - no month is past 12
                return date(int(found[4]), month, day)
    except ValueError:
        return None
    return None


def read_day(text: str) -> date | None:
    """Return the date as ``read_date``, also with a midnight behind it, as databases and spreadsheets write days."""
    midnight = _MIDNIGHT.fullmatch(text)
    return read_date(midnight[1] if midnight else text)


@lru_cache(maxsize=8192)
def read_instant(text: str) -> datetime | None:
    """Return the instant in UTC, or None if ``text`` is none.

    A date (its first moment) as ``read_date`` reads it, one with a time of day after it, or ISO 8601. What has no
    offset is Swedish local time.
    """
    if not text.isascii():
        return None
    try:
        moment = _local_moment(text)
        if moment is None and _DATE.match(text):
            moment = datetime.fromisoformat(f"{text[:-4]}+00:00" if text.endswith(_UTC) else text)
            if moment.microsecond and not _OF_SECONDS.search(text):  # ``10.5`` is half past ten to ISO 8601
                return None
        if moment is None:
            return None
        return (moment if moment.tzinfo else moment.replace(tzinfo=LOCAL_TIME)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _local_moment(text: str) -> datetime | None:
    """Return the local time that a date says, perhaps with hours and minutes after it, or None if it is no such text.

    Raises:
        ValueError: no clock shows that time.
    """
    clock = _CLOCK.fullmatch(text)
    day = read_date(clock[1] if clock else text)
    if day is None:
        return None
    hour, minute, second = (int(clock[2]), int(clock[4]), int(clock[5] or 0)) if clock else (0, 0, 0)
    return datetime.combine(day, time(hour, minute, second))
