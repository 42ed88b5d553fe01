"""What becomes of a call record: a closed set, so that every row of a file is accounted for. Pure."""

from collections.abc import Mapping
from enum import StrEnum

from dnc.permits import Fault


class CallState(StrEnum):
    """``matched``: a check permitted the call. All others say why none did, or why the row says nothing of a call."""

    MATCHED = "matched"
    WITHOUT_CHECK = "without_check"
    BEFORE_CHECK = "before_check"
    DENIED_CHECK = "denied_check"
    AFTER_END = "after_end"
    CHECK_USED = "check_used"
    AFTER_OPT_OUT = "after_opt_out"
    DURING_HOLD = "during_hold"
    DURING_RESTRICTION = "during_restriction"
    AFTER_RETRACTION = "after_retraction"
    REPEATED = "repeated"
    IN_FUTURE = "in_future"
    UNREADABLE_NUMBER = "unreadable_number"
    UNREADABLE_TIME = "unreadable_time"
    AMBIGUOUS_TIME = "ambiguous_time"
    UNREADABLE_ROW = "unreadable_row"


UNREAD = frozenset(
    {
        CallState.IN_FUTURE,
        CallState.UNREADABLE_NUMBER,
        CallState.UNREADABLE_TIME,
        CallState.AMBIGUOUS_TIME,
        CallState.UNREADABLE_ROW,
    }
)
"""The states of rows that could not be read as a call."""
NO_CALLS = UNREAD | {CallState.REPEATED}
PLACES = tuple(CallState)
PLACE_OF = {state: place for place, state in enumerate(PLACES)}


def state_of(fault: Fault) -> CallState:
    """Return the state of a call that was not permitted for this reason."""
    return CallState(fault.value)


def calls_in(counts: Mapping[str, int]) -> int:
    """Return how many rows are calls of their own."""
    return sum(count for state, count in counts.items() if CallState(state) not in NO_CALLS)


def share_matched(counts: Mapping[str, int]) -> float | None:
    """Return the share of calls that a check permitted, 0 to 1; None if there was no call."""
    calls = calls_in(counts)
    return counts.get(CallState.MATCHED.value, 0) / calls if calls else None
