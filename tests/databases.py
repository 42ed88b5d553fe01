"""Empty, migrated databases for the tests, each a copy of a template that the migrations made once."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from migrations.run import upgrade
from tests.postgres import PostgresServer

_numbers = count(1)


class SqliteTemplate:
    """One migrated SQLite file, to be copied."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "template.sqlite"
        upgrade(f"sqlite:///{self._file}")
        log = self._file.with_name(f"{self._file.name}-wal")
        assert not log.exists() or log.stat().st_size == 0, "the migrations left a connection open"

    @contextmanager
    def copy(self, directory: Path) -> Iterator[str]:
        """Give the URL of a fresh copy in ``directory``, which the caller removes."""
        file = directory / f"ringklar-{next(_numbers)}.sqlite"
        shutil.copyfile(self._file, file)
        yield f"sqlite:///{file}"


class PostgresTemplate:
    """One migrated PostgreSQL database, to be copied on its server."""

    NAME = "migrated"

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        server.create_database(self.NAME)
        upgrade(server.url_for(self.NAME))

    @contextmanager
    def copy(self) -> Iterator[str]:
        """Give the URL of a fresh copy, and drop it afterwards with every connection left open to it."""
        name = f"test_{next(_numbers)}"
        self._server.create_database(name, template=self.NAME)
        yield self._server.url_for(name)
        self._server.drop_database(name)
