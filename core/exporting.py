"""The ledger as lines: what an export holds, what ``core.verification`` reads.

An export is JSON lines: a header, every signed checkpoint, then the chains, their entries, the time stamps, and an end
that counts them, so that a file that was cut short shows it. Each line is written in one way alone (``canonical``), so
that no byte can differ unseen. A part of the ledger begins and ends where a checkpoint was signed: the checkpoints up
to there are all in it, and say from which hashes its entries go on. Nothing here needs a secret.
"""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session
from sqlalchemy.sql import Select

from core.clock import utc
from core.errors import InvalidInput, Kind, ServiceError
from core.ledger import LedgerChain, LedgerCheckpoint, LedgerEntry, canonical, is_unreadable
from core.timestamps import STAMPED, CheckpointTimestamp

FORM = "ringklar-ledger-2"
FORMER = "ringklar-ledger-1"
"""Written by the first versions, with spaces and in another order: nothing of it is as it would be written now."""
READ_AT_ONCE = 500
MOST_OF_A_LINE = 256 * 1024 * 1024

Line = dict[str, Any]  # whatever JSON holds: each value is tried when it is read


@dataclass(frozen=True, slots=True)
class Part:
    """What of the ledger is meant: what was written after checkpoint ``after`` (0: all) up to checkpoint ``to``.

    ``to`` None: to the end, signed or not.
    """

    after: int = 0
    to: int | None = None


WHOLE = Part()


class LedgerUnreadable(ServiceError):
    """A row of the ledger holds what this service never writes, so it cannot be handed on as it is, or signed."""

    kind, code, title = Kind.CONFLICT, "ledger-unreadable", "The ledger cannot be read"


@contextmanager
def readable_ledger() -> Iterator[None]:
    """Run the block, which reads the ledger's rows.

    Raises:
        LedgerUnreadable: one of them is not as it was written.
    """
    try:
        yield
    except Exception as error:
        if not is_unreadable(error):
            raise
        raise LedgerUnreadable("a row is not as it was written: see what ringklar ledger verify finds") from error


def part_between(session: Session, since: datetime | None, until: datetime | None) -> Part:
    """Return the part from the newest checkpoint made at ``since`` or before to the first at ``until`` or after."""
    at, no = LedgerCheckpoint.at, LedgerCheckpoint.no
    after = session.scalar(select(func.max(no)).where(at <= since)) if since is not None else None
    to = session.scalar(select(func.min(no)).where(at >= until)) if until is not None else None
    return Part(after or 0, None if to is None else max(to, after or 0))


def ledger_lines(session: Session, public_key: str, part: Part = WHOLE) -> Iterator[Line]:
    """Yield the ledger, or a part of it, in the form of an export; memory grows with the number of chains alone."""
    yield {"type": "header", "form": FORM, "public_key": public_key, "after": part.after, "to": part.to}
    starts: dict[int, int] = {}
    ends: dict[int, tuple[int, str]] = {}
    checkpoints = 0
    for checkpoint in session.scalars(_checkpoints(part).execution_options(yield_per=READ_AT_ONCE)):
        checkpoints += 1
        if part != WHOLE:
            _note(checkpoint, part, starts, ends)
        yield {
            "type": "checkpoint",
            "no": checkpoint.no,
            "at": checkpoint.at.isoformat(),
            "payload": checkpoint.payload,
            "signature": checkpoint.signature,
        }
        session.expunge(checkpoint)
    chains = session.scalars(select(LedgerChain).order_by(LedgerChain.no)).all()
    if part.to is not None:
        chains = [chain for chain in chains if chain.no in ends]
    for chain in chains:
        seq, head = (chain.seq, chain.head) if part.to is None else ends[chain.no]
        yield _chain_line(session, chain, seq, head, is_begun=chain.no in starts)
    entries, stamped = 0, set[str]()
    for row in _entries(session, starts, ends if part.to is not None else None):
        entries += 1
        if row.kind == STAMPED:
            stamped.add(row.subject)
        yield {
            "type": "entry",
            "chain": row.chain,
            "seq": row.seq,
            "at": row.at.isoformat(),
            "kind": row.kind,
            "subject": row.subject,
            "actor": row.actor,
            "seller_id": row.seller_id,
            "payload": row.payload,
            "digest": row.digest,
            "hash": row.hash,
        }
    timestamps = 0
    for line in _timestamps(session, None if part == WHOLE else stamped):
        timestamps += 1
        yield line
    counts = {"chains": len(chains), "entries": entries, "checkpoints": checkpoints, "timestamps": timestamps}
    yield {"type": "end", **counts}


