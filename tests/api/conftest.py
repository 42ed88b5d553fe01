"""The seeded application, for one test on both databases, on SQLite alone, or for a whole file of tests."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from tests.api.calling import Ringklar, SeededTemplate, captured_log
from tests.api.hostile import ECHOES, Watch
from tests.databases import SqliteTemplate
from tests.postgres import PostgresServer
from tests.seeding import Seeded, seed

MIGRATED, SEEDED = "migrated", "seeded_for_api"
_numbers = count(1)


@pytest.fixture(scope="session")
def seeded_sqlite(
    sqlite_template: SqliteTemplate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SeededTemplate]:
    """Return the seeded SQLite file that each test's own is copied from."""
    folder = tmp_path_factory.mktemp("seeded")
    with sqlite_template.copy(folder) as url:
        file = Path(url.removeprefix("sqlite:///"))

        @contextmanager
        def copy_file(to: Path) -> Iterator[str]:
            shutil.copyfile(file, to / "ringklar.sqlite")
            yield f"sqlite:///{to / 'ringklar.sqlite'}"

        yield SeededTemplate(url, folder, copy_file)


@pytest.fixture(scope="session")
def seeded_postgres(
    postgres: PostgresServer, postgres_template: object, tmp_path_factory: pytest.TempPathFactory
) -> SeededTemplate:
    """Return the seeded PostgreSQL database that each test's own is copied from."""
    postgres.create_database(SEEDED, template=MIGRATED)

    @contextmanager
    def copy_database(_to: Path) -> Iterator[str]:
        name = f"api_{next(_numbers)}"
        postgres.create_database(name, template=SEEDED)
        yield postgres.url_for(name)
        postgres.drop_database(name)

    return SeededTemplate(postgres.url_for(SEEDED), tmp_path_factory.mktemp("seeded"), copy_database)


def seeded_on(request: pytest.FixtureRequest, kind: str) -> SeededTemplate:
    """Return the seeded database of a kind; the other kind is not started for it."""
    template: SeededTemplate = request.getfixturevalue(
        {"sqlite": "seeded_sqlite", "postgresql": "seeded_postgres"}[kind]
    )
    return template


@pytest.fixture(params=["sqlite", "postgresql"])
def ringklar(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ringklar]:
    """Return the application over a seeded database of this test's own; the test runs once on each kind."""
    with seeded_on(request, request.param).running(tmp_path) as application:
        yield application


@pytest.fixture
def on_sqlite(seeded_sqlite: SeededTemplate, tmp_path: Path) -> Iterator[Ringklar]:
    """Return the application over a seeded SQLite database of this test's own."""
    with seeded_sqlite.running(tmp_path) as application:
        yield application


@pytest.fixture
def seeded(sqlite_url: str, tmp_path: Path) -> Iterator[Seeded]:
    """Return a seeded service, for the console: on SQLite, where one kind of database tells all."""
    made = seed(sqlite_url, tmp_path)
    yield made
    made.service.close()


@pytest.fixture
def app(seeded: Seeded) -> Flask:
    """Return the application of the seeded service."""
    return create_app(seeded.service)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Return a browser that nobody has signed in with."""
    return app.test_client()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ringklar]:
    """Return an application that all tests of a file share, for tests that leave nothing behind; on both databases."""
    with seeded_on(request, request.param).running(tmp_path_factory.mktemp("shared")) as application:
        yield application


@pytest.fixture(scope="module")
def rows_left(shared: Ringklar) -> dict[str, int]:
    """Return how many rows each table held when a test was last watched; at first, when the file's tests began."""
    return shared.row_counts()


@pytest.fixture
def watch(shared: Ringklar, rows_left: dict[str, int]) -> Iterator[Watch]:
    """Return the watch over one test: at its end every table holds as many rows as before, and the log no echo."""
    before = dict(rows_left)
    with captured_log() as log:
        yield Watch(shared)
    rows_left.update(shared.row_counts())
    assert rows_left == before
    for echo in ECHOES:
        assert echo not in log.getvalue()
    for line in log.getvalue().splitlines():
        assert json.loads(line)["level"] in {"info", "warning"}, line
