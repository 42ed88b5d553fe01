"""One row of a register file: which number, and whether the row lists it. The authority on what a line says.

``plain_lines`` reads most lines faster; what it reads is what is read here, which the tests hold against each other.
"""

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import phonenumbers

from core.clock import to_microseconds
from core.numbers import Number, NumberFault, read_number
from dnc.registers.errors import RegisterColumnMissing
from dnc.registers.layouts import Columns, FileKind, Layout, Prefix, folded

HEADING_DIGITS = 4  # a line with more of them may hold a number
_BEYOND_FIRST = re.compile(r'(?:^|[;,\t])[ "]*((?:\+|0|46)[0-9 ()/.-]{6,18})(?=[ "]*(?:[;,\t]|$))')
_BARE = re.compile(r" *[1-9]")
_BARE_BEYOND = re.compile(r'(?:^|[;,\t])[ "]*([1-9][0-9 ()/.-]{6,18})(?=[ "]*(?:[;,\t]|$))')
_BETWEEN = re.compile(r"[;,\t/|&]|\s+(?=\+|0[1-9])")
_DATE = re.compile(r"[0-9]{2}([-/.])[0-9]{2}\1[0-9]{4} *")


class RowFault(StrEnum):
    """Why a row is of no use although a number may stand in it."""

    MISSING_COLUMN = "missing_column"
    UNKNOWN_MARK = "unknown_mark"
    NOT_A_DATE = "not_a_date"


Fault = NumberFault | RowFault


@dataclass(frozen=True, slots=True)
class Row:
    """What a row says. ``at`` orders changes, in microseconds since 1970; 0 where rows have no date."""

    value: int
    is_listed: bool
    at: int


@dataclass(frozen=True, slots=True)
class Places:
    """Where the columns are, from 0; ``width`` None: any number of columns that reaches them."""

    number: int | None = None
    area: int | None = None
    local: int | None = None
    mark: int | None = None
    date: int | None = None
    width: int | None = None

    @property
    def last(self) -> int:
        """The furthest column that is read."""
        return max(
            (place for place in (self.number, self.area, self.local, self.mark, self.date) if place is not None),
            default=0,
        )


def is_heading(line: str) -> bool:
    """Say whether a line before all others names the columns rather than holds a number."""
    return line.lstrip(' "#')[:1].isalpha() and sum(map(str.isdigit, line)) <= HEADING_DIGITS


def is_named(columns: Columns) -> bool:
    """Say whether the columns are found by a heading, which the file must then have."""
    return any(isinstance(place, str) for place in columns.named.values())


def places_of(columns: Columns, kind: FileKind, headings: Sequence[str] = ()) -> Places:
    """Return where the columns are; ``headings`` are those of the file, if it has any.

    Raises:
        RegisterColumnMissing: a column is named that the file does not have, or has twice.
    """
    known = [folded(heading) for heading in headings]
    found = {}
    for name, place in columns.named.items():
        if isinstance(place, int):
            found[name] = place - 1
        elif known.count(folded(place)) == 1:
            found[name] = known.index(folded(place))
        else:
            raise RegisterColumnMissing(f"the column that the layout names for {name!r} is not there exactly once")
    is_changes = kind is FileKind.CHANGES
    return Places(
        number=found.get("number"),
        area=found.get("area"),
        local=found.get("local"),
        mark=found.get("action" if is_changes else "result"),
        date=found.get("date") if is_changes else None,
        width=columns.width or (len(headings) if is_named(columns) else None),
    )


