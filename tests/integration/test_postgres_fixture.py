"""The PostgreSQL that the other tests stand on: it answers, survives what it should and leaves nothing behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

import tests.postgres
from tests.postgres import MEMORY, PostgresFailed, PostgresServer, postgres_server

LEAVES_A_SERVER_RUNNING = """
import sys, time
from tests.postgres import postgres_server
with postgres_server() as server:
    print(server.pid, server.directory, server.data, flush=True)
    time.sleep(600)
"""
ROOT = Path(__file__).parents[2]


@pytest.fixture
def durable() -> Iterator[PostgresServer]:
    """Return a server that keeps what was committed, with one database, ``kept``."""
    with postgres_server(durable=True) as server:
        server.create_database("kept")
        yield server


def test_it_answers_and_says_which_version_it_is(postgres: PostgresServer) -> None:
    with _connect(postgres, "postgres") as connection:
        version = connection.execute("SELECT version()").fetchone()

    assert version is not None
    assert str(version[0]).startswith("PostgreSQL 1")


def test_it_never_runs_as_root(postgres: PostgresServer) -> None:
    assert Path(f"/proc/{postgres.pid}").stat().st_uid != 0


def test_it_lets_nobody_in_without_the_password(postgres: PostgresServer) -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(host="127.0.0.1", port=postgres.port, user="ringklar", dbname="postgres", password="guess")


def test_a_copy_of_a_database_holds_its_rows_and_changes_apart_from_it(postgres: PostgresServer) -> None:
    postgres.create_database("original")
    with _connect(postgres, "original") as connection:
        connection.execute("CREATE TABLE kept (id integer)")
        connection.execute("INSERT INTO kept VALUES (1)")
    postgres.create_database("copied", template="original")
    with _connect(postgres, "copied") as connection:
        connection.execute("INSERT INTO kept VALUES (2)")

    assert _ids(postgres, "copied") == [1, 2]
    assert _ids(postgres, "original") == [1]

    for name in ("original", "copied"):
        postgres.drop_database(name)


def test_committed_rows_outlive_kill_9_of_a_durable_server(durable: PostgresServer) -> None:
    with _connect(durable, "kept") as connection:
        connection.execute("CREATE TABLE kept (id integer)")
        connection.execute("INSERT INTO kept VALUES (1)")
    open_at_the_kill = _connect(durable, "kept")
    open_at_the_kill.execute("INSERT INTO kept VALUES (2)")

    durable.kill9()
    durable.start()

    with pytest.raises(psycopg.OperationalError):
        open_at_the_kill.commit()
    assert _ids(durable, "kept") == [1]


def test_asking_a_killed_server_for_its_process_is_refused(durable: PostgresServer) -> None:
    durable.kill9()

    with pytest.raises(PostgresFailed, match="not running"):
        _ = durable.pid


@pytest.mark.parametrize("enough", [0, 1 << 60])
def test_nothing_is_left_of_a_server_after_its_block_in_memory_or_where_there_is_no_room_in_it(
    enough: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tests.postgres, "ENOUGH", enough)
    with postgres_server() as server:
        pid, directory, data = server.pid, server.directory, server.data
        assert data.is_dir()
        assert data.is_relative_to(MEMORY if enough == 0 else directory)

    assert not Path(f"/proc/{pid}").exists()
    assert not directory.exists()
    assert not data.parent.exists()


def test_a_server_dies_with_a_starter_that_was_killed_and_its_folder_goes_with_the_next_start() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", LEAVES_A_SERVER_RUNNING], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as starter:
        assert starter.stdout is not None
        pid, directory, data = starter.stdout.readline().split()
        os.kill(starter.pid, signal.SIGKILL)

    _wait_until_gone(int(pid))
    with postgres_server():
        assert not Path(directory).exists()
        assert not Path(data).parent.exists()


def test_a_server_that_cannot_start_says_why(durable: PostgresServer) -> None:
    durable.stop()
    (durable.data / "PG_VERSION").write_text("1\n", encoding="ascii")

    with pytest.raises(PostgresFailed, match="incompatible"):
        durable.start()


def _connect(server: PostgresServer, database: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(server.url_for(database).replace("+psycopg", "", 1))


def _ids(server: PostgresServer, database: str) -> list[object]:
    with _connect(server, database) as connection:
        return [row[0] for row in connection.execute("SELECT id FROM kept ORDER BY id")]


def _wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 30
    while Path(f"/proc/{pid}").exists() and "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text(
        encoding="utf-8"
    ):
        assert time.monotonic() < deadline, "the server outlived its starter"
        time.sleep(0.02)
