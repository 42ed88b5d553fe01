"""How a register's files are laid out, as values: adapters are described here, and one reader reads them all.

What the registers publish of their files is thin: ``docs/registers.md`` says of each country what is documented and
what is assumed. A layout that proves wrong is set anew for the register, without a change of code.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, ClassVar
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError

from core.number_plan import is_country
from dnc.policies.terms import Validity
from dnc.registers.errors import RegisterLayoutInvalid

ENCODINGS = ("utf-8", "cp1252", "iso-8859-1", "iso-8859-15")
"""The character sets that can be named: those in which ASCII is itself. None named: UTF-8, or else Windows-1252."""
DELIMITERS = (",", ";", "\t", "|")
LINES, BYTES = 20_000_000, 1 << 30
MOST_LINES, MOST_BYTES = 400_000_000, 8 << 30
LONGEST_LAYOUT = 16_384

_STRICT = ConfigDict(extra="forbid", frozen=True)


class Prefix(StrEnum):
    """How the numbers begin: ``any`` spelling, a country code (with or without plus), the trunk prefix, or neither."""

    ANY = "any"
    E164 = "e164"
    NATIONAL = "national"
    BARE = "bare"


class Key(StrEnum):
    """What the register is kept by. A ``wash`` is a file that was sent away and came back with an answer a row.

    Registers of persons cannot be asked for a number, so of them only such an answer is known: a number outside it is
    not known, never "not listed".
    """

    NUMBER = "number"
    WASH = "wash"


class FileKind(StrEnum):
    """What a file holds: all that is listed, or what has changed since another version."""

    FULL = "full"
    CHANGES = "changes"


Place = Annotated[int, Field(ge=1, le=500, strict=True)] | Annotated[str, Field(min_length=1, max_length=200)]
Marks = Annotated[frozenset[Annotated[str, Field(max_length=40)]], Field(max_length=50)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Where a row says what: each column by its place, from 1, or by its heading.

    The number is in ``number``, or in ``area`` and ``local``. ``width``: how many columns every row has, if that is
    known. Marks in ``result`` and ``action`` are explained by the layout; ``date`` orders changes.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    number: Place | None = None
    area: Place | None = None
    local: Place | None = None
    date: Place | None = None
    result: Place | None = None
    action: Place | None = None
    width: Annotated[int, Field(ge=1, le=500)] | None = None

    @property
    def named(self) -> Mapping[str, Place]:
        """The columns that are read, by what they hold."""
        places = {
            "number": self.number,
            "area": self.area,
            "local": self.local,
            "date": self.date,
            "result": self.result,
            "action": self.action,
        }
        return {name: place for name, place in places.items() if place is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Markup:
    """Numbers in XML: an element ``area`` around elements ``local``, each with its digits in ``attribute``."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    area: Annotated[str, Field(pattern=r"^[A-Za-z][\w-]{0,40}$")]
    local: Annotated[str, Field(pattern=r"^[A-Za-z][\w-]{0,40}$")]
    attribute: Annotated[str, Field(pattern=r"^[A-Za-z][\w-]{0,40}$")]


def _country(code: str) -> str:
    if not is_country(code):
        raise ValueError("no numbering plan is known for this country")
    return code


def _zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("no such time zone")
    return name


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How the files of one register are laid out.

    ``delimiter`` None: one number a line, or in the first column of any CSV. ``columns`` are those of a full file or a
    wash, ``change_columns`` those of a change list, None where the register has none.
    ``listed`` and ``not_listed`` are the marks of ``columns.result``, and ``adds`` and ``deletes`` those of
    ``columns.action``; a mark in neither refuses the row. ``validity`` counts where no policy says how long a
    version may be gone by; ``zone`` is where the register's dates are read. ``many_members``: a zip may hold several
    files, which are read as one.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,19}$")]
    country: Annotated[str, AfterValidator(_country)]
    encoding: Annotated[str, Field(pattern=f"^({'|'.join(ENCODINGS)})$")] | None = None
    delimiter: Annotated[str, Field(pattern=r"^[,;\t|]$")] | None = None
    columns: Columns = field(default_factory=Columns)
    change_columns: Columns | None = None
    markup: Markup | None = None
    prefix: Prefix = Prefix.ANY
    key: Key = Key.NUMBER
    listed: Marks = frozenset()
    not_listed: Marks = frozenset()
    adds: Marks = frozenset()
    deletes: Marks = frozenset()
    validity: Validity | None = None
    zone: Annotated[str, AfterValidator(_zone)] = "UTC"
    many_members: bool = False
    max_lines: Annotated[int, Field(ge=1, le=MOST_LINES)] = LINES
    max_bytes: Annotated[int, Field(ge=1, le=MOST_BYTES)] = BYTES

    def __post_init__(self) -> None:
        """Refuse what cannot be read by."""
        mistakes = list(_mistakes(self))
        if mistakes:
            raise ValueError("; ".join(mistakes))

    @property
    def time_zone(self) -> ZoneInfo:
        """Where the register's dates are read."""
        return ZoneInfo(self.zone)

    def columns_of(self, kind: FileKind) -> Columns | None:
        """Return the columns of such a file, None if the register has no such files."""
        return self.columns if kind is FileKind.FULL else self.change_columns


