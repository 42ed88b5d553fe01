"""A seeded service for each test, copied from one that was seeded once: on SQLite a file, on PostgreSQL a template."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from consent.grounds import record_consent
from consent.terms import Channel
from core.access import Caller, Role
from core.checkpoints import public_key
from core.clock import Clock, FixedClock
from core.exporting import ledger_lines
from core.numbers import Number
from core.verification import Verified, verify
from migrations.run import upgrade
from service import Service, build_service
from tests.databases import PostgresTemplate, SqliteTemplate
from tests.postgres import PostgresServer, postgres_server
from tests.seeding import OPERATOR, Seeded, seed, settings_for_tests

KINDS = ["sqlite", "postgresql"]
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class _Template:
    """A database that was seeded once, and the folder with its register snapshots."""

    place: str
    folder: Path
    seeded: Seeded


Preparation = Callable[[Seeded], None]
_templates: dict[tuple[str, Preparation | None], _Template] = {}


@contextmanager
def seeded_service(
    request: pytest.FixtureRequest,
    kind: str,
    folder: Path,
    clock: Clock | None = None,
    *,
    prepare: Preparation | None = None,
) -> Iterator[Seeded]:
    """Give a seeded service on a database of this test's own; its clock stands still unless one is given.

    What the function ``prepare`` puts on record beside is put there once, and copied with the rest.
    """
    if (kind, prepare) not in _templates:
        _templates[kind, prepare] = _make_template(request, kind, prepare)
    template, number = _templates[kind, prepare], next(_numbers)
    home = folder / f"seeded-{number}"
    shutil.copytree(template.folder / "registers", home / "registers")
    if kind == "sqlite":
        shutil.copyfile(template.place, home / "ringklar.db")
        url = f"sqlite:///{home / 'ringklar.db'}"
    else:
        postgres_of(request).create_database(f"seeded_{number}", template=template.place)
        url = postgres_of(request).url_for(f"seeded_{number}")
    fixed = FixedClock(template.seeded.clock.at)
    service = build_service(settings_for_tests(url, home), clock or fixed)
    try:
        yield replace(template.seeded, service=service, clock=fixed)
    finally:
        service.close()
        if kind == "postgresql":
            postgres_of(request).drop_database(f"seeded_{number}")


@contextmanager
def seeded_apart(
    request: pytest.FixtureRequest, kind: str, folder: Path
) -> Iterator[tuple[Seeded, PostgresServer | None]]:
    """Give a seeded service, on PostgreSQL with a durable server of its own that may be killed."""
    if kind == "sqlite":
        with seeded_service(request, kind, folder) as seeded:
            yield seeded, None
        return
    with postgres_server(durable=True) as server:
        server.create_database("apart")
        upgrade(server.url_for("apart"))
        seeded = seed(server.url_for("apart"), folder)
        try:
            yield seeded, server
        finally:
            seeded.service.close()


def _make_template(request: pytest.FixtureRequest, kind: str, prepare: Preparation | None) -> _Template:
    name = f"template_{next(_numbers)}"
    folder: Path = request.getfixturevalue("tmp_path_factory").mktemp(name)
    if kind == "sqlite":
        sqlite: SqliteTemplate = request.getfixturevalue("sqlite_template")
        with sqlite.copy(folder) as url:
            place = url.removeprefix("sqlite:///")
    else:
        postgres: PostgresTemplate = request.getfixturevalue("postgres_template")
        postgres_of(request).create_database(name, template=postgres.NAME)
        place, url = name, postgres_of(request).url_for(name)
    made = seed(url, folder)
    if prepare is not None:
        prepare(made)
    made.service.close()
    return _Template(place, folder, made)


def postgres_of(request: pytest.FixtureRequest) -> PostgresServer:
    """Return the session's PostgreSQL server, started when it is first asked for."""
    server: PostgresServer = request.getfixturevalue("postgres")
    return server


def beside(seeded: Seeded, clock: Clock | None = None) -> Service:
    """Return a second service on the same database and folder, as another node would be; the test closes it."""
    return build_service(seeded.service.settings, clock or seeded.clock)


def dialer_of(seeded: Seeded, seller_id: str | None = None) -> Caller:
    """Return a dialer of the first seller, or of the one given."""
    return Caller("dialer-1", "dialer", "key", Role.DIALER, seller_id or seeded.seller_id)


def verified(service: Service) -> Verified:
    """Return what a verification of the whole ledger in the database finds."""
    key = public_key(service.keyring)
    with service.store.snapshot() as session:
        return verify(ledger_lines(session, key), key)


def consented(seeded: Seeded, number: Number, node: Service | None = None, expires_at: datetime | None = None) -> str:
    """Record a consent to calls, given to the seller by name a day ago, on a node; return its id."""
    node = node or seeded.service
    with node.store.writing() as session:
        return record_consent(
            session,
            OPERATOR,
            keyring=node.keyring,
            seller_id=seeded.seller_id,
            number=number,
            channels=frozenset({Channel.VOICE}),
            names_seller=True,
            text_version="2026-1",
            evidence={"form": "web-7"},
            given_at=node.clock.now() - timedelta(days=1),
            expires_at=expires_at,
            now=node.clock.now(),
        ).id
