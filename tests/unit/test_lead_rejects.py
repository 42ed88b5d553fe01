"""Rows that were not accepted, given back in the form they came in."""

import io
import json
from pathlib import Path

import pytest

from leads.json_lines import JsonLinesReader
from leads.rejects import CELL_LIMIT, Format, Row, reasons_heading, write_rejects
from leads.spreadsheets import SpreadsheetReader
from tests.readings import read_text

HEADINGS = ["tel", "namn"]
HOSTILE = [
    '=cmd|"/C calc"!A0',
    "+46701740605",
    "-1",
    "@a",
    "a;b",
    'a"b',
    "a\nb",
    " x ",
    "",
    "ÅÄÖ",
    "'=1",
    "a,b\t|c",
    "007",
]


def written(rows: list[Row], form: Format, **options: str) -> bytes:
    """Return the file that is written of ``rows``."""
    target = io.BytesIO()
    write_rejects(target, format=form, headings=HEADINGS, rows=rows, **options)  # type: ignore[arg-type]
    assert not target.closed
    return target.getvalue()


def read_csv(content: bytes, path: Path) -> list[list[str]]:
    """Return the headings and the cells of each row, as the reader of lead files reads them."""
    path.write_bytes(content)
    layout, rows = read_text(path.read_bytes())
    return [list(layout.columns.headings), *(list(row.cells) for row in rows)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_csv_reads_back_the_same_in_its_own_delimiter_and_encoding(
    tmp_path: Path, delimiter: str, encoding: str
) -> None:
    rows: list[Row] = [(place, [cell, "Åsa"], ["invalid_number", "too_long"]) for place, cell in enumerate(HOSTILE)]

    content = written(rows, "csv", delimiter=delimiter, encoding=encoding)

    assert read_csv(content, tmp_path / "a.csv") == [
        ["tel", "namn", "reasons"],
        *([cell, "Åsa", "invalid_number, too_long"] for cell in HOSTILE),
    ]
    assert content.decode(encoding).startswith(f"tel{delimiter}namn{delimiter}reasons\r\n")


def test_a_character_that_the_encoding_does_not_have_is_seen_in_its_place() -> None:
    assert written([(1, ["Ł\ufffd\ud83d", "å"], ["x"])], "csv", encoding="cp1252").splitlines()[1:] == [
        b"\\u0141\\ufffd\\ud83d,\xe5,x"
    ]


def test_an_unreadable_line_stays_one_cell_and_a_row_too_wide_keeps_all_of_its_cells(tmp_path: Path) -> None:
    rows: list[Row] = [
        (1, ['"a;b', ""][:1], ["unreadable"]),
        (2, ["1", "2", "3"], ["surplus_cells"]),
        (3, ["1"], ["m"]),
    ]

    assert read_csv(written(rows, "csv", delimiter=";"), tmp_path / "a.csv")[1:] == [
        ['"a;b', "", "unreadable"],
        ["1", "2", "3", "surplus_cells"],
        ["1", "", "m"],
    ]


def test_a_workbook_holds_every_cell_as_text_so_that_no_formula_runs(tmp_path: Path) -> None:
    cells = [*HOSTILE, "http://example.se", "\ud83d", "1e5"]
    content = written([(place, [cell, "x"], ["m"]) for place, cell in enumerate(cells)], "xlsx")

    reader = SpreadsheetReader(io.BytesIO(content))

    assert reader.headings_cells == ["tel", "namn", "reasons"]
    found = list(reader.rows())
    assert [row.cells for row in found] == [[cell.replace("\ud83d", "\\ud83d"), "x", "m"] for cell in cells]
    assert not any(row.fault for row in found)


@pytest.mark.parametrize("letter", ["a", "å", "😀"])
def test_a_text_too_long_for_a_cell_is_cut_where_it_shows(letter: str) -> None:
    whole, cut = letter * 10_000, letter * 40_000
    reader = SpreadsheetReader(io.BytesIO(written([(1, [whole, cut], ["m"])], "xlsx")))

    [row] = reader.rows()

    assert row.cells[0] == whole
    assert row.cells[1] == f"{letter * (CELL_LIMIT // 2)}…"


def test_a_workbook_is_put_together_in_the_folder_given_and_nothing_stays_there(tmp_path: Path) -> None:
    write_rejects(io.BytesIO(), format="xlsx", headings=HEADINGS, rows=[(1, ["1", "2"], ["m"])], spool_dir=tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_json_lines_have_the_reasons_under_a_key_of_their_own() -> None:
    rows: list[Row] = [(1, ["1", 'Å"sa'], ["a", "b"]), (2, ['{"tel": '], ["unreadable"]), (3, ["\ud83d", ""], [])]

    content = written(rows, "jsonl")

    assert [json.loads(line) for line in content.splitlines()] == [
        {"tel": "1", "namn": 'Å"sa', "_reasons": ["a", "b"]},
        {"_line": '{"tel": ', "_reasons": ["unreadable"]},
        {"tel": "\ud83d", "namn": "", "_reasons": []},
    ]
    assert len(list(JsonLinesReader(io.StringIO(content.decode())).rows())) == 3


def test_a_file_that_came_with_reasons_gets_them_under_another_heading() -> None:
    assert reasons_heading(["tel"]) == "reasons"
    assert reasons_heading(["tel", "Reasons", "REASONS 1"]) == "reasons2"
