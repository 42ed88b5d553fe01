"""One row of a lead file: its cells become values, or the reasons why they cannot. Pure: same in, same out."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from json.encoder import encode_basestring
from operator import itemgetter
from typing import TypeVar

from core.clock import CLOCK_SLACK
from core.numbers import Number, NumberFault, read_valid_number
from leads.ages import OF_AGE, read_age
from leads.dates import read_day, read_instant
from leads.evidence import (
    Evidence,
    is_marked,
    read_channels,
    read_ip,
    read_sellers,
    read_text_version,
    read_url,
    says_no,
    says_yes,
)
from leads.headings import NUMBERS, Columns, Field
from leads.identities import EARLIEST_BIRTH, Identity, read_identity, without_slipped_identities
from leads.terms import RowState

EARLIEST_COLLECTION, COLLECTED_AHEAD = datetime(1990, 1, 1, tzinfo=UTC), timedelta(days=1)
"""From when a lead may be, and how far in the future: of a date nobody knows the hour, nor where it was that day."""
NAME, ADDRESS, EMAIL, REFERENCE = 200, 300, 254, 100
"""How many characters of each are kept; a longer text is refused, never cut."""
UNDECODED = "\ufffd"
_SWEDEN, _DANISH_OR_NORWEGIAN = "46", 8
"""A country code, and the digits of every number of two other countries."""


class RowReason(StrEnum):
    """Why a row was not accepted. ``AMBIGUOUS_NUMBER`` alone makes it ambiguous, the last two make it a duplicate.

    Of the faults of a reader, ``FORMULA`` and ``ERROR_CELL`` are a spreadsheet's: what stands in the row is no value.
    """

    MISSING_NUMBER = "missing_number"
    INVALID_NUMBER = "invalid_number"
    AMBIGUOUS_NUMBER = "ambiguous_number"
    MISSING_CELLS = "missing_cells"
    SURPLUS_CELLS = "surplus_cells"
    UNREADABLE = "unreadable"
    TOO_LONG = "too_long"
    FORMULA = "formula"
    ERROR_CELL = "error_cell"
    NUL_BYTES = "nul_bytes"
    UNREADABLE_CHARACTERS = "unreadable_characters"
    TEXT_TOO_LONG = "text_too_long"
    INVALID_BIRTH_DATE = "invalid_birth_date"
    INVALID_AGE = "invalid_age"
    MINOR = "minor"
    INVALID_COLLECTED_AT = "invalid_collected_at"
    COLLECTED_IN_FUTURE = "collected_in_future"
    INVALID_IDENTITY = "invalid_identity"
    IDENTITY_MISMATCH = "identity_mismatch"
    INVALID_EVIDENCE = "invalid_evidence"
    DO_NOT_CALL = "do_not_call"
    DECEASED = "deceased"
    ON_REGISTER = "on_register"
    DUPLICATE_IN_FILE = "duplicate_in_file"
    DUPLICATE_IN_SOURCE = "duplicate_in_source"


@dataclass(frozen=True, slots=True)
class RawRow:
    """One row as it stands in the file; ``fault`` says why its cells are not to be trusted.

    ``row_no`` counts the rows below the heading, from 1. ``text`` is the row as its file writes it.
    """

    row_no: int
    cells: Sequence[str]
    fault: RowReason | None = None
    text: str = ""

    @property
    def cells_text(self) -> str:
        """The cells as compact JSON, as they are kept."""
        return f"[{','.join(map(encode_basestring, self.cells))}]"


@dataclass(frozen=True, slots=True)
class Person:
    """What a row says about the person and where it was collected; None for what it does not say.

    ``birth_date`` may come from the personal identity number: the latest that it can be. ``identity`` is None unless it
    is asked for.
    """

    name: str | None
    address: str | None
    email: str | None
    birth_date: date | None
    partner_reference: str | None
    collected_at: datetime | None
    evidence: Evidence | None = None
    identity: Identity | None = None


def details(person: Person) -> str | None:
    """Return what else the row said as a JSON object, or None if it said nothing else.

    The keys in this order, each only if said: name, address, email, partner_reference, then those of
    ``Evidence.written``. No spaces; only ``"``, the backslash and control characters below space are escaped. Birth
    date, collection and number have columns of their own, and a personal identity number is never in here.
    """
    said = [
        f'"{key}":{encode_basestring(text)}'
        for key, text in (
            ("name", person.name),
            ("address", person.address),
            ("email", person.email),
            ("partner_reference", person.partner_reference),
        )
        if text is not None
    ]
    if person.evidence is not None and (proof := person.evidence.written()):
        said.append(json.dumps(proof, ensure_ascii=False, separators=(",", ":"))[1:-1])
    return f"{{{','.join(said)}}}" if said else None


@dataclass(frozen=True, slots=True)
class SettledRow:
    """A row and what becomes of it by itself: ``accepted`` may still turn out to be a duplicate.

    ``number`` is the E.164 integer, None if none could be read; ``person`` is None unless the row is accepted,
    or a duplicate, of which the birth date alone is used.
    """

    raw: RawRow
    state: RowState
    reasons: tuple[RowReason, ...]
    number: int | None
    person: Person | None


class Settler:
    """Settles the rows of one file: its columns are looked up once.

    ``received_at``: nothing can have been collected after the file came (a day's grace for clocks). ``identity``: the
    source needs personal identity numbers; without it a column of them is not read.
    """

    def __init__(self, columns: Columns, received_at: datetime, *, identity: bool = False) -> None:
        places = columns.places
        self._width = len(columns.headings)
        self._numbers = tuple(places[field] for field in NUMBERS if field in places)
        self._called = self._first_said if len(self._numbers) > 1 else itemgetter(*self._numbers)
        self._name = _Text(places, (Field.NAME,), (Field.GIVEN_NAME, Field.FAMILY_NAME))
        self._street = _Text(places, (Field.ADDRESS,))
        self._town = _Text(places, (Field.POSTCODE, Field.CITY))
        self._email = _Text(places, (Field.EMAIL,))
        self._reference = _Text(places, (Field.PARTNER_REFERENCE,))
        self._birth_date, self._collected_at = places.get(Field.BIRTH_DATE), places.get(Field.COLLECTED_AT)
        self._age = places.get(Field.AGE)
        self._identity = places.get(Field.IDENTITY) if identity else None
        self._may_slip = bool(columns.identity_places)
        self._evidence = _EvidenceCells(places, received_at) if _EVIDENCE & places.keys() else None
        self._consent = columns.consent_places
        self._marks = [(RowReason(mark), place, is_marked) for mark, place in columns.marks]
        self._marks += [(RowReason(mark), place, says_yes) for mark, place in columns.marks_by_yes]
        self._latest_birth, self._latest_collection = received_at.date(), received_at + COLLECTED_AHEAD

    def settle(self, row: RawRow) -> SettledRow:
        """Return the row's values, or every reason why it cannot be a lead. Never raises."""
        reasons = _faults(row, self._width)
        if reasons:
            return SettledRow(row, RowState.REJECTED, tuple(reasons), None, None)
        number = _number(self._called(row.cells), reasons)
        person = self._person(row.cells, reasons)
        if self._age is not None and (fault := fault_of_age(row.cells[self._age].strip())) is not None:
            reasons.append(fault)
        has_refused = any(says_no(row.cells[place]) for place in self._consent)
        if has_refused and RowReason.INVALID_EVIDENCE not in reasons:
            reasons.append(RowReason.INVALID_EVIDENCE)
        reasons.extend(dict.fromkeys(mark for mark, place, says in self._marks if says(row.cells[place])))
        if not reasons:
            return SettledRow(row, RowState.ACCEPTED, (), number, person)
        alone = reasons == [RowReason.AMBIGUOUS_NUMBER]
        return SettledRow(row, RowState.AMBIGUOUS if alone else RowState.REJECTED, tuple(reasons), number, None)

    def birth_date(self, text: str) -> date | None:
        """Return the birth date that a cell says, or None if nobody alive can have been born then."""
        found = read_day(text)
        return found if found is not None and EARLIEST_BIRTH <= found <= self._latest_birth else None

    def collected_at(self, text: str) -> datetime | RowReason:
        """Return when the lead was collected, as a cell says it, or why that cannot be."""
        found = read_instant(text)
        if found is None or found < EARLIEST_COLLECTION:
            return RowReason.INVALID_COLLECTED_AT
        return RowReason.COLLECTED_IN_FUTURE if found > self._latest_collection else found

    def _first_said(self, cells: Sequence[str]) -> str:
        """Return the cell of the row's number: the first that holds anything.

        One that cannot be read is taken too, and the row refused for it: what stands in the next column may be another
        person's number.
        """
        return next((cells[place] for place in self._numbers if not _holds_nothing(cells[place])), "")

    def _person(self, cells: Sequence[str], reasons: list[RowReason]) -> Person:
        name, address = self._name.of(cells), self._street.of(cells)
        if town := self._town.of(cells):
            address = f"{address}, {town}" if address else town
        email, reference = self._email.of(cells), self._reference.of(cells)
        if self._may_slip:
            name, address, email, reference = map(without_slipped_identities, (name, address, email, reference))
        if len(name) > NAME or len(address) > ADDRESS or len(email) > EMAIL or len(reference) > REFERENCE:
            reasons.append(RowReason.TEXT_TOO_LONG)
        birth_date = collected_at = None
        if self._birth_date is not None and (text := cells[self._birth_date].strip()):
            birth_date = self.birth_date(text)
            if birth_date is None:
                reasons.append(RowReason.INVALID_BIRTH_DATE)
        if self._collected_at is not None and (text := cells[self._collected_at].strip()):
            moment = self.collected_at(text)
            if isinstance(moment, RowReason):
                reasons.append(moment)
            else:
                collected_at = moment
        identity = None
        if self._identity is not None and (text := cells[self._identity]).strip():
            identity = read_identity(text, self._latest_birth)
            if identity is None:
                reasons.append(RowReason.INVALID_IDENTITY)
            elif birth_date is None:
                birth_date = min(identity.births[1], self._latest_birth)
            elif not identity.births[0] <= birth_date <= identity.births[1]:
                reasons.append(RowReason.IDENTITY_MISMATCH)
        evidence = None if self._evidence is None else self._evidence.of(cells, reasons)
        return Person(
            name or None,
            address or None,
            email or None,
            birth_date,
            reference or None,
            collected_at,
            evidence,
            identity,
        )


class _Text:
    """A text put together from the cells of the first group of fields that says anything."""

    def __init__(self, places: Mapping[Field, int], *groups: Sequence[Field]) -> None:
        found = ([places[field] for field in group if field in places] for group in groups)
        self._groups = [group for group in found if group]
        self._one = self._groups[0][0] if len(self._groups) == 1 and len(self._groups[0]) == 1 else None

    def of(self, cells: Sequence[str]) -> str:
        """Return the text, empty if the row does not say."""
        if self._one is not None:
            return cells[self._one].strip()
        for group in self._groups:
            if text := " ".join(part for place in group if (part := cells[place].strip())):
                return text
        return ""


_EVIDENCE = frozenset(field for field in Field if field.startswith("consent_"))
Value = TypeVar("Value")


class _EvidenceCells:
    """Reads the columns of consent evidence. A cell that says something unusable spoils the row's evidence, once."""

    def __init__(self, places: Mapping[Field, int], received_at: datetime) -> None:
        self._places = {field: places[field] for field in _EVIDENCE if field in places}
        self._latest = received_at + CLOCK_SLACK

    def of(self, cells: Sequence[str], reasons: list[RowReason]) -> Evidence:
        """Return what the row says, empty if nothing."""
        bad: list[Field] = []

        def read(field: Field, reader: Callable[[str], Value | None]) -> Value | None:
            place = self._places.get(field)
            if place is None or not (text := cells[place].strip()):
                return None
            value = reader(text)
            if value is None:
                bad.append(field)
            return value

        evidence = Evidence(
            text_version=read(Field.CONSENT_TEXT_VERSION, read_text_version),
            url=read(Field.CONSENT_URL, read_url),
            at=read(Field.CONSENT_AT, self._moment),
            ip=read(Field.CONSENT_IP, read_ip),
            sellers=read(Field.CONSENT_SELLERS, read_sellers),
            channels=read(Field.CONSENT_CHANNELS, read_channels),
        )
        if bad:
            reasons.append(RowReason.INVALID_EVIDENCE)
        return evidence

    def _moment(self, text: str) -> datetime | None:
        moment = read_instant(text)
        return moment if moment is not None and EARLIEST_COLLECTION <= moment <= self._latest else None


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
    if "\x00" in text:
        reasons.append(RowReason.NUL_BYTES)
    if UNDECODED in text or not encodes(text):
        reasons.append(RowReason.UNREADABLE_CHARACTERS)
    return reasons


def encodes(text: str) -> bool:
    """Return whether UTF-8 has every character: half a surrogate pair, which JSON can write, is none."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@lru_cache(maxsize=16384)
def read_cell_number(cell: str) -> Number | NumberFault:
    """Return the one valid number in a cell, or why there is none; what is read with care is remembered for a while.

    Eight digits that begin with no zero may be a Swedish number that lost it, and are a whole one in Denmark and
    Norway, where nobody writes the country code either: somebody else would be called on the person's lead.
    """
    read = read_valid_number(cell)
    return NumberFault.AMBIGUOUS if isinstance(read, Number) and _may_be_foreign(cell, read) else read


def _may_be_foreign(cell: str, number: Number) -> bool:
    digits = str(number.value)
    country, national = digits[: len(_SWEDEN)], digits[len(_SWEDEN) :]
    if country != _SWEDEN or len(national) != _DANISH_OR_NORWEGIAN:
        return False
    written = re.sub("[^0-9]", "", cell)
    return f"0{national}" not in written and digits not in written


def _number(cell: str, reasons: list[RowReason]) -> int | None:
    read = read_cell_number(cell)
    if isinstance(read, Number):
        return read.value
    match read:
        case NumberFault.EMPTY:
            reasons.append(RowReason.MISSING_NUMBER)
        case NumberFault.AMBIGUOUS:
            reasons.append(RowReason.AMBIGUOUS_NUMBER)
        case _:
            reasons.append(RowReason.INVALID_NUMBER)
    return None


def _holds_nothing(cell: str) -> bool:
    return not cell.strip() or read_cell_number(cell) is NumberFault.EMPTY


def fault_of_age(text: str) -> RowReason | None:
    """Return why a row that says this age is no lead, or None; it is not kept, and never becomes a birth date."""
    if not text:
        return None
    age = read_age(text)
    if age is None:
        return RowReason.INVALID_AGE
    return RowReason.MINOR if age < OF_AGE else None
