"""Which keys and users there are, and which of them still open anything; never a secret, nor what is kept of one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute, Session

from core.access import ApiKey, Role, User
from core.sellers import Seller


@dataclass(frozen=True, slots=True)
class AccessReport:
    """A key or a user as it stands; the ledger and answers name it ``key:`` or ``user:`` and its ``id``.

    ``seller`` is a slug, None: every seller's. ``ended_at``: when the key was revoked or the user disabled, None: it
    opens what its role may.
    """

    id: str
    name: str
    role: Role
    seller: str | None
    created_at: datetime
    ended_at: datetime | None


def key_reports(session: Session, *, after: str, limit: int) -> Sequence[AccessReport]:
    """Return at most ``limit`` keys by name, after ``after``, those that were revoked too. By uq_api_keys_name."""
    return _reports(session, ApiKey, ApiKey.revoked_at, after, limit)


def user_reports(session: Session, *, after: str, limit: int) -> Sequence[AccessReport]:
    """Return at most ``limit`` users by name, after ``after``, those who were disabled too. By uq_users_name."""
    return _reports(session, User, User.disabled_at, after, limit)


def _reports(
    session: Session,
    table: type[ApiKey] | type[User],
    ended_at: InstrumentedAttribute[datetime | None],
    after: str,
    limit: int,
) -> Sequence[AccessReport]:
    found = (
        select(table.id, table.name, table.role, Seller.slug, table.created_at, ended_at)
        .outerjoin(Seller, Seller.id == table.seller_id)
        .where(table.name > after)
        .order_by(table.name)
        .limit(limit)
    )
    return [
        AccessReport(id_, name, Role(role), seller, created_at, ended)
        for id_, name, role, seller, created_at, ended in session.execute(found)
    ]
