"""Runs of settled rows, ready to be written: what became of each row, and where in the file the run ends.

Whoever reads a file from the same place on gets the same segments, in this process or in another.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO
from itertools import chain
from typing import Any, NamedTuple

import polars as pl
from pyroaring import BitMap64

from core.clock import to_microseconds
from leads.clean_lines import LEADS, CleanLines
from leads.csv_rows import take_row
from leads.headings import MAX_COLUMNS, Columns, Field
from leads.lines import LINE_LIMIT, Block, LineBlocks
from leads.merkle import Frontier, text_hashes
from leads.packed_rows import BETWEEN_CELLS, ROWS, PackedRows, packed
from leads.rows import Person, RawRow, RowReason, SettledRow, Settler, details
from leads.terms import RowState


class RefusedRow(NamedTuple):
    """A row that becomes no lead; ``cells`` is the JSON array that is kept of it, identity numbers blanked."""

    row_no: int
    state: RowState
    reasons: tuple[RowReason, ...]
    cells: str
    number: int | None


class RepeatedRow(NamedTuple):
    """A row that would be a lead, had its number not come before in this file; of it the birth date alone is used."""

    row_no: int
    cells: str
    number: int
    birth_date: str | None


class Mark(NamedTuple):
    """Which rows a segment has: ``rows`` after ``rows_before``, from ``position`` to ``end_position`` of the text.

    ``frontier`` is the Merkle tree of all rows up to its end.
    """

    rows_before: int
    rows: int
    position: int
    end_position: int
    frontier: str


@dataclass(frozen=True, slots=True)
class Segment:
    """Some rows of a file in order, and what becomes of each.

    ``leads`` has the columns of ``LEADS``, and ``cells`` if they are wanted, each number once. ``persons`` (row,
    number, person) are the leads of which more is to be kept: evidence of consent, a personal identity number.
    """

    mark: Mark
    leads: pl.DataFrame
    refused: list[RefusedRow]
    repeated: list[RepeatedRow]
    persons: list[tuple[int, int, Person]]

    def __reduce__(self) -> tuple[Callable[..., "Segment"], tuple[object, ...]]:
        """Return how this is sent to another process; a frame's own way of it costs four times as much.

        So do rows as what they are: they go as plain tuples.
        """
        leads = BytesIO()
        self.leads.write_ipc(leads)
        refused, repeated = list(map(tuple, self.refused)), list(map(tuple, self.repeated))
        return _segment_sent, (self.mark, leads.getvalue(), refused, repeated, self.persons)

    @property
    def rows_before(self) -> int:
        """How many rows of the file come before these."""
        return self.mark.rows_before

    @property
    def rows(self) -> int:
        """How many rows these are."""
        return self.mark.rows

    @property
    def end(self) -> int:
        """The number of the last row."""
        return self.mark.rows_before + self.mark.rows


def _segment_sent(
    mark: Mark,
    leads: bytes,
    refused: list[tuple[Any, ...]],  # Any: the fields of a row
    repeated: list[tuple[Any, ...]],
    persons: list[tuple[int, int, Person]],
) -> Segment:
    rows = map(RefusedRow._make, refused), map(RepeatedRow._make, repeated)
    return Segment(mark, pl.read_ipc(leads), list(rows[0]), list(rows[1]), persons)


@dataclass(frozen=True, slots=True)
class Start:
    """Where reading begins: after so many rows, at this place of the text, with the Merkle tree of what came before."""

    rows_before: int = 0
    position: int = 0
    frontier: str = "0:"


@dataclass(frozen=True, slots=True)
class _Rows:
    """Some rows after ``before``: a line of cells for each, and by number the ``odd`` ones, whose lines do not tell.

    ``has_quotes`` and ``has_odd`` are those of ``lines.Block``; ``row_of`` tells the cells of any that is not odd.
    """

    lines: list[str]
    odd: dict[int, RawRow]
    before: int
    end_position: int
    has_quotes: bool
    has_odd: bool
    row_of: Callable[[int], RawRow]

    def row(self, row_no: int) -> RawRow:
        return self.odd.get(row_no) or self.row_of(row_no)


class Segmenter:
    """Makes the segments of one file from its rows, in order.

    ``retention`` runs from when a lead was collected, or else was received; ``identity``: the source needs personal
    identity numbers; ``with_cells``: a row that turns out to be a lead already has to be kept.
    """

    def __init__(
        self,
        columns: Columns,
        received_at: datetime,
        retention: timedelta,
        start: Start,
        *,
        delimiter: str = ",",
        identity: bool = False,
        with_cells: bool = False,
    ) -> None:
        self._schema = LEADS | ({"cells": pl.String} if with_cells else {})
        self._with_cells = with_cells
        self._columns = columns
        self._width = len(columns.headings)
        self._delimiter = delimiter
        self._may_have_identities = bool(columns.identity_places) or Field.BIRTH_DATE in columns.places
        self._settler = Settler(columns, received_at, identity=identity)
        self._clean = CleanLines(columns, delimiter, self._settler, received_at, retention)
        self._clean_cells = CleanLines(columns, BETWEEN_CELLS, self._settler, received_at, retention)
        self._received_at, self._retention = received_at, retention
        self._rows_before, self._position = start.rows_before, start.position
        self._frontier = Frontier.from_text(start.frontier)
        self._seen = BitMap64()

    def of_lines(self, blocks: LineBlocks) -> Iterator[Segment]:
        """Yield a segment for each block of lines of a CSV text."""
        for rows in self._rows_of_blocks(blocks):
            yield self._segment(rows, *self._together(self._clean, rows))

    def _together(self, clean: CleanLines, rows: "_Rows") -> tuple[pl.DataFrame, list[int]]:
        """Return the leads that the rows say beyond doubt, and the numbers of the rows to be settled one by one."""
        numbers = range(rows.before + 1, rows.before + len(rows.lines) + 1)
        if not clean.is_possible:
            return pl.DataFrame(schema=self._schema), list(numbers)
        frame = pl.DataFrame(
            [pl.Series("row_no", numbers, dtype=pl.Int64), pl.Series("line", rows.lines, dtype=pl.String)]
        )
        if rows.odd:
            frame = frame.filter(~pl.col("row_no").is_in(list(rows.odd)))
        leads, left = clean.settle(frame, has_quotes=rows.has_quotes, has_odd=rows.has_odd, with_cells=self._with_cells)
        return leads, sorted(chain(rows.odd, left))

    def raw_lines(self, blocks: LineBlocks) -> Iterator[RawRow]:
        """Yield the rows of a CSV text as they stand in it, unsettled."""
        for rows in self._rows_of_blocks(blocks):
            yield from map(rows.row, range(rows.before + 1, rows.before + len(rows.lines) + 1))

    def rows_of_lines(self, blocks: LineBlocks) -> Iterator[tuple[list[str], dict[int, RawRow], int]]:
        """Yield the texts of the rows of each block of a CSV text, those with odd quotes by place, and the block's end.

        Every other text is a row of one line, with quotes around whole cells at most.
        """
        for rows in self._rows_of_blocks(blocks):
            yield rows.lines, {row_no - rows.before - 1: row for row_no, row in rows.odd.items()}, rows.end_position

    def texts(self, blocks: LineBlocks) -> Iterator[list[str]]:
        """Yield the texts of the rows of a CSV text, a block at a time."""
        for rows in self._rows_of_blocks(blocks):
            yield rows.lines

    def of_rows(self, rows: Iterable[RawRow], *, size: int = ROWS) -> Iterator[Segment]:
        """Yield a segment for each ``size`` rows of a file that is read row by row, or fewer if they are long.

        A place in it is a row's number.
        """
        return self.of_packed(packed(rows, self._width, size=size))

    def of_packed(self, pieces: Iterable[PackedRows]) -> Iterator[Segment]:
        """Yield a segment for each piece."""
        for piece in pieces:
            end = piece.before + len(piece.lines)
            rows = _Rows(
                piece.lines, piece.odd, piece.before, end, has_quotes=False, has_odd=True, row_of=piece.regular_row
            )
            yield self._segment(rows, *self._together(self._clean_cells, rows), piece.texts)

    def _rows_of_blocks(self, blocks: LineBlocks) -> Iterator["_Rows"]:
        """Yield the rows of each block of lines."""
        before = self._rows_before
        while (block := blocks.next_block()) is not None:
            rows = self._rows_of(blocks, block, before)
            before += len(rows.lines)
            yield rows

    def _rows_of(self, blocks: LineBlocks, block: Block, before: int) -> "_Rows":
        """Return the block's rows in order; what does not end in it is given back."""
        lines = pl.Series(block.lines, dtype=pl.String)
        irregular = lines.str.len_chars() > LINE_LIMIT
        if block.has_quotes:
            irregular |= ~self._clean.has_regular_quotes(lines)
        texts: list[str] = []
        odd: dict[int, RawRow] = {}

        def row_of(row_no: int) -> RawRow:
            """Return a row that is one line of its own."""
            text = texts[row_no - before - 1]
            if not block.has_quotes and not block.has_odd and text.count(self._delimiter) < MAX_COLUMNS:
                return RawRow(row_no, text.split(self._delimiter), text=text)  # as csv reads it, in a fifth of the time
            found = take_row([text], 0, self._delimiter, self._width, row_no, is_last=True)
            assert found is not None  # noqa: S101 - no line is waited for
            return found[0]

        def rows(end_position: int) -> _Rows:
            has_quotes, has_odd = block.has_quotes, block.has_odd
            return _Rows(texts, odd, before, end_position, has_quotes=has_quotes, has_odd=has_odd, row_of=row_of)

        at = 0
        for place in irregular.arg_true():
            if place < at:
                continue
            texts.extend(filter(None, block.lines[at:place]))
            row_no = before + len(texts) + 1
            found = take_row(block.lines, place, self._delimiter, self._width, row_no, is_last=block.is_last)
            if found is None and place == 0:
                if (longer := blocks.longer(block)) is not None:
                    return self._rows_of(blocks, longer, before)
                found = take_row(block.lines, place, self._delimiter, self._width, row_no, is_last=True)
            if found is None:
                return rows(blocks.give_back(block, len(block.lines) - place).end_position)
            row, count = found
            if row.cells:
                texts.append(row.text)
                odd[row_no] = row
            at = place + count
        texts.extend(filter(None, block.lines[at:]))
        return rows(block.end_position)

    def _segment(
        self, rows: "_Rows", leads: pl.DataFrame, left: Sequence[int], texts: Sequence[str] | None = None
    ) -> Segment:
        """Return the rows as a segment: ``left`` are settled one by one, ``texts`` are the leaves if not the lines."""
        texts = rows.lines if texts is None else texts
        settled = [self._settler.settle(rows.row(row_no)) for row_no in left]
        accepted = {row.raw.row_no: row for row in settled if row.state is RowState.ACCEPTED}
        if accepted:
            leads = pl.concat([leads, self._as_leads(accepted.values())])
        found = BitMap64(array("Q", leads["number"].to_list()))
        again = self._seen & found
        repeated: list[RepeatedRow] = []
        if again or len(found) < len(leads):
            leads = leads.sort("row_no")
            numbers = leads["number"]
            is_new = numbers.is_first_distinct() & ~numbers.is_in(list(again))
            repeated = [self._repeated(rows, row) for row in leads.filter(~is_new).rows()]
            leads = leads.filter(is_new)
        self._seen |= found
        told = {row_no: row for row_no, row in accepted.items() if row.person and _has_more(row.person)}
        new = set(leads["row_no"].to_list()) if told else set()
        self._frontier.append_joined(text_hashes(texts))
        segment = Segment(
            Mark(self._rows_before, len(texts), self._position, rows.end_position, self._frontier.to_text()),
            leads,
            [self._refused(row) for row in settled if row.state is not RowState.ACCEPTED],
            repeated,
            [
                (row_no, row.number, row.person)
                for row_no, row in told.items()
                if row_no in new and row.number and row.person
            ],
        )
        self._rows_before, self._position = segment.end, rows.end_position
        return segment

    def _as_leads(self, rows: Iterable[SettledRow]) -> pl.DataFrame:
        """Return rows that were settled one by one in the columns of those settled together."""
        leads: list[tuple[object, ...]] = []
        for row in rows:
            person = row.person
            assert person is not None  # noqa: S101 - an accepted row has one
            collected_at = person.collected_at
            leads.append(
                (
                    row.raw.row_no,
                    row.number,
                    None if person.birth_date is None else person.birth_date.isoformat(),
                    None if collected_at is None else to_microseconds(collected_at),
                    to_microseconds((collected_at or self._received_at) + self._retention),
                    details(person),
                    *((self._kept(row.raw),) if self._with_cells else ()),
                )
            )
        return pl.DataFrame(leads, schema=self._schema, orient="row")

    def _refused(self, row: SettledRow) -> RefusedRow:
        return RefusedRow(row.raw.row_no, row.state, row.reasons, self._kept(row.raw), row.number)

    def _repeated(self, rows: "_Rows", lead: tuple[int, int, str | None, object, object, object]) -> RepeatedRow:
        row_no, number, birth_date, *_ = lead
        return RepeatedRow(row_no, self._kept(rows.row(row_no)), number, birth_date)

    def _kept(self, row: RawRow) -> str:
        blanked = self._columns.blanked(row.cells) if self._may_have_identities else row.cells
        return RawRow(row.row_no, blanked).cells_text


def _has_more(person: Person) -> bool:
    """Return whether more than a lead's own columns is to be kept of a person."""
    return bool(person.evidence or person.identity)
