"""Seeded services for the integration tests: each on a database of the test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.leader import Election, Leadership
from service import Service
from tests.integration.seeds import KINDS, seeded_service
from tests.registers import service_for
from tests.seeding import Seeded


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
def service(database_url: str, tmp_path: Path) -> Iterator[Service]:
    """Return a service without data, on each kind of database, whose clock stands at noon on 20 November 2026."""
    built = service_for(database_url, tmp_path / "var")
    yield built
    built.close()


@pytest.fixture
def leadership(service: Service) -> Iterator[Leadership]:
    """Return this process's term as leader."""
    election = Election(service.store, service.settings.database_url)
    term = election.campaign()
    assert term is not None
    yield term
    term.resign()
    election.close()
