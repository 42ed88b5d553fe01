"""The members of a zip archive, read with bounds of our own.

``zipfile`` trusts the sizes that the archive declares and stops there; another reader of the same bytes goes on. Here a
member is whole only if it inflates to exactly its declared size and checksum, so all readers see the same text.
"""

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, cast

from core.zip_ends import TooManyMembers, open_zip
from leads.errors import UnreadableLeadFile

CHUNK = 1 << 18
RATIO, RATIO_FREE = 200, 16 << 20
"""A text of persons shrinks 5 to 30 times; more than 200 times, past the first 16 MiB, is a bomb."""
_LOCAL = struct.Struct("<4s5H3I2H")
_ENCRYPTED = 0x41


def refuse_bomb(expanded: int, packed: int, limit: int) -> None:
    """Do nothing if ``expanded`` bytes out of ``packed`` are within bounds.

    Raises:
        UnreadableLeadFile: they are more than ``limit``, or shrank more than any text does.
    """
    if expanded > limit:
        raise UnreadableLeadFile(f"what is packed in it is larger than {limit >> 20} MiB")
    if expanded > RATIO_FREE and expanded > RATIO * packed:
        raise UnreadableLeadFile(f"it expands more than {RATIO} times: it is no list of persons")


class Members:
    """The members of an open archive. ``file`` stays the caller's; it is read wherever it stands.

    Raises:
        UnreadableLeadFile: it is damaged, or a member is encrypted, a link, leads out of the archive, comes twice, is
            packed in an unusual way or, as declared, expands to more than ``limit`` bytes.
    """

    def __init__(self, file: BinaryIO, *, limit: int) -> None:
        self._file, self._limit = file, limit
        try:
            with open_zip(file) as archive:
                entries = archive.infolist()
        except TooManyMembers as error:
            raise UnreadableLeadFile("the zip archive holds too many files") from error
        except (zipfile.BadZipFile, OSError) as error:
            raise UnreadableLeadFile("the zip archive is damaged or cut off") from error
        for entry in entries:
            self._refuse_odd(entry)
        names = [entry.filename for entry in entries]
        if len({name.casefold() for name in names}) < len(names):
            raise UnreadableLeadFile("the zip archive holds a name twice")
        self.entries = {entry.filename: entry for entry in entries}
        refuse_bomb(sum(entry.file_size for entry in entries), sum(entry.compress_size for entry in entries), limit)

    def _refuse_odd(self, entry: zipfile.ZipInfo) -> None:
        name, kind = entry.orig_filename, stat.S_IFMT(entry.external_attr >> 16)
        if name.startswith(("/", "\\")) or "\x00" in name or ":" in name or ".." in name.replace("\\", "/").split("/"):
            raise UnreadableLeadFile("the zip archive has a path that leads out of it")
        if entry.create_system == 3 and kind not in {0, stat.S_IFREG, stat.S_IFDIR}:  # noqa: PLR2004 - 3 is Unix
            raise UnreadableLeadFile("the zip archive holds a link or a device")
        if entry.flag_bits & _ENCRYPTED:
            raise UnreadableLeadFile("the zip archive is encrypted: send it without a password")
        if entry.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            raise UnreadableLeadFile("the zip archive is packed in an unusual way: send an ordinary zip")
        refuse_bomb(entry.file_size, entry.compress_size, self._limit)

    def open(self, name: str) -> io.BufferedReader:
        """Return a stream of the member's content; reading it raises ``UnreadableLeadFile`` where it is not whole."""
        return buffered(self._content(self.entries[name]))

    def packed(self, name: str) -> bytes:
        """Return the member's bytes as they stand in the archive; whether they are whole shows when they are opened."""
        entry = self.entries[name]
        self._file.seek(self._beginning(entry))
        return self._file.read(entry.compress_size)

    def _content(self, entry: zipfile.ZipInfo) -> Iterator[bytes]:
        position = self._beginning(entry)
        inflater = zlib.decompressobj(-15) if entry.compress_type == zipfile.ZIP_DEFLATED else None
        left, size, checksum, packed = entry.compress_size, 0, 0, b""
        while True:
            if not packed and left:
                self._file.seek(position)
                packed = self._file.read(min(left, CHUNK))
                if not packed:
                    raise UnreadableLeadFile("the zip archive is cut off")
                position += len(packed)
                left -= len(packed)
            if inflater is None:
                content, packed = packed, b""
            else:
                # Also asked once all is handed in: it may hold back some of what it read.
                content = inflater.decompress(packed, CHUNK)
                packed = inflater.unconsumed_tail
                if inflater.eof and (left or inflater.unused_data):
                    raise UnreadableLeadFile("the zip archive is damaged")
            size, checksum = size + len(content), zlib.crc32(content, checksum)
            if size > entry.file_size:
                raise UnreadableLeadFile("the zip archive holds more than it declares")
            if not (content or packed or left):
                break
            yield content
        if size != entry.file_size or checksum != entry.CRC or (inflater is not None and not inflater.eof):
            raise UnreadableLeadFile("the zip archive is damaged: its checksum is wrong")

    def _beginning(self, entry: zipfile.ZipInfo) -> int:
        """Return where the member's bytes begin."""
        self._file.seek(entry.header_offset)
        header = self._file.read(_LOCAL.size)
        if len(header) < _LOCAL.size or not header.startswith(b"PK\x03\x04"):
            raise UnreadableLeadFile("the zip archive is damaged")
        *_, name, extra = _LOCAL.unpack(header)
        return entry.header_offset + _LOCAL.size + int(name) + int(extra)


