"""What the refused rows of lead files say of people, held against the seller's grounds to call them.

A row that says a minor's age, that nobody is to call, or that its person has died becomes no lead, so that it says
nothing at a check. For another lead of the seller on the same number, whichever of the two came first, or a consent or
customer relation, it would be called: the number is held, as after a call that found so, until customer service has
looked.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import and_, exists, or_, select
from sqlalchemy.orm import Session

from consent.terms import EVERY_CHANNEL
from core.access import Caller
from core.database import let_others_write, lock_key, number_lock
from core.store import Store
from dnc.contacts import Outcome
from dnc.holds import FROM_LEAD_FILE, HOLD_LOCKS, make_hold
from dnc.models import Hold, OptOut, OptOutRelease
from leads.arriving import ArrivedFile, refused_elsewhere, refused_with_grounds
from leads.rows import RowReason

AT_ONCE = 200
"""Numbers held in one transaction: no check waits for more."""
SAID: Final = (
    (RowReason.MINOR, Outcome.MINOR, "says an age under 18"),
    (RowReason.DO_NOT_CALL, Outcome.OBJECTED, "says that the number is not to be called"),
    (RowReason.DECEASED, Outcome.DECEASED, "says that the person has died"),
)


def hold_refused(store: Store, caller: Caller, file: ArrivedFile, now: datetime) -> None:
    """Hold numbers for the file's seller: those that rows of the file say so of, where it has a ground to call, and
    those of the file's own leads that its other files say so of.

    Idempotent: a file holds a number once for what it says, however often it is screened, and not while the number is
    held for the same anyway; nor for a no to calls while its opt-out from every channel is in force.

    Raises:
        StorageUnavailable: the database did not take it; those held before are held.
    """
    for reason, outcome, words in SAID:
        with store.reading() as session:
            said_by = {file.id: [*refused_with_grounds(session, file.id, file.seller_id, reason)]}
            for other, number in refused_elsewhere(session, file.no, file.seller_id, reason):
                said_by.setdefault(other, []).append(number)
        for lead_file_id, numbers in said_by.items():
            note = f"{FROM_LEAD_FILE}{lead_file_id} {words}"
            for start in range(0, len(numbers), AT_ONCE):
                _hold(store, caller, numbers[start : start + AT_ONCE], file.seller_id, outcome, note, now)


def _hold(
    store: Store, caller: Caller, numbers: Sequence[int], seller_id: str, outcome: Outcome, note: str, now: datetime
) -> None:
    with store.writing() as session:
        for key in sorted({number_lock(HOLD_LOCKS, number) for number in numbers}):
            lock_key(session, key)
        for number in sorted(set(numbers) - _settled(session, numbers, seller_id, outcome, note)):
            make_hold(
                session,
                caller,
                store.keyring,
                number=number,
                seller_id=seller_id,
                reason=outcome.value,
                contact_id=None,
                note=note,
                now=now,
            )
    let_others_write(store.engine)


def _settled(session: Session, numbers: Collection[int], seller_id: str, outcome: Outcome, note: str) -> set[int]:
    """Return the numbers that need no hold. By ix_holds_number and ix_opt_outs_number."""
    is_open = and_(Hold.closed_at.is_(None), Hold.reason == outcome.value)
    held = select(Hold.number).where(
        Hold.number.in_(numbers), Hold.seller_id == seller_id, or_(is_open, Hold.note == note)
    )
    settled = set(session.scalars(held))
    if outcome is Outcome.OBJECTED:
        released = exists().where(OptOutRelease.opt_out_id == OptOut.id)
        opted_out = select(OptOut.number).where(
            OptOut.number.in_(numbers),
            or_(OptOut.seller_id.is_(None), OptOut.seller_id == seller_id),
            OptOut.channels == EVERY_CHANNEL,
            ~released,
        )
        settled |= set(session.scalars(opted_out))
    return settled
