"""When a source is paused without anybody asking: thresholds as dated values, so that a change is a reviewed diff.

A policy that has paused something is never edited: what it decided is on record under its version. Each value is a
choice of ours, explained in ``docs/oversight.md``: no law gives a number.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from types import MappingProxyType

from dnc.oversight.league import Figure


@dataclass(frozen=True, slots=True)
class Limit:
    """How large a share may be, 0 to 1, before it is too much; ``pauses``: whether a source is paused for it.

    A source is paused when the share is surely above: when the lower end of its interval is, and at least ``at_least``
    were counted.
    """

    share: float
    at_least: int
    pauses: bool


@dataclass(frozen=True, slots=True)
class OversightPolicy:
    """What is too much of each figure over ``period``, and how many complaints by authorities are.

    In force from ``in_force_from``, a local date, until the next version is.
    """

    version: str
    in_force_from: date
    period: timedelta
    limits: Mapping[Figure, Limit] = field(compare=False)
    authority_complaints: int

    @property
    def yardsticks(self) -> dict[Figure, float]:
        """What a figure is weighed by in the league table."""
        return {figure: limit.share for figure, limit in self.limits.items()}


OVERSIGHT_2026_1 = OversightPolicy(
    version="oversight-2026-1",
    in_force_from=date(2026, 1, 1),
    period=timedelta(days=90),
    limits=MappingProxyType(
        {
            Figure.INVALID: Limit(0.20, at_least=100, pauses=True),
            # Costs money, but harms nobody.
            Figure.DUPLICATE: Limit(0.50, at_least=100, pauses=False),
            # About a quarter of all numbers are listed: a tenth of a delivery is not washed, or long ago.
            Figure.ON_REGISTER: Limit(0.10, at_least=100, pauses=True),
            Figure.MISSING_EVIDENCE: Limit(0.20, at_least=100, pauses=True),
            Figure.OBJECTED: Limit(0.10, at_least=100, pauses=True),
            Figure.COMPLAINED: Limit(0.005, at_least=200, pauses=True),
        }
    ),
    authority_complaints=1,
)

OVERSIGHT_POLICIES: tuple[OversightPolicy, ...] = (OVERSIGHT_2026_1,)


def oversight_policy_at(day: date) -> OversightPolicy:
    """Return the newest policy in force on ``day``; before the first there was, the first."""
    in_force = [policy for policy in OVERSIGHT_POLICIES if policy.in_force_from <= day]
    return max(in_force or OVERSIGHT_POLICIES[:1], key=lambda policy: policy.in_force_from)
