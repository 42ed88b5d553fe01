"""Moments as people write and read them: in Swedish local time."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from console.languages import ZONE
from core.database import FIRST_YEAR, LAST_YEAR

LOCAL = ZoneInfo(ZONE)
A_MINUTE = timedelta(minutes=1)


def written_local(at: datetime) -> str:
    """Return the moment as an ``<input type="datetime-local">`` holds it: to the minute, without a zone."""
    return at.astimezone(LOCAL).strftime("%Y-%m-%dT%H:%M")


def read_local(text: str, now: datetime) -> datetime | None:
    """Return the moment that such an input holds, or None if it holds none, or one that no database keeps.

    The minute that ``now`` is in means now itself: what was just said is not put before what was just recorded.
    """
    try:
        read = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    if not FIRST_YEAR <= read.year <= LAST_YEAR:
        return None
    local = read if read.tzinfo is not None else read.replace(tzinfo=LOCAL)
    return now if timedelta(0) <= now - local < A_MINUTE else local
