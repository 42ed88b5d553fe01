"""Rows that were read as cells, a line for each in place of a list: a tenth of the time to send, and of the memory."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from leads.rows import RawRow, encodes

ROWS = 50_000
"""How many rows are packed together, unless they are long."""
CHARACTERS = 16 << 20
"""How many characters such rows have at least, if they are fewer."""
BETWEEN_CELLS = "\x1f"
"""Stands between the cells of a line."""
_COUNTED_AT_ONCE = 256


class PackedRows(NamedTuple):
    """Some rows after row ``before``: the ``lines`` of their cells, and the ``texts`` that their file has for them.

    ``odd`` are those whose line does not tell the row, by number: cells are missing, or it has a fault.
    """

    before: int
    lines: list[str]
    texts: list[str]
    odd: dict[int, RawRow]

    def regular_row(self, row_no: int) -> RawRow:
        """Return a row that is not odd."""
        place = row_no - self.before - 1
        return RawRow(row_no, self.lines[place].split(BETWEEN_CELLS), text=self.texts[place])

    def after(self, row_no: int) -> "PackedRows":
        """Return the rows after ``row_no``."""
        if row_no <= self.before:
            return self
        count = row_no - self.before
        odd = {number: row for number, row in self.odd.items() if number > row_no}
        return PackedRows(row_no, self.lines[count:], self.texts[count:], odd)


def packed(rows: Iterable[RawRow], width: int, *, size: int = ROWS) -> Iterator[PackedRows]:
    """Yield the rows of a file whose headings are ``width``, ``size`` at a time, or fewer if they are long."""
    waiting = iter(rows)
    while some := _next_rows(waiting, size):
        piece = _packed(some, width)
        del some  # they take ten times as much
        yield piece


def _packed(rows: Sequence[RawRow], width: int) -> PackedRows:
    lines = [BETWEEN_CELLS.join(row.cells) for row in rows]
    odd = {row.row_no: row for row in rows if row.fault is not None or len(row.cells) < width}
    together = "".join(lines)
    if together.count(BETWEEN_CELLS) != sum(len(row.cells) - 1 for row in rows) or not encodes(together):
        odd |= {row.row_no: row for row, line in zip(rows, lines, strict=True) if not _tells(line, row)}
        lines = ["" if row.row_no in odd else line for row, line in zip(rows, lines, strict=True)]
    return PackedRows(rows[0].row_no - 1, lines, [row.text for row in rows], odd)


def _tells(line: str, row: RawRow) -> bool:
    return line.count(BETWEEN_CELLS) == len(row.cells) - 1 and encodes(line)


def _next_rows(rows: Iterator[RawRow], size: int) -> list[RawRow]:
    """Return the next ``size`` rows, fewer once they have ``CHARACTERS``: memory goes by those."""
    found: list[RawRow] = []
    characters = 0
    while characters < CHARACTERS and (more := list(islice(rows, min(_COUNTED_AT_ONCE, size - len(found))))):
        found += more
        characters += sum(len(row.text) for row in more)
    return found
