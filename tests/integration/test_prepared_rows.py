"""Arrays as PostgreSQL reads them, and rows in and out of both databases: all comes back as it was given."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import (
    BigInteger,
    Column,
    Engine,
    MetaData,
    String,
    Table,
    bindparam,
    cast,
    create_engine,
    literal_column,
    null,
    select,
    text,
    union_all,
)

from core.prepared import MANY, PreparedRead, PreparedRows, array_literal
from tests.integration.seeds import KINDS

TEXTS = st.none() | st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12)
ODD = ["", "NULL", "null", '"', "\\", '\\"', "{}", ",", " a ", "å\n\t", "'", "$1", "%s"]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(TEXTS, max_size=6))
def test_every_text_comes_back_as_it_was_given(postgres_url: str, texts: list[str | None]) -> None:
    assert read(postgres_url, "text[]", [*texts, *ODD]) == [*texts, *ODD]


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("bigint[]", [46701740605, None, -1]),
        ("boolean[]", [True, False, None]),
        ("timestamptz[]", [datetime(2026, 11, 24, 9, 0, 0, 123456, tzinfo=UTC), None]),
        ("text[]", []),
    ],
)
def test_other_values_come_back_too(postgres_url: str, kind: str, values: list[Any]) -> None:
    assert read(postgres_url, kind, values) == values


def test_a_value_of_another_type_is_refused() -> None:
    with pytest.raises(TypeError):
        array_literal([b"bytes"])


def read(url: str, kind: str, values: list[Any]) -> list[Any]:
    """Return what PostgreSQL makes of the literal."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        found = connection.execute(text(f"SELECT CAST(:given AS {kind})"), {"given": array_literal(values)}).scalar()
    engine.dispose()
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize("count", [0, 1, 3, 4, 15, 21, MANY, MANY + 1])
@pytest.mark.parametrize("kind", KINDS)
def test_any_number_of_rows_is_written_once_each_and_counted(
    request: pytest.FixtureRequest, kind: str, count: int
) -> None:
    rows = [(place, f'Å"\\{place}', None if place % 2 else place << 40) for place in range(count)]
    with engine_of(request, kind) as engine, engine.connect() as connection:
        TABLE.create(connection)
        assert ROWS.run(connection, rows) == count
        again = [*rows, (count, "new", None)]
        assert ROWS.run(connection, again) == 1, "whoever stands already is left alone"
        read = READ.rows(connection, {"least": 0})
        connection.rollback()

    assert sorted(read) == sorted([*again, (-1, "other", None)])


@contextmanager
def engine_of(request: pytest.FixtureRequest, kind: str) -> Iterator[Engine]:
    """Give an engine on an empty database, or on one where the test rolls back whatever it makes."""
    place: str = "sqlite://"
    if kind == "postgresql":
        place = request.getfixturevalue("postgres_url").replace("postgresql://", "postgresql+psycopg://")
    engine = create_engine(place)
    yield engine
    engine.dispose()


TABLE = Table(
    "odds", MetaData(), Column("no", BigInteger, primary_key=True), Column("a", String), Column("b", BigInteger)
)
ROWS = PreparedRows(TABLE, lambda insert: insert.on_conflict_do_nothing())
READ = PreparedRead(
    union_all(
        select(TABLE).where(TABLE.c.no >= bindparam("least")),
        select(
            literal_column("-1").label("no"), literal_column("'other'").label("a"), cast(null(), BigInteger).label("b")
        ),
    )
)
