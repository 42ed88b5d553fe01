"""Many rows into one table in one statement: ``executemany`` in SQLite, ``COPY`` in PostgreSQL, in the transaction."""

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import polars as pl
from sqlalchemy import Connection, Table, quoted_name

from core.prepared import as_sqlalchemy_says

Row = tuple[object, ...]
AT_ONCE = 10_000
"""Rows that are held in the driver's form at a time."""
TOGETHER = 20
"""Rows of a frame that one statement inserts in SQLite: a third less time than one by one. More gain nothing."""
_INSTANT = "%Y-%m-%d %H:%M:%S%.6f+00"
_ESCAPED = r"[\\\t\n\r]"
_ESCAPES = {"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"}


class BulkInsert:
    """Inserts rows of ``columns`` into a table; a row holds values as the driver takes them, in that order."""

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
        if connection.dialect.name == "sqlite":
            _run(connection, self._insert, lambda cursor: cursor.executemany(self._insert, rows))
        else:
            _run(connection, self._copy, lambda cursor: _copy_rows(cursor, self._copy, rows))


class FrameInsert:
    """Inserts the columns of a frame into a table, with the same few numbers in every row.

    ``instants`` are the columns that hold microseconds since 1970; a day is ISO 8601 text.
    """

    def __init__(self, table: Table, columns: Sequence[str], constants: Sequence[str], instants: Sequence[str]) -> None:
        self._table = quoted_name(table.name, quote=None)
        self._columns, self._constants = tuple(columns), tuple(constants)
        self._instants = tuple(instants)

    def run(self, connection: Connection, frame: pl.DataFrame, constants: Mapping[str, int]) -> None:
        """Insert the frame's rows in the connection's transaction.

        Raises:
            DBAPIError: as SQLAlchemy would, without the values.
        """
        if frame.is_empty():
            return
        if connection.dialect.name == "sqlite":
            with _no_collection():
                for part in frame.select(self._columns).iter_slices(AT_ONCE):
                    self._insert(connection, part, constants)
        else:
            statement = f"COPY {self._table} ({', '.join([*self._columns, *self._constants])}) FROM STDIN"
            written = frame.select(
                *(self._as_written(frame[name]) for name in self._columns),
                *(pl.lit(constants[name]).alias(name) for name in self._constants),
            )
            _run(connection, statement, lambda cursor: _copy(cursor, statement, written))

    def _insert(self, connection: Connection, part: pl.DataFrame, constants: Mapping[str, int]) -> None:
        """Insert some rows, ``TOGETHER`` by each statement but the last."""
        width = len(self._columns)
        values: list[object] = [None] * (width * len(part))
        for place, column in enumerate(part):  # a column at a time: half the cost of rows
            values[place::width] = column.to_list()
        rest = len(values) % (width * TOGETHER)
        last = len(values) - rest
        if last:
            starts = range(0, last, width * TOGETHER)
            statement = self._statement(TOGETHER, constants)
            _insert(connection, statement, (values[start : start + width * TOGETHER] for start in starts))
        if rest:
            _insert(connection, self._statement(rest // width, constants), [values[last:]])

    def _statement(self, rows: int, constants: Mapping[str, int]) -> str:
        """Return SQLite's statement that inserts so many rows.

        A row that is refused ends the transaction in any case: ``OR FAIL`` spares the notes by which the statement
        alone could be undone.
        """
        row = ", ".join([*("?" * len(self._columns)), *(str(int(constants[name])) for name in self._constants)])
        named = ", ".join([*self._columns, *self._constants])
        return f"INSERT OR FAIL INTO {self._table} ({named}) VALUES {', '.join([f'({row})'] * rows)}"  # noqa: S608 - our own names and numbers

    def _as_written(self, column: pl.Series) -> pl.Series:
        """Return the column as PostgreSQL's text form of COPY has it."""
        if column.name in self._instants:
            distinct = column.unique()  # few: to write an instant out costs more than to find it again
            texts = pl.DataFrame([distinct]).select(pl.from_epoch(column.name, time_unit="us").dt.strftime(_INSTANT))
            return column.replace_strict(distinct, texts.to_series())
        if column.dtype == pl.String and column.str.contains(_ESCAPED).any():
            for character, escaped in _ESCAPES.items():
                column = column.str.replace_all(character, escaped, literal=True)
        return column


def _run(connection: Connection, statement: str, work: Callable[[Any], object]) -> None:  # Any: the driver's cursor
    if not connection.in_transaction():
        connection.begin()
    cursor = connection.connection.cursor()
    try:
        work(cursor)
    except Exception as error:
        raise as_sqlalchemy_says(error, statement, connection) from error
    finally:
        cursor.close()


def _copy_rows(cursor: Any, statement: str, rows: Sequence[Row]) -> None:  # Any: psycopg's cursor
    with cursor.copy(statement) as copy:
        write = copy.write_row
        for row in rows:
            write(row)


def _insert(connection: Connection, statement: str, rows: Iterable[Sequence[object]]) -> None:
    _run(connection, statement, lambda cursor: cursor.executemany(statement, rows))


def _copy(cursor: Any, statement: str, frame: pl.DataFrame) -> None:  # Any: psycopg's cursor
    with cursor.copy(statement) as copy:
        for part in frame.iter_slices(AT_ONCE):
            content = BytesIO()
            part.write_csv(content, include_header=False, separator="\t", quote_style="never", null_value="\\N")
            copy.write(content.getbuffer())


@contextmanager
def _no_collection() -> Iterator[None]:
    """Hold the garbage collector: it would look through the many new rows again and again, and find nothing."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
