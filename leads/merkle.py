"""A Merkle tree over the rows of a file: hashes, roots and inclusion proofs as RFC 9162 section 2.1 has them.

A leaf is hashed as SHA-256(0x00 || leaf), a node as SHA-256(0x01 || left || right), so that neither passes for the
other; the tree of no leaves is SHA-256 of nothing. Pure: nothing here reads a file or a database.
"""

import re
from collections.abc import Iterable, Sequence
from hashlib import sha256

HASH_SIZE = 32
_PAIR = 2 * HASH_SIZE
EMPTY_ROOT = sha256(b"").digest()
_TEXT = re.compile(r"([0-9]{1,18}):((?:[0-9a-f]{64})*)")


def leaf_hashes(texts: Iterable[bytes]) -> list[bytes]:
    """Return the hash of each leaf, in order."""
    return [sha256(b"\0" + text).digest() for text in texts]


def text_hashes(texts: Iterable[str]) -> bytes:
    """Return the hashes of the texts' leaves, each its UTF-8, one after the other."""
    return b"".join([sha256(b"\0" + text.encode()).digest() for text in texts])


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of the node above two others."""
    return sha256(b"\1" + left + right).digest()


class Frontier:
    """The right edge of a growing tree: the tops of its complete subtrees, at most one of each height.

    It holds as many hashes as ``size`` has binary ones, so a tree of any size is built in batches, laid aside as text
    and gone on with. ``watched``: the leaf whose inclusion is to be proved by ``path`` once all leaves are in.
    """

    __slots__ = ("_tops", "_watched", "_watched_path", "size")

    def __init__(self, *, watched: int | None = None) -> None:
        self.size = 0
        self._tops: list[bytes | None] = []  # by height
        self._watched = watched
        self._watched_path: list[bytes] = []

    def append_hashes(self, hashes: Sequence[bytes]) -> None:
        """Add leaves by their hashes, after those that are in."""
        self.append_joined(b"".join(hashes))

    def append_joined(self, joined: bytes) -> None:
        """Add leaves by their hashes, which stand one after the other, after those that are in.

        A million cost about half a second of one core.
        """
        nodes, start, height = joined, self.size, 0
        self.size += len(joined) // HASH_SIZE
        while nodes:
            if height == len(self._tops):
                self._tops.append(None)
            top = self._tops[height]
            if top is not None:
                nodes, start = top + nodes, start - 1
            self._watch(nodes, start, height)
            paired = len(nodes) // _PAIR * _PAIR
            self._tops[height] = nodes[paired:] or None
            # Level by level: one hash a node and nothing else in Python, of two hashes as they stand side by side.
            nodes = b"".join([sha256(b"\1" + nodes[at : at + _PAIR]).digest() for at in range(0, paired, _PAIR)])
            start, height = start // 2, height + 1

    def root(self) -> bytes:
        """Return the root of the tree over the leaves so far, 32 bytes."""
        return self._folded(len(self._tops)) or EMPTY_ROOT

    def path(self) -> list[bytes]:
        """Return the inclusion proof of the watched leaf: the hashes beside its way up, lowest first.

        Raises:
            IndexError: no leaf is watched, or it is not in yet.
        """
        if self._watched is None or not 0 <= self._watched < self.size:
            raise IndexError("there is no such leaf")
        height = next(  # of the complete subtree that the leaf lies in: the least one that ends behind it
            height
            for height in range(len(self._tops))
            if self.size >> height & 1 and self._watched >= self.size >> height + 1 << height + 1
        )
        path = self._watched_path[:height]
        right = self._folded(height)
        if right is not None:
            path.append(right)
        return path + [top for top in self._tops[height + 1 :] if top is not None]

    def to_text(self) -> str:
        """Return the frontier as text, from which ``from_text`` goes on; what is watched is not in it."""
        return f"{self.size}:{''.join(top.hex() for top in reversed(self._tops) if top is not None)}"

    @classmethod
    def from_text(cls, text: str) -> "Frontier":
        """Return the frontier that ``to_text`` wrote.

        Raises:
            ValueError: it wrote no such text.
        """
        match = _TEXT.fullmatch(text)
        size, tops = (int(match[1]), bytes.fromhex(match[2])) if match is not None else (0, b"-")
        if len(tops) != HASH_SIZE * size.bit_count():
            raise ValueError("not the text of a frontier")
        frontier = cls()
        frontier.size = size
        for height in range(size.bit_length()):
            if size >> height & 1:
                frontier._tops.append(tops[-HASH_SIZE:])
                tops = tops[:-HASH_SIZE]
            else:
                frontier._tops.append(None)
        return frontier

    def _folded(self, below: int) -> bytes | None:
        """Return the root over the subtrees less high than ``below``, or None if there are none."""
        folded: bytes | None = None
        for top in self._tops[:below]:
            if top is not None:
                folded = top if folded is None else node_hash(top, folded)
        return folded

    def _watch(self, nodes: bytes, start: int, height: int) -> None:
        """Note the hash beside the watched leaf's way, if it is among these nodes, which begin at ``start``."""
        if self._watched is not None and len(self._watched_path) == height:
            beside = (self._watched >> height ^ 1) - start
            if 0 <= beside < len(nodes) // HASH_SIZE:
                self._watched_path.append(nodes[beside * HASH_SIZE : (beside + 1) * HASH_SIZE])
