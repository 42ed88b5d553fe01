"""Where each container of a roaring bitmap lies in its portable 64-bit form, so that one number is found by itself.

The form is that of https://github.com/RoaringBitmap/RoaringFormatSpec: numbers that share all but their low 16 bits are
one container, which is a sorted array of the low bits, a bitmap of 65,536 bits, or a sorted list of runs. Pure.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

LOW_BITS = 16
NUMBER_BYTES, RUN_BYTES = 2, 4
BITMAP_BYTES = 8192
_ARRAY_LIMIT = 4096
_NO_RUNS, _WITH_RUNS = 12346, 12347
_OFFSETS_FROM = 4  # a bitmap with runs names its containers' places only if it has this many


class Kind(IntEnum):
    """How a container holds its numbers; part of the file form, so the values stay as they are."""

    ARRAY = 0
    BITMAP = 1
    RUNS = 2


@dataclass(frozen=True, slots=True)
class Containers:
    """The containers in order of their numbers.

    ``keys`` are the numbers' bits above the low 16. ``places`` say where and how, packed: the offset of the first byte
    of its entries << 18 | the ``Kind`` << 16 | entries - 1; an entry is a number, a bit's number or a run.
    """

    keys: NDArray[np.uint64]
    places: NDArray[np.uint64]


def containers_of(content: bytes) -> Containers:
    """Return where the containers of ``content``, a serialised bitmap, lie.

    Raises:
        ValueError: it is not in that form, or does not end where it should.
    """
    try:
        return _read(content)
    except (IndexError, OverflowError) as error:
        raise ValueError("no roaring bitmap in the portable form") from error


def _read(content: bytes) -> Containers:
    keys: list[NDArray[np.uint64]] = [np.empty(0, np.uint64)]
    places: list[NDArray[np.uint64]] = [np.empty(0, np.uint64)]
    at = 8
    for _ in range(_integer(content, 0, 8)):
        high = _integer(content, at, 4)
        low_keys, found, at = _read_half(content, at + 4)
        keys.append(low_keys | np.uint64(high << LOW_BITS))
        places.append(found)
    if at != len(content):
        raise ValueError("the bitmap does not end where the file does")
    return Containers(np.concatenate(keys), np.concatenate(places))


def _read_half(content: bytes, start: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64], int]:
    """Return the keys and places of the 32-bit bitmap at ``start``, and where it ends."""
    cookie = _integer(content, start, 4)
    if cookie & 0xFFFF == _WITH_RUNS:
        count = (cookie >> 16) + 1
        at = start + 4 + (count + 7) // 8
        flags = np.frombuffer(content, np.uint8, (count + 7) // 8, start + 4)
        has_runs = np.unpackbits(flags, count=count, bitorder="little").astype(bool)
    elif cookie == _NO_RUNS:
        count = _integer(content, start + 4, 4)
        at, has_runs = start + 8, np.zeros(count, bool)
    else:
        raise ValueError("no roaring bitmap in the portable form")
    described = np.frombuffer(content, "<u2", 2 * count, at).astype(np.uint64)
    keys, counts = described[0::2], described[1::2] + 1
    at += 4 * count
    kinds = np.where(has_runs, Kind.RUNS, np.where(counts > _ARRAY_LIMIT, Kind.BITMAP, Kind.ARRAY))
    sizes = np.where(kinds == Kind.BITMAP, BITMAP_BYTES, 2 * counts).astype(np.int64)
    if count == 0:
        return keys, keys, at
    if cookie == _NO_RUNS or count >= _OFFSETS_FROM:
        starts = np.frombuffer(content, "<u4", count, at).astype(np.int64) + start
        if starts[0] != at + 4 * count:
            raise ValueError("the bitmap's containers are not where they should be")
    else:
        starts = np.empty(count, np.int64)
        for place in range(count):
            starts[place] = at
            at += 2 + 4 * _integer(content, at, 2) if has_runs[place] else int(sizes[place])
    for place in np.flatnonzero(has_runs).tolist():
        runs = _integer(content, int(starts[place]), 2)
        sizes[place] = 2 + 4 * runs
        counts[place] = runs
    if not np.array_equal(starts[1:], (starts + sizes)[:-1]):
        raise ValueError("the bitmap's containers are not where they should be")
    entries = (starts + 2 * has_runs).astype(np.uint64)
    return keys, entries << 18 | kinds.astype(np.uint64) << 16 | counts - 1, int(starts[-1] + sizes[-1])


def _integer(content: bytes, at: int, size: int) -> int:
    found = content[at : at + size]
    if len(found) != size:
        raise IndexError(at)
    return int.from_bytes(found, "little")
