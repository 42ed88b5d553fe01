"""The metrics of a real server with several processes: its own, whatever other servers are started beside it."""

import re
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.integration.serving import Server, environment_of
from tests.seeding import Seeded


def _get(server: Server, path: str) -> str:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def _asked_for_the_api(server: Server) -> float:
    """Return how often the server says that its description was asked for."""
    counted = re.findall(
        r'^ringklar_http_requests_total{.*route="/openapi.json".*} (.+)$', _get(server, "/metrics"), re.MULTILINE
    )
    return sum(map(float, counted))


def test_a_server_that_is_started_beside_another_leaves_its_metrics_alone(
    on_sqlite: Seeded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "temporary"
    kept.mkdir()
    monkeypatch.setenv("TMPDIR", str(kept))
    environment = environment_of(on_sqlite, tmp_path, workers=2)
    servers = [Server(environment)]
    try:
        for _ in range(3):
            _get(servers[0], "/openapi.json")
        servers.append(Server(environment))
        _get(servers[1], "/openapi.json")
        _get(servers[0], "/openapi.json")

        assert [_asked_for_the_api(server) for server in servers] == [4.0, 1.0]

        for server in servers:
            server.process.terminate()
            server.process.wait(30)
        assert list(kept.iterdir()) == []
    finally:
        for server in servers:
            if server.process.poll() is None:
                server.kill9()
