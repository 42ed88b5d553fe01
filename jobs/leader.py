"""Who leads: one process among many runs the jobs, and whoever led before can no longer write.

PostgreSQL elects by a session's advisory lock on a connection of its own (direct, not through a pooler that shares
sessions), SQLite by a lease row. In both each new leadership makes ``epoch`` one greater, and every effect of a leader
is fenced: its transaction begins by seeing, under a lock, that the epoch is still the newest, or it does nothing. So a
leader that was stopped and wakes up, or whose lease ran out unnoticed, does no harm.
"""

import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

from sqlalchemy import Connection, Update, insert, select, text, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from core.clock import SystemClock
from core.database import open_engine
from core.errors import Kind, ServiceError
from core.ids import new_id
from core.store import Store
from jobs.models import LeaderLease

LEASE_NAME = "jobs"
LEADER_LOCK = 0x52494E47_4A4F42  # PostgreSQL advisory lock of the leader's session
LEASE = timedelta(seconds=15)
LONGEST_LEASE = 2 * LEASE

_log = logging.getLogger(__name__)


class NoLongerLeader(ServiceError):
    """Another process leads now; nothing of this unit of work was kept."""

    kind, code, title = Kind.UNAVAILABLE, "no-longer-leader", "Another process runs the jobs now"


class FencedStore(Store):
    """The store as a leader sees it: a unit of work that writes is one of the newest leader, or it does nothing."""

    def __init__(self, store: Store, epoch: int, lease: timedelta = LEASE) -> None:
        self.engine = store.engine
        self.keyring = store.keyring
        self.clock = store.clock
        self.ledger = store.ledger
        self.epoch = epoch
        self._patience_ms = int(lease.total_seconds() * 1000)

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Give a session whose work is committed when the block ends, if this process still leads.

        Raises:
            NoLongerLeader: it does not.
            StorageUnavailable: the database could not take it.
        """
        with super().writing() as session:
            newest = select(LeaderLease.epoch).where(LeaderLease.name == LEASE_NAME)
            if session.get_bind().dialect.name == "postgresql":
                # A leader that is stopped half-way must not keep the next one waiting for this row.
                session.execute(text(f"SET LOCAL idle_in_transaction_session_timeout = {self._patience_ms}"))
                newest = newest.with_for_update(read=True)
            if session.scalar(newest) != self.epoch:
                raise NoLongerLeader("its work was not kept")
            yield session


class Leadership:
    """One term as leader: kept alive by a thread until it is resigned or lost."""

    def __init__(self, store: FencedStore, election: "Election", heartbeat: timedelta) -> None:
        self.store = store
        self.lost = threading.Event()
        self._over = threading.Event()
        self._election = election
        self._heartbeat = heartbeat.total_seconds()
        self._thread = threading.Thread(target=self._keep, name="leader-heartbeat", daemon=True)
        self._thread.start()

    def _keep(self) -> None:
        while not self._over.wait(self._heartbeat):
            if not self._election.renew(self.store.epoch):
                _log.warning("leadership lost, epoch %s", self.store.epoch)
                self.lost.set()
                return

    def resign(self) -> None:
        """Stop leading and let another process lead at once."""
        self._over.set()
        self._thread.join()
        self._election.give_up(self.store.epoch)


class Election:
    """This process's way to become the leader. Used by one thread at a time."""

    def __init__(self, store: Store, database_url: str, *, lease: timedelta = LEASE) -> None:
        self.holder = f"{socket.gethostname()[:50]}:{os.getpid()}:{new_id()[-12:]}"
        self._store = store
        self._lease = lease
        self._clock = SystemClock()  # a lease runs in real time, whatever moment the service is asked about
        self._engine = open_engine(database_url, pool_size=1)
        self._on_postgresql = self._engine.dialect.name == "postgresql"
        self._connection: Connection | None = None

    def campaign(self) -> Leadership | None:
        """Return a term as leader if there is no other leader now, else None."""
        epoch = self._epoch_by_lock() if self._on_postgresql else self._epoch_by_lease()
        if epoch is None:
            return None
        _log.info("leading, epoch %s", epoch)
        return Leadership(FencedStore(self._store, epoch, self._lease), self, self._lease / 5)

    def renew(self, epoch: int) -> bool:
        """Return whether this process still leads, having told the others so."""
        try:
            if not self._on_postgresql:
                return self._renew_lease(epoch)
            if self._connection is None:
                return False
            self._connection.execute(select(1))
            self._connection.commit()
        except (SQLAlchemyError, ServiceError):
            return False
        return True

    def give_up(self, epoch: int) -> None:
        """End the term, so that another process need not wait for it to run out."""
        with suppress(SQLAlchemyError, ServiceError):
            if not self._on_postgresql:
                with self._store.writing() as session:
                    session.execute(self._mine(epoch).values(expires_at=self._clock.now()))
        self._drop_connection()

    def close(self) -> None:
        """Give the connection back."""
        self._drop_connection()
        self._engine.dispose()

    def _epoch_by_lock(self) -> int | None:
        self._drop_connection()
        try:
            connection = self._connection = self._engine.connect()
            if not connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": LEADER_LOCK}):
                self._drop_connection()
                return None
            # A leader that stops answering loses its session, and with it the lock.
            connection.execute(text(f"SET idle_session_timeout = {int(self._lease.total_seconds() * 1000)}"))
            epoch = self._next_epoch(connection)
            connection.commit()
        except SQLAlchemyError:
            self._drop_connection()
            return None
        return epoch

    def _epoch_by_lease(self) -> int | None:
        try:
            with self._store.writing() as session:
                lease = session.scalar(select(LeaderLease).where(LeaderLease.name == LEASE_NAME))
                now = self._clock.now()
                # One that ends later than any lease begun now was written by a clock that has been put back.
                if lease is not None and now < lease.expires_at <= now + LONGEST_LEASE:
                    return None
                return self._next_epoch(session.connection())
        except ServiceError:
            return None

    def _next_epoch(self, connection: Connection) -> int:
        now = self._clock.now()
        epoch = connection.scalar(select(LeaderLease.epoch).where(LeaderLease.name == LEASE_NAME))
        ends = now + self._lease
        if epoch is None:
            row = insert(LeaderLease).values(name=LEASE_NAME, holder=self.holder, epoch=1, expires_at=ends)
            connection.execute(row)
            return 1
        connection.execute(
            update(LeaderLease)
            .where(LeaderLease.name == LEASE_NAME)
            .values(holder=self.holder, epoch=epoch + 1, expires_at=ends)
        )
        return int(epoch) + 1

    def _renew_lease(self, epoch: int) -> bool:
        with self._store.writing() as session:
            renewed = session.execute(self._mine(epoch).values(expires_at=self._clock.now() + self._lease))
            return bool(renewed.rowcount == 1)  # type: ignore[attr-defined] # an UPDATE has a row count

    def _mine(self, epoch: int) -> Update:
        return update(LeaderLease).where(
            LeaderLease.name == LEASE_NAME, LeaderLease.holder == self.holder, LeaderLease.epoch == epoch
        )

    def _drop_connection(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            with suppress(SQLAlchemyError):
                connection.invalidate()
                connection.close()
