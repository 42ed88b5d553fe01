"""The databases that tests are given: migrated to the newest revision, empty, and each test's own."""

from contextlib import closing
from pathlib import Path

import pysqlite3.dbapi2 as sqlite
import pytest
from sqlalchemy import Engine, Table, func, select, text

from core.database import open_engine, rows_at_most
from dnc.models import OptOut
from dnc.reservations import Reservation
from leads.models import Lead
from migrations.revisions import current, head
from migrations.run import upgrade
from tests.databases import PostgresTemplate, SqliteTemplate
from tests.seeding import Seeded


def test_a_test_is_given_a_database_at_the_newest_revision(database_url: str) -> None:
    engine = open_engine(database_url, pool_size=1)

    assert current(engine) == head()

    engine.dispose()


def test_a_new_sqlite_file_is_its_owners_alone_and_one_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "new" / "ringklar.db"
    for mode in (0o600, 0o640):
        engine = open_engine(f"sqlite:///{path}", pool_size=1)
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE IF NOT EXISTS persons (name text)"))
            assert {one.stat().st_mode & 0o777 for one in path.parent.iterdir()} == {mode}
        engine.dispose()
        path.chmod(0o640)


def test_a_sqlite_file_of_other_pages_is_used_as_it_is_and_its_copy_has_those_of_a_new_one(tmp_path: Path) -> None:
    new, old, copy = (tmp_path / f"{name}.db" for name in ("new", "old", "copy"))
    with closing(sqlite.connect(old)) as early:
        early.execute("PRAGMA page_size = 4096")
        early.execute("PRAGMA journal_mode = WAL")
        early.execute("CREATE TABLE persons (name text)")
    for path in (new, old):
        upgrade(f"sqlite:///{path}")
    with closing(sqlite.connect(old)) as backup:
        backup.execute("PRAGMA page_size = 16384")
        backup.execute("VACUUM INTO ?", [str(copy)])

    sizes = {}
    for path in (new, old, copy):
        engine = open_engine(f"sqlite:///{path}", pool_size=1)
        assert current(engine) == head()
        with engine.begin() as connection:
            sizes[path.stem] = connection.execute(text("PRAGMA page_size")).scalar_one()
        engine.dispose()
    assert sizes == {"new": 16384, "old": 4096, "copy": 16384}


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


def test_how_many_rows_a_table_has_at_most_is_told_by_its_size(seeded: Seeded) -> None:
    with seeded.service.store.engine.connect() as connection:
        for model in (Lead, OptOut, Reservation):
            table: Table = model.__table__  # type: ignore[assignment] # SQLAlchemy types it as any FROM
            rows = connection.execute(select(func.count()).select_from(table)).scalar_one()
            at_most = rows_at_most(connection, table)
            if connection.dialect.name == "sqlite" and model is Reservation:  # it has no row numbers
                assert at_most is None
            else:
                assert at_most is not None
                assert at_most >= rows


def _has_the_table(engine: Engine) -> bool:
    with engine.connect() as connection:
        return engine.dialect.has_table(connection, "written_by_a_test")
