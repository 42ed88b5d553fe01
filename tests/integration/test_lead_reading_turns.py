"""However many large files come in at once, few are read at a time: the others wait, and lose nothing."""

import fcntl
import subprocess
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from threading import Thread

import pytest
from sqlalchemy import Engine, select, update

from core.database import let_others_write
from core.store import Store
from core.turns import asking, let_others, turn
from jobs.beside import main
from leads.importer import receive_lead_file
from leads.models import LeadFile
from service import READERS, Service, environment_for, start_beside
from tests.deliveries import OPERATOR, written
from tests.inboxes import LINES

SECONDS = 60.0


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
        reader = start_beside(service.settings, *command, received)
        assert _waits_for_a_lock(reader)
        assert _state(store) == ("reading", 0)

    assert reader.wait(SECONDS) == 0
    assert _state(store) == ("finished", len(LINES) - 1)


def test_a_reader_leaves_the_database_to_who_waits_after_each_batch(
    service: Service, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "a.csv", LINES)
    received = receive_lead_file(
        store, service.lead_files, OPERATOR, path=path, file_name="a.csv", source_slug="tavling"
    ).id
    assert received is not None
    read: list[int] = []

    def others_write(engine: Engine) -> None:
        with store.writing() as session:
            session.execute(update(LeadFile).values(encoding="utf-8"))
        read.append(_state(store)[1])
        let_others_write(engine)

    monkeypatch.setattr("leads.importer.let_others_write", others_write)
    for name, value in environment_for(service.settings).items():
        monkeypatch.setenv(name, value)

    assert main(received) == 0

    assert read == [len(LINES) - 1]


def test_who_waits_to_write_goes_before_a_writer_that_has_more(store: Store) -> None:
    order: list[str] = []

    def write(name: str) -> None:
        with store.writing() as session:
            session.execute(update(LeadFile).values(encoding="utf-8"))
            order.append(name)

    other = Thread(target=write, args=("other",))
    with store.writing() as session:
        session.execute(update(LeadFile).values(encoding="utf-8"))
        other.start()
        deadline = time.monotonic() + SECONDS
        while store.engine.dialect.name == "sqlite" and not _is_asked(store) and time.monotonic() < deadline:
            time.sleep(0.001)

    let_others_write(store.engine)
    if store.engine.dialect.name == "sqlite":  # PostgreSQL keeps a queue of its own
        write("again")
        other.join()
        assert order == ["other", "again"]
    other.join()


def test_nobody_is_let_go_first_for_ever(tmp_path: Path) -> None:
    with asking(tmp_path / "queue"):
        let_others(tmp_path / "queue", 0.05)
    let_others(tmp_path / "queue", SECONDS)
    let_others(tmp_path / "nowhere", SECONDS)


def _is_asked(store: Store) -> bool:
    with Path(f"{store.engine.url.database}-queue").open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


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
