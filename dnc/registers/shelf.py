"""The snapshots that a process holds in memory, for the check that asks them before every call."""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from dnc.registers.snapshots import LARGEST, Snapshot, SnapshotUnreadable, read_snapshot

KEPT = 3
RETRY_SECONDS = 5.0

_log = logging.getLogger(__name__)


class RegisterShelf:
    """Loads snapshots on first use and keeps the newest few. One per process; safe for many threads.

    A look-up takes no lock: it reads a dict that is replaced, never changed. A node follows a new version with its next
    check, because the check asks for the snapshot that the database names.
    """

    def __init__(self, registers_dir: Path, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._directory = registers_dir
        self._monotonic = monotonic
        self._held: dict[str, Snapshot] = {}
        self._failed_at: dict[str, float] = {}
        self._lock = threading.Lock()

    def listed(self, sha256: str, number: int) -> bool | None:
        """Return whether the snapshot lists ``number`` (an E.164 integer); None if the snapshot cannot be read."""
        snapshot = self._held.get(sha256)
        if snapshot is None:
            snapshot = self._load(sha256)
        return None if snapshot is None or not 0 <= number < LARGEST else number in snapshot

    def snapshot(self, sha256: str) -> Snapshot | None:
        """Return the snapshot, or None if it cannot be read now; that is tried again after ``RETRY_SECONDS``."""
        held = self._held.get(sha256)
        return held if held is not None else self._load(sha256)

    def is_readable(self, sha256: str) -> bool:
        """Return whether the snapshot can be read here."""
        return self.snapshot(sha256) is not None

    def _load(self, sha256: str) -> Snapshot | None:
        with self._lock:
            held = self._held.get(sha256)
            if held is not None:
                return held
            failed_at = self._failed_at.get(sha256)
            if failed_at is not None and self._monotonic() - failed_at < RETRY_SECONDS:
                return None
            try:
                snapshot = read_snapshot(self._directory, sha256)
            except SnapshotUnreadable as error:
                if failed_at is None:
                    _log.error("register snapshot unreadable: %s", error)
                    self._failed_at = dict(list(self._failed_at.items())[-KEPT:])
                self._failed_at[sha256] = self._monotonic()
                return None
            self._failed_at.pop(sha256, None)
            newest = list(self._held.items())[-(KEPT - 1) :]
            self._held = {**dict(newest), sha256: snapshot}
            return snapshot
