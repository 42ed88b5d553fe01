"""The ledger: an append-only, hash-chained record of checks, contacts and changes.

Each writing process extends a chain of its own, inside the transaction that it records, so writers never wait for
each other. A chain begins with the head of the chain before it. An entry's hash covers the hash before it, its place,
and a digest of its payload; a number stands in a payload only as a keyed hash. So a payload can be erased when its
retention ends and the chain still verifies. Signed checkpoints over all heads show a chain that was cut short.
"""

import hashlib
import json
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from sqlalchemy import BigInteger, Connection, String, Text, bindparam, insert, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from core.clock import Clock, to_microseconds
from core.database import Base, select_lock
from core.prepared import Prepared, instant_value

GENESIS = "0" * 64
ERASED = "ledger.erased"
"""The kind of the entry that says which payloads were erased, and why."""
NEVER_ERASED = frozenset({ERASED, "chain.opened"})
"""Kinds of entry whose payload verification itself rests on."""
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


_INSERT = Prepared(insert(LedgerEntry))
_ADVANCE = Prepared(
    update(LedgerChain)
    .where(LedgerChain.no == bindparam("chain"), LedgerChain.seq == bindparam("from_seq"))
    .values(seq=bindparam("to_seq"), head=bindparam("to_head"))
)


class LedgerWriter:
    """Extends this process's chain. One per process; safe for many threads; a forked child opens a chain of its own."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._pid = -1
        self._chain: int | None = None
        self._seq = -1
        self._head = GENESIS

    @contextmanager
    def appending(self, connection: Connection, events: Sequence[Event]) -> Iterator[list[Position]]:
        """Write ``events`` in the connection's transaction and give their places; the caller commits inside the block.

        Raises:
            RuntimeError: the chain's row was moved by somebody else, which only a fault or tampering can do.
        """
        with self._lock:
            self._recall(connection)
            try:
                places, seq, head = self._write(connection, events)
                yield places
            except BaseException:
                self._seq = -1  # the outcome is not known here: read the head again before the next entry
                raise
            self._seq, self._head = seq, head

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

    def _write(self, connection: Connection, events: Sequence[Event]) -> tuple[list[Position], int, str]:
        now = self._clock.now()
        if self._chain is None:
            self._open(connection, now)
        assert self._chain is not None  # noqa: S101 - set by _open
        rows, head = link(self._chain, self._seq, self._head, now, events)
        _INSERT.run(connection, _bound(connection, rows))
        seq = self._seq + len(rows)
        moved = _ADVANCE.run(connection, {"chain": self._chain, "from_seq": self._seq, "to_seq": seq, "to_head": head})
        if moved != 1:
            self._chain = None
            raise RuntimeError("the ledger chain of this process was moved by another writer")
        places = [Position(self._chain, number) for number in range(self._seq + 1, seq + 1)]
        return places, seq, head

    def _open(self, connection: Connection, now: datetime) -> None:
        if connection.dialect.name == "postgresql":
            connection.execute(select_lock(OPEN_LOCK))
        last = connection.execute(
            select(LedgerChain.no, LedgerChain.seq, LedgerChain.head).order_by(LedgerChain.no.desc()).limit(1)
        ).one_or_none()
        no = 1 if last is None else last.no + 1
        before = None if last is None else {"chain": last.no, "seq": last.seq, "head": last.head}
        rows, head = link(no, -1, GENESIS, now, [Event("chain.opened", str(no), "ledger", None, {"after": before})])
        connection.execute(insert(LedgerChain), {"no": no, "opened_at": now, "seq": 0, "head": head})
        _INSERT.run(connection, _bound(connection, rows))
        self._chain, self._seq, self._head = no, 0, head


def link(chain: int, seq: int, head: str, at: datetime, events: Sequence[Event]) -> tuple[list[dict[str, object]], str]:
    """Return the rows that follow ``seq`` and ``head`` in a chain, and the new head. Pure."""
    rows: list[dict[str, object]] = []
    for event in events:
        seq += 1
        payload = event.payload if isinstance(event.payload, str) else canonical(event.payload)
        digest = payload_digest(payload)
        head = entry_hash(head, Position(chain, seq), at, event, digest)
        rows.append(
            {
                "chain": chain,
                "seq": seq,
                "at": at,
                "kind": event.kind,
                "subject": event.subject,
                "actor": event.actor,
                "seller_id": event.seller_id,
                "payload": payload,
                "digest": digest,
                "hash": head,
            }
        )
    return rows, head


def _bound(connection: Connection, rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """Put the rows' instants into the driver's form; they were all written at one moment."""
    at = instant_value(connection.dialect.name, cast("datetime", rows[0]["at"]))
    for row in rows:
        row["at"] = at
    return rows


def put_on_record(session: Session, event: Event) -> None:
    """Add ``event`` to what this unit of work writes to the ledger just before it commits."""
    session.info.setdefault("events", []).append(event)
