"""Verify a ledger: from an export file and the public key alone, or straight from the database.

The lines are those of ``core.exporting``. Nothing here needs a secret.
"""

import base64
import hashlib
import json
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from core.checkpoints import SIGNED_WITHIN
from core.clock import to_microseconds
from core.exporting import FORM, Line, Part, opened_after
from core.ledger import (
    ERASED,
    GENESIS,
    NEVER_ERASED,
    UNREADABLE,
    Event,
    Position,
    entry_hash,
    is_unreadable,
    payload_digest,
)
from core.timestamps import STAMPED

ORDER = ("header", "checkpoint", "chain", "entry", "timestamp", "end")
MEMBERS = {
    "header": {"type", "form", "public_key", "after", "to"},
    "checkpoint": {"type", "no", "at", "payload", "signature"},
    "chain": {"type", "no", "opened_at", "after", "seq", "head"},
    "entry": {
        *("type", "chain", "seq", "at", "kind", "subject", "actor", "seller_id", "payload", "digest", "hash"),
    },
    "timestamp": {"type", "checkpoint", "authority", "stamped_at", "response"},
    "end": {"type", "chains", "entries", "checkpoints", "timestamps"},
}

StampFault = Callable[[bytes, bytes, str], str | None]
"""Says what is wrong with an authority's answer over a SHA-256, which is said to be of a moment, as
``core.timestamps.StampVerifier.fault_of`` does."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it was written: what, and where. It names no number."""

    what: str
    chain: int | None
    seq: int | None
    detail: str


@dataclass(frozen=True, slots=True)
class Late:
    """A checkpoint that came long after the first entry that it was the first to sign; ``since`` is that entry's."""

    checkpoint: int
    since: datetime
    signed_at: datetime


@dataclass(frozen=True, slots=True)
class Verified:
    """How much was read, and everything found wrong with it.

    ``unsigned``: entries that no checkpoint covers yet. ``late``: where that lasted long; no fault of what is written.
    ``erased_unsigned``: those of the ``erased`` of which only unsigned entries say so.
    """

    chains: int
    entries: int
    erased: int
    checkpoints: int
    findings: tuple[Finding, ...]
    timestamps: int = 0
    unsigned: int = 0
    erased_unsigned: int = 0
    late: tuple[Late, ...] = ()


class Erasures:
    """Which payloads are gone, and which of them an entry that was written later says were erased."""

    def __init__(self) -> None:
        self.found: dict[tuple[int, int], tuple[int, str]] = {}  # by place: the moment and the kind
        self._named: dict[tuple[int, int], list[tuple[int, int, int]]] = {}  # by place: who names it, and when

    def entry(self, chain: int, seq: int, at: datetime, kind: str, payload: str | None) -> None:
        """Take in one entry; one of no kind, or that says what was erased in no form that can be read, raises."""
        moment = to_microseconds(at)
        if not isinstance(kind, str):
            raise TypeError("not a kind")
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
            if kind in NEVER_ERASED or not self._said_by((chain, seq), at)
        ]

    def unsigned(self, signed: Mapping[int, int]) -> int:
        """Return of how many payloads only entries say so that stand behind the last that is ``signed`` of a chain."""
        said = (self._said_by(place, at) for place, (at, _) in self.found.items())
        return sum(bool(by) and all(seq > signed.get(chain, -1) for chain, seq in by) for by in said)

    def _said_by(self, place: tuple[int, int], at: int) -> list[tuple[int, int]]:
        """Of one chain, the later entry has the greater number; of two, it cannot be told but by their clocks."""
        return [
            (chain, seq)
            for moment, chain, seq in self._named.get(place, ())
            if (seq > place[1] if chain == place[0] else moment >= at)
        ]


@dataclass(slots=True)
class _Signed:
    """A place that a checkpoint signed: the hash that stands there, and the checkpoint."""

    seq: int
    head: str
    checkpoint: int
    at: datetime


@dataclass(slots=True)
class _Chain:
    """A chain as its line tells it, and as its entries and the checkpoints do."""

    stated: tuple[int, str] | None = None  # where its line says that it ends
    opened_at: str | None = None
    after: list[object] | None = None
    end: tuple[int, str] = (-1, GENESIS)  # where the entries read so far end, or the part of the chain before them
    newest: _Signed | None = None
    awaited: deque[_Signed] = field(default_factory=deque)
    is_begun: bool = False  # its first entries are not in this part


