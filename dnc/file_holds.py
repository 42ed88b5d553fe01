"""The open holds of a lead file, closed or turned into opt-outs many at once.

A file in which "not to be called" is marked of everybody makes as many holds. Whoever has looked at the file settles
them together; each is settled as it would be alone, with an entry, a resolution and a change of its own.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from core.access import Caller, Right
from core.database import let_others_write
from core.store import Store
from dnc.holds import (
    FROM_LEAD_FILE,
    ID_LENGTH,
    HoldReason,
    checked_resolution,
    made_by_lead_file,
    put_closed,
    put_opted_out,
)
from dnc.models import Hold
from leads.arriving import arrived_file

AT_ONCE = 200
"""Holds settled in one transaction: no check waits for more."""
READ_AT_ONCE = 10_000
Settle = Callable[[Session, Sequence[Hold], datetime], int]


@dataclass(frozen=True, slots=True)
class WaitingFile:
    """A lead file with several open holds for one reason."""

    lead_file_id: str
    seller_id: str
    reason: str
    still_open: int


@dataclass(frozen=True, slots=True)
class SettledHolds:
    """What became of a lead file's holds.

    ``closed`` by this; ``closed_before``: the ids of those that somebody else closed meanwhile, which stay as that one
    settled them; ``opted_out``: numbers that are opted out by this, and were not; ``still_open``: what is left.
    """

    closed: int
    closed_before: Sequence[str]
    opted_out: int
    still_open: int


def waiting_files(session: Session, seller_id: str | None) -> list[WaitingFile]:
    """Return the lead files of a seller (of all sellers for None) with more than one open hold, those with most first.

    By ix_holds_closed_at_holds_made_at.
    """
    lead_file = func.substr(Hold.note, len(FROM_LEAD_FILE) + 1, ID_LENGTH).label("lead_file")
    query = select(lead_file, Hold.seller_id, Hold.reason, func.count().label("still_open"))
    query = query.where(Hold.closed_at.is_(None), made_by_lead_file())
    if seller_id is not None:
        query = query.where(Hold.seller_id == seller_id)
    grouped = query.group_by(lead_file, Hold.seller_id, Hold.reason).having(func.count() > 1)
    return [WaitingFile(*row) for row in session.execute(grouped.order_by(func.count().desc(), lead_file, Hold.reason))]


def close_file_holds(
    store: Store,
    caller: Caller,
    *,
    lead_file_id: str,
    resolution: str,
    reason: HoldReason | None = None,
    at_most: int | None = None,
) -> SettledHolds:
    """Close the file's open holds, or those of one ``reason``, with one resolution; say what became of them.

    In several transactions, each of which stands: what ends in the middle goes on when it is asked for again, and
    asking for it again does no harm. ``at_most`` so many at a time; all without it.

    Raises:
        Forbidden: the caller may not close holds.
        NotFound: there is no such lead file for the caller.
        InvalidInput: as ``checked_resolution``.
        StorageUnavailable: the database did not take it; those closed before are closed.
    """
    found = checked_resolution(resolution)

    def close(session: Session, holds: Sequence[Hold], now: datetime) -> int:
        put_closed(session, caller, store.keyring, holds, resolution=found, now=now)
        return 0

    caller.require(Right.CLOSE_HOLD)
    return _settle(store, caller, close, lead_file_id, reason, at_most)


def opt_out_file_holds(
    store: Store, caller: Caller, *, lead_file_id: str, reason: HoldReason | None = None, at_most: int | None = None
) -> SettledHolds:
    """Turn the file's open holds, or those of one ``reason``, into opt-outs; as ``close_file_holds``.

    Raises:
        Forbidden: the caller may not close holds, or not add opt-outs.
        NotFound: there is no such lead file for the caller.
        StorageUnavailable: the database did not take it; what was opted out before is.
    """

    def opt_out(session: Session, holds: Sequence[Hold], now: datetime) -> int:
        results = put_opted_out(session, caller, store.keyring, holds, now=now)
        return sum(result.result == "added" for result in results)

    caller.require(Right.CLOSE_HOLD)
    caller.require(Right.ADD_OPT_OUT)
    return _settle(store, caller, opt_out, lead_file_id, reason, at_most)


def _settle(
    store: Store, caller: Caller, settle: Settle, lead_file_id: str, reason: HoldReason | None, at_most: int | None
) -> SettledHolds:
    with store.reading() as session:
        wanted = _open_of(session, caller, lead_file_id, reason)
    closed, opted_out, closed_before = 0, 0, list[str]()
    while at_most is None or closed + len(closed_before) < at_most:
        room = READ_AT_ONCE if at_most is None else at_most - closed - len(closed_before)
        with store.reading() as session:
            batches = list(_batches(session, wanted, min(room, READ_AT_ONCE)))
        if not batches:
            break
        for ids in batches:
            with store.writing() as session:
                # In one order, so that two who settle the same holds wait for each other, and neither for ever.
                locked = select(Hold).where(Hold.id.in_(ids)).order_by(Hold.id).with_for_update()
                holds = [hold for hold in session.scalars(locked) if hold.closed_at is None]
                if holds:
                    opted_out += settle(session, holds, store.clock.now())
            closed += len(holds)
            closed_before += sorted(set(ids) - {hold.id for hold in holds})
            let_others_write(store.engine)
    with store.reading() as session:
        still_open = session.scalar(select(func.count()).select_from(Hold).where(*wanted)) or 0
    return SettledHolds(closed, closed_before, opted_out, still_open)


def _open_of(
    session: Session, caller: Caller, lead_file_id: str, reason: HoldReason | None
) -> tuple[ColumnElement[bool], ...]:
    """Return what is true of the holds to settle. By ix_holds_closed_at_holds_made_at.

    Raises:
        NotFound: there is no such lead file for the caller.
    """
    file = arrived_file(session, caller, lead_file_id)
    wanted = (Hold.closed_at.is_(None), Hold.seller_id == file.seller_id, made_by_lead_file(file.id))
    return wanted if reason is None else (*wanted, Hold.reason == reason.value)


def _batches(session: Session, wanted: tuple[ColumnElement[bool], ...], limit: int) -> Iterator[Sequence[str]]:
    """Yield ids of holds, in each batch those that were made at one moment in the same words."""
    query = select(Hold.note, Hold.made_at, Hold.id).where(*wanted)
    found = session.execute(query.order_by(Hold.note, Hold.made_at, Hold.id).limit(limit))
    for _made, rows in groupby(found, lambda row: (row.note, row.made_at)):
        ids = [row.id for row in rows]
        yield from (ids[start : start + AT_ONCE] for start in range(0, len(ids), AT_ONCE))
