"""The XML of one sheet, looked over before a reader may hold it in memory.

The reader of workbooks lays a sheet out as a full rectangle and repeats a shared text for each cell that shows it: two
cells in far corners, or one long text shown a million times, would take all memory. It also keeps silent about formulas
and gives an error such as #N/A as an empty cell. So this counts, and finds those rows.

Most programs write cells in one plain form, which one pattern follows at 200 MB/s; what strays from it a little is
looked at piece by piece at half that, and anything else is parsed.
"""

import re
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import BinaryIO
from xml.parsers import expat

from core.ahead import one_ahead
from leads.errors import UnreadableLeadFile

CHUNK = 4 << 20
MAX_ROWS, MAX_COLUMNS = 1_048_576, 16_384
"""The bounds of a sheet in Excel itself."""
CELLS = 5_000_000
"""Of the whole rectangle, empty cells included: at 100 bytes a cell, half a gigabyte."""
TEXT = 256 << 20
"""Bytes of shared texts, each counted as often as it is shown."""
_TOLD = 3
"""Of a row's number, the digits that are looked at."""
PLAIN, ERROR, FORMULA = 0, 1, 2
"""What lies in a row; of two, the greater is told."""
_CELL = re.compile(rb'<c r="[A-Z]{1,2}([1-9]\d{0,6})"(?: s="\d+")?(?: t="\w+")?/?>')
_FORMULA_CELL = re.compile(rb'<c r="[A-Z]{1,2}([1-9]\d{0,6})"[^<>]*><f[\s/>]')
_ERROR_CELL = re.compile(rb'<c r="[A-Z]{1,2}([1-9]\d{0,6})"[^<>]* t="e"')
_CONTENT = re.compile(rb"<(?:v|is|f)[\s/>]")
_FORMULA, _TWO_LETTERS = re.compile(rb"<f[\s/>]"), re.compile(rb'<c r="[A-Z]{2}')
_ODD_CELL, _PREFIXED = re.compile(rb"<c[\t\r\n/>]"), re.compile(rb":[cfv][\s/>]")
_UTF_8 = re.compile(rb"""\A(?:\xef\xbb\xbf)?\s*(?:<\?xml(?![^>]*encoding=(?!["'](?i:utf-8)["']))[^>]*\?>)?\s*<[\w:]""")
_USUAL_CELL = (
    r'(?: s="[0-9]+")?(?: t="(?:inlineStr|s|n|str|b)")?'
    r'(?:/>|>(?:<is><t(?: xml:space="preserve")?>[^<\0]*</t></is>|<v>[^<\0]*</v>)</c>)'
)
_USUAL_ROW = r'</row>|<row(?: (?:r|spans|s|ht|customHeight|customFormat|x14ac:dyDescent)="[^"<>\0]*")*>'
_REFERENCE = re.compile(r"([A-Za-z]{1,3})(\d{1,7})")


@dataclass(frozen=True, slots=True)
class Sheet:
    """What was seen: the ``marks`` of its rows (from 0; ``PLAIN`` past the end), and whether any cell holds anything.

    ``merged`` and ``hidden`` tell that some cells are merged, and that some rows or columns are hidden.
    """

    marks: bytes
    has_cells: bool
    merged: bool
    hidden: bool


def look_over(open_sheet: Callable[[], BinaryIO], open_texts: Callable[[], BinaryIO] | None) -> Sheet:
    """Return what is to be known of a sheet. ``open_texts`` opens the workbook's shared texts, if it has any.

    Raises:
        UnreadableLeadFile: it is no XML, or it would take more memory than any list of persons.
    """
    longest = _longest_text(open_texts) if open_texts else 0
    quick = _Quick(longest)
    if quick.look(open_sheet()):
        return quick.sheet()
    return _Careful(open_texts if longest else None).look(open_sheet())


def _refuse_large(rows: int, columns: int, text: int) -> None:
    if rows > MAX_ROWS or columns > MAX_COLUMNS or rows * columns > CELLS:
        raise UnreadableLeadFile(f"the sheet spans more than {CELLS:,} cells: clear what lies far out, or send CSV")
    if text > TEXT:
        raise UnreadableLeadFile(f"the texts of the sheet are longer than {TEXT >> 20} MiB: send CSV")


def _longest_text(open_texts: Callable[[], BinaryIO]) -> int:
    """Return at least the length of the longest shared text, in bytes."""
    longest = carried = texts = 0
    stream = open_texts()
    while chunk := stream.read(CHUNK):
        if b"\0" in chunk or b"<![CDATA[" in chunk:
            raise UnreadableLeadFile("the workbook's texts are written in a form that is not read: save it anew")
        texts += chunk.count(b"si")
        if texts > 3 * CELLS:
            raise UnreadableLeadFile(f"the workbook has more than {CELLS:,} texts: send CSV")
        first, *others = chunk.split(b"</si>")
        carried += len(first)
        if others:
            longest, carried = max(longest, carried, *map(len, others)), len(others[-1])
    return max(longest, carried)


