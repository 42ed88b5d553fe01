"""Rows counted by verdict, by reason and by source. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dnc.reasons import ReasonCode

NO_SOURCE = ""

IN_DOUBT = (ReasonCode.REGISTER_MISSING, ReasonCode.REGISTER_STALE)


def held_against_register(counts: Mapping[str, Any]) -> tuple[int, int]:
    """Return how many leads of an arrival's ``counts`` their register stopped, and how many it could be asked about.

    Counts that were kept before this was counted tell it from their reasons; a lead of theirs that an outdated version
    lists has both, so no more are taken to be stopped than were looked up. Pure.
    """
    if "looked_up" in counts:
        return counts["stopped"], counts["looked_up"]
    reasons = counts["reasons"]
    looked_up = max(counts["leads"] - sum(reasons.get(code, 0) for code in IN_DOUBT), 0)
    return min(reasons.get(ReasonCode.ON_REGISTER, 0), looked_up), looked_up


@dataclass(slots=True)
class Tally:
    """Rows counted once by verdict and once for each of their reasons."""

    rows: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, verdict: str, reasons: Iterable[str], count: int) -> None:
        """Count ``count`` rows decided so."""
        self.rows += count
        self.verdicts[verdict] += count
        for reason in reasons:
            self.reasons[reason] += count

    def record(self) -> dict[str, object]:
        """Return the counts as JSON can hold them."""
        return {
            "rows": self.rows,
            "verdicts": {name: self.verdicts[name] for name in ("allow", "deny", "unknown")},
            "reasons": dict(sorted(self.reasons.items())),
        }

    def take(self, record: Mapping[str, Any]) -> None:
        """Add what ``record`` gave."""
        self.rows += record["rows"]
        self.verdicts.update(record["verdicts"])
        self.reasons.update(record["reasons"])


@dataclass(slots=True)
class Summary:
    """A screening's rows counted, and the same for each source (by id) that an answer names."""

    whole: Tally = field(default_factory=Tally)
    sources: dict[str, Tally] = field(default_factory=dict)

    def add(self, verdict: str, reasons: tuple[str, ...], source: str | None, count: int) -> None:
        """Count ``count`` rows decided so."""
        self.whole.add(verdict, reasons, count)
        self.sources.setdefault(source or NO_SOURCE, Tally()).add(verdict, reasons, count)

    def record(self) -> dict[str, object]:
        """Return the summary as JSON can hold it."""
        return {**self.whole.record(), "sources": {id_: tally.record() for id_, tally in sorted(self.sources.items())}}

    @classmethod
    def of(cls, *records: Mapping[str, Any]) -> "Summary":
        """Return the sum of what ``record`` gave; an empty object counts nothing."""
        summary = cls()
        for record in records:
            if record:
                summary.whole.take(record)
                for id_, tally in record["sources"].items():
                    summary.sources.setdefault(id_, Tally()).take(tally)
        return summary
