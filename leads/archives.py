"""What a delivery really holds, by its bytes and never by its name: a text or a workbook, plain, gzipped or zipped.

Nothing is unpacked to a folder: a text is inflated as it is read. Only a workbook inside an archive is put in a
temporary file, because its directory stands at its end.
"""

import io
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import BinaryIO, Literal, Self

from leads.errors import UnreadableLeadFile
from leads.zips import CHUNK, Members, buffered, refuse_bomb

CONTENT_LIMIT = 4 << 30
"""Bytes of text: some 40 million rows, far past any delivery, and a bound on what one upload can cost."""
WORKBOOK_LIMIT = 64 << 20
"""Bytes of a workbook as it is sent; a sheet filled to its last row with eight columns takes some 40 MiB."""
GZIP_MEMBERS = 1_000_000
"""Block-wise gzip has one for each 64 KiB; empty ones by the million only cost time."""
START = 8
_NOT_READ = (
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook, or one with a password: send XLSX without password, or CSV"),
    (b"%PDF", "a PDF document: send CSV or XLSX"),
    (b"7z\xbc\xaf", "a 7-zip archive: send zip or gzip"),
    (b"Rar!", "a RAR archive: send zip or gzip"),
    (b"\xfd7zXZ", "an xz archive: send zip or gzip"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive: send zip or gzip"),
    (b"BZh", "a bzip2 archive: send zip or gzip"),
)
_GZIP, _ZIP, _EMPTY_ZIP = b"\x1f\x8b", b"PK\x03\x04", b"PK\x05\x06"
_CONTENT_TYPES, _WORKBOOK = "[Content_Types].xml", "xl/workbook.xml"
_DOCUMENTS = {
    "META-INF/manifest.xml": "an OpenDocument file",
    "word/document.xml": "a Word document",
    "ppt/presentation.xml": "a presentation",
    "Index/Document.iwa": "a document of Numbers or Pages",
}
"""Archives that are documents, by a part that each has."""
_MACROS = ("vbaproject.bin", "macrosheets/")


@dataclass(frozen=True, slots=True)
class Content:
    """What is to be read. ``stream`` is read from its beginning on, once; a ``kind`` of ``xlsx`` can also be sought in.

    ``wrapping`` says what it was packed in. Closing it never closes the file it came from.
    """

    stream: BinaryIO
    wrapping: Literal["", "gzip", "zip"]
    kind: Literal["text", "xlsx"]
    owned: bool

    def close(self) -> None:
        """Let go of the stream, and of the temporary file if there is one."""
        if self.owned:
            self.stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_content(file: BinaryIO, *, limit: int = CONTENT_LIMIT, spool_dir: Path | None = None) -> Content:
    """Return what ``file`` holds, to be read from its beginning; may be called again to read it once more.

    ``limit`` is in bytes of the text. ``spool_dir`` is where a workbook inside an archive is kept while it is read
    (unnamed, mode 0600, gone when closed); without it, the system's folder for temporary files.

    Raises:
        UnreadableLeadFile: it is a pipe or of a kind that is not read, holds several files or another archive, is
            encrypted, has macros, expands past all bounds, or is damaged. What is damaged further in raises it from
            ``stream``.
    """
    start = _start(file)
    if start.startswith(_GZIP):
        return _inside(buffered(_gunzipped(file, limit)), "gzip", spool_dir)
    if start.startswith((_ZIP, _EMPTY_ZIP)):
        members = Members(file, limit=limit)
        if is_workbook(members):
            _refuse_large_workbook(file.seek(0, io.SEEK_END))
            file.seek(0)
            return Content(file, "", "xlsx", owned=False)
        return _inside(members.open(_only_file(members)), "zip", spool_dir)
    _refuse_other(start, "it is")
    file.seek(0)
    return Content(file, "", "text", owned=False)


def is_workbook(members: Members) -> bool:
    """Return whether the archive is an Excel workbook.

    Raises:
        UnreadableLeadFile: it is one that is not read: with macros, or in the binary form.
    """
    if _CONTENT_TYPES not in members.entries or not any(name.startswith("xl/") for name in members.entries):
        return False
    if any(mark in name.casefold() for name in members.entries for mark in _MACROS):
        raise UnreadableLeadFile("the workbook has macros: save it as XLSX without them")
    if _WORKBOOK not in members.entries:
        raise UnreadableLeadFile("the workbook is not in the XLSX form: save it as XLSX, or send CSV")
    return True


def _start(file: BinaryIO) -> bytes:
    if not file.seekable():
        raise UnreadableLeadFile("it is a pipe, which can be read but once: give a file")
    file.seek(0)
    try:
        return file.read(START)
    except OSError as error:
        raise UnreadableLeadFile("the file could not be read") from error


def _refuse_other(start: bytes, where: str) -> None:
    for magic, kind in _NOT_READ:
        if start.startswith(magic):
            raise UnreadableLeadFile(f"{where} {kind}")


def _refuse_large_workbook(size: int) -> None:
    if size > WORKBOOK_LIMIT:
        raise UnreadableLeadFile(f"the workbook is larger than {WORKBOOK_LIMIT >> 20} MiB: send CSV")


def _only_file(members: Members) -> str:
    for part, kind in _DOCUMENTS.items():
        if part in members.entries:
            raise UnreadableLeadFile(f"it is {kind}: save it as XLSX or CSV")
    names = [name for name in members.entries if not name.endswith("/") and not _is_clutter(name)]
    if len(names) != 1:
        raise UnreadableLeadFile(f"the zip archive holds {len(names)} files: send each file by itself")
    return names[0]


def _is_clutter(name: str) -> bool:
    """Tell what an operating system adds unasked."""
    own = PurePosixPath(name).name
    return name.startswith("__MACOSX/") or own.startswith("._") or own in {".DS_Store", "Thumbs.db", "desktop.ini"}


def _inside(stream: io.BufferedReader, wrapping: Literal["gzip", "zip"], spool_dir: Path | None) -> Content:
    start = stream.peek(START)[:START]
    _refuse_other(start, f"inside the {wrapping} archive is")
    if start.startswith((_GZIP, _EMPTY_ZIP)):
        raise UnreadableLeadFile("it is an archive inside an archive")
    if not start.startswith(_ZIP):
        return Content(stream, wrapping, "text", owned=True)
    return Content(_spooled_workbook(stream, spool_dir), wrapping, "xlsx", owned=True)


def _spooled_workbook(stream: BinaryIO, spool_dir: Path | None) -> BinaryIO:
    """Return a temporary file with all of the stream; it has no name to be found by."""
    with ExitStack() as undo:
        file = undo.enter_context(tempfile.TemporaryFile(dir=spool_dir))
        while chunk := stream.read(CHUNK):
            file.write(chunk)
            _refuse_large_workbook(file.tell())
        if not is_workbook(Members(file, limit=CONTENT_LIMIT)):
            raise UnreadableLeadFile("it is an archive inside an archive")
        file.seek(0)
        undo.pop_all()
        return file


def _gunzipped(file: BinaryIO, limit: int) -> Iterator[bytes]:
    """Give the content of all members, one after the other; zeros after the last are padding."""
    position, size, members = 0, 0, 0
    packed, inflater = b"", None
    while True:
        if not packed:
            file.seek(position)
            packed = file.read(CHUNK)
            position += len(packed)
        if inflater is None:
            if members and not packed.strip(b"\0"):
                if not packed:
                    return
                packed = b""
                continue
            members += 1
            if members > GZIP_MEMBERS:
                raise UnreadableLeadFile("the gzip archive is made of too many parts")
            inflater = zlib.decompressobj(31)
        if not packed:
            raise UnreadableLeadFile("the gzip archive is cut off")
        content = inflater.decompress(packed, CHUNK)
        size += len(content)
        packed = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
        refuse_bomb(size, position, limit)
        yield content
        if inflater.eof:
            inflater = None