def _mistakes(layout: Layout) -> list[str]:
    found = _of_columns("columns", layout.columns, layout) + _of_marks(layout)
    if layout.change_columns is not None:
        found += _of_columns("change_columns", layout.change_columns, layout)
    if layout.validity == Validity():
        found.append("validity: say months or days")
    if layout.markup is not None and (layout.columns.area, layout.columns.local) != (1, 2):
        found.append("XML is read as rows of area and local: set columns to area 1 and local 2")
    return found


def _of_columns(name: str, columns: Columns, layout: Layout) -> list[str]:
    places = list(columns.named.values())
    by_number, by_parts = columns.number is not None, columns.area is not None or columns.local is not None
    wrong = {
        "columns need a delimiter": layout.delimiter is None and columns != Columns(),
        "name either number, or area and local": layout.delimiter is not None and by_number == by_parts,
        "area and local go together": (columns.area is None) != (columns.local is None),
        "two of them are in the same place": len(set(places)) != len(places),
        "name all by place, or all by heading": len({type(place) for place in places}) > 1,
        "a place is beyond the width": any(
            isinstance(place, int) and place > (columns.width or place) for place in places
        ),
        "an area code and a local part make a number without prefix (bare)": by_parts
        and layout.prefix is not Prefix.BARE,
    }
    return [f"{name}: {mistake}" for mistake, is_so in wrong.items() if is_so]


def _of_marks(layout: Layout) -> list[str]:
    changes = layout.change_columns
    wrong = {
        "a result column and the marks that mean listed go together": (layout.columns.result is None)
        == bool(layout.listed),
        "a wash needs a result column": layout.key is Key.WASH and layout.columns.result is None,
        "only a change list has actions": layout.columns.action is not None,
        "a change list needs an action column, and the marks that mean add and delete": changes is not None
        and (changes.action is None or not layout.adds or not layout.deletes),
        "a change list has no results, and a wash no change lists": changes is not None
        and (layout.key is Key.WASH or changes.result is not None),
        "a mark means one thing only": bool(
            _folded(layout.listed) & _folded(layout.not_listed) or _folded(layout.adds) & _folded(layout.deletes)
        ),
    }
    return [mistake for mistake, is_so in wrong.items() if is_so]


def _folded(marks: frozenset[str]) -> set[str]:
    return {folded(mark) for mark in marks}


def folded(mark: str) -> str:
    """Return a mark or heading as it is compared: case and spaces around it make no difference."""
    return re.sub(r"\s+", " ", mark).strip().casefold()


_ADAPTER = TypeAdapter(Layout)


def layout_from(text: str, *, base: Layout) -> Layout:
    """Return the layout that a JSON object describes; what it does not name is as in ``base``.

    Raises:
        RegisterLayoutInvalid: it is no such object, with every mistake in it listed.
    """
    said = _object_in(text)
    try:
        return _ADAPTER.validate_python({**_ADAPTER.dump_python(base, mode="json"), **said})
    except ValidationError as error:
        mistakes = [
            f"{where}: {one['msg']}" if (where := _shown(one["loc"])) else one["msg"]
            for one in error.errors(include_url=False, include_input=False, include_context=False)
        ]
        raise RegisterLayoutInvalid("; ".join(mistakes)[:1000]) from error


