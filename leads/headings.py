"""Which column of a lead file holds what: by its heading, or by a mapping that names a heading or a column. Pure."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache

from leads.errors import UnclearHeadings
from leads.identities import HIDDEN, without_identities, without_slipped_identities
from leads.synonyms import (
    CONSENT,
    IDENTITY_IN_HEADINGS,
    MARKS,
    MARKS_BY_YES,
    OTHER_IDENTITIES,
    OTHERS_IN_HEADINGS,
    SAYS_NOTHING,
    YES_OR_NO,
)
from leads.synonyms import SYNONYMS as FIELD_WORDS


class Field(StrEnum):
    """What a column may hold. The parts of a name and of an address are put together into one.

    Of ``NUMBERS``, in order, a row's number is in the first column that holds anything.
    """

    NUMBER = "number"
    NUMBER_2 = "number_2"
    NUMBER_3 = "number_3"
    NAME = "name"
    GIVEN_NAME = "given_name"
    FAMILY_NAME = "family_name"
    ADDRESS = "address"
    POSTCODE = "postcode"
    CITY = "city"
    EMAIL = "email"
    BIRTH_DATE = "birth_date"
    AGE = "age"
    COLLECTED_AT = "collected_at"
    PARTNER_REFERENCE = "partner_reference"
    IDENTITY = "identity"
    CONSENT_TEXT_VERSION = "consent_text_version"
    CONSENT_URL = "consent_url"
    CONSENT_AT = "consent_at"
    CONSENT_IP = "consent_ip"
    CONSENT_SELLERS = "consent_sellers"
    CONSENT_CHANNELS = "consent_channels"


NUMBERS = (Field.NUMBER, Field.NUMBER_2, Field.NUMBER_3)
"""The columns that a row's number may stand in. All but the first are named by a mapping alone: no heading says which
of two numbers goes before the other."""
SYNONYMS: dict[str, Field] = {word: Field(name) for name, words in FIELD_WORDS.items() for word in words.split()}
"""What each heading means, once ``plain_heading`` has taken away case, accents, spaces and signs."""

MAX_COLUMNS = 250
_PLACE = re.compile(r"#([1-9][0-9]{0,5})", re.ASCII)
_LETTERS = str.maketrans({"æ": "ae", "ø": "o", "ð": "d", "þ": "th", "œ": "oe", "ł": "l", "đ": "d"})
_SIGNS = re.compile(r"[^0-9a-z]+")
_IN_BRACKETS = re.compile(r"[(\[]([^()\[\]]*)[)\]][ *:]*\Z")


@dataclass(frozen=True)
class Columns:
    """Where in a row each field is found.

    ``headings`` are the file's own, in order, as written; ``#1``, ``#2`` … for a file that has none.
    """

    headings: tuple[str, ...]
    places: Mapping[Field, int]

    @property
    def mapping(self) -> dict[str, str]:
        """The heading that each field is read from."""
        return {field.value: self.headings[place] for field, place in self.places.items()}

    @property
    def unknown(self) -> tuple[str, ...]:
        """The headings that no field is read from; their cells stay with the row as delivered."""
        known = set(self.places.values())
        return tuple(heading for place, heading in enumerate(self.headings) if place not in known and heading)

    @cached_property
    def identity_places(self) -> tuple[int, ...]:
        """Where personal identity numbers stand, read or not, those of other countries too: never kept in clear."""
        return tuple(
            place
            for place, heading in enumerate(self.headings)
            if place == self.places.get(Field.IDENTITY) or names_identity(heading)
        )

    @property
    def consent_places(self) -> tuple[int, ...]:
        """Where a row may say that the person consented to calls or did not, and no field is read from it."""
        return self._unread_of(CONSENT)

    @property
    def marks(self) -> tuple[tuple[str, int], ...]:
        """What a row may mark its person as, of ``MARKS``, and the column of each mark that no field is read from."""
        return self._marking(MARKS)

    @property
    def marks_by_yes(self) -> tuple[tuple[str, int], ...]:
        """The same of ``MARKS_BY_YES``: there a cell marks only where it says a clear yes."""
        return self._marking(MARKS_BY_YES)

    def blanked(self, cells: Sequence[str]) -> list[str]:
        """Return the cells of a row as they may be kept: personal identity numbers are hidden.

        A row whose cells cannot be told apart has everything of their shape hidden, any other what slipped into a
        column of something else. A birth date is often filled in with the whole number, so one is hidden there too.
        """
        places, born = self.identity_places, self.places.get(Field.BIRTH_DATE)
        kept = list(cells)
        if not self._told_apart(cells):
            return [self._without_identities(cell) for cell in kept] if places else kept
        if places:
            hidden = {place for place in places if cells[place].strip()}
            kept = [HIDDEN if place in hidden else without_slipped_identities(cell) for place, cell in enumerate(cells)]
        if born is not None:
            kept[born] = without_identities(kept[born])
        return kept

    def _marking(self, meanings: Mapping[str, re.Pattern[str]]) -> tuple[tuple[str, int], ...]:
        return tuple((mark, place) for mark, meaning in meanings.items() for place in self._unread_of(meaning))

    def _unread_of(self, meaning: re.Pattern[str]) -> tuple[int, ...]:
        known = set(self.places.values())
        return tuple(
            place
            for place, heading in enumerate(self.headings)
            if place not in known and meaning.fullmatch(_asked(heading))
        )

    def _without_identities(self, text: str) -> str:
        return without_identities(text, of_others=any(map(_is_of_others, self.headings)))

    def _told_apart(self, cells: Sequence[str]) -> bool:
        width = len(self.headings)
        return len(cells) == width or (len(cells) > width and not any(cell.strip() for cell in cells[width:]))


def plain_heading(heading: str) -> str:
    """Return a heading as it is compared: small letters and digits only.

    ``Födelse-datum`` is ``fodelsedatum``, ``Fødselsdato`` is ``fodselsdato``, ``Bopælsadresse`` is ``bopaelsadresse``.
    """
    letters = unicodedata.normalize("NFKD", heading.casefold().translate(_LETTERS))
    return _SIGNS.sub("", letters)


def _asked(heading: str) -> str:
    """Return a heading as it is compared, without how to answer it: ``Reklamspärr (ja/nej)`` is ``reklamsparr``."""
    note = _IN_BRACKETS.search(heading)
    return plain_heading(heading[: note.start()] if note and plain_heading(note[1]) in YES_OR_NO else heading)


def field_named(heading: str) -> Field | None:
    """Return what a heading means by itself, or None. What kind of number or date it is may stand in brackets."""
    found = SYNONYMS.get(plain_heading(heading))
    if found is None and (note := _IN_BRACKETS.search(heading)) and plain_heading(note[1]) in SAYS_NOTHING:
        found = SYNONYMS.get(plain_heading(heading[: note.start()]))
    return found


@lru_cache(maxsize=1024)
def names_identity(heading: str) -> bool:
    """Return whether personal identity numbers stand under a heading, of this country or of another."""
    is_swedish = any(word in plain_heading(heading) for word in IDENTITY_IN_HEADINGS)
    return is_swedish or field_named(heading) is Field.IDENTITY or _is_of_others(heading)


@lru_cache(maxsize=1024)
def _is_of_others(heading: str) -> bool:
    plain = plain_heading(heading)
    return plain in OTHER_IDENTITIES or any(word in plain for word in OTHERS_IN_HEADINGS)


def read_headings(cells: Sequence[str], mapping: Mapping[str, str] | None = None) -> Columns:
    """Return where each field is found in a file that begins with a line of headings.

    ``mapping`` names the heading for each field it lists, or its column as ``#3``, and wins over what headings mean by
    themselves; a field mapped to an empty text is read from no column.

    Raises:
        UnclearHeadings: no column holds the number; two columns have one heading or mean one field; the mapping
            names a field or a heading that there is not; there are more than 250 columns.
    """
    headings = tuple(cell.strip().strip("\ufeff").strip() for cell in cells)
    _refuse_wide(len(headings))
    _refuse_twice(headings)
    mapped = _mapped(headings, mapping or {})
    places = {field: place for field, place in mapped.items() if place is not None}
    taken = set(places.values())
    for place, heading in enumerate(headings):
        field = field_named(heading)
        if field is None or place in taken or field in mapped:
            continue
        if field in places:
            raise UnclearHeadings(
                _both_mean(
                    field, headings[places[field]], heading, field is Field.NUMBER and not mapped.keys() & NUMBERS
                ),
                extra={"field": field.value},
            )
        places[field] = place
    if Field.NUMBER not in places:
        raise UnclearHeadings(_no_number(headings))
    return Columns(headings, places)


def _both_mean(field: Field, first: str, second: str, may_both_be_read: bool) -> str:
    doubt = f"the columns {shown(first)} and {shown(second)} both mean {field}: say which one with a mapping"
    if not may_both_be_read:
        return doubt
    return (
        f"{doubt}, such as {Field.NUMBER}={shown(second)}; to use the other where that one is empty, map it too, as "
        f"{Field.NUMBER_2}={shown(first)}"
    )


def maps_by_place(mapping: Mapping[str, str] | None) -> bool:
    """Return whether a mapping names columns by number alone (``#1``): the file's first line is then a row."""
    named = [heading.strip() for heading in (mapping or {}).values() if heading.strip()]
    return bool(named) and all(_PLACE.fullmatch(heading) for heading in named)


def columns_by_place(width: int, mapping: Mapping[str, str]) -> Columns:
    """Return where each field is found in a file without headings, whose first row has ``width`` cells.

    No field is read but from the column that ``mapping`` gives it, as ``#3``, counted from 1.

    Raises:
        UnclearHeadings: the mapping names no column for the number, a column that there is not, one column for two
            fields, or a field that there is not; there are more than 250 columns.
    """
    _refuse_wide(width)
    headings = tuple(f"#{no}" for no in range(1, width + 1))
    places = {field: place for field, place in _mapped(headings, mapping).items() if place is not None}
    if Field.NUMBER not in places:
        raise UnclearHeadings("a file without headings needs a mapping that gives number its column, such as #1")
    return Columns(headings, places)


def _refuse_wide(width: int) -> None:
    if width > MAX_COLUMNS:
        raise UnclearHeadings(f"there are {width} columns; at most {MAX_COLUMNS} are read")


def shown(heading: str) -> str:
    """Return a heading as a message may show it: quoted, at most 40 characters, without digits in a row.

    The first line of a file without headings is a person's row: its numbers never reach a message or a log.
    """
    return f"“{re.sub(r'[0-9][0-9 ./+()-]{3,}', '…', heading)[:40]}”"


def _refuse_twice(headings: Sequence[str]) -> None:
    """Refuse two columns with one heading, by their places: of a file without headings it may be a person's name."""
    seen: dict[str, int] = {}
    for no, heading in enumerate(headings, start=1):
        plain = plain_heading(heading)
        if plain and plain in seen:
            raise UnclearHeadings(f"columns {seen[plain]} and {no} have the same heading")
        seen[plain] = no


def _mapped(headings: Sequence[str], mapping: Mapping[str, str]) -> dict[Field, int | None]:
    by_heading = {plain_heading(heading): place for place, heading in enumerate(headings) if heading}
    by_text = {heading: place for place, heading in enumerate(headings) if heading}
    places: dict[Field, int | None] = {}
    for name, heading in mapping.items():
        if name not in list(Field):
            raise UnclearHeadings(f"the mapping names {shown(name)}; the fields are {', '.join(Field)}")
        if not heading.strip():
            places[Field(name)] = None
            continue
        place = by_text.get(heading.strip(), _numbered(heading, len(headings)))
        if place is None and not _PLACE.fullmatch(heading.strip()):
            place = by_heading.get(plain_heading(heading) or heading)
        if place is None:
            raise UnclearHeadings(
                f"the mapping names the {_what(heading)} {shown(heading)}, which the file does not have"
            )
        if place in places.values():
            raise UnclearHeadings(f"the mapping gives the column {shown(heading)} to two fields")
        places[Field(name)] = place
    return places


def _what(heading: str) -> str:
    return "column" if _PLACE.fullmatch(heading.strip()) else "heading"


def _numbered(heading: str, width: int) -> int | None:
    """Return the place of a column named by its number, if there is such a column."""
    found = _PLACE.fullmatch(heading.strip())
    return int(found[1]) - 1 if found and int(found[1]) <= width else None


def _no_number(headings: Sequence[str]) -> str:
    if any(sum(letter.isdigit() for letter in heading) >= 7 for heading in headings):  # noqa: PLR2004 - a number's length
        return "the first line looks like a row: a lead file begins with a line of headings"
    return (
        "no heading means a phone number: name the column with a mapping for number, or remove what stands above the "
        "headings"
    )
