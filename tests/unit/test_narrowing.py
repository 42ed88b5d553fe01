"""A seller's own rules make a policy stricter, are named when they deny a call, and are refused if they would not."""

from dataclasses import replace
from datetime import date, time, timedelta
from typing import Any

import pytest

from consent.terms import Basis, Channel
from dnc.decision import Decision, Verdict, _stricter
from dnc.narrowing import (
    NO_RULES,
    Narrowing,
    SellerRules,
    UnreadableRules,
    narrowed,
    policy_under,
    rules_from_record,
    rules_to_record,
    widening,
)
from dnc.policies.catalogue import DK_2026_1, FI_2026_1, GB_2026_1, NO_2026_1, SE_2026_1, SE_BAN_PROPOSAL, Policy
from dnc.policies.terms import Regime, Validity
from tests.unit.calls import (
    BY_MACHINE,
    CAMPAIGN,
    CONSENT,
    FRESH,
    LEAD,
    LISTED,
    MACHINE,
    RELATION,
    ask,
    at,
    called,
    codes,
)

LAW, MORNING, EARLY = (time(8), time(21)), (time(9), time(21)), (time(8), time(20))
EVERY_RULE = {
    "SE": {
        "opens": "10:00",
        "closes": "18:00",
        "closed_weekdays": ["wednesday", "friday"],
        "attempts_day": 2,
        "attempts_gap_minutes": 360,
        "attempts_period": 10,
        "minor_age": 20,
        "consent_months": 1,
        "relation_months": 6,
        "register_days": 14,
        "prohibited_products": ["insurance", "premium_pension"],
        "automated_voice": False,
        "consent_only": True,
    },
    "NO": {"opens": "10:30"},
}


def under(narrowing: Narrowing, **known: Any) -> Decision:
    """The decision on a callable number for a seller with these Swedish rules, with these facts changed."""
    campaign = known.pop("campaign", CAMPAIGN)
    return ask(campaign=replace(campaign, rules=SellerRules(4, (("SE", narrowing),))), **known)


def reasons(decision: Decision) -> list[tuple[str, str]]:
    """Each reason's code and rule."""
    return [(reason.code.value, reason.rule) for reason in decision.reasons]


def test_an_answer_tells_the_version_of_the_sellers_rules() -> None:
    decision = under(Narrowing(attempts_day=2))

    assert (decision.may_call, decision.policy, decision.seller_rules) == (True, "se-2026-1", 4)
    assert ask().seller_rules is None


def test_the_version_is_told_of_numbers_in_other_countries_too_though_their_rules_are_the_laws() -> None:
    own = SellerRules(2, (("NO", Narrowing(opens=time(13))),))
    decision = ask(campaign=replace(CAMPAIGN, rules=own))

    assert (decision.may_call, decision.seller_rules) == (True, 2)


def test_without_a_policy_there_is_nothing_to_narrow() -> None:
    decision = ask(policy=None, campaign=replace(CAMPAIGN, rules=SellerRules(2, (("SE", Narrowing(opens=time(13))),))))

    assert (codes(decision), decision.seller_rules) == (["no_policy"], 2)


def test_rules_that_could_not_be_read_leave_the_answer_unknown() -> None:
    decision = ask(campaign=replace(CAMPAIGN, rules=None))

    assert (codes(decision), decision.verdict) == (["fact_missing"], Verdict.UNKNOWN)
    assert decision.reasons[0].missing == ("seller_rules",)
    assert ask(campaign=replace(CAMPAIGN, rules=None), holds=None).reasons[0].missing == ("holds", "seller_rules")


def test_a_seller_that_opens_later_calls_later() -> None:
    rules = Narrowing(opens=time(10), closes=time(18))

    early = under(rules, now=at("2026-11-18T09:59"))
    assert reasons(early) == [("outside_hours", "RK-SELLER-1")]
    assert early.retry_at == at("2026-11-18T10:00")
    assert under(rules, now=at("2026-11-18T10:00")).may_call
    assert under(rules, now=at("2026-11-18T17:55")).valid_until == at("2026-11-18T18:00")
    assert reasons(under(rules, now=at("2026-11-18T18:00"))) == [("outside_hours", "RK-SELLER-1")]


