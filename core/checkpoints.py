"""Signed checkpoints: where every chain stood, and the keys by which an outsider can tell."""

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import select, update

from core.database import lock_key
from core.ledger import LedgerChain, LedgerCheckpoint, canonical, payload_digest
from core.secrets import Keyring
from core.store import Store

CHECKPOINT_LOCK = 0x52494E47_434B50  # PostgreSQL advisory lock: one checkpoint at a time
FORM = 1


def public_key(keyring: Keyring) -> str:
    """Return the Ed25519 public key that checkpoints verify with, 64 hex digits."""
    return keyring.ledger_key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def make_checkpoint(store: Store) -> int | None:
    """Sign where every chain stands that moved since the last checkpoint; return its number, or None if none moved."""
    with store.writing() as session:
        lock_key(session, CHECKPOINT_LOCK)
        last = session.scalar(select(LedgerCheckpoint).order_by(LedgerCheckpoint.no.desc()).limit(1))
        chains = session.scalars(
            select(LedgerChain).where(LedgerChain.signed_seq.is_distinct_from(LedgerChain.seq)).order_by(LedgerChain.no)
        ).all()
        moved = [[chain.no, chain.seq, chain.head] for chain in chains]
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
        for chain in chains:  # what was signed, which may be less than where a chain stands once this commits
            session.execute(
                update(LedgerChain).where(LedgerChain.no == chain.no).values(signed_seq=chain.seq),
                execution_options={"synchronize_session": False},
            )
        return no
