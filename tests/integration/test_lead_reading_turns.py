"""However many large files come in at once, few are read at a time: the others wait, and lose nothing."""

import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import select, update

from core.store import Store
from core.turns import turn
from jobs.beside import ROOT, main
from leads.importer import receive_lead_file
from leads.models import LeadFile
from service import READERS, Service, environment_for
from tests.deliveries import OPERATOR, written
from tests.inboxes import LINES

SECONDS = 60.0
LONGEST_POLL = 0.1
"""Seconds after which whoever waits for SQLite's lock has asked for it again, at the latest."""


@pytest.mark.parametrize("command", [("cli", "leads", "read"), ("jobs.beside",)])
def test_a_file_waits_for_its_turn_to_be_read(
    service: Service, store: Store, tmp_path: Path, command: Sequence[str]
) -> None:
    path = written(tmp_path / "a.csv", LINES)
    received = receive_lead_file(
        store, service.lead_files, OPERATOR, path=path, file_name="a.csv", source_slug="tavling"
    ).id
    assert received is not None
    with ExitStack() as others:
        for place in range(READERS):
            others.enter_context(turn(service.settings.data_dir / f"reading-{place}.lock"))
        reader = subprocess.Popen(
            [sys.executable, "-m", *command, received], cwd=ROOT, env=environment_for(service.settings)
        )
        assert _waits_for_a_lock(reader)
        assert _state(store) == ("reading", 0)

    assert reader.wait(SECONDS) == 0
    assert _state(store) == ("finished", len(LINES) - 1)


def test_over_sqlite_a_reader_leaves_the_database_to_others_after_each_batch(
    service: Service, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "a.csv", LINES)
    received = receive_lead_file(
        store, service.lead_files, OPERATOR, path=path, file_name="a.csv", source_slug="tavling"
    ).id
    assert received is not None
    rests: list[float] = []

    def rest(seconds: float) -> None:
        rests.append(seconds)
        with store.writing() as session:
            session.execute(update(LeadFile).values(encoding="utf-8"))

    monkeypatch.setattr("leads.importer.sleep", rest)
    for name, value in environment_for(service.settings).items():
        monkeypatch.setenv(name, value)

    assert main(received) == 0

    [seconds] = rests
    assert (seconds > LONGEST_POLL) == (store.engine.dialect.name == "sqlite")


def _state(store: Store) -> tuple[str, int]:
    with store.reading() as session:
        file = session.scalars(select(LeadFile)).one()
        return file.state, file.rows_read


def _waits_for_a_lock(process: "subprocess.Popen[bytes]") -> bool:
    """Return whether the process comes to wait for a lock on a file, by the kernel's list, before it ends."""
    deadline = time.monotonic() + SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        waiting = [line.split() for line in Path("/proc/locks").read_text("ascii").splitlines() if "->" in line]
        if any(fields[2] == "FLOCK" and fields[5] == str(process.pid) for fields in waiting):
            return True
        time.sleep(0.02)
    return False
