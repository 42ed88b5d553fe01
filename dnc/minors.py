"""What a lead file says of ages, held against leads that are there already.

A row that says a minor's age is refused and becomes no lead, so that it says nothing at a check. Another lead of the
seller on the same number would go on being called: the number is held, as after a call that found a minor, until
customer service has looked.
"""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from core.access import Caller
from core.database import lock_key, number_lock
from core.secrets import Keyring
from dnc.contacts import Outcome
from dnc.holds import HOLD_LOCKS, make_hold
from dnc.models import Hold


def hold_minors(
    session: Session,
    caller: Caller,
    keyring: Keyring,
    *,
    lead_file_id: str,
    seller_id: str,
    numbers: Collection[int],
    now: datetime,
) -> int:
    """Hold the numbers, which a lead file says are a minor's, for the seller; return how many of them that is new for.

    Idempotent: a file holds a number once, however often it is screened, and not while it is held as a minor's anyway.
    By ix_holds_number.
    """
    note = f"lead file {lead_file_id} says an age under 18"
    is_open = and_(Hold.closed_at.is_(None), Hold.reason == Outcome.MINOR.value)
    made = 0
    for number in sorted(numbers):
        lock_key(session, number_lock(HOLD_LOCKS, number))
        known = select(Hold.id).where(
            Hold.number == number, Hold.seller_id == seller_id, or_(is_open, Hold.note == note)
        )
        if session.scalars(known).first() is None:
            make_hold(
                session,
                caller,
                keyring,
                number=number,
                seller_id=seller_id,
                reason=Outcome.MINOR.value,
                contact_id=None,
                note=note,
                now=now,
            )
            made += 1
    return made
