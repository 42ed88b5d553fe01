"""The United Kingdom: opt-out with TPS. Jersey, Guernsey and the Isle of Man share +44 but not the law."""

from datetime import time

from dnc.policies.cautious import cautious_policy
from dnc.policies.terms import RedDays, Validity, week
from dnc.reasons import ReasonCode

GB_2026_1 = cautious_policy(
    "gb-2026-1",
    "GB",
    zone="Europe/London",
    register="tps",
    # A number listed for less than 28 days may still be called: PECR regulation 21(3).
    register_validity=Validity(days=28),
    # A person may let one caller call although listed, until they take it back: 21(4)-(5). That it must be recent is
    # practice; six months is an assumption.
    consent_lift_months=6,
    # Being a customer is no exception to TPS.
    relation_lifts=False,
    # From memory: calls about pensions and claims management need consent or are banned (regulations 21A and 21B).
    prohibited_products=frozenset({"pension", "premium_pension", "claims_management"}),
    hours=week((time(8), time(21)), saturday=(time(8), time(21)), sunday=(time(9), time(21))),
    red_days=RedDays("GB", subdivisions=("ENG", "NIR", "SCT", "WLS")),
    rules={
        ReasonCode.ON_REGISTER: "GB-TPS-1",
        ReasonCode.REGISTER_MISSING: "GB-TPS-2",
        ReasonCode.REGISTER_STALE: "GB-TPS-3",
        ReasonCode.PRODUCT_PROHIBITED: "GB-PRODUCT-1",
        ReasonCode.OUTSIDE_HOURS: "GB-HOURS-1",
    },
    consent_rule="GB-CONSENT-1",
)
