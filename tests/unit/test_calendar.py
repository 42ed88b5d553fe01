"""Local time as the law counts it: red days and eves, the calling window, and calendar months."""

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from dnc.calendar import (
    EARLIEST,
    LATEST,
    age_on,
    calling_window,
    instant,
    instant_months_after,
    local_instant,
    months_after,
    next_opening,
    red_days,
    register_ends,
    validity_ends,
)
from dnc.policies.catalogue import DK_2026_1, FI_2026_1, GB_2026_1, NO_2026_1, SE_2026_1, Policy
from dnc.policies.terms import RedDays, Validity, week

STOCKHOLM = ZoneInfo("Europe/Stockholm")
DAY = (time(8), time(21))


def at(text: str) -> datetime:
    """An instant by the clock in Stockholm."""
    return datetime.fromisoformat(text).replace(tzinfo=STOCKHOLM)


@pytest.mark.parametrize(
    ("day", "name"),
    [
        ("2026-01-01", "New Year's Day"),
        ("2026-01-06", "Epiphany"),
        ("2026-04-03", "Good Friday"),
        ("2026-04-05", "Easter Sunday"),
        ("2026-04-06", "Easter Monday"),
        ("2026-05-01", "May Day"),
        ("2026-05-14", "Ascension Day"),
        ("2026-05-24", "Pentecost"),
        ("2026-06-06", "National Day"),
        ("2026-06-19", "Midsummer Eve"),
        ("2026-06-20", "Midsummer Day"),
        ("2026-10-31", "All Saints' Day"),
        ("2026-12-24", "Christmas Eve"),
        ("2026-12-25", "Christmas Day"),
        ("2026-12-26", "Second Day of Christmas"),
        ("2026-12-31", "New Year's Eve"),
    ],
)
def test_every_swedish_red_day_and_eve_of_2026_is_closed_even_to_a_seller_that_opens_weekends(
    day: str, name: str
) -> None:
    assert calling_window(date.fromisoformat(day), SE_2026_1, opens_weekends=True) is None, name


def test_sweden_has_thirteen_red_days_and_three_eves_in_2026() -> None:
    assert len(red_days(SE_2026_1.red_days, 2026)) == 16


def test_an_ordinary_sunday_is_no_red_day() -> None:
    assert date(2026, 11, 22) not in red_days(SE_2026_1.red_days, 2026)


SWEDEN_ALONE = """
import sys
from dnc.calendar import red_days
from dnc.policies.catalogue import SE_2026_1

assert red_days(SE_2026_1.red_days, 2026)
print(*sorted(name for name in sys.modules if name.startswith("holidays.countries.")))
"""


def test_the_red_days_of_one_country_load_no_other() -> None:
    done = subprocess.run([sys.executable, "-c", SWEDEN_ALONE], capture_output=True, text=True, check=True)
    assert done.stdout == "holidays.countries.sweden\n"


def test_a_neighbours_red_days_are_its_own() -> None:
    assert date(2026, 5, 17) in red_days(NO_2026_1.red_days, 2026)
    assert date(2026, 5, 17) not in red_days(SE_2026_1.red_days, 2026)


def test_a_country_without_known_holidays_has_its_eves_alone() -> None:
    assert red_days(RedDays("XX"), 2026) == frozenset()
    assert red_days(RedDays("XX", eves=frozenset({(12, 24)})), 2026) == {date(2026, 12, 24)}


def test_weekdays_are_open_from_eight_to_twenty_one() -> None:
    window = calling_window(date(2026, 11, 18), SE_2026_1, opens_weekends=False)

    assert window == (at("2026-11-18T08:00"), at("2026-11-18T21:00"))


@pytest.mark.parametrize("day", [date(2026, 11, 21), date(2026, 11, 22)])
def test_weekends_are_closed_until_the_seller_opens_them_within_the_same_hours(day: date) -> None:
    assert calling_window(day, SE_2026_1, opens_weekends=False) is None

    window = calling_window(day, SE_2026_1, opens_weekends=True)
    assert window is not None
    assert [edge.astimezone(STOCKHOLM).time() for edge in window] == [time(8), time(21)]


