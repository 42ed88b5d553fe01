"""Identifiers: UUID version 7 (RFC 9562), so that keys of growing tables begin with time."""

import os
import threading
import time
from datetime import datetime, timedelta

CLOCKS_APART = timedelta(days=1)
"""How far the clock of whoever made an id may be from the clock by which something is dated."""

_CLOCK_SET_BACK = 1000 << 12  # a second: a time this far before the last id's is a clock that was set back
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


class _Places:
    """Hands out the first 60 bits of ids, milliseconds and a counter, so that none comes before an earlier one.

    One process's ids ascend (RFC 9562 section 6.2, method 1), unless its clock is set back: then they follow the clock.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next = 0

    def take(self, count: int) -> int:
        """Return the first of ``count`` places in a row."""
        noise = int.from_bytes(os.urandom(2), "big") >> 5  # 11 random bits leave the counter room to grow within 12
        with self._lock:
            first = (time.time_ns() // 1_000_000 << 12) + noise
            if 0 < self._next - first < _CLOCK_SET_BACK:
                first = self._next
            self._next = first + count
        return first

    def start_anew(self) -> None:
        """Forget, in a process just forked, a lock that a thread of its parent may have held."""
        self._lock = threading.Lock()


_places = _Places()
os.register_at_fork(after_in_child=_places.start_anew)


def new_id() -> str:
    """Return a fresh UUIDv7 in its canonical 36-character form."""
    return new_ids(1)[0]


def new_ids(count: int) -> list[str]:
    """Return ``count`` fresh ids, in ascending order, that come after all that this process made before."""
    milliseconds, first = divmod(_places.take(count), 0x1000)
    head = _head(milliseconds)
    noise = os.urandom(8 * count).hex()
    ids = []
    for place in range(count):
        ahead, counter = divmod(first + place, 0x1000)
        if ahead:
            head = _head(milliseconds + ahead)
        at = 16 * place
        ids.append(f"{head}{counter:03x}-{_VARIANT[noise[at]]}{noise[at + 1 : at + 4]}-{noise[at + 4 : at + 16]}")
    return ids


def _head(milliseconds: int) -> str:
    """Return an id's beginning: its time and its version."""
    digits = f"{milliseconds:012x}"
    return f"{digits[:8]}-{digits[8:]}-7"


def least_id(at: datetime) -> str:
    """Return a text that no id made at ``at`` or later comes before, with room for ``CLOCKS_APART``.

    The lower bound of a walk through a table by its key, for rows that are not dated before they are made.
    """
    head = f"{max(int((at - CLOCKS_APART).timestamp() * 1000), 0):012x}"
    return f"{head[:8]}-{head[8:]}"
