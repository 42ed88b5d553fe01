"""Zip archives whose end says how much they hold: it is read before ``zipfile`` makes an object of each member."""

import io
import struct
import zipfile
from typing import BinaryIO

DIRECTORY_LIMIT = 1 << 20
"""Bytes of the list of members: some 10,000 of them. Each costs memory before it can be looked at."""
_END, _END64_LOCATOR = b"PK\x05\x06", b"PK\x06\x07"
_END_SIZE, _LOCATOR_SIZE, _END64_SIZE = 22, 20, 56


class TooManyMembers(zipfile.BadZipFile):
    """The list of an archive's members is longer than it may be."""


def open_zip(file: BinaryIO) -> zipfile.ZipFile:
    """Return the archive, which holds as many members as it says: ``zipfile`` takes those that it comes by.

    Raises:
        TooManyMembers: their list is longer than ``DIRECTORY_LIMIT``.
        BadZipFile: it is damaged, or made to look so.
    """
    try:
        count, length = _directory_of(file)
        if length > DIRECTORY_LIMIT:
            raise TooManyMembers
        archive = zipfile.ZipFile(file)
    except (RuntimeError, struct.error, ValueError, OverflowError) as error:
        raise zipfile.BadZipFile from error
    if len(archive.infolist()) != count:
        archive.close()
        raise zipfile.BadZipFile
    return archive


def _directory_of(file: BinaryIO) -> tuple[int, int]:
    """Return how many members the end of the archive speaks of, and the bytes of their list, which ends where it says.

    Raises:
        BadZipFile: there is no such end, or the list is not where it says.
    """
    size = file.seek(0, io.SEEK_END)
    reach = min(size, _END_SIZE + 0xFFFF + _LOCATOR_SIZE + _END64_SIZE)
    file.seek(size - reach)
    tail = file.read(reach)
    at = len(tail) - _END_SIZE
    if at < 0 or not (tail.startswith(_END, at) and tail.endswith(b"\0\0")):
        at = tail.rfind(_END)
    if at < 0 or len(tail) - at < _END_SIZE:
        raise zipfile.BadZipFile
    count, length, offset = struct.unpack_from("<HII", tail, at + 10)
    end = size - reach + at
    if at >= _LOCATOR_SIZE + _END64_SIZE and tail.startswith(_END64_LOCATOR, at - _LOCATOR_SIZE):
        at -= _LOCATOR_SIZE + _END64_SIZE
        end -= _LOCATOR_SIZE + _END64_SIZE
        (told,) = struct.unpack_from("<Q", tail, at + _END64_SIZE + 8)
        count, length, offset = struct.unpack_from("<QQQ", tail, at + 32)
        if told != end:
            raise zipfile.BadZipFile
    if offset + length != end:
        raise zipfile.BadZipFile
    return int(count), int(length)
