"""Verify a ledger: from an export file and the public key alone, or straight from the database.

An export is JSON lines: a header, then every chain, entry and checkpoint. Nothing here needs a secret.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.ledger import GENESIS, Event, LedgerChain, LedgerCheckpoint, LedgerEntry, Position, entry_hash, payload_digest

FORM = "ringklar-ledger-1"
READ_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it was written: what, and where. It names no number."""

    what: str
    chain: int | None
    seq: int | None
    detail: str


@dataclass(frozen=True, slots=True)
class Verified:
    """How much was read, and everything found wrong with it."""

    chains: int
    entries: int
    erased: int
    checkpoints: int
    findings: tuple[Finding, ...]


Line = dict[str, Any]


def ledger_lines(session: Session, public_key: str) -> Iterator[Line]:
    """Yield the whole ledger in the form of an export, entries in order of chain and number; memory does not grow."""
    yield {"type": "header", "form": FORM, "public_key": public_key}
    for chain in session.scalars(select(LedgerChain).order_by(LedgerChain.no)).all():
        yield {"type": "chain", "no": chain.no, "seq": chain.seq, "head": chain.head}
    after = (0, -1)
    while True:
        rows = session.scalars(
            select(LedgerEntry)
            .where((LedgerEntry.chain > after[0]) | ((LedgerEntry.chain == after[0]) & (LedgerEntry.seq > after[1])))
            .order_by(LedgerEntry.chain, LedgerEntry.seq)
            .limit(READ_AT_ONCE)
        ).all()
        for row in rows:
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
        if len(rows) < READ_AT_ONCE:
            break
        after = (rows[-1].chain, rows[-1].seq)
        session.expunge_all()
    for checkpoint in session.scalars(select(LedgerCheckpoint).order_by(LedgerCheckpoint.no)):
        yield {
            "type": "checkpoint",
            "no": checkpoint.no,
            "payload": checkpoint.payload,
            "signature": checkpoint.signature,
        }


def export_ledger(session: Session, public_key: str, target: IO[str]) -> int:
    """Write the ledger to ``target`` as JSON lines; return how many lines."""
    count = 0
    for line in ledger_lines(session, public_key):
        target.write(json.dumps(line, ensure_ascii=False) + "\n")
        count += 1
    return count


def read_export(path: Path) -> Iterator[Line]:
    """Yield the lines of an export; a line that is not JSON is yielded as ``{"type": "unreadable"}``."""
    with path.open(encoding="utf-8", errors="replace") as file:
        for text in file:
            try:
                line = json.loads(text)
            except ValueError:
                line = None
            yield line if isinstance(line, dict) else {"type": "unreadable"}


class _Verifier:
    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.chains: dict[int, tuple[int, str]] = {}
        self.ends: dict[int, tuple[int, str]] = {}
        self.wanted: dict[tuple[int, int], str] = {}  # entries that others vouch for, by the hash they must have
        self.seen: dict[tuple[int, int], str] = {}
        self.entries = self.erased = self.checkpoints = 0
        self.checkpoint_digest: str | None = None

    def find(self, what: str, chain: int | None, seq: int | None, detail: str) -> None:
        self.findings.append(Finding(what, chain, seq, detail))

    def entry(self, line: Line) -> None:
        chain, seq = line["chain"], line["seq"]
        self.entries += 1
        before_seq, before_hash = self.ends.get(chain, (-1, GENESIS))
        if seq != before_seq + 1:
            what = "missing" if seq > before_seq else "reordered"
            self.find(what, chain, seq, f"entry {seq} follows entry {before_seq}")
        payload, digest = line["payload"], line["digest"]
        if payload is None:
            self.erased += 1
        elif payload_digest(payload) != digest:
            self.find("changed", chain, seq, "the payload is not the one that was digested")
        event = Event(line["kind"], line["subject"], line["actor"], line["seller_id"], "")
        at = datetime.fromisoformat(line["at"])
        if entry_hash(before_hash, Position(chain, seq), at, event, digest) != line["hash"]:
            self.find("changed", chain, seq, "the hash does not follow from the entry and the one before it")
        if line["kind"] == "chain.opened" and payload is not None:
            after = json.loads(payload).get("after")
            if after is not None:
                self.wanted[after["chain"], after["seq"]] = after["head"]
            if (after["chain"] if after is not None else 0) != chain - 1:
                self.find("missing", chain, seq, "the chain does not follow the one before it")
        self.ends[chain] = (seq, line["hash"])
        if (chain, seq) in self.wanted or chain in self.chains:
            self.seen[chain, seq] = line["hash"]

    def checkpoint(self, line: Line, key: Ed25519PublicKey) -> None:
        self.checkpoints += 1
        payload = line["payload"]
        try:
            key.verify(bytes.fromhex(line["signature"]), payload.encode())
        except (InvalidSignature, ValueError):
            self.find("checkpoint", None, None, f"the signature of checkpoint {line['no']} does not verify")
            return
        document = json.loads(payload)
        if document["no"] != self.checkpoints or document["after"] != self.checkpoint_digest:
            self.find("missing", None, None, f"checkpoint {document['no']} does not follow the one before it")
        self.checkpoint_digest = payload_digest(payload)
        for chain, seq, head in document["heads"]:
            self.wanted[chain, seq] = head

    def close(self) -> None:
        for no in range(1, max(self.chains, default=0) + 1):
            if no not in self.chains:
                self.find("missing", no, None, "the chain is gone")
        for chain, (seq, head) in self.chains.items():
            end = self.ends.get(chain)
            if end is None or end[0] < seq:
                self.find("missing", chain, seq, "the chain was cut short")
            elif end != (seq, head):
                self.find("inserted", chain, end[0], "the chain goes on after its head")
        for chain in self.ends.keys() - self.chains.keys():
            self.find("inserted", chain, None, "the entries belong to no chain")
        for (chain, seq), head in self.wanted.items():
            if self.seen.get((chain, seq)) != head:
                self.find("missing", chain, seq, "an entry that was vouched for is gone or was changed")


def verify(lines: Iterable[Line], public_key: str) -> Verified:
    """Return what is wrong with a ledger: any changed, removed, reordered or inserted row. Never raises on bad lines.

    ``public_key``: the Ed25519 key of 64 hex digits, had from somewhere else than the export itself.
    """
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
    verifier = _Verifier()
    for line in lines:
        try:
            match line.get("type"):
                case "header":
                    if line["form"] != FORM or line["public_key"] != public_key:
                        verifier.find("changed", None, None, "the header names another form or key")
                case "chain":
                    if line["no"] in verifier.chains:
                        verifier.find("inserted", line["no"], None, "the chain is given twice")
                    verifier.chains[line["no"]] = (line["seq"], line["head"])
                case "entry":
                    verifier.entry(line)
                case "checkpoint":
                    verifier.checkpoint(line, key)
                case _:
                    verifier.find("changed", None, None, "a line cannot be read")
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            verifier.find("changed", None, None, f"a line cannot be read ({type(error).__name__})")
    verifier.close()
    return Verified(
        len(verifier.chains), verifier.entries, verifier.erased, verifier.checkpoints, tuple(verifier.findings)
    )
