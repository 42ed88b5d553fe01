"""Reading a delivered register file by its layout: what it lists, and an account of every line in it.

Streamed in blocks, so that memory does not grow with the file beyond the numbers themselves. Numbers never appear in
what is reported: a line is named by its place and its fault.
"""

import hashlib
import os
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import NoReturn

import numpy as np
import numpy.typing as npt
import phonenumbers
from pyroaring import BitMap64

from core.clock import from_microseconds
from dnc.registers.archives import members, opened
from dnc.registers.errors import (
    RegisterChangesNotTaken,
    RegisterColumnMissing,
    RegisterFileChanged,
    RegisterFileEmpty,
    RegisterFileTooLarge,
    RegisterLinesRejected,
    RegisterOfAnotherCountry,
)
from dnc.registers.layouts import NIX, FileKind, Key, Layout
from dnc.registers.plain_lines import PlainLines
from dnc.registers.rows import Fault, Row, RowReader, cells_of, is_heading, is_named, places_of
from dnc.registers.texts import Decoder, line_blocks

MAX_REJECTED_SHARE = 0.01
"""Policy: how large a share of a file's lines somebody may accept as unreadable, and how large a share may be of
another country; above it the file is refused. A line that cannot be read is a person who would not be listed."""

LINES_SHOWN = 20
HOPELESS_LINES = 10_000  # this many unreadable lines, and a tenth of all: no need to read on

