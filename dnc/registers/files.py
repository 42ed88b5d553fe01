"""Reading a delivered register file: one number a line, in any spelling, plain or packed.

Streamed in blocks of fixed size, so that memory does not grow with the file, and read by ``core.numbers`` alone.
Numbers never appear in what is reported: a line is named by its place and its fault.
"""

import gzip
import hashlib
import os
import re
import stat
import zipfile
import zlib
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import NoReturn, Protocol

import phonenumbers
from pyroaring import BitMap64

from core.numbers import Number, NumberFault, read_number
from dnc.registers.errors import (
    RegisterArchiveDamaged,
    RegisterArchiveMembers,
    RegisterArchiveNested,
    RegisterFileBinary,
    RegisterFileChanged,
    RegisterFileEmpty,
    RegisterFileEncoding,
    RegisterFileNotFound,
    RegisterFileNotReadable,
    RegisterFileTooLarge,
    RegisterLinesRejected,
    RegisterLineTooLong,
    RegisterOfAnotherCountry,
)

MAX_REJECTED_SHARE = 0.01
"""Policy: how large a share of a file's lines somebody may accept as unreadable, and how large a share may be of
another country; above it the file is refused. A line that cannot be read is a person who would not be listed."""

MAX_LINES = 20_000_000
MAX_BYTES = 1 << 30
MAX_RATIO = 50
FREE_OF_RATIO = 1 << 20  # a small file may be as repetitive as it likes
LONGEST_LINE = 10_000
BLOCK = 1 << 20
LINES_SHOWN = 20
HEADING_DIGITS = 4  # a line with more of them may hold a number
HOPELESS_LINES = 10_000  # this many unreadable lines, and a tenth of all: no need to read on

_BOM = b"\xef\xbb\xbf"
_GZIP, _ZIP = b"\x1f\x8b", (b"PK\x03\x04", b"PK\x05\x06")
_BEYOND_FIRST = re.compile(r'(?:^|[;,\t])[ "]*((?:\+|0|46)[0-9 ()/.-]{6,18})(?=[ "]*(?:[;,\t]|$))')
_BETWEEN = re.compile(r"[;,\t/|&]|\s+(?=\+|0[1-9])")
_DATE = re.compile(r"[0-9]{2}([-/.])[0-9]{2}\1[0-9]{4} *")


