"""A do-not-call list that a seller kept elsewhere is taken over whole: every number, and when each person said no."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import select

from dnc.models import OptOut, OptOutRepeat
from tests.commands import run_command
from tests.seeding import SELLER, Seeded
from tests.workbooks import sheet, workbook

ONE, TWO, THREE = "070-174 06 31", "070-174 06 32", "070-174 06 33"
VALUES = (46701740631, 46701740632, 46701740633)


def imported(seeded: Seeded, path: Path, *more: str) -> Result:
    """Import the file by command, as an operator does."""
    return run_command(seeded.service.settings, "optout", "import", str(path), "--seller", SELLER, *more)


def received(seeded: Seeded) -> dict[int, datetime]:
    """Return by number when each no that is in force was said."""
    with seeded.service.store.reading() as session:
        rows = session.execute(select(OptOut.number, OptOut.received_at).where(OptOut.number.in_(VALUES)))
        return {row.number: row.received_at for row in rows}


def test_a_table_gives_each_number_and_when_its_person_said_no(seeded: Seeded, tmp_path: Path) -> None:
    path = tmp_path / "spärr.csv"
    path.write_bytes(
        f"Kund;Telefon;Spärrad\nÅsa;{ONE};2024-05-01\nBo;{TWO};2025-01-31 14:30\nCi;{THREE};\n".encode("cp1252")
    )
    before = datetime.now(UTC)

    done = imported(seeded, path, "--received-column", "Spärrad")

    assert (done.exit_code, done.stdout) == (0, "3 added, 0 already, 0 invalid\n")
    said = received(seeded)
    assert said[VALUES[0]] == datetime(2024, 5, 1, 21, 59, 59, 999999, tzinfo=UTC)  # its last moment in Sweden
    assert said[VALUES[1]] == datetime(2025, 1, 31, 13, 30, tzinfo=UTC)
    assert said[VALUES[2]] >= before


def test_a_workbook_gives_numbers_and_days_as_excel_keeps_them(on_sqlite: Seeded, tmp_path: Path) -> None:
    path = tmp_path / "list.xlsx"
    path.write_bytes(sheet([["Nummer", "Datum"], [701740631, "2024-05-01"], [ONE.replace("31", "32"), "2023-02-28"]]))

    done = imported(on_sqlite, path, "--received-column", "Datum")

    assert done.exit_code == 0
    assert {number: moment.date().isoformat() for number, moment in received(on_sqlite).items()} == {
        VALUES[0]: "2024-05-01",
        VALUES[1]: "2023-02-28",
    }


@pytest.mark.parametrize("said", ["i fjol", "2999-01-01", "31/12"])
def test_a_no_whose_time_cannot_be_read_is_a_no_from_now_and_is_told(
    on_sqlite: Seeded, tmp_path: Path, said: str
) -> None:
    path = tmp_path / "list.csv"
    path.write_text(f"Telefon;När\n{ONE};2024-05-01\n{TWO};{said}\n", encoding="utf-8")
    before = datetime.now(UTC)

    done = imported(on_sqlite, path, "--received-column", "När")

    assert (done.exit_code, done.stdout.splitlines()) == (
        1,
        ["2 added, 0 already, 0 invalid", "row 2: it does not tell when; taken as said now"],
    )
    assert received(on_sqlite)[VALUES[1]] >= before


def test_the_latest_of_a_persons_noes_in_a_file_counts_against_an_earlier_wish(
    on_sqlite: Seeded, tmp_path: Path
) -> None:
    path = tmp_path / "list.csv"
    path.write_text(f"Telefon;När\n{ONE};2023-01-01\n{ONE};2025-01-01\n{ONE};2023-01-01\n", encoding="utf-8")

    done = imported(on_sqlite, path, "--received-column", "När", "--json")

    counts = json.loads(done.stdout)
    assert (counts["added"], counts["already"]) == (1, 2)
    with on_sqlite.service.store.reading() as session:
        assert [one.year for one in session.scalars(select(OptOutRepeat.received_at))] == [2025]


def test_a_row_that_cannot_be_told_apart_still_says_its_no(on_sqlite: Seeded, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text(f'Namn;Telefon\nÅsa;{ONE}\n{TWO}\n"öppet;{THREE}\n', encoding="utf-8")

    done = imported(on_sqlite, path)

    assert (done.exit_code, done.stdout) == (0, "3 added, 0 already, 0 invalid\n")
    assert set(received(on_sqlite)) == set(VALUES)


def test_a_list_packed_or_in_another_character_set_is_read_line_by_line(on_sqlite: Seeded, tmp_path: Path) -> None:
    packed, wide = tmp_path / "list.txt.gz", tmp_path / "wide.txt"
    packed.write_bytes(gzip.compress(f"{ONE}\n\nhej\n".encode()))
    wide.write_bytes(f"{TWO}\r\n{THREE}\r\n".encode("utf-16"))

    first, second = imported(on_sqlite, packed), imported(on_sqlite, wide)

    assert first.stdout.splitlines() == ["1 added, 0 already, 1 invalid", "line 3: not_a_number"]
    assert second.stdout == "2 added, 0 already, 0 invalid\n"
    assert set(received(on_sqlite)) == set(VALUES)


@pytest.mark.parametrize(
    ("content", "more"),
    [
        (f"{ONE};2024-05-01\n".encode(), ()),
        (f"Kundens linje;Spärr\n{ONE};2024-05-01\n".encode(), ()),
        (sheet([["Abonnent"], [ONE]]), ()),
        (f"Telefon;När\n{ONE};2024-05-01\n".encode(), ("--received-column", "Datum")),
        (f"Telefon;Telefon 2\n{ONE};{TWO}\n".encode(), ("--column", "Mobil")),
    ],
    ids=["no headings", "other headings", "workbook", "no such column of times", "no such column of numbers"],
)
def test_a_table_whose_columns_are_not_told_is_refused_whole(
    on_sqlite: Seeded, tmp_path: Path, content: bytes, more: tuple[str, ...]
) -> None:
    path = tmp_path / "list"
    path.write_bytes(content)

    done = imported(on_sqlite, path, *more)

    assert done.exit_code == 2
    assert "name the column" in done.stderr
    assert received(on_sqlite) == {}


@pytest.mark.parametrize("other", [TWO, "+46 70 174 06 32", "701740632"])
@pytest.mark.parametrize("heading", ["Telefon 2", "Kund"])
def test_a_table_with_numbers_in_a_column_that_is_not_read_is_refused_until_each_is_named(
    on_sqlite: Seeded, tmp_path: Path, heading: str, other: str
) -> None:
    path = tmp_path / "list.csv"
    path.write_text(f"Telefon;{heading}\n{ONE};\n{THREE};{other}\n", encoding="utf-8")

    refused = imported(on_sqlite, path)

    assert refused.exit_code == 2
    assert f"name the column of the numbers: “{heading}” holds some too (row 2)" in refused.stderr
    assert received(on_sqlite) == {}
    done = imported(on_sqlite, path, "--column", "Telefon", "--column", heading)
    assert (done.exit_code, done.stdout) == (0, "3 added, 0 already, 0 invalid\n")
    assert set(received(on_sqlite)) == set(VALUES)


def test_what_else_stands_in_a_table_is_not_taken_for_numbers(on_sqlite: Seeded, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text(
        "Telefon;Kund;Personnummer;Född;Org;Datum;Postnr;Anteckning\n"
        f"{ONE};17;010101-2386;19900602-2397;556677-8899;2024-05-01 10:00;123 45;ringde 2024-05-01\n",
        encoding="utf-8",
    )

    done = imported(on_sqlite, path)

    assert (done.exit_code, done.stdout) == (0, "1 added, 0 already, 0 invalid\n")


def test_a_workbook_with_a_hidden_sheet_is_refused_since_noes_may_stand_there(
    on_sqlite: Seeded, tmp_path: Path
) -> None:
    def write(book: Any) -> None:
        shown, hidden = book.add_worksheet("2026"), book.add_worksheet("2025")
        for page, number in ((shown, ONE), (hidden, TWO)):
            page.write_string(0, 0, "Telefon")
            page.write_string(1, 0, number)
        hidden.hide()

    path = tmp_path / "list.xlsx"
    path.write_bytes(workbook(write))

    done = imported(on_sqlite, path)

    assert done.exit_code == 2
    assert "hidden sheets, which are not read" in done.stderr
    assert received(on_sqlite) == {}


def test_columns_are_named_by_place_where_there_are_no_headings(on_sqlite: Seeded, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text(f"2024-05-01;{ONE}\n2024-05-02;{TWO}\n", encoding="utf-8")

    done = imported(on_sqlite, path, "--column", "#2", "--received-column", "#1")

    assert done.exit_code == 0
    assert [moment.day for moment in received(on_sqlite).values()] == [1, 2]


def test_each_of_several_numbers_of_a_person_is_a_no(on_sqlite: Seeded, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text(f"Hem;Mobil;Jobb\n{ONE};{TWO};{ONE}\n;{THREE};\n;;\n", encoding="utf-8")

    done = imported(on_sqlite, path, "--column", "Hem", "--column", "Mobil", "--column", "Jobb")

    assert done.stdout.splitlines() == ["3 added, 0 already, 1 invalid", "row 3: empty"]
    assert set(received(on_sqlite)) == set(VALUES)


def test_a_number_without_a_country_code_is_of_the_region_that_is_named(on_sqlite: Seeded, tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text(f"{ONE}\n+46 {TWO[1:]}\n", encoding="utf-8")

    done = imported(on_sqlite, path, "--region", "no")

    assert done.stdout.splitlines() == ["1 added, 0 already, 1 invalid", "line 1: too_long"]
    assert set(received(on_sqlite)) == {VALUES[1]}
