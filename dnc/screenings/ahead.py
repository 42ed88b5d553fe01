"""The state of the database by which rows are decided, begun before they are read.

Its tables are read in a thread of their own, while the file is looked at and whatever else a screening is made with is
loaded: that is why nothing of it is needed here.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from core.access import Caller
from core.database import spare_memory
from core.store import Store
from dnc.gathering import CampaignCard, Standing, read_standing
from dnc.screenings.service import Wanted, campaign_asked
from dnc.screenings.tables import LOOKED_UP_AT_MOST, Tables, read_tables
from dnc.screenings.terms import PART_ROWS, PARTS_AT_ONCE

_HEAD = 64 * 1024


@dataclass(frozen=True, slots=True)
class State:
    """One state of the database and its moment; ``close`` ends it once the rows are decided.

    ``found`` has its campaign and registers. The one thread of ``beside`` has the connection until it has read the
    ``tables``; they are None if they are not worth reading before the numbers are known.
    """

    connection: Connection
    now: datetime
    found: Standing
    beside: ThreadPoolExecutor
    tables: Future[Tables] | None
    close: Callable[[], None]


@contextmanager
def state_at(store: Store, campaign: CampaignCard, rows: int, now: datetime) -> Iterator[State]:
    """Give the state of this moment, ``now``, for deciding some ``rows``."""
    with ExitStack() as opened:
        session = opened.enter_context(store.snapshot())
        beside = opened.enter_context(ThreadPoolExecutor(1))
        spare_memory(session)
        connection = session.connection()
        found = read_standing(connection, campaigns=[campaign.slug], numbers=(), now=now)
        tables = None
        if rows > LOOKED_UP_AT_MOST:
            tables = beside.submit(read_tables, connection, rows, campaign, now)
        yield State(connection, now, found, beside, tables, opened.close)


@contextmanager
def begun(store: Store, caller: Caller, wanted: Wanted, source: Path) -> Iterator[State]:
    """Give the state of this moment for deciding the first rows of the file ``source``.

    Raises:
        Forbidden, UnknownCampaign: as ``campaign_asked``; the file is not looked at.
    """
    now = store.clock.now()
    with store.reading() as session:
        card = campaign_asked(session, caller, wanted.campaign, now)
    with state_at(store, card, min(_likely_rows(source), PARTS_AT_ONCE * PART_ROWS), now) as state:
        yield state


def _likely_rows(source: Path) -> int:
    """Return how many rows the file is likely to have, by its first lines; 0 if it is no text, or cannot be read."""
    try:
        with source.open("rb") as file:
            head, size = file.read(_HEAD), source.stat().st_size
    except OSError:
        return 0
    return 0 if b"\0" in head else head.count(b"\n") * size // max(len(head), 1)
