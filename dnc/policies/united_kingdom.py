"""The United Kingdom: opt-out with TPS. Jersey, Guernsey and the Isle of Man share +44 but not the law."""

from datetime import time
from types import MappingProxyType
from zoneinfo import ZoneInfo

from dnc.policies import cautious
from dnc.policies.terms import Policy, RedDays, Regime, Validity, week
from dnc.reasons import ReasonCode

_HOURS = week((time(8), time(21)), saturday=(time(8), time(21)), sunday=(time(9), time(21)))

GB_2026_1 = Policy(
    version="gb-2026-1",
    country="GB",
    regime=Regime.OPT_OUT,
    opt_out_products=frozenset(),
    in_force_from=cautious.READ_FROM,
    in_force_until=None,
    zone=ZoneInfo("Europe/London"),
    register="tps",
    # A number listed for less than 28 days may still be called: PECR regulation 21(3).
    register_validity=Validity(days=28),
    # A person may let one caller call although listed, until they take it back: 21(4)-(5). That it must be recent is
    # practice; six months is an assumption.
    consent_lift_months=6,
    consent_ground_months=cautious.CONSENT_MONTHS,
    consent_channels=cautious.MACHINES,
    # Being a customer is no exception to TPS.
    relation_lifts=False,
    relation_months=0,
    minor_age=cautious.ADULT,
    callable_kinds=cautious.PERSONS_KINDS,
    # From memory: calls about pensions and claims management need consent or are banned (regulations 21A and 21B).
    prohibited_products=frozenset({"pension", "premium_pension", "claims_management"}),
    prohibited_channels=frozenset(),
    hours=_HOURS,
    weekend_hours=_HOURS,
    red_days=RedDays("GB", subdivisions=("ENG", "NIR", "SCT", "WLS")),
    attempts_day=cautious.ATTEMPTS_DAY,
    attempts_gap=cautious.ATTEMPTS_GAP,
    attempts_period=cautious.ATTEMPTS_PERIOD,
    period=cautious.PERIOD,
    answer_cap=cautious.ANSWER_CAP,
    rules=MappingProxyType(
        {
            ReasonCode.ON_REGISTER: "GB-TPS-1",
            ReasonCode.REGISTER_MISSING: "GB-TPS-2",
            ReasonCode.REGISTER_STALE: "GB-TPS-3",
            ReasonCode.PRODUCT_PROHIBITED: "GB-PRODUCT-1",
            ReasonCode.OUTSIDE_HOURS: "GB-HOURS-1",
        }
    ),
    consent_rule="GB-CONSENT-1",
)
