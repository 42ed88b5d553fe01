"""Lines of a register file that are plainly digits, read a block at a time; every other line is left to ``rows``.

This is no second set of rules: a line is read here only if its number is ASCII digits in a form of which the country's
plan leaves no doubt, and what its marks and dates mean is asked of ``rows``, once for each way of writing them.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import phonenumbers

from dnc.registers.layouts import SHIPPED, Prefix
from dnc.registers.rows import RowReader

Array = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Meaning = Callable[[str], int | bool | None]

_NEWLINE, _QUOTE, _ZERO, _BEYOND_ASCII = 10, 34, 48, 128
_LONGEST_CELL = 40
_LONGEST_NUMBER = 16


@dataclass(frozen=True, slots=True)
class PlainRows:
    """Rows that were read, in the order of the file, and the places of the lines that were not, from 0."""

    values: Array
    is_listed: Mask
    at: Array
    left: Array


@dataclass(frozen=True, slots=True)
class _Form:
    """A form of numbers: what stands before the national significant number, and how long that may be."""

    before: bytes
    lengths: frozenset[int]


@dataclass(slots=True)
class _Lines:
    """Where the lines of a block begin and end; ``place`` is their number in the block."""

    start: Array
    end: Array
    place: Array

    def only(self, which: Mask | Array) -> "_Lines":
        return _Lines(self.start[which], self.end[which], self.place[which])


class PlainLines:
    """Reads blocks of whole lines by the layout of ``rows``."""

    def __init__(self, rows: RowReader) -> None:
        self.rows = rows
        layout = rows.layout
        self._delimiter = None if layout.delimiter is None else ord(layout.delimiter)
        self._places = rows.places
        plan = phonenumbers.PhoneMetadata.metadata_for_region(phonenumbers.region_code_for_country_code(rows.code))
        trunks = ((plan.national_prefix_for_parsing if plan else None) or "").split("|")
        is_plain = plan is not None and plan.national_prefix_transform_rule is None
        self._lengths = frozenset(plan.general_desc.possible_length if plan and plan.general_desc else ())
        self._forbidden = tuple(trunk for trunk in trunks if trunk)
        self._forms = self._forms_of(rows) if is_plain and all(map(str.isdigit, self._forbidden)) else ()

    def _forms_of(self, rows: RowReader) -> tuple[_Form, ...]:
        layout, code, lengths = rows.layout, str(rows.code).encode(), self._lengths
        region = phonenumbers.PhoneMetadata.metadata_for_region(layout.country)
        has_zero = region is not None and region.national_prefix == "0" and layout.country in SHIPPED
        with_plus, with_zero = _Form(b"+" + code, lengths), _Form(b"0", lengths if has_zero else frozenset())
        match layout.prefix:
            case Prefix.BARE:
                return (_Form(b"", lengths),)
            case Prefix.E164:
                return (with_plus, _Form(code, lengths))
            case Prefix.NATIONAL:
                return (with_zero,)
            case Prefix.ANY:
                # Digits that begin with the country code may lack their zero instead, unless too long for the plan.
                bare = {length for length in lengths if length + len(code) not in lengths}
                return (with_plus, with_zero, _Form(code, frozenset(bare if layout.country == "SE" else ())))

    def read(self, block: bytes) -> PlainRows:
        r"""Return what the block's plain lines say; each line ends with ``\n``."""
        signs = np.frombuffer(block, np.uint8)
        ends = np.flatnonzero(signs == _NEWLINE)
        starts = np.empty_like(ends)
        starts[:1] = 0
        starts[1:] = ends[:-1] + 1
        lines = _Lines(starts, ends, np.arange(len(ends)))
        taken = np.zeros(len(ends), np.bool_)
        if not self._forms:
            none = np.zeros(0, np.int64)
            return PlainRows(none, np.zeros(0, np.bool_), none, np.flatnonzero(ends > starts))
        odd = np.flatnonzero((signs >= _BEYOND_ASCII) | (signs == _QUOTE))
        if odd.size:
            plain = np.ones(len(ends), np.bool_)
            plain[np.searchsorted(ends, odd)] = False
            lines = lines.only(plain)
        values, is_listed, at, places = self._read(signs, lines)
        taken[places] = True
        taken |= ends == starts
        return PlainRows(values, is_listed, at, np.flatnonzero(~taken))

    def _read(self, signs: Bytes, lines: _Lines) -> tuple[Array, Mask, Array, Array]:
        """Return values, marks, moments and places of the lines that are plain."""
        places = self._places
        if self._delimiter is None:
            values, good = self._values(signs, lines.start, lines.end)
            lines = lines.only(good)
            return values[good], np.ones(len(lines.start), np.bool_), np.zeros(len(lines.start), np.int64), lines.place
        lines, cells = self._cells(signs, lines)
        if places.area is not None and places.local is not None:
            values, good = self._joined(signs, cells[places.area], cells[places.local])
        else:
            values, good = self._values(signs, *cells[places.number or 0])
        is_listed, at = np.ones(len(good), np.bool_), np.zeros(len(good), np.int64)
        if places.mark is not None:
            known, marks = self._meanings(signs, *cells[places.mark], self.rows.mark)
            is_listed, good = marks.astype(np.bool_), good & known
        if places.date is not None:
            known, at = self._meanings(signs, *cells[places.date], self.rows.moment)
            good = good & known
        return values[good], is_listed[good], at[good], lines.place[good]

    def _cells(self, signs: Bytes, lines: _Lines) -> tuple[_Lines, dict[int, tuple[Array, Array]]]:
        """Return the lines with the right number of columns, and where each column that is read begins and ends."""
        marks = np.flatnonzero(signs == self._delimiter)
        first, beyond = np.searchsorted(marks, lines.start), np.searchsorted(marks, lines.end)
        count = beyond - first
        width = self._places.width
        wide = count + 1 == width if width is not None else count >= self._places.last
        lines, first, count = lines.only(wide), first[wide], count[wide]
        bounded = np.append(marks, [0])  # so that a place past the last delimiter can be looked at, and not used
        cells = {}
        places = self._places
        for place in {places.number, places.area, places.local, places.mark, places.date} - {None}:
            if place is None:
                continue
            start = lines.start if place == 0 else bounded[first + place - 1] + 1
            last = np.minimum(first + place, len(marks))
            cells[place] = start, np.where(count == place, lines.end, bounded[last])
        return lines, cells

    def _values(self, signs: Bytes, start: Array, end: Array) -> tuple[Array, Mask]:
        """Return the E.164 value of each cell, and which of them are to be gone by."""
        values, good = np.zeros(len(start), np.int64), np.zeros(len(start), np.bool_)
        lengths = end - start
        for length in np.flatnonzero(np.bincount(np.clip(lengths, 0, _LONGEST_NUMBER + 1))):
            forms = [form for form in self._forms if int(length) - len(form.before) in form.lengths]
            if not forms or length > _LONGEST_NUMBER:
                continue
            which = np.flatnonzero(lengths == length)
            begin = start if len(which) == len(start) else start[which]
            for form in forms:
                skip, size = len(form.before), int(length) - len(form.before)
                digits, right = _digits(signs, begin + skip, size)
                for place, sign in enumerate(form.before):
                    right &= signs[begin + place] == sign
                right &= self._is_significant(digits, size)
                values[which[right]] = self.rows.code * 10**size + digits[right]
                good[which[right]] = True
        return values, good

    def _joined(self, signs: Bytes, area: tuple[Array, Array], local: tuple[Array, Array]) -> tuple[Array, Mask]:
        """Return the value of each area code with its local part."""
        values, good = np.zeros(len(area[0]), np.int64), np.zeros(len(area[0]), np.bool_)
        before, after = area[1] - area[0], local[1] - local[0]
        shapes = np.clip(before, 0, _LONGEST_NUMBER + 1) * 100 + np.clip(after, 0, _LONGEST_NUMBER + 1)
        for shape in np.flatnonzero(np.bincount(shapes)):
            first, second = divmod(int(shape), 100)
            if not first or not second or first + second not in self._lengths:
                continue
            which = np.flatnonzero(shapes == shape)
            head, right = _digits(signs, area[0][which], first)
            tail, also = _digits(signs, local[0][which], second)
            digits = head * 10**second + tail
            right &= also & self._is_significant(digits, first + second)
            values[which[right]] = self.rows.code * 10 ** (first + second) + digits[right]
            good[which[right]] = True
        return values, good

    def _is_significant(self, digits: Array, size: int) -> Mask:
        """Say which of the numbers begin with neither a zero nor anything that the plan may take for a prefix."""
        found: Mask = digits >= 10 ** (size - 1)
        for prefix in self._forbidden:
            if len(prefix) <= size:
                found &= digits // 10 ** (size - len(prefix)) != int(prefix)
        return found

    def _meanings(self, signs: Bytes, start: Array, end: Array, meaning: Meaning) -> tuple[Mask, Array]:
        """Return which cells mean something, and what, as an integer; each way of writing is asked for once."""
        lengths = end - start
        fits = lengths <= _LONGEST_CELL
        width = int(lengths[fits].max(initial=0))
        if not width:
            texts = np.zeros(len(start), "S1")
        else:
            cells = np.zeros((len(start), width), np.uint8)
            for place in range(width):
                within = fits & (lengths > place)
                cells[within, place] = signs[start[within] + place]
            texts = cells.view(f"S{width}").ravel()
        written, which = np.unique(texts, return_inverse=True)
        meant = [meaning(text.decode("ascii")) for text in written]
        known = np.array([one is not None for one in meant], np.bool_)
        values = np.array([one or 0 for one in meant], np.int64)
        return np.asarray(known[which] & fits, np.bool_), values[which]


def _digits(signs: Bytes, start: Array, size: int) -> tuple[Array, Mask]:
    """Return the decimal value of ``size`` signs from each start, and where all of them are digits."""
    value, good = np.zeros(len(start), np.int64), np.ones(len(start), np.bool_)
    for place in range(size):
        digit = signs[start + place] - np.uint8(_ZERO)
        good &= digit <= 9  # noqa: PLR2004 - the last digit
        value *= 10
        value += digit
    return value, good
