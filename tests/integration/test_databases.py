"""The databases that tests are given: migrated to the newest revision, empty, and each test's own."""

from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from core.database import open_engine
from migrations.revisions import current, head
from tests.databases import PostgresTemplate, SqliteTemplate


def test_a_test_is_given_a_database_at_the_newest_revision(database_url: str) -> None:
    engine = open_engine(database_url, pool_size=1)

    assert current(engine) == head()

    engine.dispose()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_what_one_test_writes_no_other_test_sees(
    kind: str, sqlite_template: SqliteTemplate, postgres_template: PostgresTemplate, tmp_path: Path
) -> None:
    copies = [sqlite_template.copy(tmp_path) if kind == "sqlite" else postgres_template.copy() for _ in range(2)]
    with copies[0] as first_url, copies[1] as second_url:
        first, second = open_engine(first_url, pool_size=1), open_engine(second_url, pool_size=1)
        with first.begin() as connection:
            connection.execute(text("CREATE TABLE written_by_a_test (id integer)"))

        assert _has_the_table(first)
        assert not _has_the_table(second)

        first.dispose()
        second.dispose()


def _has_the_table(engine: Engine) -> bool:
    with engine.connect() as connection:
        return engine.dialect.has_table(connection, "written_by_a_test")