Values = npt.NDArray[np.int64]
Moments = npt.NDArray[np.int64]
Marks = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class RegisterFile:
    """What a register file holds.

    ``numbers`` are those that it lists; of a change list those that it adds, and ``removed`` those that it takes away.
    ``covered`` are all that the file speaks of, listed or not: of a wash those that it answered for, in North America
    the area codes in it; None where that is every number, and of a change list.
    ``lines`` counts the lines that should hold a number: not the blank ones, nor a heading. Each of them is a distinct
    number, one of the ``duplicates``, or ``rejected``, which counts by fault; ``first_rejected`` names the first of
    these by line number, from 1. ``foreign`` counts the distinct numbers of other countries than the register's.
    ``first_change`` and ``last_change`` are the days of the earliest and the latest, where changes have dates.
    """

    numbers: BitMap64
    removed: BitMap64
    covered: BitMap64 | None
    lines: int
    duplicates: int
    foreign: int
    rejected: Mapping[Fault, int]
    first_rejected: tuple[tuple[int, Fault], ...]
    first_change: date | None
    last_change: date | None
    sha256: str


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of the file as delivered, in hex.

    Raises:
        RegisterFileNotFound, RegisterFileNotReadable: it cannot be read.
    """
    with opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def require_kind(layout: Layout, kind: FileKind) -> None:
    """See that the register has such files.

    Raises:
        RegisterChangesNotTaken: it is a change list, and the layout has none.
    """
    if layout.columns_of(kind) is None:
        raise RegisterChangesNotTaken("load a full file; or set a layout with change_columns, adds and deletes")


def read_register_file(
    path: Path, layout: Layout = NIX, *, kind: FileKind = FileKind.FULL, accept_unreadable: bool = False
) -> RegisterFile:
    """Return what the file holds, read by its layout.

    One rejected line refuses the file, unless ``accept_unreadable`` (never beyond ``MAX_REJECTED_SHARE``); every number
    that is found in a rejected line is then taken as listed, or, in a wash, as not answered for. Of several changes of
    one number the last one counts, and of those at the same time the one that adds it.

    Raises:
        ServiceError: one of ``dnc.registers.errors``; nothing of the file is then to be used.
    """
    require_kind(layout, kind)
    reading = _Reading(layout, kind, accept_unreadable=accept_unreadable)
    with opened(path) as file:
        before = os.fstat(file.fileno())
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        for member in members(file, layout):
            reading.read(line_blocks(member, layout, reading.decoder))
        after = os.fstat(file.fileno())
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise RegisterFileChanged("send the file again once it is complete")
    return reading.ended(sha256)


class _Reading:
    """What was read so far."""

    def __init__(self, layout: Layout, kind: FileKind, *, accept_unreadable: bool) -> None:
        self.layout, self.kind, self.accept_unreadable = layout, kind, accept_unreadable
        self.decoder = Decoder(layout.encoding)
        self._listed, self._others, self._of_rejected = BitMap64(), BitMap64(), BitMap64()
        self._changes: list[tuple[Values, Marks, Moments]] = []
        self._place = self._lines = self._accepted = 0
        self._rejected: Counter[Fault] = Counter()
        self._first_rejected: list[tuple[int, Fault]] = []

    def read(self, blocks: Iterator[bytes]) -> None:
        """Take in the lines of one member; it may begin with a heading."""
        plain: PlainLines | None = None
        for block in blocks:
            if self._place + block.count(b"\n") > self.layout.max_lines:
                raise RegisterFileTooLarge(f"it has more than {self.layout.max_lines} lines")
            content = block
            if plain is None:
                rows, content = self._headed(block)
                if rows is None:
                    continue
                plain = PlainLines(rows)
            self._read(content, plain)

    def _headed(self, block: bytes) -> tuple[RowReader | None, bytes]:
        """Return how to read the rows, and those in the block, once the first line that is not blank has been seen."""
        start, line = 0, ""
        while (end := block.find(b"\n", start)) >= 0:
            line = self.decoder.text(block[start:end])
            if line and not line.isspace():
                break
            self._place += 1
            start = end + 1
        else:
            return None, b""
        columns = self.layout.columns_of(self.kind) or self.layout.columns
        if is_named(columns):
            if not is_heading(line):
                raise RegisterColumnMissing("the layout finds its columns by their headings, and the file has none")
            headings = cells_of(line, self.layout.delimiter or ",")
            rows = RowReader(self.layout, self.kind, places_of(columns, self.kind, headings))
        else:
            rows = RowReader(self.layout, self.kind, places_of(columns, self.kind))
            if isinstance(rows.read(line), Row) or not is_heading(line):
                return rows, block[start:]
        self._place += 1
        return rows, block[end + 1 :]

    def _read(self, block: bytes, plain: PlainLines) -> None:
        read = plain.read(block)
        self._take(read.values, read.is_listed, read.at)
        if len(read.left):
            self._read_left(block, read.left, plain.rows)
        self._place += block.count(b"\n")
        self._see_that_it_can_end_well()

    def _read_left(self, block: bytes, left: Iterable[int], rows: RowReader) -> None:
        """Read one by one the lines that need care."""
        lines = block.split(b"\n")
        taken: list[Row] = []
        for place, line in zip(left, self._decoded([lines[place] for place in left]), strict=True):
            if line.isspace():
                continue
            found = rows.read(line)
            if isinstance(found, Row):
                taken.append(found)
                continue
            self._lines += 1
            self._rejected[found] += 1
            if len(self._first_rejected) < LINES_SHOWN:
                self._first_rejected.append((self._place + int(place) + 1, found))
            if self.accept_unreadable:
                self._of_rejected.update(rows.numbers_in(line))
        self._take(
            np.array([row.value for row in taken], np.int64),
            np.array([row.is_listed for row in taken], np.bool_),
            np.array([row.at for row in taken], np.int64),
        )

    def _decoded(self, lines: list[bytes]) -> list[str]:
        return self.decoder.text(b"\n".join(lines)).split("\n")

    def _take(self, values: Values, is_listed: Marks, at: Moments) -> None:
        self._lines += len(values)
        self._accepted += len(values)
        if self.kind is FileKind.CHANGES:
            self._changes.append((values, is_listed, at))
        elif is_listed.all():
            _add(self._listed, values)
        else:
            _add(self._listed, values[is_listed])
            _add(self._others, values[~is_listed])

    def _see_that_it_can_end_well(self) -> None:
        rejected = self._rejected.total()
        if rejected > HOPELESS_LINES and rejected * 10 > self._lines:
            self._refuse_rejected(rejected)

    def _refuse_rejected(self, rejected: int) -> NoReturn:
        raise RegisterLinesRejected(
            f"{rejected} of the first {self._lines} lines cannot be read as one number each, so whoever is meant there "
            f"would not be listed; the first: {', '.join(str(line) for line, _ in self._first_rejected)}. Mend them, "
            f"or say why they may be left out (at most {MAX_REJECTED_SHARE:.0%} of the lines)",
            extra={
                "rejected_lines": rejected,
                "faults": {fault.value: count for fault, count in sorted(self._rejected.items())},
                "first_rejected": [{"line": line, "fault": fault.value} for line, fault in self._first_rejected],
            },
        )

    def ended(self, sha256: str) -> RegisterFile:
        """Return what was read, or refuse the file as a whole."""
        if self._lines == 0:
            raise RegisterFileEmpty("it holds no number")
        rejected = self._rejected.total()
        if rejected > (self._lines * MAX_REJECTED_SHARE if self.accept_unreadable else 0):
            self._refuse_rejected(rejected)
        first_change, last_change = self._settle_changes() if self.kind is FileKind.CHANGES else (None, None)
        known = self._listed | self._others
        duplicates = self._accepted - len(known)
        is_wash = self.layout.key is Key.WASH
        if is_wash:
            known -= self._of_rejected - self._listed
        else:
            self._listed |= self._of_rejected
        removed = self._others - self._listed if self.kind is FileKind.CHANGES else BitMap64()
        if not self._listed and not is_wash and not removed:
            raise RegisterFileEmpty("it lists no number")
        everyone = known | self._listed
        foreign = len(everyone) - count_of_country(everyone, self.layout.country)
        if foreign > len(everyone) * MAX_REJECTED_SHARE:
            raise RegisterOfAnotherCountry(f"{foreign} of {len(everyone)} numbers are not of {self.layout.country}")
        return RegisterFile(
            numbers=self._listed,
            removed=removed,
            covered=known if is_wash else self._areas_of(known),
            lines=self._lines,
            duplicates=duplicates,
            foreign=foreign,
            rejected=dict(self._rejected),
            first_rejected=tuple(self._first_rejected),
            first_change=first_change,
            last_change=last_change,
            sha256=sha256,
        )

    def _areas_of(self, known: BitMap64) -> BitMap64 | None:
        """Return all numbers of the North American area codes in the file; None of a change list, and elsewhere.

        Files come for the area codes that were licensed, so one without any number in it may be one that was not.
        """
        code = phonenumbers.country_code_for_region(self.layout.country)
        if code != _NORTH_AMERICA or self.kind is FileKind.CHANGES:
            return None
        found = BitMap64()
        for first, beyond in (_within(area) for area in _AREAS):
            if known.range_cardinality(first, beyond):
                found.add_range(first, beyond)
        return found

    def _settle_changes(self) -> tuple[date, date] | tuple[None, None]:
        """Sort the numbers by what their last change made of them; return the days of the first and last change."""
        if not self._accepted:
            return None, None
        values, adds, at = (np.concatenate(parts) for parts in zip(*self._changes, strict=True))
        order = np.lexsort((adds, at, values))
        values, adds = values[order], adds[order]
        is_last = np.append(values[1:] != values[:-1], [True])
        _add(self._listed, values[is_last & adds])
        _add(self._others, values[is_last & ~adds])
        if (self.layout.change_columns or self.layout.columns).date is None:
            return None, None
        return self._day(at.min()), self._day(at.max())

    def _day(self, at: np.int64) -> date:
        return from_microseconds(int(at)).astimezone(self.layout.time_zone).date()


def _add(numbers: BitMap64, values: Values) -> None:
    if len(values):
        batch = array("Q")
        batch.frombytes(np.sort(values).astype(np.uint64).tobytes())
        numbers.update(batch)


_NORTH_AMERICA = 1
_AREAS = range(200, 1000)


def _within(area: int) -> tuple[int, int]:
    """Return the first number of a North American area code, and the first beyond it."""
    return (1000 + area) * 10**7, (1001 + area) * 10**7


def count_of_country(numbers: BitMap64, country: str) -> int:
    """Return how many of ``numbers`` are of the country, by calling code, and in North America by area code."""
    code = phonenumbers.country_code_for_region(country)
    if code != _NORTH_AMERICA:
        return _count_within(numbers, code)
    return sum(_count_within(numbers, 1000 + area) for area in _AREAS if _is_area_of(area, country))


def _count_within(numbers: BitMap64, prefix: int) -> int:
    return sum(
        numbers.range_cardinality(prefix * 10**digits, (prefix + 1) * 10**digits)
        for digits in range(4, 15 - len(str(prefix)) + 1)
    )


def _is_area_of(area: int, country: str) -> bool:
    """Say whether a North American area code is the country's; codes of no one country, as 800, are everybody's."""
    number = phonenumbers.PhoneNumber(country_code=1, national_number=area * 10_000_000 + 2_345_678)
    region = phonenumbers.region_code_for_number(number)
    return region in (country, None) or not phonenumbers.is_number_geographical(number)
