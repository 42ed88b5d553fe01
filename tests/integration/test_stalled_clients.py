"""Clients that stop half-way must not keep the server from others: the real server, over real TCP."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from core.access import Role
from tests.integration.seeds import seeded_service
from tests.integration.serving import Client, Server, environment_of
from tests.seeding import Seeded

STALLED = 12
"""More than the server has threads."""
ANSWERED_WITHIN = 90.0
"""Seconds: a client is let go after thirty, and its thread may have taken a second one meanwhile."""
ASKED = 200
"""Answers of more than a hundred kilobytes each: more than fits between server and client."""


@pytest.fixture
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Seeded, Server]]:
    """Return a server with eight threads, and what it was seeded with."""
    with seeded_service(request, "sqlite", tmp_path) as seeded:
        server = Server(environment_of(seeded, tmp_path, workers=1))
        yield seeded, server
        server.kill9()


def half_a_check(seeded: Seeded) -> bytes:
    """Return the beginning of a check whose rest never comes."""
    key = seeded.keys[Role.DIALER]
    lines = ["POST /v1/checks HTTP/1.1", "Host: localhost", f"Authorization: Bearer {key}"]
    return "\r\n".join([*lines, "Content-Type: application/json", "Content-Length: 1000", "", "{"]).encode()


def half_a_head(_seeded: Seeded) -> bytes:
    """Return the beginning of a request whose rest never comes."""
    return b"POST /v1/checks HTTP/1.1\r\nHost: loc"


def much_that_nobody_reads(_seeded: Seeded) -> bytes:
    """Return requests whose answers are never taken."""
    return b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * ASKED


@pytest.mark.parametrize(
    ("sent", "told", "checks"),
    [
        (half_a_check, b"HTTP/1.1 400", 1),
        (half_a_head, b"", 1),
        # They are served in turn with the checks, so by the last of these each has stopped.
        (much_that_nobody_reads, b"HTTP/1.1 200", ASKED),
    ],
)
def test_checks_are_answered_though_many_clients_stopped_half_way(
    served: tuple[Seeded, Server], sent: Callable[[Seeded], bytes], told: bytes, checks: int
) -> None:
    seeded, server = served
    with ExitStack() as held:
        stalled = [held.enter_context(socket.socket()) for _ in range(STALLED)]
        for one in stalled:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            one.connect(("127.0.0.1", server.port))
            one.sendall(sent(seeded))
        connection = held.enter_context(closing(HTTPConnection("127.0.0.1", server.port, timeout=ANSWERED_WITHIN)))
        client = Client(server.port, seeded)
        client.connection = connection

        assert [client.check()[0] for _ in range(checks)] == [201] * checks
        assert stalled[0].recv(len(told) or 1) == told
