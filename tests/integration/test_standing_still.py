"""A PostgreSQL that stands still under a real server: all requests are refused in time, and then all is as before.

It is stopped with all its processes, as a frozen machine or a hanging virtual disk would be: its sockets still
acknowledge what is sent, and nobody reads it.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path

import pytest
from sqlalchemy import select, text

from console.sessions import sign_in
from core.access import Role
from dnc.audit import compare_records
from dnc.models import Check, Contact, OptOut
from tests.integration.seeds import postgres_of, seeded_service, verified
from tests.integration.serving import Acknowledged, Server, environment_of, load
from tests.seeding import CAMPAIGN, FROM_PARTNER, PASSWORD, SELLER, Seeded

WITHIN = 40.0
"""Seconds within which whoever came first is refused: the patience, the question, and that of those who came next."""
TOGETHER = 3
THREADS = 8
CALLERS = 24
NEEDS_DATABASE = ("opt-out", "contact", "look-up", "check", "changes", "page", "ready")

Answer = tuple[int, dict[str, object]]


class Asking:
    """What is asked of the server, each time on a connection of its own."""

    def __init__(self, server: Server, seeded: Seeded) -> None:
        self._port, self._seeded = server.port, seeded
        seeded.clock.at = datetime.now(UTC)  # the server's: a session of another day has ended
        token = sign_in(seeded.service.store, Role.SALES.value, PASSWORD)
        self._cookie = {"Cookie": f"ringklar-session={token}", "Accept": "text/html"}
        self._check = self.of("check")[1]

    def of(self, what: str) -> Answer:
        """Return the status of what is asked, and the answer if it is JSON."""
        match what:
            case "opt-out":
                no = {"numbers": [FROM_PARTNER], "seller": SELLER, "via": "phone"}
                return self._post("/v1/opt-outs", Role.CUSTOMER_SERVICE, no)
            case "contact":
                call = {"check_id": self._check["id"], "call_id": "one", "started_at": self._check["checked_at"]}
                return self._post("/v1/contacts", Role.DIALER, {**call, "outcome": "no_answer"})
            case "look-up":
                return self._post("/v1/lookups", Role.COMPLIANCE, {"number": FROM_PARTNER})
            case "check":
                return self._post("/v1/checks", Role.DIALER, {"number": FROM_PARTNER, "campaign": CAMPAIGN})
            case "changes":
                return self._send("GET", "/v1/changes?cursor=0", self._key(Role.DIALER))
            case "page":
                return self._send("GET", "/start", self._cookie)
            case _:
                return self._send("GET", f"/health/{what}", {})

    def all_at_once(self, pool: ThreadPoolExecutor) -> list[tuple[str, Future[Answer]]]:
        """Return what will come of all that needs the database, some of each asked at the same time."""
        return [(what, pool.submit(self.of, what)) for what in NEEDS_DATABASE * TOGETHER]

    def _key(self, role: Role) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._seeded.keys[role]}", "Content-Type": "application/json"}

    def _post(self, path: str, role: Role, document: Mapping[str, object]) -> Answer:
        return self._send("POST", path, self._key(role), json.dumps(document))

    def _send(self, method: str, path: str, headers: dict[str, str], body: str | None = None) -> Answer:
        with closing(HTTPConnection("127.0.0.1", self._port, timeout=WITHIN)) as connection:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            answer = response.read()
            is_json = "json" in (response.getheader("Content-Type") or "")
            return response.status, json.loads(answer) if is_json else {}


def wait_for(what: Callable[[], bool]) -> None:
    """Wait until it is so, for a minute at most."""
    until = time.monotonic() + 60
    while not what():
        assert time.monotonic() < until
        time.sleep(0.05)


def states_of_connections(seeded: Seeded) -> Counter[str]:
    """Return how many connections of others to the database are in each state."""
    others = "SELECT state FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    with seeded.service.store.reading() as session:
        return Counter(session.scalars(text(others)))


def test_while_postgresql_stands_still_all_are_refused_in_time_and_afterwards_all_is_as_before(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with seeded_service(request, "postgresql", tmp_path) as seeded:
        server = Server(environment_of(seeded, tmp_path, workers=1))
        try:
            asking = Asking(server, seeded)
            before = {what: asking.of(what)[0] for what in NEEDS_DATABASE if what not in ("opt-out", "contact")}
            assert set(before.values()) <= {200, 201}, before
            with postgres_of(request).standing_still(), ThreadPoolExecutor(TOGETHER * len(NEEDS_DATABASE)) as pool:
                refused = [(what, *one.result()) for what, one in asking.all_at_once(pool)]
                refused += [(what, *one.result()) for what, one in asking.all_at_once(pool)]
                assert asking.of("live")[0] == 200
            for what, status, problem in refused:
                assert status == 503, what
                assert what in ("page", "ready") or problem["code"] == "storage-unavailable", what

            with ThreadPoolExecutor(TOGETHER * len(NEEDS_DATABASE)) as pool:
                wait_for(lambda: asking.of("ready")[0] == 200)
                answered = [(what, *one.result()) for what, one in asking.all_at_once(pool)]
            assert {(what, status) for what, status, _ in answered if status not in (200, 201)} == set()
            wait_for(lambda: set(states_of_connections(seeded)) == {"idle"})
            assert sum(states_of_connections(seeded).values()) <= THREADS + 8
        finally:
            server.kill9()
        with seeded.service.store.reading() as session:
            assert session.scalars(select(Contact.call_id)).all() == ["one"]
            assert len(session.scalars(select(OptOut.id).where(OptOut.number == int(FROM_PARTNER[1:]))).all()) == 1
            assert compare_records(session, seeded.service.keyring) == []
        assert verified(seeded.service).findings == ()


def test_what_was_acknowledged_before_and_after_is_there_and_the_process_lives_meanwhile(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    acknowledged, stop = Acknowledged(), threading.Event()
    with seeded_service(request, "postgresql", tmp_path) as seeded:
        server = Server(environment_of(seeded, tmp_path, workers=1))
        health = Asking(server, seeded)
        callers = [
            threading.Thread(target=load, args=(server.port, seeded, acknowledged, stop, caller, CALLERS))
            for caller in range(CALLERS)
        ]
        for caller in callers:
            caller.start()
        try:
            wait_for(lambda: len(acknowledged.contacts) > CALLERS)
            with postgres_of(request).standing_still():
                wait_for(lambda: 503 in acknowledged.statuses)
                assert health.of("live")[0] == 200
            so_far = len(acknowledged.contacts)
            wait_for(lambda: len(acknowledged.contacts) > so_far + CALLERS)
        finally:
            stop.set()
            for caller in callers:
                caller.join(60)
            server.kill9()
        with seeded.service.store.reading() as session:
            assert set(acknowledged.checks) <= set(session.scalars(select(Check.id)))
            assert set(acknowledged.contacts) <= set(session.scalars(select(Contact.call_id)))
            assert set(acknowledged.opt_outs) <= set(session.scalars(select(OptOut.id)))
            assert compare_records(session, seeded.service.keyring) == []
        assert acknowledged.statuses == {200, 201, 503}
        assert verified(seeded.service).findings == ()
