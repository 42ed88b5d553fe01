"""The database: SQLite in one file by default, PostgreSQL by changing one URL.

Schema always comes from ``migrations``. Instants are aware UTC; a naive one is refused when it is bound.
"""

import json
import os
from collections.abc import Iterable, Mapping
from contextlib import nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Dialect,
    Engine,
    Integer,
    MetaData,
    Table,
    create_engine,
    event,
    func,
    select,
    text,
)
from sqlalchemy.engine import make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, DisconnectionError, IntegrityError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import BindParameter, ColumnElement
from sqlalchemy.types import DateTime, TypeDecorator, TypeEngine

from core.clock import from_microseconds, to_microseconds
from core.errors import StorageUnavailable
from core.turns import asking, let_others

FIRST_YEAR, LAST_YEAR = 1900, 2199
BUSY_TIMEOUT_MS = 5_000
"""How long a statement waits for another's lock before the request is refused, on both databases."""
PATIENCE = 10.0
"""For how many seconds a request waits for what ought to take none: twice as long as for another's lock."""
UNDECIDED = "the database does not answer; this may still be carried out, and may be sent again as it is"
UNANSWERED = "the database does not answer; nothing was recorded, try again"
LONGEST_TURN = 1.0
"""How many seconds a writer of SQLite that has more to write lets others go first."""
LOST_AFTER_MS = 20_000
KEEP_ALIVE = {
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": LOST_AFTER_MS,
}
"""How soon a network that went silent is noticed: a connection across it fails, and nobody waits for it for ever.

A statement may take as long as it needs: an import or a migration of a living server is not a lost one. For requests
see ``core.patience``.
"""
_PAGE_BYTES = 16_384
"""Of a new SQLite database's pages: see ADR 0022. One that was made with other pages keeps them."""
_CHECKPOINT_PAGES = 4_000
"""How many pages SQLite's log holds, 64 MB, before a commit takes them over into the database file.

Each check changes much the same pages: with the 1,000 that SQLite has by itself, checks took a seventh longer.
"""
_LOCKS = 509
PREPARED_AFTER = 5
SMALLEST_ROW = 28
"""Bytes that PostgreSQL needs for a row, whatever is in it."""


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: ``timestamptz`` in PostgreSQL, whole microseconds since 1970 in SQLite. Naive values are refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:  # Any: SQLAlchemy's own signature
        """Return the column type for the dialect."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(BigInteger())
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:  # Any: differs by dialect
        """Return what the driver is given; a naive instant, or one outside 1900–2199, raises ``ValueError``."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant without a time zone was given to the database")
        if not FIRST_YEAR <= value.year <= LAST_YEAR:
            raise ValueError("an instant outside the years that the database keeps")
        return to_microseconds(value) if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - Any and the signature are SQLAlchemy's
        """Return the stored instant, aware and in UTC."""
        if value is None:
            return None
        if isinstance(value, datetime):
            return value.astimezone(UTC)
        return from_microseconds(value)


BigKey = BigInteger().with_variant(Integer(), "sqlite")
"""A growing integer key: SQLite only counts up plain INTEGER keys by itself."""


class Base(DeclarativeBase):
    """The parent of all tables."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: UtcDateTime()}  # noqa: RUF012 - SQLAlchemy's own name


class any_of(ColumnElement[bool]):  # noqa: N801 - reads as SQL
    """``column`` is one of the values of one list parameter, however long the list: one statement for any size.

    The parameter's value comes from ``any_of_value``.
    """

    inherit_cache = True

    def __init__(self, column: Any, parameter: BindParameter[Any]) -> None:  # Any: any column
        self.column = column
        self.parameter = parameter


@compiles(any_of, "sqlite")
def _any_of_sqlite(element: any_of, compiler: SQLCompiler, **kw: Any) -> str:
    values = compiler.process(element.parameter, **kw)
    return f"{compiler.process(element.column, **kw)} IN (SELECT value FROM json_each({values}))"  # noqa: S608 - parts are compiled SQL


@compiles(any_of, "postgresql")
def _any_of_postgresql(element: any_of, compiler: SQLCompiler, **kw: Any) -> str:
    values = compiler.process(element.parameter, **kw)
    kind = "bigint[]" if isinstance(element.column.type, (BigInteger, Integer)) else "text[]"
    return f"{compiler.process(element.column, **kw)} = ANY(CAST({values} AS {kind}))"


def any_of_value(dialect_name: str, values: Iterable[int] | Iterable[str]) -> Any:  # Any: differs by dialect
    """Return ``values`` in the form that the dialect's ``any_of`` takes."""
    return json.dumps(list(values)) if dialect_name == "sqlite" else list(values)


