"""Facts for hypothesis: any at all, and such as nearly allow a call, so that the clocks of an allow are met often."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TypeVar

from hypothesis import strategies as st

from consent.terms import Basis, Channel
from dnc.facts import (
    AttemptsFact,
    CallFacts,
    CampaignFact,
    ConsentFact,
    LeadFact,
    NumberFact,
    OptOutFact,
    RegisterFact,
    RelationFact,
    RestrictionKind,
)
from dnc.narrowing import Narrowing, SellerRules
from dnc.policies.catalogue import HYPOTHETICAL, POLICIES, SE_2026_1, Policy
from dnc.policies.terms import Regime
from leads.terms import SourceKind

T = TypeVar("T")

MIDDAY = datetime(2026, 11, 18, 11, 0, tzinfo=UTC)  # a Wednesday

OPT_IN = replace(SE_2026_1, version="test-opt-in", regime=Regime.OPT_IN, consent_ground_months=24)
PROHIBITED = replace(SE_2026_1, version="test-prohibited", regime=Regime.PROHIBITED)
ENDING = replace(SE_2026_1, version="test-ending", in_force_until=date(2026, 11, 19), answer_cap=timedelta(days=400))
PATIENT = replace(SE_2026_1, version="test-patient", answer_cap=timedelta(days=400), attempts_period=4)

# Times that matter lie minutes, hours, days and months around the moment of the check.
_steps = st.builds(
    lambda count, unit: count * unit,
    st.integers(-40, 40),
    st.sampled_from([timedelta(seconds=1), timedelta(minutes=7), timedelta(hours=1), timedelta(days=1), timedelta(30)]),
)
near = st.builds(lambda step: MIDDAY + step, _steps)
far = st.datetimes(timezones=st.sampled_from([None, UTC]))
instants = st.one_of(near, near, near, far)
moments = st.one_of(near, near, far)
policies: st.SearchStrategy[Policy | None] = st.sampled_from(
    [*POLICIES, *HYPOTHETICAL, SE_2026_1, OPT_IN, PROHIBITED, ENDING, PATIENT, None]
)
ids = st.sampled_from(["a", "b", "c", "d"])
channels = st.frozensets(st.sampled_from(list(Channel)))
products = st.sampled_from(["energy", "insurance", "books", "premium_pension"])
near_dates = st.builds(lambda days: MIDDAY.date() + timedelta(days=days), st.integers(-70, 3))

numbers = st.builds(
    NumberFact,
    st.sampled_from(["SE", "NO", "DK", "JE", None]),
    st.sampled_from(["mobile", "uan", "premium", "?"]),
    st.booleans(),
)

# Rules that a seller can set, which ask for more than the law, for less, or for nothing.
narrowings = st.builds(
    Narrowing,
    opens=st.none() | st.times(time(6), time(14)).map(lambda at: at.replace(second=0, microsecond=0)),
    closes=st.none() | st.times(time(12), time(22)).map(lambda at: at.replace(second=0, microsecond=0)),
    closed_weekdays=st.frozensets(st.integers(0, 6), max_size=3),
    attempts_day=st.none() | st.integers(1, 5),
    attempts_gap_minutes=st.none() | st.integers(0, 1500),
    attempts_period=st.none() | st.integers(1, 40),
    minor_age=st.none() | st.integers(0, 60),
    consent_months=st.none() | st.integers(0, 20),
    relation_months=st.none() | st.integers(0, 20),
    register_days=st.none() | st.integers(0, 90),
    prohibited_products=st.frozensets(products, max_size=1),
    automated_voice=st.booleans(),
    consent_only=st.sampled_from([False, False, False, True]),
).filter(lambda rules: rules.opens is None or rules.closes is None or rules.opens < rules.closes)


def rules_for(country: str, narrowing: Narrowing) -> SellerRules:
    """A seller's rules for one country."""
    return SellerRules(1, ((country, narrowing),))


rules = st.builds(rules_for, st.sampled_from([policy.country for policy in POLICIES]), narrowings)
campaigns = st.builds(
    CampaignFact, products, st.sampled_from(list(Channel)), st.booleans(), st.booleans(), st.none() | rules
)
opt_outs = st.builds(OptOutFact, ids, channels, st.booleans())
registers = st.builds(
    RegisterFact,
    st.sampled_from(["nix", "reservasjon", "robinson"]),
    st.sampled_from(["v1", None]),
    st.one_of(st.none(), near_dates, st.dates()),
    st.sampled_from([True, False, None]),
)
leads = st.builds(
    LeadFact,
    ids,
    ids,
    st.sampled_from(list(SourceKind)),
    st.sampled_from([*Basis, None]),
    st.booleans(),
    st.booleans(),
    st.none() | instants,
    st.none() | instants,
    st.none() | st.dates(),
)
consents = st.builds(
    ConsentFact, ids, st.booleans(), channels, instants, st.none() | instants, st.none() | instants, st.booleans()
)
relations = st.builds(RelationFact, ids, products, instants, st.none() | instants)


