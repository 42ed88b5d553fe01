"""When a call may be placed, until when an allow holds, and when to ask again."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from consent.terms import Basis
from dnc.decision import Verdict
from dnc.facts import AttemptsFact
from dnc.policies.catalogue import SE_2026_1
from dnc.policies.terms import Regime
from tests.unit.calls import (
    CAMPAIGN,
    CONSENT,
    FRESH,
    LEAD,
    LISTED,
    NOON,
    RELATION,
    ask,
    at,
    called,
    codes,
)

# --- product_prohibited, campaign_closed ---


@pytest.mark.parametrize("product", ["premium_pension", "premium_pensions", "premiepension", "premiepensioner", "ppm"])
def test_premium_pensions_are_not_sold_by_telephone_whatever_they_are_called(product: str) -> None:
    decision = ask(campaign=replace(CAMPAIGN, product=product))

    assert (codes(decision), decision.verdict) == (["product_prohibited"], Verdict.DENY)


def test_where_the_law_prohibits_sales_calls_no_product_is_sold_by_them() -> None:
    prohibited = replace(SE_2026_1, regime=Regime.PROHIBITED)

    assert codes(ask(policy=prohibited, consents=(CONSENT,))) == ["product_prohibited"]
    assert codes(ask(policy=prohibited, campaign=None)) == ["fact_missing", "product_prohibited"]


def test_a_closed_campaign_calls_nobody() -> None:
    decision = ask(campaign=replace(CAMPAIGN, is_open=False))

    assert (codes(decision), decision.verdict) == (["campaign_closed"], Verdict.DENY)
    assert codes(ask(policy=None, campaign=replace(CAMPAIGN, is_open=False))) == ["no_policy", "campaign_closed"]


# --- outside_hours ---


@pytest.mark.parametrize(
    ("time", "may_call"),
    [
        ("07:59:59.999999", False),
        ("08:00:00", True),
        ("20:59:59.999999", True),
        ("21:00:00", False),
        ("00:00:00", False),
        ("03:00:00", False),
    ],
)
def test_calls_are_made_from_eight_until_twenty_one_and_never_at_twenty_one(time: str, may_call: bool) -> None:
    decision = ask(now=at(f"2026-11-18T{time}"))

    assert codes(decision) == ([] if may_call else ["outside_hours"])
    assert decision.verdict is (Verdict.ALLOW if may_call else Verdict.DENY)


@pytest.mark.parametrize(
    "day",
    ["2026-06-19", "2026-12-24", "2026-12-31", "2026-04-03", "2026-11-21", "2026-11-22"],
    ids=["Midsummer Eve", "Christmas Eve", "New Year's Eve", "Good Friday", "a Saturday", "a Sunday"],
)
def test_closed_days_are_closed_at_noon(day: str) -> None:
    lead = replace(LEAD, collected_at=None, expires_at=None)
    decision = ask(now=at(f"{day}T12:00"), leads=(lead,), relations=(RELATION,))

    assert codes(decision) == ["outside_hours"]


def test_a_seller_may_open_weekends_but_not_the_night() -> None:
    campaign = replace(CAMPAIGN, opens_weekends=True)

    assert ask(now=at("2026-11-21T12:00"), campaign=campaign).may_call
    assert codes(ask(now=at("2026-11-21T21:00"), campaign=campaign)) == ["outside_hours"]
    assert codes(ask(now=at("2026-12-26T12:00"), campaign=campaign)) == ["outside_hours"]


@pytest.mark.parametrize(
    ("utc", "may_call"),
    [
        ("2026-03-27T07:00", True),  # Friday, winter time: 08:00
        ("2026-03-30T06:00", True),  # Monday, summer time: 08:00
        ("2026-03-30T05:59", False),
        ("2026-03-30T19:00", False),  # 21:00
        ("2026-10-23T19:00", False),  # Friday, summer time: 21:00
        ("2026-10-26T19:59", True),  # Monday, winter time: 20:59
        ("2026-10-26T06:59", False),
    ],
)
def test_the_hours_are_the_called_persons_through_summer_time(utc: str, may_call: bool) -> None:
    now = datetime.fromisoformat(utc).replace(tzinfo=UTC)

    assert ask(now=now, leads=(replace(LEAD, collected_at=None),), relations=(RELATION,)).may_call is may_call


def test_a_call_outside_the_hours_may_be_tried_when_they_begin() -> None:
    assert ask(now=at("2026-11-18T07:00")).retry_at == at("2026-11-18T08:00")
    assert ask(now=at("2026-11-20T21:00")).retry_at == at("2026-11-23T08:00")
    weekends = replace(CAMPAIGN, opens_weekends=True)
    assert ask(now=at("2026-11-20T21:00"), campaign=weekends).retry_at == at("2026-11-21T08:00")


def test_a_call_of_an_unknown_campaign_is_held_to_the_default_hours() -> None:
    assert codes(ask(now=at("2026-11-21T12:00"), campaign=None)) == ["fact_missing", "outside_hours"]


def test_a_time_to_retry_says_when_time_is_no_obstacle_whatever_else_remains() -> None:
    decision = ask(now=at("2026-11-18T07:00"), holds=("hold",))

    assert codes(decision) == ["held", "outside_hours"]
    assert decision.retry_at == at("2026-11-18T08:00")


def test_what_time_does_not_mend_gives_no_time_to_retry() -> None:
    assert ask(holds=("hold",)).retry_at is None


# --- attempts_day, attempts_gap, attempts_period ---


def test_a_fourth_call_in_a_day_waits_for_the_next_morning() -> None:
    earlier = called("2026-11-18T08:00", "2026-11-18T12:00", "2026-11-18T16:00")
    decision = ask(now=at("2026-11-18T20:30"), attempts=earlier)

    assert (codes(decision), decision.verdict) == (["attempts_day"], Verdict.DENY)
    assert decision.retry_at == at("2026-11-19T08:00")


def test_a_third_call_in_a_day_may_be_made() -> None:
    assert ask(now=at("2026-11-18T16:00"), attempts=called("2026-11-18T08:00", "2026-11-18T12:00")).may_call


def test_the_day_begins_at_local_midnight() -> None:
    night_before = called("2026-11-17T23:59:59", "2026-11-18T00:00", "2026-11-18T00:01")
    same_day = called("2026-11-18T00:00", "2026-11-18T00:01", "2026-11-18T00:02")

    assert ask(attempts=night_before).may_call
    assert codes(ask(attempts=same_day)) == ["attempts_day"]


def test_calls_are_four_hours_apart() -> None:
    assert ask(attempts=called("2026-11-18T08:00")).may_call
    decision = ask(attempts=called("2026-11-18T08:00:01"))
    assert (codes(decision), decision.verdict) == (["attempts_gap"], Verdict.DENY)
    assert decision.retry_at == at("2026-11-18T12:00:01")


def test_a_wait_that_ends_after_hours_lasts_until_they_begin_again() -> None:
    decision = ask(now=at("2026-11-20T18:00"), attempts=called("2026-11-20T17:30"))

    assert decision.retry_at == at("2026-11-23T08:00")


def test_the_latest_call_counts_in_whatever_order_they_are_told() -> None:
    attempts = ("2026-11-18T10:00", "2026-11-16T10:00")

    assert codes(ask(attempts=called(*attempts))) == ["attempts_gap"]
    assert codes(ask(attempts=called(*reversed(attempts)))) == ["attempts_gap"]


def month_of_calls(first: datetime, count: int) -> AttemptsFact:
    return AttemptsFact(tuple(first + timedelta(hours=12 * one) for one in range(count)))


def test_thirty_calls_in_the_period_are_enough() -> None:
    first = at("2026-11-01T07:00")
    thirty = ask(attempts=month_of_calls(first, 30))

    assert ask(attempts=month_of_calls(first, 29)).may_call
    assert (codes(thirty), thirty.verdict) == (["attempts_period"], Verdict.DENY)
    assert thirty.retry_at == at("2026-12-01T08:00")


def test_the_period_passes_with_the_thirtieth_last_call() -> None:
    attempts = month_of_calls(at("2026-10-19T12:00"), 30)

    assert ask(attempts=attempts).may_call
    assert codes(ask(now=NOON - timedelta(seconds=1), attempts=attempts)) == ["attempts_period"]


def test_a_call_dated_in_the_future_counts_like_any_other() -> None:
    decision = ask(attempts=called("2026-11-18T14:00"))

    assert codes(decision) == ["attempts_gap"]
    assert decision.retry_at == at("2026-11-18T18:00")
    assert codes(ask(attempts=called("2026-11-19T09:00", "2026-11-19T13:00", "2026-11-19T17:00"))) == [
        "attempts_day",
        "attempts_gap",
    ]


def test_a_retry_waits_for_every_obstacle_of_time() -> None:
    earlier = called("2026-11-18T08:00", "2026-11-18T12:00", "2026-11-18T20:00")
    decision = ask(now=at("2026-11-18T21:30"), attempts=earlier)

    assert codes(decision) == ["outside_hours", "attempts_day", "attempts_gap"]
    assert decision.retry_at == at("2026-11-19T08:00")


# --- valid_until ---


def test_an_allow_lasts_ten_minutes_at_most() -> None:
    assert ask().valid_until == at("2026-11-18T12:10")


def test_an_allow_ends_with_the_calling_hours() -> None:
    assert ask(now=at("2026-11-18T20:55")).valid_until == at("2026-11-18T21:00")


def test_an_allow_ends_with_the_lead() -> None:
    leads = (replace(LEAD, expires_at=at("2026-11-18T12:05")),)

    assert ask(leads=leads).valid_until == at("2026-11-18T12:05")


def test_an_allow_ends_with_the_consent_the_lead_rests_on() -> None:
    consent = replace(CONSENT, expires_at=at("2026-11-18T12:05"))
    lead = replace(LEAD, basis=Basis.CONSENT)

    assert ask(leads=(lead,), consents=(consent,)).valid_until == at("2026-11-18T12:05")
    shorter = replace(lead, expires_at=at("2026-11-18T12:03"))
    assert ask(leads=(shorter,), consents=(consent,)).valid_until == at("2026-11-18T12:03")


def test_an_allow_does_not_end_with_a_consent_that_carries_nothing() -> None:
    assert ask(consents=(replace(CONSENT, expires_at=at("2026-11-18T12:05")),)).valid_until == at("2026-11-18T12:10")


def test_an_allow_on_a_listed_number_ends_with_the_consent_that_lifts_the_register() -> None:
    consent = replace(CONSENT, given_at=at("2026-08-18T12:05"))

    assert ask(register=LISTED, consents=(consent,)).valid_until == at("2026-11-18T12:05")


def test_an_allow_on_a_listed_number_ends_with_the_relation_that_lifts_the_register() -> None:
    relation = replace(RELATION, fulfilled_at=at("2025-11-18T12:05"))

    assert ask(register=LISTED, relations=(relation,)).valid_until == at("2026-11-18T12:05")
    assert ask(leads=(), relations=(relation,)).valid_until == at("2026-11-18T12:05")


def test_on_its_last_day_a_register_version_outlasts_the_calling_hours() -> None:
    decision = ask(now=at("2026-11-18T20:55"), register=replace(FRESH, as_of=date(2026, 9, 19)))

    assert decision.register is not None
    assert decision.register.valid_until == at("2026-11-19T00:00")
    assert decision.valid_until == at("2026-11-18T21:00")


def test_a_lift_that_ends_does_not_end_an_allow_that_the_register_itself_gives() -> None:
    relation = replace(RELATION, fulfilled_at=at("2025-11-18T12:05"))

    assert ask(relations=(relation,)).valid_until == at("2026-11-18T12:10")
    stale = replace(FRESH, as_of=date(2026, 1, 1))
    assert ask(register=stale, relations=(relation,)).valid_until == at("2026-11-18T12:05")


def test_a_denied_call_is_valid_for_no_time_at_all() -> None:
    assert ask(holds=("hold",)).valid_until is None


def test_days_and_hours_are_those_of_the_policys_own_zone() -> None:
    """Friday 23:00 UTC is noon on Saturday in Auckland, and Sunday 23:00 UTC is noon on Monday."""
    auckland = replace(SE_2026_1, version="test-auckland", zone=ZoneInfo("Pacific/Auckland"))
    saturday = datetime(2026, 11, 20, 23, 0, tzinfo=UTC)
    monday = datetime(2026, 11, 22, 23, 0, tzinfo=UTC)

    assert codes(ask(policy=auckland, now=saturday)) == ["outside_hours"]
    assert ask(policy=auckland, now=saturday).retry_at == datetime(2026, 11, 22, 19, 0, tzinfo=UTC)
    assert ask(policy=auckland, now=monday).may_call
    morning = AttemptsFact(tuple(monday - timedelta(hours=hours) for hours in (4, 8, 11)))
    tired = ask(policy=auckland, now=monday, attempts=morning)
    assert codes(tired) == ["attempts_day"]
    assert tired.retry_at == datetime(2026, 11, 23, 19, 0, tzinfo=UTC)
