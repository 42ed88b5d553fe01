"""The installation: which secret this database belongs to."""

from datetime import datetime

from sqlalchemy import String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from core.database import Base
from core.errors import Kind, ServiceError


class Installation(Base):
    """One row: the fingerprint of the secret by which numbers are hashed and checkpoints signed."""

    __tablename__ = "installation"

    no: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    fingerprint: Mapped[str] = mapped_column(String(32))
    created_at: Mapped[datetime]


class WrongSecret(ServiceError):
    """The database was made under another secret, so its keyed hashes could not be recognised."""

    kind, code, title = Kind.CONFLICT, "wrong-secret", "The secret does not belong to this database"


def claim(session: Session, fingerprint: str, now: datetime) -> None:
    """Bind a fresh database to the secret, or see that it is bound to this one.

    Raises:
        WrongSecret: it is bound to another.
    """
    row = session.scalar(select(Installation).where(Installation.no == 1))
    if row is None:
        session.add(Installation(no=1, fingerprint=fingerprint, created_at=now))
        session.flush()
    elif row.fingerprint != fingerprint:
        raise WrongSecret("RINGKLAR_SECRET is not the secret that this database was made with")
