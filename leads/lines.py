"""A text read in blocks of whole lines, in bounded memory, each block with its place in the file.

The bytes are in an encoding whose line ends are ASCII: UTF-8 or one byte a character. Line ends of any kind (LF, CRLF,
CR) are one. A line longer than a block is passed over, all but its beginning.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

BLOCK = 2 << 20
"""Bytes of lines taken at once; a longer line is passed over, so what its row's leaf is depends on it."""
LINE_LIMIT = 64 * 1024  # characters, of a line and of a row; csv itself would take fields twice as long
LONGEST_ROW = 4 * (LINE_LIMIT + 1024)
"""Bytes within which a row ends, its line ends among them, or is too long: a block is let grow so far."""
_ODD = bytes(byte for byte in range(32) if byte not in b"\r\n") + b"\\"
_END = re.compile(rb"\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class Block:
    """Some whole lines without their ends, from byte ``position`` to ``end_position``; ``is_last``: no more follow.

    ``has_quotes`` and ``has_odd``: a double quote, or a backslash, U+FFFD or control character may be among them.
    """

    lines: list[str]
    position: int
    end_position: int
    is_last: bool
    has_quotes: bool
    has_odd: bool


class LineBlocks:
    """The lines of ``stream``, which stands at byte ``position`` of the text."""

    def __init__(self, stream: BinaryIO, encoding: str, *, position: int = 0, size: int = BLOCK) -> None:
        self._stream = stream
        self._encoding = encoding
        self._size = size
        self._position = position
        self._waiting = b""
        self._is_over = False

    def __iter__(self) -> Iterator[Block]:
        while (block := self.next_block()) is not None:
            yield block

    def next_block(self) -> Block | None:
        """Return the next lines, at least one; None at the end."""
        return self._next(self._size)

    def _next(self, size: int) -> Block | None:
        raw = self._fill(size)
        if not raw:
            return None
        cut = _last_end(raw, is_over=self._is_over)
        if cut == 0 and len(raw) < LONGEST_ROW:
            self._waiting = raw
            return self._next(2 * size)
        if cut == 0:
            return self._long_line(raw)
        self._waiting = raw[cut:]
        return self._block(raw[:cut], cut)

    def longer(self, block: Block) -> Block | None:
        """Return ``block`` with more lines after its own, or None if it holds as much as any row may have."""
        length = len(self._raw) + len(self._waiting)
        if block.is_last or length >= LONGEST_ROW:
            return None
        self._waiting = self._raw + self._waiting
        self._position = block.position
        return self._next(2 * length)

    def give_back(self, block: Block, count: int) -> Block:
        """Return ``block`` without its last ``count`` lines, which will begin the next one: a row does not end here."""
        kept = len(block.lines) - count
        raw = self._raw
        cut = 0
        for _, end in zip(range(kept), _END.finditer(raw), strict=False):
            cut = end.end()
        self._waiting = raw[cut:] + self._waiting
        self._position = block.position + cut
        return replace(block, lines=block.lines[:kept], end_position=self._position, is_last=False)

    def _fill(self, size: int) -> bytes:
        parts, length = [self._waiting], len(self._waiting)
        while length < size and not self._is_over:
            more = self._stream.read(size - length)
            self._is_over = not more
            parts.append(more)
            length += len(more)
        self._waiting = b""
        return b"".join(parts)

    def _block(self, raw: bytes, length: int) -> Block:
        text = raw.decode(self._encoding, errors="replace")
        returns = text.count("\r")
        lines = text.split("\r\n") if returns else text.split("\n")
        if returns and not len(lines) - 1 == returns == text.count("\n"):  # not every line ends as Windows has it
            lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        if not lines[-1]:
            lines.pop()
        self._raw = raw
        start, self._position = self._position, self._position + length
        is_last = self._is_over and not self._waiting
        has_odd = "\ufffd" in text or len(raw.translate(None, _ODD)) < len(raw)
        return Block(lines, start, self._position, is_last, '"' in text, has_odd)

    def _long_line(self, raw: bytes) -> Block:
        """Return the beginning of a line that no block holds, having passed over the rest."""
        length, rest = len(raw), raw
        while not (end := _END.search(rest)) and not self._is_over:
            rest = self._stream.read(self._size)
            self._is_over = not rest
            length += len(rest)
        if end is not None:
            self._waiting = rest[end.end() :]
            length -= len(self._waiting)
        return self._block(raw[: 4 * (LINE_LIMIT + 1)], length)


def _last_end(raw: bytes, *, is_over: bool) -> int:
    """Return where the last line end in ``raw`` ends; 0 if there is none. At the end of the text all of it is lines.

    A CR that ends ``raw`` may be half of a CRLF: only CRs before it count.
    """
    if is_over:
        return len(raw)
    return raw.rfind(b"\n") + 1 or raw.rfind(b"\r", 0, -1) + 1
