"""The rows of a file to be screened, some thousand at a time: each as it is written out again, and its number's cell.

The file is read as lead files are. A row whose cells cannot be told apart has no number, and stands whole in its first
cell; every other row keeps the cells that it came with.
"""

import csv
import io
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO

import numpy as np
import polars as pl

from core.errors import InvalidInput
from dnc.screenings.numbers import Ints, read_cells, read_spans
from leads.archives import open_content
from leads.csv_rows import take_row
from leads.encodings import UTF_8, line_text, skip
from leads.headings import Field
from leads.intake import HowToRead, layout_of
from leads.layouts import Layout
from leads.lines import LINE_LIMIT, LineBlocks
from leads.reading import Origin
from leads.rows import RawRow
from leads.segments import Segmenter, Start
from leads.spreadsheets import SpreadsheetReader
from leads.terms import FileFormat
from leads.zips import buffered

BLOCK = 2 << 20
"""Bytes of lines taken at once: as many as stay in the processor's cache while they are looked at."""
BLOCKS_AT_ONCE = 2
CELLS_AT_ONCE = 20_000
"""Rows of a workbook taken at once."""
HEAD = 64 * 1024
_LINE_END = ord("\n")


@dataclass(frozen=True, slots=True)
class FileLayout:
    """How a file is read, and how its lines end; ``size`` is its bytes, as far as the text tells them."""

    layout: Layout
    line_end: str
    number_place: int

    @property
    def width(self) -> int:
        """How many columns it has."""
        return len(self.layout.columns.headings)

    @property
    def is_workbook(self) -> bool:
        """Whether it is a workbook."""
        return self.layout.format is FileFormat.XLSX


@dataclass(slots=True)
class Rows:
    """Rows in order: ``lines`` as they are written again, without what is added; ``values`` are their numbers.

    A value is below 0 where there is no number. Of a workbook ``lines`` are null and ``cells`` holds the cells of each
    row. ``position`` is where in the text they end.
    """

    lines: pl.Series
    values: Ints
    cells: list[list[str]]
    position: int

    def __len__(self) -> int:
        return len(self.values)


def file_layout(origin: Origin, column: str | None, *, spool_dir: Path | None = None) -> FileLayout:
    """Return how the file is read: its number stands under the heading ``column``, or the one that means a number.

    A column named by its place (``#1``) makes the first line a row.

    Raises:
        UnreadableLeadFile: it cannot be read as a whole.
        UnclearHeadings: its headings do not say which column holds the number.
        InvalidInput: it is JSON Lines.
    """
    mapping = {field.value: "" for field in Field if field is not Field.NUMBER}
    if column is not None:
        mapping[Field.NUMBER.value] = column
    layout = layout_of(origin, HowToRead(mapping=mapping), None, spool_dir=spool_dir)
    if layout.format is FileFormat.JSONL:
        raise InvalidInput("a screening takes CSV or XLSX")
    line_end = "\n"
    if layout.format is FileFormat.CSV:
        with origin.open() as file, open_content(file, spool_dir=spool_dir) as content:
            stream, _ = line_text(content.stream, layout.encoding)
            if b"\r\n" in stream.read(HEAD):
                line_end = "\r\n"
    return FileLayout(layout, line_end, layout.columns.places[Field.NUMBER])


@contextmanager
def opened_rows(origin: Origin, how: FileLayout, *, spool_dir: Path | None = None) -> Iterator[Iterator[Rows]]:
    """Give the file's rows below its headings, in order.

    Raises:
        UnreadableLeadFile: it is damaged further in than was looked at.
    """
    layout = how.layout
    with ExitStack() as opened:
        file = opened.enter_context(origin.open())
        content = opened.enter_context(open_content(file, spool_dir=spool_dir))
        if how.is_workbook:
            yield _of_workbook(SpreadsheetReader(content.stream).rows(), how)
            return
        stream, codec = line_text(content.stream, layout.encoding)
        skip(stream, layout.position)
        yield _of_text(stream, codec, layout.position, how)


