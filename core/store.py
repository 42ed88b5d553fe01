"""The unit of work: one transaction, with its ledger entries and change-feed rows, or nothing at all."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session

from core.changes import flush_changes
from core.clock import Clock
from core.database import begin_writing, given_up, is_lost
from core.errors import DatabaseDamaged, StorageUnavailable
from core.ledger import LedgerWriter
from core.prepared import Prepared
from core.secrets import Keyring

DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB")


class Store:
    """The database as the services see it. One per process.

    The outermost caller opens the unit of work; services use its session and never commit.
    """

    def __init__(self, engine: Engine, keyring: Keyring, clock: Clock) -> None:
        self.engine = engine
        self.keyring = keyring
        self.clock = clock
        self.ledger = LedgerWriter(clock)
        self._readers: deque[Connection] = deque()
        self._closing: list[Callable[[], None]] = []

    def rows(self, read: Prepared, values: dict[str, object]) -> list[tuple[Any, ...]]:
        """Return the rows of one read that is a transaction by itself, on a connection kept for such reads.

        It sees what is committed by now. A kept connection that was lost while idle is replaced, once.

        Raises:
            StorageUnavailable: the database did not answer.
        """
        with storage_faults():
            while True:
                try:
                    connection, is_fresh = self._readers.pop(), False
                except IndexError:
                    options = {"isolation_level": "AUTOCOMMIT", "sqlite_begin": "AUTOCOMMIT"}
                    connection, is_fresh = self.engine.connect().execution_options(**options), True
                try:
                    found = read.rows(connection, values)
                except BaseException as error:
                    connection.close()
                    if is_fresh or not was_lost_while_idle(error):
                        raise
                else:
                    self._readers.append(connection)
                    return found

    def when_closing(self, give_back: Callable[[], None]) -> None:
        """Have ``give_back`` called when the store is closed: for whoever keeps a connection of its own."""
        self._closing.append(give_back)

    def close(self) -> None:
        """Give all connections back."""
        for give_back in self._closing:
            give_back()
        while self._readers:
            self._readers.pop().close()
        self.engine.dispose()

    @contextmanager
    def snapshot(self) -> Iterator[Session]:
        """Give a reading session that sees one state of the database, however many statements it runs."""
        with self.reading() as session:
            if self.engine.dialect.name == "postgresql":
                session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Give a session that writes nothing; each of its statements sees what is committed by then."""
        with storage_faults(), Session(self.engine, expire_on_commit=False) as session:
            yield session
            session.rollback()

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Give a session whose work is committed, with its ledger entries, when the block ends; or not at all.

        Raises:
            StorageUnavailable: the database could not take it (locked, full, gone), and nothing was kept; or it did not
                answer, and may still carry it out.
        """
        with storage_faults(), Session(self.engine, expire_on_commit=False) as session:
            begin_writing(session)
            yield session
            session.flush()
            flush_changes(session)
            events = session.info.pop("events", [])
            if not events:
                _commit(session)
                return
            with self.ledger.appending(session.connection(), events):
                _commit(session)


def _commit(session: Session) -> None:
    """Commit, or drop the connection: SQLAlchemy's close would take the transaction for finished and leave it open."""
    try:
        session.commit()
    except BaseException:
        session.invalidate()
        raise


def was_lost_while_idle(error: BaseException) -> bool:
    """Return whether it tells that a kept connection is lost, perhaps long since: the same may be asked on a new one.

    Not so if the server was given up for not answering: it may still carry out what it was asked.
    """
    return is_lost(error) and given_up(error) is None


def _is_unreached(error: DBAPIError) -> bool:
    """Return whether PostgreSQL gave no connection: nothing was asked yet, and no server gave the error a code."""
    is_ours = type(error.orig).__module__.startswith("psycopg")
    is_asked = error.statement is not None or error.connection_invalidated
    return is_ours and not is_asked and getattr(error.orig, "sqlstate", None) is None


def _code(error: OperationalError) -> str:
    """Return the database's own code for its trouble, in brackets: ``SQLITE_FULL``, an SQLSTATE. No value is in it."""
    code = getattr(error.orig, "sqlite_errorname", None) or getattr(error.orig, "sqlstate", None)
    return f" ({code})" if code else ""


@contextmanager
def storage_faults() -> Iterator[None]:
    """Turn what a database does when it cannot serve into one honest refusal; programming errors pass through."""
    try:
        yield
    except PoolTimeoutError as error:
        raise StorageUnavailable("no database connection became free in time") from error
    except OperationalError as error:
        if (words := given_up(error)) is not None:
            raise StorageUnavailable(words) from error
        if _is_unreached(error):
            raise StorageUnavailable("the database cannot be reached, or does not let this account in") from error
        raise StorageUnavailable(f"the database did not carry out the request{_code(error)}; try again") from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise StorageUnavailable("the connection to the database was lost; try again") from error
        if getattr(error.orig, "sqlite_errorname", "").startswith(DAMAGED):
            raise DatabaseDamaged("stop the service and restore it from a backup") from error
        if isinstance(error, ProgrammingError) and _is_unreached(error):
            raise StorageUnavailable("RINGKLAR_DATABASE_URL has an option that there is none of") from error
        raise
