"""Numbers read and told apart a column at a time. ``core.numbers`` is the authority: what is settled means the same.

Only Swedish mobile numbers in their common spellings are read here; everything else, once for each that is written
differently, is read there. The tests hold the two against each other.
"""

import re
from collections.abc import Sequence
from itertools import product
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from core.numbers import Number, NumberFault, NumberKind, read_number

Ints = npt.NDArray[np.int64]
Plan = tuple[str | None, NumberKind, bool]
_Shapes = tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]

_WIDEST: Final = 16
"""Bytes that are looked at: one more than the longest common spelling has."""
_BEYOND: Final = np.where(np.arange(_WIDEST) >= np.arange(_WIDEST + 1)[:, None], 0xFF, 0).astype(np.uint8)
"""What covers the bytes after the end of a cell, by its length: no byte of UTF-8."""
_HEADS: Final = ("0", "+46")
_TAILS: Final = (
    "0000000",
    *(f"{mark}{rest}" for mark in "- " for rest in ("0000000", "000 0000", "000 00 00", "00 00 000")),
)
_SPELLINGS: Final = tuple(f"{head}70{tail}" for head, tail in product(_HEADS, _TAILS))
"""The common spellings of +46 70 000 00 00; each other digit after the 7 may stand for a 0."""
_FIRST: Final = 46_700_000_000
_PREFIXES: Final = np.array([4670, 4672, 4673, 4676, 4679], dtype=np.int64)
_AFTER_PREFIX: Final = 10_000_000
_MOBILE: Final[Plan] = ("SE", NumberKind.MOBILE, True)
FAULTS: Final = tuple(NumberFault)
"""What a cell without a number is told apart by: in place n it has the value -1 - n."""


def read_spans(text: bytes, starts: Ints, stops: Ints) -> Ints:
    """Return the E.164 value of each cell, or -1 and less for a fault: ``fault_of`` says which.

    Cell n is what stands in the UTF-8 ``text`` from ``starts[n]`` to ``stops[n]``.
    """
    padded = np.frombuffer(text + bytes(_WIDEST), dtype=np.uint8)
    cells = np.lib.stride_tricks.sliding_window_view(padded, _WIDEST)[starts]
    cells |= _BEYOND[np.minimum(stops - starts, _WIDEST)]
    digits = cells - ord("0")
    shapes = (cells - digits * (digits <= 9)).view(np.uint64)  # noqa: PLR2004 - the last digit
    halves = np.ascontiguousarray(shapes[:, 0]), np.ascontiguousarray(shapes[:, 1])
    found = np.full(len(cells), -1, dtype=np.int64)
    for spelling in _SPELLINGS:
        _read_spelling(spelling, digits, halves, found)
    is_read = np.isin(found // _AFTER_PREFIX, _PREFIXES)
    known: dict[bytes, int] = {}
    for place in np.flatnonzero(~is_read).tolist():
        cell = text[starts[place] : stops[place]]
        value = known.get(cell)
        if value is None:
            value = known[cell] = _value(cell.decode())
        found[place] = value
    return found


def _read_spelling(spelling: str, digits: npt.NDArray[np.uint8], shapes: _Shapes, found: Ints) -> None:
    """Put the values of the cells that are spelled so in their places in ``found``."""
    shape = np.full(_WIDEST, 0xFF, dtype=np.uint8)
    shape[: len(spelling)] = np.frombuffer(re.sub("[0-9]", "0", spelling).encode(), dtype=np.uint8)
    begin, rest = shape.view(np.uint64)
    places = np.flatnonzero(shapes[0] == begin)
    places = places[shapes[1][places] == rest]
    if not len(places):
        return
    read = digits[places]
    columns = [at for at, mark in enumerate(spelling) if mark.isdecimal()]
    head, tail = columns[:-8], columns[-8:]
    values: Ints = read[:, tail[0]].astype(np.int64)
    for at in tail[1:]:
        values = values * 10 + read[:, at]
    values += _FIRST
    is_ours = np.all([read[:, at] == int(spelling[at]) for at in head], axis=0)
    found[places[is_ours]] = values[is_ours]


def read_cells(cells: pl.Series) -> Ints:
    """Return what ``read_spans`` does of each cell. A null, of a row that cannot be read, is ambiguous."""
    is_unread = cells.is_null().to_numpy()
    cells = cells.fill_null("")
    lengths = cells.str.len_bytes().cast(pl.Int64).to_numpy()
    stops = np.cumsum(lengths)
    found = read_spans("".join(cells).encode(), stops - lengths, stops)
    found[is_unread] = -1 - FAULTS.index(NumberFault.AMBIGUOUS)
    return found


def _value(text: str) -> int:
    if len(text) in _FAULTS_OF_SHORT and text.isascii() and text.isdigit() and text[0] == "0" != text[1]:
        return _FAULTS_OF_SHORT[len(text)]
    number = read_number(text)
    return -1 - FAULTS.index(number) if isinstance(number, NumberFault) else number.value


def _fault_of_short(length: int) -> int:
    number = read_number("0" + "8" * (length - 1))
    assert isinstance(number, NumberFault)  # noqa: S101 - as the tests see for every such text
    return -1 - FAULTS.index(number)


_FAULTS_OF_SHORT: Final = {length: _fault_of_short(length) for length in range(2, 7)}
"""Of so few digits after a zero only their count tells; most numbers that are read slowly were cut off so."""


def fault_of(value: int) -> NumberFault:
    """Return why there is no number, by the value that ``read_cells`` gave."""
    return FAULTS[-1 - value]


def plans_of(numbers: Ints) -> tuple[Ints, list[Plan]]:
    """Return for each number the place of what its numbering plan says of it, and what that is."""
    codes = np.zeros(len(numbers), dtype=np.int64)
    plans: list[Plan] = [_MOBILE]
    places = {_MOBILE: 0}
    for at in np.flatnonzero(~np.isin(numbers // _AFTER_PREFIX, _PREFIXES)):
        plan = Number(int(numbers[at])).plan
        place = places.get(plan)
        if place is None:
            place = places[plan] = len(plans)
            plans.append(plan)
        codes[at] = place
    return codes, plans


def countries_of(plans: Sequence[Plan]) -> list[str | None]:
    """Return the country of each plan's number."""
    return [plan[0] for plan in plans]
