"""The closed sets of screenings, and how many rows are worked on at once."""

from enum import StrEnum

PART_ROWS = 100_000
"""Rows put on record by one transaction."""
PARTS_AT_ONCE = 10
"""Parts decided by one state of the database, at one moment."""


class ScreeningState(StrEnum):
    """How a screening stands. One that was cancelled or failed may be resumed."""

    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


class Subject(StrEnum):
    """What is screened: the rows of a file, or the leads of a campaign's seller."""

    FILE = "file"
    CAMPAIGN = "campaign"
