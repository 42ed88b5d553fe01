"""The commands for sellers, suppliers, sources, leads, registers and jobs: what they print, and their exit codes."""

import json
import os
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import core.pages
from cli.main import main
from core.clock import utc
from jobs.leader import Election
from leads.terms import RowState
from tests.registers import service_for, written_file
from tests.workbooks import workbook

ROWS = """Telefon;Namn;Född
0701740621;Åsa;1980-01-02
0701740621;Åsa igen;
hemligt;Bo;x
0701740622 / 0701740623;Cia;
"""
OK, FINDING, USAGE = 0, 1, 2
SAY = "Ditt nummer kommer från en adresslista."
Json = Any  # whatever JSON holds
Run = Callable[..., Result]


@pytest.fixture
def ringklar(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return what runs one command against an empty, migrated installation."""
    monkeypatch.setenv("RINGKLAR_DATABASE_URL", sqlite_url)
    monkeypatch.setenv("RINGKLAR_DATA_DIR", str(tmp_path / "var"))

    def run(*arguments: object) -> Result:
        return CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)

    return run


def told(result: Result, code: int = OK) -> Json:
    """Return the JSON that a command answered with the exit code."""
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def refused(result: Result, code: int, *, says: str) -> None:
    """See that the command refused with the exit code, a line on standard error and nothing on standard output."""
    assert result.exit_code == code, result.output
    assert says in result.stderr
    assert "Traceback" not in result.output


@pytest.fixture
def origins(ringklar: Run) -> Run:
    """Return the same, with a seller, a list supplier and its source added."""
    assert told(ringklar("seller", "add", "norrsken", "--name", "Norrsken", "--json"))["slug"] == "norrsken"
    added = told(ringklar("supplier", "add", "listor", "--name", "Adresskungen AB", "--kind", "list", "--json"))
    assert (added["slug"], added["kind"]) == ("listor", "list")
    source = told(new_source(ringklar, "lista", "--assessment", "LIA-1", "--json"))
    assert (source["supplier"], source["seller"], source["assessment"]) == ("listor", "norrsken", "LIA-1")
    return ringklar


def new_source(ringklar: Run, slug: str, *more: str, say: str = SAY, supplier: str = "listor") -> Result:
    """Add a source of the supplier."""
    options = ("--supplier", supplier, "--seller", "norrsken", "--name", "Listan", "--basis", "legitimate_interest")
    return ringklar("source", "add", slug, *options, "--say", say, *more)


@pytest.fixture
def lead_file(tmp_path: Path) -> Path:
    """Return a lead file of four rows, one of each kind."""
    path = tmp_path / "leads.csv"
    path.write_text(ROWS, "cp1252")
    return path


def test_a_seller_is_added_once(ringklar: Run) -> None:
    assert ringklar("seller", "add", "norrsken", "--name", "Norrsken").stdout == "seller norrsken added\n"

    refused(ringklar("seller", "add", "norrsken", "--name", "N"), FINDING, says="exists already")
    refused(ringklar("seller", "add", "Fel Namn", "--name", "N"), USAGE, says="ringklar: ")
    refused(ringklar("seller", "add", "annan", "--name", " "), USAGE, says="a seller needs a name")
    refused(ringklar("seller", "add", "annan"), USAGE, says="--name")


def test_suppliers_and_sources_are_refused_with_the_reason(origins: Run) -> None:
    refused(origins("supplier", "add", "listor", "--name", "L", "--kind", "list"), FINDING, says="exists already")
    refused(origins("supplier", "add", "ny", "--name", "L", "--kind", "broker"), USAGE, says="--kind")
    refused(new_source(origins, "lista"), FINDING, says="exists already")
    refused(new_source(origins, "ny", supplier="nobody"), USAGE, says="there is no supplier")
    refused(new_source(origins, "ny", say="Från Adresskungen"), USAGE, says="must not name its supplier")


def test_a_source_without_a_balancing_test_is_taken_with_a_warning(origins: Run) -> None:
    added = new_source(origins, "ny")

    assert (added.exit_code, added.stdout) == (OK, "source ny added\n")
    assert "no lead of this source may be called" in added.stderr


def test_a_dry_run_shows_the_columns_and_a_count_for_each_reason_and_keeps_nothing(
    origins: Run, lead_file: Path
) -> None:
    shown = origins("leads", "import", lead_file, "--source", "lista", "--dry-run")

    assert shown.exit_code == OK
    assert shown.stdout.splitlines() == [
        "dry run, nothing is kept",
        "columns: number from “Telefon”, name from “Namn”, birth_date from “Född”",
        "  row 1: number +46701740621, birth_date 1980-01-02, name Åsa",
        "4 rows: 1 accepted, 1 rejected, 1 duplicate, 1 ambiguous",
        "  ambiguous_number: 1",
        "  duplicate_in_file: 1",
        "  invalid_birth_date: 1",
        "  invalid_number: 1",
    ]
    real = told(origins("leads", "import", lead_file, "--source", "lista", "--json"))
    assert (real["repeated"], real["accepted"]) == (False, 1)


def test_what_surprises_in_a_workbook_is_told_by_an_import_as_by_its_dry_run(origins: Run, tmp_path: Path) -> None:
    def write(book: Any) -> None:  # Any: a workbook of the library that writes it
        page = book.add_worksheet()
        page.write_row(0, 0, ["Telefon", "Namn"])
        page.write_row(1, 0, [46701740605, "Anna"])
        page.merge_range("A3:A4", "0701740606")
        hidden = book.add_worksheet()
        hidden.write(0, 0, "0701740607")
        hidden.hide()

    path = tmp_path / "leads.xlsx"
    path.write_bytes(workbook(write))

    tried = origins("leads", "import", path, "--source", "lista", "--dry-run").stdout
    read = origins("leads", "import", path, "--source", "lista").stdout

    noted = [line for line in tried.splitlines() if line.startswith("note: ")]
    assert len(noted) == 3
    assert [line for line in read.splitlines() if line.startswith("note: ")] == noted


def test_every_row_that_was_not_accepted_is_listed_with_its_reasons(origins: Run, lead_file: Path) -> None:
    file_id = told(origins("leads", "import", lead_file, "--source", "lista", "--json"))["id"]

    rejected = told(origins("leads", "rows", file_id, "--state", "rejected", "--json"))

    assert rejected == {
        "rows": [
            {
                "row_no": 3,
                "state": RowState.REJECTED.value,
                "reasons": ["invalid_number", "invalid_birth_date"],
                "cells": ["hemligt", "Bo", "x"],
            }
        ],
        "next_after": None,
    }
    shown = origins("leads", "rows", file_id, "--limit", "3").stdout
    assert shown.splitlines() == [
        "1  accepted",
        "2  duplicate  duplicate_in_file",
        "3  rejected  invalid_number, invalid_birth_date",
        "there are more: --after 3",
    ]
    assert origins("leads", "rows", file_id, "--after", "3").stdout == "4  ambiguous  ambiguous_number\n"
    assert origins("leads", "rows", file_id, "--after", "4").stdout == "no such row\n"
    refused(origins("leads", "rows", "nothing"), USAGE, says="there is no lead file")
    refused(origins("leads", "rows", file_id, "--state", "lost"), USAGE, says="--state")


def test_lead_files_are_listed_the_newest_first_with_what_became_of_their_rows(origins: Run, lead_file: Path) -> None:
    first = told(origins("leads", "import", lead_file, "--source", "lista", "--json"))["id"]
    lead_file.write_text("Telefon\n0701740625\n")
    second = told(origins("leads", "import", lead_file, "--source", "lista", "--json"))["id"]
    origins("leads", "pause", first, "--reason", "a complaint")

    listed = origins("leads", "list").stdout.splitlines()

    assert [re.sub(r"\d{4}-\d\d-\d\d", "DAY", line) for line in listed] == [
        f"{second}  DAY  lista  finished, 1 rows: 1 accepted, 0 rejected, 0 duplicate, 0 ambiguous  leads.csv",
        f"{first}  DAY  lista  finished, 4 rows: 1 accepted, 1 rejected, 1 duplicate, 1 ambiguous  paused  leads.csv",
    ]
    some = told(origins("leads", "list", "--limit", "1", "--json"))
    assert ([one["id"] for one in some["lead_files"]], some["next_after"]) == ([second], second)
    assert origins("leads", "list", "--limit", "1").stdout.splitlines()[1] == f"there are more: --after {second}"
    rest = told(origins("leads", "list", "--after", second, "--source", "lista", "--state", "finished", "--json"))
    assert ([one["id"] for one in rest["lead_files"]], rest["next_after"]) == ([first], None)
    assert rest["lead_files"][0]["paused_at"] is not None
    assert origins("leads", "list", "--state", "reading").stdout == "no lead file\n"
    refused(origins("leads", "list", "--source", "nobody"), USAGE, says="there is no source")
    refused(origins("leads", "list", "--state", "lost"), USAGE, says="--state")
    refused(origins("leads", "list", "--after", "yesterday"), USAGE, says="--after")


def test_moments_of_lead_files_are_written_as_in_every_other_answer(origins: Run, tmp_path: Path) -> None:
    path = tmp_path / "insamlade.csv"
    path.write_text("Telefon;Insamlat\n0701740621;2026-11-01 10:00\n", "utf-8")
    [previewed] = told(origins("leads", "import", path, "--source", "lista", "--dry-run", "--json"))["preview"]
    assert previewed["collected_at"] == "2026-11-01T09:00:00Z"

    kept = told(origins("leads", "import", path, "--source", "lista", "--json"))

    assert kept["received_at"] == utc(datetime.fromisoformat(kept["received_at"]))
    [listed] = told(origins("leads", "list", "--json"))["lead_files"]
    assert listed["received_at"] == kept["received_at"]


def test_a_list_is_read_on_until_it_has_as_many_as_were_asked_for(
    origins: Run, lead_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core.pages, "LOOKED_THROUGH", 1)
    new_source(origins, "annan", "--assessment", "LIA-1")
    for row, source in enumerate(("annan", "lista", "annan")):
        lead_file.write_text(f"Telefon;Namn\n0701740625;Test {row}\n")
        told(origins("leads", "import", lead_file, "--source", source, "--json"))

    listed = told(origins("leads", "list", "--state", "finished", "--json"))

    assert [one["source"] for one in listed["lead_files"]] == ["annan", "lista", "annan"]
    assert listed["next_after"] is None


def test_an_import_that_cannot_be_made_says_why(origins: Run, lead_file: Path, tmp_path: Path) -> None:
    empty, unclear = tmp_path / "empty.csv", tmp_path / "unclear.csv"
    empty.write_bytes(b"")
    unclear.write_text("kolumn\n0701740621\n")

    refused(origins("leads", "import", lead_file, "--source", "nobody"), USAGE, says="there is no source")
    refused(origins("leads", "import", tmp_path / "missing.csv", "--source", "lista"), USAGE, says="does not exist")
    refused(origins("leads", "import", empty, "--source", "lista"), USAGE, says="the file is empty")
    refused(origins("leads", "import", unclear, "--source", "lista"), USAGE, says="name the column with a mapping")
    for claim, says in (
        ("nix:2026-02-30", "day that there is not"),
        ("nix", "give both"),
        (":2026-11-15", "give both"),
    ):
        refused(origins("leads", "import", lead_file, "--source", "lista", "--washed", claim), USAGE, says=says)
    for wrong, says in (
        ("number", "is not FIELD=HEADING"),
        ("=kolumn", "is not FIELD=HEADING"),
        ("shoe=kolumn", "the fields are"),
        ("number=nothing", "which the file does not have"),
    ):
        refused(origins("leads", "import", unclear, "--source", "lista", "--map", wrong), USAGE, says=says)
    twice = ("--map", "number=kolumn", "--map", "number = another")
    refused(origins("leads", "import", unclear, "--source", "lista", *twice), USAGE, says="a field is mapped twice")
    mapped = told(origins("leads", "import", unclear, "--source", "lista", "--map", "number=kolumn", "--json"))
    assert mapped["accepted"] == 1


def test_columns_of_numbers_are_used_in_the_order_that_is_mapped(origins: Run, tmp_path: Path) -> None:
    path = tmp_path / "two.csv"
    path.write_text("Telefon;Mobil\n0701740621;\n0701740622;0701740623\n")
    refused(origins("leads", "import", path, "--source", "lista"), USAGE, says="number_2=“Telefon”")
    order = ("--map", "number=Mobil", "--map", "number_2=Telefon")

    tried = origins("leads", "import", path, "--source", "lista", "--dry-run", *order)
    saved = origins("mapping", "save", "listor", *order)
    report = told(origins("leads", "import", path, "--source", "lista", "--json"))

    assert "columns: number from “Mobil”, number_2 from “Telefon”" in tried.stdout
    assert "row 1: number +46701740621" in tried.stdout
    assert "row 2: number +46701740623" in tried.stdout
    assert "columns: number from “Mobil”, number_2 from “Telefon”" in saved.stdout
    assert report["mapping"] == {"number": "Mobil", "number_2": "Telefon"}
    assert report["accepted"] == 2


def test_what_carries_a_lead_is_paused_and_resumed(origins: Run, lead_file: Path) -> None:
    file_id = told(origins("leads", "import", lead_file, "--source", "lista", "--json"))["id"]

    for group, thing, called in (
        ("supplier", "listor", "supplier listor"),
        ("source", "lista", "source lista"),
        ("leads", file_id, f"lead file {file_id}"),
    ):
        assert origins(group, "pause", thing, "--reason", "a complaint").stdout == f"{called} is paused\n"
        assert origins(group, "resume", thing).stdout == f"{called} is not paused\n"
        refused(origins(group, "pause", thing), USAGE, says="--reason")
        refused(origins(group, "pause", thing, "--reason", " "), USAGE, says="a pause needs a reason")
        refused(origins(group, "pause", "nothing", "--reason", "x"), USAGE, says="there is no")
        refused(origins(group, "resume", "nothing"), USAGE, says="there is no")


def test_a_register_is_loaded_and_listed_and_a_bad_file_leaves_it_in_force(ringklar: Run, tmp_path: Path) -> None:
    good, empty = written_file(tmp_path / "nix.txt"), tmp_path / "empty.txt"
    empty.write_bytes(b"")
    missing = told(ringklar("register", "list", "--json"), FINDING)
    assert {one["register"]: one["state"] for one in missing["registers"]}["nix"] == "missing"

    loaded = told(ringklar("register", "import", "nix", good, "--as-of", "2026-11-15", "--json"))

    assert (loaded["register"], loaded["as_of"], loaded["already_loaded"]) == ("nix", "2026-11-15", False)
    again = ringklar("register", "import", "nix", good, "--as-of", "2026-11-15")
    assert "was in force already" in again.stdout
    refused(ringklar("register", "import", "nix", empty, "--as-of", "2026-11-16"), USAGE, says="ringklar: ")
    refused(ringklar("register", "import", "xin", good, "--as-of", "2026-11-15"), USAGE, says="ringklar: ")
    refused(ringklar("register", "import", "nix", good), USAGE, says="--as-of")
    refused(ringklar("register", "import", "nix", good, "--as-of", "2026-11-32"), USAGE, says="--as-of")
    older = written_file(tmp_path / "older.txt", seed=2)
    refused(ringklar("register", "import", "nix", older, "--as-of", "2026-11-14"), FINDING, says="ringklar: ")
    listed = json.loads(ringklar("register", "list", "--json").stdout)
    assert [version["version_id"] for version in listed["versions"]] == [loaded["version_id"]]
    assert "nix (SE): " in ringklar("register", "list").stdout


def test_jobs_are_run_once_and_say_what_each_did(ringklar: Run, tmp_path: Path) -> None:
    folder = tmp_path / "var" / "inbox" / "registers"
    folder.mkdir(parents=True)
    written_file(folder / "nix-2026-11-15.txt")

    ran = told(ringklar("jobs", "--once", "--settle", "0", "--json"))

    assert ran["leads"] is True
    assert ran["tasks"]["registers.pick_up"] == "1 files: done"
    assert "registers.pick_up: no file" in ringklar("jobs", "--once", "--settle", "0").stdout
    refused(ringklar("jobs", "--once", "--settle", "-1"), USAGE, says="--settle")


def test_jobs_run_once_while_another_process_leads_is_a_finding(ringklar: Run, sqlite_url: str, tmp_path: Path) -> None:
    service = service_for(sqlite_url, tmp_path / "other")
    election = Election(service.store, sqlite_url)
    term = election.campaign()
    assert term is not None

    ran = told(ringklar("jobs", "--once", "--settle", "0", "--json"), FINDING)

    assert ran == {"leads": False, "tasks": {}}
    term.resign()
    election.close()
    service.close()


def test_settings_that_cannot_be_used_are_all_told_with_exit_code_2(
    ringklar: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RINGKLAR_PORT_NUMBER", "1")
    monkeypatch.setenv("RINGKLAR_THREADS", "many")

    result = ringklar("seller", "add", "norrsken", "--name", "N")

    refused(result, USAGE, says="ringklar: ")
    assert len(result.stderr.splitlines()) == 2


def test_a_file_is_shown_with_the_wash_that_its_supplier_claims_and_what_ours_says(
    origins: Run, lead_file: Path
) -> None:
    register = written_file(lead_file.parent / "nix.txt", [46701740621])
    assert origins("register", "import", "nix", register, "--as-of", "2026-11-15").exit_code == OK
    claimed = ("--washed", "nix:2026-11-16")
    tried = told(origins("leads", "import", lead_file, "--source", "lista", *claimed, "--dry-run", "--json"))
    report = told(origins("leads", "import", lead_file, "--source", "lista", *claimed, "--json"))
    shown = origins("leads", "show", report["id"]).stdout.splitlines()

    assert [(one["wash_register"], one["wash_version"]) for one in (tried, report)] == [("nix", "2026-11-16")] * 2
    assert "the supplier claims a wash against nix of 2026-11-16" in shown
    assert shown[-1] == "wash: contradicted: our version, no newer, lists 1"


def test_a_file_without_a_claim_of_a_wash_is_shown_with_none(origins: Run, lead_file: Path) -> None:
    report = told(origins("leads", "import", lead_file, "--source", "lista", "--json"))

    assert report["wash_register"] is report["wash_version"] is None
    assert "wash" not in origins("leads", "show", report["id"]).stdout


@pytest.mark.parametrize("command", ["rejects", "original", "receipt", "proof", "export"])
def test_a_file_that_cannot_be_made_is_a_mistake_of_use(origins: Run, lead_file: Path, command: str) -> None:
    out = lead_file.parent / "nowhere" / "out"
    lead_file_id = told(origins("leads", "import", lead_file, "--source", "lista", "--json"))["id"]
    arguments = {
        "rejects": [lead_file_id, out],
        "original": [lead_file_id, out],
        "receipt": [lead_file_id, "--out", out],
        "proof": [lead_file_id, 1, "--out", out],
        "export": [out, "--campaign", "vinterel", "--to", "ringhuset"],
    }

    refused(origins("leads", command, *arguments[command]), USAGE, says="cannot be made: No such file")


def test_a_file_of_opt_outs_is_taken_whatever_its_name(origins: Run, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode("spärrade.txt".encode("cp1252"))
    path.write_text("0701740605\n")

    assert origins("optout", "import", path, "--seller", "norrsken").exit_code == OK


def test_a_file_that_is_withdrawn_is_listed_so_and_imported_again(origins: Run, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("Mobil;Fax\n0701740621;0701740622\n", encoding="utf-8")
    first = told(origins("leads", "import", path, "--source", "lista", "--map", "number=Fax", "--json"))

    done = origins("leads", "withdraw", first["id"], "--reason", "fel kolumn")
    assert done.stdout == f"lead file {first['id']} is withdrawn\n"
    done = origins("leads", "withdraw", first["id"], "--reason", "fel kolumn")
    assert done.stdout == f"lead file {first['id']} is withdrawn already\n"
    refused(origins("leads", "resume", first["id"]), FINDING, says="The lead file is withdrawn")
    refused(origins("leads", "arrival", first["id"], "--screen-now"), FINDING, says="The lead file is withdrawn")
    refused(origins("leads", "withdraw", first["id"]), USAGE, says="--reason")
    again = told(origins("leads", "import", path, "--source", "lista", "--map", "number=Mobil", "--json"))

    assert (again["repeated"], again["accepted"]) == (False, 1)
    newest, oldest = origins("leads", "list").stdout.splitlines()
    assert newest.startswith(again["id"])
    assert "withdrawn" not in newest
    assert "  withdrawn  a.csv" in oldest
