"""What was answered on a number by screenings, from the record."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.access import Caller
from dnc.screenings.errors import ScreeningDamaged, ScreeningErased
from dnc.screenings.found import found_rows
from dnc.screenings.models import ScreeningPart
from dnc.screenings.recording import part_entry
from dnc.screenings.service import screening_of


@dataclass(frozen=True, slots=True)
class AnsweredRows:
    """An answer on the number, as it was given, and the rows to which it was given at once."""

    rows: Sequence[int]
    decided_at: datetime
    answer: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ScreenedRow:
    """One row of a screening: which, its number, when it was decided, and the answer as it was given."""

    row: int
    number: int
    decided_at: datetime
    answer: Mapping[str, object]


def answers_on(
    session: Session, caller: Caller, screening_id: str, number: int, *, after: int = 0
) -> Iterator[ScreenedRow]:
    """Yield every row of the screening after the row ``after`` that has the number, in order, from the record.

    Raises:
        Forbidden, UnknownScreening: as ``screening_of``.
        ScreeningErased: its answers are no longer kept.
        ScreeningDamaged: its rows are not those that are on record.
    """
    screening = screening_of(session, caller, screening_id)
    for looked in _look_through(session, screening_id, screening.rows, number, after):
        if looked.fault is not None:
            raise looked.fault
        answers = {row: one for one in looked.answers for row in one.rows if row > after}
        for row, one in sorted(answers.items()):
            yield ScreenedRow(row, number, one.decided_at, one.answer)


@dataclass(frozen=True, slots=True)
class _Looked:
    """Some rows of a screening that were looked through, or that could not be for the ``fault``."""

    first_row: int
    last_row: int
    answers: Sequence[AnsweredRows] = ()
    fault: ScreeningErased | ScreeningDamaged | None = None


def _look_through(session: Session, screening_id: str, rows: int, number: int, after: int) -> Iterator[_Looked]:
    """Yield the parts of a screening with the rows after the row ``after``, in order; it has ``rows`` on record."""
    parts = session.execute(
        select(ScreeningPart.no, ScreeningPart.first_row, ScreeningPart.rows, ScreeningPart.decided_at)
        .where(ScreeningPart.screening_id == screening_id, ScreeningPart.first_row + ScreeningPart.rows > after + 1)
        .order_by(ScreeningPart.no)
    ).all()
    gone = ScreeningDamaged("rows that were on record are not there")
    for part in parts:
        if part.first_row > after + 1:
            yield _Looked(after + 1, part.first_row - 1, fault=gone)
        after = part.first_row + part.rows - 1
        try:
            answers = _answers(session, screening_id, part.no, part.decided_at, number)
        except (ScreeningErased, ScreeningDamaged) as fault:
            yield _Looked(part.first_row, after, fault=fault)
        else:
            yield _Looked(part.first_row, after, answers)
    if after < rows:
        yield _Looked(after + 1, rows, fault=gone)


def _answers(session: Session, screening_id: str, no: int, decided_at: datetime, number: int) -> list[AnsweredRows]:
    found = found_rows(session, screening_id, no, [number])
    if not len(found.rows):
        return []
    entry = part_entry(session, found.chain, found.seq)
    return [
        AnsweredRows(found.rows[found.places == place].tolist(), decided_at, entry.answer(place))
        for place in np.unique(found.places).tolist()
    ]
