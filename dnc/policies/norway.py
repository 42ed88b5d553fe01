"""Norway: opt-out with the reservation register, no calls on Saturdays, Sundays or days equated with them.

Svalbard's fixed lines (SJ) are not covered; its mobile numbers are of Norway's own series.
"""

from dataclasses import replace
from datetime import time
from types import MappingProxyType
from zoneinfo import ZoneInfo

from dnc.policies import cautious
from dnc.policies.terms import Policy, RedDays, Regime, Validity, week
from dnc.reasons import ReasonCode

_HOURS = week((time(9), time(21)))

NO_2026_1 = Policy(
    version="no-2026-1",
    country="NO",
    regime=Regime.OPT_OUT,
    opt_out_products=frozenset(),
    in_force_from=cautious.READ_FROM,
    in_force_until=cautious.LIFTS_SHORTENED,
    zone=ZoneInfo("Europe/Oslo"),
    register="reservasjon",
    # "Before the first contact and in the month of marketing": no version serves beyond the month that it is from.
    register_validity=Validity(same_month=True),
    consent_lift_months=cautious.CONSENT_MONTHS,
    consent_ground_months=cautious.CONSENT_MONTHS,
    consent_channels=cautious.MACHINES,
    relation_lifts=True,
    # Customers are excepted; for how long after the contract is not said where we have read, so not at all.
    relation_months=0,
    minor_age=cautious.ADULT,
    callable_kinds=cautious.PERSONS_KINDS,
    prohibited_products=frozenset(),
    prohibited_channels=frozenset(),
    hours=_HOURS,
    weekend_hours=_HOURS,
    # Which days are "equated with holidays" is not spelt out where we have read. 1 and 17 May are public holidays in
    # the calendar; the eves of Easter and Pentecost are Saturdays, closed anyway; these two are closed for safety.
    red_days=RedDays("NO", eves=frozenset({(12, 24), (12, 31)})),
    attempts_day=cautious.ATTEMPTS_DAY,
    attempts_gap=cautious.ATTEMPTS_GAP,
    attempts_period=cautious.ATTEMPTS_PERIOD,
    period=cautious.PERIOD,
    answer_cap=cautious.ANSWER_CAP,
    rules=MappingProxyType(
        {
            ReasonCode.ON_REGISTER: "NO-REGISTER-1",
            ReasonCode.REGISTER_MISSING: "NO-REGISTER-2",
            ReasonCode.REGISTER_STALE: "NO-REGISTER-3",
            ReasonCode.OUTSIDE_HOURS: "NO-HOURS-1",
        }
    ),
    consent_rule="NO-CONSENT-1",
)

NO_2026_2 = replace(
    NO_2026_1,
    version="no-2026-2",
    in_force_from=cautious.LIFTS_SHORTENED,
    in_force_until=None,
    consent_lift_months=cautious.CONSENT_LIFT_MONTHS,
)
