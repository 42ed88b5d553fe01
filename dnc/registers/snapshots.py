"""Register snapshots: the numbers of one register version in one immutable file, named by its own SHA-256.

The file is a roaring bitmap of E.164 integers (46701740605) in the portable 64-bit format. It is written beside its
place, synchronised and renamed, so that a file under a snapshot's name is whole or absent, through kill -9 and power
cut. What cannot be read, or is not what its name says, raises: it is never taken for an empty register.
"""

import fcntl
import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from pyroaring import BitMap64

SUFFIX = ".roaring"
UNFINISHED = ".unfinished-"
LARGEST = 2**63
_SHA256 = re.compile(r"[0-9a-f]{64}")


class SnapshotUnreadable(Exception):
    """The snapshot is missing, damaged or not the one that its name promises: what it lists is not known."""


class Snapshot:
    """The numbers of one register version. Immutable; safe for many threads."""

    __slots__ = ("_numbers", "sha256")

    def __init__(self, sha256: str, numbers: BitMap64) -> None:
        self.sha256 = sha256
        self._numbers = numbers

    def __contains__(self, number: int) -> bool:
        return 0 <= number < LARGEST and number in self._numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[int]:
        return iter(self._numbers)

    def __repr__(self) -> str:
        return f"Snapshot({self.sha256[:12]}…, {len(self)} numbers)"


def snapshot_path(directory: Path, sha256: str) -> Path:
    """Return where the snapshot of this SHA-256 lies.

    Raises:
        SnapshotUnreadable: ``sha256`` is not 64 small hexadecimal digits.
    """
    if not _SHA256.fullmatch(sha256):
        raise SnapshotUnreadable("a snapshot is named by 64 small hexadecimal digits")
    return directory / f"{sha256}{SUFFIX}"


def write_snapshot(directory: Path, numbers: BitMap64) -> Snapshot:
    """Return ``numbers`` as a snapshot that is on disk, durable, when this returns.

    The same numbers, however gathered, give the same file; one that is there already and whole is left alone.
    """
    numbers.run_optimize()
    numbers.shrink_to_fit()
    content = numbers.serialize()
    sha256 = hashlib.sha256(content).hexdigest()
    path = snapshot_path(directory, sha256)
    with suppress(SnapshotUnreadable):
        return read_snapshot(directory, sha256)
    with unfinished_file(directory) as (file, beside):
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
        beside.rename(path)
        _synchronise(directory)
    return Snapshot(sha256, numbers)


def read_snapshot(directory: Path, sha256: str) -> Snapshot:
    """Return the snapshot of this SHA-256, after seeing that its file is the one that was written.

    Raises:
        SnapshotUnreadable: it is missing, cannot be read, or has been changed.
    """
    path = snapshot_path(directory, sha256)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SnapshotUnreadable(f"the snapshot {sha256[:12]}… cannot be read ({type(error).__name__})") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise SnapshotUnreadable(f"the snapshot {sha256[:12]}… is damaged")
    try:
        return Snapshot(sha256, BitMap64.deserialize(content))
    except (IndexError, ValueError, MemoryError) as error:
        raise SnapshotUnreadable(f"the snapshot {sha256[:12]}… holds no numbers that can be read") from error


@contextmanager
def unfinished_file(directory: Path) -> Iterator[tuple[IO[bytes], Path]]:
    """Give a new file in ``directory``, readable by its owner alone, gone after the block unless it was renamed.

    It stays locked while this process lives, which is how ``sweep_unfinished`` tells work from what a crash left.
    """
    directory.mkdir(parents=True, exist_ok=True)
    while True:
        path = directory / f"{UNFINISHED}{secrets.token_hex(8)}"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            break
        os.close(descriptor)  # swept between its making and its locking
    with os.fdopen(descriptor, "w+b") as file:
        try:
            yield file, path
        finally:
            path.unlink(missing_ok=True)


def sweep_unfinished(directory: Path) -> int:
    """Remove what writers that are no more left unfinished in ``directory``; return how many files. Harms no writer."""
    swept = 0
    for path in directory.glob(f"{UNFINISHED}*"):
        with suppress(OSError):
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
                swept += 1
            finally:
                os.close(descriptor)
    return swept


def _synchronise(directory: Path) -> None:
    """Make the directory's names durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
