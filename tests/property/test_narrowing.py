"""Whatever a seller asks of itself, no call may be placed that the law alone would not allow, and none for longer."""

import json
from dataclasses import replace
from datetime import datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from dnc.decision import Verdict, decide
from dnc.facts import CallFacts
from dnc.narrowing import NO_RULES, Narrowing, narrowed, rules_from_record, rules_to_record, widening
from dnc.policies.catalogue import HYPOTHETICAL, POLICIES, Policy
from tests.property.strategies_facts import (
    PATIENT,
    any_facts,
    in_country,
    narrowings,
    near,
    products,
    promising_facts,
    rules_for,
    selling,
)

laws = st.sampled_from([*POLICIES, *POLICIES, *HYPOTHETICAL, PATIENT])
facts_of_all_sorts = st.one_of(promising_facts, promising_facts, any_facts)


def asked_by(narrowing: Narrowing, facts: CallFacts, policy: Policy) -> tuple[CallFacts, CallFacts]:
    """The same facts of a seller without rules of its own, and of one with these."""
    without = replace(facts, campaign=facts.campaign and replace(facts.campaign, rules=NO_RULES))
    rules = rules_for(policy.country, narrowing)
    return without, replace(facts, campaign=facts.campaign and replace(facts.campaign, rules=rules))


@settings(max_examples=300)
@given(facts=facts_of_all_sorts, product=products, narrowing=narrowings, policy=laws, now=near)
def test_a_sellers_rules_only_ever_tighten_an_answer(
    facts: CallFacts, product: str, narrowing: Narrowing, policy: Policy, now: datetime
) -> None:
    facts = selling(product, in_country(facts, policy))
    without, under = (decide(asked, policy, now) for asked in asked_by(narrowing, facts, policy))

    if not without.may_call:
        assert not under.may_call
    if without.verdict is Verdict.DENY:
        assert under.verdict is Verdict.DENY
    if under.valid_until is not None:
        assert without.valid_until is not None
        assert under.valid_until <= without.valid_until
    if without.retry_at is not None and under.retry_at is not None:
        assert under.retry_at >= without.retry_at
    assert under.policy == without.policy


@settings(max_examples=300)
@given(facts=facts_of_all_sorts, product=products, narrowing=narrowings, policy=laws, now=near)
def test_a_narrowed_policy_by_itself_allows_nothing_that_the_law_does_not(
    facts: CallFacts, product: str, narrowing: Narrowing, policy: Policy, now: datetime
) -> None:
    """Before ``decide`` holds the one answer against the other."""
    facts, _ = asked_by(Narrowing(), selling(product, in_country(facts, policy)), policy)

    if decide(facts, narrowed(policy, narrowing), now).may_call:
        assert decide(facts, policy, now).may_call


@given(narrowing=narrowings, other=narrowings, policy=laws)
def test_narrowing_again_never_gives_back_what_was_taken(
    narrowing: Narrowing, other: Narrowing, policy: Policy
) -> None:
    once = narrowed(policy, narrowing)

    assert narrowed(once, narrowing) == once
    assert narrowed(once, other) == narrowed(narrowed(policy, other), narrowing)


@given(narrowing=narrowings, policy=st.sampled_from(POLICIES))
def test_a_rule_that_is_not_refused_is_the_law_of_the_call_or_without_effect(
    narrowing: Narrowing, policy: Policy
) -> None:
    strict = narrowed(policy, narrowing)

    if not widening(policy, narrowing):
        assert narrowing.attempts_day in (None, strict.attempts_day)
        assert narrowing.attempts_period in (None, strict.attempts_period)
        assert narrowing.minor_age in (None, strict.minor_age)
        assert narrowing.relation_months in (None, strict.relation_months)


@given(narrowing=narrowings)
def test_rules_come_back_from_their_record_as_they_were(narrowing: Narrowing) -> None:
    rules = rules_for("SE", narrowing)

    assert rules_from_record(1, json.loads(json.dumps(rules_to_record(rules)))) == rules
