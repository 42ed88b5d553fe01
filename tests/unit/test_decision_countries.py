"""What each country's policy decides of a call, and what a law that was only proposed would."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from consent.terms import Basis, Channel
from dnc.decision import Decision, Verdict, decide
from dnc.facts import CallFacts, NumberFact, RegisterFact
from dnc.grounds import GroundKind
from dnc.policies.catalogue import (
    DK_2026_1,
    FI_2026_1,
    FI_2026_2,
    GB_2026_1,
    NO_2026_1,
    NO_2026_2,
    POLICIES,
    SE_BAN_PROPOSAL,
    SE_OPT_IN_PROPOSAL,
    Policy,
)
from dnc.policies.denmark import EXCEPTED_PRODUCTS
from dnc.policies.terms import Regime
from tests.unit.calls import (
    BY_MACHINE,
    CALLABLE,
    CAMPAIGN,
    CONSENT,
    LEAD,
    LISTED,
    MACHINE,
    NOON,
    RELATION,
    ask,
    at,
    codes,
)

Told = Callable[[Policy], str]
by_version: Told = lambda policy: policy.version  # noqa: E731 - an id for each case
OPT_OUT_COUNTRIES = [policy for policy in POLICIES if policy.regime is Regime.OPT_OUT]
BOOKS = replace(CAMPAIGN, product="books")


def in_country(policy: Policy, facts: CallFacts = CALLABLE) -> CallFacts:
    """The callable number of the policy's country, asked of a version of its register from the fifteenth."""
    return replace(
        facts,
        number=NumberFact(policy.country, "mobile", valid=True),
        register=RegisterFact(policy.register, "v1", as_of=date(2026, 11, 15), listed=False),
    )


def listed(facts: CallFacts) -> CallFacts:
    """The same number, on the register."""
    return replace(facts, register=facts.register and replace(facts.register, listed=True))


def by(policy: Policy, facts: CallFacts, now: datetime = NOON) -> Decision:
    """The decision by the country's policy; noon in Stockholm is within every country's hours."""
    return decide(facts, policy, now)


@pytest.mark.parametrize("policy", OPT_OUT_COUNTRIES, ids=by_version)
def test_where_the_law_is_opt_out_a_lead_with_a_balancing_test_may_be_called(policy: Policy) -> None:
    decision = by(policy, in_country(policy))

    assert (decision.may_call, decision.policy) == (True, policy.version)


@pytest.mark.parametrize("policy", POLICIES, ids=by_version)
def test_a_listed_number_is_not_called(policy: Policy) -> None:
    facts = listed(in_country(policy, replace(CALLABLE, campaign=BOOKS)))
    decision = by(policy, facts)

    assert codes(decision) == ["on_register"]
    assert decision.reasons[0].register == policy.register
    assert decision.reasons[0].rule.startswith(f"{policy.country}-")


@pytest.mark.parametrize("policy", POLICIES, ids=by_version)
def test_a_consent_to_this_seller_lifts_the_register(policy: Policy) -> None:
    facts = listed(in_country(policy, replace(CALLABLE, consents=(CONSENT,))))

    assert by(policy, facts).may_call
    another = replace(facts, consents=(replace(CONSENT, names_seller=False),))
    assert not by(policy, another).may_call


def test_being_a_customer_lifts_the_norwegian_register_while_the_contract_runs() -> None:
    facts = listed(in_country(NO_2026_1, replace(CALLABLE, relations=(RELATION,))))

    assert by(NO_2026_1, facts).may_call
    ended = replace(facts, relations=(replace(RELATION, fulfilled_at=at("2026-11-18T11:59")),))
    assert codes(by(NO_2026_1, ended)) == ["on_register"]


@pytest.mark.parametrize("policy", [DK_2026_1, FI_2026_1, GB_2026_1], ids=by_version)
def test_being_a_customer_does_not_lift_the_danish_finnish_or_british_register(policy: Policy) -> None:
    facts = listed(
        in_country(policy, replace(CALLABLE, campaign=BOOKS, relations=(replace(RELATION, product="books"),)))
    )

    assert codes(by(policy, facts)) == ["on_register"]


