"""The rows of a file of call records: which columns they are read from, and what each says of a call.

Encodings, archives, delimiters and quoting are read as lead files are (``leads.layouts``, ``leads.reading``).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from zoneinfo import ZoneInfo

from core.database import FIRST_YEAR, LAST_YEAR
from core.errors import InvalidInput
from core.numbers import NumberFault, read_number
from dnc.call_records.errors import UnreadableCallRecords
from dnc.call_records.states import CallState
from leads.errors import UnclearHeadings, UnreadableLeadFile
from leads.headings import Field, plain_heading
from leads.intake import HowToRead, identify, layout_of
from leads.layouts import Layout
from leads.reading import PlainFile, Reading, raw_rows_of
from leads.rows import RawRow
from leads.segments import Start
from leads.synonyms import SYNONYMS as LEAD_WORDS

TEXT_LENGTH = 100
EPOCH = "epoch"
_AFTERNOON = datetime(2026, 11, 24, 13, 45, 6, tzinfo=UTC)
"""A moment that every way to write times has to tell: of a clock of twelve hours it must say which half."""
_DAY_AND_TIME = re.compile(r"[0-9W-]{8,10}[Tt ].+")  # of a day with an offset alone, the offset would pass for a time
_ZONE_NAME = re.compile(r"(?:[^%]|%[^Z])*%Z.*", re.DOTALL)
"""A format with a zone's name, which ``strptime`` reads over: the time would be taken for one of another zone."""
_PLACE = re.compile(r"#([1-9][0-9]{0,5})", re.ASCII)
_CLOCK = re.compile(r"(?:(\d{1,3}):)?(\d{1,2}):(\d{2})(?:[.,]\d+)?", re.ASCII)
_SECONDS = re.compile(r"(\d{1,7})(?:[.,]\d+)?", re.ASCII)


class Column(StrEnum):
    """What a column may hold; the first two every file needs.

    ``DAY``: the day of the call, where ``STARTED_AT`` holds the time alone. It is named, never guessed: a column headed
    as a time may hold how long the call was.
    """

    NUMBER = "number"
    STARTED_AT = "started_at"
    DAY = "day"
    DURATION = "duration"
    CALL_ID = "call_id"
    AGENT = "agent"


