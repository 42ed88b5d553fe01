"""Sellers: the companies on whose behalf calls are made. DNC lists and consents belong to a seller."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from core.access import Caller
from core.database import Base
from core.errors import NotFound
from core.ids import new_id
from core.ledger import Event, put_on_record
from core.naming import NAME_LENGTH, check_name, check_slug, insert_named


class Seller(Base):
    """A company that sells by phone (uppdragsgivare)."""

    __tablename__ = "sellers"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    slug: Mapped[str] = mapped_column(String(60), unique=True)
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    created_at: Mapped[datetime]


def add_seller(session: Session, caller: Caller, *, slug: str, name: str, now: datetime) -> Seller:
    """Return the new seller.

    Raises:
        InvalidInput: the slug is malformed, or the name empty or too long.
        AlreadyExists: the slug is taken.
    """
    called = check_name(name, "a seller")
    seller = Seller(id=new_id(), slug=check_slug(slug), name=called, created_at=now)
    insert_named(session, seller, f"a seller named {slug} exists already")
    payload = {"slug": slug, "name": seller.name}
    put_on_record(session, Event("seller.added", seller.id, caller.actor, seller.id, payload))
    return seller


def seller_named(session: Session, slug: str) -> Seller:
    """Return the seller with that slug.

    Raises:
        NotFound: there is none.
    """
    seller = session.scalar(select(Seller).where(Seller.slug == slug))
    if seller is None:
        raise NotFound("there is no seller with that slug")
    return seller


def sellers_by_slug(session: Session, *, after: str = "", limit: int) -> Sequence[Seller]:
    """Return at most ``limit`` sellers by slug, after ``after``. Served by uq_sellers_slug."""
    return session.scalars(select(Seller).where(Seller.slug > after).order_by(Seller.slug).limit(limit)).all()


def seller_of(session: Session, caller: Caller, slug: str) -> Seller:
    """Return the seller with that slug if the caller may act for it.

    Raises:
        NotFound: there is none, or it is not the caller's; the two are not told apart.
    """
    seller = seller_named(session, slug)
    if caller.seller_id is not None and caller.seller_id != seller.id:
        raise NotFound("there is no seller with that slug")
    return seller
