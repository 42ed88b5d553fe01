"""Phone numbers: one type, and one way in.

Every spelling of a number becomes the same E.164 value, or a fault that says why not. Nothing is guessed: two numbers
in one cell, or digits that could be read in two ways, are *ambiguous* and never one of the two. Opt-outs take any
*possible* number (``read_number``); leads and checks need one that is *valid* by its country's plan
(``read_valid_number``). Emergency and short numbers (112, 11414) have no E.164 form and are faults.

A number is personal data: its ``repr``, ``str`` and ``format`` are masked, so that no log or error holds it by mistake.
"""

from dataclasses import dataclass

import phonenumbers

from core.number_plan import (
    NumberFault,
    NumberKind,
    country_by_library,
    country_code_of,
    is_too_long,
    kind_by_library,
    swedish_kind,
    swedish_kind_outside_plan,
    value_by_library,
    value_of_clean_swedish,
    written,
)
from core.number_text import LONGEST_TEXT, value_in_text

__all__ = ["Number", "NumberFault", "NumberKind", "metadata_version", "read_number", "read_valid_number"]

_ENOUGH_TO_SHOW_TWO = 7  # of a shorter number, two digits are too much


@dataclass(frozen=True, slots=True, order=True, repr=False)
class Number:
    """A phone number, by its E.164 digits as an integer: 46701740605. It orders, compares and hashes by them."""

    value: int

    @property
    def e164(self) -> str:
        """The number in full, as +46701740605: for storage and for callers that are entitled to it."""
        return f"+{self.value}"

    @property
    def masked(self) -> str:
        """The country code and at most the last two digits, too little to tell whose it is: +46•••••05."""
        digits = str(self.value)
        code = "46" if digits.startswith("46") else country_code_of(digits)
        tail = digits[-2:] if len(digits) - len(code) >= _ENOUGH_TO_SHOW_TWO else ""
        return f"+{code}•••••{tail}"

    @property
    def national(self) -> str:
        """The number in full as a Swede writes it: 070-174 06 05; foreign numbers in international form."""
        return written(self.value)

    @property
    def plan(self) -> tuple[str | None, NumberKind, bool]:
        """What the numbering plan says of it, in one look: ``country``, ``kind`` and ``is_valid``."""
        digits = str(self.value)
        if not digits.startswith("46"):
            kind = kind_by_library(self.value)
            return country_by_library(self.value), kind, kind is not NumberKind.UNKNOWN
        kind = swedish_kind(digits[2:])
        if kind is not NumberKind.UNKNOWN:
            return "SE", kind, True
        return "SE", swedish_kind_outside_plan(digits[2:]), False

    @property
    def country(self) -> str | None:
        """The ISO region, as SE; None when no one region has the number."""
        return self.plan[0]

    @property
    def kind(self) -> NumberKind:
        """What the country's plan uses the number for; ``unknown`` for what the plan does not have."""
        return self.plan[1]

    @property
    def is_valid(self) -> bool:
        """Whether the country's plan has the number, which does not say that anyone has it."""
        return self.plan[2]

    def __repr__(self) -> str:
        return f"Number({self.masked})"

    def __str__(self) -> str:
        return self.masked

    def __format__(self, form: str) -> str:
        return format(self.masked, form)


def read_number(raw: object, *, region: str = "SE") -> Number | NumberFault:
    """Return the one possible number that ``raw`` is a spelling of, or why there is none.

    Takes text, integers and whole floats (as a spreadsheet gives them); never raises. ``region`` is where a number
    without a country code is dialled.
    """
    if type(raw) is str and region == "SE":
        value = value_of_clean_swedish(raw)
        if value is not None:
            return Number(value)
    read = _value_of(raw, region)
    return read if isinstance(read, NumberFault) else Number(read)


def read_valid_number(raw: object, *, region: str = "SE") -> Number | NumberFault:
    """Return the one number that ``raw`` is a spelling of, if its country's plan has it, or why not; never raises."""
    number = read_number(raw, region=region)
    return number if isinstance(number, NumberFault) or _is_valid(number.value) else NumberFault.INVALID


def metadata_version() -> str:
    """Return the version of ``phonenumbers``, whose plans decided what is possible and valid; for the record."""
    return phonenumbers.__version__


def _is_valid(value: int) -> bool:
    digits = str(value)
    kind = swedish_kind(digits[2:]) if digits.startswith("46") else kind_by_library(value)
    return kind is not NumberKind.UNKNOWN


def _value_of(raw: object, region: str) -> int | NumberFault:
    """Read with care what the fast path left; the plan for Sweden is asked first, the library for all else."""
    text = _text_of(raw)
    if isinstance(text, NumberFault):
        return text
    here = region.upper()

    def resolve(dial: str) -> int | NumberFault:
        value = value_of_clean_swedish(dial) if here == "SE" else None
        return value if value is not None else value_by_library(dial, here)

    return value_in_text(text, resolve, _is_valid, lambda dial: is_too_long(dial, here))


def _text_of(raw: object) -> str | NumberFault:
    """Return the text of a cell: as it is, or the digits of a whole and exact number."""
    if isinstance(raw, str):
        return str.__str__(raw)
    if isinstance(raw, Number):
        return raw.e164
    if raw is None:
        return NumberFault.EMPTY
    if isinstance(raw, bool):
        return NumberFault.NOT_A_NUMBER
    if isinstance(raw, int):
        if raw < 0:
            return NumberFault.NOT_A_NUMBER
        return int.__repr__(raw) if raw < 10**LONGEST_TEXT else NumberFault.TOO_LONG
    if isinstance(raw, float) and 0 <= raw < 2**53 and raw.is_integer():
        return int.__repr__(int(raw))
    return NumberFault.NOT_A_NUMBER
