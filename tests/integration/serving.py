"""A real server under load, in processes of its own, and what it acknowledged."""

import json
import os
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

from core.access import Role
from tests.seeding import CAMPAIGN, FROM_PARTNER, SELLER, Seeded


@dataclass(slots=True)
class Acknowledged:
    """What the server said is on record, and every status that it answered with."""

    checks: list[str] = field(default_factory=list)
    contacts: list[str] = field(default_factory=list)
    opt_outs: list[str] = field(default_factory=list)
    statuses: set[int] = field(default_factory=set)


def environment_of(seeded: Seeded, folder: Path, *, workers: int) -> dict[str, str]:
    """Return the environment of processes on the same installation."""
    settings = seeded.service.settings
    secret = folder / "secret-of-the-test"
    secret.write_bytes(b64encode(settings.secret))
    return {name: value for name, value in os.environ.items() if not name.startswith("RINGKLAR_")} | {
        "RINGKLAR_DATABASE_URL": settings.database_url,
        "RINGKLAR_DATA_DIR": str(settings.data_dir),
        "RINGKLAR_SECRET_FILE": str(secret),
        "RINGKLAR_WORKERS": str(workers),
        "RINGKLAR_THREADS": "8",
    }


class Command:
    """``ringklar`` with some arguments, with all of its processes in a group of their own."""

    def __init__(self, environment: dict[str, str], *arguments: str) -> None:
        with (Path(environment["RINGKLAR_DATA_DIR"]) / f"{arguments[0]}.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", "from cli.main import main; main()", *arguments],
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill9(self) -> None:
        """Kill every process of it at once, as a power cut would, and return once they are gone."""
        family = [*psutil.Process(self.process.pid).children(recursive=True)]
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(30)
        psutil.wait_procs(family, timeout=30)


class Server(Command):
    """``ringklar serve`` on a port that stays its own through ``kill9`` and another start."""

    def __init__(self, environment: dict[str, str], port: int | None = None) -> None:
        self.port = port or _free_port()
        super().__init__({**environment, "RINGKLAR_BIND": f"127.0.0.1:{self.port}"}, "serve")
        self.wait()

    def wait(self) -> None:
        """Return once it is ready."""
        deadline = time.monotonic() + 60
        while not self._is_ready():
            assert self.process.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server did not get ready"
            time.sleep(0.05)

    def workers(self) -> list[psutil.Process]:
        """Return the processes that answer."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def _is_ready(self) -> bool:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/health/ready")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Client:
    """One caller with a connection of its own."""

    def __init__(self, port: int, seeded: Seeded, timeout: float = 60.0) -> None:  # a busy machine may take as long
        self.connection = HTTPConnection("127.0.0.1", port, timeout=timeout)
        self._keys = seeded.keys

    def post(self, path: str, role: Role, document: Mapping[str, object]) -> tuple[int, dict[str, object]]:
        """Return the status and the body; raises OSError, HTTPException or ValueError if there is no whole answer."""
        headers = {"Authorization": f"Bearer {self._keys[role]}", "Content-Type": "application/json"}
        self.connection.request("POST", path, json.dumps(document), headers)
        response = self.connection.getresponse()
        body = json.loads(response.read())
        assert isinstance(body, dict)
        return response.status, body

    def check(self, number: str = FROM_PARTNER) -> tuple[int, dict[str, object]]:
        """Ask whether the number may be called."""
        return self.post("/v1/checks", Role.DIALER, {"number": number, "campaign": CAMPAIGN})


def load(
    port: int, seeded: Seeded, acknowledged: Acknowledged, stop: threading.Event, caller: int, callers: int
) -> None:
    """Check, log and opt out until told to stop, through whatever happens; write down what was answered."""
    client = Client(port, seeded)
    for turn in range(1_000_000):
        if stop.is_set():
            break
        try:
            _turn(client, acknowledged, caller, callers, turn)
        except (OSError, HTTPException, ValueError):
            client.connection.close()
            time.sleep(0.02)
    client.connection.close()


def _turn(client: Client, acknowledged: Acknowledged, caller: int, callers: int, turn: int) -> None:
    status, check = client.check()
    acknowledged.statuses.add(status)
    if status == 201:
        acknowledged.checks.append(str(check["id"]))
        call_id = f"{caller}-{turn}"
        call = {"check_id": check["id"], "call_id": call_id, "outcome": "no_answer", "started_at": check["checked_at"]}
        status, _ = client.post("/v1/contacts", Role.DIALER, call)
        acknowledged.statuses.add(status)
        if status == 201:
            acknowledged.contacts.append(call_id)
    number = f"+4631390{600 + (turn * callers + caller) % 100:04d}"
    no = {"numbers": [number], "seller": SELLER, "via": "phone"}
    status, answer = client.post("/v1/opt-outs", Role.CUSTOMER_SERVICE, no)
    acknowledged.statuses.add(status)
    if status == 200:
        results = answer["results"]
        assert isinstance(results, list)
        acknowledged.opt_outs.append(str(results[0]["id"]))