def _of_workbook(rows: Iterator[RawRow], how: FileLayout) -> Iterator[Rows]:
    while some := list(islice(rows, CELLS_AT_ONCE)):
        numbers = [None if row.fault or len(row.cells) > how.width else row.cells[how.number_place] for row in some]
        cells = [list(row.cells) if len(row.cells) <= how.width else [row.text] for row in some]
        yield Rows(_nulls(len(some)), read_cells(pl.Series(numbers, dtype=pl.String)), cells, some[-1].row_no)


def _nulls(count: int) -> pl.Series:
    return pl.repeat(None, count, dtype=pl.String, eager=True)


def _of_text(stream: BinaryIO, codec: str, position: int, how: FileLayout) -> Iterator[Rows]:
    """Yield the rows of a CSV text: at once while each line is one, from the first quote on as lead files are read."""
    blocks = _blocks(stream)
    coming: deque[tuple[bytes, Future[Rows | None]]] = deque()
    end = position
    with ThreadPoolExecutor(BLOCKS_AT_ONCE) as beside:
        while True:
            for raw in islice(blocks, BLOCKS_AT_ONCE + 1 - len(coming)):
                end += len(raw)
                coming.append((raw, beside.submit(_simple_rows, raw, codec, end, how)))
            if not coming:
                return
            rows = coming[0][1].result()
            if rows is None:
                break
            coming.popleft()
            position = rows.position
            yield rows
    rest = buffered(chain([raw for raw, _ in coming], blocks))
    yield from _of_blocks(LineBlocks(rest, codec, position=position, size=BLOCK), how)


