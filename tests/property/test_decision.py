"""What holds of every decision, whatever the facts."""

import json
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from consent.terms import Basis, Channel
from dnc.calendar import instant
from dnc.decision import Decision, Verdict, decide
from dnc.facts import AttemptsFact, CallFacts, OptOutFact, RestrictionKind, facts_from_record, facts_to_record
from dnc.policies.catalogue import POLICIES, SE_2026_1, Policy, policy_for
from dnc.reasons import Category, ReasonCode
from tests.property.strategies_facts import (
    ALLOWED,
    ENDING,
    MIDDAY,
    PATIENT,
    any_facts,
    far,
    in_country,
    moments,
    near,
    policies,
    promising_facts,
    selling,
)

Change = Callable[[CallFacts], CallFacts]

TICK = timedelta(microseconds=1)
TIME_BOUND = {
    ReasonCode.OUTSIDE_HOURS,
    ReasonCode.ATTEMPTS_DAY,
    ReasonCode.ATTEMPTS_GAP,
    ReasonCode.ATTEMPTS_PERIOD,
}
facts_of_all_sorts = st.one_of(any_facts, promising_facts)
deciding_policies = st.sampled_from([SE_2026_1, PATIENT, ENDING, *POLICIES])


def codes(decision: Decision) -> list[ReasonCode]:
    return [reason.code for reason in decision.reasons]


def each_lead(**changes: Any) -> Change:
    return lambda facts: replace(facts, leads=facts.leads and tuple(replace(lead, **changes) for lead in facts.leads))


# A paused lead that rests on consent puts the consents on record in doubt: to take that away is no obstacle.
def without_bases(facts: CallFacts) -> CallFacts:
    return replace(
        facts, leads=facts.leads and tuple(one if one.paused else replace(one, basis=None) for one in facts.leads)
    )


def without_leads(facts: CallFacts) -> CallFacts:
    return replace(facts, leads=facts.leads and tuple(one for one in facts.leads if one.paused))


def each_consent(**changes: Any) -> Change:
    return lambda facts: replace(
        facts, consents=facts.consents and tuple(replace(c, **changes) for c in facts.consents)
    )


def with_campaign(**changes: Any) -> Change:
    return lambda facts: replace(facts, campaign=facts.campaign and replace(facts.campaign, **changes))


def with_number(**changes: Any) -> Change:
    return lambda facts: replace(facts, number=facts.number and replace(facts.number, **changes))


def with_register(**changes: Any) -> Change:
    return lambda facts: replace(facts, register=facts.register and replace(facts.register, **changes))


def opted_out(facts: CallFacts) -> CallFacts:
    no = OptOutFact("no", frozenset(Channel), all_sellers=False)
    return replace(facts, opt_outs=(*(facts.opt_outs or ()), no))


def called_at(*minutes_ago: int) -> Change:
    calls = tuple(MIDDAY - timedelta(minutes=ago) for ago in minutes_ago)

    def call(facts: CallFacts) -> CallFacts:
        before = facts.attempts or AttemptsFact(())
        return replace(facts, attempts=replace(before, started_at=before.started_at + calls))

    return call


def reserved_for(minutes: int) -> Change:
    """Another dialer's answer holds the next attempt for as long; no shorter than it did."""

    def reserve(facts: CallFacts) -> CallFacts:
        until, before = MIDDAY + timedelta(minutes=minutes), facts.attempts or AttemptsFact(())
        if before.reserved_until is not None and instant(before.reserved_until) > until:
            return facts
        return replace(facts, attempts=replace(before, reserved_until=until))

    return reserve


def forgetting(name: str) -> Change:
    return lambda facts: replace(facts, **{name: None})


PENSION = with_campaign(product="premium_pension")

# What may be added to any facts, and never helps the call.
OBSTACLES: list[Change] = [
    *(forgetting(field.name) for field in fields(CallFacts)),
    opted_out,
    lambda facts: replace(facts, holds=(*(facts.holds or ()), "hold")),
    *(lambda facts, kind=kind: replace(facts, restrictions=(kind,)) for kind in RestrictionKind),
    with_number(valid=False),
    with_number(kind="premium"),
    with_number(country=None),
    with_number(country="JE"),
    with_campaign(is_open=False),
    with_campaign(opens_weekends=False),
    with_campaign(rules=None),
    PENSION,
    with_register(listed=True),
    with_register(listed=None),
    with_register(version_id=None),
    with_register(as_of=None),
    with_register(as_of=date(2024, 1, 1)),
    with_register(as_of=date(2030, 1, 1)),
    with_register(register="another"),
    each_lead(paused=True),
    each_lead(expires_at=MIDDAY - timedelta(days=700)),
    without_bases,
    each_lead(has_assessment=False),
    each_lead(birth_date=date(2020, 2, 29)),
    each_lead(birth_date=date(2040, 1, 1)),
    each_consent(withdrawn_at=MIDDAY),
    each_consent(names_seller=False),
    each_consent(channels=frozenset()),
    each_consent(paused=True),
    without_leads,
    lambda facts: replace(facts, consents=()),
    lambda facts: replace(facts, relations=()),
    called_at(1),
    called_at(-1),
    called_at(250, 500, 600),
    reserved_for(10),
]