def open_engine(
    url: str,
    *,
    pool_size: int = 40,
    prepared_statements: bool = True,
    patience_ms: int = BUSY_TIMEOUT_MS,
    for_requests: bool = False,
) -> Engine:
    """Return an engine on ``url``; a SQLite file, which its owner alone may read, and its folder are made if missing.

    SQLite uses the library of ``pysqlite3`` (CPython's own may carry the WAL corruption race that SQLite fixed in
    3.51.3), write-ahead logging and full synchronisation: a commit that returned survives a power cut.
    No error of either tells a parameter's value: it may be a number.
    ``patience_ms``: how long a statement waits for another's lock.
    ``prepared_statements``: PostgreSQL plans a repeated statement once; not behind PgBouncer in transaction mode.
    ``for_requests``: a PostgreSQL that stands still is not waited for, as ``core.patience`` says.

    Raises:
        StorageUnavailable: the folder cannot be made.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _open_sqlite(url, parsed.database, pool_size, patience_ms)
    options: dict[str, Any] = {  # Any: the driver's own
        **KEEP_ALIVE,
        "prepare_threshold": PREPARED_AFTER if prepared_statements else None,
        "options": f"-c timezone=UTC -c lock_timeout={patience_ms}",
        "connect_timeout": 10,
    }
    engine = create_engine(
        parsed.set(drivername="postgresql+psycopg"),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=10,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args=options,
    )
    if for_requests:
        from core.patience import be_patient  # where there is no PostgreSQL, a command starts without its driver

        be_patient(engine, options)
    return engine


def rows_at_most(connection: Connection, table: Table) -> int | None:
    """Return what the number of the table's rows does not exceed, by its size; None if that does not tell.

    It takes no time, however many there are, and may be several times as many.
    """
    name = connection.dialect.preparer(connection.dialect).format_table(table)
    if connection.dialect.name == "postgresql":
        size = text("SELECT pg_relation_size(CAST(:name AS regclass))")
        return int(connection.execute(size, {"name": name}).scalar_one()) // SMALLEST_ROW
    if not table.dialect_options["sqlite"]["with_rowid"]:
        return None
    return connection.execute(text(f"SELECT max(rowid) FROM {name}")).scalar() or 0  # noqa: S608 - a table of ours


def plan_once(connection: Connection) -> None:
    """Have PostgreSQL plan each statement of this connection once, by its indexes, instead of anew for its values.

    For a connection that only looks up a few rows by key and is not given back while it lives: planning takes many
    times what such a look-up does. Nothing is done where the driver may not prepare statements, and in SQLite.
    """
    driver: Any = connection.connection.driver_connection  # Any: either driver's own
    if connection.dialect.name == "postgresql" and driver.prepare_threshold is not None:
        connection.exec_driver_sql("SET plan_cache_mode = force_generic_plan")
        connection.exec_driver_sql("SET enable_seqscan = off")  # a plan made for a table that was empty stays in use
        connection.exec_driver_sql("SET max_parallel_workers_per_gather = 0")  # starting one takes longer
        connection.exec_driver_sql("SET jit = off")  # compiling takes longer
        connection.commit()


def _open_sqlite(url: str, path: str | None, pool_size: int, patience_ms: int) -> Engine:
    import pysqlite3.dbapi2 as sqlite

    if path and path != ":memory:":
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageUnavailable(f"the database's folder cannot be made ({type(error).__name__})") from error
        with suppress(OSError):  # it is there; or it cannot be made, which SQLite will tell
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    engine = create_engine(
        url,
        module=sqlite,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=10,
        hide_parameters=True,
        connect_args={"timeout": patience_ms / 1000, "check_same_thread": False},
    )

    file = None if path in (None, ":memory:") else Path(path or "")

    def is_elsewhere(info: Mapping[Any, Any]) -> bool:
        """Return whether the file that the connection has open is not the one of that name any more.

        Where this process may not look, nobody can tell, and its rights are at fault, not the file.
        """
        return file is not None and info["file"] != _identity(file, info["file"])

    @event.listens_for(engine, "connect")
    def _prepare(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        record.info["file"] = None if file is None else _identity(file)
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            f"page_size={_PAGE_BYTES}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            f"busy_timeout={patience_ms}",
            "cache_size=-65536",
            f"wal_autocheckpoint={_CHECKPOINT_PAGES}",
            "trusted_schema=OFF",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "checkout")
    def _replace(_connection: DBAPIConnection, record: ConnectionPoolEntry, _proxy: object) -> None:
        if is_elsewhere(record.info):
            raise DisconnectionError("the database's file was moved")  # the pool opens the one that is there now

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if is_elsewhere(connection.info):  # of one that is kept: what it would read and write, nobody else sees
            connection.invalidate()
            raise DBAPIError.instance(
                None,
                None,
                sqlite.OperationalError("the database's file was moved"),
                sqlite.Error,
                hide_parameters=True,
                connection_invalidated=True,
                dialect=connection.dialect,
            )
        mode = connection.get_execution_options().get("sqlite_begin", "DEFERRED")
        if mode != "AUTOCOMMIT":
            statement = f"BEGIN {mode}"
            try:
                with asking(_queue(path)) if path and mode == "IMMEDIATE" else nullcontext():
                    driver: Any = connection.connection.driver_connection  # Any: the driver's own
                    driver.execute(statement)
            except sqlite.Error as error:  # the driver's own, as nothing of SQLAlchemy's stands between
                raise DBAPIError.instance(
                    statement, None, error, sqlite.Error, hide_parameters=True, dialect=connection.dialect
                ) from error

    return engine


def _identity(file: Path, where_hidden: tuple[int, int] | None = None) -> tuple[int, int] | None:
    """Return the device and inode of the file of this name; None if there is none."""
    try:
        status = file.stat()
    except PermissionError:
        return where_hidden
    except OSError:
        return None
    return status.st_dev, status.st_ino


def let_others_write(engine: Engine) -> None:
    """Return once nobody waits to write to the SQLite database, or after a second; of PostgreSQL at once.

    For whoever writes one long transaction after another: SQLite has no queue. Who waits asks for its lock every tenth
    of a second, and would find it taken again each time until it gives up.
    """
    if engine.dialect.name == "sqlite" and engine.url.database is not None:
        let_others(_queue(engine.url.database), LONGEST_TURN)


def _queue(path: str) -> Path:
    return Path(f"{path}-queue")


def begin_writing(session: Session) -> None:
    """Start the session's transaction as a writer, so that it never has to give up half-way to another writer."""
    session.connection(execution_options={"sqlite_begin": "IMMEDIATE"})


