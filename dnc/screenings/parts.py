"""A screening's rows in parts, each a transaction of its own: cut from a file, or from the leads of a campaign."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from sqlalchemy.orm import Session

from core.store import Store
from dnc.screenings.numbers import Ints
from dnc.screenings.rows import Rows
from dnc.screenings.terms import PART_ROWS
from leads.lead_texts import lead_numbers

FIRST = 0


@dataclass(slots=True)
class Part:
    """Some rows in order: ``values`` are their numbers, below 0 where there is none.

    ``lines`` are the rows as they are written again, null for a workbook, whose cells are in ``cells``. ``progress`` is
    the share of the whole that is read with it.
    """

    no: int
    first_row: int
    values: Ints
    lines: pl.Series
    cells: list[list[str]]
    progress: float

    def __len__(self) -> int:
        return len(self.values)


def parts_of_rows(rows: Iterator[Rows], size: int, *, is_workbook: bool, part_rows: int = PART_ROWS) -> Iterator[Part]:
    """Yield the rows in parts of ``part_rows``; ``size`` is the file's bytes, by which its progress is told."""
    held: list[Rows] = []
    count = no = 0
    for some in rows:
        held.append(some)
        count += len(some)
        while count >= part_rows:
            part, held = _cut(held, no, part_rows, size, is_workbook=is_workbook)
            count -= part_rows
            no += 1
            yield part
    if count:
        yield _cut(held, no, part_rows, size, is_workbook=is_workbook)[0]


def _cut(held: list[Rows], no: int, part_rows: int, size: int, *, is_workbook: bool) -> tuple[Part, list[Rows]]:
    lines = pl.concat([some.lines for some in held])
    values = np.concatenate([some.values for some in held])
    cells = [row for some in held for row in some.cells]
    last = held[-1]
    rest = Rows(lines[part_rows:], values[part_rows:], cells[part_rows:], last.position)
    through, seen = no * part_rows + min(len(values), part_rows), no * part_rows + len(values)
    progress = 0.0 if is_workbook else min(last.position / size * through / seen, 1.0)
    part = Part(no, no * part_rows + 1, values[:part_rows], lines[:part_rows], cells[:part_rows], progress)
    return part, [rest] if len(rest) else []


def parts_of_campaign(
    store: Store,
    seller_id: str,
    sources: list[str] | None,
    total: int,
    recorded: list[Ints],
    part_rows: int = PART_ROWS,
) -> Iterator[Part]:
    """Yield the numbers of the seller's leads, in order, each once; first those that are on record already."""
    after, first_row = 0, 1
    for no, values in enumerate(recorded):
        yield _part(no, first_row, values, total)
        after, first_row = int(values[-1]), first_row + len(values)
    no = len(recorded)
    while True:
        with store.reading() as session:
            values = _numbers(session, seller_id, sources, after, part_rows)
        if not len(values):
            return
        yield _part(no, first_row, values, total)
        after, first_row, no = int(values[-1]), first_row + len(values), no + 1


def _numbers(session: Session, seller_id: str, sources: list[str] | None, after: int, limit: int) -> Ints:
    found = session.execute(lead_numbers(seller_id, sources, after, limit)).scalars().all()
    return np.array(found, dtype=np.int64)


def _part(no: int, first_row: int, values: Ints, total: int) -> Part:
    lines = pl.select(pl.lit("+") + pl.Series(values).cast(pl.String)).to_series()
    return Part(no, first_row, values, lines, [], min((first_row + len(values) - 1) / max(total, 1), 1.0))
