"""The snapshots that a process has open, for the check that asks them before every call."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from dnc.registers.snapshots import LARGEST, Snapshot, SnapshotUnreadable, file_in_place, read_snapshot

KEPT = 16
IN_MEMORY = 16 << 20
"""Bytes of payloads that a process has in its own memory, of all snapshots together: some ten million numbers. What is
read in place instead costs a system call a look-up, which lets other threads in for some ms each."""
MOVED_SECONDS = 60.0
RETRY_SECONDS = 5.0
VERIFIED_SECONDS = 60.0
LISTED, NOT_LISTED, NOT_KNOWN = 1, 0, -1

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class RegisterShelf:
    """Opens snapshots on first use and keeps the newest few open. One per process; safe for many threads.

    Small payloads are taken into memory, ``IN_MEMORY`` bytes in all: those that were opened last, which are the ones in
    force. One that had to give way and is asked again is taken in again, such a move at most once in ``MOVED_SECONDS``.

    A look-up takes no lock: it reads a dict that is replaced, never changed. A node follows a new version with its next
    check, because the check asks for the snapshot that the database names. A damaged snapshot still answers for the
    numbers whose part of it is as written; a whole file put in its place is found at the next try.
    """

    def __init__(self, registers_dir: Path, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._directory = registers_dir
        self._monotonic = monotonic
        self._kept: dict[str, Snapshot] = {}
        self._in_memory: dict[str, Snapshot] = {}  # in the order in which they were taken in
        self._gave_way: frozenset[str] = frozenset()
        self._moved_at = -MOVED_SECONDS
        self._failed_at: dict[str, float] = {}
        self._verified_at: dict[str, float] = {}
        self._lock = threading.Lock()

    def listed(self, sha256: str, number: int) -> bool | None:
        """Return whether the snapshot lists ``number`` (an E.164 integer).

        None: not known, because the snapshot cannot be read where it would say so, or does not speak of the number.
        """
        snapshot = self._kept.get(sha256)
        if snapshot is None:
            snapshot = self._open(sha256)
        elif sha256 in self._gave_way:
            self._take_in_again(sha256)
        if snapshot is None or not 0 <= number < LARGEST:
            return None
        try:
            is_listed = number in snapshot
        except SnapshotUnreadable as error:
            return None if self._replaced(snapshot, error) is None else self.listed(sha256, number)
        if is_listed or snapshot.coverage is None:
            return is_listed
        return False if self.listed(snapshot.coverage, number) else None

    def listed_of(self, sha256: str, numbers: NDArray[np.int64]) -> NDArray[np.int8] | None:
        """Return for each number 1 if the snapshot lists it, 0 if not, and -1 where ``listed`` says None.

        None if the snapshot cannot be read at all. Each block is read once, however many of the numbers it decides.
        """
        snapshot = self.snapshot(sha256)
        if snapshot is None:
            return None
        try:
            answers = snapshot.listed_of(numbers).astype(np.int8)
        except SnapshotUnreadable:
            one_by_one = (self.listed(sha256, number) for number in numbers.tolist())
            return np.array([NOT_KNOWN if answer is None else int(answer) for answer in one_by_one], np.int8)
        answers[numbers < 0] = NOT_KNOWN
        if snapshot.coverage is not None:
            covered = self.listed_of(snapshot.coverage, numbers)
            is_covered = np.zeros(len(numbers), np.bool_) if covered is None else covered == LISTED
            answers[(answers == NOT_LISTED) & ~is_covered] = NOT_KNOWN
        return answers

    def snapshot(self, sha256: str) -> Snapshot | None:
        """Return the snapshot, or None if it cannot be opened now; that is tried again after ``RETRY_SECONDS``."""
        held = self._kept.get(sha256)
        return held if held is not None else self._open(sha256)

    def is_readable(self, sha256: str) -> bool:
        """Return whether the snapshot, and the one that says what it covers, are here and whole.

        All of it is checked, at most once in ``VERIFIED_SECONDS``: not a question for every request.
        """
        snapshot = self.snapshot(sha256)
        if snapshot is None:
            return False
        now, failed_at = self._monotonic(), self._failed_at.get(sha256)
        if failed_at is not None and now - failed_at < RETRY_SECONDS:
            return False
        if failed_at is not None or now - self._verified_at.get(sha256, -VERIFIED_SECONDS) >= VERIFIED_SECONDS:
            try:
                snapshot.verify()
            except SnapshotUnreadable as error:
                return self._replaced(snapshot, error) is not None and self.is_readable(sha256)
            with self._lock:
                self._failed_at.pop(sha256, None)
                self._verified_at = {**_newest(self._verified_at), sha256: now}
        return snapshot.coverage is None or self.is_readable(snapshot.coverage)

    def _open(self, sha256: str) -> Snapshot | None:
        with self._lock:
            held = self._kept.get(sha256)
            return held if held is not None else self._opened(sha256)

    def _replaced(self, damaged: Snapshot, error: SnapshotUnreadable) -> Snapshot | None:
        """Return the snapshot from the file that took the damaged one's place; None if there is none to be tried."""
        sha256 = damaged.sha256
        with self._lock:
            held = self._kept.get(sha256)
            if held is not damaged and held is not None:
                return held
            if not self._may_try(sha256):
                return None
            self._note_failure(sha256, error)
            if file_in_place(self._directory, sha256) in (None, damaged.file):
                return None
            self._failed_at.pop(sha256)
            return self._opened(sha256)

    def _opened(self, sha256: str) -> Snapshot | None:
        """Open the snapshot anew and hold it, unless that failed just now. Under the lock."""
        if not self._may_try(sha256):
            return None
        try:
            snapshot = read_snapshot(self._directory, sha256)
        except SnapshotUnreadable as error:
            self._note_failure(sha256, error)
            return None
        self._failed_at.pop(sha256, None)
        self._kept = {**_newest(self._kept, but=sha256), sha256: snapshot}
        self._take_in(snapshot)
        return snapshot

    def _take_in_again(self, sha256: str) -> None:
        """Have the payload in memory, unless another was moved just now."""
        if self._monotonic() - self._moved_at < MOVED_SECONDS:
            return
        with self._lock:
            if sha256 in self._gave_way and sha256 in self._kept:
                self._moved_at = self._monotonic()
                self._take_in(self._kept[sha256])

    def _take_in(self, snapshot: Snapshot) -> None:
        """Have the payload in memory if it may be there, those giving way that were taken in first. Under the lock."""
        there = {sha256: one for sha256, one in self._in_memory.items() if self._kept.get(sha256) is one}
        if _is_small(snapshot):
            while there and sum(one.payload_bytes for one in there.values()) + snapshot.payload_bytes > IN_MEMORY:
                there.pop(next(iter(there))).let_go()
            with suppress(OSError):  # it is read in place
                snapshot.hold()
                there[snapshot.sha256] = snapshot
        self._in_memory = there
        self._gave_way = frozenset(name for name, one in self._kept.items() if name not in there and _is_small(one))

    def _may_try(self, sha256: str) -> bool:
        failed_at = self._failed_at.get(sha256)
        return failed_at is None or self._monotonic() - failed_at >= RETRY_SECONDS

    def _note_failure(self, sha256: str, error: SnapshotUnreadable) -> None:
        if sha256 not in self._failed_at:
            _log.error("register snapshot unreadable: %s", error)
        self._failed_at = {**_newest(self._failed_at, but=sha256), sha256: self._monotonic()}
        self._verified_at.pop(sha256, None)


def _is_small(snapshot: Snapshot) -> bool:
    """Return whether the payload may be in memory; that of an earlier version's file always is."""
    return snapshot.file is not None and snapshot.payload_bytes <= IN_MEMORY


def _newest(kept: dict[str, _T], *, but: str = "") -> dict[str, _T]:
    """Return the newest of what is kept, with room for one more."""
    return {name: value for name, value in list(kept.items())[-(KEPT - 1) :] if name != but}
