"""The bytes of a delivered register file: opened with care, unpacked once, and never more than its layout allows.

Nothing is unpacked to a folder. A zip may hold several files only where the layout says so; they are read by name.
"""

import gzip
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import Protocol

from core.zip_ends import open_zip
from dnc.registers.errors import (
    RegisterArchiveDamaged,
    RegisterArchiveMembers,
    RegisterArchiveNested,
    RegisterFileNotFound,
    RegisterFileNotReadable,
    RegisterFileTooLarge,
)
from dnc.registers.layouts import Layout

MAX_RATIO = 50
FREE_OF_RATIO = 1 << 20  # a small file may be as repetitive as it likes
MAX_MEMBERS = 2_000
BLOCK = 1 << 20
_GZIP, _ZIP = b"\x1f\x8b", (b"PK\x03\x04", b"PK\x05\x06")


@contextmanager
def opened(path: Path) -> Iterator[BufferedReader]:
    """Give the regular file open for reading, with every fault of the file system as a refusal.

    Raises:
        RegisterFileNotFound, RegisterFileNotReadable: it cannot be read.
    """
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


def members(file: BufferedReader, layout: Layout) -> Iterator[Iterator[bytes]]:
    """Yield each text in the file as chunks of bytes, unpacked once if it is packed, within the layout's limits.

    A text must be read to its end before the next is asked for.

    Raises:
        ServiceError: one of ``dnc.registers.errors``, when it is come to.
    """
    size = os.fstat(file.fileno()).st_size
    head = file.read(4)
    file.seek(0)
    limit = _Limit(layout.max_bytes, size)
    if head.startswith(_GZIP):
        yield limit.within(_of_gzip(file))
    elif head.startswith(_ZIP):
        for member in _of_zip(file, layout):
            yield limit.within(member)
    elif size > layout.max_bytes:
        raise RegisterFileTooLarge(f"it has more than {layout.max_bytes} bytes")
    else:
        yield _chunks(file)


class _Limit:
    """Counts what an archive unpacks to, over all its members."""

    def __init__(self, most: int, packed: int) -> None:
        self._most, self._packed, self._unpacked = most, packed, 0

    def within(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Yield the chunks of one member as long as the limits are kept."""
        first = True
        for chunk in chunks:
            if first and chunk.startswith((_GZIP, *_ZIP)):
                raise RegisterArchiveNested("pack the text file itself")
            first = False
            self._unpacked += len(chunk)
            if self._unpacked > self._most:
                raise RegisterFileTooLarge(f"it unpacks to more than {self._most} bytes")
            if self._unpacked > FREE_OF_RATIO and self._unpacked > self._packed * MAX_RATIO:
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


def _of_zip(file: BufferedReader, layout: Layout) -> Iterator[Iterator[bytes]]:
    damaged = "the zip file is cut short, corrupt or encrypted"
    faults = (EOFError, zipfile.BadZipFile, zlib.error, RuntimeError, ValueError)
    try:
        archive = open_zip(file)
    except zipfile.BadZipFile as error:
        raise RegisterArchiveDamaged(damaged) from error

    def content(member: zipfile.ZipInfo) -> Iterator[bytes]:
        try:
            with archive.open(member) as unpacked:
                yield from _chunks(unpacked)
        except faults as error:
            raise RegisterArchiveDamaged(damaged) from error

    with archive:
        for member in _texts_in(archive, layout):
            yield content(member)


def _texts_in(archive: zipfile.ZipFile, layout: Layout) -> list[zipfile.ZipInfo]:
    """Return the members to be read, by name; folders among them hold nothing."""
    found = archive.infolist()
    if min((member.header_offset for member in found), default=0):
        raise RegisterArchiveDamaged("it holds more than its directory names, as two zip files in one do")
    if any(_leaves_its_folder(member.filename) for member in found):
        raise RegisterArchiveMembers("a member is named by a path that leaves the archive")
    if len({member.filename for member in found}) != len(found):
        raise RegisterArchiveMembers("two members have the same name")
    if layout.many_members:
        found = [member for member in found if not member.is_dir()]
    most = MAX_MEMBERS if layout.many_members else 1
    if not 1 <= len(found) <= most or found[0].is_dir():
        raise RegisterArchiveMembers(f"it holds {len(found)} members; send the register alone")
    if any(member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for member in found):
        raise RegisterArchiveDamaged("only the usual compression of zip files (deflate) is read")
    return sorted(found, key=lambda member: member.filename)


def _leaves_its_folder(name: str) -> bool:
    path = PurePosixPath(name.replace("\\", "/"))
    return path.is_absolute() or ".." in path.parts or ":" in name or "\x00" in name


def _chunks(file: _Readable) -> Iterator[bytes]:
    while chunk := file.read(BLOCK):
        yield chunk
