"""An import that is killed at any moment, and started again, ends as if it had never been killed."""

import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path
from select import select as select_ready

import pytest
from sqlalchemy import func, select

from core.ledger import LedgerEntry
from core.store import Store
from leads.models import Lead, LeadFile, LeadRow
from tests.databases import SqliteTemplate
from tests.deliveries import add_origins, deliver, mixed_lines, written
from tests.registers import service_for

ROOT = Path(__file__).parents[2]
ROWS = 400
IMPORT = """
import sys
from pathlib import Path
from leads import reading
from tests.deliveries import deliver
from tests.registers import service_for

def tell(rows, share):
    print("batch", flush=True)

reading.BESIDE_FROM = int(sys.argv[4])
service = service_for(sys.argv[1], Path(sys.argv[2]))
pace = reading.Pace(block=600, rows=20, batch=1)
deliver(service.store, Path(sys.argv[3]), pace=pace, progress=tell)
print("done", flush=True)
"""
ALONE, BESIDE = 1 << 30, 0
"""From which size on a process beside reads the file: never, always."""


def import_in_another_process(url: str, tmp_path: Path, path: Path, beside_from: int) -> "subprocess.Popen[str]":
    """Start an import that says ``batch`` after each batch and ``done`` at the end."""
    return subprocess.Popen(
        [sys.executable, "-c", IMPORT, url, str(tmp_path / "var"), str(path), str(beside_from)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )


def end_state(store: Store) -> list[object]:
    """Return all that an import left, but for ids and the time at which each lead was made."""
    with store.reading() as session:
        file = session.scalars(select(LeadFile).where(LeadFile.filename == "a.csv")).one()
        counts = file.rows_read, file.rows_accepted, file.rows_rejected, file.rows_duplicate, file.rows_ambiguous
        rows = session.execute(
            select(LeadRow.row_no, LeadRow.state, LeadRow.reasons, LeadRow.raw, LeadRow.number)
            .where(LeadRow.lead_file_id == file.id)
            .order_by(LeadRow.row_no)
        )
        leads = session.execute(
            select(Lead.row_no, Lead.number, Lead.person, Lead.collected_at, Lead.expires_at)
            .where(Lead.file_no == file.no)
            .order_by(Lead.row_no)
        )
        finished = select(func.count()).where(LedgerEntry.kind == "lead_file.finished")
        return [file.state, counts, rows.all(), leads.all(), session.scalar(finished), file.merkle_root]


@pytest.mark.parametrize(
    ("seed", "beside_from", "is_first"), [(1, ALONE, True), (2, BESIDE, True), (3, BESIDE, False), (4, ALONE, False)]
)
def test_a_killed_import_started_again_ends_as_one_that_was_not_killed(
    database_url: str, tmp_path: Path, sqlite_template: SqliteTemplate, seed: int, beside_from: int, is_first: bool
) -> None:
    chance = random.Random(seed)
    path = written(tmp_path / "a.csv", mixed_lines(ROWS, seed))
    earlier = [] if is_first else [written(tmp_path / "earlier.csv", mixed_lines(30, seed=9))]
    service = service_for(database_url, tmp_path / "var")
    add_origins(service.store)
    for before in earlier:
        deliver(service.store, before)
    killed = 0
    while True:
        process = import_in_another_process(database_url, tmp_path, path, beside_from)
        assert process.stdout is not None
        lives = chance.randrange(1, 9)
        told = [line for line, _ in zip(process.stdout, range(lives), strict=False)]
        if told[-1:] == ["done\n"]:
            process.communicate()
            break
        threading.Event().wait(chance.random() * 0.01)  # any moment of the next batch, its commit among them
        process.send_signal(signal.SIGKILL)
        process.communicate()
        killed += 1
    assert killed >= 2
    found = end_state(service.store)
    service.close()

    assert found == unharmed(tmp_path, sqlite_template, *earlier, path)


def unharmed(tmp_path: Path, sqlite_template: SqliteTemplate, *paths: Path) -> list[object]:
    """Return the end state of the same import when nobody kills it."""
    with sqlite_template.copy(tmp_path) as url:
        service = service_for(url, tmp_path / "var")
        add_origins(service.store)
        for path in paths:
            deliver(service.store, path)
        state = end_state(service.store)
        service.close()
        return state


def test_two_imports_of_one_file_at_once_share_the_work(
    database_url: str, tmp_path: Path, sqlite_template: SqliteTemplate
) -> None:
    path = written(tmp_path / "a.csv", mixed_lines(ROWS, seed=4))
    service = service_for(database_url, tmp_path / "var")
    add_origins(service.store)

    processes = [import_in_another_process(database_url, tmp_path, path, from_) for from_ in (ALONE, BESIDE)]
    ends = [process.communicate()[0].splitlines()[-1:] for process in processes]

    found = end_state(service.store)
    service.close()
    assert ends == [["done"], ["done"]]
    assert found == unharmed(tmp_path, sqlite_template, path)


def test_the_process_beside_dies_with_the_import_that_started_it(sqlite_url: str, tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", mixed_lines(20_000, seed=5))
    service = service_for(sqlite_url, tmp_path / "var")
    add_origins(service.store)
    service.close()
    process = import_in_another_process(sqlite_url, tmp_path, path, BESIDE)
    assert process.stdout is not None
    assert process.stdout.readline() == "batch\n"
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    readers = [child for child in children if b"leads.reading" in Path(f"/proc/{child}/cmdline").read_bytes()]
    assert len(readers) == 1
    ended = os.pidfd_open(int(readers[0]))

    process.send_signal(signal.SIGKILL)
    process.communicate()

    assert select_ready([ended], [], [], 30)[0] == [ended]
    os.close(ended)
