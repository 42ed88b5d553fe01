"""Many rows into one table in one statement: ``executemany`` in SQLite, ``COPY`` in PostgreSQL, in the transaction."""

from collections.abc import Callable, Sequence
from typing import Any, cast

from sqlalchemy import Connection, Dialect, Table, quoted_name
from sqlalchemy.schema import Column

Convert = Callable[[Any], Any]  # Any: a driver's own form of any value


class BulkInsert:
    """Inserts rows of ``columns`` into a table; a row is a sequence of values in that order."""

    def __init__(self, table: Table, columns: Sequence[str]) -> None:
        self._table = table
        self._columns: list[Column[Any]] = [table.c[name] for name in columns]  # Any: columns of every type

    def run(self, connection: Connection, rows: Sequence[Sequence[object]]) -> None:
        """Insert ``rows`` in the connection's transaction."""
        if not rows:
            return
        dialect = connection.dialect
        if dialect.name == "sqlite":
            marks = ", ".join("?" * len(self._columns))
            converts = [_convert(column, dialect) for column in self._columns]
            plain = [convert for convert in converts if convert is not None]
            given = _converted(rows, converts) if plain else rows
            statement = f"INSERT INTO {self._names()} VALUES ({marks})"  # noqa: S608 - names of our own tables
            connection.exec_driver_sql(statement, cast("Any", [tuple(row) for row in given]))
            return
        cursor = connection.connection.cursor()
        try:
            with cursor.copy(f"COPY {self._names()} FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        finally:
            cursor.close()

    def _names(self) -> str:
        return f"{quoted_name(self._table.name, quote=None)} ({', '.join(column.name for column in self._columns)})"


def _convert(column: Column[Any], dialect: Dialect) -> Convert | None:
    return cast("Convert | None", column.type.dialect_impl(dialect).bind_processor(dialect))


def _converted(rows: Sequence[Sequence[object]], converts: Sequence[Convert | None]) -> list[list[object]]:
    columns = [list(column) for column in zip(*rows, strict=True)]
    for place, convert in enumerate(converts):
        if convert is not None:
            columns[place] = [convert(value) for value in columns[place]]
    return [list(row) for row in zip(*columns, strict=True)]