@pytest.mark.parametrize(
    ("day", "opens", "closes"),
    [
        (date(2026, 3, 28), "07:00", "20:00"),  # the last day of winter time
        (date(2026, 3, 29), "06:00", "19:00"),  # clocks go forward at 02:00
        (date(2026, 10, 24), "06:00", "19:00"),  # the last day of summer time
        (date(2026, 10, 25), "07:00", "20:00"),  # clocks go back at 03:00
    ],
)
def test_the_window_follows_the_clock_on_the_wall_through_summer_time(day: date, opens: str, closes: str) -> None:
    window = calling_window(day, SE_2026_1, opens_weekends=True)

    assert window is not None
    assert [f"{edge.astimezone(UTC):%H:%M}" for edge in window] == [opens, closes]


@pytest.mark.parametrize(
    ("asked", "opens"),
    [
        ("2026-11-18T07:59:59", "2026-11-18T08:00:00"),
        ("2026-11-18T08:00:00", "2026-11-18T08:00:00"),
        ("2026-11-18T20:59:59", "2026-11-18T20:59:59"),
        ("2026-11-18T21:00:00", "2026-11-19T08:00:00"),
        ("2026-11-20T21:00:00", "2026-11-23T08:00:00"),  # Friday evening
        ("2026-06-18T21:00:00", "2026-06-22T08:00:00"),  # before Midsummer Eve
        ("2026-12-23T21:00:00", "2026-12-28T08:00:00"),  # Christmas Eve is a Thursday
        ("2026-03-27T22:00:00", "2026-03-30T08:00:00"),  # over the change to summer time
    ],
)
def test_calling_opens_next_at_the_first_open_moment(asked: str, opens: str) -> None:
    assert next_opening(at(asked), SE_2026_1, opens_weekends=False) == at(opens)


def test_a_seller_that_opens_weekends_may_call_again_on_saturday() -> None:
    assert next_opening(at("2026-11-20T21:00"), SE_2026_1, opens_weekends=True) == at("2026-11-21T08:00")


def test_the_search_for_an_opening_ends_where_a_policy_has_none() -> None:
    never = replace(SE_2026_1, hours=week(None))

    assert next_opening(at("2026-11-18T10:00"), never, opens_weekends=False) is None


def test_the_search_for_an_opening_reaches_thirty_days_ahead() -> None:
    mondays = replace(SE_2026_1, hours=(DAY, None, None, None, None, None, None))

    assert next_opening(at("2026-12-22T10:00"), mondays, opens_weekends=False) == at("2026-12-28T08:00")


@pytest.mark.parametrize(
    ("day", "months", "later"),
    [
        ("2026-11-15", 2, "2027-01-15"),
        ("2026-12-31", 2, "2027-02-28"),
        ("2027-12-31", 2, "2028-02-29"),
        ("2026-10-31", 1, "2026-11-30"),
        ("2026-11-30", 1, "2026-12-30"),
        ("2026-12-01", 12, "2027-12-01"),
        ("2024-02-29", 12, "2025-02-28"),
        ("2026-01-31", 1, "2026-02-28"),
        ("2026-03-31", 0, "2026-03-31"),
        ("1970-05-01", 1, "1970-06-01"),
        ("2199-01-01", 1, "2199-02-01"),
        ("2199-11-30", 2, "2199-12-30"),
        ("9999-12-31", 2, "2199-12-30"),
        ("0001-01-01", 2, "1970-01-02"),
    ],
)
def test_a_calendar_month_ends_with_the_month_where_the_day_does_not_exist(day: str, months: int, later: str) -> None:
    assert months_after(date.fromisoformat(day), months) == date.fromisoformat(later)


