"""Where the time comes from: read once at the edge, then passed down."""

from datetime import UTC, date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LOCAL_TIME = ZoneInfo("Europe/Stockholm")
"""What days are counted and told in, where nothing says otherwise."""
CLOCK_SLACK = timedelta(minutes=5)
"""How far ahead of this service's clock the clock may be of whoever tells it a moment: a dialer, a node, a form."""


class Clock(Protocol):
    """Anything that tells the present moment, aware and in UTC."""

    def now(self) -> datetime:
        """Return the present moment, aware and in UTC."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the present moment, aware and in UTC."""
        return datetime.now(UTC)


class FixedClock:
    """A clock that stands where it was set; for tests."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        """Return the moment that the clock was set to."""
        return self.at


def utc(value: datetime | None) -> str | None:
    """Return an instant as RFC 3339 in UTC with a Z, as it is written on record and on the wire; None stays."""
    return None if value is None else value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def local_day(value: datetime) -> date:
    """Return the Swedish day of an aware instant, as people are told it."""
    return value.astimezone(LOCAL_TIME).date()


def to_microseconds(value: datetime) -> int:
    """Return whole microseconds since 1970 for an aware instant."""
    since = value - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def from_microseconds(value: int) -> datetime:
    """Return the UTC instant that is ``value`` microseconds after 1970."""
    return datetime.fromtimestamp(value // 1_000_000, UTC).replace(microsecond=value % 1_000_000)
