"""The character set of a delivered text: a byte order mark, else UTF-8 if every byte fits, else Windows-1252.

A text that has ``å`` as UTF-8 writes it, before the first byte that does not fit, stays UTF-8: files of several sources
are put together so, and its other rows would all be garbled for the sake of one, which is refused instead.

Detectors misread Swedish, so there is none: whoever knows better says so, for one file or for a supplier, and is
heard where there is no mark.
"""

import codecs
import io
import re
from collections.abc import Iterator
from typing import BinaryIO

from leads.zips import buffered

CHUNK = 1 << 20
UTF_8, UTF_8_MARKED, UTF_16, WINDOWS = "utf-8", "utf-8-sig", "utf-16", "cp1252"
UTF_16_LE, UTF_16_BE = "utf-16-le", "utf-16-be"
MARKED = (UTF_8_MARKED, UTF_16)
"""What a byte order mark says, whatever else is said: no other text begins with those bytes."""
_MARKS = (
    (codecs.BOM_UTF8, UTF_8_MARKED),
    (codecs.BOM_UTF16_LE, UTF_16),
    (codecs.BOM_UTF16_BE, UTF_16),
)
_LETTERS = re.compile("[\u00c0-\u00ff]")
"""What UTF-8 writes as ``Ã`` and another sign, in the eyes of Windows-1252: no Nordic text has those."""
_ONE_BYTE = ("cp1252", "iso-8859-1", "iso-8859-15", "cp850", "cp865", "mac-roman")


class EncodingFinder:
    """Finds the character set of a text that it is given in chunks; ``encoding`` is right once all were given."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._start = b""
        self._fits = True
        self._has_letters = False

    def take(self, chunk: bytes) -> None:
        """Look at the next bytes."""
        if len(self._start) < len(codecs.BOM_UTF8):
            self._start = (self._start + chunk)[: len(codecs.BOM_UTF8)]
        if self._fits:
            self._fits = self._decodes(chunk, final=False)

    @property
    def encoding(self) -> str:
        """The character set, by the name that Python has for it."""
        for mark, name in _MARKS:
            if self._start.startswith(mark):
                return name
        fits = self._fits and self._decodes(b"", final=True)
        return UTF_8 if fits or self._has_letters else WINDOWS

    def told(self, wanted: str | None) -> str:
        """Return the character set of a text whose sender says that it is in ``wanted``, after any mark that it has.

        UTF-16 without a mark begins with its high byte or its low one: the zero of its first character tells.
        """
        found = self.encoding
        if wanted is None or found in MARKED:
            return found
        return wanted if wanted != UTF_16 else UTF_16_BE if self._start.startswith(b"\0") else UTF_16_LE

    def _decodes(self, chunk: bytes, *, final: bool) -> bool:
        text, fits = "", True
        try:
            text = self._decoder.decode(chunk, final)
        except UnicodeDecodeError as error:
            text, fits = error.object[: error.start].decode(), False
        self._has_letters = self._has_letters or (not text.isascii() and _LETTERS.search(text) is not None)
        return fits


def line_text(stream: BinaryIO, encoding: str) -> tuple[BinaryIO, str]:
    """Return the stream's text in an encoding whose line ends are ASCII, without a byte order mark, and its name.

    What is not in such an encoding is turned into UTF-8 as it is read; a place in the text is then one in that.
    """
    if encoding in _ONE_BYTE:
        return stream, encoding
    if encoding == UTF_8:
        return stream, UTF_8
    return buffered(_as_utf_8(stream, encoding)), UTF_8


def _as_utf_8(stream: BinaryIO, encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    while chunk := stream.read(CHUNK):
        if text := decoder.decode(chunk):
            yield text.encode("utf-8", "replace")
    yield decoder.decode(b"", final=True).encode("utf-8", "replace")


def skip(stream: BinaryIO, count: int) -> None:
    """Go on ``count`` bytes: at once where the stream allows it."""
    if stream.seekable():
        stream.seek(count, io.SEEK_CUR)
        return
    while count > 0 and (gone := len(stream.read(min(count, CHUNK)))):
        count -= gone
