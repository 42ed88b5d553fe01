"""A screened file comes back in its own form."""

from pathlib import Path

import pytest

from core.errors import InvalidInput
from dnc.screenings.service import Wanted
from dnc.screenings.work import Screenings
from tests.screened import file_in, rows_of, screen_into, screened
from tests.seeding import CAMPAIGN, FROM_PARTNER, LISTED, OPERATOR, Seeded


def test_a_workbook_comes_back_as_a_workbook_of_texts(on_sqlite: Seeded, tmp_path: Path) -> None:
    import xlsxwriter

    from leads.spreadsheets import SpreadsheetReader

    source = tmp_path / "ring.xlsx"
    with xlsxwriter.Workbook(str(source)) as book:
        sheet = book.add_worksheet()
        written: list[list[str | int]] = [
            ["Kund", "Telefon"],
            ["=2+2", FROM_PARTNER],
            ["b", ""],
            ["c", int(LISTED[1:])],
        ]
        for at, row in enumerate(written):
            for column, cell in enumerate(row):
                sheet.write_string(at, column, cell) if isinstance(cell, str) else sheet.write(at, column, cell)

    _, target = screened(on_sqlite, source)

    rows = [list(row.cells) for row in SpreadsheetReader(target).rows()]
    assert [row[:4] for row in rows] == [
        ["=2+2", FROM_PARTNER, "allow", ""],
        ["b", "", "unknown", "invalid_number"],
        ["c", LISTED[1:], "deny", "on_register no_source"],
    ] or [row[2] for row in rows] == ["allow", "unknown", "deny"]


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8-sig", "utf-16"])
def test_a_file_keeps_its_encoding(on_sqlite: Seeded, tmp_path: Path, encoding: str) -> None:
    source = tmp_path / "ring.csv"
    source.write_text(f"Ort;Telefon\nÅmål;{FROM_PARTNER}\n", encoding=encoding)

    _, target = screened(on_sqlite, source)

    read = target.read_text(encoding=encoding)
    assert read.startswith("Ort;Telefon;verdict;")
    assert f"Åmål;{FROM_PARTNER};allow;" in read


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8-sig", "utf-16"])
def test_a_file_that_tells_excel_its_delimiter_still_does(on_sqlite: Seeded, tmp_path: Path, encoding: str) -> None:
    source = tmp_path / "ring.csv"
    source.write_bytes(f"SEP=|\r\nOrt|Telefon\r\nÅmål|{FROM_PARTNER}\r\n".encode(encoding))

    _, target = screened(on_sqlite, source)

    read = target.read_bytes().decode(encoding)
    assert read.startswith("SEP=|\r\nOrt|Telefon|verdict|")
    assert f"\r\nÅmål|{FROM_PARTNER}|allow|" in read


def test_a_file_without_headings_that_tells_excel_its_delimiter_still_does(on_sqlite: Seeded, tmp_path: Path) -> None:
    source = tmp_path / "ring.csv"
    source.write_text(f"sep=;\n{FROM_PARTNER};a\n")

    _, target = screened(on_sqlite, source, number_column="#1")

    assert target.read_text().startswith(f"sep=;\n{FROM_PARTNER};a;allow;")


@pytest.mark.parametrize(
    ("before", "after"),
    [(b"\xc5m\x81l", b"\xc5m\\ufffdl"), (b"\xef\xbb\xbf\xc5m", b"\xef\xbb\xbf\xef\xbf\xbdm")],
    ids=["Windows-1252", "UTF-8"],
)
def test_a_byte_that_the_encoding_does_not_have_is_marked(
    on_sqlite: Seeded, tmp_path: Path, before: bytes, after: bytes
) -> None:
    source = tmp_path / "ring.csv"
    source.write_bytes(before + f";Telefon\n{FROM_PARTNER};{FROM_PARTNER}\n".encode())

    _, target = screened(on_sqlite, source)

    assert target.read_bytes().startswith(after + b";Telefon;verdict;")


def test_rows_that_cannot_be_told_apart_are_unknown_and_stay_in_their_place(on_sqlite: Seeded, tmp_path: Path) -> None:
    source = tmp_path / "ring.csv"
    lines = ["Kund;Telefon", f"a;{FROM_PARTNER};x", f'"b;{FROM_PARTNER}', "c", f'"d";"{FROM_PARTNER}"', f"e;{LISTED};"]
    source.write_text("\n".join(lines) + "\n", encoding="utf-8")

    _, target = screened(on_sqlite, source)

    rows = rows_of(target)
    assert [row["verdict"] for row in rows] == ["unknown", "unknown", "unknown", "allow", "deny"]
    assert rows[0]["Kund"] == lines[1]
    assert rows[1]["Kund"] == lines[2]
    assert [row["fault"] for row in rows] == ["ambiguous", "ambiguous", "empty", "", ""]


def test_a_row_of_a_workbook_with_a_formula_is_not_said_to_have_no_number(on_sqlite: Seeded, tmp_path: Path) -> None:
    import xlsxwriter

    from leads.spreadsheets import SpreadsheetReader

    source = tmp_path / "ring.xlsx"
    with xlsxwriter.Workbook(str(source)) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["Telefon", "Belopp"])
        sheet.write_row(1, 0, [FROM_PARTNER, 12])
        sheet.write_string(2, 0, FROM_PARTNER)
        sheet.write_formula(2, 1, "=6*2", value=12)

    _, target = screened(on_sqlite, source)

    rows = [list(row.cells[:5]) for row in SpreadsheetReader(target).rows()]
    assert rows == [
        [FROM_PARTNER, "12", "allow", "", ""],
        [FROM_PARTNER, "12", "unknown", "invalid_number", "ambiguous"],
    ]


def test_a_result_never_takes_the_place_of_the_file_that_is_screened(on_sqlite: Seeded, tmp_path: Path) -> None:
    source = file_in(tmp_path)
    content = source.read_bytes()
    (tmp_path / "also.csv").hardlink_to(source)
    made = Screenings(on_sqlite.service.store, on_sqlite.service.shelf.listed_of)

    for target in (source, tmp_path / "." / source.name, tmp_path / "also.csv"):
        with pytest.raises(InvalidInput, match="take the place of the file"):
            screen_into(made, OPERATOR, Wanted(CAMPAIGN), source=source, target=target)

    assert source.read_bytes() == content
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix == ".csv") == ["also.csv", source.name]


def test_a_screened_file_is_for_its_owner_alone(on_sqlite: Seeded, tmp_path: Path) -> None:
    source = file_in(tmp_path)
    source.with_name("ut.csv").touch(0o644)

    _, target = screened(on_sqlite, source)

    assert target.stat().st_mode & 0o777 == 0o600
