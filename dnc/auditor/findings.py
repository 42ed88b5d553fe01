"""What an audit counts and finds."""

from dataclasses import dataclass, field
from enum import StrEnum

from core.ledger import Position


class Against(StrEnum):
    """What an answer was held against."""

    FACTS = "facts"
    ROW = "row"
    TABLES = "tables"


@dataclass(frozen=True, slots=True)
class Difference:
    """An answer that is not what it was held against gives. It names no number; ``check_id`` None: a screening's."""

    chain: int
    seq: int
    check_id: str | None
    against: Against
    what: str


@dataclass(slots=True)
class Counts:
    """How much was tried.

    ``answers``: distinct stored decisions. ``screened``: rows of screenings. ``tables``: checks, and each screened
    number once, decided again from the tables. ``unrebuilt``: those of them whose past cannot be had whole.
    ``in_flight``: those that another transaction's last moments excuse. Of some thousand screened numbers those that
    differ alike, or are excused alike, are one.
    """

    entries: int = 0
    checks: int = 0
    answers: int = 0
    screened: int = 0
    erased: int = 0
    tables: int = 0
    unrebuilt: int = 0
    in_flight: int = 0
    differences: int = 0


@dataclass(slots=True)
class Findings:
    """What some entries were found to be."""

    counts: Counts = field(default_factory=Counts)
    differences: list[Difference] = field(default_factory=list)
    excused: list[Difference] = field(default_factory=list)

    def differ(self, place: Position, check_id: str | None, against: Against, what: str) -> None:
        """Keep a difference."""
        self.counts.differences += 1
        self.differences.append(Difference(place.chain, place.seq, check_id, against, what))

    def excuse(self, place: Position, check_id: str | None, what: str) -> None:
        """Keep an answer that differs from the tables, but is right by what was on record around its moment."""
        self.counts.in_flight += 1
        self.excused.append(Difference(place.chain, place.seq, check_id, Against.TABLES, what))
