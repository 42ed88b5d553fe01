"""Looking through the files that were screened for certain numbers: each part once, from what is on record of it."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from dnc.screenings.models import Screening, ScreeningPart
from dnc.screenings.numbers import Ints
from dnc.screenings.packing import PackedRowsDamaged, unpack_rows
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
    sought = np.array(sorted(numbers), dtype=np.int64)
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
            part = session.execute(
                select(ScreeningPart.packed, ScreeningPart.sha256).where(
                    ScreeningPart.screening_id == screening.id, ScreeningPart.no == no
                )
            ).one_or_none()
            if part is not None:
                found.update(_among(part.packed, part.sha256, sought))
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


def _among(packed: bytes, sha256: str, sought: Ints) -> list[int]:
    try:
        values, _ = unpack_rows(packed, sha256)
    except PackedRowsDamaged:
        return []
    return [int(value) for value in np.intersect1d(values, sought)]
