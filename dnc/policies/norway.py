"""Norway: opt-out with the reservation register, no calls on Saturdays, Sundays or days equated with them.

Svalbard's fixed lines (SJ) are not covered; its mobile numbers are of Norway's own series.
"""

from dataclasses import replace
from datetime import time

from dnc.policies.cautious import CONSENT_LIFT_MONTHS, LIFTS_SHORTENED, cautious_policy
from dnc.policies.terms import RedDays, Validity, week
from dnc.reasons import ReasonCode

NO_2026_1 = cautious_policy(
    "no-2026-1",
    "NO",
    in_force_until=LIFTS_SHORTENED,
    zone="Europe/Oslo",
    register="reservasjon",
    # "Before the first contact and in the month of marketing": no version serves beyond the month that it is from.
    register_validity=Validity(same_month=True),
    # Customers are excepted; for how long after the contract is not said where we have read, so not at all.
    relation_lifts=True,
    hours=week((time(9), time(21))),
    # Which days are "equated with holidays" is not spelt out where we have read. 1 and 17 May are public holidays in
    # the calendar; the eves of Easter and Pentecost are Saturdays, closed anyway; these two are closed for safety.
    red_days=RedDays("NO", eves=frozenset({(12, 24), (12, 31)})),
    rules={
        ReasonCode.ON_REGISTER: "NO-REGISTER-1",
        ReasonCode.REGISTER_MISSING: "NO-REGISTER-2",
        ReasonCode.REGISTER_STALE: "NO-REGISTER-3",
        ReasonCode.OUTSIDE_HOURS: "NO-HOURS-1",
    },
    consent_rule="NO-CONSENT-1",
)

NO_2026_2 = replace(
    NO_2026_1,
    version="no-2026-2",
    in_force_from=LIFTS_SHORTENED,
    in_force_until=None,
    consent_lift_months=CONSENT_LIFT_MONTHS,
)