# A call that may be placed in every country: in Denmark these are sold without consent.
BOOKS = selling("books", ALLOWED)

# Each of these alone spoils a call that may otherwise be placed.
SPOILERS: list[Change] = [change for change in OBSTACLES if change(BOOKS) != BOOKS and change is not PENSION]


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.version)
def test_the_call_that_the_spoilers_spoil_is_allowed(policy: Policy) -> None:
    assert decide(in_country(BOOKS, policy), policy, MIDDAY).may_call


@settings(max_examples=300)
@given(spoilers=st.lists(st.sampled_from(SPOILERS), min_size=1, max_size=6), policy=st.sampled_from(POLICIES))
def test_one_bad_or_unknown_fact_blocks_in_every_country(spoilers: list[Change], policy: Policy) -> None:
    """However many spoilers meet, in whatever order, the call stays blocked."""
    facts = reduce(lambda so_far, spoil: spoil(so_far), spoilers, in_country(BOOKS, policy))

    assert not decide(facts, policy, MIDDAY).may_call


@settings(max_examples=500)
@given(facts=facts_of_all_sorts, policy=policies, now=moments)
def test_every_question_gets_one_answer_that_agrees_with_its_reasons(
    facts: CallFacts, policy: Policy | None, now: datetime
) -> None:
    decision = decide(facts, policy, now)

    found = codes(decision)
    assert found == [code for code in ReasonCode if code in found]
    if not found:
        assert decision.verdict is Verdict.ALLOW
        assert decision.ground is not None
        assert decision.ground.basis is not None
        assert decision.valid_until is not None
        assert decision.retry_at is None
    else:
        denied = any(reason.category is Category.DENY for reason in decision.reasons)
        assert decision.verdict is (Verdict.DENY if denied else Verdict.UNKNOWN)
        assert decision.valid_until is None
    assert decision.may_call is (decision.verdict is Verdict.ALLOW)


@settings(max_examples=300)
@given(facts=facts_of_all_sorts, obstacle=st.sampled_from(OBSTACLES), policy=policies)
def test_more_knowledge_of_obstacles_never_turns_a_no_into_an_allow(
    facts: CallFacts, obstacle: Change, policy: Policy | None
) -> None:
    if decide(obstacle(facts), policy, MIDDAY).may_call:
        assert decide(facts, policy, MIDDAY).may_call


def without_pauses(facts: CallFacts) -> CallFacts:
    """The same facts, were every pause lifted."""
    return each_consent(paused=False)(each_lead(paused=False)(facts))


@settings(max_examples=600)
@given(facts=st.one_of(promising_facts, promising_facts, any_facts), policy=policies)
def test_where_a_pause_alone_stops_the_call_its_end_opens_it(facts: CallFacts, policy: Policy | None) -> None:
    decision = decide(facts, policy, MIDDAY)

    if codes(decision) == [ReasonCode.SOURCE_PAUSED]:
        assert decide(without_pauses(facts), policy, MIDDAY).may_call
    if decision.may_call:
        assert decide(without_pauses(facts), policy, MIDDAY).may_call


@settings(max_examples=300)
@given(facts=promising_facts, policy=policies)
def test_a_consent_of_a_paused_file_bears_on_no_yes(facts: CallFacts, policy: Policy | None) -> None:
    left = tuple(one for one in facts.consents or () if not one.paused)
    decision, without = (decide(each, policy, MIDDAY) for each in (facts, replace(facts, consents=left)))

    assert decision.verdict is without.verdict
    assert (decision.valid_until, decision.register) == (without.valid_until, without.register)


@given(facts=any_facts, policy=policies, now=near)
def test_a_person_who_said_no_is_never_called(facts: CallFacts, policy: Policy | None, now: datetime) -> None:
    assert ReasonCode.OPTED_OUT in codes(decide(opted_out(facts), policy, now))


