"""A file with several columns of numbers: each row is a lead by the first of them that holds anything."""

import json
from pathlib import Path

import pytest
from sqlalchemy import select

from core.store import Store
from jobs.lead_inbox import LeadInbox
from leads.errors import UnclearHeadings
from leads.intake import HowToRead
from leads.mappings import save_mapping
from leads.models import Lead, LeadFile
from leads.reading import Pace
from leads.reports import reported_rows
from leads.terms import RowState
from service import Service
from tests.deliveries import FIRST, OPERATOR, deliver, shelf_beside, written
from tests.inboxes import looked_twice
from tests.workbooks import sheet

LINES = [
    "Namn;Telefon;Mobil;Telefon arbete",
    "Åsa;070-174 06 05;070-174 06 06;",
    "Bo;0701740607;;0701740608",
    "Cia;;;0701740609",
    "David;0701740610;hemligt;",
    "Eva;;;",
    "Ulf;0701740606;  ;",
]
ORDER = {"number": "Mobil", "number_2": "Telefon", "number_3": "Telefon arbete"}
LEADS = [(FIRST + 1, 1), (FIRST + 2, 2), (FIRST + 4, 3)]
COUNTS = (6, 3, 2, 1, 0)
REASONS = {"duplicate_in_file": 1, "invalid_number": 1, "missing_number": 1}


def leads(store: Store, file_no: int = 1) -> list[tuple[int, int]]:
    """Return number and row of each lead of a file."""
    with store.reading() as session:
        found = session.execute(select(Lead.number, Lead.row_no).where(Lead.file_no == file_no).order_by(Lead.row_no))
        return [(number, row_no) for number, row_no in found]


@pytest.mark.parametrize("pace", [Pace(), Pace(block=1, rows=1, batch=1)], ids=["at once", "row by row"])
def test_each_row_is_a_lead_by_the_first_column_that_holds_anything(store: Store, tmp_path: Path, pace: Pace) -> None:
    path, how = written(tmp_path / "a.csv", LINES), HowToRead(mapping=ORDER)

    tried = deliver(store, path, how=how, dry_run=True)
    report = deliver(store, path, how=how, pace=pace)

    assert (report.rows, report.accepted, report.rejected, report.duplicate, report.ambiguous) == COUNTS
    assert report.reasons == REASONS == tried.reasons
    assert report.mapping == {**ORDER, "name": "Namn"} == tried.mapping
    assert [row.number for row in tried.preview] == [f"+{number}" for number, _ in LEADS]
    assert (report.unread, leads(store)) == ([], LEADS)
    with store.reading() as session:
        rows = reported_rows(
            session, shelf_beside(store, path), OPERATOR, report.id or "", state=RowState.ACCEPTED, after=0, limit=9
        )
    assert [row.cells for row in rows] == [line.split(";") for line in LINES[1:4]]


def test_a_workbook_and_json_lines_give_the_same(store: Store, tmp_path: Path) -> None:
    book, lines = tmp_path / "a.xlsx", tmp_path / "a.jsonl"
    cells = [line.split(";") for line in LINES]
    book.write_bytes(sheet(cells))
    lines.write_text("\n".join(json.dumps(dict(zip(cells[0], row, strict=True))) for row in cells[1:]), "utf-8")
    how = HowToRead(mapping=ORDER)

    deliver(store, book, how=how)
    deliver(store, lines, "enkat", how=how)

    assert leads(store, 1) == LEADS == leads(store, 2)


def test_a_file_without_headings_names_its_columns_in_order(store: Store, tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", LINES[1:])

    deliver(store, path, how=HowToRead(mapping={"number": "#3", "number_2": "#2", "number_3": "#4"}))

    assert leads(store) == LEADS


def test_the_order_is_remembered_for_the_suppliers_next_file_and_may_be_saved(store: Store, tmp_path: Path) -> None:
    with pytest.raises(UnclearHeadings, match="number_2"):
        deliver(store, written(tmp_path / "a.csv", LINES))
    deliver(store, tmp_path / "a.csv", how=HowToRead(mapping=ORDER))
    remembered = deliver(store, written(tmp_path / "b.csv", LINES[:3]), "enkat")
    with store.writing() as session:
        save_mapping(
            session,
            OPERATOR,
            supplier_slug="listor",
            mapping={"number": "Mobil", "number_2": "Telefon"},
            encoding=None,
            delimiter=None,
            has_headings=None,
            now=store.clock.now(),
        )
    saved = deliver(store, written(tmp_path / "c.csv", LINES[:4]), "lista")

    assert (remembered.accepted, leads(store, 2)) == (2, LEADS[:2])
    assert (list(saved.unread), saved.reasons) == (["Telefon arbete"], {"missing_number": 1})
    assert leads(store, 3) == LEADS[:2]


def test_a_mapping_of_one_column_leaves_the_others_unread_as_before(store: Store, tmp_path: Path) -> None:
    report = deliver(store, written(tmp_path / "a.csv", LINES), how=HowToRead(mapping={"number": "Mobil"}))

    assert list(report.unread) == ["Telefon", "Telefon arbete"]
    assert leads(store) == LEADS[:1]
    with store.reading() as session:
        kept = json.loads(session.scalars(select(LeadFile.mapping)).one())
    assert (kept["number_2"], kept["number_3"]) == ("", "")


def test_an_order_beside_a_delivery_in_the_inbox_is_followed(service: Service, inbox: LeadInbox) -> None:
    folder = inbox.directory / "tavling"
    (folder / "a.csv.mapping.json").write_text(json.dumps(ORDER), "utf-8")
    written(folder / "a.csv", LINES)

    assert looked_twice(inbox, service) == {"tavling/a.csv": "done"}
    assert leads(service.store) == LEADS
