"""Erasing payloads from the ledger when their retention has ended, openly: the erasure is an entry itself."""

from collections.abc import Sequence

from sqlalchemy import func, select, tuple_, update
from sqlalchemy.orm import Session

from core.access import Caller
from core.errors import InvalidInput, NotFound
from core.ledger import ERASED, NEVER_ERASED, Event, LedgerEntry, Position, put_on_record

AT_ONCE = 200


def erase_payloads(session: Session, caller: Caller, entries: Sequence[Position], reason: str) -> None:
    """Erase what these entries say, and put on record that it was done, by whom and why, in the one unit of work.

    The entries stay, with their digests, and the chain verifies. ``reason`` stands in the ledger as written.

    Raises:
        InvalidInput: no entries or no reason is given, or an entry is one on which verification itself rests.
        NotFound: an entry is not there, or was erased before; nothing is erased then.
    """
    places = sorted({(entry.chain, entry.seq) for entry in entries})
    if not places or not reason.strip():
        raise InvalidInput("say which entries are erased, and why")
    place = tuple_(LedgerEntry.chain, LedgerEntry.seq)
    parts = [places[start : start + AT_ONCE] for start in range(0, len(places), AT_ONCE)]
    for part in parts:
        these = select(func.count()).where(place.in_(part))
        if session.scalar(these.where(LedgerEntry.kind.in_(NEVER_ERASED))):
            raise InvalidInput(f"entries of the kinds {' and '.join(sorted(NEVER_ERASED))} are never erased")
        if session.scalar(these.where(LedgerEntry.payload.is_not(None))) != len(part):
            raise NotFound("one of the entries is not there, or was erased before")
    for part in parts:
        session.execute(
            update(LedgerEntry).where(place.in_(part)).values(payload=None),
            execution_options={"synchronize_session": "fetch"},
        )
    payload = {"entries": [list(one) for one in places], "reason": reason.strip()}
    put_on_record(session, Event(ERASED, "payloads", caller.actor, None, payload))