@dataclass(frozen=True, slots=True)
class Part:
    """A member to be packed as it is: ``content`` is already deflated if ``deflated``."""

    name: str
    content: bytes
    deflated: bool
    checksum: int
    size: int


def plain_part(name: str, text: str) -> Part:
    """Return a member that holds ``text``."""
    content = text.encode()
    return Part(name, content, deflated=False, checksum=zlib.crc32(content), size=len(content))


def pack(parts: Sequence[Part]) -> bytes:
    """Return an archive of exactly these members."""
    target, directory = bytearray(), bytearray()
    for part in parts:
        name, offset = part.name.encode(), len(target)
        facts = struct.pack(
            "<5H3I2H",
            *(20, 0x800, 8 if part.deflated else 0, 0, 0x21),
            *(part.checksum, len(part.content), part.size, len(name), 0),
        )
        target += b"PK\x03\x04" + facts + name + part.content
        directory += b"PK\x01\x02\x14\x00" + facts + struct.pack("<3H2I", 0, 0, 0, 0, offset) + name
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, len(parts), len(parts), len(directory), len(target), 0)
    return bytes(target + directory + end)


class _Chunks(io.RawIOBase):
    """A stream out of pieces as they are made; whatever goes wrong in their making is an unreadable lead file."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._rest = pieces, memoryview(b"")

    def readable(self) -> bool:
        """Return true."""
        return True

    def readinto(self, target: memoryview) -> int:  # type: ignore[override]  # BufferedReader hands over a memoryview
        """Fill ``target`` with what comes next; return how many bytes."""
        try:
            while not self._rest:
                self._rest = memoryview(next(self._pieces))
        except StopIteration:
            return 0
        except (zlib.error, EOFError, OSError, ValueError) as error:
            raise UnreadableLeadFile("the archive is damaged or cut off") from error
        size = min(len(target), len(self._rest))
        target[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size


def buffered(pieces: Iterator[bytes]) -> io.BufferedReader:
    """Return a stream of ``pieces``; whatever goes wrong in their making is an unreadable lead file."""
    return cast("io.BufferedReader", io.BufferedReader(_Chunks(pieces), CHUNK))