class _Verifier:
    def __init__(self, public_key: str, stamp_fault: StampFault | None) -> None:
        self.findings: list[Finding] = []
        self.public_key, self.stamp_fault = public_key, stamp_fault
        self.key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
        self.wanted = Part()
        self.chains: dict[int, _Chain] = {}
        self.vouched: dict[tuple[int, int], str] = {}  # where chains say that they were opened: the hash there
        self.stamped: dict[str, Line] = {}  # by checkpoint: what the ledger says of its stamp
        self.late: dict[int, Late] = {}
        self.erasures = Erasures()
        self.entries = self.checkpoints = self.timestamps = self.told = self.unsigned = 0
        self.digests = bytearray()  # of each checkpoint's payload, in order
        self.read = self.part = self.newest = 0
        self.ended = False

    def find(self, what: str, chain: int | None, seq: int | None, detail: str) -> None:
        self.findings.append(Finding(what, chain, seq, detail))

    def line(self, line: Line) -> None:
        """Take one line in; a malformed one raises."""
        self.read += 1
        kind = line.get("type")
        part = ORDER.index(kind) if kind in ORDER else self.part
        if (kind == "header") != (self.read == 1) or part < self.part or self.ended:
            self.find("reordered", None, None, "a line stands outside its part of the export")
        self.part = part
        if kind not in ORDER:
            self.find("changed", None, None, "a line cannot be read")
            return
        if line.keys() != MEMBERS[kind] or not _is_plain(list(line.values())):
            self.find("changed", None, None, "a line has other members, or of another kind, than it was written with")
        match kind:
            case "header":
                self.header(line)
            case "checkpoint":
                self.checkpoint(line)
            case "chain":
                self.chain(line)
            case "entry":
                self.entry(line)
            case "timestamp":
                self.timestamp(line)
            case _:
                self.end(line)

    def header(self, line: Line) -> None:
        if line["form"] != FORM or line["public_key"] != self.public_key:
            self.find("changed", None, None, "the header names another form or key")
        self.wanted = Part(_whole(line["after"]), None if line["to"] is None else _whole(line["to"]))

    def checkpoint(self, line: Line) -> None:
        self.checkpoints += 1
        payload = line["payload"]
        try:
            signature = bytes.fromhex(line["signature"])
            if signature.hex() != line["signature"]:  # the same bytes can be written in capitals or with spaces
                self.find("changed", None, None, f"the signature of checkpoint {line['no']} is not written as it was")
            self.key.verify(signature, payload.encode())
        except (InvalidSignature, ValueError):
            self.find("checkpoint", None, None, f"the signature of checkpoint {line['no']} does not verify")
            return
        document = json.loads(payload)
        no, at = document["no"], datetime.fromisoformat(document["at"])
        before = self.digests[-32:].hex() or None
        if no != self.checkpoints or document["after"] != before:
            self.find("missing", None, None, f"checkpoint {no} does not follow the one before it")
        if (line["no"], line["at"]) != (no, document["at"]):
            self.find("changed", None, None, f"checkpoint {no} has another number or moment beside it")
        self.digests += hashlib.sha256(payload.encode()).digest()
        for chain_no, seq, head in document["heads"]:
            chain = self.chains.setdefault(_whole(chain_no), _Chain())
            if chain.newest is not None and chain.newest.seq >= _whole(seq):
                self.find("checkpoint", chain_no, seq, f"checkpoint {no} goes back in the chain")
            chain.newest = _Signed(seq, head, no, at)
            if no > self.wanted.after:
                chain.awaited.append(chain.newest)
            else:
                chain.end, chain.is_begun = (seq, head), True

    def chain(self, line: Line) -> None:
        no, stated = _whole(line["no"]), (_whole(line["seq"]), str(line["head"]))
        after, opened_at = line["after"], line["opened_at"]
        chain = self.chains.setdefault(no, _Chain())
        if chain.stated is not None:
            self.find("inserted", no, None, "the chain is given twice")
        elif no < max((each for each, one in self.chains.items() if one.stated is not None), default=0):
            self.find("reordered", no, None, "the chain stands after a later one")
        chain.stated, chain.opened_at, chain.after = stated, opened_at, after
        if chain.is_begun:
            if (after, opened_at) != (None, None):
                self.find("changed", no, None, "the chain began before this part, yet its line says how")
            return
        if after is None:
            return
        of_chain, of_seq, head = after
        before = self.chains.get(_whole(of_chain))
        if before is None or _whole(of_seq) > before.end[0]:
            self.vouched[of_chain, of_seq] = str(head)
        elif before.end[0] == of_seq and before.end[1] != head:
            self.find("missing", of_chain, of_seq, "an entry that was vouched for is gone or was changed")

    def entry(self, line: Line) -> None:
        no, seq = _whole(line["chain"]), _whole(line["seq"])
        chain = self.chains.setdefault(no, _Chain())
        self.entries += 1
        if no < self.newest:
            self.find("reordered", no, seq, "the entry stands after a later chain's")
        self.newest = no
        before_seq, before_hash = chain.end
        if seq != before_seq + 1:
            what = "missing" if seq > before_seq else "reordered"
            self.find(what, no, seq, f"entry {seq} follows entry {before_seq}")
        payload, digest = line["payload"], line["digest"]
        if payload is not None and payload_digest(payload) != digest:
            self.find("changed", no, seq, "the payload is not the one that was digested")
        event = Event(line["kind"], line["subject"], line["actor"], line["seller_id"], "")
        at = datetime.fromisoformat(line["at"])
        if at.isoformat() != line["at"] or at.utcoffset():  # a moment can be written in any offset
            self.find("changed", no, seq, "the moment is not written as it was")
            at = at.replace(tzinfo=UTC)  # as it stands: what it would be in UTC may lie outside the calendar
        if entry_hash(before_hash, Position(no, seq), at, event, digest) != line["hash"]:
            self.find("changed", no, seq, "the hash does not follow from the entry and the one before it")
        self.opened(line, chain)
        chain.end = (seq, line["hash"])
        self.erasures.entry(no, seq, at, line["kind"], payload)
        self.vouch(no, seq, line["hash"], at)
        if line["kind"] == STAMPED and payload is not None:
            self.stamped[line["subject"]] = json.loads(payload)

    def opened(self, line: Line, chain: _Chain) -> None:
        """Hold the first entry of a chain against the chain's line."""
        no, seq, payload = line["chain"], line["seq"], line["payload"]
        if (seq == 0) != (line["kind"] == "chain.opened"):
            self.find("changed", no, seq, "a chain begins with its opening alone")
        if seq == 0 and chain.stated is not None and chain.opened_at != line["at"]:
            self.find("changed", no, seq, "the chain says that it was opened at another moment")
        if line["kind"] != "chain.opened" or payload is None:
            return
        after = opened_after(payload)
        if chain.stated is not None and chain.after != after:
            self.find("changed", no, seq, "the chain says that it was opened elsewhere")
        if (after[0] if after is not None else 0) != no - 1:
            self.find("missing", no, seq, "the chain does not follow the one before it")

    def vouch(self, no: int, seq: int, head: str, at: datetime) -> None:
        """Hold an entry's hash against whatever vouches for it, and see how long it waited to be signed."""
        if self.vouched.pop((no, seq), head) != head:
            self.find("missing", no, seq, "an entry that was vouched for is gone or was changed")
        awaited = self.chains[no].awaited
        while awaited and awaited[0].seq < seq:
            self.find("missing", no, awaited.popleft().seq, "an entry that was vouched for is gone or was changed")
        if not awaited:
            self.unsigned += 1
            return
        signed = awaited[0]
        if signed.at - at > SIGNED_WITHIN:
            before = self.late.get(signed.checkpoint)
            if before is None or at < before.since:
                self.late[signed.checkpoint] = Late(signed.checkpoint, at, signed.at)
        if signed.seq == seq:
            awaited.popleft()
            if signed.head != head:
                self.find("missing", no, seq, "an entry that was vouched for is gone or was changed")

    def timestamp(self, line: Line) -> None:
        self.timestamps += 1
        no = _whole(line["checkpoint"])
        if no <= self.told:
            self.find("reordered", None, None, f"the time stamp of checkpoint {no} stands after a later one, or twice")
        self.told = no
        said = self.stamped.pop(str(no), None)
        response = base64.b64decode(line["response"], validate=True)
        if base64.b64encode(response).decode() != line["response"]:
            self.find("changed", None, None, f"the time stamp of checkpoint {no} is not written as it was")
        digest = bytes(self.digests[32 * (no - 1) : 32 * no])
        told = {
            "authority": line["authority"],
            "checkpoint_sha256": digest.hex(),
            "response_sha256": hashlib.sha256(response).hexdigest(),
            "stamped_at": line["stamped_at"],
        }
        if said != told:
            self.find("changed", None, None, f"the time stamp of checkpoint {no} is not the one on record")
        elif self.stamp_fault is not None:
            fault = self.stamp_fault(response, digest, line["stamped_at"])
            if fault is not None:
                self.find("timestamp", None, None, f"checkpoint {no}: {fault}")

    def end(self, line: Line) -> None:
        self.ended = True
        told = (line["chains"], line["entries"], line["checkpoints"], line["timestamps"])
        chains = sum(chain.stated is not None for chain in self.chains.values())
        if told != (chains, self.entries, self.checkpoints, self.timestamps):
            self.find("missing", None, None, "the end counts another number of lines")

    def break_off(self, error: Exception) -> None:
        """Say behind which entry a row cannot be read, perhaps by some hundreds: they are read many at once."""
        chain = self.chains.get(self.newest)
        seq = chain.end[0] if chain is not None and chain.end[0] >= 0 else None
        detail = f"a row behind this cannot be read ({type(error).__name__}): what follows is not verified"
        self.find("unreadable", self.newest if seq is not None else None, seq, detail)

    def close(self) -> None:
        if not self.ended:
            self.find("missing", None, None, "the end is missing")
        if self.wanted.to is not None and self.wanted.to != self.checkpoints:
            self.find("missing", None, None, f"the part ends with checkpoint {self.wanted.to}, which is not the last")
        if not 0 <= self.wanted.after <= self.checkpoints:
            self.find("missing", None, None, f"checkpoint {self.wanted.after}, after which the part begins, is missing")
        for before, no in pairwise([0, *sorted(self.chains)]):
            if no != before + 1:
                self.find("missing", before + 1, None, "the chain is gone, or more than one")
        for no, chain in self.chains.items():
            self.close_chain(no, chain)
        for no, seq in self.vouched:
            self.find("missing", no, seq, "an entry that was vouched for is gone or was changed")
        for named in self.stamped:
            self.find("missing", None, None, f"the time stamp of checkpoint {named} is on record and gone")
        self.findings += self.erasures.findings()

    def close_chain(self, no: int, chain: _Chain) -> None:
        if chain.awaited:
            self.find("missing", no, chain.awaited[-1].seq, "an entry that was vouched for is gone or was changed")
        stated = chain.stated
        if stated is None:
            what = "inserted" if chain.newest is None else "missing"
            self.find(what, no, None, "the entries belong to no chain")
            return
        if chain.end[0] < 0:
            self.find("inserted", no, None, "the chain has no entries")
        elif chain.end[0] < stated[0]:
            self.find("missing", no, stated[0], "the chain was cut short")
        elif chain.end != stated:
            self.find("inserted", no, chain.end[0], "the chain goes on after its head")
        elif self.wanted.to is not None and (chain.newest is None or stated != (chain.newest.seq, chain.newest.head)):
            self.find("inserted", no, chain.end[0], "the part goes on after what its last checkpoint signed")


