"""Screenings that nobody works on: those to be gone on with by the jobs, and those by command that are given up."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from dnc.screenings.models import Screening
from dnc.screenings.service import ALIVE_FOR, fail_screening
from dnc.screenings.terms import ScreeningState, Subject

LEFT = "left"
"""The failure of a screening by command that nobody has worked on for long: it can be resumed."""
LEFT_AFTER = timedelta(hours=1)


def waiting_screenings(session: Session, now: datetime) -> Sequence[str]:
    """Return the ids of the screenings over HTTP that nobody works on, oldest first. By ix_screenings_state."""
    return session.scalars(
        select(Screening.id)
        .where(Screening.state == ScreeningState.RUNNING.value)
        .where(or_(Screening.ran_at < now - ALIVE_FOR, Screening.ran_at > now + ALIVE_FOR))
        .where(or_(Screening.subject == Subject.CAMPAIGN.value, Screening.kept.is_not(None)))
        .order_by(Screening.asked_at)
    ).all()


def give_up_left(session: Session, now: datetime) -> int:
    """Say of each screening by command that was left half-way that it failed; return how many."""
    left = session.scalars(
        select(Screening.id).where(
            Screening.state == ScreeningState.RUNNING.value,
            Screening.ran_at < now - LEFT_AFTER,
            Screening.subject == Subject.FILE.value,
            Screening.kept.is_(None),
        )
    ).all()
    for screening_id in left:
        fail_screening(session, screening_id, LEFT, now)
    return len(left)