@pytest.mark.parametrize(
    ("policy", "valid_on", "stale_on"),
    [
        (NO_2026_1, "2026-11-30", "2026-12-01"),
        (DK_2026_1, "2027-02-12", "2027-02-15"),
        (FI_2026_1, "2026-12-11", "2026-12-14"),
        (GB_2026_1, "2026-12-12", "2026-12-13"),
    ],
    ids=lambda value: getattr(value, "version", value),
)
def test_a_version_of_the_register_lasts_as_long_as_the_country_says(
    policy: Policy, valid_on: str, stale_on: str
) -> None:
    facts = in_country(policy, replace(CALLABLE, campaign=BOOKS))

    assert by(policy, facts, at(f"{valid_on}T12:00")).may_call
    stale = by(policy, facts, at(f"{stale_on}T12:00"))
    assert (codes(stale), stale.verdict) == (["register_stale"], Verdict.UNKNOWN)


# --- Denmark ---


def test_a_danish_consumer_is_not_called_without_consent() -> None:
    decision = by(DK_2026_1, in_country(DK_2026_1))

    assert (codes(decision), decision.verdict) == (["no_lawful_basis"], Verdict.DENY)
    assert decision.reasons[0].rule == "DK-CONSENT-1"


def test_a_danish_consumer_who_gave_this_seller_consent_is_called() -> None:
    decision = by(DK_2026_1, in_country(DK_2026_1, replace(CALLABLE, consents=(CONSENT,))))

    assert decision.may_call
    assert decision.lawful_basis is Basis.CONSENT


@pytest.mark.parametrize("product", sorted(EXCEPTED_PRODUCTS))
def test_the_four_excepted_products_are_sold_in_denmark_as_under_opt_out(product: str) -> None:
    facts = in_country(DK_2026_1, replace(CALLABLE, campaign=replace(CAMPAIGN, product=product)))

    decision = by(DK_2026_1, facts)
    assert decision.may_call
    assert decision.lawful_basis is Basis.LEGITIMATE_INTEREST
    assert codes(by(DK_2026_1, listed(facts))) == ["on_register"]
    stale = replace(facts, register=RegisterFact("robinson", "v1", date(2026, 8, 18), listed=False))
    assert codes(by(DK_2026_1, stale)) == ["register_stale"]


@pytest.mark.parametrize("product", ["electricity", "book", "ebooks", "Books", "", "newspapers-magazines"])
def test_a_product_that_is_not_exactly_an_exception_needs_consent_in_denmark(product: str) -> None:
    facts = in_country(DK_2026_1, replace(CALLABLE, campaign=replace(CAMPAIGN, product=product)))

    assert codes(by(DK_2026_1, facts)) == ["no_lawful_basis"]


def test_a_machine_needs_consent_in_denmark_even_for_an_excepted_product() -> None:
    facts = in_country(DK_2026_1, replace(CALLABLE, campaign=replace(BY_MACHINE, product="books")))

    assert codes(by(DK_2026_1, facts)) == ["no_lawful_basis"]
    consented = replace(facts, consents=(replace(CONSENT, channels=MACHINE),))
    assert by(DK_2026_1, consented).may_call


def test_a_call_of_an_unknown_campaign_is_no_exception() -> None:
    assert DK_2026_1.regime_of(None) is Regime.OPT_IN
    assert "no_lawful_basis" in codes(by(DK_2026_1, in_country(DK_2026_1, replace(CALLABLE, campaign=None))))


# --- the other countries ---


@pytest.mark.parametrize(
    ("policy", "given_on"),
    [(NO_2026_2, "2026-08-17"), (FI_2026_2, "2026-08-17"), (GB_2026_1, "2026-05-17"), (DK_2026_1, "2025-11-17")],
)
def test_a_consent_lifts_the_register_for_as_long_as_the_policy_says(policy: Policy, given_on: str) -> None:
    given = at(f"{given_on}T12:00")
    facts = listed(in_country(policy, replace(CALLABLE, campaign=BOOKS)))

    assert codes(by(policy, replace(facts, consents=(replace(CONSENT, given_at=given),)))) == ["on_register"]
    assert by(policy, replace(facts, consents=(replace(CONSENT, given_at=given + timedelta(days=2)),))).may_call


