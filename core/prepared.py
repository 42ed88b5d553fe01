"""Statements whose SQL text is made once, for the few paths where making it would cost more than running it.

SQLAlchemy writes the SQL from the mapped tables; running it goes straight to the driver. Values are bound and read in
the forms of ``core.database``.
"""

from collections.abc import Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Dialect
from sqlalchemy.sql import ClauseElement

from core.database import from_microseconds, to_microseconds


class Prepared:
    """One statement; its text is made at the first use with each dialect."""

    def __init__(self, statement: ClauseElement) -> None:
        self._statement = statement
        self._text = lru_cache(maxsize=8)(self._make_text)

    def _make_text(self, dialect: Dialect) -> tuple[str, tuple[str, ...] | None]:
        compiled = self._statement.compile(dialect=dialect)
        names = getattr(compiled, "positiontup", None)
        return str(compiled), tuple(names) if names is not None else None

    def run(self, connection: Connection, values: dict[str, object] | Sequence[dict[str, object]]) -> Any:
        """Run with one set of values, or with each of several; return the driver's result.

        An instant among the values must be given through ``instant_value``.
        """
        text, names = self._text(connection.dialect)
        if names is None:
            return connection.exec_driver_sql(text, values)
        if isinstance(values, dict):
            return connection.exec_driver_sql(text, tuple(values[name] for name in names))
        return connection.exec_driver_sql(text, [tuple(row[name] for name in names) for row in values])

    def rows(self, connection: Connection, values: dict[str, object]) -> list[tuple[Any, ...]]:
        """Run and return every row, as the driver gives it; see ``read_instant`` and its neighbours."""
        result = self.run(connection, values)
        return list(result.cursor.fetchall())


def instant_value(dialect_name: str, value: datetime | None) -> object:
    """Return an aware instant in the form that the dialect's driver takes."""
    if value is None:
        return None
    if value.tzinfo is None:
        raise ValueError("an instant without a time zone was given to the database")
    return to_microseconds(value) if dialect_name == "sqlite" else value


def read_instant(value: Any) -> datetime:
    """Return an instant as ``rows`` gives it, aware and in UTC."""
    return value if isinstance(value, datetime) else from_microseconds(value)


def read_instant_or_none(value: Any) -> datetime | None:
    """Return an instant as ``rows`` gives it, or None for NULL."""
    return None if value is None else read_instant(value)


def read_date_or_none(value: Any) -> date | None:
    """Return a date as ``rows`` gives it, or None for NULL."""
    return value if value is None or isinstance(value, date) else date.fromisoformat(value)
