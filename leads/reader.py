"""A CSV lead file, read as a stream: whatever the bytes, every row is accounted for and memory stays bounded.

The character set is decided over the whole file: a byte order mark, else UTF-8 if every byte fits, else Windows-1252
(detectors misread Swedish). A stray quote spoils its own line, not the rest of the file: a row that does not close
within its bounds is given back as one unreadable line, and reading goes on with the next.
"""

import codecs
import csv
import hashlib
import os
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO, TextIO

from leads.errors import LeadFileChanged, UnreadableLeadFile
from leads.headings import MAX_COLUMNS, Columns, field_named, read_headings
from leads.rows import RawRow, RowReason

CHUNK = 1 << 20
LINE_LIMIT = 64 * 1024  # characters, of a line and of a row; csv itself would take fields twice as long
ROW_LINES = 100
KEPT_OF_BAD_ROW = 2_000
DELIMITERS = ",;\t|"
BLANK_LINES_FIRST = 50
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NOT_TEXT = (
    (b"PK\x03\x04", "a zip archive or a spreadsheet"),
    (b"PK\x05\x06", "a zip archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"%PDF", "a PDF document"),
    (b"7z\xbc\xaf", "a 7-zip archive"),
)


@dataclass(frozen=True, slots=True)
class Custody:
    """What identifies the file as received: its SHA-256 and size, and the character set its bytes are in."""

    sha256: str
    size: int
    encoding: str


@dataclass(frozen=True, slots=True)
class Layout:
    """How the file is to be read: character set, delimiter, columns."""

    encoding: str
    delimiter: str
    columns: Columns


def take_custody(file: BinaryIO) -> Custody:
    """Read the whole file once and return what identifies it.

    Raises:
        UnreadableLeadFile: it is empty, or of a kind that is not text.
    """
    file.seek(0)
    digest, decoder = hashlib.sha256(), codecs.getincrementaldecoder("utf-8")()
    start, size, is_utf8 = b"", 0, True
    while chunk := file.read(CHUNK):
        start = start or chunk[:4]
        size += len(chunk)
        digest.update(chunk)
        is_utf8 = is_utf8 and _decodes(decoder, chunk, final=False)
    if size == 0:
        raise UnreadableLeadFile("the file is empty")
    is_utf8 = is_utf8 and _decodes(decoder, b"", final=True)
    for magic, kind in _NOT_TEXT:
        if start.startswith(magic):
            raise UnreadableLeadFile(f"it is {kind}, not a text file: send CSV")
    marked = next((encoding for mark, encoding in _MARKS if start.startswith(mark)), None)
    return Custody(digest.hexdigest(), size, marked or ("utf-8" if is_utf8 else "cp1252"))


def _decodes(decoder: codecs.IncrementalDecoder, chunk: bytes, *, final: bool) -> bool:
    try:
        decoder.decode(chunk, final)
    except UnicodeDecodeError:
        return False
    return True


class LeadFileReader:
    """The rows of one open file. ``mapping`` names the heading for each field it lists; see ``read_headings``.

    Raises:
        UnreadableLeadFile: the file has no line of headings, or is not text.
        UnclearHeadings: the headings do not say which column holds what.
    """

    def __init__(self, file: BinaryIO, encoding: str, mapping: Mapping[str, str] | None = None) -> None:
        self._file = file
        self._stamp = _stamp(file)
        os.lseek(file.fileno(), 0, os.SEEK_SET)
        text = open(file.fileno(), encoding=encoding, errors="replace", newline="", closefd=False)  # noqa: SIM115
        self._lines = _Lines(text)
        self.layout = _layout(self._lines, encoding, mapping)

    @property
    def position(self) -> int:
        """How many bytes have been read so far; for showing progress."""
        return os.lseek(self._file.fileno(), 0, os.SEEK_CUR)

    def require_unchanged(self) -> None:
        """Do nothing if the file is still as it was opened.

        Raises:
            LeadFileChanged: its size or time of change is another.
        """
        if _stamp(self._file) != self._stamp:
            raise LeadFileChanged("import it again once it is complete")

    def rows(self) -> Iterator[RawRow]:
        """Give every row below the headings, in order; lines without a character are no rows."""
        reader = csv.reader(self._lines, delimiter=self.layout.delimiter, strict=True)
        width, lines, row_no = len(self.layout.columns.headings), self._lines, 0
        while True:
            fault: RowReason | None = None
            try:
                cells = next(reader)
                if len(lines.taken) > 1 and len(cells) != width:
                    fault = RowReason.UNREADABLE
            except StopIteration:
                return
            except _LineTooLong:
                cells, fault = [], RowReason.TOO_LONG if len(lines.taken) == 1 else RowReason.UNREADABLE
            except csv.Error:
                cells, fault = [], RowReason.UNREADABLE
            if fault is not None:
                cells = [lines.give_back()]
            elif len(cells) > MAX_COLUMNS:
                cells, fault = [lines.give_back()], RowReason.SURPLUS_CELLS
            lines.taken.clear()
            if cells:
                row_no += 1
                yield RawRow(row_no, cells, fault)


class _LineTooLong(Exception):
    """A line is longer than any row may be."""


class _Cut(str):
    """What is kept of a line that was too long."""

    __slots__ = ()


class _Lines:
    """The lines of a text as ``csv`` takes them, each remembered until its row is complete, to be given back if not."""

    def __init__(self, text: TextIO) -> None:
        self._readline = text.readline
        self._waiting: deque[str] = deque()
        self.taken: list[str] = []

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._waiting.popleft() if self._waiting else self._read()
        if not line:
            raise StopIteration
        self.taken.append(line)
        if len(self.taken) > 1 and (len(self.taken) > ROW_LINES or sum(map(len, self.taken)) > LINE_LIMIT):
            raise csv.Error("a row does not close")
        if isinstance(line, _Cut):
            raise _LineTooLong
        return line

    def _read(self) -> str:
        """Return the next line; of one that is too long only its beginning, having passed over the rest."""
        line = rest = self._readline(LINE_LIMIT + 1)
        if len(line) <= LINE_LIMIT:
            return line
        while rest and not rest.endswith(("\n", "\r")):
            rest = self._readline(LINE_LIMIT + 1)
        return _Cut(line[:KEPT_OF_BAD_ROW])

    def give_back(self) -> str:
        """Return the first line taken, shortened, and let the others be read again."""
        first, *others = self.taken
        self._waiting.extendleft(reversed(others))
        return first.rstrip("\r\n")[:KEPT_OF_BAD_ROW]


def _stamp(file: BinaryIO) -> tuple[int, int]:
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns


def _layout(lines: _Lines, encoding: str, mapping: Mapping[str, str] | None) -> Layout:
    """Find the line of headings and the delimiter that makes most sense of it."""
    first = _first_line(lines)
    told = None
    if first.casefold().startswith("sep=") and len(first.rstrip("\r\n")) == len("sep=") + 1 and first[4] in DELIMITERS:
        told, first = first[4], _first_line(lines)
    if "\x00" in first:
        raise UnreadableLeadFile("it is not a text file: the first line holds NUL bytes")
    wanted = {heading.strip().casefold() for heading in (mapping or {}).values()}
    best: tuple[tuple[int, int], str, list[str]] | None = None
    for delimiter in told or DELIMITERS:
        try:
            cells = next(csv.reader([first], delimiter=delimiter, strict=True), [])
        except csv.Error:
            continue
        known = sum(field_named(cell) is not None or cell.strip().casefold() in wanted for cell in cells)
        if best is None or (known, len(cells)) > best[0]:
            best = (known, len(cells)), delimiter, cells
    if best is None:
        raise UnreadableLeadFile("the line of headings has a quote that does not close")
    return Layout(encoding, best[1], read_headings(best[2], mapping))


def _first_line(lines: _Lines) -> str:
    for _ in range(BLANK_LINES_FIRST):
        try:
            line = next(lines)
        except StopIteration:
            break
        except _LineTooLong as error:
            raise UnreadableLeadFile(f"the first line is longer than {LINE_LIMIT} characters") from error
        lines.taken.clear()
        if line.strip():
            return line
    raise UnreadableLeadFile("the file has no line of headings")
