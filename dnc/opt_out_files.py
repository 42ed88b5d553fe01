"""A file of people's noes: a list, one number a line, or a table with a heading over the numbers.

Tables are read as lead files are (``leads.layouts``, ``leads.reading``): any delimiter, quoting and character set, or
XLSX, also in gzip or zip. A no is never lost: a row whose time cannot be read says no all the same.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path

from core.clock import LOCAL_TIME
from core.errors import InvalidInput
from core.numbers import Number, read_valid_number
from leads.archives import open_content
from leads.dates import read_day, read_instant
from leads.encodings import EncodingFinder, line_text
from leads.errors import UnclearHeadings, UnreadableLeadFile
from leads.headings import NUMBERS, Field, shown
from leads.identities import read_identity
from leads.intake import HowToRead, layout_of, plain_at
from leads.layouts import Layout
from leads.reading import Reading, raw_rows_of
from leads.rows import EARLIEST_COLLECTION, RawRow
from leads.segments import Start

_SEPARATORS = ";,\t|"
_RECEIVED = Field.COLLECTED_AT
"""The field of a lead file under which the column of times is found."""


@dataclass(frozen=True, slots=True)
class SaidNo:
    """One no of a file: the number as it is written there, and when the person said it, if the file tells.

    ``row`` counts the lines of a list, or the rows of a table below its headings, from one. ``is_time_unread``: a time
    stands there that cannot be read, or has not come yet.
    """

    row: int
    number: str
    received_at: datetime | None
    is_time_unread: bool


class OptOutFile:
    """A file of noes that can be read again from its beginning.

    ``columns`` and ``received_column`` name the headings over the numbers, three at most, and over when they were said,
    or a place as ``#2``. Without ``columns`` it is the heading that means a number, if no other column holds any as
    they are dialled in ``region``; a file without headings is a list.
    """

    def __init__(
        self, path: Path, *, columns: Sequence[str], received_column: str | None, region: str, now: datetime
    ) -> None:
        """See what the file holds.

        Raises:
            InvalidInput: it cannot be read as a whole, does not tell which column is which, or has a hidden sheet.
        """
        self._plain, self._now = plain_at(path), now
        if len(columns) > len(NUMBERS):
            raise InvalidInput(f"at most {len(NUMBERS)} columns of numbers")
        mapping = {field.value: "" for field in Field if field is not Field.NUMBER}
        mapping |= {field.value: heading for field, heading in zip(NUMBERS, columns, strict=False)}
        if received_column is not None:
            mapping[_RECEIVED.value] = received_column
        self._layout: Layout | None = None
        self._list: list[str] = []
        try:
            self._layout = layout_of(self._plain, HowToRead(mapping=mapping), None)
        except UnclearHeadings as error:
            if not columns and received_column is None:
                self._list = self._lines()
            if not _is_list(self._list):
                raise InvalidInput(f"name the column of the numbers: {error.detail}") from error
        except UnreadableLeadFile as error:
            raise InvalidInput(error.detail) from error
        if self._layout is None:
            return
        if self._layout.workbook is not None and self._layout.workbook.hidden_sheets:
            raise InvalidInput("the workbook has hidden sheets, which are not read: send one sheet alone")
        if not columns:
            self._refuse_other_numbers(self._layout, region)

    @property
    def is_table(self) -> bool:
        """Whether it is a table, not a list."""
        return self._layout is not None

    def noes(self) -> Iterator[SaidNo]:
        """Yield what the file says, in order.

        Raises:
            InvalidInput: it is damaged further in than was looked at; what was yielded before that stands there.
        """
        if self._layout is None:
            for line_no, line in enumerate(self._list, start=1):
                if line.strip():
                    yield SaidNo(line_no, line, None, is_time_unread=False)
            return
        try:
            yield from self._rows(self._layout)
        except UnreadableLeadFile as error:
            raise InvalidInput(f"{error.detail}; the rows before that are read") from error

    def _lines(self) -> list[str]:
        """Return the lines of a text; none of a workbook."""
        finder = EncodingFinder()
        with self._plain.open() as file:
            with open_content(file) as content:
                if content.kind != "text":
                    return []
                finder.take(content.stream.read())
            with open_content(file) as content:
                stream, codec = line_text(content.stream, finder.encoding)
                return stream.read().decode(codec, "replace").removeprefix("\ufeff").splitlines()

    def _refuse_other_numbers(self, layout: Layout, region: str) -> None:
        """Raise InvalidInput if another column than the one that is found by its heading holds a number too."""
        columns = layout.columns
        read = {*columns.places.values(), *columns.identity_places}
        others = [place for place in range(len(columns.headings)) if place not in read]
        today = self._now.astimezone(LOCAL_TIME).date()
        with suppress(UnreadableLeadFile):  # what can be read is taken, and then that is told
            for row in self._raw_rows(layout):
                if row.fault is not None or columns.places[Field.NUMBER] >= len(row.cells):
                    continue  # its whole text is tried
                for place in others:
                    if place < len(row.cells) and _is_number(row.cells[place], region, today):
                        raise InvalidInput(
                            f"name the column of the numbers: {shown(columns.headings[place])} holds some too "
                            f"(row {row.row_no})"
                        )

    def _rows(self, layout: Layout) -> Iterator[SaidNo]:
        places = layout.columns.places
        numbers_at = [places[field] for field in NUMBERS if field in places]
        received_at = places.get(_RECEIVED)
        for row in self._raw_rows(layout):
            cells = row.cells if row.fault is None else []
            numbers = [cells[place] if place < len(cells) else row.text for place in numbers_at]
            said = cells[received_at].strip() if received_at is not None and received_at < len(cells) else ""
            moment = said_at(said, self._now)
            for number in [one for one in dict.fromkeys(numbers) if one.strip()] or numbers[:1]:
                yield SaidNo(row.row_no, number, moment, is_time_unread=bool(said) and moment is None)

    def _raw_rows(self, layout: Layout) -> Iterator[RawRow]:
        return raw_rows_of(Reading(self._plain, layout, self._now, timedelta(days=1), Start()))


def _is_number(cell: str, region: str, today: date) -> bool:
    """Return whether a cell is a valid number and nothing else, nor a personal identity number. Pure."""
    if any(map(str.isalpha, cell)) or read_identity(cell, today) is not None:
        return False
    return isinstance(read_valid_number(cell, region=region), Number)


def _is_list(lines: Sequence[str]) -> bool:
    """Return whether the first line that holds anything is one cell. Pure."""
    first = next((line for line in lines if line.strip()), _SEPARATORS)
    return not any(sign in first for sign in _SEPARATORS)


def said_at(text: str, now: datetime) -> datetime | None:
    """Return when a person said no, as a cell tells it; None if it cannot be read or has not come yet. Pure.

    Of a day alone its last moment: by then the person had said it, and a wish of that day does not end it. Of today
    that is ``now``. What has no offset is Swedish local time.
    """
    day = read_day(text)
    moment = read_instant(text) if day is None else datetime.combine(day, time.max, tzinfo=LOCAL_TIME)
    if moment is None or moment < EARLIEST_COLLECTION:
        return None
    if day is not None and day == now.astimezone(LOCAL_TIME).date():
        return now
    return moment if moment <= now else None