class RowReader:
    """Reads lines of a file by its layout, one by one."""

    def __init__(self, layout: Layout, kind: FileKind, places: Places) -> None:
        self.layout, self.places = layout, places
        self.code = phonenumbers.country_code_for_region(layout.country)
        changes = kind is FileKind.CHANGES
        yes, no = (layout.adds, layout.deletes) if changes else (layout.listed, layout.not_listed)
        self._marks = {folded(mark): False for mark in no} | {folded(mark): True for mark in yes}
        self._number = _reader_of(layout, self.code)

    def read(self, line: str) -> Row | Fault:
        """Return what the line says, or why it says nothing that can be gone by."""
        if self.layout.delimiter is None:
            found = self._first_column(line) if re.search("[;,\t]", line) else self._number(line)
            return Row(found.value, is_listed=True, at=0) if isinstance(found, Number) else found
        return self.read_cells(cells_of(line, self.layout.delimiter))

    def read_cells(self, cells: Sequence[str]) -> Row | Fault:
        """Return what a row of cells says."""
        places = self.places
        if places.last >= len(cells) or (places.width is not None and len(cells) != places.width):
            return RowFault.MISSING_COLUMN
        number = self._number(self._written(cells))
        if not isinstance(number, Number):
            return number
        is_listed = True if places.mark is None else self.mark(cells[places.mark])
        if is_listed is None:
            return RowFault.UNKNOWN_MARK
        at = 0 if places.date is None else self.moment(cells[places.date])
        return RowFault.NOT_A_DATE if at is None else Row(number.value, is_listed, at)

    def _written(self, cells: Sequence[str]) -> str:
        places = self.places
        if places.area is None or places.local is None:
            return cells[places.number or 0]
        return cells[places.area].strip() + cells[places.local].strip()

    def mark(self, cell: str) -> bool | None:
        """Return whether a mark lists (or adds) the number, None if it is not known what it means."""
        return self._marks.get(folded(cell))

    def moment(self, cell: str) -> int | None:
        """Return when a change was made, None if that is no ISO 8601 date or time; local where no zone is given."""
        try:
            said = datetime.fromisoformat(cell.strip())
            return to_microseconds(said if said.tzinfo else said.replace(tzinfo=self.layout.time_zone))
        except (ValueError, OverflowError):
            return None

    def numbers_in(self, line: str) -> list[int]:
        """Return every number that a rejected line may hold: on a register one too many is better than one too few."""
        written, places = line, self.places
        if self.layout.delimiter is not None:
            cells = cells_of(line, self.layout.delimiter)
            if max(places.number or 0, places.area or 0, places.local or 0) >= len(cells):
                return []
            written = self._written(cells)
        parts = (self._number(part.strip(' "')) for part in (written, *_BETWEEN.split(written)))
        return sorted({part.value for part in parts if isinstance(part, Number)})

    def _first_column(self, line: str) -> Number | NumberFault:
        """Return the number in the first column; ambiguous if another column holds one too."""
        if line.startswith('"'):
            cell, _, rest = line[1:].partition('"')
        else:
            cell = re.split("[;,\t]", line, maxsplit=1)[0]
            rest = line[len(cell) :]
        others = _BEYOND_FIRST.findall(rest)
        if _BARE.match(cell):  # where numbers are written without a prefix, digits in another column may be one too
            others += _BARE_BEYOND.findall(rest)
        for other in others:
            if not _DATE.fullmatch(other) and isinstance(self._number(other), Number):
                return NumberFault.AMBIGUOUS
        return self._number(cell)


def cells_of(line: str, delimiter: str) -> list[str]:
    """Return the cells of a line; quotes may stand around a cell."""
    if '"' not in line:
        return line.split(delimiter)
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _reader_of(layout: Layout, code: int) -> Callable[[str], Number | NumberFault]:
    """Return how a number of this layout is read from its cell."""
    country = layout.country
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(country)
    trunk = metadata.national_prefix if metadata is not None else None

    def spelled(cell: str) -> Number | NumberFault:
        return read_number(cell, region=country)

    def with_code(cell: str) -> Number | NumberFault:
        cell = cell.strip()
        return read_number(cell if cell.startswith("+") else f"+{cell.removeprefix('00')}", region=country)

    def with_trunk(cell: str) -> Number | NumberFault:
        if not trunk or re.sub("[^0-9+]", "", cell).startswith(trunk):
            return spelled(cell)
        return NumberFault.INVALID

    def without(cell: str) -> Number | NumberFault:
        return read_number(f"+{code}{cell.strip()}", region=country)

    match layout.prefix:
        case Prefix.ANY:
            return spelled
        case Prefix.E164:
            return with_code
        case Prefix.NATIONAL:
            return with_trunk
        case Prefix.BARE:
            return without