def _checkpoints(part: Part) -> Select[LedgerCheckpoint]:
    chosen = select(LedgerCheckpoint).order_by(LedgerCheckpoint.no)
    return chosen if part.to is None else chosen.where(LedgerCheckpoint.no <= part.to)


def _note(checkpoint: LedgerCheckpoint, part: Part, starts: dict[int, int], ends: dict[int, tuple[int, str]]) -> None:
    """Note where the checkpoint says that each chain stood: before the part, or in it."""
    for chain, seq, head in json.loads(checkpoint.payload)["heads"]:
        ends[chain] = (seq, head)
        if checkpoint.no <= part.after:
            starts[chain] = seq


def _chain_line(session: Session, chain: LedgerChain, seq: int, head: str, *, is_begun: bool) -> Line:
    """Return a chain's line; how it was opened is told where its first entry is in the export."""
    line = {"type": "chain", "no": chain.no, "opened_at": None, "after": None, "seq": seq, "head": head}
    if is_begun:
        return line
    opened = session.scalar(select(LedgerEntry.payload).where(LedgerEntry.chain == chain.no, LedgerEntry.seq == 0))
    return line | {"opened_at": chain.opened_at.isoformat(), "after": opened_after(opened)}


def opened_after(payload: str | None) -> list[Any] | None:
    """Return after which chain, entry and hash a chain says that it was opened; None if it says nothing of it."""
    try:
        after = json.loads(payload or "{}").get("after")
        return None if after is None else [after["chain"], after["seq"], after["head"]]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _entries(
    session: Session, starts: dict[int, int], ends: dict[int, tuple[int, str]] | None
) -> Iterator[LedgerEntry]:
    """Yield entries in order of chain and number: each chain's after its start, and no further than its end."""
    place = (0, -1)
    while True:
        found = session.scalars(
            select(LedgerEntry)
            .where(tuple_(LedgerEntry.chain, LedgerEntry.seq) > place)
            .order_by(LedgerEntry.chain, LedgerEntry.seq)
            .limit(READ_AT_ONCE)
        ).all()
        session.expunge_all()
        skipped = None
        for row in found:
            if ends is not None and row.seq > ends.get(row.chain, (-1, ""))[0]:
                skipped = (row.chain + 1, -1)  # the rest of this chain is not meant
                break
            start = starts.get(row.chain, -1)
            if row.seq <= start:
                skipped = (row.chain, start)
                break
            yield row
        if skipped is None and len(found) < READ_AT_ONCE:
            return
        place = skipped or (found[-1].chain, found[-1].seq)


def _timestamps(session: Session, stamped: set[str] | None) -> Iterator[Line]:
    chosen = select(CheckpointTimestamp).order_by(CheckpointTimestamp.checkpoint_no)
    for row in session.scalars(chosen.execution_options(yield_per=READ_AT_ONCE)):
        if stamped is None or str(row.checkpoint_no) in stamped:
            yield {
                "type": "timestamp",
                "checkpoint": row.checkpoint_no,
                "authority": row.authority,
                "stamped_at": utc(row.stamped_at),
                "response": base64.b64encode(row.response).decode(),
            }
        session.expunge(row)


def export_ledger(session: Session, public_key: str, target: IO[bytes], part: Part = WHOLE) -> int:
    """Write the ledger, or a part of it, to ``target`` as JSON lines; return how many lines."""
    count = 0
    for line in ledger_lines(session, public_key, part):
        target.write(canonical(line).encode() + b"\n")
        count += 1
    return count


def read_export(path: Path) -> Iterator[Line]:
    """Yield the lines of an export; one that is not JSON in its one form is yielded as ``{"type": "unreadable"}``.

    Raises:
        InvalidInput: the first versions wrote it, in a form of their own.
    """
    with path.open("rb") as file:
        _refuse_former(file.readline(MOST_OF_A_LINE))
        file.seek(0)
        yield from read_lines(file)


def read_lines(file: IO[bytes]) -> Iterator[Line]:
    """Yield the lines of an export that is open already; as ``read_export``."""
    while written := file.readline(MOST_OF_A_LINE):
        try:
            line = json.loads(written.decode())
            is_canonical = isinstance(line, dict) and canonical(line).encode() + b"\n" == written
        except (ValueError, RecursionError):
            line, is_canonical = None, False
        yield line if is_canonical and line is not None else {"type": "unreadable"}


def _refuse_former(written: bytes) -> None:
    try:
        header = json.loads(written.decode())
    except (ValueError, RecursionError):
        return
    if isinstance(header, dict) and header.get("form") == FORMER:
        raise InvalidInput(f"the export is in the form {FORMER}: only the version that wrote it verifies it")
