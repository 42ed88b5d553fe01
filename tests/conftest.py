"""What every test may ask for. Nothing here is started before a test asks."""

from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from hypothesis import settings
from pydantic.json_schema import models_json_schema

import core.access
import web.openapi
from tests.databases import PostgresTemplate, SqliteTemplate
from tests.postgres import PostgresServer, postgres_server

settings.register_profile("ringklar", deadline=None)  # a loaded machine is not a fault
settings.load_profile("ringklar")
core.access._passwords = PasswordHasher(
    time_cost=1, memory_cost=1024, parallelism=1
)  # quick: no test is about strength
_schemas_of = cache(models_json_schema)


def _schemas_once(models: Iterable[Any], **how: str) -> Any:  # Any: what pydantic takes and gives
    """Return the schemas of these models as they were first made: most of what an application's start costs."""
    return _schemas_of(tuple(models), **how)


web.openapi.models_json_schema = _schemas_once  # type: ignore[attr-defined, assignment] # the one call that there is fits


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Return a real PostgreSQL server, one for the session (and for each worker); it keeps nothing through a crash."""
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> SqliteTemplate:
    """Return the migrated SQLite file that each test's own is copied from."""
    return SqliteTemplate(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="session")
def postgres_template(postgres: PostgresServer) -> PostgresTemplate:
    """Return the migrated PostgreSQL database that each test's own is copied from."""
    return PostgresTemplate(postgres)


@pytest.fixture
def sqlite_url(sqlite_template: SqliteTemplate, tmp_path: Path) -> Iterator[str]:
    """Return the URL of a migrated, empty SQLite database of this test's own."""
    with sqlite_template.copy(tmp_path) as url:
        yield url


@pytest.fixture
def postgres_url(postgres_template: PostgresTemplate) -> Iterator[str]:
    """Return the URL of a migrated, empty PostgreSQL database of this test's own."""
    with postgres_template.copy() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Return the URL of a migrated, empty database of this test's own; the test runs once on each kind."""
    fixture = {"sqlite": "sqlite_url", "postgresql": "postgres_url"}[request.param]
    url: str = request.getfixturevalue(fixture)
    return url
