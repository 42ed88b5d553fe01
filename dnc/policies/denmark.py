"""Denmark: calls to consumers need consent, but for four kinds of product, which are sold as under opt-out."""

from datetime import time

from dnc.policies.cautious import CONSENT_MONTHS, cautious_policy
from dnc.policies.terms import RedDays, Regime, Validity, week
from dnc.reasons import ReasonCode

EXCEPTED_PRODUCTS = frozenset({"newspapers_magazines", "books", "insurance", "rescue_subscriptions"})
"""What may be sold by telephone without consent: newspapers and magazines, books, insurance, rescue subscriptions."""

DK_2026_1 = cautious_policy(
    "dk-2026-1",
    "DK",
    regime=Regime.OPT_IN,
    opt_out_products=EXCEPTED_PRODUCTS,
    zone="Europe/Copenhagen",
    register="robinson",
    register_validity=Validity(months=3),
    # Who asked for the call may be called whatever the list says, as long as the consent is a ground at all.
    consent_lift_months=CONSENT_MONTHS,
    hours=week((time(8), time(21))),
    # Optional: 1 May, Constitution Day (5 June), Christmas Eve and New Year's Eve, on which many are free.
    red_days=RedDays("DK", categories=("public", "optional")),
    rules={
        ReasonCode.ON_REGISTER: "DK-ROBINSON-1",
        ReasonCode.REGISTER_MISSING: "DK-ROBINSON-2",
        ReasonCode.REGISTER_STALE: "DK-ROBINSON-3",
        ReasonCode.OUTSIDE_HOURS: "DK-HOURS-1",
    },
    consent_rule="DK-CONSENT-1",
)
