"""A real server under load, killed at any moment: what it had acknowledged is there when it is back."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import psutil
import pytest
from sqlalchemy import select

from core.access import Role
from core.clock import SystemClock
from core.config import load_settings
from dnc.audit import compare_records
from dnc.models import Check, Contact, OptOut
from dnc.recorded import replay
from service import build_service
from tests.integration.seeds import KINDS, seeded_service, verified
from tests.seeding import CAMPAIGN, FROM_PARTNER, SELLER, Seeded

ROUNDS = 2
CALLERS = 6


@dataclass(slots=True)
class Acknowledged:
    """What the server said is on record."""

    checks: list[str] = field(default_factory=list)
    contacts: list[str] = field(default_factory=list)
    opt_outs: list[str] = field(default_factory=list)


class Server:
    """``ringklar serve`` on a free port, with all of its processes in a group of their own."""

    def __init__(self, environment: dict[str, str]) -> None:
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            self.port: int = found.getsockname()[1]
        self.log = Path(environment["RINGKLAR_DATA_DIR"]) / f"server-{self.port}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", "from cli.main import main; main()", "serve"],
                env={**environment, "RINGKLAR_BIND": f"127.0.0.1:{self.port}"},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + 60
        while not self._is_ready():
            assert self.process.poll() is None, self.log.read_text("utf-8")
            assert time.monotonic() < deadline, "the server did not get ready"
            time.sleep(0.05)

    def _is_ready(self) -> bool:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/health/ready")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def kill9(self) -> None:
        """Kill every process of the server at once, as a power cut would, and return once they are gone."""
        family = [*psutil.Process(self.process.pid).children(recursive=True)]
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(30)
        psutil.wait_procs(family, timeout=30)


def _load(port: int, seeded: Seeded, acknowledged: Acknowledged, caller: int, round_: int) -> None:
    """Check, log and opt out until the server is gone; write down what it answered."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)

    def post(path: str, role: Role, document: Mapping[str, object]) -> dict[str, object] | None:
        headers = {"Authorization": f"Bearer {seeded.keys[role]}", "Content-Type": "application/json"}
        connection.request("POST", path, json.dumps(document), headers)
        response = connection.getresponse()
        body = json.loads(response.read())
        assert isinstance(body, dict)
        return body if response.status in (200, 201) else None

    try:
        for turn in range(100_000):
            check = post("/v1/checks", Role.DIALER, {"number": FROM_PARTNER, "campaign": CAMPAIGN})
            assert check is not None
            acknowledged.checks.append(str(check["id"]))
            call = {"check_id": check["id"], "call_id": f"{round_}-{caller}-{turn}", "outcome": "no_answer"}
            if post("/v1/contacts", Role.DIALER, {**call, "started_at": check["checked_at"]}) is not None:
                acknowledged.contacts.append(f"{round_}-{caller}-{turn}")
            number = f"+4631390{600 + (turn * CALLERS + caller) % 100:04d}"
            no = {"numbers": [number], "seller": SELLER, "via": "phone"}
            if (answer := post("/v1/opt-outs", Role.CUSTOMER_SERVICE, no)) is not None:
                results = answer["results"]
                assert isinstance(results, list)
                acknowledged.opt_outs.append(str(results[0]["id"]))
    except (OSError, HTTPException, ValueError):
        return
    finally:
        connection.close()


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_acknowledged_outlives_kill_9(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    chosen, acknowledged = random.Random(f"kill-9 {kind}"), Acknowledged()
    with seeded_service(request, kind, tmp_path) as seeded:
        settings = seeded.service.settings
        secret = tmp_path / "secret-of-the-test"
        secret.write_bytes(b64encode(settings.secret))
        environment = {name: value for name, value in os.environ.items() if not name.startswith("RINGKLAR_")} | {
            "RINGKLAR_DATABASE_URL": settings.database_url,
            "RINGKLAR_DATA_DIR": str(settings.data_dir),
            "RINGKLAR_SECRET_FILE": str(secret),
            "RINGKLAR_WORKERS": "1" if kind == "sqlite" else "2",
            "RINGKLAR_THREADS": "8",
        }
        for round_ in range(ROUNDS):
            server = Server(environment)
            callers = [
                threading.Thread(target=_load, args=(server.port, seeded, acknowledged, caller, round_))
                for caller in range(CALLERS)
            ]
            for caller in callers:
                caller.start()
            before = len(acknowledged.checks)
            while len(acknowledged.checks) < before + 20:
                assert server.process.poll() is None
                time.sleep(0.005)
            time.sleep(chosen.uniform(0, 0.6))
            server.kill9()
            for caller in callers:
                caller.join(60)
        _assert_all_is_there(environment, acknowledged)


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
    assert len(acknowledged.checks) >= 20 * ROUNDS
    assert acknowledged.contacts
    assert acknowledged.opt_outs
    assert done.checks >= len(acknowledged.checks)
    assert done.differences == ()
    assert verified(service).findings == ()
    service.close()