def _shown(place: tuple[int | str, ...]) -> str:
    """Return where in the object a mistake is, without repeating what only looks like the name of a member."""
    return ".".join(part if re.fullmatch(r"[a-z_]{1,30}", part := str(each)) else "…" for each in place)


def country_in(text: str) -> str | None:
    """Return the country that such an object names, if it names one.

    Raises:
        RegisterLayoutInvalid: it is no JSON object.
    """
    country = _object_in(text).get("country")
    return country if isinstance(country, str) else None


def _object_in(text: str) -> dict[str, object]:
    if len(text) > LONGEST_LAYOUT:
        raise RegisterLayoutInvalid(f"it has more than {LONGEST_LAYOUT} characters")
    try:
        said = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RegisterLayoutInvalid("it is not JSON") from error
    if not isinstance(said, dict):
        raise RegisterLayoutInvalid("it is not a JSON object")
    return said


def layout_document(layout: Layout) -> dict[str, object]:
    """Return the layout as JSON values, in one form: equal layouts give equal documents."""
    document: dict[str, object] = _ADAPTER.dump_python(layout, mode="json")
    return document | {name: sorted(getattr(layout, name)) for name in _MARKS}


def layout_text(layout: Layout) -> str:
    """Return the layout as it is stored: canonical JSON."""
    return stored_text(layout_document(layout))


def stored_text(document: dict[str, object]) -> str:
    """Return a layout's document as it is stored."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


_MARKS = frozenset({"listed", "not_listed", "adds", "deletes"})
_YES, _NO = frozenset({"1", "J", "Ja", "Y", "Yes", "true", "x"}), frozenset({"0", "N", "Nei", "Nej", "No", "false"})
_AREA_AND_LOCAL = Columns(area=1, local=2, width=2)
_MARKUP = Markup(area="ac", local="ph", attribute="val")

NIX = Layout(name="nix", country="SE", zone="Europe/Stockholm")
US = Layout(
    name="us",
    country="US",
    delimiter=",",
    columns=_AREA_AND_LOCAL,
    change_columns=Columns(area=1, local=2, action=3, date=4, width=4),
    markup=_MARKUP,
    prefix=Prefix.BARE,
    adds=frozenset({"A", "add"}),
    deletes=frozenset({"D", "delete"}),
    validity=Validity(days=31),
    zone="America/New_York",
    many_members=True,
    max_lines=300_000_000,
    max_bytes=4 << 30,
)
CA = Layout(
    name="ca",
    country="CA",
    delimiter=",",
    columns=_AREA_AND_LOCAL,
    markup=_MARKUP,
    prefix=Prefix.BARE,
    validity=Validity(days=31),
    zone="America/Toronto",
    many_members=True,
    max_lines=40_000_000,
)
BE = Layout(
    name="be",
    country="BE",
    delimiter=";",
    columns=Columns(number=1, date=2),
    validity=Validity(days=5),
    zone="Europe/Brussels",
)
GB = Layout(name="gb", country="GB", zone="Europe/London", max_lines=40_000_000)
FI = Layout(name="fi", country="FI", zone="Europe/Helsinki")
NO = Layout(
    name="no",
    country="NO",
    delimiter=";",
    columns=Columns(number="telefon", result="reservert"),
    key=Key.WASH,
    listed=_YES,
    not_listed=_NO,
    zone="Europe/Oslo",
)
DK = Layout(
    name="dk",
    country="DK",
    delimiter=";",
    columns=Columns(number="telefon", result="robinson"),
    key=Key.WASH,
    listed=_YES,
    not_listed=_NO,
    zone="Europe/Copenhagen",
)


def generic(country: str) -> Layout:
    """Return the layout of a register that nothing is known of: one number a line.

    Raises:
        RegisterLayoutInvalid: no numbering plan is known for the country.
    """
    if not is_country(country):
        raise RegisterLayoutInvalid("name the country by its two letters, as IE; one with a numbering plan")
    return Layout(name="generic", country=country)


SHIPPED: Mapping[str, Layout] = MappingProxyType(
    {layout.country: layout for layout in (NIX, US, CA, BE, GB, FI, NO, DK)}
)
"""The layouts that come with the service, by country."""
