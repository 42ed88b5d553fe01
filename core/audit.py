"""Compare the rows of a table with what the ledger says of them: none changed, none gone, none put in.

Each package names its own tables by ``Recorded``; the ledger shows its own tampering (``core.verification``).
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, inspect, select, tuple_
from sqlalchemy.orm import Session

from core.access import ApiKey, User
from core.database import Base
from core.ledger import ERASED, LedgerEntry
from core.secrets import Keyring
from core.sellers import Seller
from core.verification import Erasures, Finding

READ_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Recorded:
    """A table of which each row has an entry of ``kind``, whose subject is the row's key.

    ``values`` returns what the entry's payload must say of the row. Its seller, where the row has one, must be the
    entry's own, and so must whoever stands in the column ``actor``. ``changes``: a row is put on record again when it
    changes, and the newest entry speaks. ``keyed_by``: the payload's member that holds the key, if not the subject.
    """

    kind: str
    model: type[Base]
    key: str
    values: Callable[[Any, Keyring], Mapping[str, object]]  # Any: a row of the model
    actor: str | None
    changes: bool = False
    keyed_by: str | None = None

    def key_in(self, entry: LedgerEntry) -> str | None:
        """Return the key of the row that the entry speaks of; None if that was erased with its payload."""
        if self.keyed_by is None:
            return entry.subject
        return None if entry.payload is None else str(read_object(entry.payload).get(self.keyed_by))


@dataclass(frozen=True, slots=True)
class Switched:
    """A column that is empty until an entry of kind ``on`` sets it, and again after one of kind ``off``."""

    model: type[Base]
    column: str
    on: str
    off: str | None = None


RECORDED = (
    Recorded("seller.added", Seller, "id", lambda row, _keyring: {"slug": row.slug, "name": row.name}, None),
    Recorded("key.created", ApiKey, "id", lambda row, _keyring: {"name": row.name, "role": row.role}, None),
    Recorded("user.created", User, "id", lambda row, _keyring: {"name": row.name, "role": row.role}, None),
)
SWITCHED = (Switched(ApiKey, "revoked_at", "key.revoked"), Switched(User, "disabled_at", "user.disabled"))


def entries_of(session: Session, *kinds: str) -> Iterator[Sequence[LedgerEntry]]:
    """Yield the entries of some kinds in order, some hundreds at a time; memory does not grow with the ledger."""
    chain, seq = 0, -1
    while True:
        entries = session.scalars(
            select(LedgerEntry)
            .where(LedgerEntry.kind.in_(kinds))
            .where(tuple_(LedgerEntry.chain, LedgerEntry.seq) > (chain, seq))
            .order_by(LedgerEntry.chain, LedgerEntry.seq)
            .limit(READ_AT_ONCE)
        ).all()
        if entries:
            yield entries
            chain, seq = entries[-1].chain, entries[-1].seq
        if len(entries) < READ_AT_ONCE:
            return
        session.expunge_all()


def newest(session: Session, *kinds: str) -> dict[str, tuple[datetime, int, int, str]]:
    """Return by subject the moment, chain, number and kind of its newest entry of these kinds."""
    found: dict[str, tuple[datetime, int, int, str]] = {}
    for entries in entries_of(session, *kinds):
        for entry in entries:
            place = (entry.at, entry.chain, entry.seq, entry.kind)
            found[entry.subject] = max(place, found.get(entry.subject, place))
    return found


def compare(
    session: Session, keyring: Keyring, tables: Iterable[Recorded], switches: Iterable[Switched] = ()
) -> list[Finding]:
    """Return every row that differs from its entry, every entry whose row is gone, and rows without an entry."""
    findings: list[Finding] = []
    for table in tables:
        findings += _compared_table(session, keyring, table)
    for switch in switches:
        findings += _compared_switch(session, switch)
    return findings


def _compared_table(session: Session, keyring: Keyring, table: Recorded) -> Iterator[Finding]:
    column, seen = getattr(table.model, table.key), 0
    speaking = newest(session, table.kind) if table.changes else None
    for entries in entries_of(session, table.kind):
        named = {
            (entry.chain, entry.seq): table.key_in(entry)
            for entry in entries
            if speaking is None or speaking[entry.subject][1:3] == (entry.chain, entry.seq)
        }
        keys = [key for key in named.values() if key is not None]
        rows = {getattr(row, table.key): row for row in session.scalars(select(table.model).where(column.in_(keys)))}
        seen += len(rows) + len(named) - len(keys)
        for entry in entries:
            key = named.get((entry.chain, entry.seq))
            if key is not None and (finding := _compared(entry, rows.get(key), table, keyring)) is not None:
                yield finding
    yield from unaccounted(session, table.model, seen)


def _compared(entry: LedgerEntry, row: Any, table: Recorded, keyring: Keyring) -> Finding | None:  # Any: of the model
    if row is None:
        return Finding("missing", entry.chain, entry.seq, f"the row of {table.model.__tablename__} is gone")
    said = read_object(entry.payload) if entry.payload is not None else None
    wrong = [] if table.actor is None or getattr(row, table.actor) == entry.actor else [table.actor]
    if getattr(row, "seller_id", entry.seller_id) != entry.seller_id:
        wrong.append("seller_id")
    if said is not None:
        wrong += [name for name, value in table.values(row, keyring).items() if said.get(name) != value]
    if not wrong:
        return None
    detail = f"the row of {table.model.__tablename__} differs in {', '.join(wrong)}"
    return Finding("changed", entry.chain, entry.seq, detail)


def _compared_switch(session: Session, switch: Switched) -> list[Finding]:
    """Return a finding if a row was switched, or switched back, without a word in the ledger."""
    kinds = [kind for kind in (switch.on, switch.off) if kind is not None]
    said = {subject for subject, (*_place, kind) in newest(session, *kinds).items() if kind == switch.on}
    key, column = inspect(switch.model).primary_key[0], getattr(switch.model, switch.column)
    differing = said ^ set(session.scalars(select(key).where(column.is_not(None))))
    if not differing:
        return []
    detail = (
        f"{switch.column} of {len(differing)} rows of {switch.model.__tablename__} is set or empty against the ledger"
    )
    return [Finding("changed", None, None, detail)]


def read_object(document: str) -> dict[str, object]:
    """Return the JSON object of a row's column or an entry's payload; empty if it is none any more."""
    try:
        read = json.loads(document)
    except (ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}


def silently_erased(session: Session) -> list[Finding]:
    """Return a finding for each entry whose payload is gone without a later entry that says so."""
    erasures = Erasures()
    for entries in entries_of(session, ERASED):
        for entry in entries:
            erasures.entry(entry.chain, entry.seq, entry.at, entry.kind, entry.payload)
    place = select(LedgerEntry.chain, LedgerEntry.seq, LedgerEntry.at, LedgerEntry.kind)
    for chain, seq, at, kind in session.execute(place.where(LedgerEntry.payload.is_(None))):
        erasures.entry(chain, seq, at, kind, None)
    return erasures.findings()


def unaccounted(session: Session, model: type[Base], seen: int) -> list[Finding]:
    """Return a finding if the table holds another number of rows than the ledger speaks of."""
    held = session.scalar(select(func.count()).select_from(model)) or 0
    if held <= seen:
        return []
    return [Finding("inserted", None, None, f"{held - seen} rows of {model.__tablename__} are not in the ledger")]
