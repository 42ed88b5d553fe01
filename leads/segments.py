"""Runs of settled rows, ready to be written: what became of each row, and where in the file the run ends.

Whoever reads a file from the same place on gets the same segments, in this process or in another.
"""

from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, islice
from typing import NamedTuple

import polars as pl
from pyroaring import BitMap64

from core.clock import to_microseconds
from leads.clean_lines import BETWEEN_CELLS, LEADS, CleanLines
from leads.csv_rows import take_row
from leads.headings import Columns
from leads.lines import LINE_LIMIT, Block, LineBlocks
from leads.merkle import Frontier, leaf_hashes
from leads.rows import Person, RawRow, RowReason, SettledRow, Settler, details, encodes
from leads.terms import RowState

ROWS = 50_000
"""How many rows a segment has of a file that is not made of lines."""


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


@dataclass(frozen=True, slots=True)
class Start:
    """Where reading begins: after so many rows, at this place of the text, with the Merkle tree of what came before."""

    rows_before: int = 0
    position: int = 0
    frontier: str = "0:"


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
        self._has_identities = bool(columns.identity_places)
        self._settler = Settler(columns, received_at, identity=identity)
        self._clean = CleanLines(columns, delimiter, self._settler, received_at, retention)
        self._clean_cells = CleanLines(columns, BETWEEN_CELLS, self._settler, received_at, retention)
        self._received_at, self._retention = received_at, retention
        self._rows_before, self._position = start.rows_before, start.position
        self._frontier = Frontier.from_text(start.frontier)
        self._seen = BitMap64()

    def of_lines(self, blocks: LineBlocks) -> Iterator[Segment]:
        """Yield a segment for each block of lines of a CSV text."""
        while (block := blocks.next_block()) is not None:
            texts, odd, end = self._rows_of(blocks, block)

            def row_of(row_no: int, texts: list[str] = texts, odd: dict[int, RawRow] = odd) -> RawRow:
                return odd.get(row_no) or self._row(texts, row_no)

            leads, left = self._together(self._clean, texts, odd)
            yield self._segment(texts, leads, [self._settler.settle(row_of(row_no)) for row_no in left], end, row_of)

    def _together(self, clean: CleanLines, lines: list[str], odd: Collection[int]) -> tuple[pl.DataFrame, list[int]]:
        """Return the leads that the lines say beyond doubt, and the numbers of the rows to be settled one by one.

        ``odd``: the numbers of rows whose lines do not tell their cells apart.
        """
        first = self._rows_before + 1
        if not clean.is_possible:
            return pl.DataFrame(schema=self._schema), list(range(first, first + len(lines)))
        line = pl.Series("line", lines, dtype=pl.String)
        row_no = pl.Series("row_no", range(first, first + len(lines)), dtype=pl.Int64)
        frame = pl.DataFrame([row_no, line])
        if odd:
            frame = frame.filter(~pl.col("row_no").is_in(list(odd)))
        has_quotes = bool(line.str.contains('"', literal=True).any())
        leads, left = clean.settle(frame, has_quotes=has_quotes, with_cells=self._with_cells)
        return leads, sorted(chain(odd, left))

    def raw_lines(self, blocks: LineBlocks) -> Iterator[RawRow]:
        """Yield the rows of a CSV text as they stand in it, unsettled."""
        while (block := blocks.next_block()) is not None:
            texts, odd, _ = self._rows_of(blocks, block)
            for row_no in range(self._rows_before + 1, self._rows_before + len(texts) + 1):
                yield odd.get(row_no) or self._row(texts, row_no)
            self._rows_before += len(texts)

    def rows_of_lines(self, blocks: LineBlocks) -> Iterator[tuple[list[str], dict[int, RawRow], int]]:
        """Yield the texts of the rows of each block of a CSV text, those with odd quotes by place, and the block's end.

        Every other text is a row of one line, with quotes around whole cells at most.
        """
        while (block := blocks.next_block()) is not None:
            texts, odd, end = self._rows_of(blocks, block)
            yield texts, {row_no - self._rows_before - 1: row for row_no, row in odd.items()}, end

    def texts(self, blocks: LineBlocks) -> Iterator[list[str]]:
        """Yield the texts of the rows of a CSV text, a block at a time."""
        while (block := blocks.next_block()) is not None:
            texts, _, _ = self._rows_of(blocks, block)
            yield texts

    def of_rows(self, rows: Iterable[RawRow], *, size: int = ROWS) -> Iterator[Segment]:
        """Yield a segment for each ``size`` rows of a file that is read row by row; a place in it is a row's number."""
        waiting = iter(rows)
        while batch := list(islice(waiting, size)):
            first = self._rows_before + 1

            def row_of(row_no: int, batch: list[RawRow] = batch, first: int = first) -> RawRow:
                return batch[row_no - first]

            lines = [BETWEEN_CELLS.join(row.cells) for row in batch]
            odd = {row.row_no for row in batch if row.fault is not None}
            if not encodes("".join(lines)):
                odd |= {row.row_no for row, line in zip(batch, lines, strict=True) if not encodes(line)}
                lines = ["" if row.row_no in odd else line for row, line in zip(batch, lines, strict=True)]
            leads, left = self._together(self._clean_cells, lines, odd)
            settled = [self._settler.settle(row_of(row_no)) for row_no in left]
            yield self._segment([row.text for row in batch], leads, settled, batch[-1].row_no, row_of)

    def _rows_of(self, blocks: LineBlocks, block: Block) -> tuple[list[str], dict[int, RawRow], int]:
        """Return the texts of the block's rows in order, those with odd quotes by number, and the place of its end."""
        lines = pl.Series(block.lines, dtype=pl.String)
        irregular = lines.str.len_chars() > LINE_LIMIT
        if lines.str.contains('"', literal=True).any():
            irregular |= ~self._clean.has_regular_quotes(lines)
        texts: list[str] = []
        odd: dict[int, RawRow] = {}
        at = 0
        for place in irregular.arg_true():
            if place < at:
                continue
            texts.extend(filter(None, block.lines[at:place]))
            row_no = self._rows_before + len(texts) + 1
            found = take_row(block.lines, place, self._delimiter, self._width, row_no, is_last=block.is_last)
            if found is None and place == 0:
                if (longer := blocks.longer(block)) is not None:
                    return self._rows_of(blocks, longer)
                found = take_row(block.lines, place, self._delimiter, self._width, row_no, is_last=True)
            if found is None:
                return texts, odd, blocks.give_back(block, len(block.lines) - place).end_position
            row, count = found
            if row.cells:
                texts.append(row.text)
                odd[row_no] = row
            at = place + count
        texts.extend(filter(None, block.lines[at:]))
        return texts, odd, block.end_position

    def _row(self, texts: Sequence[str], row_no: int) -> RawRow:
        """Return the row that is one line of its own."""
        found = take_row([texts[row_no - self._rows_before - 1]], 0, self._delimiter, self._width, row_no, is_last=True)
        assert found is not None  # noqa: S101 - no line is waited for
        return found[0]

    def _segment(
        self,
        texts: Sequence[str],
        leads: pl.DataFrame,
        settled: Sequence[SettledRow],
        end_position: int,
        row_of: Callable[[int], RawRow],
    ) -> Segment:
        accepted = {row.raw.row_no: row for row in settled if row.state is RowState.ACCEPTED}
        if accepted:
            leads = pl.concat([leads, self._as_leads(accepted.values())]).sort("row_no")
        numbers = leads["number"]
        found = BitMap64(array("Q", numbers.to_numpy().tobytes()))
        again = self._seen & found
        repeated: list[RepeatedRow] = []
        if again or len(found) < len(numbers):
            is_new = numbers.is_first_distinct() & ~numbers.is_in(list(again))
            repeated = [self._repeated(row, row_of) for row in leads.filter(~is_new).rows()]
            leads = leads.filter(is_new)
        self._seen |= found
        self._frontier.append_hashes(leaf_hashes(text.encode() for text in texts))
        new = set(leads["row_no"].to_list()) if accepted else set()
        segment = Segment(
            Mark(self._rows_before, len(texts), self._position, end_position, self._frontier.to_text()),
            leads.sort("number"),
            [self._refused(row) for row in settled if row.state is not RowState.ACCEPTED],
            repeated,
            [
                (row_no, row.number, row.person)
                for row_no, row in accepted.items()
                if row_no in new and row.number and row.person and (row.person.evidence or row.person.identity)
            ],
        )
        self._rows_before, self._position = segment.end, end_position
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

    def _repeated(
        self, lead: tuple[int, int, str | None, object, object, object], row_of: Callable[[int], RawRow]
    ) -> RepeatedRow:
        row_no, number, birth_date, *_ = lead
        return RepeatedRow(row_no, self._kept(row_of(row_no)), number, birth_date)

    def _kept(self, row: RawRow) -> str:
        blanked = self._columns.blanked(row.cells) if self._has_identities else row.cells
        return RawRow(row.row_no, blanked).cells_text
