"""The text of a register file: whole lines in blocks of bytes, XML turned into such lines, and their character set.

Blocks stay bytes because nearly every line is ASCII digits, which need no decoding; what does is decoded line by line.
"""

import codecs
import re
from collections.abc import Iterator
from itertools import chain
from typing import NoReturn
from xml.parsers import expat

from dnc.registers.errors import (
    RegisterFileBinary,
    RegisterFileEncoding,
    RegisterLineTooLong,
    RegisterXmlRefused,
)
from dnc.registers.layouts import Layout, Markup

LONGEST_LINE = 10_000
LONGEST_TOKEN = 1 << 20
DEEPEST = 20
_BOM = codecs.BOM_UTF8
_NOT_A_CELL = re.compile(r"[^0-9A-Za-z +()./-]")


class Decoder:
    """The layout's encoding; none named: strict UTF-8, or else Windows-1252 for the whole file, never both."""

    def __init__(self, encoding: str | None) -> None:
        self._encoding = encoding or "utf-8"
        self.is_certain = encoding is not None

    def text(self, content: bytes) -> str:
        """Return the text of some whole lines.

        Raises:
            RegisterFileEncoding: it is in no encoding that the file can be in.
        """
        try:
            text = content.decode(self._encoding)
        except UnicodeDecodeError:
            return self._text_otherwise(content)
        self.is_certain = self.is_certain or not text.isascii()
        return text

    def _text_otherwise(self, content: bytes) -> str:
        if self.is_certain:
            raise RegisterFileEncoding(f"it is not {self._encoding} throughout; save it as UTF-8")
        self._encoding, self.is_certain = "cp1252", True
        try:
            return content.decode("cp1252")
        except UnicodeDecodeError as error:
            raise RegisterFileEncoding("it is neither UTF-8 nor Windows-1252; save it as UTF-8") from error


def line_blocks(chunks: Iterator[bytes], layout: Layout, decoder: Decoder) -> Iterator[bytes]:
    r"""Yield the member's lines in blocks of whole lines, each ended by ``\n`` alone whatever ended it in the file.

    XML, where the layout reads it, comes as lines of area code, comma and local part.

    Raises:
        ServiceError: one of ``dnc.registers.errors``.
    """
    chunks = _texts(chunks, decoder)
    first = next(chunks, b"")
    if layout.markup is not None and first.lstrip()[:1] == b"<":
        yield from _lines_of_xml(first, chunks, layout.markup, layout.delimiter or ",")
        return
    rest = b""
    for chunk in chain([first], chunks):
        block = rest + chunk
        end = max(block.rfind(b"\n"), block.rfind(b"\r", 0, len(block) - 1)) + 1
        block, rest = block[:end], block[end:]
        if len(rest) > LONGEST_LINE:
            raise RegisterLineTooLong(f"a line has more than {LONGEST_LINE} bytes")
        if block:
            yield _unix(block)
    if rest:
        yield _unix(rest) if rest.endswith(b"\r") else rest + b"\n"


def _unix(block: bytes) -> bytes:
    return block.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in block else block


def _texts(chunks: Iterator[bytes], decoder: Decoder) -> Iterator[bytes]:
    """Yield the chunks without a byte order mark, refusing what is no text."""
    first = True
    for chunk in chunks:
        if b"\x00" in chunk:
            raise RegisterFileBinary("it holds NUL bytes; save it as plain text in UTF-8")
        if first and chunk.startswith(_BOM):
            decoder.text(_BOM)  # now it is UTF-8 and nothing else
            yield chunk[len(_BOM) :]
        else:
            yield chunk
        first = False


def _lines_of_xml(first: bytes, others: Iterator[bytes], markup: Markup, delimiter: str) -> Iterator[bytes]:
    reader = _XmlReader(markup, delimiter)
    for chunk in chain([first], others):
        for start in range(0, len(chunk), LONGEST_TOKEN):
            reader.feed(chunk[start : start + LONGEST_TOKEN])
            yield from reader.taken()
    reader.end()
    yield from reader.taken()


class _XmlReader:
    """Turns elements into lines as they come. Whatever is not one of them becomes a line that no number is read from,
    so that it counts as one that was rejected."""

    def __init__(self, markup: Markup, delimiter: str) -> None:
        self._markup, self._delimiter = markup, delimiter
        self._lines: list[str] = []
        self._open: list[str] = []
        self._area: str | None = None
        self._fed = 0
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.EntityDeclHandler = _refuse_entities

    def feed(self, content: bytes) -> None:
        """Read on."""
        self._parse(content, final=False)
        self._fed += len(content)
        if self._fed - self._parser.CurrentByteIndex > 2 * LONGEST_TOKEN:
            raise RegisterLineTooLong(f"a tag or text has more than {LONGEST_TOKEN} bytes")

    def end(self) -> None:
        """Refuse what is cut short."""
        self._parse(b"", final=True)

    def taken(self) -> Iterator[bytes]:
        """Yield the lines that were read since."""
        if self._lines:
            yield "".join(self._lines).encode()
            self._lines.clear()

    def _parse(self, content: bytes, *, final: bool) -> None:
        try:
            self._parser.Parse(content, final)
        except expat.ExpatError as error:
            place = f"in line {error.lineno}"
            raise RegisterXmlRefused(f"it is not well-formed, or cut short, {place}") from error
        except (LookupError, ValueError) as error:
            raise RegisterXmlRefused("its character set is not read here; send it in UTF-8") from error

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        name = name.rpartition(" ")[2]
        self._open.append(name)
        depth = len(self._open)
        if depth > DEEPEST:
            raise RegisterXmlRefused("its elements lie too deep in one another")
        value = attributes.get(self._markup.attribute)
        if depth == 1:
            return
        if name == self._markup.area and depth == 2:  # noqa: PLR2004 - right below the root
            self._area = value
        elif name == self._markup.local and self._open[1] == self._markup.area and self._area and value:
            self._lines.append(f"{_cell(self._area)}{self._delimiter}{_cell(value)}\n")
        else:
            self._lines.append(f"?{self._delimiter}?\n")

    def _end(self, _name: str) -> None:
        self._open.pop()

    def _text(self, text: str) -> None:
        if not text.isspace():
            self._lines.append(f"?{self._delimiter}?\n")


def _cell(value: str) -> str:
    """Return an attribute's value as a cell; a sign that no number has must not become a delimiter or a line's end."""
    return value if value.isdigit() and value.isascii() else _NOT_A_CELL.sub("?", value)[:250]


def _refuse_entities(*_declared: object) -> NoReturn:
    raise RegisterXmlRefused("it declares entities, which are never expanded here")
