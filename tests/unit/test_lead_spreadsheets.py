"""A workbook read as rows of text."""

import io
import json
from datetime import UTC, date, datetime, time
from pathlib import Path
from random import randbytes
from typing import Any

import pytest

from leads import sheets, spreadsheets
from leads.errors import UnreadableLeadFile
from leads.rows import RowReason
from leads.spreadsheets import SpreadsheetReader
from tests.workbooks import RELATIONS, by_hand, sheet, workbook, zipped

TEL = "0701740605"
HEADING = '<row r="1"><c r="A1" t="str"><v>tel</v></c><c r="B1" t="str"><v>namn</v></c></row>'


def opened(content: bytes, sheet: str | None = None) -> SpreadsheetReader:
    """Return a reader of a workbook."""
    return SpreadsheetReader(io.BytesIO(content), sheet=sheet)


def rows(content: bytes) -> list[tuple[list[str], RowReason | None]]:
    """Return the cells and the fault of each row."""
    return [(list(row.cells), row.fault) for row in opened(content).rows()]


def refusal(content: bytes, sheet: str | None = None) -> str:
    """Return why a workbook is not read."""
    with pytest.raises(UnreadableLeadFile) as caught:
        list(opened(content, sheet).rows())
    return str(caught.value.detail)


def of_sheets(*pages: str) -> bytes:
    """Return a workbook of these sheets, each given as the XML of its rows."""
    names = [f"worksheets/sheet{no}.xml" for no in range(1, len(pages) + 1)]
    listed = "".join(f'<sheet name="{no}" sheetId="{no}" r:id="r{no}"/>' for no in range(1, len(pages) + 1))
    related = "".join(
        f'<Relationship Id="r{no}" Type="{RELATIONS}/worksheet" Target="{name}"/>' for no, name in enumerate(names, 1)
    )
    parts: dict[str, str | bytes] = {
        "xl/workbook.xml": f'<workbook xmlns:r="{RELATIONS}"><sheets>{listed}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": "<Relationships"
        f' xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{related}</Relationships>',
    }
    parts |= {
        f"xl/{name}": f"<worksheet><sheetData>{page}</sheetData></worksheet>"
        for name, page in zip(names, pages, strict=True)
    }
    return by_hand("", others=parts)


def test_a_workbook_is_read_from_a_path_and_from_a_file_that_stays_open(tmp_path: Path) -> None:
    path = tmp_path / "leads.xlsx"
    path.write_bytes(sheet([["Telefon", "Namn"], [TEL, "Åsa Öberg"]]))

    with path.open("rb") as file:
        for reader in SpreadsheetReader(path), SpreadsheetReader(file):
            assert reader.headings_cells == ["Telefon", "Namn"]
            [row] = reader.rows()
            assert (row.row_no, row.cells, row.fault) == (1, [TEL, "Åsa Öberg"], None)
            assert row.text == f'["{TEL}","Åsa Öberg"]'
            assert reader.warnings == []
        assert not file.closed


@pytest.mark.parametrize(
    "name", ["Åsa", 'Eva "E"', '","', 'a"', "a\\", "\\n", "a\tb", "a\nb", "\u00a0", "\u2028", "\x7f", "😀"]
)
def test_a_rows_text_is_its_cells_as_compact_json(name: str) -> None:
    [row] = opened(sheet([["Telefon", "Namn", "Ort"], [TEL, name, ""]])).rows()

    assert row.cells == [TEL, name, ""]
    assert row.text == json.dumps(row.cells, ensure_ascii=False, separators=(",", ":"))


def test_every_kind_of_cell_becomes_text_that_says_the_same() -> None:
    def write(book: Any) -> None:
        page = book.add_worksheet()
        day, moment, clock, long = (
            book.add_format({"num_format": form})
            for form in ("yyyy-mm-dd", "yyyy-mm-dd hh:mm:ss", "hh:mm", "[hh]:mm:ss")
        )
        page.write_row(0, 0, list("abcdefghijk"))
        page.write_row(1, 0, [46701740605, 1.5, 1e20, -3, True, False])
        page.write_datetime(1, 6, date(2001, 5, 3), day)
        page.write_datetime(1, 7, datetime(2026, 3, 1, 12, 30, 5, tzinfo=UTC).replace(tzinfo=None), moment)
        page.write_datetime(1, 8, time(7, 5), clock)
        page.write_number(1, 9, 30 / 24, long)
        page.write_string(1, 10, "007")

    assert rows(workbook(write)) == [
        (
            [
                *("46701740605", "1.5", "100000000000000000000", "-3", "true", "false"),
                *("2001-05-03", "2026-03-01T12:30:05", "07:05:00", "30:00:00", "007"),
            ],
            None,
        )
    ]


