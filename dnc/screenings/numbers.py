"""Numbers read and told apart a column at a time. ``core.numbers`` is the authority: what is settled means the same.

Only Swedish mobile numbers in their common spellings are read here; everything else, once for each that is written
differently, is read there. The tests hold the two against each other.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from core.numbers import Number, NumberFault, NumberKind, read_number

Ints = npt.NDArray[np.int64]
Plan = tuple[str | None, NumberKind, bool]

_WRITTEN: Final = (
    r"^(?:0|\+46)7[02369](?:-?[0-9]{7}|[ -][0-9]{3} ?[0-9]{4}|[ -][0-9]{3} [0-9]{2} [0-9]{2}"
    r"|[ -][0-9]{2} [0-9]{2} [0-9]{3})$"
)
_PREFIXES: Final = np.array([4670, 4672, 4673, 4676, 4679], dtype=np.int64)
_AFTER_PREFIX: Final = 10_000_000
_MOBILE: Final[Plan] = ("SE", NumberKind.MOBILE, True)
FAULTS: Final = tuple(NumberFault)
"""What a cell without a number is told apart by: in place n it has the value -1 - n."""


def read_cells(cells: pl.Series) -> Ints:
    """Return the E.164 value of each cell, or -1 and less for a fault: ``fault_of`` says which. A null is empty."""
    cells = cells.fill_null("")
    is_mobile = cells.str.contains(_WRITTEN)
    digits = cells.str.replace_all("-", "", literal=True).str.replace_all(" ", "", literal=True)
    digits = digits.str.replace(r"^(?:0|\+46)", "46")
    values = pl.select(pl.when(is_mobile).then(digits).otherwise(None)).to_series().cast(pl.Int64).fill_null(0)
    found = values.to_numpy().copy()
    if not is_mobile.all():
        others = cells.filter(~is_mobile)
        written = others.unique()
        read = pl.Series([_value(text) for text in written], dtype=pl.Int64)
        found[~is_mobile.to_numpy()] = others.replace_strict(written, read).to_numpy()
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
