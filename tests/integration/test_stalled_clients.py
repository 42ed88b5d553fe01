"""Clients that stop half-way must not keep the server from others: the real server, over real TCP."""

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Stalling:
    """What clients send before they stop, the first that they are told, and how many checks are asked meanwhile."""

    sent: Callable[[Seeded], bytes]
    told: bytes
    checks: int


# Of the last, answers are given in turn with the checks, so by the last of these each of its clients has stopped.
STALLINGS = (
    Stalling(half_a_check, b"HTTP/1.1 400", 1),
    Stalling(half_a_head, b"", 1),
    Stalling(much_that_nobody_reads, b"HTTP/1.1 200", ASKED),
)


@contextmanager
def stalled(request: pytest.FixtureRequest, folder: Path, stalling: Stalling) -> Iterator[Callable[[], None]]:
    """Have a server of its own whose clients stop so, more than it has threads, and give what asks the checks of it."""
    with ExitStack() as held:
        seeded = held.enter_context(seeded_service(request, "sqlite", folder))
        server = Server(environment_of(seeded, folder, workers=1))
        held.callback(server.kill9)
        clients = [held.enter_context(socket.socket()) for _ in range(STALLED)]
        for one in clients:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            one.connect(("127.0.0.1", server.port))
            one.sendall(stalling.sent(seeded))

        def ask() -> None:
            client = Client(server.port, seeded, timeout=ANSWERED_WITHIN)
            with closing(client.connection):
                assert [client.check()[0] for _ in range(stalling.checks)] == [201] * stalling.checks
            assert clients[0].recv(len(stalling.told) or 1) == stalling.told

        yield ask


def test_checks_are_answered_though_many_clients_stopped_half_way(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Each way of stopping meets a server of its own, all at once: half a minute passes for all of them together."""
    with ExitStack() as held:
        asks = {one.sent.__name__: held.enter_context(stalled(request, tmp_path, one)) for one in STALLINGS}
        with ThreadPoolExecutor(len(asks)) as pool:
            asked = {name: pool.submit(ask) for name, ask in asks.items()}
            assert {name: one.exception() for name, one in asked.items()} == dict.fromkeys(asks)
