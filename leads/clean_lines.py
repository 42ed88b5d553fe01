"""Lines of a CSV text whose rows are beyond doubt, settled a column at a time; every other line is left to ``rows``.

This is no second set of rules: what is not plainly well-formed here is given back, and what is means the same there,
which the tests hold against each other. Dates are read by the very functions that settle single rows, once for each
that is written differently; numbers other than Swedish mobile ones in their common spellings are read by
``core.numbers``.
"""

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

import polars as pl

from core.clock import to_microseconds
from core.numbers import Number
from leads.headings import NUMBERS, Columns, Field
from leads.packed_rows import BETWEEN_CELLS
from leads.rows import ADDRESS, EMAIL, NAME, REFERENCE, RowReason, Settler, fault_of_age, read_cell_number

LEADS = {
    "row_no": pl.Int64,
    "number": pl.Int64,
    "birth_date": pl.String,
    "collected_at": pl.Int64,
    "expires_at": pl.Int64,
    "person": pl.String,
}
"""The columns of settled leads: instants in microseconds since 1970, days in ISO 8601, the person as ``details``."""

_READ_HERE = frozenset(
    {
        *NUMBERS,
        *(Field.NAME, Field.GIVEN_NAME, Field.FAMILY_NAME, Field.ADDRESS, Field.POSTCODE, Field.CITY),
        *(Field.EMAIL, Field.BIRTH_DATE, Field.AGE, Field.COLLECTED_AT, Field.PARTNER_REFERENCE),
    }
)
_MOBILE = (
    r"^(?:0|\+46)7[02369](?:-?[0-9]{7}|[ -][0-9]{3} ?[0-9]{4}|[ -][0-9]{3} [0-9]{2} [0-9]{2}"
    r"|[ -][0-9]{2} [0-9]{2} [0-9]{3})$"
)
_MOBILE_DIGITS = 9
"""Of each such number, after what stands for the country or for long distance."""
_SWEDEN = 46 * 10**_MOBILE_DIGITS
_LONGEST = {"name": NAME, "address": ADDRESS, "email": EMAIL, "partner_reference": REFERENCE}
"""The texts of a person, in the order of ``details``, and how long each may be."""
_ODD = r"[\x00-\x1f\\\x{fffd}]"
_ODD_IN_CELLS = r'[\x00-\x1e"\\\x{fffd}]'
_ODD_BUT_TABS = r"[\x00-\x08\x0a-\x1f\\\x{fffd}]"
Read = TypeVar("Read")