@dataclass(frozen=True, slots=True)
class RegisterFile:
    """What a register file holds.

    ``lines`` counts the lines that should hold a number: not the blank ones, nor a heading. ``rejected`` counts those
    that could not be read, by fault, and ``first_rejected`` names the first of them by line number, from 1.
    ``foreign`` counts the distinct numbers of other countries than the register's.
    """

    numbers: BitMap64
    lines: int
    duplicates: int
    foreign: int
    rejected: Mapping[NumberFault, int]
    first_rejected: tuple[tuple[int, NumberFault], ...]
    sha256: str


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of the file as delivered, in hex.

    Raises:
        RegisterFileNotFound, RegisterFileNotReadable: it cannot be read.
    """
    with _opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_register_file(path: Path, *, country: str = "SE", accept_unreadable: bool = False) -> RegisterFile:
    """Return what the file holds; ``country`` (ISO 3166) is where numbers without a country code are dialled.

    The file is text in UTF-8 or Windows-1252, as it is or in gzip or a zip of one member; of a CSV (``;``, ``,`` or
    tab) the first column is read, and a line that has a number in another column too is rejected as ambiguous.
    One rejected line refuses the file, unless ``accept_unreadable`` (never beyond ``MAX_REJECTED_SHARE``); every number
    that is found in an ambiguous line is then taken.

    Raises:
        ServiceError: one of ``dnc.registers.errors``; nothing of the file is then to be used.
    """
    lines = _Lines(country, accept_unreadable=accept_unreadable)
    with _opened(path) as file:
        before = os.fstat(file.fileno())
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        for block in _text_blocks(_unpacked(file, before.st_size)):
            lines.read(block)
        after = os.fstat(file.fileno())
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise RegisterFileChanged("send the file again once it is complete")
    return lines.ended(sha256)


class _Lines:
    """Reads lines, one block after the other."""

    def __init__(self, country: str, *, accept_unreadable: bool) -> None:
        self.country, self.accept_unreadable = country, accept_unreadable
        self.numbers, self.of_ambiguous = BitMap64(), BitMap64()
        self.place = self.lines = self.accepted = 0
        self.rejected: Counter[NumberFault] = Counter()
        self.first_rejected: list[tuple[int, NumberFault]] = []
        self._may_be_headed = True

    def read(self, block: str) -> None:
        """Take in the whole lines of ``block``."""
        batch = array("Q")
        add, country, place = batch.append, self.country, self.place
        if place + block.count("\n") >= MAX_LINES:
            raise RegisterFileTooLarge(f"it has more than {MAX_LINES} lines")
        for line in block.split("\n"):
            place += 1
            if not line:
                continue
            if ";" in line or "," in line or "\t" in line:
                found = _first_column(line, country)
            else:
                found = read_number(line, region=country)
            if not isinstance(found, NumberFault):
                add(found.value)
            elif not line.isspace():
                if self._may_be_headed and not batch and _is_heading(line):
                    self._may_be_headed = False
                else:
                    self._reject(place, found)
                    if found is NumberFault.AMBIGUOUS and self.accept_unreadable:
                        self.of_ambiguous.update(_numbers_in(line, country))
        self.place = place
        self._may_be_headed = self._may_be_headed and not batch
        self.lines += len(batch)
        self.accepted += len(batch)
        self.numbers.update(batch)
        self._see_that_it_can_end_well()

    def _reject(self, place: int, fault: NumberFault) -> None:
        self._may_be_headed = False
        self.lines += 1
        self.rejected[fault] += 1
        if len(self.first_rejected) < LINES_SHOWN:
            self.first_rejected.append((place, fault))

    def _see_that_it_can_end_well(self) -> None:
        rejected = self.rejected.total()
        if rejected > HOPELESS_LINES and rejected * 10 > self.lines:
            self._refuse_rejected(rejected)

    def _refuse_rejected(self, rejected: int) -> NoReturn:
        raise RegisterLinesRejected(
            f"{rejected} of the first {self.lines} lines cannot be read as one number each, so whoever is meant there "
            f"would not be listed; the first: {', '.join(str(line) for line, _ in self.first_rejected)}. Mend them, or "
            f"say why they may be left out (at most {MAX_REJECTED_SHARE:.0%} of the lines)",
            extra={
                "rejected_lines": rejected,
                "faults": {fault.value: count for fault, count in sorted(self.rejected.items())},
                "first_rejected": [{"line": line, "fault": fault.value} for line, fault in self.first_rejected],
            },
        )

    def ended(self, sha256: str) -> RegisterFile:
        """Return what was read, or refuse the file as a whole."""
        if self.lines == 0:
            raise RegisterFileEmpty("it holds no number")
        rejected = self.rejected.total()
        if rejected > (self.lines * MAX_REJECTED_SHARE if self.accept_unreadable else 0):
            self._refuse_rejected(rejected)
        duplicates = self.accepted - len(self.numbers)
        self.numbers |= self.of_ambiguous
        foreign = len(self.numbers) - _count_of_country(self.numbers, self.country)
        if foreign > len(self.numbers) * MAX_REJECTED_SHARE:
            raise RegisterOfAnotherCountry(f"{foreign} of {len(self.numbers)} numbers are not of {self.country}")
        return RegisterFile(
            numbers=self.numbers,
            lines=self.lines,
            duplicates=duplicates,
            foreign=foreign,
            rejected=dict(self.rejected),
            first_rejected=tuple(self.first_rejected),
            sha256=sha256,
        )


def _is_heading(line: str) -> bool:
    """Say whether a line before all others names the columns rather than holds a number."""
    return line.lstrip(' "#')[:1].isalpha() and sum(map(str.isdigit, line)) <= HEADING_DIGITS


def _numbers_in(line: str, country: str) -> list[int]:
    """Return every number that a line of several holds: on a register one too many is better than one too few."""
    parts = (read_number(part.strip(' "'), region=country) for part in _BETWEEN.split(line))
    return [part.value for part in parts if isinstance(part, Number)]


def _first_column(line: str, country: str) -> Number | NumberFault:
    """Return the number in the first column; ambiguous if another column holds one too."""
    if line.startswith('"'):
        cell, _, rest = line[1:].partition('"')
    else:
        cell = re.split("[;,\t]", line, maxsplit=1)[0]
        rest = line[len(cell) :]
    for other in _BEYOND_FIRST.findall(rest):
        if not _DATE.fullmatch(other) and isinstance(read_number(other, region=country), Number):
            return NumberFault.AMBIGUOUS
    return read_number(cell, region=country)


def _count_of_country(numbers: BitMap64, country: str) -> int:
    """Return how many of ``numbers`` begin with the country's calling code."""
    code = phonenumbers.country_code_for_region(country)
    return sum(numbers.range_cardinality(code * 10**digits, (code + 1) * 10**digits) for digits in range(4, 15))


def _text_blocks(chunks: Iterator[bytes]) -> Iterator[str]:
    r"""Yield the text in blocks of whole lines, ended by ``\n`` alone whatever ended them in the file."""
    decoder = _Decoder()
    rest = b""
    first = True
    for chunk in chunks:
        if b"\x00" in chunk:
            raise RegisterFileBinary("it holds NUL bytes; save it as plain text in UTF-8")
        block = rest + chunk
        if first:
            if block.startswith(_BOM):
                block = block[len(_BOM) :]
                decoder.is_certain = True
            first = False
        end = max(block.rfind(b"\n"), block.rfind(b"\r", 0, len(block) - 1)) + 1
        block, rest = block[:end], block[end:]
        if len(rest) > LONGEST_LINE:
            raise RegisterLineTooLong(f"a line has more than {LONGEST_LINE} bytes")
        if block:
            yield decoder.text(block).removesuffix("\n")
    if rest:
        yield decoder.text(rest).removesuffix("\n")


