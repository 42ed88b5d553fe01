"""Statements whose SQL text is made once, for the few paths where making it would cost more than running it.

SQLAlchemy writes the SQL from the mapped tables; running it goes straight to the driver. Values are bound and read in
the forms of ``core.database``.
"""

import json
from collections.abc import Callable, Sequence
from datetime import date, datetime
from functools import cache, cached_property, lru_cache
from typing import Any

from sqlalchemy import Connection, Dialect, FromClause, Table, bindparam, cast, func, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import ClauseElement, CompoundSelect, Select

from core.clock import from_microseconds, to_microseconds

Values = dict[str, object]
FEW = (32, 16, 8, 4, 2, 1)
"""SQLite takes few rows in statements of so many; of more than ``MANY`` the driver runs one statement for each."""
MANY = 200


class Prepared:
    """One statement; its text is made at the first use with each dialect.

    ``in_bytes``: PostgreSQL gives the rows as it has them, not as text, in which a BLOB is twice as long.
    """

    def __init__(self, statement: ClauseElement, *, in_bytes: bool = False) -> None:
        self._statement = statement
        self._in_bytes = in_bytes
        self._text = lru_cache(maxsize=8)(self._make_text)

    def _make_text(self, dialect: Dialect) -> tuple[str, tuple[str, ...]]:
        if dialect.name == "postgresql":
            dialect = _servers_own()
        compiled: Any = self._statement.compile(dialect=dialect)  # Any: a compiler that knows positions
        return str(compiled), tuple(compiled.positiontup or ())

    def run(self, connection: Connection, values: Values) -> int:
        """Run in the connection's transaction; return the row count.

        An instant among the values must be given through ``instant_value``.
        """
        cursor = self._cursor(connection, values)
        try:
            return int(cursor.rowcount)
        finally:
            cursor.close()

    def run_each(self, connection: Connection, rows: Sequence[tuple[object, ...]]) -> int:
        """Run with each of the rows, given in the order of the statement's own parameters; return the row count."""
        return self._run_by_place(connection, lambda cursor, text: cursor.executemany(text, rows))

    def run_with(self, connection: Connection, values: Sequence[object]) -> int:
        """Run with values in the order of the statement's own parameters; return the row count."""
        return self._run_by_place(connection, lambda cursor, text: cursor.execute(text, values))

    def _run_by_place(self, connection: Connection, run: Callable[[Any, str], object]) -> int:  # Any: a driver's cursor
        text, _names = self._text(connection.dialect)
        cursor = self._opened(connection, text, lambda cursor: run(cursor, text))
        try:
            return int(cursor.rowcount)
        finally:
            cursor.close()

    def rows(self, connection: Connection, values: Values) -> list[tuple[Any, ...]]:
        """Run and return every row, as the driver gives it; see ``read_instant`` and its neighbours."""
        cursor = self._cursor(connection, values)
        try:
            return list(cursor.fetchall())
        finally:
            cursor.close()

    def _cursor(self, connection: Connection, values: Values) -> Any:  # Any: the driver's cursor
        text, names = self._text(connection.dialect)
        given = [values[name] for name in names]
        if connection.dialect.name == "postgresql":
            given = [array_literal(value) if type(value) is list else value for value in given]
        return self._opened(connection, text, lambda cursor: cursor.execute(text, given))

    def _opened(self, connection: Connection, text: str, run: Callable[[Any], object]) -> Any:  # Any: as above
        if not connection.in_transaction():
            connection.begin()
        driver: Any = connection.connection.driver_connection  # Any: either driver's own
        if connection.dialect.name == "sqlite":
            cursor = driver.cursor()
        else:
            from psycopg import RawCursor  # where there is no PostgreSQL, a command starts without its driver

            cursor = RawCursor(driver)
            if self._in_bytes:
                from psycopg.pq import Format

                cursor.format = Format.BINARY
        try:
            run(cursor)
        except Exception as error:
            cursor.close()
            raise as_sqlalchemy_says(error, text, connection) from error
        return cursor


class PreparedRead(Prepared):
    """A read of integers and texts that SQLite gives as one JSON text, and PostgreSQL as rows.

    The driver of SQLite lets another thread in at each row; under load it would be let in again only after a while.
    """

    def __init__(self, statement: CompoundSelect[Any]) -> None:
        super().__init__(statement)
        self._whole = Prepared(select(func.json_group_array(func.json_array(*statement.subquery().c))))

    def rows(self, connection: Connection, values: Values) -> list[tuple[Any, ...]]:
        """Run and return every row, as the driver gives it."""
        if connection.dialect.name != "sqlite":
            return super().rows(connection, values)
        [(text,)] = self._whole.rows(connection, values)
        return [tuple(row) for row in json.loads(text)]


