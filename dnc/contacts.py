"""Contacts: calls that took place, each tied to the check that permitted it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from core.access import Caller, Right
from core.clock import CLOCK_SLACK, utc
from core.database import lock_key, number_lock
from core.errors import InvalidInput, Kind, ServiceError
from core.ids import new_id
from core.ledger import Event, put_on_record
from core.naming import insert_named
from core.secrets import Keyring
from dnc.gathering import Listed
from dnc.holds import HoldReason, make_hold
from dnc.models import Campaign, Check, Contact, Hold
from dnc.permits import CallOnCheck, fault_of_check, fault_of_stops, retracted, stops_on
from dnc.recorded import UnknownCheck
from dnc.reservations import settle

CONTACT_LOCKS = 0x52494E47_010000  # PostgreSQL advisory locks: the calls on one number, one after the other


class Outcome(StrEnum):
    """How a call ended. ``declined_offer`` is no to this offer; ``objected`` is no to being called."""

    SALE = "sale"
    DECLINED_OFFER = "declined_offer"
    OBJECTED = "objected"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    ANSWERING_MACHINE = "answering_machine"
    WRONG_NUMBER = "wrong_number"
    CALLBACK = "callback"
    MINOR = "minor"
    DECEASED = "deceased"
    ASKED_SOURCE = "asked_source"
    FAILED = "failed"


HOLDING = frozenset(map(Outcome, HoldReason))
"""Outcomes after which the number is held until customer service has looked at it."""


class CallIdTaken(ServiceError):
    """The caller logged another call under this call_id."""

    kind, code, title = Kind.CONFLICT, "call-id-taken", "The call_id belongs to another call"


@dataclass(frozen=True, slots=True)
class LoggedContact:
    """A contact on record.

    ``permitted``: its check allowed the call, was valid when the call started and held the attempt then (no newer check
    did, nor told the same asker no), no other call was made on it, no opt-out, hold or restriction had come in between,
    and what the check rested on still stood.
    """

    contact: Contact
    permitted: bool
    hold_id: str | None
    repeated: bool


def log_contact(
    session: Session,
    caller: Caller,
    keyring: Keyring,
    listed: Listed,
    *,
    check_id: str,
    call_id: str,
    started_at: datetime,
    ended_at: datetime | None,
    outcome: Outcome,
    agent: str | None,
    source_disclosed: bool | None,
    now: datetime,
) -> LoggedContact:
    """Return the contact on record; the same call logged again gives the first record.

    A call that was made without permission is logged too, and says so: it must be found, not refused. An outcome that
    holds the number does so, once, even if the call was logged on this check with another one before: no no is lost.
    ``listed`` is ``RegisterShelf.listed``.

    Raises:
        Forbidden: the caller may not log contacts.
        UnknownCheck: no such check for the caller's seller, or one of a number that could not be read.
        CallIdTaken: the ``call_id`` was used for a call that differs.
        InvalidInput: the call ends before it starts, or starts in the future.
    """
    caller.require(Right.LOG_CONTACTS)
    check = session.get(Check, check_id)
    if check is None or check.number is None or caller.seller_id not in (None, check.seller_id):
        raise UnknownCheck("there is no such check for your seller")
    if ended_at is not None and ended_at < started_at:
        raise InvalidInput("the call ends before it starts")
    if started_at > now + CLOCK_SLACK:
        raise InvalidInput("started_at is in the future")
    lock_key(session, number_lock(CONTACT_LOCKS, check.number))
    kept = session.scalar(select(Contact).where(Contact.logged_by == caller.actor, Contact.call_id == call_id))
    if kept is not None:
        is_same = (kept.started_at, kept.outcome) == (started_at, outcome.value)
        if kept.check_id != check_id or not (is_same or outcome in HOLDING):
            raise CallIdTaken("use a call_id once for each call")
        permitted = _was_permitted(session, listed, check, kept.started_at, kept.id)
        return LoggedContact(kept, permitted, _held(session, caller, keyring, kept, outcome, now), repeated=True)
    permitted = _was_permitted(session, listed, check, started_at, None)
    contact = Contact(
        id=new_id(),
        check_id=check_id,
        seller_id=check.seller_id,
        campaign_id=check.campaign_id,
        number=check.number,
        call_id=call_id,
        started_at=started_at,
        ended_at=ended_at,
        outcome=outcome.value,
        agent=agent,
        source_disclosed=source_disclosed,
        recorded_at=now,
        logged_by=caller.actor,
    )
    insert_named(session, contact, "another call with this call_id is being logged now")
    settle(session, number=check.number, campaign_id=check.campaign_id, check_id=check_id, contact_id=contact.id)
    put_on_record(session, _logged(contact, caller, keyring, permitted))
    return LoggedContact(contact, permitted, _held(session, caller, keyring, contact, outcome, now), repeated=False)


def _held(
    session: Session, caller: Caller, keyring: Keyring, contact: Contact, outcome: Outcome, now: datetime
) -> str | None:
    """Return the hold that the outcome makes on the contact's number, made now if it was not; None if it makes none.

    By ix_holds_number.
    """
    if outcome not in HOLDING:
        return None
    of_contact = (Hold.number == contact.number, Hold.contact_id == contact.id, Hold.reason == outcome.value)
    hold_id = session.scalar(select(Hold.id).where(*of_contact))
    if hold_id is not None:
        return hold_id
    return make_hold(
        session,
        caller,
        keyring,
        number=contact.number,
        seller_id=contact.seller_id,
        reason=outcome.value,
        contact_id=contact.id,
        note="",
        now=now,
    ).id


def _was_permitted(session: Session, listed: Listed, check: Check, started_at: datetime, own_id: str | None) -> bool:
    """Return whether the check permitted a call at ``started_at``; ``own_id`` is the contact's own, if on record."""
    if check.number is None or fault_of_check(check, started_at) is not None:
        return False
    # No index has the check: a check's calls are found among those to its number.
    earlier = select(Contact.id).where(Contact.number == check.number, Contact.check_id == check.id)
    if own_id is not None:
        earlier = earlier.where(Contact.id < own_id)
    if session.scalar(earlier.limit(1)) is not None:
        return False
    if session.scalar(_taken_over(check, started_at)) is not None:
        return False
    channel = session.scalars(select(Campaign.channel).where(Campaign.id == check.campaign_id)).one()
    stops = stops_on(session, [check.number], check.seller_id).get(check.number, ())
    if fault_of_stops(stops, channel, started_at) is not None:
        return False
    call = CallOnCheck(check.number, check.campaign_id, check.checked_at, started_at)
    return retracted(session, listed, [call]) == [False]


def _taken_over(check: Check, at: datetime) -> Select[str]:
    """Return a select of a newer check that ended the permission by ``at``. By ix_checks_number.

    That is one by which the attempt was held then, or by which whoever asked this one was told no.
    """
    is_newer = (Check.checked_at > check.checked_at) | ((Check.checked_at == check.checked_at) & (Check.id > check.id))
    ends_it = (Check.verdict == "allow") | (Check.asked_by == check.asked_by)
    return (
        select(Check.id)
        .where(Check.number == check.number, Check.campaign_id == check.campaign_id, ends_it)
        .where(is_newer, Check.checked_at <= at)
        .limit(1)
    )


def _logged(contact: Contact, caller: Caller, keyring: Keyring, permitted: bool) -> Event:
    payload = {
        "check": contact.check_id,
        "number": keyring.number_hash(contact.number),
        "call_id": contact.call_id,
        "started_at": utc(contact.started_at),
        "ended_at": utc(contact.ended_at),
        "outcome": contact.outcome,
        "agent": contact.agent,
        "source_disclosed": contact.source_disclosed,
        "permitted": permitted,
    }
    return Event("contact.logged", contact.id, caller.actor, contact.seller_id, payload)