class _Decoder:
    """Strict UTF-8, or else Windows-1252 for the whole file; a file is never taken for both."""

    def __init__(self) -> None:
        self.is_certain = False
        self._encoding = "utf-8"

    def text(self, block: bytes) -> str:
        """Return the block's text with line ends as ``\n``."""
        try:
            text = block.decode(self._encoding)
            self.is_certain = self.is_certain or not text.isascii()
        except UnicodeDecodeError:
            text = self._text_otherwise(block)
        return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text

    def _text_otherwise(self, block: bytes) -> str:
        if not self.is_certain:
            self._encoding, self.is_certain = "cp1252", True
            try:
                return block.decode("cp1252")
            except UnicodeDecodeError:
                pass
        raise RegisterFileEncoding("it is neither UTF-8 nor Windows-1252 throughout; save it as UTF-8")


@contextmanager
def _opened(path: Path) -> Iterator[BufferedReader]:
    """Give the regular file open for reading, with every fault of the file system as a refusal."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe would be waited for
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise RegisterFileNotFound("there is no such file") from error
    except OSError as error:
        raise RegisterFileNotReadable(f"the system refused: {error.strerror}") from error
    with os.fdopen(descriptor, "rb", closefd=False) if _is_regular(descriptor) else nullcontext() as file:
        try:
            if file is None:
                raise RegisterFileNotReadable("it is a folder, or something else that is not a regular file")
            yield file
        except OSError as error:
            raise RegisterFileNotReadable(f"the system refused: {error.strerror}") from error
        finally:
            os.close(descriptor)


def _is_regular(descriptor: int) -> bool:
    return stat.S_ISREG(os.fstat(descriptor).st_mode)


def _unpacked(file: BufferedReader, size: int) -> Iterator[bytes]:
    """Yield the contents, unpacked once if they are packed, within the limits."""
    head = file.read(4)
    file.seek(0)
    if head.startswith(_GZIP):
        yield from _within_limits(_of_gzip(file), size)
    elif head.startswith(_ZIP):
        yield from _within_limits(_of_zip(file), size)
    elif size > MAX_BYTES:
        raise RegisterFileTooLarge(f"it has more than {MAX_BYTES} bytes")
    else:
        yield from _chunks(file)


def _within_limits(chunks: Iterator[bytes], packed: int) -> Iterator[bytes]:
    unpacked = 0
    for chunk in chunks:
        if not unpacked and chunk.startswith((_GZIP, *_ZIP)):
            raise RegisterArchiveNested("pack the text file itself")
        unpacked += len(chunk)
        if unpacked > MAX_BYTES:
            raise RegisterFileTooLarge(f"it unpacks to more than {MAX_BYTES} bytes")
        if unpacked > FREE_OF_RATIO and unpacked > packed * MAX_RATIO:
            raise RegisterFileTooLarge(f"it unpacks to more than {MAX_RATIO} times its size")
        yield chunk


def _of_gzip(file: BufferedReader) -> Iterator[bytes]:
    try:
        with gzip.GzipFile(fileobj=file) as archive:
            yield from _chunks(archive)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise RegisterArchiveDamaged("the gzip file is cut short or corrupt") from error


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _ShortReads:
    """A file that refuses to be read in one piece, as ``zipfile`` does with the list of a hostile archive's members."""

    def __init__(self, file: BufferedReader) -> None:
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        content = self._file.read(BLOCK + 1 if size < 0 else min(size, BLOCK + 1))
        if len(content) > BLOCK:
            raise zipfile.BadZipFile
        return content


def _of_zip(file: BufferedReader) -> Iterator[bytes]:
    try:
        with zipfile.ZipFile(_ShortReads(file)) as archive:
            members = archive.infolist()
            if len(members) != 1 or members[0].is_dir():
                raise RegisterArchiveMembers(f"it holds {len(members)} members; send the register alone")
            if members[0].compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise RegisterArchiveDamaged("only the usual compression of zip files (deflate) is read")
            with archive.open(members[0]) as member:
                yield from _chunks(member)
    except (EOFError, zipfile.BadZipFile, zlib.error, RuntimeError, ValueError) as error:
        raise RegisterArchiveDamaged("the zip file is cut short, corrupt or encrypted") from error


def _chunks(file: _Readable) -> Iterator[bytes]:
    while chunk := file.read(BLOCK):
        yield chunk