@pytest.mark.parametrize("text", ["=1+1", "+46701740605", "-1", "@SUM(A1)", "=cmd|' /C calc'!A0", "#N/A", "a\x01b\nc"])
def test_a_text_is_text_whatever_it_begins_with(text: str) -> None:
    assert rows(sheet([["tel", "namn"], [TEL, text]])) == [([TEL, text], None)]


def test_a_row_with_a_formula_or_an_error_is_refused_and_no_other() -> None:
    def write(book: Any) -> None:
        page = book.add_worksheet()
        page.write_row(0, 0, ["tel", "namn"])
        for place in range(1, 6):
            page.write_string(place, 0, TEL)
        page.write_formula(2, 1, '=CONCAT("a";"b")', value="ab")
        page.write_formula(4, 1, "=NA()", value="#N/A")

    faults = [fault for _, fault in rows(workbook(write))]

    assert faults == [None, RowReason.FORMULA, None, RowReason.FORMULA, None]


@pytest.mark.parametrize(
    "cells",
    [
        '<c r="A3" t="e"><v>#REF!</v></c>',
        "<c r='A3' t='e'><v>#REF!</v></c>",
        '<x:c t="e" r="A3"><x:v>#REF!</x:v></x:c>',
        '<c t="e"><v>#REF!</v></c>',
    ],
)
def test_an_error_makes_a_row_although_its_cell_comes_as_an_empty_one(cells: str) -> None:
    found = rows(by_hand(f'{HEADING}<row r="2"><c r="A2"><v>7</v></c></row><row r="3">{cells}</row>'))

    assert found == [(["7", ""], None), (["", ""], RowReason.ERROR_CELL)]


@pytest.mark.parametrize(
    "cell",
    [
        '<c r="B2"><f>1</f><v>1</v></c>',
        '<c r="B2" s="0" t="str"><f t="shared" si="0"/><v>1</v></c>',
        "<c r='B2'><f>1</f><v>1</v></c>",
        '<x:c r="B2"><x:f>1</x:f><x:v>1</x:v></x:c>',
        '<c cm="1" r="B2"><v>1</v><f>1</f></c>',
        '<c r="B2">\n  <f>1</f><v>1</v></c>',
    ],
)
def test_a_formula_is_found_however_the_sheet_is_written(cell: str) -> None:
    found = rows(
        by_hand(f'{HEADING}<row r="2"><c r="A2"><v>7</v></c>{cell}</row><row r="3"><c r="A3"><v>8</v></c></row>')
    )

    assert [fault for _, fault in found] == [RowReason.FORMULA, None]


def test_rows_without_a_character_are_no_rows_and_cells_are_as_wide_as_the_headings() -> None:
    found = opened(
        sheet([[], ["", "tel", "namn", "ort"], [], ["", TEL], ["", "", "", "", "surplus"], ["", ""], ["", "8"]])
    )

    assert found.headings_cells == ["tel", "namn", "ort"]
    assert [(row.row_no, row.cells) for row in found.rows()] == [
        (1, [TEL, "", ""]),
        (2, ["", "", "", "surplus"]),
        (3, ["8", "", ""]),
    ]


def test_an_impossible_date_makes_a_bad_row_and_reading_goes_on() -> None:
    def write(book: Any) -> None:
        page, day = book.add_worksheet(), book.add_format({"num_format": "yyyy-mm-dd"})
        page.write_row(0, 0, ["tel", "datum"])
        for place, number in enumerate([46_000, -1e300, 46_001], 1):
            page.write_string(place, 0, TEL)
            page.write_number(place, 1, number, day)

    assert rows(workbook(write)) == [
        ([TEL, "2025-12-09"], None),
        (["", ""], RowReason.UNREADABLE),
        ([TEL, "2025-12-10"], None),
    ]


