"""The header of a snapshot file: a digest of each block of the payload, and where each container of it lies.

Little-endian: magic, form, block size, payload bytes, numbers, containers, the name of the coverage (zeros: none), 32
bytes; then a digest of 16 bytes a block; the containers' keys, then their places, 8 bytes each; zeros up to the next
4,096 bytes, where the payload begins. The file's name is the SHA-256 of all this.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from dnc.registers.containers import Containers, containers_of

BLOCK_BITS = 10
BLOCK = 1 << BLOCK_BITS
"""Bytes that are read and checked at once. Small, as each look-up pays for one, and hashed without giving up the
interpreter's lock (hashlib does from 2,048 bytes); the digests for 250 million numbers are some six megabytes."""

DIGEST = 16
"""Bytes of a block's SHA-256 that are kept: enough that no change goes unseen, by chance or on purpose."""

_MAGIC, _FORM = b"ringklar", 1
_FIXED = struct.Struct("<8sIIQQQ32s")
_ALIGNMENT = 4096
_NO_COVERAGE = bytes(32)


class HeaderUnreadable(ValueError):
    """This is no header, or not the one that the name promises."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a process keeps of a snapshot.

    ``digests`` of the blocks one after the other; ``payload_at`` and ``payload_bytes`` in the file; ``count`` of
    numbers; ``coverage`` is the name of the snapshot of the numbers that this one speaks of; None: of all.
    """

    digests: bytes
    containers: Containers
    payload_at: int
    payload_bytes: int
    count: int
    coverage: str | None


def header_bytes(payload: bytes, count: int, coverage: str | None) -> bytes:
    """Return the header of a payload of ``count`` numbers; the same payload and coverage give the same header.

    Raises:
        ValueError: the payload is no roaring bitmap in the portable form.
    """
    containers = containers_of(payload)
    fixed = _FIXED.pack(
        _MAGIC,
        _FORM,
        BLOCK,
        len(payload),
        count,
        len(containers.keys),
        bytes.fromhex(coverage) if coverage else _NO_COVERAGE,
    )
    places = containers.keys.astype("<u8").tobytes() + containers.places.astype("<u8").tobytes()
    header = b"".join((fixed, digests_of(payload), places))
    return header + bytes(-len(header) % _ALIGNMENT)


def header_in_memory(payload: bytes, count: int) -> Header:
    """Return the header of a payload that has none of its own.

    Raises:
        ValueError: the payload is no roaring bitmap in the portable form.
    """
    return Header(digests_of(payload), containers_of(payload), 0, len(payload), count, None)


def read_header(read: Callable[[int, int], bytes], size: int, name: str) -> Header:
    """Return the header of a file of ``size`` bytes; ``read`` gives some bytes at some place of it.

    Raises:
        HeaderUnreadable: it is damaged or another's, or the file has not the size that it says.
        OSError: the file cannot be read.
    """
    fixed = read(_FIXED.size, 0)
    if len(fixed) != _FIXED.size:
        raise HeaderUnreadable("it is cut short")
    magic, form, block, payload_bytes, count, containers, coverage = _FIXED.unpack(fixed)
    if (magic, form, block) != (_MAGIC, _FORM, BLOCK):
        raise HeaderUnreadable("it is no snapshot in a form that is known here")
    digests_end = _FIXED.size + -(-payload_bytes // BLOCK) * DIGEST
    keys_end = digests_end + 8 * containers
    payload_at = -(-(keys_end + 8 * containers) // _ALIGNMENT) * _ALIGNMENT
    if payload_at + payload_bytes != size:
        raise HeaderUnreadable("it has not the size that it should have")
    whole = read(payload_at, 0)
    if sha256(whole).hexdigest() != name or not whole.startswith(fixed):  # it may change between the two readings
        raise HeaderUnreadable("its header is damaged")
    return Header(
        digests=whole[_FIXED.size : digests_end],
        containers=Containers(_integers(whole, containers, digests_end), _integers(whole, containers, keys_end)),
        payload_at=payload_at,
        payload_bytes=payload_bytes,
        count=count,
        coverage=None if coverage == _NO_COVERAGE else coverage.hex(),
    )


def digests_of(content: bytes) -> bytes:
    """Return the digests of the content's blocks one after the other; the last block may be shorter."""
    view = memoryview(content)
    return b"".join(sha256(view[at : at + BLOCK]).digest()[:DIGEST] for at in range(0, len(content), BLOCK))


def _integers(whole: bytes, count: int, at: int) -> NDArray[np.uint64]:
    return np.frombuffer(whole, "<u8", count, at).astype(np.uint64)
