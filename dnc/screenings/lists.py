"""Screenings as a list, the newest first: what was screened, and how far each has come."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.access import Caller, Right
from core.pages import newest, page_of
from dnc.models import Campaign
from dnc.screenings.models import Screening
from dnc.screenings.reports import ListedScreening, listed_screening


@dataclass(frozen=True, slots=True)
class ScreeningPage:
    """Some screenings, the newest first; ``next_cursor`` is that of a ``PageOfIds``."""

    screenings: Sequence[ListedScreening]
    next_cursor: str | None


def screening_page(session: Session, caller: Caller, *, cursor: str | None = None, limit: int) -> ScreeningPage:
    """Return at most ``limit`` screenings of the caller's seller (of all, for a caller of every seller).

    After ``cursor``, if there was a page before. Who may not screen leads is shown what it asked for itself alone: the
    names of others' files may tell who sold a list, and their results hold numbers. Served by pk_screenings.

    Raises:
        Forbidden: the caller may not screen.
    """
    caller.require(Right.SCREEN)
    looked = newest(session, Screening.id, Screening.seller_id, Screening.asked_by, before=cursor)
    wanted = select(looked.c.id)
    if caller.seller_id is not None:
        wanted = wanted.where(looked.c.seller_id == caller.seller_id)
    if not caller.may(Right.SCREEN_LEADS):
        wanted = wanted.where(looked.c.asked_by == caller.actor)
    page = page_of(session, looked, wanted, limit)
    return ScreeningPage(_listed(session, page.ids), page.next_cursor)


def _listed(session: Session, ids: Sequence[str]) -> list[ListedScreening]:
    """Return the screenings, in order: one statement, however many there are."""
    rows = session.execute(
        select(Screening, Campaign.slug)
        .join(Campaign, Campaign.id == Screening.campaign_id)
        .where(Screening.id.in_(ids))
        .order_by(Screening.id.desc())
    )
    return [listed_screening(row, campaign) for row, campaign in rows]
