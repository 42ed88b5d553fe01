"""Seeded services for the integration tests: each on a database of the test's own."""

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from core.clock import SystemClock
from core.store import Store
from jobs.beside import Readers
from jobs.lead_inbox import LeadInbox
from jobs.leader import Election, Leadership
from service import Service
from tests.deliveries import add_origins
from tests.integration.seeds import KINDS, seeded_service
from tests.registers import NOON, service_for
from tests.seeding import TUESDAY_AT_TEN, Seeded


@pytest.fixture(params=KINDS)
def seeded(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Seeded]:
    """Return a seeded service, on each kind of database."""
    with seeded_service(request, request.param, tmp_path) as made:
        yield made


@pytest.fixture
def on_sqlite(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Seeded]:
    """Return a seeded service where one kind of database tells all."""
    with seeded_service(request, "sqlite", tmp_path) as made:
        yield made


@pytest.fixture
def on_the_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands run on the seeded day, from ten o'clock on: on another the register may be stale."""
    began = time.monotonic()
    monkeypatch.setattr(SystemClock, "now", lambda _: TUESDAY_AT_TEN + timedelta(seconds=time.monotonic() - began))


@pytest.fixture
def service(database_url: str, tmp_path: Path) -> Iterator[Service]:
    """Return a service without data, on each kind of database, whose clock stands at noon on 20 November 2026."""
    built = service_for(database_url, tmp_path / "var")
    yield built
    built.close()


@pytest.fixture
def store(service: Service) -> Store:
    """Return a store with two sellers, their suppliers and sources, at noon on 20 November 2026."""
    add_origins(service.store)
    return service.store


@pytest.fixture
def readers(service: Service) -> Iterator[Readers]:
    """Return what reads large files; none reads any more when the test ends."""
    made = Readers(service.settings)
    yield made
    made.wait()


@pytest.fixture
def inbox(store: Store, service: Service, readers: Readers) -> LeadInbox:
    """Return the inbox after its first look, which made a folder for each source; it looks again at once."""
    made = LeadInbox(service.settings, service.lead_files, readers, settle_seconds=0)
    assert made.pick_up(store, NOON) == {}
    return made


@pytest.fixture
def leadership(service: Service) -> Iterator[Leadership]:
    """Return this process's term as leader."""
    election = Election(service.store, service.settings.database_url)
    term = election.campaign()
    assert term is not None
    yield term
    term.resign()
    election.close()
