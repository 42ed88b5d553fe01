"""Screening decides one lead for all that are like it: what it takes for alike must be alike to the decision."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from hypothesis import assume, given
from hypothesis import strategies as st

from dnc.arrivals import WashVerdict, compare_wash
from dnc.canaries import CANARIES, NoCanaryLeft, chosen, fiction
from dnc.decision import Decision, decide
from dnc.facts import CallFacts, LeadFact
from dnc.policy import Policy
from dnc.screening import Moment
from tests.property.strategies_facts import (
    any_facts,
    leads,
    near,
    policies,
    promising_facts,
)

KEY = bytes(range(32))
birthdays = st.none() | st.dates(date(1900, 1, 1), date(2030, 1, 1))
near_sixteen = st.builds(lambda days: date(2010, 11, 18) + timedelta(days=days), st.integers(-400, 400))
stored = st.one_of(near, near, st.datetimes(timezones=st.just(UTC)))


def alike_to_decide(decision: Decision) -> tuple[object, ...]:
    """Return what a screening goes by, of a decision."""
    ground = decision.ground
    named = None if ground is None else (ground.kind, ground.source_id, ground.basis)
    return decision.verdict, decision.reasons, decision.register, decision.policy, named


@given(
    facts=st.one_of(any_facts, promising_facts, promising_facts),
    lead=leads,
    instants=st.tuples(st.none() | stored, stored, st.none() | stored, stored),
    days=st.tuples(st.one_of(birthdays, near_sixteen), st.one_of(birthdays, near_sixteen)),
    policy=policies,
    now=near,
)
def test_leads_on_the_same_side_of_the_moment_are_decided_alike(
    facts: CallFacts,
    lead: LeadFact,
    instants: tuple[datetime | None, datetime, datetime | None, datetime],
    days: tuple[date | None, date | None],
    policy: Policy | None,
    now: datetime,
) -> None:
    one = replace(lead, collected_at=instants[0], expires_at=instants[1], birth_date=days[0])
    other = replace(lead, collected_at=instants[2], expires_at=instants[3], birth_date=days[1])
    moment = Moment(now, policy, now)
    sides = [moment.side(each.collected_at, each.expires_at, each.birth_date) for each in (one, other)]
    assume(sides[0] == sides[1])

    decisions = [decide(replace(facts, leads=(each,)), policy, now) for each in (one, other)]

    assert alike_to_decide(decisions[0]) == alike_to_decide(decisions[1])


@given(
    claimed=st.none() | st.dates(date(2026, 9, 1), date(2026, 12, 1)),
    ours=st.none() | st.dates(date(2026, 9, 1), date(2026, 12, 1)),
    listed=st.none() | st.integers(0, 3),
)
def test_a_wash_is_called_contradicted_only_by_a_version_no_newer_that_lists_a_number(
    claimed: date | None, ours: date | None, listed: int | None
) -> None:
    wash = compare_wash("nix", claimed, ours, listed)

    contradicted = bool(claimed and ours and ours <= claimed and listed)
    assert (wash.verdict is WashVerdict.CONTRADICTED) == contradicted
    assert (wash.verdict is WashVerdict.KEPT) == bool(claimed and ours and ours <= claimed and listed == 0)


@given(
    exports=st.lists(st.uuids().map(str), unique=True, max_size=30),
    known=st.integers(450, len(fiction())),
)
def test_no_two_exports_are_seeded_with_the_same_numbers_nor_with_known_ones(
    exports: Sequence[str], known: int
) -> None:
    taken = set(fiction()[:known])
    sets: set[frozenset[int]] = set()
    for export_id in exports:
        try:
            picked = frozenset(chosen(KEY, export_id, taken, sets))
        except NoCanaryLeft:
            break
        assert len(picked) == CANARIES
        assert picked not in sets
        assert not picked & taken
        fresh = len(set(fiction()) - taken - set().union(*sets))
        assert fresh < CANARIES or not picked & set().union(*sets)
        sets.add(picked)


@given(export_id=st.uuids().map(str))
def test_canaries_depend_on_the_key(export_id: str) -> None:
    assert chosen(KEY, export_id, (), ()) == chosen(KEY, export_id, (), ())
    assert chosen(KEY, export_id, (), ()) != chosen(bytes(32), export_id, (), ())
