"""A workbook that a process beside opened is imported as if it had been opened here, or is not used at all."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import select, update

from cli.main import main
from core.store import Store
from leads import workbook_beside as module
from leads.errors import UnreadableLeadFile
from leads.importer import import_lead_file, receive_lead_file
from leads.models import Lead, LeadFile, LeadRow
from leads.reading import Pace
from leads.reports import LeadFileReport
from leads.workbook_beside import WorkbookBeside, workbook_beside
from tests.deliveries import FIRST, OPERATOR, add_origins, deliver, shelf_beside, written
from tests.registers import service_for
from tests.workbooks import sheet, zipped

HEADINGS = ["Telefon", "Namn", "Insamlad"]


def rows(count: int) -> list[list[object]]:
    """Return headings and rows, good and bad: some short, some blank, some with a separator of lines in a cell."""
    kinds: list[Callable[[int], list[object]]] = [
        lambda no: [f"+{FIRST + no % 95}", f"Namn {no}", "2026-11-01"],
        lambda no: [f"+{FIRST + no % 95}"],
        lambda _: ["", "", ""],
        lambda no: [f"+{FIRST + no % 95}", "a\x1eb\nc", f"2026-11-{no:02}", "x" * (no % 2)],
        lambda no: [float(FIRST + no % 95), True, ""],
    ]
    return [list(HEADINGS), *(kinds[no % len(kinds)](no) for no in range(count))]


@pytest.fixture(autouse=True)
def _small_is_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WORTH_IT_FROM", 0)


@pytest.fixture
def store(sqlite_url: str, tmp_path: Path) -> Iterator[Store]:
    """Return a store with two sellers and their sources."""
    service = service_for(sqlite_url, tmp_path / "var")
    add_origins(service.store)
    yield service.store
    service.close()


def deliver_opened(store: Store, path: Path, workbook: WorkbookBeside | None, source: str = "enkat") -> LeadFileReport:
    """Import the file with what was started to open it; it must have been."""
    assert workbook is not None
    return import_lead_file(
        store, shelf_beside(store, path), OPERATOR, path=path, file_name="a.xlsx", source_slug=source, workbook=workbook
    )


def left_by(store: Store, report: LeadFileReport) -> list[object]:
    """Return what an import left, but for ids and times of receipt."""
    with store.reading() as session:
        file = session.get_one(LeadFile, report.id)
        assert json.loads(str(file.warnings)) == list(report.warnings or ())
        leads = session.execute(
            select(Lead.number, Lead.row_no, Lead.person, Lead.birth_date, Lead.collected_at)
            .where(Lead.file_no == file.no)
            .order_by(Lead.number)
        )
        others = session.execute(
            select(LeadRow.row_no, LeadRow.state, LeadRow.reasons, LeadRow.raw, LeadRow.number)
            .where(LeadRow.lead_file_id == file.id)
            .order_by(LeadRow.row_no)
        )
        return [report.warnings, report.reasons, file.merkle_root, leads.all(), others.all()]


def test_it_leaves_what_a_workbook_that_is_opened_here_leaves(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(sheet(rows(200)))

    with workbook_beside(path) as workbook:
        beside = deliver_opened(store, path, workbook)
    here = deliver(store, path, "tavling")

    assert beside.accepted > 0
    assert left_by(store, beside) == left_by(store, here)


@pytest.mark.parametrize("kept", [True, False], ids=["kept with it", "received before they were kept"])
def test_what_surprises_is_told_once_where_an_import_goes_on(store: Store, tmp_path: Path, kept: bool) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(sheet([["Telefon", "Kundnr"], [f"+{FIRST}", 1234567]]))
    shelf = shelf_beside(store, path)
    first = receive_lead_file(store, shelf, OPERATOR, path=path, file_name="a.xlsx", source_slug="enkat")
    if not kept:
        with store.writing() as session:
            session.execute(update(LeadFile).values(warnings=None))

    with workbook_beside(path) as workbook:
        again = deliver_opened(store, path, workbook)

    told = ("“Kundnr” came as spreadsheet numbers: leading zeros are lost",)
    assert (again.id, again.rows) == (first.id, 1)
    assert first.warnings == again.warnings == told


def test_what_was_another_file_when_it_was_opened_is_not_used(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(sheet([HEADINGS, [f"+{FIRST}", "Åsa", ""]]))

    with workbook_beside(path) as workbook:
        assert workbook is not None
        while workbook._ahead._waiting.empty():  # until it is open
            time.sleep(0.01)
        path.write_bytes(sheet([HEADINGS, [f"+{FIRST + 1}", "Bo", ""]]))
        report = deliver_opened(store, path, workbook)

    with store.reading() as session:
        assert session.scalars(select(Lead.number)).all() == [FIRST + 1]
    assert report.rows == 1


@pytest.mark.parametrize(
    "content", [b"PK\x03\x04 no archive", sheet([HEADINGS])[:-9], zipped({"a.csv": f"Telefon\n+{FIRST}\n"})]
)
def test_what_cannot_be_opened_is_left_to_the_reader_of_the_kept_file(
    store: Store, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(content)

    with workbook_beside(path) as workbook:
        told = told_by(lambda: deliver_opened(store, path, workbook))

    assert told == told_by(lambda: deliver(store, path))


def told_by(importing: Callable[[], LeadFileReport]) -> object:
    """Return what an import says."""
    try:
        return importing().rows
    except UnreadableLeadFile as error:
        return error.detail


def test_a_process_that_is_killed_while_it_opens_is_done_without(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(sheet(rows(20)))

    with workbook_beside(path) as workbook:
        assert workbook is not None
        workbook._process.kill()
        report = deliver_opened(store, path, workbook)

    assert report.rows == deliver(store, path, "tavling").rows


def test_a_process_that_is_killed_while_it_reads_ends_the_import_and_the_next_goes_on(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(sheet(rows(50_000)))
    with workbook_beside(path) as workbook:
        assert workbook is not None
        opened, process = workbook.opened, workbook._process

        def opened_and_killed(received: str) -> object:
            found = opened(received)
            process.kill()
            return found

        monkeypatch.setattr(workbook, "opened", opened_and_killed)
        with pytest.raises(RuntimeError, match="failed"):
            deliver_opened(store, path, workbook)

    with workbook_beside(path) as workbook:
        again = deliver_opened(store, path, workbook)
    assert left_by(store, again) == left_by(store, deliver(store, path, "tavling"))


def test_an_import_that_was_cut_off_goes_on_with_what_is_opened_beside(store: Store, tmp_path: Path) -> None:
    class CutOff(Exception):
        pass

    def cut(_rows: int, _share: float | None) -> None:
        raise CutOff

    path = tmp_path / "a.xlsx"
    path.write_bytes(sheet(rows(200)))
    with pytest.raises(CutOff):
        deliver(store, path, "enkat", pace=Pace(rows=7, batch=50), progress=cut)

    with workbook_beside(path) as workbook:
        report = deliver_opened(store, path, workbook)

    with store.reading() as session:
        merkle_root = session.get_one(LeadFile, report.id).merkle_root
    whole = deliver(store, path, "tavling")
    assert (report.rows, report.merkle_root) == (whole.rows, merkle_root)
    assert left_by(store, report)[3:] == left_by(store, whole)[3:]


def test_a_file_that_is_no_workbook_or_is_gone_has_none(tmp_path: Path) -> None:
    with workbook_beside(written(tmp_path / "a.csv", ["Telefon"])) as workbook:
        assert workbook is None
    with workbook_beside(tmp_path / "gone.xlsx") as workbook:
        assert workbook is None


def test_the_command_has_it_opened_whatever_stands_first(
    store: Store, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RINGKLAR_DATABASE_URL", sqlite_url)
    monkeypatch.setenv("RINGKLAR_DATA_DIR", str(tmp_path / "var"))
    path, started = tmp_path / "a.xlsx", list[Path]()
    path.write_bytes(sheet(rows(20)))

    class Told(WorkbookBeside):
        def __init__(self, path: Path) -> None:
            started.append(path)
            super().__init__(path)

    monkeypatch.setattr(module, "WorkbookBeside", Told)
    long = f"name={'x' * 5000}"
    answers = [
        CliRunner().invoke(main, ["leads", "import", *arguments])
        for arguments in (
            ["--source", "enkat", "--map", long, str(path)],
            ["--dry-run", str(path), "--source", "enkat"],
            ["--source", "enkat", str(path)],
        )
    ]

    assert started == [path, path]
    assert [answer.exit_code for answer in answers] == [2, 0, 0]
    assert "16 rows" in answers[2].output
