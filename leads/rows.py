"""One row of a lead file: its cells become values, or the reasons why they cannot. Pure: same in, same out."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

from core.numbers import Number, NumberFault, read_valid_number
from leads.headings import Columns, Field
from leads.terms import RowState

LOCAL_TIME = ZoneInfo("Europe/Stockholm")
CLOCK_SKEW = timedelta(days=1)
EARLIEST_BIRTH, EARLIEST_COLLECTION = date(1890, 1, 1), datetime(1990, 1, 1, tzinfo=UTC)
LENGTHS = {"name": 200, "address": 300, "email": 254, "partner_reference": 100}
_NUL = "\x00"
_UNDECODED = "\ufffd"
_DATE = re.compile(r"(\d{4})[-/.]?(\d{2})[-/.]?(\d{2})")
_DAY_FIRST = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})")


class RowReason(StrEnum):
    """Why a row was not accepted. ``SEVERAL_NUMBERS`` alone makes it ambiguous, the last two make it a duplicate."""

    MISSING_NUMBER = "missing_number"
    INVALID_NUMBER = "invalid_number"
    SEVERAL_NUMBERS = "several_numbers"
    MISSING_CELLS = "missing_cells"
    SURPLUS_CELLS = "surplus_cells"
    UNREADABLE = "unreadable"
    TOO_LONG = "too_long"
    NUL_BYTES = "nul_bytes"
    UNREADABLE_CHARACTERS = "unreadable_characters"
    TEXT_TOO_LONG = "text_too_long"
    INVALID_BIRTH_DATE = "invalid_birth_date"
    INVALID_COLLECTED_AT = "invalid_collected_at"
    COLLECTED_IN_FUTURE = "collected_in_future"
    DUPLICATE_IN_FILE = "duplicate_in_file"
    DUPLICATE_IN_SOURCE = "duplicate_in_source"


@dataclass(frozen=True, slots=True)
class RawRow:
    """One row as it stands in the file; ``fault`` says why its cells are not to be trusted.

    ``row_no`` counts the rows below the heading, from 1.
    """

    row_no: int
    cells: Sequence[str]
    fault: RowReason | None = None

    @property
    def text(self) -> str:
        """The cells as JSON, as they are kept."""
        return json.dumps(self.cells, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Person:
    """What a row says about the person and where it was collected; None for what it does not say."""

    name: str | None
    address: str | None
    email: str | None
    birth_date: date | None
    partner_reference: str | None
    collected_at: datetime | None


@dataclass(frozen=True, slots=True)
class SettledRow:
    """A row and what becomes of it by itself: ``accepted`` may still turn out to be a duplicate.

    ``number`` is the E.164 integer, None if none could be read; ``person`` is None unless the row is accepted.
    """

    raw: RawRow
    state: RowState
    reasons: tuple[RowReason, ...]
    number: int | None
    person: Person | None


def settle(row: RawRow, columns: Columns, received_at: datetime) -> SettledRow:
    """Return the row's values, or every reason why it cannot be a lead. Never raises.

    ``received_at``: nothing can have been collected after the file came (a day's grace for clocks).
    """
    reasons = _faults(row, len(columns.headings))
    if reasons:
        return SettledRow(row, RowState.REJECTED, tuple(reasons), None, None)
    cells, places = row.cells, columns.places
    number = _number(cells[places[Field.NUMBER]], reasons)
    person = _person(cells, places, received_at, reasons)
    if not reasons:
        return SettledRow(row, RowState.ACCEPTED, (), number, person)
    alone = reasons == [RowReason.SEVERAL_NUMBERS]
    return SettledRow(row, RowState.AMBIGUOUS if alone else RowState.REJECTED, tuple(reasons), number, None)


def _faults(row: RawRow, width: int) -> list[RowReason]:
    """Return why the cells cannot be told apart or read at all. Empty cells past the last heading are no fault."""
    if row.fault is not None:
        return [row.fault]
    reasons = []
    if len(row.cells) < width:
        reasons.append(RowReason.MISSING_CELLS)
    elif len(row.cells) > width and any(cell.strip() for cell in row.cells[width:]):
        reasons.append(RowReason.SURPLUS_CELLS)
    text = "".join(row.cells)
    if _NUL in text:
        reasons.append(RowReason.NUL_BYTES)
    if _UNDECODED in text:
        reasons.append(RowReason.UNREADABLE_CHARACTERS)
    return reasons


def _number(cell: str, reasons: list[RowReason]) -> int | None:
    read = read_valid_number(cell)
    if isinstance(read, Number):
        return read.value
    match read:
        case NumberFault.EMPTY:
            reasons.append(RowReason.MISSING_NUMBER)
        case NumberFault.AMBIGUOUS:
            reasons.append(RowReason.SEVERAL_NUMBERS)
        case _:
            reasons.append(RowReason.INVALID_NUMBER)
    return None


def _person(
    cells: Sequence[str], places: Mapping[Field, int], received_at: datetime, reasons: list[RowReason]
) -> Person:
    def cell(field: Field) -> str:
        place = places.get(field)
        return "" if place is None else cells[place].strip()

    name = cell(Field.NAME) or f"{cell(Field.GIVEN_NAME)} {cell(Field.FAMILY_NAME)}".strip()
    town = f"{cell(Field.POSTCODE)} {cell(Field.CITY)}".strip()
    address = ", ".join(part for part in (cell(Field.ADDRESS), town) if part)
    email, reference = cell(Field.EMAIL), cell(Field.PARTNER_REFERENCE)
    birth_date, collected_at = read_date(cell(Field.BIRTH_DATE)), read_instant(cell(Field.COLLECTED_AT))
    texts = (("name", name), ("address", address), ("email", email), ("partner_reference", reference))
    if any(len(text) > LENGTHS[kind] for kind, text in texts):
        reasons.append(RowReason.TEXT_TOO_LONG)
    if cell(Field.BIRTH_DATE) and (birth_date is None or not EARLIEST_BIRTH <= birth_date <= received_at.date()):
        reasons.append(RowReason.INVALID_BIRTH_DATE)
    if cell(Field.COLLECTED_AT) and (collected_at is None or collected_at < EARLIEST_COLLECTION):
        reasons.append(RowReason.INVALID_COLLECTED_AT)
    elif collected_at is not None and collected_at > received_at + CLOCK_SKEW:
        reasons.append(RowReason.COLLECTED_IN_FUTURE)
    return Person(name or None, address or None, email or None, birth_date, reference or None, collected_at)


@lru_cache(maxsize=8192)
def read_date(text: str) -> date | None:
    """Return the date, or None if ``text`` is not one date beyond doubt.

    Year first (2001-05-03, 20010503), or day first with dots (3.5.2001); with other signs only where day and month
    cannot be taken for each other. A year has four digits: a century is never guessed.
    """
    if not text.isascii():
        return None
    try:
        if found := _DATE.fullmatch(text):
            return date(int(found[1]), int(found[2]), int(found[3]))
        if found := _DAY_FIRST.fullmatch(text):
            day, month = int(found[1]), int(found[3])
            if found[2] == "." or day > 12 or day == month:  # noqa: PLR2004 - no month is past 12
                return date(int(found[4]), month, day)
    except ValueError:
        return None
    return None


@lru_cache(maxsize=8192)
def read_instant(text: str) -> datetime | None:
    """Return the instant in UTC, or None if ``text`` is none: a date (its first moment) or ISO 8601.

    What has no offset is Swedish local time.
    """
    day = read_date(text)
    try:
        if day is not None:
            moment = datetime(day.year, day.month, day.day, tzinfo=LOCAL_TIME)
        elif text.isascii() and _DATE.match(text):
            moment = datetime.fromisoformat(text)
        else:
            return None
        return (moment if moment.tzinfo else moment.replace(tzinfo=LOCAL_TIME)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