def _blocks(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the text in blocks of whole lines; one without a line's end is the last, or longer than any row."""
    waiting = b""
    while more := stream.read(BLOCK):
        waiting += more
        cut = waiting.rfind(b"\n") + 1
        if not cut and len(waiting) > 2 * LINE_LIMIT:
            cut = len(waiting)
        if cut:
            yield waiting[:cut]
            waiting = waiting[cut:]
    if waiting:
        yield waiting


def _simple_rows(raw: bytes, codec: str, position: int, how: FileLayout) -> Rows | None:
    """Return the rows of the lines that are not empty; None if one of them may be no row by itself."""
    if b'"' in raw:
        return None
    if b"\r" in raw:
        raw = raw.replace(b"\r\n", b"\n")
        if b"\r" in raw:
            return None
    raw, lines = _lines_in(raw, codec)
    written = np.frombuffer(raw, dtype=np.uint8)
    stops = np.flatnonzero(written == _LINE_END)
    if not raw.endswith(b"\n"):
        stops = np.append(stops, len(raw))
    starts = np.concatenate([[0], stops[:-1] + 1])
    is_empty = starts == stops
    if is_empty.any():
        starts, stops = starts[~is_empty], stops[~is_empty]
        lines = lines.filter(pl.Series(~is_empty))
    if (stops - starts).max(initial=0) > LINE_LIMIT:
        return None
    marks = np.flatnonzero(written == ord(how.layout.delimiter))
    first = _first_marks(marks, starts, stops, how.width - 1)
    is_plain = np.diff(first, append=len(marks)) == how.width - 1
    if is_plain.all():
        return Rows(lines, read_spans(raw, *_spans(starts, stops, marks, first, how)), [], position)
    values = np.empty(len(lines), dtype=np.int64)
    spans = _spans(starts[is_plain], stops[is_plain], marks, first[is_plain], how)
    values[is_plain] = read_spans(raw, *spans)
    return Rows(*_mended(lines, values, np.flatnonzero(~is_plain).tolist(), {}, how), [], position)


def _lines_in(raw: bytes, codec: str) -> tuple[bytes, pl.Series]:
    """Return the text in UTF-8, and its lines; what is no character is replaced."""
    if codec == UTF_8:
        with suppress(pl.exceptions.ComputeError):  # as it is, if it is UTF-8 throughout
            return raw, _split(raw)
    raw = raw.decode(codec, errors="replace").encode()
    return raw, _split(raw)


def _split(raw: bytes) -> pl.Series:
    """Return the lines of a text in UTF-8: with one before it, as polars unpacks what begins like something packed."""
    return pl.read_lines(io.BytesIO(b"\n" + raw)).to_series().slice(1)


def _first_marks(marks: Ints, starts: Ints, stops: Ints, each: int) -> Ints:
    """Return the place among the ``marks`` of the first one in each line, or after it; ``each`` are expected."""
    is_regular = each > 0 and len(marks) == each * len(starts)
    if is_regular and (marks[::each] >= starts).all() and (marks[each - 1 :: each] < stops).all():
        return np.arange(0, len(marks), each)
    return np.searchsorted(marks, starts)


def _spans(starts: Ints, stops: Ints, marks: Ints, first: Ints, how: FileLayout) -> tuple[Ints, Ints]:
    """Return where the number's cell begins and ends in each line that has as many cells as there are headings."""
    place = how.number_place
    begins = starts if place == 0 else marks[first + place - 1] + 1
    return begins, stops if place == how.width - 1 else marks[first + place]


def _of_blocks(blocks: LineBlocks, how: FileLayout) -> Iterator[Rows]:
    day = datetime(2000, 1, 1, tzinfo=UTC)  # nothing that is read here has to do with time
    delimiter = how.layout.delimiter
    segmenter = Segmenter(how.layout.columns, day, timedelta(0), Start(), delimiter=delimiter)
    for texts, odd, position in segmenter.rows_of_lines(blocks):
        lines = pl.Series(texts, dtype=pl.String)
        cells, plain = _plain_cells(lines, how)
        values, not_plain = read_cells(cells), plain.not_().arg_true().to_list()
        if odd or not_plain:
            lines, values = _mended(lines, values, not_plain, odd, how)
        yield Rows(lines, values, [], position)


def _plain_cells(lines: pl.Series, how: FileLayout) -> tuple[pl.Series, pl.Series]:
    """Return the cell of the number in each line, and which lines are plain: as many cells as there are headings."""
    delimiter, place = how.layout.delimiter, how.number_place
    if how.width == 1:
        plain = ~lines.str.contains(delimiter, literal=True)
        cells = lines
    else:
        plain = lines.str.count_matches(delimiter, literal=True) == how.width - 1
        parts = lines.str.splitn(delimiter, place + 2)
        cells = parts.struct.field(f"field_{place}")
    if lines.str.contains('"', literal=True).any():
        cells = cells.str.strip_prefix('"').str.strip_suffix('"')
        plain &= ~cells.str.contains('"', literal=True).fill_null(value=True)
    return cells, plain


def _mended(
    lines: pl.Series, values: Ints, not_plain: Sequence[int], odd: dict[int, RawRow], how: FileLayout
) -> tuple[pl.Series, Ints]:
    """Return the lines and their numbers with those that are ``not_plain`` or ``odd`` read one by one."""
    places = sorted({*odd, *not_plain})
    read = [_one(odd.get(place), lines[place], how) for place in places]
    values[places] = read_cells(pl.Series([cell for _, cell in read], dtype=pl.String))
    return lines.scatter(places, pl.Series([line for line, _ in read], dtype=pl.String)), values


def _one(row: RawRow | None, line: str, how: FileLayout) -> tuple[str, str | None]:
    """Return one row as it is written again, as wide as the headings, and its number's cell; None if there is none."""
    delimiter, width = how.layout.delimiter, how.width
    if row is None:
        taken = take_row([line], 0, delimiter, width, 1, is_last=True)
        assert taken is not None  # noqa: S101 - no line is waited for
        row = taken[0]
    if row.fault or any(cell.strip() for cell in row.cells[width:]):
        return joined([line, *[""] * (width - 1)], delimiter), None
    if len(row.cells) == width:
        return line, row.cells[how.number_place]
    cells = [*row.cells[:width], *[""] * (width - len(row.cells))]
    return joined(cells, delimiter), cells[how.number_place]


def joined(cells: Sequence[str], delimiter: str) -> str:
    """Return the cells as a line of CSV, without its end."""
    if len(cells) == 1 and not cells[0]:
        return ""
    written = io.StringIO()
    csv.writer(written, delimiter=delimiter, lineterminator="").writerow(cells)
    return written.getvalue()
