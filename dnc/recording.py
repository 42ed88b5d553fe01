"""Put a group of answers on record: their attempts, their ledger entries and their checks, all of it or nothing.

SQLite is written within the transaction that read the facts. PostgreSQL gets one statement, a transaction by itself: to
it a group is two round trips, one that reads and one that writes. It refuses itself (by a division by zero) if an
attempt was moved by others since the facts were read.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import cache

from sqlalchemy import Connection, bindparam, func, literal_column, select
from sqlalchemy.exc import DataError

from core.errors import StorageUnavailable
from core.ledger import ADVANCE, ENTRIES, ChainGone, Event, LedgerChain, LedgerWriter, Position
from core.prepared import Prepared, PreparedRows
from core.secrets import Keyring
from dnc.drafts import Draft
from dnc.models import Check
from dnc.reservations import TAKE, Attempts, Reservation

DIVISION_BY_ZERO = "22012"
CHECKS = PreparedRows(Check.__table__)


@cache
def _all_at_once() -> Prepared:
    """Return the statement that writes everything: the chain moves only if every attempt was taken."""
    taken = TAKE.arrays.returning(Reservation.number).cte("taken")
    is_whole = select(func.count()).select_from(taken).scalar_subquery() == bindparam("attempts")
    moved = ADVANCE.where(is_whole).returning(LedgerChain.no).cte("moved")
    entries, checks = ENTRIES.arrays.cte("entries"), CHECKS.arrays.cte("written")
    count = select(func.count()).select_from(moved).scalar_subquery()
    return Prepared(select(literal_column("1") / count).add_cte(taken, moved, entries, checks))


def put_on_record(
    connection: Connection,
    ledger: LedgerWriter,
    keyring: Keyring,
    drafts: Sequence[Draft],
    attempts: Attempts,
    now: datetime,
) -> bool:
    """Write and commit the drafts; False if nothing was written, as others took an attempt since the facts were read.

    Raises:
        RuntimeError: the chain was moved by somebody else, which only a fault or tampering can do.
        StorageUnavailable: its row is gone; nothing was written.
        DBAPIError: the database could not take it.
    """
    events = [draft.event(keyring) for draft in drafts]
    if connection.dialect.name == "postgresql":
        try:
            return _put_at_once(connection, ledger, events, drafts, attempts, now)
        except ChainGone as error:  # the next one opens another
            raise StorageUnavailable("the ledger chain of this process is gone; try again") from error
    if not attempts.written(connection):
        return False
    with ledger.appending(connection, events) as places:
        CHECKS.run(connection, _rows(drafts, places, now, connection.dialect.name))
        connection.commit()
    return True


def _put_at_once(
    connection: Connection,
    ledger: LedgerWriter,
    events: Sequence[Event],
    drafts: Sequence[Draft],
    attempts: Attempts,
    now: datetime,
) -> bool:
    ledger.open_chain(connection.engine)
    with ledger.extending(connection, events) as extension:
        values = {
            **TAKE.columns(attempts.rows()),
            **ENTRIES.columns(extension.rows),
            **CHECKS.columns(_rows(drafts, extension.places, now, "postgresql")),
            **extension.move,
            "attempts": len(attempts),
        }
        try:
            _all_at_once().rows(connection, values)
        except DataError as error:
            if getattr(error.orig, "sqlstate", None) != DIVISION_BY_ZERO:
                raise
            ledger.require_unmoved(connection, extension)
            extension.dropped = True
    connection.commit()  # for SQLAlchemy's own books: the statement was a transaction by itself
    return not extension.dropped


def _rows(drafts: Sequence[Draft], places: Sequence[Position], now: datetime, dialect: str) -> list[tuple[object, ...]]:
    return [row for draft, place in zip(drafts, places, strict=True) for row in draft.rows(place, now, dialect)]
