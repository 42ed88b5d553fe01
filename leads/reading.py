"""Reading a delivered file into segments: here, or in a process beside, so that reading and writing use a core each.

The process beside is this module, started by itself. It takes one ``Reading`` on its standard input and gives segments
on its standard output until the file ends or nobody takes them any more: it does not outlive who started it.
"""

import gc
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Protocol

from core.errors import ServiceError
from leads.archives import open_content
from leads.encodings import line_text, skip
from leads.errors import LeadFileChanged
from leads.json_lines import JsonLinesReader
from leads.layouts import Layout
from leads.lines import BLOCK, LineBlocks
from leads.packed_rows import ROWS
from leads.pipes import Ahead, give, take
from leads.rows import RawRow
from leads.segments import Segment, Segmenter, Start
from leads.shelf import Shelf
from leads.spreadsheets import SpreadsheetReader
from leads.terms import FileFormat
from leads.workbook_beside import WorkbookBeside

BESIDE_FROM = 4 << 20
"""Bytes of a file from which on a process beside is worth its start."""
BATCH_ROWS = 60_000
"""Rows in a transaction, if there are more: in SQLite nobody else writes while it lasts, some third of a second."""
_ONE_CORE = {"POLARS_MAX_THREADS": "1"}
"""The process beside has one core to itself; the other is the writer's."""
_HELD_MEMORY = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_TRIM_THRESHOLD_": str(32 << 20),
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "_RJEM_MALLOC_CONF": "dirty_decay_ms:10000,muzzy_decay_ms:10000",
}
"""What one segment is made of is held for the next one, by the C library and by that of polars: to give it back to the
system and ask for it again, segment by segment, was a fifth of the time."""


class Origin(Protocol):
    """Where a file lies; it can be sent to another process."""

    def open(self) -> BinaryIO:
        """Return the file, to be read from its beginning."""


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file on the shelf."""

    directory: Path
    key: bytes
    place: str

    def open(self) -> BinaryIO:
        """Return the file's content, verified as it is read."""
        return Shelf(self.directory, self.key).open(self.place)

    def __repr__(self) -> str:
        return f"KeptFile({self.place[:12]}…)"


@dataclass(frozen=True, slots=True)
class PlainFile:
    """A file that somebody delivers, before it is kept; it must stay as it was when its size was taken."""

    path: Path
    size: int
    changed_at_ns: int

    @classmethod
    def at(cls, path: Path) -> "PlainFile":
        """Return the file as it is now."""
        status = path.stat()
        return cls(path, status.st_size, status.st_mtime_ns)

    def open(self) -> BinaryIO:
        """Return the file.

        Raises:
            LeadFileChanged: its size or time of change is another.
        """
        file = self.path.open("rb")
        status = os.fstat(file.fileno())
        if (status.st_size, status.st_mtime_ns) != (self.size, self.changed_at_ns):
            file.close()
            raise LeadFileChanged("import it again once it is complete")
        return file


Progress = Callable[[int, float | None], None]
"""Is told how many rows are read, and the share of the file that they are; None where that cannot be told."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How a file is cut: bytes of text or rows in a segment, rows in a batch; the defaults are measured."""

    block: int = BLOCK
    rows: int = 20_000
    batch: int = BATCH_ROWS


@dataclass(frozen=True, slots=True)
class Reading:
    """All that reading a file depends on: with the same, the segments are the same."""

    origin: Origin
    layout: Layout
    received_at: datetime
    retention: timedelta
    start: Start
    identity: bool = False
    with_cells: bool = False
    block: int = BLOCK
    rows: int = ROWS
    spool_dir: Path | None = None


def segments(reading: Reading, size: int, beside: "Beside | WorkbookBeside | None" = None) -> Iterator[Segment]:
    """Return the segments of a file of ``size`` bytes, read beside if that is worth it. Raises as ``segments_of``.

    ``beside``: a process that was started for it, if it has not been given another file.
    """
    workbook = reading.layout.workbook
    is_open = workbook is not None and workbook.is_unread
    if beside is not None and beside.is_waiting:
        return beside.segments(reading)
    return segments_of(reading) if is_open or size < BESIDE_FROM else _segments_beside(reading)


def _segments_beside(reading: Reading) -> Iterator[Segment]:
    yield from Beside().segments(reading)


def segments_of(reading: Reading) -> Iterator[Segment]:
    """Yield the file's segments from ``reading.start`` on.

    Raises:
        UnreadableLeadFile: the file is damaged further in than was looked at when it was received.
        KeptFileDamaged: it was changed on the shelf.
    """
    with _opened(reading) as (segmenter, rows):
        if isinstance(rows, LineBlocks):
            yield from segmenter.of_lines(rows)
        else:
            yield from segmenter.of_rows(rows, size=reading.rows)


