"""The rows of a kept file read again as texts, which are the leaves of its Merkle tree; nothing is settled."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from io import TextIOWrapper
from itertools import islice
from typing import BinaryIO

from leads.archives import open_content
from leads.csv_rows import take_row
from leads.encodings import line_text, skip
from leads.json_lines import JsonLinesReader
from leads.layouts import Layout, find_layout
from leads.lines import LINE_LIMIT, LineBlocks
from leads.models import LeadFile
from leads.rows import RawRow
from leads.shelf import Shelf
from leads.spreadsheets import SpreadsheetReader
from leads.terms import FileFormat

AT_ONCE = 10_000


def kept_rows(shelf: Shelf) -> Callable[[LeadFile], Iterator[Sequence[str]]]:
    """Return what gives the texts of all rows of a lead file's kept file, in order and in batches; memory is bounded.

    It raises KeptFileDamaged where the kept file was changed.
    """

    def texts_of(lead_file: LeadFile) -> Iterator[Sequence[str]]:
        with shelf.open(lead_file.sha256) as file:
            layout = _layout(file, lead_file)
            file.seek(0)
            with open_content(file) as content:
                if layout.format is FileFormat.XLSX:
                    yield from _texts(SpreadsheetReader(content.stream).rows())
                    return
                stream, codec = line_text(content.stream, layout.encoding)
                if layout.format is FileFormat.JSONL:
                    text = TextIOWrapper(stream, codec, errors="replace", newline="\n")
                    try:
                        yield from _texts(JsonLinesReader(text).rows())
                    finally:
                        text.detach()  # the stream is another's to close
                    return
                skip(stream, layout.position)
                blocks = LineBlocks(stream, codec, position=layout.position)
                yield from _csv_texts(blocks, layout.delimiter, len(layout.columns.headings))

    return texts_of


def _layout(file: BinaryIO, lead_file: LeadFile) -> Layout:
    """Return how the file was read: by what was found when it was received, and the mapping it was imported with."""
    mapping: dict[str, str] = json.loads(lead_file.mapping)
    with open_content(file) as content:
        return find_layout(
            content,
            lead_file.encoding,
            lambda _headings: mapping,
            delimiter=lead_file.delimiter or None,
            has_headings=lead_file.headings is not None,
        )


def _texts(rows: Iterable[RawRow]) -> Iterator[list[str]]:
    waiting = iter(rows)
    while texts := [row.text for row in islice(waiting, AT_ONCE)]:
        yield texts


def _csv_texts(blocks: LineBlocks, delimiter: str, width: int) -> Iterator[list[str]]:
    """Yield the rows of each block of lines: a line is one, but where quotes make one of several, or none."""
    while (block := blocks.next_block()) is not None:
        lines, texts, at = block.lines, list[str](), 0
        while at < len(lines):
            if '"' not in lines[at] and len(lines[at]) <= LINE_LIMIT:
                texts += filter(None, lines[at : at + 1])
                at += 1
                continue
            found = take_row(lines, at, delimiter, width, 0, is_last=block.is_last or at == 0)
            if found is None:  # it may go on past this block
                blocks.give_back(block, len(lines) - at)
                break
            row, count = found
            texts += [row.text] if row.cells else []
            at += count
        yield texts