def test_what_the_law_denies_by_itself_keeps_the_laws_rule() -> None:
    decision = under(Narrowing(opens=time(10), attempts_gap_minutes=600), now=at("2026-11-18T07:00"))

    assert reasons(decision) == [("outside_hours", "SE-HOURS-1")]
    late = under(
        Narrowing(opens=time(10), attempts_gap_minutes=600),
        now=at("2026-11-18T21:00"),
        attempts=called("2026-11-18T12:00"),
    )
    assert reasons(late) == [("outside_hours", "SE-HOURS-1"), ("attempts_gap", "RK-SELLER-1")]


def test_a_seller_may_close_a_weekday_also_where_it_opened_weekends() -> None:
    wednesday, saturday = Narrowing(closed_weekdays=frozenset({2})), Narrowing(closed_weekdays=frozenset({5}))
    weekends = replace(CAMPAIGN, opens_weekends=True)

    assert reasons(under(wednesday)) == [("outside_hours", "RK-SELLER-1")]
    assert under(wednesday, now=at("2026-11-19T12:00")).may_call
    assert codes(under(saturday, campaign=weekends, now=at("2026-11-21T12:00"))) == ["outside_hours"]
    assert under(saturday, campaign=weekends, now=at("2026-11-22T12:00")).may_call


def test_hours_that_leave_nothing_of_a_day_close_it() -> None:
    short = narrowed(FI_2026_1, Narrowing(opens=time(18)))

    assert short.hours == (*[(time(18), time(21))] * 5, None, None)


def test_a_seller_may_call_less_often() -> None:
    once = called("2026-11-18T08:00")

    assert under(Narrowing(attempts_day=2), attempts=once).may_call
    assert reasons(under(Narrowing(attempts_day=1), attempts=once)) == [("attempts_day", "RK-SELLER-1")]
    assert reasons(under(Narrowing(attempts_period=1), attempts=once)) == [("attempts_period", "RK-SELLER-1")]
    assert under(Narrowing(attempts_gap_minutes=240), attempts=once).may_call
    waiting = under(Narrowing(attempts_gap_minutes=241), attempts=once)
    assert reasons(waiting) == [("attempts_gap", "RK-SELLER-1")]
    assert waiting.retry_at == at("2026-11-18T12:01")


def test_a_seller_may_call_nobody_under_an_age_of_its_own() -> None:
    nineteen = (replace(LEAD, birth_date=date(2007, 11, 18)),)

    assert reasons(under(Narrowing(minor_age=20), leads=nineteen)) == [("minor", "RK-SELLER-1")]
    assert under(Narrowing(minor_age=19), leads=nineteen).may_call


def test_a_seller_may_rely_on_consents_for_a_shorter_time() -> None:
    own = Narrowing(consent_months=1)

    assert reasons(under(own, consents=(CONSENT,), register=LISTED)) == [("on_register", "RK-SELLER-1")]
    young = replace(CONSENT, given_at=at("2026-11-01T10:00"))
    assert under(own, consents=(young,), register=LISTED).may_call
    by_machine = replace(CONSENT, channels=MACHINE)
    assert reasons(under(own, consents=(by_machine,), campaign=BY_MACHINE)) == [("no_lawful_basis", "RK-SELLER-1")]


def test_a_seller_may_count_customers_for_a_shorter_time() -> None:
    fulfilled = replace(RELATION, fulfilled_at=at("2026-06-01T10:00"))

    assert under(Narrowing(relation_months=6), relations=(fulfilled,), register=LISTED).may_call
    late = under(Narrowing(relation_months=5), relations=(fulfilled,), register=LISTED)
    assert reasons(late) == [("on_register", "RK-SELLER-1")]


def test_a_seller_may_go_by_younger_registers_alone() -> None:
    decision = under(Narrowing(register_days=3))

    assert FRESH.as_of == date(2026, 11, 15)
    assert (reasons(decision), decision.verdict) == ([("register_stale", "RK-SELLER-1")], Verdict.UNKNOWN)
    assert under(Narrowing(register_days=4)).may_call


def test_a_seller_may_keep_products_and_machines_off_the_telephone() -> None:
    consents = (replace(CONSENT, channels=frozenset(Channel)),)

    assert reasons(under(Narrowing(prohibited_products=frozenset({"energy"})))) == [
        ("product_prohibited", "RK-SELLER-1")
    ]
    off = Narrowing(automated_voice=False)
    assert under(off).may_call
    assert under(Narrowing(attempts_day=2), campaign=BY_MACHINE, consents=consents).may_call
    assert reasons(under(off, campaign=BY_MACHINE, consents=consents)) == [("channel_prohibited", "RK-SELLER-1")]