def raw_rows_of(reading: Reading) -> Iterator[RawRow]:
    """Yield the file's rows as they were delivered, from ``reading.start`` on. Raises as ``segments_of``."""
    with _opened(reading) as (segmenter, rows):
        yield from segmenter.raw_lines(rows) if isinstance(rows, LineBlocks) else rows


def row_texts_of(reading: Reading) -> Iterator[list[str]]:
    """Yield the texts of the file's rows in order, some at a time: the leaves of its Merkle tree."""
    with _opened(reading) as (segmenter, rows):
        if isinstance(rows, LineBlocks):
            yield from segmenter.texts(rows)
        else:
            while texts := [row.text for row in islice(rows, reading.rows)]:
                yield texts


def segmenter_for(reading: Reading) -> Segmenter:
    """Return what makes segments of the file's rows from the start on."""
    return Segmenter(
        reading.layout.columns,
        reading.received_at,
        reading.retention,
        reading.start,
        delimiter=reading.layout.delimiter or ",",
        identity=reading.identity,
        with_cells=reading.with_cells,
    )


@contextmanager
def _opened(reading: Reading) -> Iterator[tuple[Segmenter, LineBlocks | Iterator[RawRow]]]:
    """Give the file's rows from the start on, as blocks of lines or one by one, and what makes segments of them."""
    layout, start = reading.layout, reading.start
    with ExitStack() as opened:
        file = opened.enter_context(reading.origin.open())
        segmenter = segmenter_for(reading)
        rows: Iterator[RawRow]
        if layout.workbook is not None and layout.workbook.is_unread:
            rows = layout.workbook.rows()
        else:
            content = opened.enter_context(open_content(file, spool_dir=reading.spool_dir))
            if layout.format is FileFormat.XLSX:
                rows = SpreadsheetReader(content.stream).rows()
            elif layout.format is FileFormat.JSONL:
                stream, codec = line_text(content.stream, layout.encoding)
                text = TextIOWrapper(stream, codec, errors="replace", newline="\n")
                opened.callback(text.detach)  # the stream is another's to close
                rows = JsonLinesReader(text).rows()
            else:
                stream, codec = line_text(content.stream, layout.encoding)
                position = max(start.position, layout.position)
                skip(stream, position)
                yield segmenter, LineBlocks(stream, codec, position=position, size=reading.block)
                return
        for _ in zip(range(start.rows_before), rows, strict=False):
            pass
        yield segmenter, rows


class Beside:
    """A process that reads one file. Started while the file is being received, it is ready when it is told which."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "leads.reading"]
        path = os.pathsep.join([str(Path(__file__).parent.parent), *sys.path[1:]])
        environment = os.environ | _ONE_CORE | _HELD_MEMORY | {"PYTHONPATH": path}
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        self.is_waiting = True

    def segments(self, reading: Reading) -> Iterator[Segment]:
        """Yield what ``segments_of`` yields, and let the process go. Raises as that does."""
        self.is_waiting = False
        process, ahead = self._process, None
        assert process.stdin is not None  # noqa: S101 - they are pipes
        assert process.stdout is not None  # noqa: S101
        with closing(process.stdout), process:
            try:
                with process.stdin as given:
                    give(given, replace(reading, layout=replace(reading.layout, workbook=None)))
                ahead = Ahead(process.stdout)
                while (found := ahead.take()) is not None:
                    if isinstance(found, ServiceError):
                        raise found
                    assert isinstance(found, Segment)  # noqa: S101 - nothing else is given
                    yield found
                if process.wait() != 0:
                    raise RuntimeError("the process that read the file failed")
            finally:
                process.kill()
                if ahead is not None:
                    ahead.close()

    def close(self) -> None:
        """Let the process go if it still waits for a file."""
        if self.is_waiting:
            self.is_waiting = False
            with self._process:  # closes its pipes and waits for its end
                self._process.kill()


@contextmanager
def beside_for(path: Path) -> Iterator[Beside | None]:
    """Give a process to read the file that lies there, or None if it is small, or may be a workbook."""
    try:
        with path.open("rb") as file:
            is_worth_it = os.fstat(file.fileno()).st_size >= BESIDE_FROM and file.read(2) != b"PK"
    except OSError:
        is_worth_it = False
    beside = Beside() if is_worth_it else None
    try:
        yield beside
    finally:
        if beside is not None:
            beside.close()


def _main() -> None:
    gc.disable()  # what a segment is made of has no cycles, and there is much of it
    reading = take(sys.stdin.buffer)
    if reading is None:  # whoever started this is gone, or has no file to be read
        return
    assert isinstance(reading, Reading)  # noqa: S101 - nothing else is given
    with suppress(BrokenPipeError):
        try:
            for segment in segments_of(reading):
                give(sys.stdout.buffer, segment)
        except ServiceError as error:
            give(sys.stdout.buffer, error)


if __name__ == "__main__":
    from leads.reading import _main as main  # by its own name: what is pickled names the module that it is from

    main()
