"""Finland: opt-out with the trade's own Puhelin-Robinson, Saturdays until six.

Åland's fixed lines (AX) are not covered; its mobile numbers are of Finland's own series.
"""

from dataclasses import replace
from datetime import time

from dnc.policies.cautious import CONSENT_LIFT_MONTHS, LIFTS_SHORTENED, cautious_policy
from dnc.policies.terms import RedDays, Validity, week
from dnc.reasons import ReasonCode

FI_2026_1 = cautious_policy(
    "fi-2026-1",
    "FI",
    in_force_until=LIFTS_SHORTENED,
    zone="Europe/Helsinki",
    register="puhelin-robinson",
    # An entry lasts three years; how often callers must fetch the list was not found. As short as the United Kingdom's.
    register_validity=Validity(days=28),
    hours=week((time(8), time(21)), saturday=(time(9), time(18))),
    # The calendar counts Midsummer Eve and Christmas Eve among the public holidays.
    red_days=RedDays("FI", eves=frozenset({(12, 31)})),
    rules={
        ReasonCode.ON_REGISTER: "FI-ROBINSON-1",
        ReasonCode.REGISTER_MISSING: "FI-ROBINSON-2",
        ReasonCode.REGISTER_STALE: "FI-ROBINSON-3",
        ReasonCode.OUTSIDE_HOURS: "FI-HOURS-1",
    },
    consent_rule="FI-CONSENT-1",
)

FI_2026_2 = replace(
    FI_2026_1,
    version="fi-2026-2",
    in_force_from=LIFTS_SHORTENED,
    in_force_until=None,
    consent_lift_months=CONSENT_LIFT_MONTHS,
)
