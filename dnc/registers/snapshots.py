"""Register snapshots: the numbers of one register version in one immutable file that all processes read in common.

A file ``<name>.snapshot`` is a header (``dnc.registers.headers``), whose SHA-256 is the name, and a payload: a roaring
bitmap of E.164 integers (46701740605) in the portable 64-bit form, which any roaring library reads. A process opens
it by reading the header alone; a look-up then reads a block or two of the payload, which the machine holds once, in its
page cache. A process can hold a payload itself, and a shelf does so with a few small ones. **Every block is checked
each time it is read**: no answer is taken from other bytes than were written, however and whenever the file was
changed. What cannot be read, or is not what its name says, raises: it is never taken for an empty register.

The file is written beside its place, synchronised and renamed, so that a file under a snapshot's name is whole or
absent, through kill -9 and power cut. Files of earlier versions, ``<SHA-256 of the whole>.roaring``, are a payload
alone; they are checked once and read whole into memory.
"""

import hashlib
import os
import re
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

from core.errors import StorageUnavailable
from core.held_files import open_held, sweep_left
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

_LOW, _IN_BLOCK = (1 << LOW_BITS) - 1, BLOCK - 1
_PLACES_KEPT = 1 << 17  # containers whose place is at hand, some 15 MB at most; more are found again when asked
_ARRAY, _BITMAP = int(Kind.ARRAY), int(Kind.BITMAP)  # comparing with plain integers is faster
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

    __slots__ = (
        "__weakref__",
        "_digests",
        "_header",
        "_payload_at",
        "_places",
        "_read",
        "_read_file",
        "coverage",
        "file",
        "sha256",
    )

    def __init__(self, sha256: str, header: Header, read_file: _Read, file: tuple[int, int] | None) -> None:
        self.sha256 = sha256
        self.coverage = header.coverage
        self.file = file
        self._header = header
        self._digests, self._payload_at = header.digests, header.payload_at  # at hand for every look-up
        self._read_file = self._read = read_file
        self._places: dict[int, int] = {}

    def __contains__(self, number: int) -> bool:
        if not 0 <= number < LARGEST:
            return False
        place = self._places.get(number >> LOW_BITS)
        if place is None:
            place = self._find(number >> LOW_BITS)
        if not place:
            return False
        start, kind, low = place >> 18, place >> LOW_BITS & 3, number & _LOW
        if kind == _BITMAP:
            at = start + (low >> 3)
            return self._block(at >> BLOCK_BITS)[at & _IN_BLOCK] >> (low & 7) & 1 == 1
        return (self._in_array if kind == _ARRAY else self._in_runs)(start, (place & _LOW) + 1, low)

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
        for _ in self._spans(self._read_file):
            pass

    @property
    def payload_bytes(self) -> int:
        """How many bytes ``hold`` takes."""
        return self._header.payload_bytes

    def hold(self) -> None:
        """Have all of the payload in this process's memory, so that a look-up needs no system call.

        Raises:
            OSError: the file cannot be read; it is read in place as before.
        """
        content = self._read_file(self._header.payload_bytes, self._payload_at)
        payload_at = self._payload_at
        self._read = lambda length, at: content[at - payload_at : at - payload_at + length]

    def let_go(self) -> None:
        """Read the payload in the file again."""
        self._read = self._read_file

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

    def _in_array(self, start: int, count: int, low: int) -> bool:
        """Return whether ``low`` is among ``count`` sorted numbers.

        It is sought where it would be if they were evenly spread, then in the blocks beside: mostly one is read.
        """
        wanted = low.to_bytes(NUMBER_BYTES, "little")
        first, end, guess = 0, count, count * low >> LOW_BITS
        while first < end:
            left, right = _within_block(start, first, end, guess, NUMBER_BYTES)
            window = self._checked(start + left * NUMBER_BYTES, start + right * NUMBER_BYTES)
            at = window.find(wanted)
            while at & 1 == 1 and at != -1:  # half of one number and half of the next
                at = window.find(wanted, at + 1)
            if at != -1:
                return True
            if low < window[0] | window[1] << 8:
                end, guess = left, left - 1
            elif low > window[-2] | window[-1] << 8:
                first = guess = right
            else:
                return False
        return False

    def _in_runs(self, start: int, count: int, low: int) -> bool:
        """Return whether ``low`` is in one of ``count`` sorted runs, sought like in an array."""
        first, end, guess = 0, count, count * low >> LOW_BITS
        while first < end:
            left, right = _within_block(start, first, end, guess, RUN_BYTES)
            window = memoryview(self._checked(start + left * RUN_BYTES, start + right * RUN_BYTES)).cast("H")
            found = bisect_right(window[::2], low)
            if found == 0:
                end, guess = left, left - 1
            elif low <= window[found * 2 - 2] + window[found * 2 - 1]:
                return True
            elif found == right - left:
                first = guess = right
            else:
                return False
        return False

    def _block(self, number: int) -> bytes:
        """Return a block of the payload, after seeing that it is as written; the last one may be short."""
        try:
            content = self._read(BLOCK, self._payload_at + (number << BLOCK_BITS))
        except OSError as error:
            raise self._unreadable(error) from error
        at = number * DIGEST
        if _sha256(content).digest()[:DIGEST] != self._digests[at : at + DIGEST]:
            raise self._damaged(number)
        return content

    def _checked(self, start: int, end: int, read: _Read | None = None) -> bytes:
        """Return the payload's bytes from ``start`` to ``end``, after seeing that their blocks are as written."""
        first, last = start >> BLOCK_BITS, (end - 1) >> BLOCK_BITS
        aligned = first << BLOCK_BITS
        if first == last and read is None:
            return self._block(first)[start - aligned : end - aligned]
        try:
            content = (read or self._read)((last + 1 - first) << BLOCK_BITS, self._payload_at + aligned)
        except OSError as error:
            raise self._unreadable(error) from error
        view, digests = memoryview(content), self._digests
        for number in range(first, last + 1):
            at = (number - first) << BLOCK_BITS
            digest = _sha256(view[at : at + BLOCK]).digest()
            if digest[:DIGEST] != digests[number * DIGEST : (number + 1) * DIGEST]:
                raise self._damaged(number)
        return content[start - aligned : end - aligned]

    def _spans(self, read: _Read | None = None) -> Iterator[bytes]:
        size = self._header.payload_bytes
        for start in range(0, size, _SPAN):
            yield self._checked(start, min(start + _SPAN, size), read)

    def _damaged(self, block: int) -> SnapshotUnreadable:
        return SnapshotUnreadable(f"the snapshot {self.sha256[:12]}… is damaged in block {block}")

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
        StorageUnavailable: the folder did not take the write (disk full, no permission, no folder).
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
    try:
        with unfinished_file(directory) as (file, beside):
            file.write(header)
            file.write(payload)
            file.flush()
            os.fsync(file.fileno())
            beside.rename(path)
            _synchronise(directory)
    except OSError as error:
        raise StorageUnavailable(f"the folder of registers did not take the write ({error.strerror})") from error
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


def _within_block(start: int, first: int, end: int, guess: int, width: int) -> tuple[int, int]:
    """Return from where to where the entries ``first`` to ``end`` lie in one block with ``guess``, itself included."""
    at = (start + guess * width) & ~_IN_BLOCK
    return max(first, -((start - at) // width)), max(guess + 1, min(end, (at + BLOCK - start) // width))


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

    This process holds it, which is how ``sweep_unfinished`` tells work from what a crash left.
    """
    directory.mkdir(parents=True, exist_ok=True)
    descriptor, path = open_held(directory, UNFINISHED)
    with os.fdopen(descriptor, "w+b") as file:
        try:
            yield file, path
        finally:
            path.unlink(missing_ok=True)


def sweep_unfinished(directory: Path) -> int:
    """Remove what writers that are no more left unfinished in ``directory``; return how many files. Harms no writer."""
    return sweep_left(directory, UNFINISHED)


def _synchronise(directory: Path) -> None:
    """Make the directory's names durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
