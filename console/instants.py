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


def read_local(text: str, now: datetime, *, last: bool = False) -> datetime | None:
    """Return the moment that such an input holds, or None if it holds none, or one that no database keeps.

    The minute that ``now`` is in means now itself: what was just said is not put before what was just recorded. Of the
    hour that comes twice in October the first is meant, or with ``last`` the last that has come.
    """
    try:
        read = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    if not FIRST_YEAR <= read.year <= LAST_YEAR:
        return None
    local = read if read.tzinfo is not None else read.replace(tzinfo=LOCAL)
    twice = [local.replace(fold=0), local.replace(fold=1)]
    if any(timedelta(0) <= now - moment < A_MINUTE for moment in twice):
        return now
    come = [moment for moment in twice if moment <= now]
    return max(come, key=datetime.timestamp) if last and come else twice[0]
