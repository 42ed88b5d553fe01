"""Register snapshots: the numbers of one register version in one immutable file that all processes read in common.

A file ``<name>.snapshot`` is a header (``dnc.registers.headers``), whose SHA-256 is the name, and a payload: a roaring
bitmap of E.164 integers (46701740605) in the portable 64-bit form, which any roaring library reads. A process opens
it by reading the header alone; a look-up then reads a block or two of the payload, which the machine holds once, in its
page cache. **Every block is checked each time it is read**: no answer is taken from other bytes than were written,
however and whenever the file was changed. What cannot be read, or is not what its name says, raises: it is never taken
for an empty register.

The file is written beside its place, synchronised and renamed, so that a file under a snapshot's name is whole or
absent, through kill -9 and power cut. Files of earlier versions, ``<SHA-256 of the whole>.roaring``, are a payload
alone; they are checked once and read whole into memory.
"""

import fcntl
import hashlib
import os
import re
import secrets
import sys
import weakref
from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from hashlib import sha256 as _sha256
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap64

from dnc.registers.containers import LOW_BITS, NUMBER_BYTES, RUN_BYTES, Kind
from dnc.registers.headers import (
    BLOCK,
    BLOCK_BITS,
    DIGEST,
    Header,
    HeaderUnreadable,
    header_bytes,
    header_in_memory,
    read_header,
)
from dnc.registers.lookups import listed_of

SUFFIX, OLD_SUFFIX = ".snapshot", ".roaring"
UNFINISHED = ".unfinished-"
LARGEST = 2**63

_LOW = (1 << LOW_BITS) - 1
_PLACES_KEPT = 1 << 17  # containers whose place is at hand, some 15 MB at most; more are found again when asked
_WINDOW = 128  # entries on either side of where a number is expected: four deviations of an even spread
_SPAN = 1 << 20  # bytes read at once when many blocks are wanted
_NAME = re.compile(r"[0-9a-f]{64}")
_Read = Callable[[int, int], bytes]


class SnapshotUnreadable(Exception):
    """The snapshot is missing, damaged or not the one that its name promises: what it lists is not known."""


