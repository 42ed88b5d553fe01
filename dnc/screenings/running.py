"""A screening is worked through: rows are decided a million at a time, put on record in parts, and written.

A part that is on record already is written from the record: so whoever goes on with a screening that was cut off gives
the same file, whatever has changed since.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

import numpy as np

from core.columns import places_of
from core.store import Store
from dnc.gathering import CampaignCard
from dnc.screenings.ahead import State, state_at
from dnc.screenings.engine import ListedOf, Screener
from dnc.screenings.errors import ScreenedFileChanged
from dnc.screenings.models import Screening
from dnc.screenings.numbers import Ints, fault_of
from dnc.screenings.packing import pack_rows
from dnc.screenings.parts import Part
from dnc.screenings.recording import Told, record_part, recorded_part
from dnc.screenings.standing import ahead_of
from dnc.screenings.terms import PARTS_AT_ONCE
from dnc.screenings.writing import Output

Progress = Callable[[int, float], None]
"""Is told how many rows are through, and the share of all."""


@dataclass(frozen=True, slots=True)
class Engine:
    """What a screening is decided with: by which campaign, and for which moment."""

    store: Store
    listed_of: ListedOf
    campaign: CampaignCard
    next_hour: bool

    def screener(self, state: State) -> Screener:
        """Return what decides rows by the state; what it needs besides them is made ready beside."""
        screener = Screener(
            state.connection, self.listed_of, self.campaign, state.now, next_hour=self.next_hour, found=state.found
        )
        if state.tables is not None:
            screener.ahead = state.beside.submit(lambda tables: ahead_of(tables.result()), state.tables).result
        state.beside.submit(screener.make_calendars, list(screener.registers))
        return screener


def _decide(screener: Screener, parts: Sequence[Part]) -> tuple[list[Told], list[Ints]]:
    """Return the distinct answers to the parts' rows, and for each part the places of its rows' answers."""
    given = np.concatenate([part.values for part in parts])
    values, places = places_of(given)
    numbers, faults = values[values >= 0], values[values < 0]
    screened = screener.screen(numbers)
    told = [Told.of(decided) for decided in screened.decided]
    told += [Told.of(screener.fault(fault_of(int(fault)))) for fault in faults]
    codes = np.concatenate([np.arange(len(faults)) + len(screened.decided), screened.codes])[places]
    return told, np.split(codes, np.cumsum([len(part) for part in parts])[:-1])


def _rows_ahead(part: Part) -> int:
    """Return how many rows are likely to be decided along with the part and those after it."""
    if not part.progress:
        return len(part)
    all_rows = (part.first_row - 1 + len(part)) / part.progress
    return min(int(all_rows) - part.first_row + 1, PARTS_AT_ONCE * len(part))


def run_parts(
    engine: Engine,
    parts: Iterator[Part],
    output: Output,
    *,
    screening: Screening | None,
    at: datetime | None = None,
    begun: State | None = None,
    progress: Progress | None = None,
) -> Iterator[tuple[Sequence[Told], Ints]]:
    """Decide, record and write the parts, in order; yield each part's answers once it is on record.

    Without a ``screening`` nothing is recorded. ``at``: the moment asked about; without it each batch is asked for
    when it is decided, the first by the state that was ``begun`` for it, if there is one. Parts before
    ``screening.parts`` are taken from the record.

    Raises:
        ScreenedFileChanged: other numbers are read from the file than those on record.
        ScreeningNotRunning: it was cancelled meanwhile.
        ScreeningBusy: another process works on it too.
        StorageUnavailable: a part could not be recorded.
    """
    recorded = screening.parts if screening is not None else 0
    if screening is not None:
        for part in islice(parts, recorded):
            with engine.store.reading() as session:
                known = recorded_part(session, screening.id, part.no)
            if not np.array_equal(known.values, part.values):  # no answer may stand beside another number than its own
                raise ScreenedFileChanged("the file is read otherwise than when the screening began: screen it again")
            output.write(part, known.cells(), known.places)
    while (first := next(parts, None)) is not None:
        with ExitStack() as opened:
            if begun is None:
                now = at or engine.store.clock.now()
                begun = opened.enter_context(state_at(engine.store, engine.campaign, _rows_ahead(first), now))
            screener = engine.screener(begun)
            batch = [first, *islice(parts, PARTS_AT_ONCE - 1)]
            told, codes = _decide(screener, batch)
            begun.close()
        now, begun = begun.now, None
        answers = deque(map(places_of, codes))
        with ThreadPoolExecutor(1) as beside, ThreadPoolExecutor(1) as packing:
            values = [part.values for part in batch] if screening is not None else []
            packed = packing.map(pack_rows, values, [places for _, places in answers])
            writing: Future[None] | None = None
            while batch:  # a part is written while the next goes on record, and those after it are packed
                part, (used, places) = batch.pop(0), answers.popleft()
                ours = [told[place] for place in used]
                if screening is not None:
                    record_part(engine.store, screening, part, ours, places, next(packed), now)
                if writing is not None:
                    writing.result()
                writing = beside.submit(output.write, part, [one.cells for one in ours], places)
                if progress is not None:
                    progress(part.first_row + len(part) - 1, part.progress)
                yield ours, places
            if writing is not None:
                writing.result()
