"""Connections that are opened and send nothing must not hold up a check: the real server, over real TCP."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from core.access import Role
from tests.seeding import CAMPAIGN, FROM_PARTNER, seed

IDLE_CONNECTIONS = 20
ANSWERED_WITHIN = 5.0
"""Seconds. A server whose threads idle connections can use up answers after about ten."""
STARTED_WITHIN = 60.0
ROOT = Path(__file__).parents[2]


@contextmanager
def serving(database_url: str, folder: Path) -> Iterator[int]:
    """Run ``ringklar serve`` on a free port and give the port; end it with everything it started."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RINGKLAR_", "GUNICORN_"))}
    environment = kept | {
        "RINGKLAR_DATABASE_URL": database_url,
        "RINGKLAR_DATA_DIR": str(folder),
        "RINGKLAR_SECRET": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",  # the seed's: bytes 0 to 31
        "RINGKLAR_BIND": f"127.0.0.1:{port}",
        "RINGKLAR_WORKERS": "1",
    }
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-c", "from cli.main import main; main()", "serve"],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            wait_until_live(server, port, folder / "server.log")
            yield port
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(server.pid, signal.SIGKILL)
                server.wait(10)


def wait_until_live(server: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    """Return once the server answers; fail with its log if it ends or takes too long."""
    deadline = time.monotonic() + STARTED_WITHIN
    while server.poll() is None and time.monotonic() < deadline:
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
                connection.request("GET", "/health/ready")
                status = connection.getresponse().status
        except OSError:
            time.sleep(0.05)
            continue
        assert status == 200
        return
    pytest.fail(f"the server did not come up: {log.read_text('utf-8')}")


def test_a_check_is_answered_while_idle_connections_are_open(sqlite_url: str, tmp_path: Path) -> None:
    seeded = seed(sqlite_url, tmp_path)
    seeded.service.close()
    key = seeded.keys[Role.DIALER]
    with serving(sqlite_url, tmp_path) as port, ExitStack() as held:
        idle = [held.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(IDLE_CONNECTIONS)]

        connection = held.enter_context(closing(http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWERED_WITHIN)))
        connection.request(
            "POST",
            "/v1/checks",
            body=json.dumps({"number": FROM_PARTNER, "campaign": CAMPAIGN}),
            headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
        )
        response = connection.getresponse()
        check = json.loads(response.read())

        assert response.status == 201
        assert check["number"] == FROM_PARTNER
        for one in idle:
            one.setblocking(False)
            with pytest.raises(BlockingIOError):
                one.recv(1)
