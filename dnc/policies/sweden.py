"""Sweden: opt-out with NIX-Telefon; and two laws that have been proposed, to ask "what if" with."""

from dataclasses import replace
from datetime import date, time, timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo

from consent.terms import Channel
from dnc.policies.terms import Policy, RedDays, Regime, Validity, week
from dnc.reasons import ReasonCode

_DAY = (time(8), time(21))

SE_2026_1 = Policy(
    version="se-2026-1",
    country="SE",
    regime=Regime.OPT_OUT,
    opt_out_products=frozenset(),
    # The present edition of the trade's ethical rules. Earlier calls were judged by other rules, which this is not.
    in_force_from=date(2021, 7, 1),
    in_force_until=None,
    zone=ZoneInfo("Europe/Stockholm"),
    register="nix",
    register_validity=Validity(months=2),
    consent_lift_months=3,
    consent_ground_months=None,
    consent_channels=frozenset({Channel.AUTOMATED_VOICE}),
    relation_lifts=True,
    relation_months=12,
    minor_age=16,
    callable_kinds=frozenset({"fixed_line", "mobile", "fixed_or_mobile", "uan", "personal"}),
    prohibited_products=frozenset({"premium_pension"}),
    prohibited_channels=frozenset(),
    # The public sources forbid 21.00-08.00 "on any day". Closed weekends are our own caution: a seller may open them.
    hours=week(_DAY),
    weekend_hours=week(_DAY, _DAY, _DAY),
    red_days=RedDays("SE", categories=("public", "de_facto")),
    attempts_day=3,
    attempts_gap=timedelta(hours=4),
    attempts_period=30,
    # "30 in a campaign within a period": the length of the period is cut off in every public copy we have found. Thirty
    # days is an assumption, named as one in docs/rules.md; a longer period is stricter.
    period=timedelta(days=30),
    answer_cap=timedelta(minutes=10),
    rules=MappingProxyType(
        {
            ReasonCode.NOT_CALLABLE_TYPE: "SE-NUMBER-1",
            ReasonCode.OPTED_OUT: "SE-OPTOUT-1",
            ReasonCode.HELD: "SE-OPTOUT-2",
            ReasonCode.MINOR: "SE-AGE-1",
            ReasonCode.ON_REGISTER: "SE-NIX-1",
            ReasonCode.REGISTER_MISSING: "SE-NIX-2",
            ReasonCode.REGISTER_STALE: "SE-NIX-3",
            ReasonCode.PRODUCT_PROHIBITED: "SE-PRODUCT-1",
            ReasonCode.OUTSIDE_HOURS: "SE-HOURS-1",
            ReasonCode.ATTEMPTS_DAY: "SE-ATTEMPTS-1",
            ReasonCode.ATTEMPTS_GAP: "SE-ATTEMPTS-2",
            ReasonCode.ATTEMPTS_PERIOD: "SE-ATTEMPTS-3",
        }
    ),
    consent_rule="SE-MFL-19",
)

# Konsumentverket, 27 August 2025: ban telephone sales, or else ask for a yes beforehand and wind up NIX. Neither
# has been decided: what else such a law would say is left as it is today.
SE_OPT_IN_PROPOSAL = replace(
    SE_2026_1,
    version="se-optin-2027-proposal",
    regime=Regime.OPT_IN,
    in_force_from=None,
    # The three months are a rule of NIX's own, which would be gone.
    consent_lift_months=None,
    consent_rule="SE-OPTIN-1",
)

SE_BAN_PROPOSAL = replace(
    SE_2026_1,
    version="se-ban-2027-proposal",
    regime=Regime.PROHIBITED,
    in_force_from=None,
    rules=MappingProxyType({**SE_2026_1.rules, ReasonCode.PRODUCT_PROHIBITED: "SE-BAN-1"}),
)
