"""The files of screenings over HTTP: kept encrypted until their time, then deleted, on record."""

from datetime import datetime, timedelta
from typing import BinaryIO

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from core.access import Caller, operator
from core.ledger import Event, put_on_record
from core.store import Store
from dnc.screenings.errors import ScreeningUnfinished
from dnc.screenings.models import Screening
from dnc.screenings.service import screening_of
from dnc.screenings.terms import ScreeningState
from leads.shelf import Shelf

ORPHAN_AFTER = timedelta(days=1)
"""How long a file lies on the shelf that no screening names: one that was being received, or was refused."""


def open_result(session: Session, shelf: Shelf, caller: Caller, screening_id: str) -> tuple[BinaryIO, str]:
    """Return the screened file and the name to save it as.

    Raises:
        Forbidden, UnknownScreening: as ``screening_of``.
        ScreeningUnfinished: there is no result, or it is no longer kept.
        KeptFileDamaged: it was changed on the shelf.
    """
    screening = screening_of(session, caller, screening_id)
    if screening.result_kept is None:
        raise ScreeningUnfinished(f"the screening is {screening.state}, and no file of it is kept")
    return shelf.open(screening.result_kept), screening.result_name or "screening"


def forget_screened_files(store: Store, shelf: Shelf, now: datetime) -> int:
    """Remove from the shelf what no screening keeps any more; return how many files. Safe to run at any point again.

    A screening whose time has come says that its files are no longer kept, on record, before they go. What it
    answered stays on record.
    """
    with store.writing() as session:
        for screening in session.scalars(
            select(Screening)
            .where(Screening.kept_until <= now, Screening.state != ScreeningState.RUNNING.value)
            .where(or_(Screening.kept.is_not(None), Screening.result_kept.is_not(None)))
            .with_for_update(skip_locked=True)
        ):
            screening.kept = screening.result_kept = None
            actor = operator("jobs").actor
            put_on_record(session, Event("screening.forgotten", screening.id, actor, screening.seller_id, {}))
    on_shelf = shelf.places()  # before the rows: what is received after this is not looked at
    with store.reading() as session:
        rows = session.execute(select(Screening.kept, Screening.result_kept)).all()
    needed = {place for row in rows for place in row if place is not None}
    return sum(shelf.remove(place, unless_since=now - ORPHAN_AFTER) for place in sorted(on_shelf - needed))
