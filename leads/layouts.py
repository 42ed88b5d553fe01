"""How a delivered file is to be read: its form, character set, delimiter and columns."""

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from leads.archives import Content
from leads.csv_rows import DELIMITERS
from leads.encodings import UTF_16, line_text
from leads.errors import UnreadableLeadFile
from leads.headings import Columns, columns_by_place, field_named, maps_by_place, read_headings
from leads.json_lines import JsonLinesReader, looks_like_json_lines
from leads.lines import LINE_LIMIT
from leads.spreadsheets import SpreadsheetReader
from leads.terms import FileFormat
from leads.workbook_beside import Opened

HEAD = 4 * (LINE_LIMIT + 1)
BLANK_LINES_FIRST = 50
HEADING_LINES = 10
"""Lines that the headings may take together, where a quoted one goes on in the next line."""
_LINE = re.compile(rb"([^\r\n]*)(\r\n|\n|\r|\Z)")
_MARKUP = re.compile(r"\s*<(?:!--|!doctype|\?xml|html|head|meta|style|table|workbook|ss:)", re.IGNORECASE)
_SPREAD_JSON = re.compile(r"\s*\{\s*\Z")
_JSON_ARRAY = re.compile(r"\s*\[\s*(?:\{|\Z)")
Mapped = Callable[[Sequence[str]], Mapping[str, str] | None]
"""What gives the mapping for a file with these headings."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How the file is to be read. ``position`` is where its first row begins, in the text without byte order mark.

    ``encoding`` and ``delimiter`` are empty for a workbook. ``opening`` is the line before all others by which Excel is
    told the delimiter, as it came: ``sep=;``, or empty if there is none. ``has_headings`` is false where the first line
    is a row. ``warnings`` say what a spreadsheet may have done to the values. ``workbook`` is the workbook as it was
    opened for this: to open it is most of the cost of reading it.
    """

    format: FileFormat
    wrapping: str
    encoding: str
    delimiter: str
    columns: Columns
    has_headings: bool
    position: int
    opening: str = ""
    warnings: tuple[str, ...] = ()
    workbook: SpreadsheetReader | None = field(default=None, compare=False, repr=False)


def share_read(form: str, wrapping: str, encoding: str, position: int, size: int) -> float | None:
    """Return the share that is read of a file of ``size`` bytes, whose text is read up to ``position``.

    None where the text is not the file, byte for byte: of a workbook, JSON Lines, what is packed, and UTF-16.
    """
    is_text = form == FileFormat.CSV and wrapping == "none" and not encoding.startswith(UTF_16)
    return min(position / size, 1.0) if is_text else None


def find_layout(
    content: Content,
    encoding: str,
    mapped: Mapped,
    *,
    delimiter: str | None = None,
    has_headings: bool | None = None,
    opened: Opened | None = None,
) -> Layout:
    """Return how ``content`` is to be read, from its beginning; ``mapped`` gives the mapping for its headings.

    A mapping that names columns by number alone makes the first line a row, unless ``has_headings`` says otherwise.
    ``opened`` is what is known of a workbook that a process beside has opened: it is not opened again.

    Raises:
        UnreadableLeadFile: it has no line of headings, or is not text.
        UnclearHeadings: the headings or the mapping do not say which column holds what.
    """
    wrapping = content.wrapping or "none"
    if content.kind == "xlsx":
        sheet = SpreadsheetReader(content.stream) if opened is None else opened
        columns, headed = _columns(sheet.headings_cells, mapped, has_headings)
        if not headed:
            raise UnreadableLeadFile("a workbook begins with a row of headings")
        workbook = sheet if isinstance(sheet, SpreadsheetReader) else None
        return Layout(
            FileFormat.XLSX, wrapping, "", "", columns, True, 0, warnings=tuple(sheet.warnings), workbook=workbook
        )
    stream, codec = line_text(content.stream, encoding)
    head = stream.read(HEAD)
    first, position, after = _first_line(head, 0, codec)
    if looks_like_json_lines(first):
        stream = io.BufferedReader(_Chained(head, stream))
        reader = JsonLinesReader(io.TextIOWrapper(stream, codec, errors="replace", newline="\n"))
        columns, headed = _columns(reader.headings_cells, mapped, has_headings)
        if not headed:
            raise UnreadableLeadFile("the lines are JSON objects: map their keys, not column numbers")
        return Layout(FileFormat.JSONL, wrapping, encoding, "", columns, True, 0)
    if _JSON_ARRAY.match(first):
        raise UnreadableLeadFile("it is a JSON array: send JSON Lines, an object a line")
    if _SPREAD_JSON.match(first):
        raise UnreadableLeadFile("it is a JSON object over several lines: send JSON Lines, an object a line")
    if _MARKUP.match(first):
        raise UnreadableLeadFile("it is a web page or XML, whatever its name says: save it as XLSX or CSV")
    told, opening = delimiter, ""
    if first.casefold().startswith("sep=") and len(first) == len("sep=") + 1 and first[4] in DELIMITERS:
        told, opening = first[4], first
        first, position, after = _first_line(head, after, codec)
    if "\x00" in first:
        raise UnreadableLeadFile(
            "it is not a text file: the first line holds NUL bytes; if it is UTF-16 without a byte order mark, say so"
        )
    first, after = _whole(head, first, after, codec)
    found, cells = _delimited(first, told, mapped)
    columns, headed = _columns(cells, mapped, has_headings)
    return Layout(FileFormat.CSV, wrapping, encoding, found, columns, headed, after if headed else position, opening)


