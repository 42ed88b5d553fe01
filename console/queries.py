"""What pages show beside what the services return: names of sellers, staff and keys."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.access import ApiKey, Caller, User
from core.sellers import Seller


@dataclass(frozen=True, slots=True)
class SellerName:
    """How a seller is shown, and the slug that a form names it by."""

    slug: str
    name: str


def sellers_of(session: Session, caller: Caller) -> dict[str, SellerName]:
    """Return the sellers that the caller may act for by id, in the order of their names."""
    query = select(Seller.id, Seller.slug, Seller.name).order_by(Seller.name)
    if caller.seller_id is not None:
        query = query.where(Seller.id == caller.seller_id)
    return {id_: SellerName(slug, name) for id_, slug, name in session.execute(query)}


def names_of(session: Session, actors: Iterable[str]) -> dict[str, str]:
    """Return by actor, as rows and ledger name it (``user:ID``, ``key:ID``, ``operator:NAME``), the name to show.

    Served by pk_users and pk_api_keys.
    """
    ids: dict[str, list[str]] = {"user": [], "key": [], "operator": []}
    names: dict[str, str] = {}
    for actor in set(actors):
        kind, _, ident = actor.partition(":")
        ids.setdefault(kind, []).append(ident)
        names[actor] = ident
    for user in session.execute(select(User.id, User.name).where(User.id.in_(ids["user"]))):
        names[f"user:{user.id}"] = user.name
    for key in session.execute(select(ApiKey.id, ApiKey.name).where(ApiKey.id.in_(ids["key"]))):
        names[f"key:{key.id}"] = key.name
    return names