_WORDS: Mapping[Column, str] = {
    Column.NUMBER: f"""{LEAD_WORDS["number"]} bnumber bnummer bnr calledparty callednumber called callee callednr
        destination destinationnumber dst dialednumber phonenumberdialed dialled dialed to till uppringt
        uppringtnummer""",
    Column.STARTED_AT: """startedat started start starttime starttid startad startadtid callstart calltime callstarted
        calldate datetime timestamp samtalsstart tid tidpunkt time setuptime datum startdate startdatetime
        startstamp""",
    Column.DAY: "",
    Column.DURATION: "duration durationseconds seconds billsec talktime samtalslangd langd sekunder varaktighet",
    Column.CALL_ID: "callid uniqueid calluuid uuid samtalsid recordid cdrid callreference",
    Column.AGENT: "agent agentid agentname handlaggare saljare user anvandare extension",
}
SYNONYMS: Mapping[Column, frozenset[str]] = {column: frozenset(words.split()) for column, words in _WORDS.items()}
"""What headings mean, as ``leads.headings.plain_heading`` writes them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HowToReadCalls:
    """What the sender says of the file; what is None is found by the headings and the bytes.

    ``columns`` names a heading, or a column as ``#2``. ``time_format`` is ISO 8601 unless given (as for ``strptime``,
    or ``epoch`` for seconds since 1970); ``zone`` is where times without an offset were written down.
    """

    columns: Mapping[Column, str] = field(default_factory=dict)
    time_format: str | None = None
    zone: str | None = None
    region: str = "SE"
    encoding: str | None = None
    delimiter: str | None = None

    def clock(self) -> ZoneInfo | None:
        """Return the zone.

        Raises:
            InvalidInput: there is none of that name.
        """
        try:
            return None if self.zone is None else ZoneInfo(self.zone)
        except (KeyError, ValueError, OSError) as error:
            raise InvalidInput("zone: name one as Europe/Stockholm") from error

    def require_time_format(self) -> None:
        """Do nothing if times can be told by the format.

        Raises:
            InvalidInput: ``strptime`` knows a part of it not, or twice; or what is written so tells no day or no hour,
                or names its zone.
        """
        if self.time_format in (None, EPOCH):
            return
        try:
            read = datetime.strptime(_AFTERNOON.strftime(self.time_format), self.time_format)  # noqa: DTZ007 - a trial
        except (re.error, ValueError):
            read = None
        is_told = read is not None and (read.date(), read.hour) == (_AFTERNOON.date(), _AFTERNOON.hour)
        if not is_told or _ZONE_NAME.fullmatch(self.time_format):
            raise InvalidInput(
                "time_format: it tells day and hour by the parts that strptime knows, each once, as %Y-%m-%d %H:%M:%S; "
                "and the zone by %z alone, as an offset"
            )


@dataclass(frozen=True, slots=True)
class CallRow:
    """One row as read: ``fault`` says why it is no call; then number and time may be missing."""

    row_no: int
    number: int | None
    started_at: datetime | None
    fault: CallState | None
    seconds: int | None
    call_id: str | None
    agent: str | None


class CallFile:
    """A file of call records that can be read again from its beginning; the rows are then the same."""

    def __init__(self, path: Path, how: HowToReadCalls, now: datetime, spool_dir: Path | None = None) -> None:
        """See what the file holds. Raises UnreadableCallRecords, and InvalidInput for what is said wrong of it."""
        how.require_time_format()
        self._how, self._clock, self._now, self._spool_dir = how, how.clock(), now, spool_dir
        self.plain = _plain(path)
        try:
            told = HowToRead(mapping=None, encoding=how.encoding, delimiter=how.delimiter)
            self.layout = _layout(self.plain, told, how.columns, spool_dir)
        except (UnreadableLeadFile, UnclearHeadings) as error:
            raise UnreadableCallRecords(error.detail, extra=error.extra) from error
        self.places = places_of(self.layout.columns.headings, how.columns)

    @property
    def asked(self) -> list[object]:
        """How it is read, as JSON values: the same file read otherwise is matched anew."""
        how = self._how
        places = {column.value: place for column, place in sorted(self.places.items())}
        return [places, how.time_format, how.zone, how.region, how.encoding, how.delimiter]

    def identity(self) -> tuple[str, int]:
        """Return the SHA-256 and the bytes of the file as it was sent."""
        with self.plain.open() as stream:
            delivered = identify(stream)
        return delivered.sha256, delivered.size

    def rows(self) -> Iterator[CallRow]:
        """Yield the rows in order. Raises UnreadableCallRecords if the file is damaged further in."""
        reading = Reading(self.plain, self.layout, self._now, timedelta(days=1), Start(), spool_dir=self._spool_dir)
        try:
            for raw in raw_rows_of(reading):
                yield self._read(raw)
        except UnreadableLeadFile as error:
            raise UnreadableCallRecords(error.detail) from error

    def _read(self, raw: RawRow) -> CallRow:
        if raw.fault is not None:
            return CallRow(raw.row_no, None, None, CallState.UNREADABLE_ROW, None, None, None)
        cells = {column: raw.cells[place] if place < len(raw.cells) else "" for column, place in self.places.items()}
        number = read_number(cells[Column.NUMBER], region=self._how.region)
        started_at = self._instant(f"{cells.get(Column.DAY, '').strip()} {cells[Column.STARTED_AT].strip()}".strip())
        fault = None
        if isinstance(number, NumberFault):
            fault = CallState.UNREADABLE_NUMBER
        elif isinstance(started_at, CallState):
            fault = started_at
        return CallRow(
            raw.row_no,
            None if isinstance(number, NumberFault) else number.value,
            None if isinstance(started_at, CallState) else started_at,
            fault,
            _seconds(cells.get(Column.DURATION, "")),
            _text(cells.get(Column.CALL_ID, "")),
            _text(cells.get(Column.AGENT, "")),
        )

    def _instant(self, text: str) -> datetime | CallState:
        """Return the moment, or why it is not known: a clock without a zone, and one that was set back, tell two."""
        try:
            if self._how.time_format == EPOCH:
                found = datetime.fromtimestamp(float(text), UTC)
            elif self._how.time_format is not None:
                found = datetime.strptime(text, self._how.time_format)  # noqa: DTZ007 - the zone is put on below
            elif not _DAY_AND_TIME.fullmatch(text):
                return CallState.UNREADABLE_TIME  # a day is no moment: all calls of it would be one
            else:
                found = datetime.fromisoformat(text)
            if not FIRST_YEAR < found.year < LAST_YEAR:
                return CallState.UNREADABLE_TIME
        except (ValueError, OverflowError, OSError):
            return CallState.UNREADABLE_TIME
        if found.tzinfo is None:
            if self._clock is None:
                return CallState.UNREADABLE_TIME
            found = found.replace(tzinfo=self._clock)
            if found.utcoffset() != found.replace(fold=1).utcoffset():
                return CallState.AMBIGUOUS_TIME
        return found.astimezone(UTC)


def _plain(path: Path) -> PlainFile:
    try:
        return PlainFile.at(path)
    except OSError as error:
        raise InvalidInput(f"the file cannot be opened ({type(error).__name__})") from error


def _layout(plain: PlainFile, told: HowToRead, named: Mapping[Column, str], spool_dir: Path | None) -> Layout:
    """Return how the file is laid out; of the fields of a lead only the number is looked for."""
    unread = {field.value: "" for field in Field if field is not Field.NUMBER}
    if Column.NUMBER in named:
        mapping = {Field.NUMBER.value: named[Column.NUMBER], **unread}
        by_place = all(_PLACE.fullmatch(heading.strip()) for heading in named.values())
        how = HowToRead(
            mapping=mapping, encoding=told.encoding, delimiter=told.delimiter, has_headings=None if by_place else True
        )
        return layout_of(plain, how, None, spool_dir=spool_dir)
    guess = layout_of_headings(plain, told, spool_dir)
    how = HowToRead(mapping={Field.NUMBER.value: guess, **unread}, encoding=told.encoding, delimiter=told.delimiter)
    return layout_of(plain, how, None, spool_dir=spool_dir)


def layout_of_headings(plain: PlainFile, told: HowToRead, spool_dir: Path | None) -> str:
    """Return the one heading of the file that means the number called, in whichever delimiter it shows.

    Raises:
        UnreadableCallRecords: none does, or several do.
    """
    everything = {field.value: "" for field in Field} | {Field.NUMBER.value: "#1"}
    how = HowToRead(mapping=everything, encoding=told.encoding, delimiter=told.delimiter, has_headings=True)
    headings = layout_of(plain, how, None, spool_dir=spool_dir).columns.headings
    place = places_of(headings, {}, needed=(Column.NUMBER,))[Column.NUMBER]
    return headings[place]


def places_of(
    headings: Sequence[str],
    named: Mapping[Column, str],
    needed: Sequence[Column] = (Column.NUMBER, Column.STARTED_AT),
) -> dict[Column, int]:
    """Return where each column stands: as named, or by what its heading means. Pure.

    Raises:
        UnreadableCallRecords: a column that is needed or named is not there, or two headings mean the same.
    """
    places: dict[Column, int] = {}
    for column, heading in named.items():
        places[column] = _named_place(headings, column, heading.strip())
    for column in Column:
        if column in places:
            continue
        found = [place for place, heading in enumerate(headings) if plain_heading(heading) in SYNONYMS[column]]
        found = [place for place in found if place not in places.values()]
        if len(found) > 1 and column in needed:
            apart = ", and the one with the day if it stands apart" if column is Column.STARTED_AT else ""
            raise UnreadableCallRecords(f"several columns may hold {column.value}: name one of them{apart}")
        if found:
            places[column] = found[0]
        elif column in needed:
            raise UnreadableCallRecords(f"no heading means {column.value}: name its column")
    return places


def _named_place(headings: Sequence[str], column: Column, heading: str) -> int:
    if heading in headings:
        return headings.index(heading)
    place = _PLACE.fullmatch(heading)
    if place is not None and int(place[1]) <= len(headings):
        return int(place[1]) - 1
    plain = [plain_heading(one) for one in headings]
    if plain_heading(heading) and plain_heading(heading) in plain:
        return plain.index(plain_heading(heading))
    raise UnreadableCallRecords(f"the file has no column of the name given for {column.value}")


def _seconds(text: str) -> int | None:
    written = text.strip()
    if whole := _SECONDS.fullmatch(written):
        return int(whole[1])
    if clock := _CLOCK.fullmatch(written):
        return int(clock[1] or 0) * 3600 + int(clock[2]) * 60 + int(clock[3])
    return None


def _text(cell: str) -> str | None:
    return "".join(sign for sign in cell.strip() if sign.isprintable())[:TEXT_LENGTH] or None
