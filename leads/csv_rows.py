"""One row of a CSV text, whatever its quotes: a stray one spoils its own line, not the rest of the file."""

import csv
from collections.abc import Iterator, Sequence

from leads.headings import MAX_COLUMNS
from leads.lines import LINE_LIMIT
from leads.rows import RawRow, RowReason

ROW_LINES = 100
KEPT_OF_BAD_ROW = 2_000
DELIMITERS = ",;\t|"


def take_row(
    lines: Sequence[str], start: int, delimiter: str, width: int, row_no: int, *, is_last: bool
) -> tuple[RawRow, int] | None:
    """Return the row that begins with line ``start`` and how many lines it takes, or None if it may go on past them.

    A row that does not close within its bounds, or has not ``width`` cells where it takes several lines, is its first
    line alone and unreadable. ``is_last``: no lines follow these.
    """
    first = lines[start]
    if len(first) > LINE_LIMIT:
        return _bad(row_no, first, RowReason.TOO_LONG), 1
    taken = _Taken(lines, start)
    try:
        cells = next(csv.reader(taken, delimiter=delimiter, strict=True), [])
    except csv.Error:
        if taken.ran_out and not is_last:
            return None
        return _bad(row_no, first, RowReason.UNREADABLE), 1
    if taken.count > 1 and len(cells) != width:
        return _bad(row_no, first, RowReason.UNREADABLE), 1
    if len(cells) > MAX_COLUMNS:
        return _bad(row_no, first, RowReason.SURPLUS_CELLS), 1
    return RawRow(row_no, cells, None, "\n".join(lines[start : start + taken.count])), taken.count


def _bad(row_no: int, line: str, fault: RowReason) -> RawRow:
    return RawRow(row_no, [line[:KEPT_OF_BAD_ROW]], fault, line)


class _Taken:
    """The lines of one row as ``csv`` takes them, within what a row may have."""

    def __init__(self, lines: Sequence[str], start: int) -> None:
        self._lines = lines
        self._start = start
        self._length = 0
        self.count = 0
        self.ran_out = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        place = self._start + self.count
        if place >= len(self._lines):
            self.ran_out = True
            raise StopIteration
        line = self._lines[place]
        self.count += 1
        self._length += len(line)
        if self.count > 1 and (self.count > ROW_LINES or self._length > LINE_LIMIT):
            raise csv.Error("a row does not close")
        return f"{line}\n"
