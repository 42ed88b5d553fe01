"""Finland: opt-out with the trade's own Puhelin-Robinson, Saturdays until six.

Åland's fixed lines (AX) are not covered; its mobile numbers are of Finland's own series.
"""

from dataclasses import replace
from datetime import time
from types import MappingProxyType
from zoneinfo import ZoneInfo

from dnc.policies import cautious
from dnc.policies.terms import Policy, RedDays, Regime, Validity, week
from dnc.reasons import ReasonCode

_HOURS = week((time(8), time(21)), saturday=(time(9), time(18)))

FI_2026_1 = Policy(
    version="fi-2026-1",
    country="FI",
    regime=Regime.OPT_OUT,
    opt_out_products=frozenset(),
    in_force_from=cautious.READ_FROM,
    in_force_until=cautious.LIFTS_SHORTENED,
    zone=ZoneInfo("Europe/Helsinki"),
    register="puhelin-robinson",
    # An entry lasts three years; how often callers must fetch the list was not found. As short as the United Kingdom's.
    register_validity=Validity(days=28),
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
    # The calendar counts Midsummer Eve and Christmas Eve among the public holidays.
    red_days=RedDays("FI", eves=frozenset({(12, 31)})),
    attempts_day=cautious.ATTEMPTS_DAY,
    attempts_gap=cautious.ATTEMPTS_GAP,
    attempts_period=cautious.ATTEMPTS_PERIOD,
    period=cautious.PERIOD,
    answer_cap=cautious.ANSWER_CAP,
    rules=MappingProxyType(
        {
            ReasonCode.ON_REGISTER: "FI-ROBINSON-1",
            ReasonCode.REGISTER_MISSING: "FI-ROBINSON-2",
            ReasonCode.REGISTER_STALE: "FI-ROBINSON-3",
            ReasonCode.OUTSIDE_HOURS: "FI-HOURS-1",
        }
    ),
    consent_rule="FI-CONSENT-1",
)

FI_2026_2 = replace(
    FI_2026_1,
    version="fi-2026-2",
    in_force_from=cautious.LIFTS_SHORTENED,
    in_force_until=None,
    consent_lift_months=cautious.CONSENT_LIFT_MONTHS,
)
