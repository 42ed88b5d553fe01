"""Signed checkpoints: where every chain stood, and the keys by which an outsider can tell."""

from datetime import datetime, timedelta

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import and_, func, select, update
from sqlalchemy.orm import Session

from core.access import operator
from core.clock import utc
from core.database import lock_key
from core.ledger import Event, LedgerChain, LedgerCheckpoint, LedgerEntry, canonical, payload_digest, put_on_record
from core.secrets import Keyring
from core.store import Store

CHECKPOINT_LOCK = 0x52494E47_434B50  # PostgreSQL advisory lock: one checkpoint at a time
FORM = 1
LATE = "checkpoint.late"
"""The kind of the entry that says that entries were left unsigned for long."""
SIGNED_WITHIN = timedelta(minutes=15)
"""How long an entry may wait for the checkpoint that signs it before that is an alarm; the jobs make one a minute."""


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


def unsigned_since(session: Session) -> datetime | None:
    """Return when the oldest entry that no checkpoint signs yet was written; None if all are signed. By pk."""
    first = and_(LedgerEntry.chain == LedgerChain.no, LedgerEntry.seq == func.coalesce(LedgerChain.signed_seq, -1) + 1)
    found: datetime | None = session.scalar(
        select(LedgerEntry.at)
        .join(LedgerChain, first)
        .where(LedgerChain.signed_seq.is_distinct_from(LedgerChain.seq))
        .order_by(LedgerEntry.at)
        .limit(1)
    )
    return found


def note_late(store: Store, now: datetime) -> datetime | None:
    """Put on record that entries were left unsigned for long; return since when, or None if they were not.

    The next checkpoint then signs them, and this entry the one after.
    """
    with store.reading() as session:
        since = unsigned_since(session)
    if since is None or now - since <= SIGNED_WITHIN:
        return None
    with store.writing() as session:
        said = {"since": utc(since), "seconds": int((now - since).total_seconds())}
        put_on_record(session, Event(LATE, "ledger", operator("jobs").actor, None, said))
    return since