class PreparedRows:
    """One statement that writes any number of rows of a table, given as tuples in the order of its columns.

    PostgreSQL takes them as one array a column, in one statement; SQLite some in one statement, for the reason of
    ``PreparedRead``, or many row by row within the driver.
    """

    def __init__(self, table: FromClause, finish: Callable[[Any], Any] = lambda insert: insert) -> None:
        """``finish`` completes an INSERT of either dialect, such as with ON CONFLICT; Any: SQLAlchemy's two classes."""
        assert isinstance(table, Table)  # noqa: S101 - what a mapped class has
        self.names = tuple(column.name for column in table.columns)
        self._table, self._finish = table, finish
        self._insert_of = cache(self._make_insert)

    @cached_property
    def arrays(self) -> Any:  # Any: as finish
        """The INSERT as PostgreSQL takes it, to be part of a larger statement; its values come from ``columns``."""
        from sqlalchemy.dialects import postgresql  # where there is no PostgreSQL, a command starts without all of that

        arrays = [
            cast(bindparam(f"{self._table.name}_{one.name}"), postgresql.ARRAY(one.type)) for one in self._table.columns
        ]
        given = func.unnest(*arrays).table_valued(*self.names, name="given").render_derived()
        rows: Select[Any] = select(*(given.c[name] for name in self.names))
        return self._finish(postgresql.insert(self._table).from_select(self.names, rows))

    @cached_property
    def _alone(self) -> Prepared:
        return Prepared(self.arrays)

    def _make_insert(self, count: int) -> Prepared:
        """Return the INSERT of so many rows as SQLite takes it."""
        rows: list[Any] = [{name: bindparam(f"{name}_{place}") for name in self.names} for place in range(count)]
        return Prepared(self._finish(sqlite.insert(self._table).values(rows)))

    def columns(self, rows: Sequence[tuple[object, ...]]) -> Values:
        """Return the rows as PostgreSQL takes them: a list for each column."""
        lists = zip(*rows, strict=True) if rows else ((),) * len(self.names)
        return {f"{self._table.name}_{name}": list(one) for name, one in zip(self.names, lists, strict=True)}

    def run(self, connection: Connection, rows: Sequence[tuple[object, ...]]) -> int:
        """Write the rows in the connection's transaction, in order; return how many were written."""
        if connection.dialect.name == "postgresql":
            return self._alone.run(connection, self.columns(rows))
        if len(rows) > MANY:
            return self._insert_of(1).run_each(connection, rows)
        written = start = 0
        for count in FEW:
            while len(rows) - start >= count:
                values = [value for row in rows[start : start + count] for value in row]
                written += self._insert_of(count).run_with(connection, values)
                start += count
        return written


@cache
def _servers_own() -> Dialect:
    """Return PostgreSQL with parameters as the server itself writes them: the driver need not read a text for them."""
    from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

    return PGDialect_psycopg(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call] # SQLAlchemy's


def array_literal(values: list[Any]) -> str:
    """Return the values as PostgreSQL writes an array; the driver's own way of it costs more than the query.

    Takes integers, booleans, texts, aware instants and None. Pure.
    """
    if len(values) == 1:
        return f"{{{_element(values[0])}}}"
    kinds = set(map(type, values))
    if kinds == {int}:
        return "{" + ",".join(map(str, values)) + "}"
    if kinds == {str}:
        text = '","'.join(values)
        if "\\" not in text and text.count('"') == 2 * (len(values) - 1):
            return f'{{"{text}"}}'
    write: Callable[[Any], str] = _element
    if len(kinds - {type(None)}) <= 1:  # values of one type that are equal are written alike
        write = {value: _element(value) for value in set(values)}.__getitem__
    return "{" + ",".join(map(write, values)) + "}"


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    kind = type(value)
    if kind is str:
        if "\\" in value or '"' in value:
            value = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{value}"'
    if kind is int:
        return str(value)
    if kind is bool:
        return "t" if value else "f"
    if isinstance(value, datetime):
        return f'"{value.isoformat()}"'
    if isinstance(value, str):
        return _element(str.__str__(value))
    raise TypeError("a value of this type is not written in arrays")


def as_sqlalchemy_says(error: Exception, text: str, connection: Connection) -> BaseException:
    """Return a driver's error as SQLAlchemy would raise it, without the values: they may be a person's."""
    dialect = connection.dialect
    driver = dialect.loaded_dbapi
    if not isinstance(error, driver.Error):
        return error
    lost = dialect.is_disconnect(error, connection.connection.dbapi_connection, None)
    if lost:
        connection.invalidate(error)
    return DBAPIError.instance(
        text, None, error, driver.Error, hide_parameters=True, connection_invalidated=lost, dialect=dialect
    )


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
