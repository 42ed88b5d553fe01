"""Values of our own for countries of which the public sources say nothing: each is an assumption, on the careful side.

They are Sweden's, or stricter. ``docs/rules.md`` marks where a policy rests on one of them.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo

from consent.terms import Channel
from dnc.policies.terms import Policy, RedDays, Regime, Validity, Week
from dnc.reasons import ReasonCode

READ_FROM = date(2026, 1, 1)
"""The day from which we have read a country's rules; of calls before it we say nothing."""

CONSENT_MONTHS = 12
"""How old a consent may be and still be a ground."""

CONSENT_LIFT_MONTHS = 3
"""How old it may be and still lift the register: Sweden's own."""

LIFTS_SHORTENED = date(2026, 11, 23)
"""The day from which ``CONSENT_LIFT_MONTHS`` is kept; before it we assumed ``CONSENT_MONTHS``."""


def cautious_policy(
    version: str,
    country: str,
    *,
    zone: str,
    register: str,
    register_validity: Validity,
    hours: Week,
    red_days: RedDays,
    rules: Mapping[ReasonCode, str],
    consent_rule: str,
    in_force_until: date | None = None,
    regime: Regime = Regime.OPT_OUT,
    opt_out_products: frozenset[str] = frozenset(),
    consent_lift_months: int = CONSENT_MONTHS,
    relation_lifts: bool = False,
    prohibited_products: frozenset[str] = frozenset(),
) -> Policy:
    """Return a country's policy with what its law says, and with values of ours for what it does not."""
    return Policy(
        version=version,
        country=country,
        regime=regime,
        opt_out_products=opt_out_products,
        in_force_from=READ_FROM,
        in_force_until=in_force_until,
        zone=ZoneInfo(zone),
        register=register,
        register_validity=register_validity,
        consent_lift_months=consent_lift_months,
        consent_ground_months=CONSENT_MONTHS,
        # In all of the EEA and the United Kingdom: directive 2002/58 art. 13.1.
        consent_channels=frozenset({Channel.AUTOMATED_VOICE}),
        relation_lifts=relation_lifts,
        relation_months=0,
        minor_age=18,
        # Numbers that a person holds, without those that cost the called person or belong to companies.
        callable_kinds=frozenset({"fixed_line", "mobile", "fixed_or_mobile"}),
        prohibited_products=prohibited_products,
        prohibited_channels=frozenset(),
        hours=hours,
        weekend_hours=hours,
        red_days=red_days,
        attempts_day=3,
        attempts_gap=timedelta(hours=4),
        attempts_period=30,
        period=timedelta(days=30),
        answer_cap=timedelta(minutes=10),
        rules=MappingProxyType(rules),
        consent_rule=consent_rule,
    )
