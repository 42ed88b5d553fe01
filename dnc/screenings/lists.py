"""Screenings as a list, the newest first: what was screened, and how far each has come."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.access import Caller, Right
from core.newest import newest, page_of
from dnc.decision import Verdict
from dnc.models import Campaign
from dnc.screenings.counts import Summary
from dnc.screenings.models import Screening
from dnc.screenings.terms import ScreeningState, Subject


@dataclass(frozen=True, slots=True)
class ListedScreening:
    """A screening in a list. ``verdicts`` counts its rows on record; ``result``: a file is kept."""

    id: str
    campaign: str
    subject: Subject
    file_name: str | None
    sha256: str | None
    next_hour: bool
    asked_at: datetime
    asked_by: str
    state: ScreeningState
    failure: str | None
    progress: float
    rows: int
    verdicts: Mapping[str, int]
    ended_at: datetime | None
    result: bool
    kept_until: datetime | None


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
    return [
        ListedScreening(
            id=row.id,
            campaign=campaign,
            subject=Subject(row.subject),
            file_name=row.file_name,
            sha256=row.sha256,
            next_hour=row.next_hour,
            asked_at=row.asked_at,
            asked_by=row.asked_by,
            state=ScreeningState(row.state),
            failure=row.failure,
            progress=round(row.progress, 4),
            rows=row.rows,
            verdicts=_verdicts(row.counts),
            ended_at=row.ended_at,
            result=row.result_kept is not None,
            kept_until=row.kept_until if row.result_kept is not None else None,
        )
        for row, campaign in rows
    ]


def _verdicts(counts: str) -> dict[str, int]:
    counted = Summary.of(json.loads(counts)).whole.verdicts
    return {verdict.value: counted[verdict] for verdict in Verdict}
