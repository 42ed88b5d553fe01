"""Whatever the bytes of a delivery, in whatever form, it is read or refused, and every row is accounted for."""

import gzip
import io
import json
import random
import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leads import sheets
from leads.errors import UnclearHeadings, UnreadableLeadFile
from leads.json_lines import JsonLinesReader
from leads.rejects import Row, write_rejects
from leads.spreadsheets import SpreadsheetReader
from tests.fuzzing import read_delivery, seeds, spoiled, wrapped
from tests.readings import read_text
from tests.workbooks import sheet, zipped

DELIVERIES = [wrapped(seed) for seed in seeds()]
letters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
texts = st.text(letters, max_size=20)
lines = st.one_of(
    st.dictionaries(st.sampled_from("abc"), texts | st.none() | st.integers() | st.booleans()).map(json.dumps),
    st.sampled_from(['{"tel": 1, "tel": 2}', '{"tel": ', "[1]", "null", '{"tel": "\\ud83d"}', "{" * 3000, '"', "\0"]),
    st.text(letters.filter(lambda letter: letter not in "\r\n"), max_size=30),
)


def read_or_refuse(content: bytes) -> None:
    """Read a delivery; anything but rows and a refusal is raised."""
    try:
        read_delivery(content)
    except (UnreadableLeadFile, UnclearHeadings):
        return


@given(st.binary(max_size=300), st.sampled_from([b"", b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b\x08\0", b"{", b"tel\n"]))
def test_no_bytes_make_a_reader_do_anything_but_read_or_refuse(content: bytes, beginning: bytes) -> None:
    read_or_refuse(beginning + content)


@given(st.sampled_from(DELIVERIES), st.randoms(use_true_random=False))
def test_no_spoiled_delivery_makes_a_reader_do_anything_but_read_or_refuse(
    content: bytes, chance: random.Random
) -> None:
    read_or_refuse(spoiled(content, chance))


@pytest.mark.parametrize("content", DELIVERIES)
def test_no_delivery_cut_off_anywhere_is_anything_but_read_or_refused(content: bytes) -> None:
    for length in range(0, len(content), max(1, len(content) // 150)):
        read_or_refuse(content[:length])


@pytest.mark.parametrize(
    "text",
    [
        "tel," + ",".join(f"k{place}" for place in range(500)) + "\n" + "1," * 500,
        "tel,tel\n1,2\n",
        'tel,"namn\n1,2\n',
        'tel,namn\n1,"2\n3,4\n' + '"' * 999,
        '{"' + '": 1, "'.join(f"k{place}" for place in range(500)) + '": 1}',
        "tel\0,namn\n",
        "tel,namn\n" + "\0" * 1000,
        "x" * 200_000,
    ],
)
def test_clumsy_files_are_read_or_refused_in_every_wrapping(text: str) -> None:
    cells = [line.split(",") for line in text.replace("\0", "").splitlines()]
    for encoding in "utf-8", "cp1252", "utf-16", "utf-16-be":
        for content in (
            text.encode(encoding),
            gzip.compress(text.encode(encoding)),
            zipped({"a": text.encode(encoding)}),
        ):
            read_or_refuse(content)
    read_or_refuse(sheet([[cell[:30_000] for cell in line] for line in cells]))


@given(st.lists(lines, max_size=12), st.sampled_from(["\n", "\r\n"]))
def test_each_line_of_json_lines_is_one_row(written: list[str], end: str) -> None:
    text = io.StringIO('{"tel": 1}' + end + end.join(written), newline="")

    found = list(JsonLinesReader(text).rows())

    asked = [stripped for line in written if (stripped := line.strip("\ufeff \t\r\n"))]
    assert [row.text for row in found[1:]] == asked
    assert all(len(row.cells) == 1 for row in found if row.fault)


@given(st.lists(st.lists(texts | st.integers(-(10**9), 10**12) | st.booleans(), min_size=3, max_size=3), max_size=8))
def test_each_row_of_a_workbook_with_anything_in_it_is_one_row(written: list[list[object]]) -> None:
    found = list(SpreadsheetReader(io.BytesIO(sheet([["a", "b", "c"], *written]))).rows())

    asked = [[str(cell).lower() if isinstance(cell, bool) else str(cell) for cell in line] for line in written]
    assert [_plain(row.cells) for row in found] == [_plain(cells) for cells in asked if any(cells)]
    assert not any(row.fault for row in found)


@given(
    st.lists(st.tuples(texts, texts).filter(any), max_size=8),
    st.sampled_from(",;\t|"),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_rejects_read_back_the_same(cells: list[tuple[str, str]], delimiter: str, encoding: str) -> None:
    rows: list[Row] = [(count, pair, ["invalid_number"]) for count, pair in enumerate(cells, 1)]

    file = io.BytesIO()
    write_rejects(file, format="csv", headings=["tel", "namn"], delimiter=delimiter, encoding=encoding, rows=rows)
    found = [row.cells for row in read_text(file.getvalue())[1]]

    assert [_plain(row) for row in found] == [_plain([*pair, "invalid_number"]) for pair in cells]


def _plain(cells: Sequence[str]) -> list[str]:
    """Return the cells with one kind of line end, which a text of lines may be given another of."""
    return [re.sub("\r\n|\r", "\n", cell) for cell in cells]


CELLS = ["", "<v>1</v>", "<f>1</f><v>1</v>", "<f/>", "\n<f>2</f>", '<is><t>a &lt;f> t="e"</t></is>', '<v> t="e"</v>']
KINDS = ["", ' t="s"', ' t="e"', ' t="str"', ' s="3"', ' s="1" t="e"', " t='e'", ' cm="1"']


@st.composite
def sheet_rows(draw: st.DrawFn) -> str:
    """Return the XML of some rows, with cells written in many ways."""
    written = []
    for row in draw(st.lists(st.integers(1, 60), max_size=6)):
        cells = [
            f'<c r="{draw(st.sampled_from(["A", "B", "Z", "AB"]))}{row}"{draw(st.sampled_from(KINDS))}>'
            f"{draw(st.sampled_from(CELLS))}</c>"
            for _ in range(draw(st.integers(0, 4)))
        ]
        written.append(f'<row r="{row}">{"".join(cells)}</row>')
    return "".join(written)


@given(sheet_rows(), st.integers(40, 300))
def test_a_sheet_looked_over_by_patterns_is_seen_as_by_the_parser(rows: str, size: int) -> None:
    whole = f"<worksheet><sheetData>{rows}</sheetData></worksheet>".encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sheets, "CHUNK", size)
        seen = sheets.look_over(lambda: io.BytesIO(whole), None)

    parsed = sheets.look_over(lambda: io.BytesIO(whole + b"<!-- by the parser -->"), None)

    assert seen.marks.rstrip(b"\0") == parsed.marks.rstrip(b"\0")
    assert seen.has_cells == parsed.has_cells
