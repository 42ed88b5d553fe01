"""Verify a ledger: from an export file and the public key alone, or straight from the database.

An export is JSON lines: a header, then every chain, entry and checkpoint, and an end that counts them, so that a
file that was cut short shows it. Nothing here needs a secret.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.clock import to_microseconds
from core.ledger import (
    ERASED,
    GENESIS,
    NEVER_ERASED,
    Event,
    LedgerChain,
    LedgerCheckpoint,
    LedgerEntry,
    Position,
    entry_hash,
    payload_digest,
)

FORM = "ringklar-ledger-1"
ORDER = ("header", "chain", "entry", "checkpoint", "end")
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
    chains = session.scalars(select(LedgerChain).order_by(LedgerChain.no)).all()
    for chain in chains:
        opened_at = chain.opened_at.isoformat()
        yield {"type": "chain", "no": chain.no, "opened_at": opened_at, "seq": chain.seq, "head": chain.head}
    entries = checkpoints = 0
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
        entries += len(rows)
        if len(rows) < READ_AT_ONCE:
            break
        after = (rows[-1].chain, rows[-1].seq)
        session.expunge_all()
    for checkpoint in session.scalars(select(LedgerCheckpoint).order_by(LedgerCheckpoint.no)):
        checkpoints += 1
        yield {
            "type": "checkpoint",
            "no": checkpoint.no,
            "at": checkpoint.at.isoformat(),
            "payload": checkpoint.payload,
            "signature": checkpoint.signature,
        }
    yield {"type": "end", "chains": len(chains), "entries": entries, "checkpoints": checkpoints}


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
            except (ValueError, RecursionError):
                line = None
            yield line if isinstance(line, dict) else {"type": "unreadable"}


class Erasures:
    """Which payloads are gone, and which of them an entry that was written later says were erased."""

    def __init__(self) -> None:
        self.found: dict[tuple[int, int], tuple[int, str]] = {}  # by place: the moment and the kind
        self._named: dict[tuple[int, int], list[tuple[int, int, int]]] = {}  # by place: who names it, and when

    def entry(self, chain: int, seq: int, at: datetime, kind: str, payload: str | None) -> None:
        """Take in one entry; one that says what was erased, but not in a form that can be read, raises."""
        moment = to_microseconds(at)
        if payload is None:
            self.found[chain, seq] = moment, kind
        elif kind == ERASED:
            for of_chain, of_seq in json.loads(payload)["entries"]:
                self._named.setdefault((_whole(of_chain), _whole(of_seq)), []).append((moment, chain, seq))

    def findings(self) -> list[Finding]:
        """Return a finding for each payload that is gone without a word in the ledger."""
        return [
            Finding("erased", chain, seq, "the payload is gone, and no later entry says that it was erased")
            for (chain, seq), (at, kind) in self.found.items()
            if kind in NEVER_ERASED or not self._said((chain, seq), at)
        ]

    def _said(self, place: tuple[int, int], at: int) -> bool:
        """Of one chain, the later entry has the greater number; of two, it cannot be told but by their clocks."""
        return any(
            seq > place[1] if chain == place[0] else moment >= at for moment, chain, seq in self._named.get(place, ())
        )


class _Verifier:
    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.chains: dict[int, tuple[int, str]] = {}
        self.ends: dict[int, tuple[int, str]] = {}
        self.wanted: dict[tuple[int, int], str] = {}  # entries that others vouch for, by the hash they must have
        self.seen: dict[tuple[int, int], str] = {}
        self.opened_at: dict[int, str] = {}
        self.erasures = Erasures()
        self.entries = self.checkpoints = 0
        self.checkpoint_digest: str | None = None
        self.read = self.part = self.newest = 0
        self.ended = False

    def find(self, what: str, chain: int | None, seq: int | None, detail: str) -> None:
        self.findings.append(Finding(what, chain, seq, detail))

    def line(self, line: Line, key: Ed25519PublicKey, public_key: str) -> None:
        """Take one line in; a malformed one raises."""
        self.read += 1
        kind = line.get("type")
        part = ORDER.index(kind) if kind in ORDER else self.part
        if (kind == "header") != (self.read == 1) or part < self.part or self.ended:
            self.find("reordered", None, None, "a line stands outside its part of the export")
        self.part = part
        match kind:
            case "header":
                if line["form"] != FORM or line["public_key"] != public_key:
                    self.find("changed", None, None, "the header names another form or key")
            case "chain":
                self.chain(line)
            case "entry":
                self.entry(line)
            case "checkpoint":
                self.checkpoint(line, key)
            case "end":
                self.ended = True
                if (line["chains"], line["entries"], line["checkpoints"]) != (
                    len(self.chains),
                    self.entries,
                    self.checkpoints,
                ):
                    self.find("missing", None, None, "the end counts another number of lines")
            case _:
                self.find("changed", None, None, "a line cannot be read")

    def chain(self, line: Line) -> None:
        no, seq, head = _whole(line["no"]), _whole(line["seq"]), str(line["head"])
        if no in self.chains:
            self.find("inserted", no, None, "the chain is given twice")
        elif no < max(self.chains, default=0):
            self.find("reordered", no, None, "the chain stands after a later one")
        self.chains[no] = (seq, head)
        self.opened_at[no] = line["opened_at"]

    def entry(self, line: Line) -> None:
        chain, seq = _whole(line["chain"]), _whole(line["seq"])
        self.entries += 1
        if chain < self.newest:
            self.find("reordered", chain, seq, "the entry stands after a later chain's")
        self.newest = chain
        before_seq, before_hash = self.ends.get(chain, (-1, GENESIS))
        if seq != before_seq + 1:
            what = "missing" if seq > before_seq else "reordered"
            self.find(what, chain, seq, f"entry {seq} follows entry {before_seq}")
        payload, digest = line["payload"], line["digest"]
        if payload is not None and payload_digest(payload) != digest:
            self.find("changed", chain, seq, "the payload is not the one that was digested")
        event = Event(line["kind"], line["subject"], line["actor"], line["seller_id"], "")
        at = datetime.fromisoformat(line["at"])
        if at.isoformat() != line["at"]:
            self.find("changed", chain, seq, "the moment is not written as it was")
        if seq == 0 and self.opened_at.get(chain) != line["at"]:
            self.find("changed", chain, seq, "the chain says that it was opened at another moment")
        if entry_hash(before_hash, Position(chain, seq), at, event, digest) != line["hash"]:
            self.find("changed", chain, seq, "the hash does not follow from the entry and the one before it")
        if line["kind"] == "chain.opened" and payload is not None:
            after = json.loads(payload).get("after")
            if after is not None:
                self.wanted[after["chain"], after["seq"]] = after["head"]
            if (after["chain"] if after is not None else 0) != chain - 1:
                self.find("missing", chain, seq, "the chain does not follow the one before it")
        self.ends[chain] = (seq, line["hash"])
        self.erasures.entry(chain, seq, at, line["kind"], payload)
        if (chain, seq) in self.wanted or chain in self.chains:
            self.seen[chain, seq] = line["hash"]

    def checkpoint(self, line: Line, key: Ed25519PublicKey) -> None:
        self.checkpoints += 1
        payload = line["payload"]
        try:
            signature = bytes.fromhex(line["signature"])
            if signature.hex() != line["signature"]:  # the same bytes can be written in capitals or with spaces
                self.find("changed", None, None, f"the signature of checkpoint {line['no']} is not written as it was")
            key.verify(signature, payload.encode())
        except (InvalidSignature, ValueError):
            self.find("checkpoint", None, None, f"the signature of checkpoint {line['no']} does not verify")
            return
        document = json.loads(payload)
        if document["no"] != self.checkpoints or document["after"] != self.checkpoint_digest:
            self.find("missing", None, None, f"checkpoint {document['no']} does not follow the one before it")
        if (line["no"], line["at"]) != (document["no"], document["at"]):
            self.find("changed", None, None, f"checkpoint {document['no']} has another number or moment beside it")
        self.checkpoint_digest = payload_digest(payload)
        for chain, seq, head in document["heads"]:
            self.wanted[chain, seq] = head

    def close(self) -> None:
        if not self.ended:
            self.find("missing", None, None, "the end is missing")
        for before, no in pairwise([0, *sorted(self.chains)]):
            if no != before + 1:
                self.find("missing", before + 1, None, "the chain is gone, or more than one")
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
        self.findings += self.erasures.findings()


def _whole(value: object) -> int:
    """Return the whole number that a line holds; anything else is no line of ours."""
    if type(value) is not int:
        raise TypeError("not a whole number")
    return value


def verify(lines: Iterable[Line], public_key: str) -> Verified:
    """Return what is wrong with a ledger: any changed, removed, reordered or inserted row. Never raises on bad lines.

    ``public_key``: the Ed25519 key of 64 hex digits, had from somewhere else than the export itself.
    """
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
    verifier = _Verifier()
    for line in lines:
        try:
            verifier.line(line, key, public_key)
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            verifier.find("changed", None, None, f"a line cannot be read ({type(error).__name__})")
    verifier.close()
    return Verified(
        chains=len(verifier.chains),
        entries=verifier.entries,
        erased=len(verifier.erasures.found),
        checkpoints=verifier.checkpoints,
        findings=tuple(verifier.findings),
    )
