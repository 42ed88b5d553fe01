"""Policies are dated values: at any moment a country has one at most, and none is ever lost."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import combinations

import phonenumbers
import pytest
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from consent.terms import Channel
from core.numbers import Number, NumberKind, read_valid_number
from dnc.policies.catalogue import HYPOTHETICAL, POLICIES, Policy, UnknownPolicy, policy_for, policy_named
from dnc.policies.terms import RedDays, Regime, Validity

NOW = datetime(2026, 11, 18, 11, 0, tzinfo=UTC)


def test_a_swedish_number_is_called_by_the_swedish_policy() -> None:
    policy = policy_for("SE", NOW)

    assert policy is not None
    assert policy.version == "se-2026-1"


@pytest.mark.parametrize(
    ("country", "version"),
    [("SE", "se-2026-1"), ("NO", "no-2026-1"), ("DK", "dk-2026-1"), ("FI", "fi-2026-1"), ("GB", "gb-2026-1")],
)
def test_a_number_is_called_by_the_policy_of_its_own_country(country: str, version: str) -> None:
    policy = policy_for(country, NOW)

    assert policy is not None
    assert policy.version == version


@pytest.mark.parametrize(("country", "version"), [("NO", "no-2026-2"), ("FI", "fi-2026-2")])
def test_of_two_policies_in_force_the_later_one_counts_from_its_local_midnight_on(country: str, version: str) -> None:
    midnight = datetime(2026, 11, 22, 23 if country == "NO" else 22, tzinfo=UTC)

    newer, older = policy_for(country, midnight), policy_for(country, midnight - timedelta(microseconds=1))

    assert newer is not None
    assert older is not None
    assert (newer.version, older.version) == (version, version.replace("-2026-2", "-2026-1"))


@pytest.mark.parametrize(
    ("region", "kind", "country"),
    [
        ("AX", PhoneNumberType.FIXED_LINE, "AX"),
        ("AX", PhoneNumberType.MOBILE, "FI"),
        ("SJ", PhoneNumberType.FIXED_LINE, "SJ"),
        ("SJ", PhoneNumberType.MOBILE, "NO"),
        ("GG", PhoneNumberType.FIXED_LINE, "GG"),
        ("GG", PhoneNumberType.MOBILE, "GG"),
        ("JE", PhoneNumberType.FIXED_LINE, "JE"),
        ("JE", PhoneNumberType.MOBILE, "JE"),
        ("IM", PhoneNumberType.FIXED_LINE, "IM"),
        ("IM", PhoneNumberType.MOBILE, None),
    ],
)
def test_the_islands_are_told_from_their_neighbours_as_far_as_their_numbers_are(
    region: str, kind: int, country: str | None
) -> None:
    example = phonenumbers.example_number_for_type(region, kind)
    assert example is not None
    number = read_valid_number(phonenumbers.format_number(example, PhoneNumberFormat.E164))

    assert isinstance(number, Number)
    assert number.country == country


# Jersey, Guernsey and the Isle of Man share +44, Åland +358, Svalbard +47: none is under the law of the code's country.
@pytest.mark.parametrize("country", ["DE", "US", "JE", "GG", "IM", "AX", "SJ", "GL", "FO", "se", "", None])
def test_a_country_without_rules_has_no_policy(country: str | None) -> None:
    assert policy_for(country, NOW) is None


def test_a_policy_comes_into_force_at_local_midnight() -> None:
    midnight = datetime(2021, 6, 30, 22, 0, tzinfo=UTC)

    assert policy_for("SE", midnight - timedelta(seconds=1)) is None
    assert policy_for("SE", midnight) is not None


def test_a_naive_moment_is_read_as_utc() -> None:
    assert policy_for("SE", datetime(2021, 6, 30, 22, 0)) is not None  # noqa: DTZ001 - the subject
    assert policy_for("SE", datetime(2021, 6, 30, 21, 59)) is None  # noqa: DTZ001 - the subject


@pytest.mark.parametrize("extreme", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
def test_no_moment_is_too_far_away_to_ask_for_a_policy(extreme: datetime) -> None:
    policy_for("SE", extreme)


def test_a_policy_is_found_by_its_version() -> None:
    for policy in (*POLICIES, *HYPOTHETICAL):
        assert policy_named(policy.version) is policy


@pytest.mark.parametrize("version", ["se-optin-2027-proposal", "se-ban-2027-proposal"])
def test_a_law_that_was_only_proposed_is_found_by_its_name_and_never_in_force(version: str) -> None:
    policy = policy_named(version)

    assert policy not in POLICIES
    for year in (1971, 2026, 2027, 2150):
        assert not policy.in_force(NOW.replace(year=year))


def test_each_law_says_from_which_day_it_is_in_force() -> None:
    assert all(policy.in_force_from is not None for policy in POLICIES)


def test_a_version_that_never_was_is_refused() -> None:
    with pytest.raises(UnknownPolicy):
        policy_named("se-1999-1")


def test_no_two_policies_share_a_version_or_a_day_in_one_country() -> None:
    for one, other in combinations((*POLICIES, *HYPOTHETICAL), 2):
        assert one.version != other.version
    for one, other in combinations(POLICIES, 2):
        if one.country == other.country:
            first, second = sorted((one, other), key=lambda policy: policy.in_force_from or date.max)
            assert first.in_force_until is not None
            assert second.in_force_from is not None
            assert first.in_force_until <= second.in_force_from


def test_the_swedish_policy_of_2026_stays_as_it_was_when_it_decided() -> None:
    """A change of law is a new version: answers given under this one are decided again from these values."""
    policy = policy_named("se-2026-1")

    assert (policy.country, policy.regime, policy.register) == ("SE", Regime.OPT_OUT, "nix")
    assert (policy.in_force_from, policy.in_force_until) == (date(2021, 7, 1), None)
    assert policy.zone.key == "Europe/Stockholm"
    assert (policy.consent_lift_months, policy.relation_months, policy.relation_lifts) == (3, 12, True)
    assert policy.register_validity == Validity(months=2)
    assert policy.consent_ground_months is None
    assert policy.consent_channels == {Channel.AUTOMATED_VOICE}
    assert policy.minor_age == 16
    assert policy.callable_kinds == {"fixed_line", "mobile", "fixed_or_mobile", "uan", "personal"}
    assert policy.prohibited_products == {"premium_pension"}
    assert policy.hours == (*[(time(8), time(21))] * 5, None, None)
    assert policy.weekend_hours == ((time(8), time(21)),) * 7
    assert policy.red_days == RedDays("SE", categories=("public", "de_facto"))
    assert policy.prohibited_channels == policy.opt_out_products == frozenset()
    assert (policy.attempts_day, policy.attempts_gap) == (3, timedelta(hours=4))
    assert (policy.attempts_period, policy.period) == (30, timedelta(days=30))
    assert policy.answer_cap == timedelta(minutes=10)


@pytest.mark.parametrize("policy", [*POLICIES, *HYPOTHETICAL], ids=lambda policy: policy.version)
def test_every_policy_can_be_gone_by(policy: Policy) -> None:
    """No value is left out by which a rule would be silently off."""
    assert policy.version.startswith(policy.country.lower())
    assert len(policy.hours) == len(policy.weekend_hours) == 7
    assert any(policy.hours)
    for opened, hours in zip(policy.weekend_hours, policy.hours, strict=True):
        assert hours is None or opened == hours
        assert opened is None or opened[0] < opened[1]
    assert policy.red_days.country == policy.country
    assert policy.register_validity != Validity()
    assert Channel.AUTOMATED_VOICE in policy.consent_channels
    assert policy.callable_kinds <= {kind.value for kind in NumberKind}
    assert policy.attempts_day >= 1
    assert policy.answer_cap <= timedelta(minutes=10)
    assert policy.period <= max(law.period for law in POLICIES)