@settings(max_examples=300)
@given(facts=facts_of_all_sorts, policy=policies, now=near, chance=st.randoms(use_true_random=False))
def test_the_order_of_facts_never_matters(facts: CallFacts, policy: Policy | None, now: datetime, chance: Any) -> None:
    def shuffled(values: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
        return values and tuple(chance.sample(values, len(values)))

    other = replace(
        facts,
        opt_outs=shuffled(facts.opt_outs),
        holds=shuffled(facts.holds),
        restrictions=shuffled(facts.restrictions),
        leads=shuffled(facts.leads),
        consents=shuffled(facts.consents),
        relations=shuffled(facts.relations),
        attempts=facts.attempts and replace(facts.attempts, started_at=shuffled(facts.attempts.started_at) or ()),
    )

    assert decide(other, policy, now) == decide(facts, policy, now)


@settings(max_examples=600, suppress_health_check=[HealthCheck.filter_too_much])  # three in ten are allowed
@given(facts=promising_facts, policy=deciding_policies, now=near, part=st.floats(0, 1))
def test_an_allow_holds_until_the_instant_it_names(
    facts: CallFacts, policy: Policy, now: datetime, part: float
) -> None:
    facts = in_country(facts, policy)
    decision = decide(facts, policy, now)
    assume(decision.may_call)

    assert decision.valid_until is not None
    assert now < decision.valid_until <= now + policy.answer_cap
    between = now + (decision.valid_until - now) * part
    assert decide(facts, policy, min(between, decision.valid_until - TICK)).may_call
    assert decide(facts, policy, decision.valid_until - TICK).may_call


@settings(max_examples=600)
@given(facts=promising_facts, policy=deciding_policies, now=near, part=st.floats(0, 1))
def test_a_retry_is_for_the_first_moment_that_time_no_longer_forbids(
    facts: CallFacts, policy: Policy, now: datetime, part: float
) -> None:
    facts = in_country(facts, policy)
    decision = decide(facts, policy, now)
    assume(TIME_BOUND.intersection(codes(decision)))

    assert decision.retry_at is not None
    assert decision.retry_at > now
    assert not TIME_BOUND.intersection(codes(decide(facts, policy, decision.retry_at)))
    before = min(now + (decision.retry_at - now) * part, decision.retry_at - TICK)
    assert TIME_BOUND.intersection(codes(decide(facts, policy, before)))
    assert TIME_BOUND.intersection(codes(decide(facts, policy, decision.retry_at - TICK)))


@given(facts=facts_of_all_sorts, policy=policies, now=near)
def test_only_the_time_of_the_call_gives_a_time_to_retry(
    facts: CallFacts, policy: Policy | None, now: datetime
) -> None:
    decision = decide(facts, policy, now)

    if decision.retry_at is not None:
        assert TIME_BOUND.intersection(codes(decision))


@given(facts=any_facts, now=near)
def test_an_instant_without_a_zone_is_read_as_utc(facts: CallFacts, now: datetime) -> None:
    assert decide(facts, SE_2026_1, now.replace(tzinfo=None)) == decide(facts, SE_2026_1, now)


@given(facts=facts_of_all_sorts, now=far)
def test_no_instant_is_too_far_away_to_be_answered(facts: CallFacts, now: datetime) -> None:
    policy = policy_for("SE", now if now.tzinfo else now.replace(tzinfo=UTC))

    assert isinstance(decide(facts, policy, now), Decision)


@given(facts=facts_of_all_sorts)
def test_facts_come_back_from_their_record_as_they_were(facts: CallFacts) -> None:
    assert facts_from_record(json.loads(json.dumps(facts_to_record(facts)))) == facts


@given(facts=promising_facts, policy=policies, now=near)
def test_an_answer_decided_again_from_its_record_is_the_same(
    facts: CallFacts, policy: Policy | None, now: datetime
) -> None:
    again = facts_from_record(json.loads(json.dumps(facts_to_record(facts))))

    assert decide(again, policy, now) == decide(facts, policy, now)


@given(facts=promising_facts, now=near)
def test_a_machine_calls_nobody_without_consent(facts: CallFacts, now: datetime) -> None:
    asked_by_machine = with_campaign(channel=Channel.AUTOMATED_VOICE)(facts)
    decision = decide(asked_by_machine, SE_2026_1, now)

    if decision.may_call:
        assert decision.lawful_basis is Basis.CONSENT
    assert not decide(replace(asked_by_machine, consents=()), SE_2026_1, now).may_call
