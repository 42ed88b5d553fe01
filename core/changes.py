"""The change feed: what dialers must act on, in the order in which it was committed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, Index, String, func, insert, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from core.database import Base, BigKey, lock_key
from core.errors import Kind, ServiceError

FEED_LOCK = 0x52494E47_464545  # PostgreSQL advisory lock: rows become visible in the order of their numbers


class ChangeKind(StrEnum):
    """What happened to a number that a dialer must know."""

    OPT_OUT = "opt_out"
    RELEASE = "release"
    HOLD = "hold"
    HOLD_CLOSED = "hold_closed"
    RETRACTION = "retraction"


class CursorAhead(ServiceError):
    """The cursor lies beyond the newest change, as after a restore: what follows would be passed over in silence."""

    kind, code, title = Kind.CONFLICT, "cursor-ahead", "The cursor is not of this feed"


class Change(Base):
    """One row of the feed; ``seller_id`` is None when it speaks to every seller."""

    __tablename__ = "changes"
    __table_args__ = (Index(None, "seller_id", "seq"), {"sqlite_autoincrement": True})

    seq: Mapped[int] = mapped_column(BigKey, primary_key=True)
    at: Mapped[datetime]
    kind: Mapped[str] = mapped_column(String(20))
    number: Mapped[int] = mapped_column(BigInteger)
    seller_id: Mapped[str | None] = mapped_column(String(36))
    subject: Mapped[str] = mapped_column(String(36))
    channels: Mapped[str] = mapped_column(String(60))


@dataclass(frozen=True, slots=True)
class NewChange:
    """A change to announce when the unit of work commits."""

    at: datetime
    kind: ChangeKind
    number: int
    seller_id: str | None
    subject: str
    channels: str


def announce(session: Session, change: NewChange) -> None:
    """Add ``change`` to the feed rows that this unit of work writes just before it commits."""
    session.info.setdefault("changes", []).append(change)


def flush_changes(session: Session) -> None:
    """Write the announced changes; in PostgreSQL one writer at a time, so that no reader ever skips one."""
    changes: list[NewChange] = session.info.pop("changes", [])
    if not changes:
        return
    lock_key(session, FEED_LOCK)
    session.execute(
        insert(Change),
        [
            {
                "at": change.at,
                "kind": change.kind.value,
                "number": change.number,
                "seller_id": change.seller_id,
                "subject": change.subject,
                "channels": change.channels,
            }
            for change in changes
        ],
    )


def changes_after(session: Session, cursor: int, *, seller_id: str | None, limit: int) -> Sequence[Change]:
    """Return at most ``limit`` changes after ``cursor`` for the seller (for all, if None), oldest first.

    Raises:
        CursorAhead: the feed has not come as far, so it never gave that cursor.
    """
    query = select(Change).where(Change.seq > cursor).order_by(Change.seq).limit(limit)
    if seller_id is not None:
        query = query.where(or_(Change.seller_id == seller_id, Change.seller_id.is_(None)))
    changes = session.scalars(query).all()
    if not changes and cursor > (session.scalar(select(func.max(Change.seq))) or 0):
        raise CursorAhead("the feed has not come so far: begin again at 0")
    return changes