class _Quick:
    """Looks over a sheet whose cells are all written plainly."""

    def __init__(self, longest_text: int) -> None:
        self._longest = longest_text
        self._cells = self._rows = 0
        self._columns = 26
        self._marks = bytearray()
        self._holds = self._merged = self._hidden = False

    def look(self, stream: BinaryIO) -> bool:
        """Return whether all was plain and surely small enough; otherwise it is to be looked at with care."""
        rest = piece = b""
        with closing(one_ahead(iter(partial(stream.read, CHUNK), b""))) as chunks:  # unpacked beside
            for chunk in chunks:
                if not rest and not self._cells and not _UTF_8.match(chunk[:1000]):
                    return False
                piece = rest + chunk
                # A cell and its formula stay together: cut before the last cell, or before the last tag.
                cut = max(piece.rfind(b"<c "), 0) or max(piece.rfind(b"<"), 0)
                rest = piece[cut:]
                if len(rest) > CHUNK or not self._take(piece[:cut]):
                    return False
        # Merges are told after all rows.
        self._merged = b"<mergeCell " in piece
        return self._take(rest)

    def sheet(self) -> Sheet:
        """Return what was seen."""
        return Sheet(bytes(self._marks), self._holds or bool(self._marks), self._merged, self._hidden)

    def _take(self, piece: bytes) -> bool:
        """Look over a piece that ends before a cell or a tag; return false if it must be looked at with care."""
        if not self._is_usual(piece) and not self._look_closely(piece):
            return False
        self._holds = self._holds or _CONTENT.search(piece) is not None
        return self._rows * self._columns <= CELLS and self._cells * self._longest <= TEXT

    def _is_usual(self, piece: bytes) -> bool:
        """Return whether all of the piece is rows of plain cells in columns of one letter, having counted those.

        Their rows are then known to within one in a hundred.
        """
        last = _CELL.match(piece, max(piece.rfind(b"<c r="), 0))
        if last is None:
            return False
        digits = last[1].decode()
        if not _usual_rows(len(digits), digits[:_TOLD]).fullmatch(piece):
            return False
        self._cells += piece.count(b"<c ")
        self._rows = max(self._rows, int(digits[:_TOLD].ljust(len(digits), "9")))
        return True

    def _look_closely(self, piece: bytes) -> bool:
        if b"\0" in piece or b"<!" in piece or _PREFIXED.search(piece):
            return False
        rows = _CELL.findall(piece)
        if len(rows) != piece.count(b"<c") and (len(rows) != piece.count(b"<c ") or _ODD_CELL.search(piece)):
            return False
        if rows:
            self._cells += len(rows)
            self._rows = max(self._rows, *map(int, set(rows)))
            if self._columns == 26 and _TWO_LETTERS.search(piece):  # noqa: PLR2004 - letters of one place
                self._columns = 26 + 26 * 26
        if b"<f" in piece and not self._mark(_FORMULA_CELL.findall(piece), len(_FORMULA.findall(piece)), FORMULA):
            return False
        errors = piece.count(b' t="e"')
        if errors and not self._mark(_ERROR_CELL.findall(piece), errors, ERROR):
            return False
        self._hidden = self._hidden or b' hidden="1"' in piece or b' hidden="true"' in piece
        return True

    def _mark(self, rows: list[bytes], there: int, mark: int) -> bool:
        """Mark the rows that hold a formula or an error; return false if not each of those ``there`` was found."""
        if len(rows) != there:
            return False
        if rows:
            self._marks.extend(bytes(max(0, max(map(int, rows)) - len(self._marks))))
        for row in rows:
            self._marks[int(row) - 1] = max(mark, self._marks[int(row) - 1])
        return True


@lru_cache(maxsize=64)
def _usual_rows(length: int, first: str) -> re.Pattern[bytes]:
    """Return the pattern of rows as most programs write them, with numbers that reach no further than told.

    Each has fewer digits than ``length``, or as many and begins with ``first`` or less.
    """
    rows = [rf"[1-9][0-9]{{0,{length - 2}}}"] if length > 1 else []
    for place, digit in enumerate(first):
        least = "1" if place == 0 else "0"
        if digit > least:
            rows.append(rf"{first[:place]}[{least}-{chr(ord(digit) - 1)}][0-9]{{{length - place - 1}}}")
    rows.append(rf"{first}[0-9]{{{length - len(first)}}}")
    cell = rf'<c r="[A-Z](?:{"|".join(rows)})"'
    return re.compile(f"(?:{cell}{_USUAL_CELL}|{_USUAL_ROW})*+".encode())


