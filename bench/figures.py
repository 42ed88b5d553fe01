"""What a measurement comes to: a value against the bound that was promised."""

import os
from dataclasses import dataclass

SCALE = float(os.environ.get("BENCH_SCALE", "1"))
BATCH = 10_000


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured promise: what, its value and unit, the promised bound, and the figures behind it."""

    what: str
    value: float
    bound: str
    kept: bool
    detail: str


def at_least(what: str, value: float, bound: float, detail: str) -> Figure:
    """Return a figure that must be ``bound`` or more."""
    return Figure(what, round(value, 3), f"≥ {bound:g}", value >= bound, detail)


def at_most(what: str, value: float, bound: float, detail: str) -> Figure:
    """Return a figure that must be ``bound`` or less."""
    return Figure(what, round(value, 3), f"≤ {bound:g}", value <= bound, detail)


def scaled(count: int) -> int:
    """Return the size to measure at, in whole batches."""
    return max(BATCH, int(count * SCALE) // BATCH * BATCH)
