"""The closed sets of screenings."""

from enum import StrEnum


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
