"""Many numbers against one snapshot at once: sorted, so that each block is read and checked once."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from dnc.registers.containers import LOW_BITS, NUMBER_BYTES, RUN_BYTES, Kind
from dnc.registers.headers import BLOCK, BLOCK_BITS, Header

_BLOCKS_AT_ONCE = 4096
_LOW = (1 << LOW_BITS) - 1


def listed_of(numbers: NDArray[np.int64], header: Header, checked: Callable[[int, int], bytes]) -> NDArray[np.bool_]:
    """Return for each number whether it is in the payload that ``checked`` gives parts of (from one byte to another).

    What ``checked`` raises when a part is damaged passes through.
    """
    listed = np.zeros(len(numbers), np.bool_)
    order = np.argsort(numbers, kind="stable")
    order = order[np.searchsorted(numbers[order], 0) :]  # no number is negative
    ordered = numbers[order].astype(np.uint64)
    keys = ordered >> np.uint64(LOW_BITS)
    containers = header.containers
    index = np.searchsorted(containers.keys, keys)
    is_there = index < len(containers.keys)
    is_there[is_there] = containers.keys[index[is_there]] == keys[is_there]
    order, ordered, index = order[is_there], ordered[is_there], index[is_there]
    places, low = containers.places[index], (ordered & np.uint64(_LOW)).astype(np.int64)
    in_bitmap = (places >> np.uint64(LOW_BITS) & np.uint64(3)) == Kind.BITMAP
    starts = (places >> np.uint64(18)).astype(np.int64)
    bits = low[in_bitmap]
    at = starts[in_bitmap] + (bits >> 3)
    listed[order[in_bitmap]] = (_bytes_at(at, header.payload_bytes, checked) >> (bits & 7).astype(np.uint8) & 1) == 1
    elsewhere = ~in_bitmap
    listed[order[elsewhere]] = _in_entries(index[elsewhere], places[elsewhere], low[elsewhere], checked)
    return listed


def _bytes_at(at: NDArray[np.int64], payload_bytes: int, checked: Callable[[int, int], bytes]) -> NDArray[np.uint8]:
    """Return the byte at each of the sorted places; blocks that lie side by side are read together."""
    found = np.empty(len(at), np.uint8)
    blocks, firsts = np.unique(at >> BLOCK_BITS, return_index=True)
    ends = np.append(firsts[1:], len(at))
    breaks = np.flatnonzero(np.diff(blocks) != 1) + 1
    runs = np.unique(np.concatenate((breaks, np.arange(0, len(blocks), _BLOCKS_AT_ONCE)))).tolist()
    for first, beyond in pairwise([*runs, len(blocks)]):
        start = int(blocks[first]) << BLOCK_BITS
        end = min((int(blocks[beyond - 1]) << BLOCK_BITS) + BLOCK, payload_bytes)
        content = np.frombuffer(checked(start, end), np.uint8)
        part = slice(int(firsts[first]), int(ends[beyond - 1]))
        found[part] = content[at[part] - start]
    return found


def _in_entries(
    index: NDArray[np.intp], places: NDArray[np.uint64], low: NDArray[np.int64], checked: Callable[[int, int], bytes]
) -> NDArray[np.bool_]:
    """Return for each number, sorted by container, whether its container's array or runs hold it."""
    found = np.zeros(len(index), np.bool_)
    firsts = np.unique(index, return_index=True)[1].tolist()
    for first, beyond in pairwise([*firsts, len(index)]):
        place = int(places[first])
        start, count, has_runs = place >> 18, (place & _LOW) + 1, place >> LOW_BITS & 3 == Kind.RUNS
        size = count * (RUN_BYTES if has_runs else NUMBER_BYTES)
        entries = np.frombuffer(checked(start, start + size), "<u2").reshape(count, -1)
        asked = low[first:beyond]
        last = np.searchsorted(entries[:, 0], asked, side="right") - 1
        begins = entries[last, 0].astype(np.int64)
        more = entries[last, 1].astype(np.int64) if has_runs else 0
        found[first:beyond] = (last >= 0) & (asked <= begins + more)
    return found