def test_a_seller_may_ask_for_consent_where_the_law_does_not() -> None:
    only = Narrowing(consent_only=True)

    assert reasons(under(only)) == [("no_lawful_basis", "RK-SELLER-1")]
    assert under(only, consents=(CONSENT,)).may_call
    assert narrowed(DK_2026_1, only).regime_of("books") is Regime.OPT_IN
    assert narrowed(SE_BAN_PROPOSAL, only).regime is Regime.PROHIBITED


@pytest.mark.parametrize(
    ("rule", "changed"),
    [
        (Narrowing(opens=time(9)), {"hours": (MORNING, MORNING, MORNING, MORNING, MORNING, None, None)}),
        (Narrowing(closes=time(20)), {"hours": (EARLY, EARLY, EARLY, EARLY, EARLY, None, None)}),
        (Narrowing(closed_weekdays=frozenset({0, 6})), {"hours": (None, LAW, LAW, LAW, LAW, None, None)}),
        (Narrowing(attempts_day=2), {"attempts_day": 2}),
        (Narrowing(attempts_gap_minutes=241), {"attempts_gap": timedelta(minutes=241)}),
        (Narrowing(attempts_period=29), {"attempts_period": 29}),
        (Narrowing(minor_age=17), {"minor_age": 17}),
        (Narrowing(consent_months=2), {"consent_ground_months": 2, "consent_lift_months": 2}),
        (Narrowing(consent_months=4), {"consent_ground_months": 4}),
        (Narrowing(relation_months=0), {"relation_months": 0}),
        (Narrowing(register_days=0), {"register_validity": Validity(months=2, days=0)}),
        (
            Narrowing(prohibited_products=frozenset({"books"})),
            {"prohibited_products": frozenset({"books", "premium_pension"})},
        ),
        (Narrowing(automated_voice=False), {"prohibited_channels": MACHINE}),
        (Narrowing(consent_only=True), {"regime": Regime.OPT_IN}),
    ],
)
def test_each_rule_narrows_its_own_value_and_no_other(rule: Narrowing, changed: dict[str, Any]) -> None:
    strict = narrowed(SE_2026_1, rule)
    weekends: dict[str, Any] = {"weekend_hours": strict.weekend_hours} if "hours" in changed else {}

    assert strict == replace(SE_2026_1, **changed, **weekends)
    assert policy_under(SE_2026_1, SellerRules(1, (("SE", rule),))) == strict
    for elsewhere in (NO_RULES, None, SellerRules(1, (("NO", rule),))):
        assert policy_under(SE_2026_1, elsewhere) is SE_2026_1


def test_hours_and_weekdays_hold_for_a_seller_that_opens_weekends_too() -> None:
    strict = narrowed(SE_2026_1, Narrowing(opens=time(9), closed_weekdays=frozenset({6})))

    assert strict.weekend_hours == (*[MORNING] * 6, None)


def test_an_answer_by_the_law_is_never_replaced_by_a_wider_one() -> None:
    """No rule gives one: this is the guard that would hold if one did."""
    denied, allowed = ask(holds=("hold",)), ask()

    assert _stricter(denied, allowed) == denied
    assert _stricter(allowed, denied).reasons[0].rule == "RK-SELLER-1"
    longer = replace(allowed, valid_until=at("2026-11-18T20:00"))
    assert _stricter(allowed, longer) == allowed
    assert _stricter(longer, allowed) == allowed


def test_a_relation_without_end_never_outlasts_the_lead_that_the_law_would_call_on() -> None:
    """The law calls on the lead, which ends in a minute; the seller's rules leave only the endless relation."""
    lead = replace(LEAD, basis=None, expires_at=at("2026-11-18T12:01"))
    by_consent = replace(lead, basis=Basis.CONSENT)
    known: dict[str, Any] = {"leads": (by_consent,), "consents": (CONSENT,), "relations": (RELATION,)}

    assert ask(**known).valid_until == at("2026-11-18T12:01")
    narrow = under(Narrowing(consent_months=1), **known)
    assert narrow.may_call
    assert narrow.valid_until == at("2026-11-18T12:01")


