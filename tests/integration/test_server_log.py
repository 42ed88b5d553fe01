"""What the log has of a request that is no HTTP, and of what fails: that it did and where, nothing of what it says."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from core.access import Role
from tests.integration.serving import Command, Server, environment_of
from tests.seeding import Seeded

NUMBER, PERSON = "070 174 06 05", "zqhemligtzq"


@pytest.fixture
def server(on_sqlite: Seeded, tmp_path: Path) -> Iterator[Server]:
    """Return a real server over the seeded database."""
    serving = Server(environment_of(on_sqlite, tmp_path, workers=1))
    yield serving
    serving.kill9()


def _answer(server: Server, request: str) -> str:
    """Return what the server answers to some bytes: all of it, as it closes the connection."""
    with socket.create_connection(("127.0.0.1", server.port), 10) as connection:
        connection.sendall(request.encode())
        return connection.makefile("rb").read().decode()


def test_what_cannot_be_read_as_a_request_is_refused_and_not_written_to_the_log(
    server: Server, on_sqlite: Seeded
) -> None:
    chunked = "Host: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n"
    json_body = f"Authorization: Bearer {on_sqlite.keys[Role.DIALER]}\r\nContent-Type: application/json\r\n"
    form = "Content-Type: application/x-www-form-urlencoded\r\n"
    broken = [
        f"GET /v1/checks?n={NUMBER}&name={PERSON} HTTP/1.1\r\n\r\n",
        f"{PERSON}\r\n\r\n",
        f"GET / HTTP/1.1\r\n{PERSON} {NUMBER}\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: x\r\nExpect: o'{PERSON}\r\n\r\n",
        f"POST /v1/checks HTTP/1.1\r\n{chunked}{json_body}\r\n{PERSON} {NUMBER}\r\n",
        f"POST /sign-in HTTP/1.1\r\n{chunked}{form}\r\n{PERSON} {NUMBER}\r\n",
    ]

    answers = [_answer(server, request) for request in broken]

    assert [answer.split()[1] for answer in answers] == ["400", "400", "400", "417", "400", "400"]
    log = (on_sqlite.service.settings.data_dir / "serve.log").read_text()
    lines = [json.loads(line) for line in log.splitlines()]
    for said in (NUMBER, NUMBER[3:], PERSON):
        assert said not in log
    refused = [line["event"] for line in lines if line["logger"] == "gunicorn.error"]
    assert len(refused) == 4
    assert all(event.startswith("Invalid request from ip=127.0.0.1: ") for event in refused), refused
    assert not [line for line in lines if line["level"] == "error"]


def test_a_failure_of_a_command_quotes_nothing(on_sqlite: Seeded, tmp_path: Path) -> None:
    with on_sqlite.service.store.writing() as session:
        session.execute(text("UPDATE lead_files SET format = :said"), {"said": PERSON})
        lead_file = session.scalar(text("SELECT id FROM lead_files"))

    failed = _failed(environment_of(on_sqlite, tmp_path, workers=1), "-m", "cli", "leads", "show", str(lead_file))

    assert "ValueError: " in failed, "the kind is told"
    assert PERSON not in failed


@pytest.fixture
def spoilt(on_sqlite: Seeded) -> Seeded:
    """Return an installation where no checkpoint can be signed, and the error quotes a person."""
    with on_sqlite.service.store.writing() as session:
        said = f"SELECT RAISE(ABORT, '{PERSON} {NUMBER}')"
        session.execute(text(f"CREATE TRIGGER spoilt BEFORE INSERT ON ledger_checkpoints BEGIN {said}; END"))
    return on_sqlite


def test_the_log_of_the_jobs_is_json_lines_without_the_values_in_an_error(spoilt: Seeded, tmp_path: Path) -> None:
    jobs = Command(environment_of(spoilt, tmp_path, workers=1), "jobs")
    log, deadline = spoilt.service.settings.data_dir / "jobs.log", time.monotonic() + 60
    while "task ledger.checkpoint failed" not in log.read_text():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)
    jobs.kill9()

    lines = [json.loads(line) for line in log.read_text().splitlines()]
    [failed] = [line for line in lines if line["event"] == "task ledger.checkpoint failed"]
    assert failed["error"].endswith("IntegrityError: IntegrityError of the driver")
    for said in (NUMBER, PERSON):
        assert said not in log.read_text()


def test_jobs_that_run_once_tell_what_failed_beside_their_answer(spoilt: Seeded, tmp_path: Path) -> None:
    once = [sys.executable, "-m", "cli", "jobs", "--once", "--settle", "0", "--json"]
    environment = environment_of(spoilt, tmp_path, workers=1)

    ran = subprocess.run(once, env=environment, capture_output=True, text=True, check=False)

    assert ran.returncode == 1
    assert json.loads(ran.stdout)["tasks"]["ledger.checkpoint"] == "failed: IntegrityError"
    assert "task ledger.checkpoint failed" in ran.stderr
    for said in (NUMBER, PERSON):
        assert said not in ran.stderr


@pytest.mark.parametrize("module", ["cli", "jobs.beside", "jobs.companion", "jobs.screenings"])
def test_a_process_of_ours_tells_its_failure_as_the_log_would(module: str, tmp_path: Path) -> None:
    broken = f"import runpy, service; service.build_service = None; runpy.run_module({module!r}, run_name='__main__')"
    environment = {**os.environ, "RINGKLAR_DATA_DIR": str(tmp_path)}

    failed = _failed(environment, "-c", broken, *(["register", "list"] if module == "cli" else ["nothing"]))

    assert failed.startswith("ringklar: it failed, as it should not\n")


def _failed(environment: dict[str, str], *command: str) -> str:
    """Return what a process that fails writes."""
    ran = subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    return ran.stderr + ran.stdout
