"""A lead file is withdrawn and read again, killed at any moment of either: it ends as if it had never been killed."""

import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

from sqlalchemy import select

from core.ledger import LedgerEntry
from core.store import Store
from leads.models import Lead, LeadBirthDate, LeadFile, LeadRow
from service import Service
from tests.databases import SqliteTemplate
from tests.deliveries import FIRST, add_origins, deliver, written
from tests.integration.seeds import verified
from tests.registers import service_for
from tests.rereadings import HEADINGS, WRONG

ROOT = Path(__file__).parents[2]
ROWS = 400
REREADING = """
import sys
from datetime import timedelta
from pathlib import Path
from sqlalchemy import select
from core.clock import FixedClock
from leads import reading
from leads.models import LeadFile
from leads.withdrawals import withdraw_lead_file
from tests.deliveries import OPERATOR, deliver
from tests.registers import NOON, service_for
from tests.rereadings import RIGHT

def tell(*_read):
    print("step", flush=True)

clock = FixedClock(NOON + timedelta(hours=1))
service = service_for(sys.argv[1], Path(sys.argv[2]), clock)
reading.BESIDE_FROM = int(sys.argv[4])
first = select(LeadFile).where(LeadFile.filename == "a.csv").order_by(LeadFile.no).limit(1)
tell()
with service.store.writing() as session:
    lead_file = session.scalars(first).one()
    if lead_file.withdrawn_at is None:
        withdraw_lead_file(session, OPERATOR, lead_file_id=lead_file.id, reason="fel kolumn", now=clock.now())
tell()
clock.at += timedelta(hours=1)
pace = reading.Pace(block=600, rows=20, batch=1)
deliver(service.store, Path(sys.argv[3]), how=RIGHT, pace=pace, progress=tell)
print("done", flush=True)
"""
ALONE, BESIDE = 1 << 30, 0
"""From which size on a process beside reads the file: never, always."""


def lines(count: int, seed: int) -> list[str]:
    """Return headings and ``count`` rows, good and bad, with birth dates; numbers repeat."""
    chance = random.Random(seed)
    rows = []
    for _ in range(count):
        cell = chance.choices([f"+{FIRST + chance.randrange(95)}", "hemligt"], [9, 1])[0]
        rows.append(f"{cell};2026-11-17;{chance.choice(['', f'19{chance.randrange(50, 99)}-05-03'])}")
    return [HEADINGS, *rows]


def prepared(url: str, tmp_path: Path) -> tuple[Service, Path]:
    """Return a service with a file that was read wrongly and one more of its source, and where that file lies."""
    service = service_for(url, tmp_path / "var")
    add_origins(service.store)
    path = written(tmp_path / "a.csv", lines(ROWS, seed=1))
    deliver(service.store, path, how=WRONG)
    deliver(service.store, written(tmp_path / "b.csv", lines(60, seed=2)), how=WRONG)
    return service, path


def rereading(url: str, tmp_path: Path, path: Path, beside_from: int) -> "subprocess.Popen[str]":
    """Start what withdraws the file and reads it again; it says ``step`` around each step and ``done`` at the end."""
    return subprocess.Popen(
        [sys.executable, "-c", REREADING, url, str(tmp_path / "var"), str(path), str(beside_from)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )


def end_state(store: Store) -> list[object]:
    """Return all that is kept of the source's files, their rows and leads, but for ids; and the ledger's entries."""
    file = LeadFile
    with store.reading() as session:
        files = session.execute(
            select(
                *(file.no, file.filename, file.state, file.rows_read, file.rows_accepted, file.rows_rejected),
                *(file.rows_duplicate, file.rows_ambiguous, file.merkle_root, file.withdrawn_at, file.received_at),
            ).order_by(file.no)
        )
        rows = session.execute(
            select(file.no, LeadRow.row_no, LeadRow.state, LeadRow.reasons, LeadRow.number, LeadRow.birth_date)
            .join(file, file.id == LeadRow.lead_file_id)
            .order_by(file.no, LeadRow.row_no)
        )
        leads = session.execute(select(Lead.__table__).order_by(Lead.number, Lead.source_no))
        births = session.execute(
            select(LeadBirthDate.__table__).order_by(
                LeadBirthDate.number, LeadBirthDate.source_no, LeadBirthDate.replaced_at
            )
        )
        kinds = Counter(session.scalars(select(LedgerEntry.kind).where(LedgerEntry.kind.startswith("lead_file."))))
        return [files.all(), rows.all(), leads.all(), births.all(), kinds]


def test_a_file_that_is_killed_while_it_is_withdrawn_and_read_again_ends_as_one_that_was_not(
    database_url: str, tmp_path: Path, sqlite_template: SqliteTemplate
) -> None:
    chance = random.Random(2)
    service, path = prepared(database_url, tmp_path)
    killed, lives = 0, 1  # the first is killed while it withdraws
    while True:
        process = rereading(database_url, tmp_path, path, BESIDE)
        assert process.stdout is not None
        told = [line for line, _ in zip(process.stdout, range(lives), strict=False)]
        if told[-1:] == ["done\n"]:
            process.communicate()
            break
        threading.Event().wait(chance.random() * 0.03)  # any moment of the next step, its commit among them
        process.send_signal(signal.SIGKILL)
        process.communicate()
        killed, lives = killed + 1, chance.randrange(1, 10)
    assert killed >= 3
    found = end_state(service.store)
    assert verified(service).findings == ()
    with service.store.reading() as session:
        again = session.scalars(select(LeadFile).order_by(LeadFile.no.desc())).first()
        assert again is not None
        read = again.rows_read
        states = again.rows_accepted, again.rows_rejected, again.rows_duplicate, again.rows_ambiguous
        of_it = Counter(session.scalars(select(LeadRow.state).where(LeadRow.lead_file_id == again.id)))
        leads = len(session.scalars(select(Lead.number).where(Lead.file_no == again.no)).all())
    service.close()

    assert sum(states) == read == ROWS
    assert (leads, of_it["rejected"], of_it["duplicate"], of_it["ambiguous"]) == states
    assert found == unharmed(tmp_path, sqlite_template)


def unharmed(tmp_path: Path, sqlite_template: SqliteTemplate) -> list[object]:
    """Return the end state of the same deeds when nobody kills them."""
    folder = tmp_path / "unharmed"
    folder.mkdir()
    with sqlite_template.copy(folder) as url:
        service, path = prepared(url, folder)
        assert rereading(url, folder, path, ALONE).communicate()[0].splitlines()[-1:] == ["done"]
        state = end_state(service.store)
        service.close()
        return state
