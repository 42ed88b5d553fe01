"""The statistics of the league table: shares with intervals, medians, and who stands worst. Pure.

A supplier of eleven rows, one of them bad, must not stand above one of a million with a tenth bad. So no figure is
compared by itself, but by the lower end of its interval: what it is at least, by what has been seen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import sqrt
from typing import Protocol, TypeVar

Z_95 = 1.959963984540054
"""The standard normal's 97.5 % quantile: an interval of 95 %, two-sided."""


class Figure(StrEnum):
    """What a supplier is measured by; each is a share, and the smaller the better."""

    INVALID = "invalid"
    DUPLICATE = "duplicate"
    ON_REGISTER = "on_register"
    MISSING_EVIDENCE = "missing_evidence"
    OBJECTED = "objected"
    COMPLAINED = "complained"


@dataclass(frozen=True, slots=True)
class Share:
    """``hits`` of ``of``, and between what it lies with 95 % confidence. ``value`` is None if nothing was counted."""

    hits: int
    of: int
    lower: float
    upper: float

    @property
    def value(self) -> float | None:
        """The share itself, 0 to 1."""
        return self.hits / self.of if self.of else None


def wilson(hits: int, of: int) -> Share:
    """Return ``hits`` of ``of`` as a share with Wilson's score interval, at 95 % confidence.

    It holds what it promises for few trials and for shares near 0 too, where the textbook's interval does not
    (Wilson 1927; Brown, Cai and DasGupta 2001). Nothing counted says nothing: 0 to 1. More hits than trials count as
    all: three complaints over two calls are no share of three halves.

    Raises:
        ValueError: a count is negative.
    """
    if hits < 0 or of < 0:
        raise ValueError("a count is not negative")
    hits = min(hits, of)
    if of == 0:
        return Share(0, 0, 0.0, 1.0)
    share, square = hits / of, Z_95 * Z_95 / of
    middle = (share + square / 2) / (1 + square)
    reach = Z_95 / (1 + square) * sqrt(share * (1 - share) / of + square / (4 * of))
    lower = 0.0 if hits == 0 else min(max(middle - reach, 0.0), share)
    upper = 1.0 if hits == of else max(min(middle + reach, 1.0), share)
    return Share(hits, of, lower, upper)


def median_days(counted: Mapping[int, int]) -> int | None:
    """Return the median of days, of which each was counted so many times; the lower of two in the middle, if even."""
    total, passed = sum(counted.values()), 0
    for days, count in sorted(counted.items()):
        passed += count
        if 2 * passed >= total > 0:
            return days
    return None


@dataclass(frozen=True, slots=True)
class Worst:
    """The figure that stands worst, and how many times its yardstick it is at least."""

    figure: Figure
    times: float


def worst(shares: Mapping[Figure, Share], yardsticks: Mapping[Figure, float]) -> Worst | None:
    """Return the figure whose lower end is largest against its yardstick; None if no lower end is above 0.

    Figures are not alike: five complaints in a thousand calls are worse than five bad rows in a thousand. The
    yardstick, a share above 0, says what of each is too much.
    """
    found = [
        Worst(figure, shares[figure].lower / yardstick)
        for figure, yardstick in yardsticks.items()
        if figure in shares and shares[figure].lower > 0
    ]
    return max(found, key=lambda one: (one.times, one.figure), default=None)


class Measured(Protocol):
    """What can be put in order: something with a slug and its worst figure."""

    @property
    def slug(self) -> str:
        """What it is named by."""

    @property
    def worst(self) -> Worst | None:
        """Its worst figure, if any."""


M = TypeVar("M", bound=Measured)


def ranked(standings: Sequence[M]) -> list[M]:
    """Return the standings, the worst first: by the lower end of the worst figure against its yardstick, then slug."""
    return sorted(standings, key=lambda one: (-one.worst.times if one.worst else 0.0, one.slug))
