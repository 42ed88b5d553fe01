"""Lists by the page: tables that grow are read from their newest row backwards."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import func, select
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.sql import Select, Subquery

T = TypeVar("T")
N = TypeVar("N")

LOOKED_THROUGH = 10_000
"""Rows looked at for one page, whatever is asked for: most of them may be others than are wanted."""


@dataclass(frozen=True, slots=True)
class PageOfIds:
    """The ids of some rows, the newest first. ``next_cursor`` goes on after them; None: there are no more.

    It alone tells: a page may be shorter than was asked for, or empty, and not be the last.
    """

    ids: Sequence[str]
    next_cursor: str | None


def newest(
    session: Session, key: InstrumentedAttribute[str], *columns: InstrumentedAttribute[Any], before: str | None
) -> Subquery:  # Any: columns of any type
    """Return the newest ``LOOKED_THROUGH`` rows of the key's table, or of those before ``before``.

    The key is an id that begins with time. Both databases walk it backwards, and stop when the page is full. What is
    added meanwhile moves no row: neither of a later page, nor of this one, which begins at the newest row as of now.
    """
    rows = select(key, *columns).order_by(key.desc()).limit(LOOKED_THROUGH)
    if before is None:
        latest = session.scalar(select(func.max(key)))
        return rows.where(key <= (latest or "")).subquery()
    return rows.where(key < before).subquery()


def page_of(session: Session, looked: Subquery, wanted: Select[str], limit: int) -> PageOfIds:
    """Return the first ``limit`` of the ids that ``wanted`` selects from the rows of ``looked``."""
    found = session.scalars(wanted.order_by(looked.c.id.desc()).limit(limit + 1)).all()
    if len(found) > limit:
        return PageOfIds(found[:limit], found[limit - 1])
    farthest, count = session.execute(select(func.min(looked.c.id), func.count()).select_from(looked)).one()
    return PageOfIds(found, farthest if count == LOOKED_THROUGH else None)


def cut(found: Sequence[T], limit: int, name: Callable[[T], N]) -> tuple[Sequence[T], N | None]:
    """Return the first ``limit`` of what was found, and the last one's name if there are more."""
    return found[:limit], name(found[limit - 1]) if len(found) > limit else None
