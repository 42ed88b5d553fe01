"""Compare the rows of a table with what the ledger says of them: none changed, none gone, none put in.

Each package names its own tables by ``Recorded``; the ledger shows its own tampering (``core.verification``).
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.database import Base
from core.ledger import LedgerEntry
from core.secrets import Keyring
from core.verification import Finding

READ_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Recorded:
    """A table of which each row has one ledger entry of ``kind``, whose subject is the row's key.

    ``values`` returns what the entry's payload must say of the row. Its seller, where the row has one, must be the
    entry's own, and so must whoever stands in the column ``actor``.
    """

    kind: str
    model: type[Base]
    key: str
    values: Callable[[Any, Keyring], Mapping[str, object]]  # Any: a row of the model
    actor: str


def entries_of(session: Session, kind: str) -> Iterator[Sequence[LedgerEntry]]:
    """Yield the entries of one kind in order, some hundreds at a time; memory does not grow with the ledger."""
    chain, seq = 0, -1
    while True:
        entries = session.scalars(
            select(LedgerEntry)
            .where(LedgerEntry.kind == kind)
            .where((LedgerEntry.chain > chain) | ((LedgerEntry.chain == chain) & (LedgerEntry.seq > seq)))
            .order_by(LedgerEntry.chain, LedgerEntry.seq)
            .limit(READ_AT_ONCE)
        ).all()
        if entries:
            yield entries
            chain, seq = entries[-1].chain, entries[-1].seq
        if len(entries) < READ_AT_ONCE:
            return
        session.expunge_all()


def compare(session: Session, keyring: Keyring, tables: Iterable[Recorded]) -> list[Finding]:
    """Return every row that differs from its entry, every entry whose row is gone, and rows without an entry."""
    findings: list[Finding] = []
    for table in tables:
        key, seen = getattr(table.model, table.key), 0
        for entries in entries_of(session, table.kind):
            found = session.scalars(select(table.model).where(key.in_([entry.subject for entry in entries])))
            rows = {getattr(row, table.key): row for row in found}
            seen += len(rows)
            findings += [
                finding for entry in entries if (finding := _compared(entry, rows, table, keyring)) is not None
            ]
        findings += unaccounted(session, table.model, seen)
    return findings


def _compared(entry: LedgerEntry, rows: Mapping[str, Any], table: Recorded, keyring: Keyring) -> Finding | None:
    row = rows.get(entry.subject)
    if row is None:
        return Finding("missing", entry.chain, entry.seq, f"the row of {table.model.__tablename__} is gone")
    said = json.loads(entry.payload) if entry.payload is not None else None
    wrong = [] if getattr(row, table.actor) == entry.actor else [table.actor]
    if getattr(row, "seller_id", entry.seller_id) != entry.seller_id:
        wrong.append("seller_id")
    if said is not None:
        wrong += [name for name, value in table.values(row, keyring).items() if said.get(name) != value]
    if not wrong:
        return None
    detail = f"the row of {table.model.__tablename__} differs in {', '.join(wrong)}"
    return Finding("changed", entry.chain, entry.seq, detail)


def unaccounted(session: Session, model: type[Base], seen: int) -> list[Finding]:
    """Return a finding if the table holds another number of rows than the ledger speaks of."""
    held = session.scalar(select(func.count()).select_from(model)) or 0
    if held <= seen:
        return []
    return [Finding("inserted", None, None, f"{held - seen} rows of {model.__tablename__} are not in the ledger")]