def test_the_dates_of_a_workbook_that_counts_from_1904_are_right() -> None:
    def write(book: Any) -> None:
        page, day = book.add_worksheet(), book.add_format({"num_format": "yyyy-mm-dd"})
        page.write_string(0, 0, "datum")
        page.write_datetime(1, 0, date(2001, 5, 3), day)

    def from_1904(book: Any) -> None:
        book.date_1904 = True
        write(book)

    assert rows(workbook(write)) == rows(workbook(from_1904)) == [(["2001-05-03"], None)]


def test_only_the_visible_sheet_with_content_is_read_and_hidden_ones_are_told() -> None:
    def write(book: Any) -> None:
        book.add_worksheet("Tom")
        hidden, page = book.add_worksheet("Dolt"), book.add_worksheet("Rader")
        hidden.write_row(0, 0, ["tel"])
        hidden.hide()
        page.activate()
        page.write_row(0, 0, ["tel", "namn"])

    found = opened(workbook(write))

    assert found.headings_cells == ["tel", "namn"]
    assert found.warnings == ["the workbook has 1 hidden sheet, not read"]
    assert "no visible sheet" in refusal(workbook(write), "Dolt")
    assert "no sheet of that name" in refusal(workbook(write), "Annan")


@pytest.mark.parametrize("place", [0, 1], ids=["before", "after"])
@pytest.mark.parametrize("tab", ["", "\t"], ids=["quick", "careful"])
def test_a_sheet_whose_cells_have_borders_and_nothing_in_them_is_no_sheet_with_rows(place: int, tab: str) -> None:
    blank = f'<row r="1"><c r="A1" s="1"/><c{tab} r="B1" s="1"/></row>'
    filled = f'{HEADING}<row r="2"><c r="A2" t="str"><v>{TEL}</v></c></row>'
    pages = [filled, filled]
    pages[place] = blank

    assert rows(of_sheets(*pages)) == [([TEL, ""], None)]


@pytest.mark.parametrize("cell", ["<f>1+1</f>", "<is><t/></is>"])
def test_a_sheet_with_a_formula_that_shows_nothing_yet_has_rows(cell: str) -> None:
    filled = f'{HEADING}<row r="2"><c r="A2" t="str"><v>{TEL}</v></c></row>'

    assert "2 sheets" in refusal(of_sheets(filled, f'<row r="1"><c r="A1">{cell}</c></row>'))


def test_of_several_sheets_with_rows_none_is_guessed() -> None:
    def write(book: Any) -> None:
        for name in "Maj", "Juni":
            book.add_worksheet(name).write_row(0, 0, ["tel", name])

    said = refusal(workbook(write))

    assert "2 sheets" in said
    assert "Maj" not in said
    assert opened(workbook(write), "Juni").headings_cells == ["tel", "Juni"]


