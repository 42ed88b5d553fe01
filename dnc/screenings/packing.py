"""Which row had which number and which answer, packed: some five bytes a row. Pure.

The numbers and places are cut into planes of bytes, the first byte of each, then the second, and so on, and deflated:
what numbers have in common costs nothing. Random bytes in the head keep the SHA-256 of a short record, which stands in
the ledger, from telling a number.
"""

import hashlib
import secrets
import zlib
from dataclasses import dataclass

import numpy as np

from dnc.screenings.numbers import Ints

FORM = b"RKSCRN01"
SALT = 16
_COUNT = 8
_LEVEL = 1


class PackedRowsDamaged(ValueError):
    """The bytes are not what was packed."""


@dataclass(frozen=True, slots=True)
class PackedRows:
    """A part's rows as bytes, and their SHA-256 in hex."""

    content: bytes
    sha256: str


def pack_rows(values: Ints, places: Ints) -> PackedRows:
    """Return the rows packed: ``values`` are numbers, below 0 where there is none; ``places`` of their answers."""
    head = FORM + secrets.token_bytes(SALT) + len(values).to_bytes(_COUNT)
    planes = values.astype("<i8").view(np.uint8).reshape(-1, 8).T.tobytes()
    planes += places.astype("<u4").view(np.uint8).reshape(-1, 4).T.tobytes()
    content = head + zlib.compress(planes, _LEVEL)
    return PackedRows(content, hashlib.sha256(content).hexdigest())


def unpack_rows(content: bytes, sha256: str) -> tuple[Ints, Ints]:
    """Return the values and places that were packed.

    Raises:
        PackedRowsDamaged: the content is not what has this SHA-256.
    """
    if hashlib.sha256(content).hexdigest() != sha256 or not content.startswith(FORM):
        raise PackedRowsDamaged("the rows of a part are not those that are on record")
    start = len(FORM) + SALT
    count = int.from_bytes(content[start : start + _COUNT])
    planes = np.frombuffer(zlib.decompress(content[start + _COUNT :]), dtype=np.uint8)
    values = np.ascontiguousarray(planes[: 8 * count].reshape(8, count).T).view("<i8").ravel().astype(np.int64)
    places = np.ascontiguousarray(planes[8 * count :].reshape(4, count).T).view("<u4").ravel().astype(np.int64)
    return values, places