def _is_plain(value: object) -> bool:
    """Return whether there is nothing but texts, whole numbers and nulls in it: 1.0 and true would pass for 1."""
    return all(map(_is_plain, value)) if isinstance(value, list) else type(value) in (str, int, type(None))


def _whole(value: object) -> int:
    """Return the whole number that a line holds; anything else is no line of ours."""
    if type(value) is not int:
        raise TypeError("not a whole number")
    return value


def verify(lines: Iterable[Line], public_key: str, stamp_fault: StampFault | None = None) -> Verified:
    """Return what is wrong with a ledger: any changed, removed, reordered or inserted row. Never raises on bad lines.

    Where ``lines`` come to a row that cannot be read at all, that is a finding, and the last: the rest is not known.

    ``public_key``: the Ed25519 key of 64 hex digits, had from somewhere else than the export itself. ``stamp_fault``
    tries time stamps against their authority; without it they are held against the ledger alone.
    Memory grows with the number of checkpoints and chains, not with the entries.
    """
    verifier = _Verifier(public_key, stamp_fault)
    try:
        for line in lines:
            try:
                verifier.line(line)
            except UNREADABLE as error:
                verifier.find("changed", None, None, f"a line cannot be read ({type(error).__name__})")
    except Exception as error:
        if not is_unreadable(error):
            raise
        verifier.break_off(error)
    else:
        verifier.close()
    signed = {no: chain.newest.seq for no, chain in verifier.chains.items() if chain.newest is not None}
    return Verified(
        chains=sum(chain.stated is not None for chain in verifier.chains.values()),
        entries=verifier.entries,
        erased=len(verifier.erasures.found),
        checkpoints=verifier.checkpoints,
        findings=tuple(verifier.findings),
        timestamps=verifier.timestamps,
        unsigned=verifier.unsigned,
        erased_unsigned=verifier.erasures.unsigned(signed),
        late=tuple(verifier.late[no] for no in sorted(verifier.late)),
    )
