"""The ledger: an append-only, hash-chained record of checks, contacts and changes.

Each writing process extends chains of its own (for checks, and for all else), inside the transactions that they
record, so writers never wait for each other. A chain begins with the head of the chain before it. An entry's hash
covers the hash before it, its place, and a digest of its payload; a number stands in a payload only as a keyed hash. So
a payload can be erased when its retention ends and the chain still verifies. Signed checkpoints over all heads show a
chain that was cut short.
"""

import hashlib
import json
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import BigInteger, Connection, Engine, String, Text, bindparam, insert, select, update
from sqlalchemy.exc import DataError, DBAPIError
from sqlalchemy.orm import Mapped, Session, mapped_column

from core.clock import Clock, to_microseconds
from core.database import PATIENCE, Base, is_lost, select_lock
from core.errors import StorageUnavailable
from core.prepared import Prepared, PreparedRows, instant_value

GENESIS = "0" * 64
ERASED = "ledger.erased"
"""The kind of the entry that says which payloads were erased, and why."""
NEVER_ERASED = frozenset({ERASED, "chain.opened"})
"""Kinds of entry whose payload verification itself rests on."""
UNREADABLE = (ValueError, TypeError, AttributeError, LookupError, OverflowError, RecursionError)
"""What reading a row or a payload raises that is not as this service writes it."""
OPEN_LOCK = 0x52494E47_4C4544  # PostgreSQL advisory lock held while a chain is opened


class LedgerChain(Base):
    """One writing process's chain and where it ends; ``signed_seq`` is where it ended in the newest checkpoint."""

    __tablename__ = "ledger_chains"

    no: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    opened_at: Mapped[datetime]
    seq: Mapped[int] = mapped_column(BigInteger)
    head: Mapped[str] = mapped_column(String(64))
    signed_seq: Mapped[int | None] = mapped_column(BigInteger)


class LedgerEntry(Base):
    """One link; ``payload`` is canonical JSON, or None once its retention has ended."""

    __tablename__ = "ledger_entries"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 - SQLAlchemy's own name

    chain: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    kind: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str] = mapped_column(String(64))
    actor: Mapped[str] = mapped_column(String(120))
    seller_id: Mapped[str | None] = mapped_column(String(36))
    payload: Mapped[str | None] = mapped_column(Text)
    digest: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class LedgerCheckpoint(Base):
    """A signed statement of where every chain stood; each names the one before it."""

    __tablename__ = "ledger_checkpoints"

    no: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    payload: Mapped[str] = mapped_column(Text)
    signature: Mapped[str] = mapped_column(String(128))


@dataclass(frozen=True, slots=True)
class Event:
    """Something to put on record: what happened to which subject, by whom, for which seller.

    ``payload`` holds JSON values and no clear number: use ``Keyring.number_hash``.
    """

    kind: str
    subject: str
    actor: str
    seller_id: str | None
    payload: Mapping[str, object] | str = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Position:
    """An entry's place: its chain and its number in it."""

    chain: int
    seq: int


def is_unreadable(error: Exception) -> bool:
    """Say whether it tells that a row or a payload is not as this service writes it, as of somebody else's making.

    Of the drivers' own errors, those that tell of a value which its column's type has no word for.
    """
    if isinstance(error, DBAPIError):
        return isinstance(error, DataError) or str(error.orig).startswith("Could not decode to UTF-8")
    return isinstance(error, UNREADABLE)


def canonical(value: object) -> str:
    """Return the one JSON text of ``value``: sorted keys, no spaces, UTF-8 as is."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def payload_digest(payload: str) -> str:
    """Return the SHA-256 of a payload's text, in hex."""
    return hashlib.sha256(payload.encode()).hexdigest()


