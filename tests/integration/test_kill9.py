"""A real server under load; web, jobs and database are killed at any moment: what was acknowledged is there."""

import random
import resource
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from sqlalchemy import select, text

from core.clock import SystemClock
from core.config import load_settings
from dnc.audit import compare_records
from dnc.models import Check, Contact, OptOut
from dnc.recorded import replay
from service import build_service
from tests.integration.seeds import KINDS, seeded_apart, seeded_service, verified
from tests.integration.serving import Acknowledged, Client, Command, Server, environment_of, load
from tests.seeding import FROM_PARTNER, OPTED_OUT, Seeded

CALLERS = 6
VICTIMS = ("worker", "server", "jobs", "database")


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_acknowledged_outlives_kill_9_of_anything(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    chosen, acknowledged, stop = random.Random(f"kill-9 {kind}"), Acknowledged(), threading.Event()
    with seeded_apart(request, kind, tmp_path) as (seeded, database):
        environment = environment_of(seeded, tmp_path, workers=1 if database is None else 2)
        server, jobs = Server(environment), Command(environment, "jobs")
        callers = [
            threading.Thread(target=load, args=(server.port, seeded, acknowledged, stop, caller, CALLERS))
            for caller in range(CALLERS)
        ]
        for caller in callers:
            caller.start()
        try:
            for victim in VICTIMS:
                _answers_again(server, acknowledged, chosen)
                if victim == "worker":
                    chosen.choice(server.workers()).send_signal(signal.SIGKILL)
                elif victim == "server":
                    server.kill9()
                    server = Server(environment, server.port)
                elif victim == "jobs":
                    jobs.kill9()
                    jobs = Command(environment, "jobs")
                elif database is not None:
                    database.kill9()
                    time.sleep(chosen.uniform(0, 0.5))
                    database.start()
            _answers_again(server, acknowledged, chosen)
        finally:
            stop.set()
            for caller in callers:
                caller.join(60)
            server.kill9()
            jobs.kill9()

        _assert_all_is_there(environment, acknowledged)
        assert acknowledged.statuses <= {200, 201, 503}


def _answers_again(server: Server, acknowledged: Acknowledged, chosen: random.Random) -> None:
    """Return some moment after at least twenty more checks were answered, without anybody's help."""
    enough, deadline = len(acknowledged.checks) + 20, time.monotonic() + 60
    while len(acknowledged.checks) < enough:
        assert server.process.poll() is None
        assert time.monotonic() < deadline, "the server does not answer again"
        time.sleep(0.005)
    time.sleep(chosen.uniform(0, 0.4))


def _assert_all_is_there(environment: dict[str, str], acknowledged: Acknowledged) -> None:
    service = build_service(
        load_settings({name: value for name, value in environment.items() if name.startswith("RINGKLAR_")}),
        SystemClock(),
    )
    service.require_schema()
    with service.store.reading() as session:
        assert set(acknowledged.checks) <= set(session.scalars(select(Check.id)))
        assert set(acknowledged.contacts) <= set(session.scalars(select(Contact.call_id)))
        assert set(acknowledged.opt_outs) <= set(session.scalars(select(OptOut.id)))
        assert compare_records(session, service.keyring) == []
        done = replay(session)
    assert len(acknowledged.checks) >= 20 * len(VICTIMS)
    assert acknowledged.contacts
    assert acknowledged.opt_outs
    assert done.checks >= len(acknowledged.checks)
    assert done.differences == ()
    assert verified(service).findings == ()
    service.close()


FULL = """
CREATE FUNCTION disk_is_full() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$;
CREATE TRIGGER full_disk BEFORE INSERT ON checks FOR EACH ROW EXECUTE FUNCTION disk_is_full();
"""
"""PostgreSQL's own error for a disk that is full, without filling the disk of whoever runs the tests."""


@pytest.mark.parametrize("kind", KINDS)
def test_while_the_disk_is_full_checks_are_refused_and_once_it_is_not_they_are_answered(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with seeded_service(request, kind, tmp_path) as seeded:
        server = Server(environment_of(seeded, tmp_path, workers=1))
        try:
            assert check(server, seeded)[0] == 201
            _fill_disk(seeded, server, kind)
            refused = [check(server, seeded) for _ in range(5)]
            assert {(status, body["code"]) for status, body in refused} == {(503, "storage-unavailable")}
            _empty_disk(seeded, server, kind)
            assert check(server, seeded)[0] == 201
            with seeded.service.store.reading() as session:
                assert len(session.scalars(select(Check.id)).all()) == 2
                assert compare_records(session, seeded.service.keyring) == []
            assert verified(seeded.service).findings == ()
        finally:
            server.kill9()


def check(server: Server, seeded: Seeded, number: str = FROM_PARTNER) -> tuple[int, dict[str, object]]:
    """Return what one check on a connection of its own is answered."""
    client = Client(server.port, seeded)
    with closing(client.connection):
        return client.check(number)


def _fill_disk(seeded: Seeded, server: Server, kind: str) -> None:
    if kind == "sqlite":  # no file of the worker may grow, nor be written past its beginning
        for worker in server.workers():
            worker.rlimit(psutil.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    else:
        _run(seeded, FULL)


def _empty_disk(seeded: Seeded, server: Server, kind: str) -> None:
    if kind == "sqlite":
        for worker in server.workers():
            worker.rlimit(psutil.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    else:
        _run(seeded, "DROP TRIGGER full_disk ON checks")


def _run(seeded: Seeded, statement: str) -> None:
    with seeded.service.store.engine.begin() as connection:
        connection.exec_driver_sql(statement)


@pytest.mark.parametrize("kind", KINDS)
def test_while_the_database_stands_still_callers_are_refused_and_none_is_answered_wrongly(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with seeded_service(request, kind, tmp_path) as seeded:
        server = Server(environment_of(seeded, tmp_path, workers=1))
        try:
            with seeded.service.store.engine.connect().execution_options(sqlite_begin="IMMEDIATE") as other:
                other.execute(text("SELECT 1"))
                if kind == "postgresql":
                    other.execute(text("LOCK TABLE checks IN ACCESS EXCLUSIVE MODE"))
                with ThreadPoolExecutor(40) as pool:
                    asked = [pool.submit(check, server, seeded, OPTED_OUT) for _ in range(40)]
                    first = next(as_completed(asked, timeout=60)).result()
                    other.rollback()
                    answered = [one.result() for one in asked]
            assert first[0] == 503
            assert {status for status, _ in answered} <= {201, 503}
            assert {body["verdict"] for status, body in answered if status == 201} <= {"deny"}
            assert check(server, seeded, OPTED_OUT)[1]["verdict"] == "deny"
            assert verified(seeded.service).findings == ()
        finally:
            server.kill9()
