"""What surprises in a lead file stays with it: told by each report, once, and held against the ledger."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text, update

from core.ledger import LedgerEntry
from core.store import Store
from dnc.audit import compare_records
from leads.file_lists import lead_file_page
from leads.importer import read_lead_file, receive_lead_file
from leads.models import LeadFile
from leads.reports import lead_file_report
from service import Service
from tests.commands import run_command
from tests.deliveries import OPERATOR, deliver, shelf_beside, written
from tests.workbooks import workbook

SURPRISES = (
    "the workbook has 1 hidden sheet, not read",
    "rows or columns of the sheet are hidden: they are read like the others",
    "“Kundnr” came as spreadsheet numbers: leading zeros are lost",
)


def _surprising(book: Any) -> None:
    page, hidden = book.add_worksheet(), book.add_worksheet()
    hidden.hide()
    hidden.write(0, 0, "Telefon")
    page.set_row(2, None, None, {"hidden": True})
    for place, cells in enumerate([("Telefon", "Kundnr"), ("0701740605", 1234567), ("0701740606", 7654321)]):
        page.write_row(place, 0, cells)


@pytest.fixture
def surprising(tmp_path: Path) -> Path:
    """Return where a workbook lies in which much surprises."""
    path = tmp_path / "a.xlsx"
    path.write_bytes(workbook(_surprising))
    return path


def shown(store: Store, lead_file_id: str | None) -> tuple[Sequence[str] | None, Sequence[str] | None]:
    """Return what the report and the list tell of the file by now."""
    with store.reading() as session:
        report = lead_file_report(session, OPERATOR, str(lead_file_id))
        [listed] = lead_file_page(session, OPERATOR, limit=10).files
        return report.warnings, listed.warnings


def findings(store: Store) -> set[str]:
    """Return what rows say against the ledger."""
    with store.snapshot() as session:
        return {finding.detail for finding in compare_records(session, store.keyring)}


def test_what_surprises_is_told_by_every_report_of_the_file(store: Store, surprising: Path) -> None:
    assert deliver(store, surprising, dry_run=True).warnings == SURPRISES
    report = deliver(store, surprising)

    assert report.warnings == SURPRISES
    assert shown(store, report.id) == (SURPRISES, SURPRISES)
    for dry_run in (True, False):
        again = deliver(store, surprising, dry_run=dry_run)
        assert (again.repeated, again.warnings) == (True, SURPRISES)


def test_an_import_that_goes_on_later_tells_it_once(store: Store, surprising: Path) -> None:
    shelf = shelf_beside(store, surprising)
    received = receive_lead_file(store, shelf, OPERATOR, path=surprising, file_name="a.xlsx", source_slug="tavling")
    assert (received.rows, received.warnings) == (0, SURPRISES)
    assert deliver(store, surprising, dry_run=True).warnings == SURPRISES

    assert read_lead_file(store, shelf, OPERATOR, str(received.id)).warnings == SURPRISES
    assert shown(store, received.id) == (SURPRISES, SURPRISES)


def test_a_file_that_is_imported_again_where_it_was_cut_off_tells_it_once(store: Store, surprising: Path) -> None:
    shelf = shelf_beside(store, surprising)
    received = receive_lead_file(store, shelf, OPERATOR, path=surprising, file_name="a.xlsx", source_slug="tavling")

    again = deliver(store, surprising)

    assert (again.id, again.rows, again.warnings) == (received.id, 2, SURPRISES)
    assert shown(store, received.id) == (SURPRISES, SURPRISES)


def test_a_file_in_which_nothing_surprises_says_so(store: Store, tmp_path: Path) -> None:
    report = deliver(store, written(tmp_path / "a.csv", ["Telefon", "0701740605"]))

    assert report.warnings == ()
    assert shown(store, report.id) == ((), ())


def test_of_a_file_that_came_before_they_were_kept_it_is_not_known(
    service: Service, store: Store, surprising: Path
) -> None:
    report = deliver(store, surprising)
    with store.writing() as session:
        session.execute(update(LeadFile).values(warnings=None))

    assert shown(store, report.id) == (None, None)
    told = run_command(service.settings, "leads", "show", str(report.id)).stdout
    assert "note: it was received before what surprises in a file was kept with it" in told


def test_the_ledger_vouches_for_them_and_repeats_no_heading(store: Store, surprising: Path) -> None:
    report = deliver(store, surprising)
    with store.reading() as session:
        received = select(LedgerEntry.payload).where(LedgerEntry.kind == "lead_file.received")
        payload = str(session.scalars(received).one())
    assert "Kundnr" not in payload
    assert len(json.loads(payload)["warnings_sha256"]) == 64
    assert findings(store) == set()

    for changed in ("'[]'", "NULL", "'[\"nothing\"]'"):
        with store.writing() as session:
            session.execute(text(f"UPDATE lead_files SET warnings = {changed} WHERE id = '{report.id}'"))
        assert findings(store) == {"the row of lead_files differs in warnings_sha256"}


def test_the_commands_show_them_too(service: Service, store: Store, surprising: Path) -> None:
    report = deliver(store, surprising)

    lines = run_command(service.settings, "leads", "show", str(report.id)).stdout.splitlines()
    assert [line.removeprefix("note: ") for line in lines if line.startswith("note: ")] == list(SURPRISES)
    assert ", 3 notes  a.xlsx" in run_command(service.settings, "leads", "list").stdout
    listed = json.loads(run_command(service.settings, "leads", "list", "--json").stdout)["lead_files"]
    assert listed[0]["warnings"] == list(SURPRISES)