def entry_hash(previous: str, place: Position, at: datetime, event: Event, digest: str) -> str:
    """Return the hash of one entry: SHA-256 over a JSON array of all it vouches for, in hex."""
    covered = [
        previous,
        place.chain,
        place.seq,
        to_microseconds(at),
        event.kind,
        event.subject,
        event.actor,
        event.seller_id,
        digest,
    ]
    return hashlib.sha256(json.dumps(covered, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()


ENTRIES = PreparedRows(LedgerEntry.__table__)
"""Writes rows of entries as ``Extension.rows`` has them."""
ADVANCE = (
    update(LedgerChain)
    .where(LedgerChain.no == bindparam("chain"), LedgerChain.seq == bindparam("from_seq"))
    .values(seq=bindparam("to_seq"), head=bindparam("to_head"))
)
"""Moves the chain's end, from where it is known to be; its values are ``Extension.move``."""
_ADVANCE = Prepared(ADVANCE)
Row = tuple[object, ...]


@dataclass(slots=True)
class Extension:
    """What is to be written for a chain to grow by some entries: ``rows`` in the order of the table's columns.

    ``dropped`` is set by whoever finds that none of it was written.
    """

    places: list[Position]
    rows: list[Row]
    move: dict[str, object]
    dropped: bool = False


class ChainGone(RuntimeError):
    """This process has no chain in the database, and none can be opened here: its rows would not be one transaction."""


class LedgerWriter:
    """Extends a chain of this process. Safe for many threads; a forked child opens a chain of its own."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._pid = -1
        self._chain: int | None = None
        self._seq = -1
        self._head = GENESIS

    def open_chain(self, engine: Engine) -> None:
        """Open a chain, in a transaction of its own, unless this process has one: for ``extending`` to go on from."""
        self._take_lock()
        try:
            if self._pid == os.getpid() and self._chain is not None:
                return
            self._pid, self._chain = os.getpid(), None
            try:
                with engine.connect().execution_options(sqlite_begin="IMMEDIATE") as connection, connection.begin():
                    self._open(connection, self._clock.now())
            except BaseException:
                self._chain = None  # if it came to be after all, it holds its first entry alone
                raise
        finally:
            self._lock.release()

    @contextmanager
    def extending(self, connection: Connection, events: Sequence[Event]) -> Iterator[Extension]:
        """Give what ``events`` add to the chain; the caller writes all of it and commits, inside the block.

        Raises:
            ChainGone: there is no chain, and each statement of the connection is a transaction; see ``open_chain``.
            StorageUnavailable: the entries of another thread take too long.
        """
        self._take_lock()
        try:
            self._recall(connection)
            now, is_new = self._clock.now(), self._chain is None
            if is_new:
                if connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT":
                    raise ChainGone("the ledger chain of this process is gone")
                self._open(connection, now)
            assert self._chain is not None  # noqa: S101 - set by _open
            rows, head = link(self._chain, self._seq, self._head, now, events, connection.dialect.name)
            seq = self._seq + len(rows)
            places = [Position(self._chain, number) for number in range(self._seq + 1, seq + 1)]
            move = {"chain": self._chain, "from_seq": self._seq, "to_seq": seq, "to_head": head}
            extension = Extension(places, rows, move)
            try:
                yield extension
            except BaseException as error:
                self._seq = -1  # the outcome is not known here: read the head again before the next entry
                # One that is new may never have come to be, and another process may have taken its number since. One
                # whose connection is lost may be moved yet, by the server, while the next entry is written.
                if is_new or is_lost(error):
                    self._chain = None
                raise
            if not extension.dropped:
                self._seq, self._head = seq, head
        finally:
            self._lock.release()

    def _take_lock(self) -> None:
        if not self._lock.acquire(timeout=PATIENCE):
            raise StorageUnavailable("what others write has not been recorded for some time; try again")

    @contextmanager
    def appending(self, connection: Connection, events: Sequence[Event]) -> Iterator[list[Position]]:
        """Write ``events`` in the connection's transaction and give their places; the caller commits inside the block.

        Raises:
            RuntimeError: the chain's row was moved by somebody else, which only a fault or tampering can do.
        """
        with self.extending(connection, events) as extension:
            ENTRIES.run(connection, extension.rows)
            if _ADVANCE.run(connection, extension.move) != 1:
                self._chain = None
                raise RuntimeError("the ledger chain of this process was moved by another writer")
            yield extension.places

    def require_unmoved(self, connection: Connection, extension: Extension) -> None:
        """Do nothing if the chain still ends where the extension, which was not written, was to begin.

        Raises:
            RuntimeError: its row was moved by somebody else; the next entry opens another chain.
        """
        chain, seq = extension.move["chain"], extension.move["from_seq"]
        if connection.scalar(select(LedgerChain.seq).where(LedgerChain.no == chain)) != seq:
            self._chain = None
            raise RuntimeError("the ledger chain of this process was moved by another writer")

    def _recall(self, connection: Connection) -> None:
        """Know where this process's chain stands, from memory or from its row; forget a chain that never came to be."""
        if self._pid != os.getpid():
            self._pid, self._chain = os.getpid(), None
        if self._chain is not None and self._seq < 0:
            row = connection.execute(
                select(LedgerChain.seq, LedgerChain.head).where(LedgerChain.no == self._chain)
            ).one_or_none()
            if row is None:
                self._chain = None
            else:
                self._seq, self._head = row

    def _open(self, connection: Connection, now: datetime) -> None:
        if connection.dialect.name == "postgresql":
            connection.execute(select_lock(OPEN_LOCK))
        last = connection.execute(
            select(LedgerChain.no, LedgerChain.seq, LedgerChain.head).order_by(LedgerChain.no.desc()).limit(1)
        ).one_or_none()
        no = 1 if last is None else last.no + 1
        before = None if last is None else {"chain": last.no, "seq": last.seq, "head": last.head}
        opened = [Event("chain.opened", str(no), "ledger", None, {"after": before})]
        rows, head = link(no, -1, GENESIS, now, opened, connection.dialect.name)
        connection.execute(insert(LedgerChain), {"no": no, "opened_at": now, "seq": 0, "head": head})
        ENTRIES.run(connection, rows)
        self._chain, self._seq, self._head = no, 0, head


def link(chain: int, seq: int, head: str, at: datetime, events: Sequence[Event], dialect: str) -> tuple[list[Row], str]:
    """Return the rows that follow ``seq`` and ``head`` in a chain, in the driver's form, and the new head. Pure."""
    rows: list[Row] = []
    written_at = instant_value(dialect, at)
    for event in events:
        seq += 1
        payload = event.payload if isinstance(event.payload, str) else canonical(event.payload)
        digest = payload_digest(payload)
        head = entry_hash(head, Position(chain, seq), at, event, digest)
        row = (chain, seq, written_at, event.kind, event.subject, event.actor, event.seller_id, payload, digest, head)
        rows.append(row)
    return rows, head


def put_on_record(session: Session, event: Event) -> None:
    """Add ``event`` to what this unit of work writes to the ledger just before it commits."""
    session.info.setdefault("events", []).append(event)


def first_from(session: Session, chain: int, last: int, moment: datetime) -> int:
    """Return the number of the chain's first entry at ``moment`` or later, or the one after ``last`` if there is none.

    By halving, as no index has the moments: by pk_ledger_entries.
    """
    low, high = 0, last + 1
    while low < high:
        middle = (low + high) // 2
        at = session.scalar(select(LedgerEntry.at).where(LedgerEntry.chain == chain, LedgerEntry.seq == middle))
        low, high = (middle + 1, high) if at is not None and at < moment else (low, middle)
    return low
