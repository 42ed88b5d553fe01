"""Looking through the files that were screened for certain numbers: each part once, from what is on record of it."""

from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from dnc.screenings.errors import ScreeningDamaged, ScreeningErased
from dnc.screenings.found import found_rows
from dnc.screenings.models import Screening
from dnc.screenings.terms import Subject


@dataclass(frozen=True, slots=True)
class ScreenedFile:
    """A file that was screened: for which seller, by whom, when, and which of the numbers looked for stand in it.

    ``parts``: how many of it are looked through with this.
    """

    id: str
    seller_id: str
    asked_by: str
    asked_at: datetime
    parts: int
    found: frozenset[int]


def look_through(session: Session, numbers: Collection[int]) -> Iterator[ScreenedFile]:
    """Yield each screened file with parts that were not looked through, and which of ``numbers`` stand in those.

    A part that is not what was recorded tells nothing here: that it was changed is found by whoever verifies it.
    """
    for screening in session.execute(
        select(
            Screening.id,
            Screening.seller_id,
            Screening.asked_by,
            Screening.asked_at,
            Screening.parts,
            Screening.looked_through,
        )
        .where(Screening.subject == Subject.FILE.value, Screening.looked_through < Screening.parts)
        .order_by(Screening.id)
    ).all():
        found: set[int] = set()
        for no in range(screening.looked_through, screening.parts) if numbers else ():
            with suppress(ScreeningErased, ScreeningDamaged):
                found.update(found_rows(session, screening.id, no, numbers).values.tolist())
        yield ScreenedFile(
            screening.id,
            screening.seller_id,
            screening.asked_by,
            screening.asked_at,
            screening.parts,
            frozenset(found),
        )


def looked_through(session: Session, file: ScreenedFile) -> None:
    """Have those parts of it not looked through again."""
    session.execute(update(Screening).where(Screening.id == file.id).values(looked_through=file.parts))
