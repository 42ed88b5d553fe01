"""A workbook (XLSX), read in bounded memory: the rows of its one visible sheet, as text.

Nothing is guessed. Numbers that a spreadsheet took for amounts have lost their leading zeros, and that is said; which
of several sheets is meant must be told; a formula is never evaluated, and its row is refused. A text that begins with
``=``, ``+``, ``-`` or ``@`` is text.
"""

import io
import os
import posixpath
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import date, time, timedelta
from functools import partial
from itertools import chain, islice
from json.encoder import encode_basestring
from pathlib import Path
from typing import BinaryIO, cast
from zipfile import ZIP_DEFLATED

from python_calamine import CalamineError, CalamineWorkbook

from leads.archives import WORKBOOK_LIMIT, is_workbook
from leads.errors import UnreadableLeadFile
from leads.headings import shown
from leads.rows import RawRow, RowReason
from leads.sheets import FORMULA, MAX_ROWS, PLAIN, Sheet, look_over, parse
from leads.zips import Members, Part, pack, plain_part

UNPACKED_LIMIT = 320 << 20
"""Bytes of XML in a workbook: as many cells as are read take some 275 MiB, written in the longest way."""
SMALL_PART = 16 << 20
"""Bytes of the parts that say what sheets, formats and relations there are."""
SHEETS = 500
CHUNK = 1 << 20
LOOKED_AT = 100
"""Rows looked at for columns that came as numbers."""
LONG_NUMBER = 1_000_000
"""A whole number from here on may be a phone number or a reference; a shorter one is an amount or an age."""
_TEXTS, _STYLES = "xl/sharedStrings.xml", "xl/styles.xml"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_TYPES = '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'
_ROOT = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    f'<Relationship Id="r1" Type="{_RELATIONS}/{{}}" Target="{{}}"/></Relationships>'
)
_WORKBOOK = (
    f'<workbook xmlns:r="{_RELATIONS}"><workbookPr date1904="{{}}"/>'
    '<sheets><sheet name="1" sheetId="1" r:id="r1"/></sheets></workbook>'
)

Cell = str | float | bool | date | time | timedelta


class SpreadsheetReader:
    """The rows of one workbook. ``sheet`` names the sheet to be read where more than one has content.

    ``headings_cells`` is the first row with content; ``warnings`` are sentences on what may surprise; ``hidden_sheets``
    counts those that are not read; ``is_unread``: nobody has taken its rows. A file that is handed over stays the
    caller's.

    Raises:
        UnreadableLeadFile: it is no workbook, is damaged, has macros or a password, would take too much memory, has no
            visible sheet with content, or has several and ``sheet`` does not say which.
    """

    def __init__(self, source: Path | BinaryIO, *, sheet: str | None = None) -> None:
        with ExitStack() as until_packed:
            file = until_packed.enter_context(source.open("rb")) if isinstance(source, Path) else source
            if file.seek(0, os.SEEK_END) > WORKBOOK_LIMIT:
                raise UnreadableLeadFile(f"the workbook is larger than {WORKBOOK_LIMIT >> 20} MiB: send CSV")
            members = Members(file, limit=UNPACKED_LIMIT)
            if not is_workbook(members):
                raise UnreadableLeadFile("it is no workbook")
            contents = _Contents(members)
            name, self._sheet = contents.choose(sheet)
            only_that = contents.pack(name)
        self.is_unread = True
        self.hidden_sheets = contents.hidden_sheets
        self._rows: Iterator[tuple[int, list[Cell] | None]] = enumerate(_rows(only_that))
        self.headings_cells = self._headings()
        peeked = list(islice(self._rows, LOOKED_AT))
        self._rows = chain(peeked, self._rows)
        self.warnings = contents.warnings + self._warnings([cells for _, cells in peeked if cells])

    def rows(self) -> Iterator[RawRow]:
        """Give every row below the headings, in order, once; rows without a character are no rows.

        Cells are as wide as the headings at least. A row with a formula or an error in it has a fault.
        """
        marks, width, row_no = self._sheet.marks, len(self.headings_cells), 0
        rows, self._rows, self.is_unread = self._rows, iter(()), False
        for place, raw in rows:
            fault = None
            if raw is None:
                fault, cells = RowReason.UNREADABLE, [""] * width
            else:
                cells = _texts(raw)
            if place < len(marks) and (mark := marks[place]) != PLAIN:
                fault = RowReason.FORMULA if mark == FORMULA else RowReason.ERROR_CELL
            elif fault is None and not any(cells):
                continue
            if len(cells) < width:
                cells += [""] * (width - len(cells))
            elif len(cells) > width and not any(cells[width:]):
                del cells[width:]
            row_no += 1
            yield RawRow(row_no, cells, fault, _json(cells))

    def _headings(self) -> list[str]:
        for place, cells in self._rows:
            if cells is None or (place < len(self._sheet.marks) and self._sheet.marks[place] != PLAIN):
                raise UnreadableLeadFile("the row of headings holds a formula, an error or an impossible date")
            texts = list(map(text_of, cells))
            while texts and not texts[-1].strip():
                texts.pop()
            if texts:
                return texts
        raise UnreadableLeadFile("the workbook has no row of headings")

    def _warnings(self, rows: Sequence[Sequence[Cell]]) -> list[str]:
        said = []
        if self._sheet.merged:
            said.append("cells are merged: only the first cell of each merge has its text, the others are empty")
        if self._sheet.hidden:
            said.append("rows or columns of the sheet are hidden: they are read like the others")
        for place, heading in enumerate(self.headings_cells):
            if any(_is_long_number(cells[place]) for cells in rows if place < len(cells)):
                said.append(f"{shown(heading)} came as spreadsheet numbers: leading zeros are lost")
        return said


