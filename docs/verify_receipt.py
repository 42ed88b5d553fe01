"""Verify a delivery receipt of Ringklar without Ringklar. Needs Python 3.10 and the package cryptography, nothing else.

    python verify_receipt.py receipt.json --public-key HEX [--file DELIVERED] [--proof PROOF.json]

Every row of a CSV or JSON Lines file is held against the receipt's Merkle root (RFC 9162). A line is a row, but for
empty lines and those up to the headings, if there are any. Exit code 1: something does not hold.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

LONGEST = 65_536  # characters; longer ones are refused as rows
FORM, PROOF_FORM = "ringklar-delivery-receipt-1", "ringklar-row-proof-1"
PROOF_MEMBERS = {"form", "lead_file", "row_no", "rows", "row", "path", "merkle_root"}
SIGNED_AS = b"ringklar/delivery-receipt\n"
TOLD = {True: "holds", False: "DOES NOT HOLD", None: "not checked: the rows of this file are not its lines"}


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\1" + left + right).digest()


def root_of(hashes: list[bytes]) -> bytes:
    while len(hashes) > 1:  # level by level; a last one without a partner goes up as it is
        odd = hashes[-1:] if len(hashes) % 2 else []
        hashes = [node_hash(*pair) for pair in zip(hashes[::2], hashes[1::2], strict=False)] + odd
    return hashes[0] if hashes else sha256(b"").digest()


def root_by(path: list[bytes], reached: bytes, index: int, size: int) -> bytes | None:
    """Return the root that a row's hash and the hashes beside its way up lead to, or None if they do not fit."""
    if not 0 <= index < size:
        return None
    last = size - 1
    while last:
        if index % 2 or index < last:  # else it has no partner at this level
            if not path:
                return None
            beside, *path = path
            reached = node_hash(beside, reached) if index % 2 else node_hash(reached, beside)
        index, last = index // 2, last // 2
    return None if path else reached


def rows_of(content: bytes, receipt: dict[str, Any]) -> list[str] | None:
    """Return the rows, or None if they may not be lines: a workbook's, an archive's, one with a quote across lines."""
    is_csv = receipt["format"] == "csv"
    if receipt["wrapping"] != "none" or not (is_csv or receipt["format"] == "jsonl"):
        return None
    text = content.decode(receipt["encoding"], "replace")
    lines = re.split("\r\n|\r|\n", text) if is_csv else [line.strip("\ufeff \t\r") for line in text.split("\n")]
    if is_csv:
        while lines and re.fullmatch(r"\s*|[Ss][Ee][Pp]=[,;\t|]", lines[0]):
            del lines[0]
        del lines[: receipt["has_headings"]]
    if any(len(line) > LONGEST or (is_csv and line.count('"') % 2) for line in lines):
        return None
    return [line for line in lines if line]


def document_of(path: Path, members: set[str]) -> dict[str, Any] | None:
    """Return the JSON object of a file, or None if it has other members, or one twice, of which a reader sees one."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        return found if len(found) == len(pairs) else {}

    try:
        found = json.loads(path.read_text("utf-8"), object_pairs_hook=once)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and found.keys() == members else None


def receipt_of(given: argparse.Namespace) -> dict[str, Any] | None:
    """Return the receipt, or None if it is not as it was signed."""
    try:
        read = document_of(given.receipt, {"receipt", "signature"}) or {}
        text = json.dumps(read["receipt"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(given.public_key))
        key.verify(bytes.fromhex(read["signature"]), SIGNED_AS + text.encode())
    except (InvalidSignature, LookupError, TypeError, ValueError, RecursionError):
        return None
    return read["receipt"] if read["receipt"]["form"] == FORM else None


def row_holds(proof: dict[str, Any], receipt: dict[str, Any]) -> bool:
    """Return whether all that a proof says is so: which row of which file, and the hashes up to the receipt's root."""
    told = {name: receipt[name] for name in ("lead_file", "rows", "merkle_root")} | {"form": PROOF_FORM}
    if any(proof[name] != value or type(proof[name]) is not type(value) for name, value in told.items()):
        return False
    try:
        path, leaf = [bytes.fromhex(beside) for beside in proof["path"]], sha256(b"\0" + proof["row"].encode()).digest()
        reached = root_by(path, leaf, proof["row_no"] - 1, receipt["rows"]) if type(proof["row_no"]) is int else None
    except (AttributeError, TypeError, ValueError):
        return False
    return reached is not None and reached.hex() == receipt["merkle_root"]


def checked(given: argparse.Namespace) -> Iterator[tuple[str, bool | None]]:
    """Yield what was checked and whether it holds; None: it could not be checked."""
    receipt = receipt_of(given)
    yield "signature", receipt is not None
    if receipt is None:
        return  # nothing that it says can be relied on
    if given.file:
        content = given.file.read_bytes()
        yield "file", (len(content), sha256(content).hexdigest()) == (receipt["size"], receipt["sha256"])
        rows = rows_of(content, receipt) if receipt["merkle_root"] else None
        root = None if rows is None else root_of([sha256(b"\0" + row.encode()).digest() for row in rows]).hex()
        yield "rows", None if rows is None else (len(rows), root) == (receipt["rows"], receipt["merkle_root"])
    if given.proof:
        proof = document_of(given.proof, PROOF_MEMBERS)
        yield ("proof", False) if proof is None else (f"row {proof['row_no']!a}", row_holds(proof, receipt))


parser = argparse.ArgumentParser(description="Verify a delivery receipt of Ringklar.")
parser.add_argument("receipt", type=Path)
parser.add_argument("--public-key", required=True, help="64 hex digits, had from elsewhere than the receipt")
parser.add_argument("--file", type=Path, help="the file as it was delivered")
parser.add_argument("--proof", type=Path, help="the proof of one row")
given = parser.parse_args()
try:
    outcomes = list(checked(given))
except OSError as error:
    sys.exit(f"{error}")
sys.stdout.writelines(f"{what}: {TOLD[holds]}\n" for what, holds in outcomes)
sys.exit(1 if any(holds is False for _, holds in outcomes) else 0)