class CleanLines:
    """Settles the lines of one file. ``retention`` runs from when a lead was collected, or else was received."""

    def __init__(
        self, columns: Columns, delimiter: str, settler: Settler, received_at: datetime, retention: timedelta
    ) -> None:
        self._places = columns.places
        self._more_numbers = [field for field in NUMBERS[1:] if field in columns.places]
        self._width = len(columns.headings)
        self._delimiter = delimiter
        self._settler = settler
        self._received_at = to_microseconds(received_at)
        self._retention = retention // timedelta(microseconds=1)
        marks = columns.marks or columns.marks_by_yes
        is_plain = not (columns.identity_places or columns.consent_places or marks)
        self.is_possible = columns.places.keys() <= _READ_HERE and self._width > 1 and is_plain

    def has_regular_quotes(self, lines: pl.Series) -> pl.Series:
        """Return for each line whether ``csv`` would make one row of it, with quotes around whole cells at most."""
        mark = re.escape(self._delimiter)
        cell = rf'(?:"[^"{mark}]*"|[^"{mark}]*)'
        return lines.str.contains(rf"^{cell}(?:{mark}{cell})*$")

    def settle(
        self, lines: pl.DataFrame, *, has_quotes: bool, has_odd: bool, with_cells: bool = False
    ) -> tuple[pl.DataFrame, pl.Series]:
        """Return the leads in ``lines`` (row_no, line), as ``LEADS``, and the row numbers of the lines given back.

        No line may be empty, and each must have regular quotes. ``with_cells`` adds the JSON array of a row's cells.
        ``has_quotes`` and ``has_odd``: some line has a quote, or a character that JSON would write in another way.
        """
        line = pl.col("line")
        whole = line.str.count_matches(self._delimiter, literal=True) == self._width - 1
        if has_odd:
            odd = {"\t": _ODD_BUT_TABS, BETWEEN_CELLS: _ODD_IN_CELLS}.get(self._delimiter, _ODD)
            whole &= ~line.str.contains(odd)
        plain = lines.select(whole).to_series()
        told_apart = lines.filter(plain)
        if told_apart.is_empty():
            return pl.DataFrame(schema=LEADS | ({"cells": pl.String} if with_cells else {})), lines["row_no"]
        cells = told_apart.select(
            "row_no",
            pl.col("line").str.split_exact(self._delimiter, self._width - 1).alias("cells"),
        )
        read = cells.select("row_no", *(self._cell(field, has_quotes).alias(field.value) for field in self._places))
        read = self._settled(read, has_quotes=has_quotes)
        clean = read.filter(pl.col("clean")).select(*LEADS)
        if with_cells:
            clean = clean.join(told_apart.select("row_no", self._cells(has_quotes)), on="row_no", maintain_order="left")
        left = pl.concat([lines["row_no"].filter(~plain), read["row_no"].filter(~read["clean"])])
        return clean, left

    def _cell(self, field: Field, has_quotes: bool) -> pl.Expr:
        cell = pl.col("cells").struct.field(f"field_{self._places[field]}")
        if has_quotes:
            cell = cell.str.strip_prefix('"').str.strip_suffix('"')
        return cell if field in NUMBERS else cell.str.strip_chars()

    def _cells(self, has_quotes: bool) -> pl.Expr:
        """Return the JSON array of the cells: a clean line has no character that JSON would write in another way."""
        line = pl.col("line").str.replace_all('"', "", literal=True) if has_quotes else pl.col("line")
        cells = line.str.replace_all(self._delimiter, '","', literal=True)
        return pl.concat_str([pl.lit('["'), cells, pl.lit('"]')]).alias("cells")

    def _settled(self, read: pl.DataFrame, *, has_quotes: bool) -> pl.DataFrame:
        """Return the leads that the cells say, and whether each is ``clean``; what is used twice is made once."""
        texts = read.select(
            "row_no",
            street=self._first_said((Field.ADDRESS,)),
            town=self._first_said((Field.POSTCODE, Field.CITY)),
            name=self._first_said((Field.NAME,), (Field.GIVEN_NAME, Field.FAMILY_NAME)),
            email=self._first_said((Field.EMAIL,)),
            partner_reference=self._first_said((Field.PARTNER_REFERENCE,)),
        )
        both = (pl.col("street") != "") & (pl.col("town") != "")
        comma = pl.when(both).then(pl.lit(", ")).otherwise(pl.lit(""))
        texts = texts.with_columns(address=pl.concat_str(["street", comma, "town"]))
        clean = pl.lit(value=True)
        for key, longest in _LONGEST.items():
            clean &= pl.col(key).str.len_chars() <= longest
            if has_quotes:
                clean &= ~pl.col(key).str.contains('"', literal=True)
        texts = texts.with_columns(clean=clean, person=_person(texts))
        birth_date, is_born = self._dates(read, Field.BIRTH_DATE, self._day)
        collected_at, is_collected = self._dates(read, Field.COLLECTED_AT, self._moment)
        return texts.select(
            "row_no",
            self._numbers(self._called(read)).alias("number"),
            birth_date.alias("birth_date"),
            collected_at.alias("collected_at"),
            (collected_at.fill_null(self._received_at) + self._retention).alias("expires_at"),
            "person",
            clean=pl.col("clean") & is_born & is_collected & self._is_of_age(read),
        ).with_columns(clean=pl.col("clean") & pl.col("number").is_not_null())

    def _first_said(self, *groups: Sequence[Field]) -> pl.Expr:
        """Return the text of the first group of fields that says anything, as ``rows`` puts it together."""
        said: pl.Expr | None = None
        for group in reversed(groups):
            cells = [pl.col(field.value) for field in group if field in self._places]
            if cells:
                text = cells[0] if len(cells) == 1 else pl.concat_str(cells, separator=" ").str.strip_chars()
                said = text if said is None else pl.when(text != "").then(text).otherwise(said)
        return pl.lit("") if said is None else said

    def _called(self, read: pl.DataFrame) -> pl.Series:
        """Return the cell of each row's number: the first that is not blank."""
        cells = read[Field.NUMBER.value]
        for field in self._more_numbers:
            is_blank = cells.str.strip_chars() == ""
            cells = cells.zip_with(~is_blank, read[field.value])
        return cells

    def _numbers(self, cells: pl.Series) -> pl.Series:
        """Return the E.164 value of each cell, null where there is no one valid number in it."""
        is_mobile = cells.str.contains(_MOBILE)
        digits = cells.str.replace_all(" ", "", literal=True).str.replace_all("-", "", literal=True)
        national = digits.str.tail(_MOBILE_DIGITS).cast(pl.Int64, strict=False) + _SWEDEN
        values = pl.select(pl.when(is_mobile).then(national)).to_series()
        others = cells.filter(~is_mobile)
        if not len(others):
            return values
        known = [number.value if isinstance(number := read_cell_number(cell), Number) else None for cell in others]
        return values.scatter((~is_mobile).arg_true(), pl.Series(known, dtype=pl.Int64))

    def _dates(
        self, read: pl.DataFrame, field: Field, reader: Callable[[str], Read | None]
    ) -> tuple[pl.Series, pl.Expr]:
        """Return what each cell of the column says, null where it is empty, and whether none of it is unusable."""
        if field not in self._places:
            return pl.repeat(None, len(read), dtype=LEADS[field.value], eager=True), pl.lit(value=True)
        cells = read[field.value]
        written = cells.unique()
        values = [reader(text) if text else None for text in written]
        said = cells.replace_strict(written, pl.Series(values, dtype=LEADS[field.value]))
        return said, pl.lit((cells == "") | said.is_not_null())

    def _is_of_age(self, read: pl.DataFrame) -> pl.Expr:
        """Return whether nothing is against the age that each row says."""
        if Field.AGE not in self._places:
            return pl.lit(value=True)
        cells = read[Field.AGE.value]
        passing = [text for text in cells.unique() if fault_of_age(text) is None]
        return pl.lit(cells.is_in(passing))

    def _day(self, text: str) -> str | None:
        day = self._settler.birth_date(text)
        return None if day is None else day.isoformat()

    def _moment(self, text: str) -> int | None:
        moment = self._settler.collected_at(text)
        return None if isinstance(moment, RowReason) else to_microseconds(moment)


def _person(texts: pl.DataFrame) -> pl.Expr:
    """Return ``details`` of each row, null where it says nothing."""
    is_said = {key: texts[key] != "" for key in _LONGEST}
    some = [key for key in _LONGEST if is_said[key].any()]
    if not some:
        return pl.lit(None, pl.String)
    if all(is_said[key].all() for key in some):  # as a supplier's rows are, in the main: a third of the time
        written = [part for key in some for part in (pl.lit(f'","{key}":"'), pl.col(key))]
        return pl.concat_str([pl.lit(f'{{"{some[0]}":"'), *written[1:], pl.lit('"}')])
    said = [pl.when(pl.col(key) != "").then(pl.concat_str([pl.lit(f'"{key}":"'), key, pl.lit('"')])) for key in some]
    person = pl.concat_str(said, separator=",", ignore_nulls=True)
    return pl.when(person != "").then(pl.concat_str([pl.lit("{"), person, pl.lit("}")]))
