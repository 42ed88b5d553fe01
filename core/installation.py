"""The installation: which secret this database belongs to."""

from datetime import datetime

from sqlalchemy import String, select
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base, lock_key
from core.errors import Kind, ServiceError
from core.store import Store

CLAIM_LOCK = 0x52494E47_434C4D  # PostgreSQL advisory lock: of two nodes that start together one makes the row


class Installation(Base):
    """One row: the fingerprint of the secret by which numbers are hashed and checkpoints signed."""

    __tablename__ = "installation"

    no: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    fingerprint: Mapped[str] = mapped_column(String(32))
    created_at: Mapped[datetime]


class WrongSecret(ServiceError):
    """The database was made under another secret, so its keyed hashes could not be recognised."""

    kind, code, title = Kind.CONFLICT, "wrong-secret", "The secret does not belong to this database"


def claim(store: Store) -> None:
    """Bind a fresh database to the store's secret, or see that it is bound to this one.

    Raises:
        WrongSecret: it is bound to another.
    """
    with store.reading() as session:
        found = session.scalar(select(Installation.fingerprint).where(Installation.no == 1))
    if found is None:
        with store.writing() as session:
            lock_key(session, CLAIM_LOCK)
            found = session.scalar(select(Installation.fingerprint).where(Installation.no == 1))
            if found is None:
                found = store.keyring.fingerprint
                session.add(Installation(no=1, fingerprint=found, created_at=store.clock.now()))
    if found != store.keyring.fingerprint:
        raise WrongSecret("RINGKLAR_SECRET is not the secret that this database was made with")