def _columns(cells: Sequence[str], mapped: Mapped, has_headings: bool | None) -> tuple[Columns, bool]:
    mapping = mapped(cells)
    headed = not maps_by_place(mapping) if has_headings is None else has_headings
    return (read_headings(cells, mapping) if headed else columns_by_place(len(cells), mapping or {})), headed


def _first_line(head: bytes, start: int, codec: str) -> tuple[str, int, int]:
    """Return the first line that is not blank, where it begins, and where the next one does."""
    for _ in range(BLANK_LINES_FIRST):
        found = _LINE.match(head, start)
        if found is None or (found.end() == len(head) and found.start() == found.end()):
            break
        line = found[1].decode(codec, errors="replace")
        if len(line) > LINE_LIMIT:
            raise UnreadableLeadFile(f"the first line is longer than {LINE_LIMIT} characters")
        if line.strip():
            return line, start, found.end()
        start = found.end()
    raise UnreadableLeadFile("the file has no line of headings")


def _whole(head: bytes, line: str, after: int, codec: str) -> tuple[str, int]:
    """Return the line with those after it that a quote in it reaches into, and where the next one begins.

    A quote that does not close within some lines reaches nowhere: the line stays alone.
    """
    longer, end = line, after
    for _ in range(HEADING_LINES):
        if longer.count('"') % 2 == 0:
            return longer, end
        found = _LINE.match(head, end)
        if found is None or found.end() == end or len(longer) > LINE_LIMIT:
            break
        longer, end = f"{longer}\n{found[1].decode(codec, errors='replace')}", found.end()
    return line, after


def _delimited(line: str, told: str | None, mapped: Mapped) -> tuple[str, list[str]]:
    """Return the delimiter that makes most sense of the headings' line or lines, and its cells."""
    best: tuple[tuple[int, int], str, list[str]] | None = None
    for delimiter in [told] if told else DELIMITERS:
        try:
            cells = next(csv.reader([line], delimiter=delimiter, strict=True), [])
        except csv.Error:
            continue
        if any("\n" in cell and delimiter in cell for cell in cells):  # rows, up to a quote in one of them
            continue
        wanted = {heading.strip().casefold() for heading in (mapped(cells) or {}).values()}
        known = sum(field_named(cell) is not None or cell.strip().casefold() in wanted for cell in cells)
        if best is None or (known, len(cells)) > best[0]:
            best = (known, len(cells)), delimiter, cells
    if best is None:
        raise UnreadableLeadFile("the line of headings has a quote that does not close")
    return best[1], best[2]


class _Chained(io.RawIOBase):
    """Bytes that were read already, then the stream that they came from."""

    def __init__(self, first: bytes, then: BinaryIO) -> None:
        super().__init__()
        self._first, self._then = io.BytesIO(first), then

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # BufferedReader hands over a memoryview
        chunk = self._first.read(len(buffer)) or self._then.read(len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)
