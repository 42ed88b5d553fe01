"""Connections that are opened and send nothing must not hold up a check: the real server, over real TCP."""

import resource
import socket
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.integration.serving import Client, Server, environment_of
from tests.seeding import FROM_PARTNER, Seeded

IDLE_CONNECTIONS = 200
FEW_FILES = 128
ANSWERED_WITHIN = 5.0
"""Seconds. A server whose threads idle connections can use up answers after about half a minute."""


def test_a_check_is_answered_while_idle_connections_are_open(on_sqlite: Seeded, tmp_path: Path) -> None:
    environment = environment_of(on_sqlite, tmp_path, workers=1)
    del environment["RINGKLAR_THREADS"]  # as many as it has by itself
    server = Server(environment)
    try:
        with ExitStack() as held:
            address = ("127.0.0.1", server.port)
            idle = [held.enter_context(socket.create_connection(address)) for _ in range(IDLE_CONNECTIONS)]
            client = Client(server.port, on_sqlite, timeout=ANSWERED_WITHIN)
            held.enter_context(closing(client.connection))

            status, check = client.check()

            assert (status, check["number"]) == (201, FROM_PARTNER)
            for one in idle:
                one.setblocking(False)
                with pytest.raises(BlockingIOError):
                    one.recv(1)
    finally:
        server.kill9()


def test_more_dialers_keep_connections_open_than_the_system_lets_a_process_have_files(
    on_sqlite: Seeded, tmp_path: Path
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (FEW_FILES, hard))
    try:
        server = Server(environment_of(on_sqlite, tmp_path, workers=1))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    try:
        with ExitStack() as held:
            for _ in range(FEW_FILES):
                client = Client(server.port, on_sqlite, timeout=ANSWERED_WITHIN)
                held.enter_context(closing(client.connection))
                assert client.check()[0] == 201
    finally:
        server.kill9()