def test_every_rule_is_written_and_read_back_and_leaves_out_what_asks_for_nothing() -> None:
    rules = rules_from_record(3, EVERY_RULE)

    assert rules_to_record(rules) == {country: EVERY_RULE[country] for country in ("NO", "SE")}
    assert rules_from_record(3, rules_to_record(rules)) == rules
    assert rules.of("SE") == Narrowing(
        opens=time(10),
        closes=time(18),
        closed_weekdays=frozenset({2, 4}),
        attempts_day=2,
        attempts_gap_minutes=360,
        attempts_period=10,
        minor_age=20,
        consent_months=1,
        relation_months=6,
        register_days=14,
        prohibited_products=frozenset({"insurance", "premium_pension"}),
        automated_voice=False,
        consent_only=True,
    )
    assert rules.of("DK") is None
    assert rules_from_record(0, {}) == NO_RULES


@pytest.mark.parametrize("policy", [SE_2026_1, NO_2026_1, DK_2026_1, FI_2026_1, GB_2026_1], ids=lambda p: p.version)
def test_rules_that_ask_for_nothing_change_nothing(policy: Policy) -> None:
    assert narrowed(policy, Narrowing()) == policy
    assert widening(policy, Narrowing()) == []


@pytest.mark.parametrize(
    ("policy", "rule", "named"),
    [
        (SE_2026_1, Narrowing(opens=time(7, 59)), "opens: 07:59 would be wider than the law's 08:00 (se-2026-1)"),
        (NO_2026_1, Narrowing(opens=time(8)), "opens: 08:00 would be wider than the law's 09:00 (no-2026-1)"),
        (SE_2026_1, Narrowing(closes=time(21, 1)), "closes: 21:01 would be wider than the law's 21:00 (se-2026-1)"),
        (SE_2026_1, Narrowing(attempts_day=4), "attempts_day: 4 would be wider than the law's 3 (se-2026-1)"),
        (
            SE_2026_1,
            Narrowing(attempts_gap_minutes=239),
            "attempts_gap_minutes: 239 would be wider than the law's 240 (se",
        ),
        (SE_2026_1, Narrowing(attempts_period=31), "attempts_period: 31 would be wider than the law's 30 (se-2026-1)"),
        (SE_2026_1, Narrowing(minor_age=15), "minor_age: 15 would be wider than the law's 16 (se-2026-1)"),
        (GB_2026_1, Narrowing(minor_age=16), "minor_age: 16 would be wider than the law's 18 (gb-2026-1)"),
        (DK_2026_1, Narrowing(consent_months=13), "consent_months: 13 would be wider than the law's 12 (dk-2026-1)"),
        (SE_2026_1, Narrowing(relation_months=13), "relation_months: 13 would be wider than the law's 12 (se-2026-1)"),
        (SE_2026_1, Narrowing(register_days=63), "register_days: 63 would be wider than the law's 62 (se-2026-1)"),
        (GB_2026_1, Narrowing(register_days=29), "register_days: 29 would be wider than the law's 28 (gb-2026-1)"),
        (NO_2026_1, Narrowing(register_days=32), "register_days: 32 would be wider than the law's 31 (no-2026-1)"),
    ],
)
def test_a_rule_that_would_widen_the_law_is_named(policy: Policy, rule: Narrowing, named: str) -> None:
    assert [mistake[: len(named)] for mistake in widening(policy, rule)] == [named]


@pytest.mark.parametrize(
    ("policy", "rule"),
    [
        (SE_2026_1, Narrowing(opens=time(8), closes=time(21))),
        (SE_2026_1, Narrowing(attempts_day=3, attempts_gap_minutes=240, attempts_period=30, minor_age=16)),
        (SE_2026_1, Narrowing(relation_months=12, register_days=62)),
        (SE_2026_1, Narrowing(consent_months=6)),  # the law sets no end to a consent as a ground
        (GB_2026_1, Narrowing(consent_months=12)),  # narrows neither limit, and widens but one that stays the law's
        (FI_2026_1, Narrowing(opens=time(8, 30))),  # Saturdays open later by law
        (FI_2026_1, Narrowing(closes=time(20))),
    ],
)
def test_a_rule_that_widens_nothing_is_taken(policy: Policy, rule: Narrowing) -> None:
    assert widening(policy, rule) == []


