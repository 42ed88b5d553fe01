"""Whoever runs the demo has the jobs too, for as long as its server lives, however that ends."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from cli.main import main
from jobs.models import LeaderLease
from tests.registers import service_for

ROOT = Path(__file__).parents[2]
DEADLINE = 60.0


def until(holds: Callable[[], bool], what: str) -> None:
    """Wait until it holds; fail with ``what`` if it does not."""
    deadline = time.monotonic() + DEADLINE
    while not holds():
        assert time.monotonic() < deadline, what
        threading.Event().wait(0.05)


def is_running(pid: int) -> bool:
    """Return whether there is such a process that has not ended, whoever has still to take note of its end."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text("utf-8")
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] not in ("Z", "X")


def is_ready(address: str) -> bool:
    """Return whether the server answers and is ready."""
    try:
        with urllib.request.urlopen(f"http://{address}/health/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def environment(database_url: str, folder: Path, address: str) -> dict[str, str]:
    """Return the environment of a demo of this test's own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RINGKLAR_")}
    told = {"RINGKLAR_DATABASE_URL": database_url, "RINGKLAR_DATA_DIR": str(folder), "RINGKLAR_BIND": address}
    return kept | told | {"PYTHONPATH": str(ROOT), "RINGKLAR_WORKERS": "1"}


def leaders(database_url: str, folder: Path) -> list[int]:
    """Return the process that ran the jobs last, or none."""
    service = service_for(database_url, folder)
    with service.store.reading() as session:
        holders = session.scalars(select(LeaderLease.holder)).all()
    service.close()
    return [int(holder.split(":")[1]) for holder in holders]


def test_the_demo_runs_the_jobs_while_it_serves_and_they_end_with_a_server_that_is_killed(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    folder = tmp_path / "var"
    for name, value in environment(sqlite_url, folder, address).items():
        monkeypatch.setenv(name, value)
    assert CliRunner().invoke(main, ["demo", "--no-serve"], catch_exceptions=False).exit_code == 0
    assert leaders(sqlite_url, tmp_path / "other") == []

    with (
        (tmp_path / "demo.log").open("wb") as log,
        subprocess.Popen([sys.executable, "-m", "cli", "demo"], cwd=ROOT, stdout=log, stderr=log) as server,
    ):
        try:
            until((folder / "inbox" / "leads" / "lista-2026-q4").exists, "the jobs made no folder for a source")
            until(lambda: is_ready(address), "the server does not answer")
            [leader] = leaders(sqlite_url, tmp_path / "other")
            assert leader != server.pid
            assert is_running(leader)
            server.send_signal(signal.SIGKILL)

            until(lambda: not is_running(leader), "the jobs outlived the server")
        finally:
            server.kill()


@pytest.mark.parametrize("command", ["demo", "serve"])
def test_nothing_is_made_or_served_where_another_server_listens(
    command: str, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        for name, value in environment(sqlite_url, tmp_path / "var", address).items():
            monkeypatch.setenv(name, value)

        refused = CliRunner().invoke(main, [command], catch_exceptions=False)

    assert (refused.exit_code, refused.stdout) == (2, "")
    assert f"nothing can listen on {address}" in refused.stderr
    assert not (tmp_path / "var" / "demo.json").exists()