def test_merged_and_hidden_cells_and_numbers_without_their_zeros_are_told() -> None:
    def write(book: Any) -> None:
        page = book.add_worksheet()
        page.write_row(0, 0, ["tel", "ålder", "namn"])
        page.write_row(1, 0, [701740605, 42, "Åsa"])
        page.merge_range(2, 0, 3, 0, "8")
        page.set_row(1, None, None, {"hidden": True})

    found = opened(workbook(write))

    assert found.warnings == [
        "cells are merged: only the first cell of each merge has its text, the others are empty",
        "rows or columns of the sheet are hidden: they are read like the others",
        "“tel” came as spreadsheet numbers: leading zeros are lost",
    ]
    assert [row.cells for row in found.rows()] == [["701740605", "42", "Åsa"], ["8", "", ""]]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (by_hand(""), "no visible sheet"),
        (by_hand('<row r="1"><c r="A1" t="str"><v> </v></c></row>'), "no row of headings"),
        (by_hand('<row r="1"><c r="A1"><f>1</f><v>1</v></c></row>'), "row of headings holds a formula"),
        (by_hand('<row r="1"><c r="A1"><v>1</v></c><c r="XFD1048576"><v>1</v></c></row>'), "spans more than"),
        (by_hand('<row r="1"><c r="A1"><v>1</v></c><c r="Z999999"><v>1</v></c></row>'), "spans more than"),
        (by_hand('<row r="1"><c r="A1"><v>1</v></c><c r="AAAA1"><v>1</v></c></row>'), "in no place"),
        (by_hand('<row r="1"><c r="A0"><v>1</v></c><c t="s" r="A1"/></row>'), "in no place"),
        (by_hand(f'{HEADING}<row r="2"><c r="A0"><f>1</f><v>1</v></c></row>'), "in no place"),
        (by_hand('<row r="1"><c r="A1" r="XFD1048576"><v>1</v></c></row>'), "does not parse"),
        (by_hand('<row r="1"><c r="A1" t="b"><v>Åsa 0701740605</v></c></row>'), "damaged"),
        (by_hand('<row r="1"><c r="A1" t="str"><v><![CDATA[tel]]></v></c></row>'), "form that is not read"),
        (by_hand("", whole='<!DOCTYPE a [<!ENTITY b "c">]><worksheet/>'), "form that is not read"),
        (by_hand("", whole='<worksheet><sheetData><row r="1"><c r="A1"><v>1'), "damaged"),
        (by_hand("", whole='<?xml version="1.0" encoding="EBCDIC"?><worksheet/>'), "does not parse"),
        (by_hand(HEADING, others={"xl/workbook.xml": "<workbook/>"}), "no sheet"),
        (by_hand(HEADING, others={"xl/_rels/workbook.xml.rels": "<R/>"}), "no sheet"),
        (by_hand(HEADING, others={"xl/a.bin": bytes(30 << 20)}), "expands more than"),
        (by_hand(HEADING, others={"a": bytes(30 << 20), "b": randbytes(400_000)}), "expands more than"),
        (zipped({"tel.csv": "tel"}), "no workbook"),
        (b"tel\n0701740605\n", "damaged"),
        (sheet([["tel"]])[:-400], "damaged"),
    ],
)
def test_what_cannot_be_read_is_refused_for_a_reason_that_shows_nothing_of_it(content: bytes, reason: str) -> None:
    said = refusal(content)

    assert reason in said
    assert "0701740605" not in said


def test_a_part_too_large_to_be_what_it_should_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreadsheets, "SMALL_PART", 1000)

    assert "a part of the workbook is larger" in refusal(by_hand(HEADING, others={"xl/styles.xml": " " * 1001}))


def test_a_formatted_but_empty_corner_far_out_is_no_reason_to_refuse() -> None:
    found = by_hand(f'{HEADING}<row r="2"><c r="A2"><v>7</v></c></row><row r="1048576"><c r="XFD1048576" s="0"/></row>')

    assert rows(found) == [(["7", ""], None)]


def test_one_long_text_shown_by_many_cells_is_refused_before_it_fills_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sheets, "TEXT", 1 << 20)
    texts = f"<si><t>tel</t></si><si><t>{'å' * 10_000}</t></si>"
    long = "".join(f'<row r="{row}"><c r="A{row}" t="s"><v>1</v></c></row>' for row in range(2, 100))
    short = long.replace("<v>1</v>", "<v>0</v>")
    heading = '<row r="1"><c r="A1" t="s"><v>0</v></c></row>'

    assert "texts of the sheet" in refusal(by_hand(heading + long, texts=texts))
    assert len(rows(by_hand(heading + short, texts=texts))) == 98


def test_a_sheet_in_other_encodings_is_looked_over_as_well() -> None:
    text = f'<?xml version="1.0" encoding="ISO-8859-1"?><worksheet><sheetData>{HEADING}</sheetData></worksheet>'

    assert opened(by_hand("", whole=text)).headings_cells == ["tel", "namn"]


def test_sheets_written_plainly_and_otherwise_are_seen_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways of looking a sheet over say the same, across the borders of the pieces it is read in."""
    lines = [
        f'<row r="{row}"><c r="A{row}" t="str"><v>{TEL}</v></c><c r="B{row}"'
        + (
            "><f>1</f><v>1</v></c></row>"
            if row % 7 == 0
            else ' t="e"><v>#N/A</v></c></row>'
            if row % 5 == 0
            else "/></row>"
        )
        for row in range(2, 400)
    ]
    plain = HEADING + "".join(lines)
    monkeypatch.setattr(sheets, "CHUNK", 500)

    seen = rows(by_hand(plain))

    assert seen == rows(by_hand(plain + "<!-- -->"))
    assert [fault for _, fault in seen[:6]] == [None, None, None, RowReason.ERROR_CELL, None, RowReason.FORMULA]