def test_a_rule_that_the_law_has_overtaken_is_without_effect() -> None:
    assert narrowed(NO_2026_1, Narrowing(opens=time(8), attempts_day=99, minor_age=3, consent_months=99)) == NO_2026_1
    gap = Narrowing(attempts_gap_minutes=1, attempts_period=99, relation_months=99)
    assert narrowed(SE_2026_1, gap) == SE_2026_1
    assert narrowed(SE_2026_1, Narrowing(attempts_gap_minutes=300)).attempts_gap == timedelta(hours=5)


@pytest.mark.parametrize(
    ("record", "mistake"),
    [
        ([], "rules are an object with a country's two letters for each name"),
        ({"Sweden": {}}, "a country is named by its two letters, in capitals"),
        ({"se": {}}, "a country is named by its two letters, in capitals"),
        ({"SE": 3}, "SE: rules are an object"),
        ({"SE": {"moon_phase": "full"}}, "SE.?: there is no such rule; there are opens, closes"),
        ({"SE": {"opens": "8"}}, "SE.opens: a time of day is written as 09:30"),
        ({"SE": {"opens": "24:00"}}, "SE.opens: a time of day"),
        ({"SE": {"opens": None}}, "SE.opens: a time of day"),
        ({"SE": {"opens": "18:00", "closes": "10:00"}}, "SE.opens: calling must open before it closes"),
        ({"SE": {"opens": "10:00", "closes": "10:00"}}, "SE.opens: calling must open before it closes"),
        ({"SE": {"opens": "23:59"}}, "SE.opens: calling must open before it closes"),
        ({"SE": {"closes": "00:00"}}, "SE.opens: calling must open before it closes"),
        ({"SE": {"closed_weekdays": ["lördag"]}}, "SE.closed_weekdays: a list of monday, tuesday, wednesday"),
        ({1: {}, "SE": {}}, "a country is named by its two letters"),
        ({"SE": {"closed_weekdays": "monday"}}, "SE.closed_weekdays: a list of monday"),
        ({"SE": {"attempts_day": 0}}, "SE.attempts_day: a whole number from 1"),
        ({"SE": {"attempts_period": 0}}, "SE.attempts_period: a whole number from 1"),
        ({"SE": {"attempts_day": True}}, "SE.attempts_day: a whole number"),
        ({"SE": {"attempts_day": 1.5}}, "SE.attempts_day: a whole number"),
        ({"SE": {"minor_age": -1}}, "SE.minor_age: a whole number from 0"),
        ({"SE": {"register_days": 10_001}}, "SE.register_days: a whole number from 0 to 10000"),
        ({"SE": {"prohibited_products": "insurance"}}, "SE.prohibited_products: a list of product types"),
        ({"SE": {"prohibited_products": ["Insurance"]}}, "SE.prohibited_products: a list of product types"),
        ({"SE": {"prohibited_products": [""]}}, "SE.prohibited_products: a list of product types"),
        ({"SE": {"automated_voice": True}}, "SE.automated_voice: can only be false"),
        ({"SE": {"consent_only": False}}, "SE.consent_only: can only be true"),
    ],
)
def test_rules_that_cannot_be_read_are_refused_by_name(record: object, mistake: str) -> None:
    with pytest.raises(UnreadableRules) as refused:
        rules_from_record(1, record)

    assert len(refused.value.mistakes) == 1
    assert refused.value.mistakes[0].startswith(mistake)


def test_every_mistake_is_told_at_once() -> None:
    with pytest.raises(UnreadableRules) as refused:
        rules_from_record(1, {"SE": {"moon_phase": "full", "opens": "x", "minor_age": "y"}, "Norge": {}, "DK": {}})

    assert [mistake.partition(":")[0] for mistake in refused.value.mistakes] == [
        "a country is named by its two letters, in capitals",
        "SE.?",
        "SE.opens",
        "SE.minor_age",
    ]
    assert str(refused.value) == "; ".join(refused.value.mistakes)


def test_a_product_is_written_as_campaigns_write_it() -> None:
    rules = rules_from_record(1, {"SE": {"prohibited_products": ["home-alarm"]}})

    assert rules.of("SE") == Narrowing(prohibited_products=frozenset({"home_alarm"}))
