"""Signed checkpoints: where every chain stood, and the keys by which an outsider can tell."""

import json
from dataclasses import dataclass

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import select

from core.database import lock_key
from core.ledger import LedgerChain, LedgerCheckpoint, canonical, payload_digest
from core.secrets import Keyring
from core.store import Store

CHECKPOINT_LOCK = 0x52494E47_434B50  # PostgreSQL advisory lock: one checkpoint at a time
FORM = 1


@dataclass(frozen=True, slots=True)
class Head:
    """Where a chain stood: its last entry's number and hash."""

    chain: int
    seq: int
    hash: str


def public_key(keyring: Keyring) -> str:
    """Return the Ed25519 public key that checkpoints verify with, 64 hex digits."""
    return keyring.ledger_key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def make_checkpoint(store: Store) -> int | None:
    """Sign where every chain stands that moved since the last checkpoint; return its number, or None if none moved."""
    with store.writing() as session:
        lock_key(session, CHECKPOINT_LOCK)
        last = session.scalar(select(LedgerCheckpoint).order_by(LedgerCheckpoint.no.desc()).limit(1))
        signed = signed_heads(session.scalars(select(LedgerCheckpoint.payload).order_by(LedgerCheckpoint.no)).all())
        moved = [
            [chain.no, chain.seq, chain.head]
            for chain in session.scalars(select(LedgerChain).order_by(LedgerChain.no))
            if signed.get(chain.no) != (chain.seq, chain.head)
        ]
        if not moved:
            return None
        now = store.clock.now()
        no = 1 if last is None else last.no + 1
        payload = canonical(
            {
                "form": FORM,
                "no": no,
                "at": now.isoformat(),
                "after": None if last is None else payload_digest(last.payload),
                "heads": moved,
            }
        )
        signature = store.keyring.ledger_key.sign(payload.encode()).hex()
        session.add(LedgerCheckpoint(no=no, at=now, payload=payload, signature=signature))
        return no


def signed_heads(payloads: object) -> dict[int, tuple[int, str]]:
    """Return for each chain the newest head in the checkpoints' payloads, oldest payload first."""
    heads: dict[int, tuple[int, str]] = {}
    for payload in payloads if isinstance(payloads, list | tuple) else ():
        heads.update({chain: (seq, head) for chain, seq, head in json.loads(payload)["heads"]})
    return heads
