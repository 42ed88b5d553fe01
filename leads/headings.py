"""Which column of a lead file holds what: headings in Swedish and English, or a mapping that says so. Pure."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from leads.errors import UnclearHeadings


class Field(StrEnum):
    """What a column may hold. The parts of a name and of an address are put together into one."""

    NUMBER = "number"
    NAME = "name"
    GIVEN_NAME = "given_name"
    FAMILY_NAME = "family_name"
    ADDRESS = "address"
    POSTCODE = "postcode"
    CITY = "city"
    EMAIL = "email"
    BIRTH_DATE = "birth_date"
    COLLECTED_AT = "collected_at"
    PARTNER_REFERENCE = "partner_reference"


_SYNONYMS: dict[Field, str] = {
    Field.NUMBER: """number nummer phone phonenumber phoneno phonenr tel telephone telephonenumber telefon telefonnummer
        telefonnr telnr telno tfn tfnnr tlf mobil mobile mobilnummer mobilnr mobiltelefon mobiltelefonnummer mobilephone
        mobilenumber mobileno mobiltel cell cellphone cellnumber kontaktnummer contactnumber msisdn e164 hemtelefon""",
    Field.NAME: "name namn fullname fullstandigtnamn helanamnet kundnamn kontaktperson customername contactname",
    Field.GIVEN_NAME: "givenname firstname fornamn tilltalsnamn",
    Field.FAMILY_NAME: "familyname lastname surname efternamn",
    Field.ADDRESS: """address adress street streetaddress gatuadress gata postadress postaladdress postaddress
        utdelningsadress hemadress homeaddress addressline1 adressrad1""",
    Field.POSTCODE: "postcode postalcode zip zipcode postnummer postnr",
    Field.CITY: "city town posttown postort ort stad",
    Field.EMAIL: "email emailaddress mail mailaddress epost epostadress mejl mejladress mailadress",
    Field.BIRTH_DATE: "birthdate birthday dateofbirth dob born fodelsedatum fodelsedag fodd fodelsedat",
    Field.COLLECTED_AT: """collectedat collected collectiondate datecollected insamlad insamladden insamlat insamlatden
        insamlingsdatum insamlingstid inhamtad inhamtaddatum leaddate leaddatum registrationdate registreringsdatum
        submittedat timestamp tidsstampel""",
    Field.PARTNER_REFERENCE: """partnerreference reference ref referens externalid externtid leadid partnerid partnerref
        suppliersreference leverantorsreferens ordernummer""",
}
SYNONYMS: dict[str, Field] = {word: field for field, words in _SYNONYMS.items() for word in words.split()}
"""What each heading means, once ``plain_heading`` has taken away case, accents, spaces and signs."""

MAX_COLUMNS = 250
_SIGNS = re.compile(r"[^0-9a-z]+")


@dataclass(frozen=True, slots=True)
class Columns:
    """Where in a row each field is found. ``headings`` are the file's own, in order, as written."""

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


def plain_heading(heading: str) -> str:
    """Return a heading as it is compared: small letters and digits only, ``Födelse-datum`` as ``fodelsedatum``."""
    letters = unicodedata.normalize("NFKD", heading.casefold())
    return _SIGNS.sub("", letters)


def field_named(heading: str) -> Field | None:
    """Return what a heading means by itself, or None."""
    return SYNONYMS.get(plain_heading(heading))


def read_headings(cells: Sequence[str], mapping: Mapping[str, str] | None = None) -> Columns:
    """Return where each field is found.

    ``mapping`` names the heading for each field it lists, and wins over what headings mean by themselves; a field
    mapped to an empty text is read from no column.

    Raises:
        UnclearHeadings: no column holds the number; two columns have one heading or mean one field; the mapping
            names a field or a heading that there is not; there are more than 250 columns.
    """
    headings = tuple(cell.strip().strip("\ufeff").strip() for cell in cells)
    if len(headings) > MAX_COLUMNS:
        raise UnclearHeadings(f"there are {len(headings)} columns; at most {MAX_COLUMNS} are read")
    _refuse_twice(headings)
    mapped = _mapped(headings, mapping or {})
    places = {field: place for field, place in mapped.items() if place is not None}
    taken = set(places.values())
    for place, heading in enumerate(headings):
        field = field_named(heading)
        if field is None or place in taken or field in mapped:
            continue
        if field in places:
            first = headings[places[field]]
            raise UnclearHeadings(
                f"the columns {shown(first)} and {shown(heading)} both mean {field}: say which one with a mapping",
                extra={"field": field.value},
            )
        places[field] = place
    if Field.NUMBER not in places:
        raise UnclearHeadings(_no_number(headings))
    return Columns(headings, places)


def shown(heading: str) -> str:
    """Return a heading as a message may show it: quoted, at most 40 characters, without digits in a row.

    The first line of a file without headings is a person's row: its numbers never reach a message or a log.
    """
    return f"“{re.sub(r'[0-9][0-9 ./+()-]{3,}', '…', heading)[:40]}”"


def _refuse_twice(headings: Sequence[str]) -> None:
    seen: set[str] = set()
    for heading in headings:
        plain = plain_heading(heading)
        if plain and plain in seen:
            raise UnclearHeadings(f"two columns have the heading {shown(heading)}")
        seen.add(plain)


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
        place = by_text.get(heading.strip(), by_heading.get(plain_heading(heading) or heading))
        if place is None:
            raise UnclearHeadings(f"the mapping names the heading {shown(heading)}, which the file does not have")
        if place in places.values():
            raise UnclearHeadings(f"the mapping gives the column {shown(heading)} to two fields")
        places[Field(name)] = place
    return places


def _no_number(headings: Sequence[str]) -> str:
    if any(sum(letter.isdigit() for letter in heading) >= 7 for heading in headings):  # noqa: PLR2004 - a number's length
        return "the first line looks like a row: a lead file begins with a line of headings"
    return "no heading means a phone number: name the column with a mapping for number"
