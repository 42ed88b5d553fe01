"""Denmark: calls to consumers need consent, but for four kinds of product, which are sold as under opt-out."""

from datetime import time
from types import MappingProxyType
from zoneinfo import ZoneInfo

from dnc.policies import cautious
from dnc.policies.terms import Policy, RedDays, Regime, Validity, week
from dnc.reasons import ReasonCode

_HOURS = week((time(8), time(21)))

EXCEPTED_PRODUCTS = frozenset({"newspapers_magazines", "books", "insurance", "rescue_subscriptions"})
"""What may be sold by telephone without consent: newspapers and magazines, books, insurance, rescue subscriptions."""

DK_2026_1 = Policy(
    version="dk-2026-1",
    country="DK",
    regime=Regime.OPT_IN,
    opt_out_products=EXCEPTED_PRODUCTS,
    in_force_from=cautious.READ_FROM,
    in_force_until=None,
    zone=ZoneInfo("Europe/Copenhagen"),
    register="robinson",
    register_validity=Validity(months=3),
    # Who asked for the call may be called whatever the list says, as long as the consent is a ground at all.
    consent_lift_months=cautious.CONSENT_MONTHS,
    consent_ground_months=cautious.CONSENT_MONTHS,
    consent_channels=cautious.MACHINES,
    relation_lifts=False,
    relation_months=0,
    minor_age=cautious.ADULT,
    callable_kinds=cautious.PERSONS_KINDS,
    prohibited_products=frozenset(),
    prohibited_channels=frozenset(),
    hours=_HOURS,
    weekend_hours=_HOURS,
    # Optional: 1 May, Constitution Day (5 June), Christmas Eve and New Year's Eve, on which many are free.
    red_days=RedDays("DK", categories=("public", "optional")),
    attempts_day=cautious.ATTEMPTS_DAY,
    attempts_gap=cautious.ATTEMPTS_GAP,
    attempts_period=cautious.ATTEMPTS_PERIOD,
    period=cautious.PERIOD,
    answer_cap=cautious.ANSWER_CAP,
    rules=MappingProxyType(
        {
            ReasonCode.ON_REGISTER: "DK-ROBINSON-1",
            ReasonCode.REGISTER_MISSING: "DK-ROBINSON-2",
            ReasonCode.REGISTER_STALE: "DK-ROBINSON-3",
            ReasonCode.OUTSIDE_HOURS: "DK-HOURS-1",
        }
    ),
    consent_rule="DK-CONSENT-1",
)