def several(strategy: st.SearchStrategy[T], at_most: int = 3) -> st.SearchStrategy[tuple[T, ...]]:
    """Tuples of a few."""
    return st.lists(strategy, max_size=at_most).map(tuple)


any_facts = st.builds(
    CallFacts,
    number=st.none() | numbers,
    campaign=st.none() | campaigns,
    opt_outs=st.none() | several(opt_outs),
    holds=st.none() | several(ids),
    restrictions=st.none() | several(st.sampled_from(list(RestrictionKind))),
    register=st.none() | registers,
    leads=st.none() | several(leads),
    consents=st.none() | several(consents),
    relations=st.none() | several(relations),
    attempts=st.none() | st.builds(AttemptsFact, several(instants, 6), st.none() | instants),
)

_past = st.builds(lambda days: MIDDAY - timedelta(days=days), st.integers(0, 400))
_future = st.none() | st.builds(lambda hours: MIDDAY + timedelta(hours=hours), st.integers(1, 2000))
_good_leads = st.builds(
    LeadFact,
    ids,
    ids,
    st.sampled_from(list(SourceKind)),
    st.sampled_from(list(Basis)),
    st.sampled_from([True, True, False]),
    st.sampled_from([False, False, True]),
    st.none() | near,
    _future,
    st.sampled_from([None, date(1970, 2, 28)]),
)
_good_consents = st.builds(
    ConsentFact,
    ids,
    st.just(True),
    st.just(frozenset(Channel)),
    st.one_of(_past, near),
    _future,
    st.none(),
    st.sampled_from([False, False, False, False, True]),
)
_good_relations = st.builds(RelationFact, ids, st.just("energy"), st.one_of(_past, near), st.none() | _past)

# Nothing stands against these calls but time, the register and what grounds there happen to be.
promising_facts = st.builds(
    CallFacts,
    number=st.just(NumberFact("SE", "mobile", valid=True)),
    campaign=st.builds(
        CampaignFact,
        st.just("energy"),
        st.sampled_from([Channel.VOICE, Channel.VOICE, Channel.AUTOMATED_VOICE]),
        is_open=st.just(True),
        opens_weekends=st.booleans(),
    ),
    opt_outs=st.just(()),
    holds=st.just(()),
    restrictions=st.just(()),
    register=st.builds(
        RegisterFact,
        st.just("nix"),
        st.just("v1"),
        near_dates,
        st.sampled_from([False, False, True]),
    ),
    leads=several(_good_leads),
    consents=several(_good_consents, 2),
    relations=several(_good_relations, 2),
    attempts=several(st.builds(lambda hours: MIDDAY - timedelta(hours=hours), st.integers(-30, 900)), 6).map(
        AttemptsFact
    ),
)

ALLOWED = CallFacts(
    number=NumberFact("SE", "mobile", valid=True),
    campaign=CampaignFact("energy", Channel.VOICE, is_open=True, opens_weekends=False),
    opt_outs=(),
    holds=(),
    restrictions=(),
    register=RegisterFact("nix", "v1", date(2026, 11, 15), listed=False),
    leads=(
        LeadFact(
            "lead",
            "source",
            SourceKind.PARTNER,
            Basis.LEGITIMATE_INTEREST,
            has_assessment=True,
            paused=False,
            collected_at=datetime(2026, 10, 1, tzinfo=UTC),
            expires_at=datetime(2027, 10, 1, tzinfo=UTC),
            birth_date=None,
        ),
    ),
    consents=(),
    relations=(),
    attempts=AttemptsFact(()),
)


def in_country(facts: CallFacts, policy: Policy) -> CallFacts:
    """The same facts of a number in the policy's country, and of its register; what is not known stays so."""
    return replace(
        facts,
        number=facts.number and replace(facts.number, country=policy.country),
        register=facts.register and replace(facts.register, register=policy.register),
    )


def selling(product: str, facts: CallFacts) -> CallFacts:
    """The same facts of a campaign for another product, and of a relation of that product."""
    return replace(
        facts,
        campaign=facts.campaign and replace(facts.campaign, product=product),
        relations=facts.relations and tuple(replace(one, product=product) for one in facts.relations),
    )
