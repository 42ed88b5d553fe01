"""Arrays as PostgreSQL reads them: every text comes back as it was given."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, text

from core.prepared import array_literal

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
