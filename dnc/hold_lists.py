"""Holds by the page, the newest first: those that wait, those that were settled, and those that a lead file made."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.access import Caller, Right
from core.pages import newest, page_of
from core.sellers import Seller
from dnc.holds import HoldReason, lead_file_behind, made_by_lead_file
from dnc.models import Hold
from leads.arriving import arrived_file


class HoldState(StrEnum):
    """Which holds are asked for."""

    OPEN = "open"
    CLOSED = "closed"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class ListedHold:
    """A hold with its end, if it has one. ``lead_file`` or ``contact`` made it; neither, if staff reported it."""

    id: str
    number: str
    seller: str
    reason: str
    note: str
    lead_file: str | None
    contact: str | None
    made_at: datetime
    made_by: str
    closed_at: datetime | None
    closed_by: str | None
    resolution: str | None


@dataclass(frozen=True, slots=True)
class HoldPage:
    """Some holds, the newest first; ``next_cursor`` is that of a ``PageOfIds``."""

    holds: Sequence[ListedHold]
    next_cursor: str | None


def hold_page(
    session: Session,
    caller: Caller,
    *,
    state: HoldState = HoldState.OPEN,
    lead_file: str | None = None,
    reason: HoldReason | None = None,
    cursor: str | None = None,
    limit: int,
) -> HoldPage:
    """Return at most ``limit`` holds of the caller's seller (of all, for a caller of every seller).

    In one ``state``, made by one ``lead_file`` and for one ``reason``, where these are given; after ``cursor``, if
    there was a page before. Served by pk_holds.

    Raises:
        Forbidden: the caller may not close holds.
        NotFound: there is no such lead file for the caller.
    """
    caller.require(Right.CLOSE_HOLD)
    columns = (Hold.seller_id, Hold.reason, Hold.contact_id, Hold.note, Hold.made_by, Hold.closed_at)
    looked = newest(session, Hold.id, *columns, before=cursor)
    wanted = select(looked.c.id)
    if caller.seller_id is not None:
        wanted = wanted.where(looked.c.seller_id == caller.seller_id)
    if state is not HoldState.ALL:
        is_open = looked.c.closed_at.is_(None)
        wanted = wanted.where(is_open if state is HoldState.OPEN else ~is_open)
    if lead_file is not None:
        wanted = wanted.where(made_by_lead_file(arrived_file(session, caller, lead_file).id, looked.c))
    if reason is not None:
        wanted = wanted.where(looked.c.reason == reason.value)
    page = page_of(session, looked, wanted, limit)
    rows = session.execute(
        select(Hold, Seller.slug)
        .join(Seller, Seller.id == Hold.seller_id)
        .where(Hold.id.in_(page.ids))
        .order_by(Hold.id.desc())
    )
    return HoldPage([_listed(hold, seller) for hold, seller in rows], page.next_cursor)


def _listed(hold: Hold, seller: str) -> ListedHold:
    return ListedHold(
        id=hold.id,
        number=f"+{hold.number}",
        seller=seller,
        reason=hold.reason,
        note=hold.note,
        lead_file=lead_file_behind(hold),
        contact=hold.contact_id,
        made_at=hold.made_at,
        made_by=hold.made_by,
        closed_at=hold.closed_at,
        closed_by=hold.closed_by,
        resolution=hold.resolution,
    )