class _Careful:
    """Parses a sheet, exact to the cell, as the reader of workbooks counts rows and columns."""

    def __init__(self, open_texts: Callable[[], BinaryIO] | None) -> None:
        self._lengths = _text_lengths(open_texts) if open_texts else []
        self._row = self._column = self._rows = self._columns = self._text = 0
        self._in_cell = self._shares = self._in_value = False
        self._value = ""
        self._marks = bytearray()
        self._cells = 0
        self._merged = self._hidden = False

    def look(self, stream: BinaryIO) -> Sheet:
        """Return what was seen."""
        parse(stream, self._start, self._end, self._characters)
        return Sheet(bytes(self._marks), self._cells > 0 or bool(self._marks), self._merged, self._hidden)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        match name.rpartition(":")[2]:
            case "row":
                if "r" in attributes:
                    self._row = _number(attributes["r"]) - 1
                self._hidden = self._hidden or attributes.get("hidden") in {"1", "true"}
            case "c":
                self._start_cell(attributes)
            case "mergeCell":
                self._merged = True
            case "col":
                self._hidden = self._hidden or attributes.get("hidden") in {"1", "true"}
            case "f" if self._in_cell:
                self._mark(FORMULA)
            case "v" | "is" as kind if self._in_cell:
                self._cells += 1
                self._rows, self._columns = max(self._rows, self._row + 1), max(self._columns, self._column + 1)
                self._in_value, self._value = kind == "v" and self._shares, ""
                _refuse_large(self._rows, self._columns, self._text)

    def _start_cell(self, attributes: dict[str, str]) -> None:
        self._in_cell, kind = True, attributes.get("t")
        if "r" in attributes:
            found = _REFERENCE.fullmatch(attributes["r"])
            if found is None:
                raise UnreadableLeadFile("the sheet has a cell in no place")
            self._row, self._column = _number(found[2]) - 1, _column(found[1])
        self._shares = kind == "s"
        if kind == "e":
            self._mark(ERROR)

    def _end(self, name: str) -> None:
        match name.rpartition(":")[2]:
            case "c":
                self._in_cell, self._column = False, self._column + 1
            case "row":
                self._row, self._column = self._row + 1, 0
            case "v" if self._in_value:
                self._in_value, at = False, self._value.strip()
                if at.isascii() and at.isdigit() and len(at) < 9 and int(at) < len(self._lengths):  # noqa: PLR2004
                    self._text += self._lengths[int(at)]

    def _characters(self, text: str) -> None:
        if self._in_value and len(self._value) < 20:  # noqa: PLR2004 - more digits than there are texts
            self._value += text

    def _mark(self, mark: int) -> None:
        if not 0 <= self._row < MAX_ROWS:
            raise UnreadableLeadFile("the sheet has a cell in no place")
        self._marks.extend(bytes(max(0, self._row + 1 - len(self._marks))))
        self._marks[self._row] = max(mark, self._marks[self._row])


def _text_lengths(open_texts: Callable[[], BinaryIO]) -> list[int]:
    lengths: list[int] = []

    def start(name: str, _: dict[str, str]) -> None:
        if name.rpartition(":")[2] == "si":
            lengths.append(0)

    def characters(text: str) -> None:
        if lengths:
            lengths[-1] += len(text.encode())

    parse(open_texts(), start, lambda _: None, characters)
    return lengths


def parse(
    stream: BinaryIO,
    start: Callable[[str, dict[str, str]], None],
    end: Callable[[str], None],
    characters: Callable[[str], None],
) -> None:
    """Parse XML that declares no document type and has no CDATA: spreadsheets have neither, and readers differ on them.

    Raises:
        UnreadableLeadFile: it is none such, or is not well-formed.
    """

    def refuse(*_: object) -> None:
        raise UnreadableLeadFile("the workbook is written in a form that is not read: save it anew")

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = characters
    parser.StartDoctypeDeclHandler = parser.StartCdataSectionHandler = refuse
    try:
        while chunk := stream.read(CHUNK):
            parser.Parse(chunk, False)
        parser.Parse(b"", True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise UnreadableLeadFile("the workbook is damaged: its XML does not parse") from error


def _number(digits: str) -> int:
    if not (digits.isascii() and digits.isdigit() and len(digits) < 9 and int(digits)):  # noqa: PLR2004 - past any sheet
        raise UnreadableLeadFile("the sheet has a cell in no place")
    return int(digits)


def _column(letters: str) -> int:
    column = 0
    for letter in letters.upper():
        column = column * 26 + ord(letter) - ord("A") + 1
    return column - 1