class Snapshot:
    """The numbers of one register version. Immutable; safe for many threads.

    Everything that reads raises ``SnapshotUnreadable`` if what it has to read is damaged or cannot be read; what lies
    elsewhere in the file can still be asked. ``coverage`` is the name of the snapshot of the numbers that this one
    speaks of, None if it speaks of all. ``file`` is the file's device and inode, None if it is held in memory.
    """

    __slots__ = ("__weakref__", "_header", "_places", "_read", "coverage", "file", "sha256")

    def __init__(self, sha256: str, header: Header, read: _Read, file: tuple[int, int] | None) -> None:
        self.sha256 = sha256
        self.coverage = header.coverage
        self.file = file
        self._header = header
        self._read = read
        self._places: dict[int, int] = {}

    def __contains__(self, number: int) -> bool:
        if not 0 <= number < LARGEST:
            return False
        place = self._places.get(number >> LOW_BITS)
        if place is None:
            place = self._find(number >> LOW_BITS)
        if not place:
            return False
        start, low = place >> 18, number & _LOW
        match place >> 16 & 3:
            case Kind.BITMAP:
                at = start + (low >> 3)
                return self._checked(at, at + 1)[0] >> (low & 7) & 1 == 1
            case Kind.ARRAY:
                return self._entry(start, (place & _LOW) + 1, NUMBER_BYTES, low)[0] == low
            case _:
                first, more = self._entry(start, (place & _LOW) + 1, RUN_BYTES, low)
                return first <= low <= first + more

    def __len__(self) -> int:
        return self._header.count

    def __iter__(self) -> Iterator[int]:
        return iter(self.numbers())

    def __repr__(self) -> str:
        return f"Snapshot({self.sha256[:12]}…, {len(self)} numbers)"

    def numbers(self) -> BitMap64:
        """Return all numbers, in memory, every block checked."""
        content = b"".join(self._spans())
        try:
            return BitMap64.deserialize(content)
        except (IndexError, ValueError, MemoryError) as error:
            raise SnapshotUnreadable(f"the snapshot {self.sha256[:12]}… holds no numbers that can be read") from error

    def verify(self) -> None:
        """Check every block of the file."""
        for _ in self._spans():
            pass

    def listed_of(self, numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return for each of ``numbers``, in any order, whether it is listed. Memory grows with ``numbers`` alone."""
        return listed_of(numbers, self._header, self._checked)

    def _find(self, key: int) -> int:
        """Return the place of the container with this key, 0 if there is none, and keep it at hand."""
        containers = self._header.containers
        index = int(np.searchsorted(containers.keys, np.uint64(key)))
        is_there = index < len(containers.keys) and int(containers.keys[index]) == key
        place = int(containers.places[index]) if is_there else 0
        if len(self._places) >= _PLACES_KEPT:
            self._places = {}
        self._places[key] = place
        return place

    def _entry(self, start: int, count: int, width: int, low: int) -> tuple[int, int]:
        """Return the last of ``count`` sorted entries of ``width`` bytes that begins at or below ``low``; -1 if none.

        The first guess is where ``low`` would be if the entries were evenly spread, so mostly one block is read.
        """
        first, end, guess = 0, count, count * low >> LOW_BITS
        while True:
            left, right = max(first, guess - _WINDOW), min(end, guess + _WINDOW)
            window = memoryview(self._checked(start + left * width, start + right * width)).cast("H")
            begins = window[:: width // NUMBER_BYTES]
            found = bisect_right(begins, low)
            if found == 0 and left > first:
                end = left
            elif found == right - left and right < end:
                first = right - 1  # the last of these may be the one
            elif found == 0:
                return -1, -1
            else:
                more = window[(found - 1) * 2 + 1] if width == RUN_BYTES else 0
                return begins[found - 1], more
            guess = (first + end) // 2

    def _checked(self, start: int, end: int) -> bytes:
        """Return the payload's bytes from ``start`` to ``end``, after seeing that their blocks are as written."""
        header = self._header
        block, last = start >> BLOCK_BITS, (end - 1) >> BLOCK_BITS
        aligned = block << BLOCK_BITS
        try:
            content = self._read((last + 1 - block) << BLOCK_BITS, header.payload_at + aligned)
        except OSError as error:
            raise self._unreadable(error) from error
        if block == last:
            if _sha256(content).digest()[:DIGEST] != header.digests[block * DIGEST : (block + 1) * DIGEST]:
                raise SnapshotUnreadable(f"the snapshot {self.sha256[:12]}… is damaged in block {block}")
            return content[start - aligned : end - aligned]
        view = memoryview(content)
        for number in range(block, last + 1):
            at = (number - block) << BLOCK_BITS
            digest = _sha256(view[at : at + BLOCK]).digest()
            if digest[:DIGEST] != header.digests[number * DIGEST : (number + 1) * DIGEST]:
                raise SnapshotUnreadable(f"the snapshot {self.sha256[:12]}… is damaged in block {number}")
        return content[start - aligned : end - aligned]

    def _spans(self) -> Iterator[bytes]:
        size = self._header.payload_bytes
        for start in range(0, size, _SPAN):
            yield self._checked(start, min(start + _SPAN, size))

    def _unreadable(self, error: OSError) -> SnapshotUnreadable:
        return SnapshotUnreadable(f"the snapshot {self.sha256[:12]}… cannot be read ({type(error).__name__})")


def snapshot_path(directory: Path, sha256: str) -> Path:
    """Return where the snapshot of this name lies.

    Raises:
        SnapshotUnreadable: ``sha256`` is not 64 small hexadecimal digits.
    """
    if not _NAME.fullmatch(sha256):
        raise SnapshotUnreadable("a snapshot is named by 64 small hexadecimal digits")
    return directory / f"{sha256}{SUFFIX}"


def write_snapshot(directory: Path, numbers: BitMap64, *, covered: Snapshot | None = None) -> Snapshot:
    """Return ``numbers`` as a snapshot that is on disk, durable, when this returns.

    ``covered`` holds the numbers that the register was asked about, if it could not be had whole: of any other number
    the new snapshot says nothing. The same numbers, however gathered, give the same file; one that is there already
    and whole is left alone.

    Raises:
        ValueError: ``covered`` itself speaks of some numbers only.
    """
    if covered is not None and covered.coverage is not None:
        raise ValueError("a coverage speaks of all numbers")
    numbers.run_optimize()
    numbers.shrink_to_fit()
    payload = numbers.serialize()
    header = header_bytes(payload, len(numbers), covered.sha256 if covered is not None else None)
    sha256 = hashlib.sha256(header).hexdigest()
    path = snapshot_path(directory, sha256)
    with suppress(SnapshotUnreadable):
        there = read_snapshot(directory, sha256)
        there.verify()
        return there
    with unfinished_file(directory) as (file, beside):
        file.write(header)
        file.write(payload)
        file.flush()
        os.fsync(file.fileno())
        beside.rename(path)
        _synchronise(directory)
    return read_snapshot(directory, sha256)


def read_snapshot(directory: Path, sha256: str) -> Snapshot:
    """Return the snapshot of this name, its header checked; the rest is checked as it is read.

    Raises:
        SnapshotUnreadable: it is missing, cannot be read, or its header has been changed.
    """
    path = snapshot_path(directory, sha256)
    if sys.byteorder != "little":
        raise SnapshotUnreadable("snapshots are read on little-endian machines only")
    try:
        with suppress(FileNotFoundError):
            return _opened(path, sha256)
        return _read_whole(path.with_suffix(OLD_SUFFIX), sha256)
    except OSError as error:
        raise SnapshotUnreadable(f"the snapshot {sha256[:12]}… cannot be read ({type(error).__name__})") from error
    except (HeaderUnreadable, MemoryError) as error:
        raise SnapshotUnreadable(f"the snapshot {sha256[:12]}… cannot be used: {error}") from error


def file_in_place(directory: Path, sha256: str) -> tuple[int, int] | None:
    """Return the device and inode of the file that has this snapshot's name now; None if there is none."""
    try:
        status = snapshot_path(directory, sha256).stat()
    except (OSError, SnapshotUnreadable):
        return None
    return status.st_dev, status.st_ino


def _opened(path: Path, sha256: str) -> Snapshot:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        status = os.fstat(descriptor)
        read: _Read = partial(os.pread, descriptor)
        header = read_header(read, status.st_size, sha256)
    except BaseException:
        os.close(descriptor)
        raise
    snapshot = Snapshot(sha256, header, read, (status.st_dev, status.st_ino))
    weakref.finalize(snapshot, os.close, descriptor)
    return snapshot


def _read_whole(path: Path, sha256: str) -> Snapshot:
    """Return the snapshot of an earlier version's file."""
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise SnapshotUnreadable(f"the snapshot {sha256[:12]}… is damaged")
    try:
        header = header_in_memory(content, len(BitMap64.deserialize(content)))
    except (IndexError, ValueError, MemoryError) as error:
        raise SnapshotUnreadable(f"the snapshot {sha256[:12]}… holds no numbers that can be read") from error
    return Snapshot(sha256, header, lambda length, at: content[at : at + length], None)


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