def test_months_after_an_instant_keep_the_hour_on_the_wall_over_summer_time() -> None:
    later = instant_months_after(at("2026-01-31T09:30"), 3, STOCKHOLM)

    assert later == at("2026-04-30T09:30")
    assert later.tzinfo is UTC


def test_months_count_from_the_local_day_not_the_utc_day() -> None:
    """At 23:30 UTC on 30 November it is December in Sweden, so two months end in February."""
    late = datetime(2026, 11, 30, 23, 30, tzinfo=UTC)

    assert instant_months_after(late, 2, STOCKHOLM) == at("2027-02-01T00:30")


@pytest.mark.parametrize(
    ("born", "today", "age"),
    [
        ("2010-11-18", "2026-11-17", 15),
        ("2010-11-18", "2026-11-18", 16),
        ("2012-02-29", "2027-02-28", 14),
        ("2012-02-29", "2027-03-01", 15),
        ("2012-02-29", "2028-02-29", 16),
        ("2027-01-01", "2026-11-18", -1),
    ],
)
def test_age_is_counted_in_whole_years(born: str, today: str, age: int) -> None:
    assert age_on(date.fromisoformat(born), date.fromisoformat(today)) == age


def test_an_instant_without_a_zone_is_utc() -> None:
    assert instant(datetime(2026, 11, 18, 11)) == datetime(2026, 11, 18, 11, tzinfo=UTC)  # noqa: DTZ001 - the subject


@pytest.mark.parametrize(("extreme", "end"), [("0001-01-01T00:00:00", EARLIEST), ("9999-12-31T23:59:59", LATEST)])
def test_instants_no_calendar_speaks_of_are_moved_to_the_nearer_end(extreme: str, end: datetime) -> None:
    assert instant(datetime.fromisoformat(extreme)) == end
    assert instant(datetime.fromisoformat(extreme + "+00:00")) == end


def test_an_instant_within_reach_is_left_as_it_is() -> None:
    for moment in (EARLIEST, LATEST, EARLIEST + timedelta(microseconds=1), LATEST - timedelta(microseconds=1)):
        assert instant(moment) is moment


def test_a_local_hour_that_comes_twice_is_the_first() -> None:
    assert local_instant(date(2026, 10, 25), time(2, 30), STOCKHOLM) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_the_rest_of_a_local_day_is_open_though_it_is_already_tomorrow_in_utc() -> None:
    pacific = replace(SE_2026_1, zone=ZoneInfo("America/Los_Angeles"))
    evening = datetime(2026, 11, 19, 3, 0, tzinfo=UTC)  # 19:00 on the 18th

    assert next_opening(evening, pacific, opens_weekends=False) == evening


def hours_on(day: str, policy: Policy, *, opens_weekends: bool = False) -> tuple[str, str] | None:
    """The calling hours on a day by the policy's own clock."""
    window = calling_window(date.fromisoformat(day), policy, opens_weekends=opens_weekends)
    return None if window is None else tuple(f"{edge.astimezone(policy.zone):%H:%M}" for edge in window)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("policy", "weekday", "saturday", "sunday"),
    [
        (SE_2026_1, ("08:00", "21:00"), None, None),
        (NO_2026_1, ("09:00", "21:00"), None, None),
        (DK_2026_1, ("08:00", "21:00"), None, None),
        (FI_2026_1, ("08:00", "21:00"), ("09:00", "18:00"), None),
        (GB_2026_1, ("08:00", "21:00"), ("08:00", "21:00"), ("09:00", "21:00")),
    ],
    ids=lambda value: getattr(value, "version", None),
)
def test_each_country_has_its_hours_by_weekday(
    policy: Policy, weekday: tuple[str, str], saturday: tuple[str, str] | None, sunday: tuple[str, str] | None
) -> None:
    assert [hours_on(f"2026-11-{day}", policy) for day in range(16, 21)] == [weekday] * 5
    assert hours_on("2026-11-21", policy) == saturday
    assert hours_on("2026-11-22", policy) == sunday


