"""Moments: aware, in UTC, written one way."""

from datetime import UTC, datetime, timedelta, timezone

from core.clock import FixedClock, SystemClock, from_microseconds, to_microseconds, utc

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def test_the_systems_clock_is_aware_and_in_utc() -> None:
    assert SystemClock().now().tzinfo is UTC


def test_a_fixed_clock_stands_where_it_was_set() -> None:
    clock = FixedClock(NOON)
    assert clock.now() == clock.now() == NOON


def test_an_instant_is_written_in_utc_with_a_z() -> None:
    stockholm = timezone(timedelta(hours=1))
    assert utc(NOON.astimezone(stockholm)) == "2026-11-20T12:00:00Z"
    assert utc(NOON.replace(microsecond=5)) == "2026-11-20T12:00:00.000005Z"
    assert utc(None) is None


def test_microseconds_and_back_lose_nothing_before_and_after_1970() -> None:
    for moment in (NOON, datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), datetime(2120, 2, 29, tzinfo=UTC)):
        assert from_microseconds(to_microseconds(moment)) == moment
