"""Verify an export of Ringklar's ledger without Ringklar. Needs Python 3.11 and the package cryptography, nothing else.

    python verify_ledger.py EXPORT PUBLIC_KEY [FOLDER]

PUBLIC_KEY: 64 hex digits, had from elsewhere than the export. To FOLDER go the RFC 3161 answers. Exit code 1: findings.
"""

import base64
import json
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

COUNTED = {"checkpoint": "checkpoints", "chain": "chains", "entry": "entries", "timestamp": "timestamps"}
MEMBERS = {  # the kinds of lines in their order
    "header": {"form", "public_key", "after", "to"},
    "checkpoint": {"no", "at", "payload", "signature"},
    "chain": {"no", "opened_at", "after", "seq", "head"},
    "entry": {"chain", "seq", "at", "kind", "subject", "actor", "seller_id", "payload", "digest", "hash"},
    "timestamp": {"checkpoint", "authority", "stamped_at", "response"},
    "end": {*COUNTED.values()},
}
EPOCH, FIRST, NEVER_ERASED = datetime(1970, 1, 1, tzinfo=UTC), (-1, "0" * 64), ("chain.opened", "ledger.erased")


class Ledger:
    def __init__(self, file: IO[bytes], public_key: str, folder: Path | None = None) -> None:
        self.public_key, self.key = public_key, Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
        self.folder, self.wrong, self.count, self.part = folder, list[str](), Counter[str](), list[Any]([0, None])
        self.place = self.newest = self.newest_stamp = 0
        self.signed: dict[int, tuple[int, str]] = {}  # by chain: the entry and hash that was signed last
        self.ends: dict[int, tuple[int, str]] = {}  # by chain: the entry read last, or the last before this part
        self.vouched, self.erased = dict[Any, str](), dict[Any, Any]()  # by entry: the hash due there; who says: erased
        self.digests, self.gone, self.chains, self.stamps = list[str](), list[Any](), dict[int, Any](), dict[str, Any]()
        for number, written in enumerate(iter(lambda: file.readline(2**28), b""), start=1):
            try:
                self.take(written)
            except (InvalidSignature, LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
                self.wrong.append(f"line {number}: {type(error).__name__}")
        self.close()

    def must(self, holds: bool, otherwise: str) -> None:
        self.wrong += [] if holds else [otherwise.encode("unicode_escape").decode()]  # no file commands a terminal

    def take(self, written: bytes) -> None:
        line = json.loads(written.decode())
        text = json.dumps(line, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        self.must(text.encode() + b"\n" == written and is_plain(list(line.values())), "a line is not in its one form")
        kind, place = line["type"], list(MEMBERS).index(line["type"])
        in_place = (kind == "header") == (not self.count) and not self.count["end"] and place >= self.place
        self.must(in_place and line.keys() == MEMBERS[kind] | {"type"}, f"a line of kind {kind} is out of place")
        self.count[kind], self.place = self.count[kind] + 1, place
        getattr(self, kind)(line)

    def header(self, line: Any) -> None:
        self.must((line["form"], line["public_key"]) == ("ringklar-ledger-2", self.public_key), "another form or key")
        self.part = [line["after"] + 0, line["to"]]  # after which checkpoint, and up to which

    def checkpoint(self, line: Any) -> None:
        self.key.verify(signature := bytes.fromhex(line["signature"]), line["payload"].encode())
        told, no, before = json.loads(line["payload"]), len(self.digests) + 1, [None, *self.digests[-1:]][-1]
        is_next = (told["no"], told["after"], line["no"], line["at"]) == (no, before, no, told["at"])
        self.must(is_next and signature.hex() == line["signature"], f"checkpoint {no} is not as it was made")
        self.digests.append(sha256(line["payload"].encode()).hexdigest())
        for chain, seq, head in told["heads"]:
            self.must(seq > self.signed.get(chain, FIRST)[0], f"checkpoint {no} goes back in chain {chain}")
            self.signed[chain] = (seq, head)
            self.ends |= {chain: (seq, head)} if no <= self.part[0] else {}
            self.vouched |= {(chain, seq): head} if no > self.part[0] else {}

    def chain(self, line: Any) -> None:
        no, self.chains[line["no"]] = line["no"], {**line, "end": (line["seq"], line["head"])}
        self.must(no == len(self.chains) == self.count["chain"], f"chain {no} is not in its place")
        if no in self.ends:
            self.must(line["after"] is line["opened_at"] is None, f"chain {no} began before this part")
        elif line["after"] is not None:
            (chain, seq, head), end = line["after"], self.ends.get(line["after"][0], FIRST)
            stands = self.vouched.setdefault((chain, seq), head) if seq > end[0] else head if seq < end[0] else end[1]
            self.must(stands == head, f"chain {no} follows another hash than was signed")

    def entry(self, line: Any) -> None:
        chain, seq, payload, kind = line["chain"], line["seq"], line["payload"], line["kind"] + ""
        at, where, (last, before) = datetime.fromisoformat(line["at"]), (chain, seq), self.ends.get(chain, FIRST)
        self.must(seq + 0 == last + 1 and chain >= self.newest, f"entry {where} follows entry {last}")
        self.must(payload is None or sha256(payload.encode()).hexdigest() == line["digest"], f"entry {where}: payload")
        covered = [before, chain, seq, (at - EPOCH) // timedelta(microseconds=1), kind, line["subject"], line["actor"]]
        text = json.dumps([*covered, line["seller_id"], line["digest"]], separators=(",", ":"), ensure_ascii=False)
        is_hash = sha256(text.encode()).hexdigest() == line["hash"] and at.isoformat()[:-6] + "+00:00" == line["at"]
        self.must(self.vouched.pop(where, line["hash"]) == line["hash"] and is_hash, f"entry {where}: hash")
        self.ends[chain], self.newest = (seq, line["hash"]), chain
        self.gone += [(chain, seq, kind, at)] if payload is None else []
        self.count["unsigned"] += not (is_signed := seq <= self.signed.get(chain, FIRST)[0])
        told = json.loads(payload) if payload is not None and kind in (*NEVER_ERASED, "checkpoint.stamped") else {}
        if seq == 0 or kind == "chain.opened":
            after = told["after"] and [told["after"][name] for name in ("chain", "seq", "head")]
            is_next = seq == 0 and self.chains[chain]["after"] == after and (after or [0])[0] == chain - 1
            self.must(is_next and self.chains[chain]["opened_at"] == line["at"], f"chain {chain} was opened otherwise")
        for of_chain, of_seq in told["entries"] if kind == "ledger.erased" and payload is not None else ():
            self.must(type(of_chain) is type(of_seq) is int, f"entry {where} names no entry")
            self.erased.setdefault((of_chain, of_seq), []).extend([(chain, seq, at)] * is_signed)
        self.stamps |= {line["subject"]: told} if kind == "checkpoint.stamped" and payload is not None else {}

    def timestamp(self, line: Any) -> None:
        no, response = line["checkpoint"], base64.b64decode(line["response"], validate=True)
        told = {"checkpoint_sha256": self.digests[no - 1], "response_sha256": sha256(response).hexdigest()}
        told |= {"authority": line["authority"], "stamped_at": line["stamped_at"]}
        is_written_so = base64.b64encode(response).decode() == line["response"] and no > self.newest_stamp
        self.must(is_written_so and self.stamps.pop(str(no)) == told, f"the stamp of checkpoint {no} is another")
        self.newest_stamp = no
        if self.folder:
            (self.folder / f"{self.digests[no - 1]}.tsr").write_bytes(response)

    def end(self, line: Any) -> None:
        self.must([line[name] for name in COUNTED.values()] == [self.count[one] for one in COUNTED], "the end's counts")

    def close(self) -> None:
        is_part = 0 <= self.part[0] <= len(self.digests) > 0 and self.part[1] in (None, len(self.digests))
        self.must(is_part and self.count["end"] == 1, "the end is missing, or a checkpoint")
        self.must(not self.vouched and not self.stamps, "what was vouched for, or a stamp on record, is missing")
        stated = {no: line["end"] for no, line in self.chains.items()}
        self.must(self.ends == stated and (self.part[1] is None or stated == self.signed), "chains end elsewhere")
        for chain, seq, kind, at in self.gone:
            said = [no > seq if by == chain else then >= at for by, no, then in self.erased.get((chain, seq), [])]
            self.must(kind not in NEVER_ERASED and any(said), f"entry {(chain, seq)} is erased without a word")


def is_plain(value: object) -> bool:  # 1.0 and true would pass for 1
    return all(map(is_plain, value)) if isinstance(value, list) else type(value) in (str, int, type(None))


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4) or len(sys.argv[2]) != len(FIRST[1]) or set(sys.argv[2]) - set("0123456789abcdef"):
        sys.exit(__doc__)
    try:
        with Path(sys.argv[1]).open("rb") as file:
            found = Ledger(file, sys.argv[2], Path(sys.argv[3]) if sys.argv[3:] else None)
    except OSError as error:
        sys.exit(f"{error}")
    told = ", ".join(f"{found.count[kind]} {name}" for kind, name in COUNTED.items())
    beside = [f"{found.count['unsigned']} entries are signed by no checkpoint"] * (found.count["unsigned"] > 0)
    lines = [*found.wrong, *beside, *["a part alone"] * any(found.part), f"{told}: {len(found.wrong)} findings", ""]
    sys.stdout.write("\n".join(lines))
    sys.exit(bool(found.wrong))