class _Contents:
    """What a workbook is made of, as far as it is read."""

    def __init__(self, members: Members) -> None:
        self._members = members
        self._names = {name.casefold(): name for name in members.entries}
        self._relations: dict[str, tuple[str, str]] = {}
        self._sheets: list[tuple[str, bool, str]] = []
        self._has_1904 = False
        self.warnings: list[str] = []
        self._parse("xl/_rels/workbook.xml.rels", self._take_relation)
        self._parse("xl/workbook.xml", self._take_sheet)
        by_kind = dict(self._relations.values())
        self._texts = self._member(by_kind.get("sharedStrings", f"/{_TEXTS}"))
        self._styles = self._member(by_kind.get("styles", f"/{_STYLES}"))
        if self._styles is not None:
            self._refuse_large(self._styles)
            with self._members.open(self._styles) as stream:
                while stream.read(CHUNK):
                    pass

    @property
    def hidden_sheets(self) -> int:
        """How many sheets nobody sees."""
        return sum(not visible for _, visible, _ in self._sheets)

    def choose(self, wanted: str | None) -> tuple[str, Sheet]:
        """Return the member that holds the sheet to be read, and what was seen of it."""
        if hidden := self.hidden_sheets:
            self.warnings.append(f"the workbook has {hidden} hidden sheet{'s' * (hidden > 1)}, not read")
        named = [sheet for sheet in self._sheets if wanted is None or sheet[0] == wanted]
        if not named:
            raise UnreadableLeadFile("the workbook has no sheet of that name")
        found = [(member, sheet) for _, visible, member in named if visible and (sheet := self._look(member)).has_cells]
        if not found:
            raise UnreadableLeadFile("the workbook has no visible sheet with anything in it")
        if len(found) > 1:
            raise UnreadableLeadFile(f"the workbook has {len(found)} sheets with rows: send one alone")
        return found[0]

    def pack(self, sheet: str) -> bytes:
        """Return a workbook of that sheet alone: its reader sees what was looked over, and nothing else."""
        date1904 = "1" if self._has_1904 else "0"
        parts = [
            plain_part("[Content_Types].xml", _TYPES),
            plain_part("_rels/.rels", _ROOT.format("officeDocument", "xl/workbook.xml")),
            plain_part("xl/workbook.xml", _WORKBOOK.format(date1904)),
            plain_part("xl/_rels/workbook.xml.rels", _ROOT.format("worksheet", "worksheets/sheet1.xml")),
            self._part("xl/worksheets/sheet1.xml", sheet),
        ]
        if self._texts is not None:
            parts.append(self._part(_TEXTS, self._texts))
        if self._styles is not None:
            parts.append(self._part(_STYLES, self._styles))
        return pack(parts)

    def _part(self, name: str, member: str) -> Part:
        entry = self._members.entries[member]
        packed = self._members.packed(member)
        return Part(name, packed, entry.compress_type == ZIP_DEFLATED, entry.CRC, entry.file_size)

    def _look(self, member: str) -> Sheet:
        texts = self._texts
        return look_over(
            partial(self._members.open, member), None if texts is None else partial(self._members.open, texts)
        )

    def _member(self, target: str) -> str | None:
        """Return the member that a relation of the workbook leads to, None if there is none."""
        path = target[1:] if target.startswith("/") else posixpath.normpath(posixpath.join("xl", target))
        return self._names.get(path.casefold())

    def _refuse_large(self, member: str) -> None:
        if self._members.entries[member].file_size > SMALL_PART:
            raise UnreadableLeadFile(f"a part of the workbook is larger than {SMALL_PART >> 20} MiB: send CSV")

    def _parse(self, name: str, take: Callable[[str, dict[str, str]], None]) -> None:
        member = self._names.get(name.casefold())
        if member is None:
            raise UnreadableLeadFile("the workbook is damaged: it does not say which sheets it has")
        self._refuse_large(member)
        with self._members.open(member) as stream:
            parse(stream, take, lambda _: None, lambda _: None)

    def _take_relation(self, name: str, attributes: dict[str, str]) -> None:
        if name.rpartition(":")[2] == "Relationship":
            kind = attributes.get("Type", "").rpartition("/")[2]
            self._relations[attributes.get("Id", "")] = kind, attributes.get("Target", "")

    def _take_sheet(self, name: str, attributes: dict[str, str]) -> None:
        kind = name.rpartition(":")[2]
        if kind == "workbookPr":
            self._has_1904 = attributes.get("date1904") in {"1", "true"}
        elif kind == "sheet":
            relation = next((value for key, value in attributes.items() if key.endswith(":id")), "")
            kind, target = self._relations.get(relation, ("", ""))
            if kind != "worksheet":  # a sheet of charts, or dialogs of old
                return
            member = self._member(target)
            if member is None or len(self._sheets) >= SHEETS:
                raise UnreadableLeadFile("the workbook is damaged: a sheet is not in it")
            self._sheets.append((attributes.get("name", ""), attributes.get("state", "visible") == "visible", member))


