"""The jobs are killed again and again while they take a delivery from the inbox: it ends as if they never had been."""

import json
import os
import subprocess
import sys
from pathlib import Path

from sqlalchemy import select

from core.ledger import LedgerEntry
from jobs.beside import Readers
from jobs.lead_inbox import LeadInbox
from leads.models import Lead, LeadFile, LeadRow
from tests.databases import SqliteTemplate
from tests.deliveries import add_origins, mixed_lines, written
from tests.registers import NOON, service_for

ROOT = Path(__file__).parents[2]
STEPS = (3, 8, 10, 12, 13, 14, 17)
"""Of those counted below: what lies beside is read, the file is kept, entered, read, closed, and set aside."""

# Forks a jobs process for each number given, which kills itself when it has opened or renamed so many files in the
# folder, or is about to commit for so many times, once it has found the delivery; then one that may live until the
# inbox is empty.
JOBS = """
import os, signal, sys, threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from sqlalchemy import event
import jobs.run
from core.clock import SystemClock
from jobs.tasks import tasks_for
from tests.registers import service_for

jobs.run.RETRY_SECONDS = 0.1
url, folder, waiting, *steps = sys.argv[1:]

def work(steps_left):
    signal.alarm(60)
    taken = 0
    def step(*_):
        nonlocal taken
        if threading.current_thread() is threading.main_thread():
            taken += 1
        if taken == steps_left:
            os.kill(os.getpid(), signal.SIGKILL)
    def heard(name, arguments):
        place = str(arguments[0]) if name in ("open", "os.rename") else ""
        if place == waiting and not taken:
            event.listen(service.store.engine, "commit", step)
        if place == waiting or taken and place.startswith(folder):
            step()
    service = service_for(url, Path(folder), SystemClock())
    stop = threading.Event()
    soon = timedelta(seconds=0.2)
    tasks = [replace(task, every=soon) for task in tasks_for(service, settle_seconds=0) if task.looks_twice]
    if steps_left:
        sys.addaudithook(heard)
    else:
        def look():
            while os.path.exists(waiting):
                stop.wait(0.05)
            stop.set()
        threading.Thread(target=look).start()
    jobs.run.run_jobs(service, stop=stop, tasks=tasks, lease=timedelta(seconds=1))

for number in [*map(int, steps), 0]:
    pid = os.fork()
    if pid == 0:
        work(number)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


def end_state(database_url: str, folder: Path) -> list[object]:
    """Return all that is left of one delivery to ``tavling``, but for ids and moments."""
    service = service_for(database_url, folder)
    with service.store.reading() as session:
        file = session.scalars(select(LeadFile)).one()
        counts = file.rows_read, file.rows_accepted, file.rows_rejected, file.rows_duplicate, file.rows_ambiguous
        rows = select(LeadRow.row_no, LeadRow.state, LeadRow.reasons, LeadRow.raw, LeadRow.number)
        leads = select(Lead.number, Lead.source_no, Lead.row_no, Lead.person)
        kinds = select(LedgerEntry.kind).where(LedgerEntry.subject == file.id)
        found: list[object] = [
            (file.state, file.order_reference, file.merkle_root, counts),
            session.execute(rows.order_by(LeadRow.row_no)).all(),
            session.execute(leads.order_by(Lead.number)).all(),
            sorted(session.scalars(kinds)),
        ]
    service.close()
    inbox = folder / "inbox" / "leads" / "tavling"
    report = json.loads((inbox / "done" / "a.csv.report.json").read_text("utf-8"))
    del report["lead_file_id"], report["received_at"]
    lies = sorted(str(path.relative_to(folder)) for path in inbox.rglob("*"))
    kept = sorted(path.name for path in service.settings.lead_files_dir.glob("*.kept"))
    return [*found, report, lies, kept]


def delivered(database_url: str, folder: Path, lines: list[str]) -> Path:
    """Put a file with what it came under into the inbox of a source that is added now; return where it lies."""
    service = service_for(database_url, folder)
    add_origins(service.store)
    service.close()
    place = folder / "inbox" / "leads" / "tavling"
    place.mkdir(parents=True)
    (place / "a.csv.delivery.json").write_text('{"order": "B-3"}', "utf-8")
    return written(place / "a.csv", lines)


def test_jobs_that_are_killed_while_they_take_a_delivery_end_as_jobs_that_were_not(
    database_url: str, tmp_path: Path, sqlite_template: SqliteTemplate
) -> None:
    lines = mixed_lines(200, seed=1)
    path = delivered(database_url, tmp_path / "var", lines)

    ends = subprocess.run(
        [sys.executable, "-c", JOBS, database_url, tmp_path / "var", path, *map(str, STEPS)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout.split()

    assert ends == [*["-9"] * len(STEPS), "0"]
    with sqlite_template.copy(tmp_path) as url:
        unharmed = tmp_path / "unharmed"
        delivered(url, unharmed, lines)
        service = service_for(url, unharmed)
        inbox = LeadInbox(service.settings, service.lead_files, Readers(service.settings), settle_seconds=0)
        assert [inbox.pick_up(service.store, NOON) for _ in range(2)] == [{}, {"tavling/a.csv": "done"}]
        service.close()
        assert end_state(database_url, tmp_path / "var") == end_state(url, unharmed)