@pytest.mark.parametrize("product", ["pension", "premium_pension", "claims_management"])
def test_pensions_and_claims_are_not_sold_by_telephone_in_the_united_kingdom(product: str) -> None:
    facts = in_country(GB_2026_1, replace(CALLABLE, campaign=replace(CAMPAIGN, product=product)))

    assert codes(by(GB_2026_1, facts)) == ["product_prohibited"]


@pytest.mark.parametrize("policy", [NO_2026_1, DK_2026_1, FI_2026_1, GB_2026_1], ids=by_version)
def test_outside_sweden_a_minor_is_anyone_under_eighteen(policy: Policy) -> None:
    facts = in_country(policy, replace(CALLABLE, campaign=BOOKS))
    born = replace(LEAD, birth_date=date(2008, 11, 19))

    assert codes(by(policy, replace(facts, leads=(born,)))) == ["minor"]
    assert by(policy, replace(facts, leads=(replace(born, birth_date=date(2008, 11, 18)),))).may_call


def test_norway_is_not_called_on_a_saturday_and_finland_until_six() -> None:
    for policy, code in ((NO_2026_1, ["outside_hours"]), (FI_2026_1, [])):
        assert codes(by(policy, in_country(policy), at("2026-11-21T12:00"))) == code
    six = datetime.fromisoformat("2026-11-21T18:00+02:00")
    assert codes(by(FI_2026_1, in_country(FI_2026_1), six)) == ["outside_hours"]
    assert by(FI_2026_1, in_country(FI_2026_1), six - timedelta(seconds=1)).valid_until == six


def test_the_united_kingdoms_hours_are_by_its_own_clock() -> None:
    eight = datetime.fromisoformat("2026-11-18T08:00+00:00")

    assert by(GB_2026_1, in_country(GB_2026_1), eight).may_call
    assert codes(by(GB_2026_1, in_country(GB_2026_1), eight - timedelta(seconds=1))) == ["outside_hours"]


@pytest.mark.parametrize("policy", POLICIES, ids=by_version)
def test_a_policy_speaks_only_of_its_own_countrys_numbers(policy: Policy) -> None:
    for country in ("JE", "AX", "SJ", "DE", None):
        facts = replace(in_country(policy), number=NumberFact(country, "mobile", valid=True))
        decision = by(policy, facts)
        assert "no_policy" in codes(decision)
        assert decision.policy is None


# --- laws that were only proposed ---


def test_under_the_proposed_opt_in_a_lead_without_consent_would_be_denied() -> None:
    decision = ask(policy=SE_OPT_IN_PROPOSAL)

    assert (codes(decision), decision.verdict) == (["no_lawful_basis"], Verdict.DENY)
    assert decision.reasons[0].rule == "SE-OPTIN-1"
    assert codes(ask(policy=SE_OPT_IN_PROPOSAL, relations=(RELATION,))) == ["no_lawful_basis"]


def test_under_the_proposed_opt_in_a_consent_would_carry_the_call_whatever_nix_says_and_however_old() -> None:
    old = replace(CONSENT, given_at=at("2024-01-01T12:00"))
    decision = ask(policy=SE_OPT_IN_PROPOSAL, consents=(old,), register=LISTED, leads=())

    assert decision.may_call
    assert decision.ground is not None
    assert decision.ground.kind is GroundKind.CONSENT
    others = replace(old, names_seller=False)
    assert not ask(policy=SE_OPT_IN_PROPOSAL, consents=(others,)).may_call


def test_under_the_proposed_ban_no_call_would_be_made() -> None:
    decision = ask(policy=SE_BAN_PROPOSAL, consents=(replace(CONSENT, channels=frozenset(Channel)),))

    assert codes(decision) == ["product_prohibited"]
    assert decision.reasons[0].rule == "SE-BAN-1"