@pytest.mark.parametrize("policy", [NO_2026_1, DK_2026_1, FI_2026_1, GB_2026_1], ids=lambda policy: policy.version)
def test_a_seller_that_opens_weekends_opens_nothing_where_the_law_leaves_nothing_to_open(policy: Policy) -> None:
    for day in range(16, 23):
        assert hours_on(f"2026-11-{day}", policy, opens_weekends=True) == hours_on(f"2026-11-{day}", policy)


@pytest.mark.parametrize(
    ("policy", "days"),
    [
        (NO_2026_1, "01-01 04-02 04-03 04-06 05-01 05-14 05-25 12-24 12-25 12-31"),
        (DK_2026_1, "01-01 04-02 04-03 04-06 05-01 05-14 05-25 06-05 12-24 12-25 12-31"),
        (FI_2026_1, "01-01 01-06 04-03 04-06 05-01 05-14 06-19 06-20 10-31 12-24 12-25 12-26 12-31"),
        # Of any nation: a +44 number does not tell its own.
        (GB_2026_1, "01-01 01-02 03-17 04-03 04-06 05-04 05-25 07-13 08-03 08-31 11-30 12-25 12-26 12-28"),
    ],
    ids=lambda value: getattr(value, "version", None),
)
def test_each_country_keeps_its_own_red_days_and_eves_of_2026(policy: Policy, days: str) -> None:
    for day in days.split():
        assert hours_on(f"2026-{day}", policy, opens_weekends=True) is None, day


def test_a_day_that_is_red_in_another_country_alone_is_open() -> None:
    assert hours_on("2026-06-05", NO_2026_1) is not None  # Constitution Day is Danish
    assert hours_on("2026-05-25", SE_2026_1) is not None  # Pentecost Monday is not Swedish
    assert hours_on("2026-04-02", FI_2026_1) is not None  # Maundy Thursday is not Finnish


@pytest.mark.parametrize(
    ("as_of", "validity", "ends"),
    [
        ("2026-11-15", Validity(months=2), "2027-01-15"),
        ("2026-11-30", Validity(months=3), "2027-02-28"),
        ("2026-11-15", Validity(days=28), "2026-12-13"),
        ("2026-02-01", Validity(days=28), "2026-03-01"),
        ("2026-11-01", Validity(same_month=True), "2026-12-01"),
        ("2026-11-30", Validity(same_month=True), "2026-12-01"),
        ("2026-12-31", Validity(same_month=True), "2027-01-01"),
        ("2026-11-15", Validity(months=2, days=10), "2026-11-25"),
        ("2026-11-25", Validity(days=10, same_month=True), "2026-12-01"),
        ("2026-11-15", Validity(), "2026-11-15"),
        ("9999-12-31", Validity(days=28), "2200-01-27"),
        ("0001-01-01", Validity(same_month=True), "1970-01-02"),
    ],
)
def test_a_register_version_ends_with_the_first_of_its_limits(as_of: str, validity: Validity, ends: str) -> None:
    assert validity_ends(date.fromisoformat(as_of), validity) == date.fromisoformat(ends)


@pytest.mark.parametrize(
    ("policy", "ends"),
    [
        (SE_2026_1, "2026-12-31T00:00+01:00"),
        (NO_2026_1, "2026-11-01T00:00+01:00"),
        (DK_2026_1, "2027-01-31T00:00+01:00"),
        (FI_2026_1, "2026-11-28T00:00+02:00"),
        (GB_2026_1, "2026-11-28T00:00+00:00"),
    ],
    ids=lambda value: getattr(value, "version", None),
)
def test_a_version_of_the_last_of_october_ends_at_a_local_midnight(policy: Policy, ends: str) -> None:
    assert register_ends(date(2026, 10, 31), policy) == datetime.fromisoformat(ends)