def _rows(workbook: bytes) -> Iterator[list[Cell] | None]:
    """Give the rows of the first sheet, from its top; None for one whose cells cannot be shown."""
    try:
        with CalamineWorkbook.from_filelike(io.BytesIO(workbook)) as book:
            rows = book.get_sheet_by_index(0).iter_rows()
    except (CalamineError, OSError, ValueError):
        # What the library says may quote a cell.
        raise UnreadableLeadFile("the workbook is damaged or has a cell that is not possible") from None
    except BaseException as error:  # noqa: BLE001 - only a breakdown goes on from here
        _refuse_panic(error)
        raise UnreadableLeadFile("the workbook cannot be read") from None
    return _surely(rows)


def _surely(rows: Iterator[list[Cell]]) -> Iterator[list[Cell] | None]:
    for _ in range(MAX_ROWS):
        try:
            yield from rows
        except BaseException as error:  # noqa: BLE001 - a date past all calendars, say
            _refuse_panic(error)
            yield None
        else:
            return


def _refuse_panic(error: BaseException) -> None:
    """Raise ``error`` again unless it is how the library, not written in Python, says that it broke down.

    Its class derives from ``BaseException`` and cannot be imported.
    """
    if type(error).__name__ != "PanicException":
        raise error


def text_of(cell: Cell) -> str:
    """Return a cell as text: whole numbers by their digits, moments in ISO 8601, ``true`` or ``false``."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, int | float):
        text = repr(cell)
        if text.endswith(".0"):
            return text[:-2]
        return f"{cell:.0f}" if "e+" in text else text
    if isinstance(cell, timedelta):
        minutes, seconds = divmod(round(cell.total_seconds()), 60)
        return f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}"
    return cell.isoformat()


def _texts(cells: list[Cell]) -> list[str]:
    """Return the cells as texts; most rows are such already, and joining them tells that soonest."""
    try:
        "".join(cells)  # type: ignore[arg-type] # that is what is asked
    except TypeError:
        return list(map(text_of, cells))
    return cast("list[str]", cells)


def _json(cells: list[str]) -> str:
    """Return the cells as a JSON array; where none has a character that is written in another way, at half of it."""
    text = '","'.join(cells)
    if text.isprintable() and "\\" not in text and text.count('"') == 2 * (len(cells) - 1):
        return f'["{text}"]'
    return f"[{','.join(map(encode_basestring, cells))}]"


def _is_long_number(cell: Cell) -> bool:
    return isinstance(cell, float) and cell.is_integer() and abs(cell) >= LONG_NUMBER