def spare_memory(session: Session) -> None:
    """Let the connection hold fewer pages: for long writes in order of the keys, which touch each page once."""
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA cache_size=-8192")


def inserted(session: Session, row: Base) -> bool:
    """Insert ``row`` and return True; or False, with nothing changed, if a constraint forbids it."""
    try:
        with session.begin_nested():
            session.add(row)
            session.flush()
    except IntegrityError:
        return False
    return True


def lock_key(session: Session, key: int) -> None:
    """Hold ``key`` until the transaction ends, against other writers of the same key.

    In SQLite the one writer holds everything already; in PostgreSQL it is a transaction-level advisory lock.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select_lock(key))


def number_lock(locks: int, number: int) -> int:
    """Return which of some hundred keys from ``locks`` on guards the number: ten thousand would not fit a server."""
    return locks + number % _LOCKS


def select_lock(key: int) -> Any:  # Any: a select of a void function
    """Return the statement that takes PostgreSQL's transaction-level advisory lock on ``key``."""
    return select(func.pg_advisory_xact_lock(key))


def is_lost(error: BaseException) -> bool:
    """Return whether it tells that a connection is lost: the last that was sent on it may be carried out yet."""
    return isinstance(error, DBAPIError) and error.connection_invalidated


def given_up(error: BaseException) -> str | None:
    """Return what to say of an error that tells that the server was not waited for any longer, or None of another.

    See ``core.patience``.
    """
    is_undecided = getattr(error.orig, "is_undecided", None) if isinstance(error, DBAPIError) else None
    return None if is_undecided is None else UNDECIDED if is_undecided else UNANSWERED


def is_ready(engine: Engine) -> bool:
    """Return whether the database answers."""
    with engine.connect() as connection:
        return bool(connection.execute(text("SELECT 1")).scalar() == 1)
