"""Many rows into one table in one statement: ``executemany`` in SQLite, ``COPY`` in PostgreSQL, in the transaction."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Table, quoted_name

from core.database import to_microseconds
from core.prepared import as_sqlalchemy_says

Row = tuple[object, ...]


class BulkInsert:
    """Inserts rows of ``columns`` into a table; a row holds values as the driver takes them, in that order.

    An instant is given in ``instants_of`` the dialect, a day as ISO 8601 text.
    """

    def __init__(self, table: Table, columns: Sequence[str]) -> None:
        named = f"{quoted_name(table.name, quote=None)} ({', '.join(table.c[name].name for name in columns)})"
        self._insert = f"INSERT INTO {named} VALUES ({', '.join('?' * len(columns))})"  # noqa: S608 - our own names
        self._copy = f"COPY {named} FROM STDIN"

    def run(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Insert ``rows`` in the connection's transaction.

        Raises:
            DBAPIError: as SQLAlchemy would, without the values.
        """
        if not rows:
            return
        on_sqlite = connection.dialect.name == "sqlite"
        statement = self._insert if on_sqlite else self._copy
        cursor = connection.connection.cursor()
        try:
            if on_sqlite:
                cursor.executemany(statement, rows)
            else:
                _copy(cursor, statement, rows)
        except Exception as error:
            raise as_sqlalchemy_says(error, statement, connection) from error
        finally:
            cursor.close()


def _copy(cursor: Any, statement: str, rows: Sequence[Row]) -> None:  # Any: psycopg's cursor
    with cursor.copy(statement) as copy:
        write = copy.write_row
        for row in rows:
            write(row)


def instants_of(dialect_name: str) -> Callable[[datetime], object]:
    """Return what puts aware instants into the form that ``BulkInsert`` takes; it remembers those it has seen."""
    convert: Callable[[datetime], object] = to_microseconds if dialect_name == "sqlite" else datetime.isoformat
    return lru_cache(maxsize=8192)(convert)
