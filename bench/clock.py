"""The bench's clock: the machine's own, moved ahead by whole hours into calling hours.

Outside them a check is a deny, which holds no attempt and writes less than the answer that a dialer waits for. Every
process of one run is moved alike.
"""

import os
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from core.clock import SystemClock

AHEAD = "BENCH_HOURS_AHEAD"
FIRST, LAST = 10, 18  # local hours within which a run of an hour ends before calling hours do
FRIDAY = 4


def hours_ahead(now: datetime) -> int:
    """Return after how many whole hours from ``now`` it is a weekday's calling hour in Stockholm. Pure.

    Red days are not looked at.
    """
    zone, hours = ZoneInfo("Europe/Stockholm"), 0
    while True:
        there = (now + timedelta(hours=hours)).astimezone(zone)
        if there.weekday() <= FRIDAY and FIRST <= there.hour < LAST:
            return hours
        hours += 1


class BenchClock(SystemClock):
    """The machine's clock, so many hours ahead as the first process of the run found."""

    def __init__(self) -> None:
        found = os.environ.setdefault(AHEAD, str(hours_ahead(datetime.now(UTC))))
        self._ahead = timedelta(hours=int(found))

    def now(self) -> datetime:
        """Return the moment, aware and in UTC."""
        return super().now() + self._ahead
