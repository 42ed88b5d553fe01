"""Values of our own for countries of which the public sources say nothing: each is an assumption, on the careful side.

They are Sweden's, or stricter. ``docs/rules.md`` marks where a policy rests on one of them.
"""

from datetime import date, timedelta

from consent.terms import Channel

READ_FROM = date(2026, 1, 1)
"""The day from which we have read a country's rules; of calls before it we say nothing."""

MACHINES = frozenset({Channel.AUTOMATED_VOICE})
"""Channels that need consent in all of the EEA and the United Kingdom: directive 2002/58 art. 13.1."""

PERSONS_KINDS = frozenset({"fixed_line", "mobile", "fixed_or_mobile"})
"""Numbers that a person holds, without those that cost the called person or belong to companies."""

ADULT = 18
ATTEMPTS_DAY = 3
ATTEMPTS_GAP = timedelta(hours=4)
ATTEMPTS_PERIOD = 30
PERIOD = timedelta(days=30)
ANSWER_CAP = timedelta(minutes=10)
CONSENT_MONTHS = 12
"""How old a consent may be and still be a ground."""

CONSENT_LIFT_MONTHS = 3
"""How old it may be and still lift the register: Sweden's own."""

LIFTS_SHORTENED = date(2026, 11, 23)
"""The day from which ``CONSENT_LIFT_MONTHS`` is kept; before it we assumed ``CONSENT_MONTHS``."""
