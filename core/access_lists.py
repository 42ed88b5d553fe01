"""Which keys and users there are, and which of them still open anything; never a secret, nor what is kept of one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.access import ApiKey, Role, User
from core.sellers import Seller


@dataclass(frozen=True, slots=True)
class KeyReport:
    """A key as it stands. ``seller`` is a slug, None: every seller's; ``revoked_at`` None: it opens what its role may.

    The ledger and answers name it ``key:`` and its ``id``.
    """

    id: str
    name: str
    role: Role
    seller: str | None
    created_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class UserReport:
    """A user as it stands. ``seller`` is a slug, None: every seller's; ``disabled_at`` None: who may sign in.

    The ledger and answers name it ``user:`` and its ``id``.
    """

    id: str
    name: str
    role: Role
    seller: str | None
    created_at: datetime
    disabled_at: datetime | None


def key_reports(session: Session, *, after: str = "", limit: int) -> Sequence[KeyReport]:
    """Return at most ``limit`` keys by name, after ``after``, those that were revoked too. By uq_api_keys_name."""
    keys = (
        select(ApiKey.id, ApiKey.name, ApiKey.role, Seller.slug, ApiKey.created_at, ApiKey.revoked_at)
        .outerjoin(Seller, Seller.id == ApiKey.seller_id)
        .where(ApiKey.name > after)
        .order_by(ApiKey.name)
        .limit(limit)
    )
    return [
        KeyReport(id_, name, Role(role), seller, created_at, revoked_at)
        for id_, name, role, seller, created_at, revoked_at in session.execute(keys)
    ]


def user_reports(session: Session, *, after: str = "", limit: int) -> Sequence[UserReport]:
    """Return at most ``limit`` users by name, after ``after``, those who were disabled too. By uq_users_name."""
    users = (
        select(User.id, User.name, User.role, Seller.slug, User.created_at, User.disabled_at)
        .outerjoin(Seller, Seller.id == User.seller_id)
        .where(User.name > after)
        .order_by(User.name)
        .limit(limit)
    )
    return [
        UserReport(id_, name, Role(role), seller, created_at, disabled_at)
        for id_, name, role, seller, created_at, disabled_at in session.execute(users)
    ]
