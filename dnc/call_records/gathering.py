"""What is on record of some numbers for a seller, for matching calls: a handful of statements whatever the numbers."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from core.database import any_of, any_of_value
from core.standing import NUMBERS
from dnc.call_records.matching import EarlierCall, LoggedCall, NumberHistory, StoredCheck
from dnc.call_records.models import CallRecord, CallRecordFile
from dnc.call_records.states import UNREAD, CallState
from dnc.models import Campaign, Check, Contact
from dnc.permits import stops_on


def key_of(call_id: str | None) -> int:
    """Return what stands for a call id within this process: 0 for none."""
    return 0 if call_id is None else hash(call_id) or 1


def histories(
    session: Session, numbers: Sequence[int], *, seller_id: str, campaign_id: str | None, file_id: str, sha256: str
) -> Mapping[int, NumberHistory]:
    """Return by number its checks, contacts, opt-outs, holds and restrictions, and the call records that are kept.

    Kept are those of the file ``file_id``, which has this ``sha256``, and of other files; not those of another reading
    of the same one, which are these very calls.
    By ix_checks_number, ix_contacts_number_contacts_started_at and ix_call_records_number_call_records_started_at.
    """
    found: dict[int, NumberHistory] = defaultdict(NumberHistory)
    values = {"numbers": any_of_value(session.get_bind().dialect.name, numbers)}
    channels = {one.id: one.channel for one in session.scalars(select(Campaign))}
    checks = (
        select(
            Check.number,
            Check.id,
            Check.campaign_id,
            Check.verdict,
            Check.checked_at,
            Check.valid_until,
            Check.asked_by,
        )
        .where(any_of(Check.number, NUMBERS), Check.seller_id == seller_id)
        .order_by(Check.checked_at, Check.id)
    )
    contacts = (
        select(Contact.number, Contact.id, Contact.check_id, Contact.call_id, Contact.started_at)
        .where(any_of(Contact.number, NUMBERS), Contact.seller_id == seller_id)
        .order_by(Contact.started_at, Contact.id)
    )
    if campaign_id is not None:
        checks = checks.where(Check.campaign_id == campaign_id)
        contacts = contacts.where(Contact.campaign_id == campaign_id)
    for checked, id_, in_campaign, verdict, checked_at, valid_until, asked_by in session.execute(checks, values):
        if checked is not None:
            channel = channels[in_campaign]
            check = StoredCheck(id_, channel, verdict, checked_at, valid_until, in_campaign, asked_by)
            found[checked].checks.append(check)
    for number, id_, check_id, call_id, started_at in session.execute(contacts, values):
        found[number].contacts.append(LoggedCall(id_, check_id, key_of(call_id), started_at))
    earlier = (
        select(
            CallRecord.number,
            CallRecord.started_at,
            CallRecord.call_id,
            CallRecord.state,
            CallRecord.check_id,
            CallRecord.contact_id,
        )
        .join(CallRecordFile, CallRecordFile.id == CallRecord.file_id)
        .where(any_of(CallRecord.number, NUMBERS), CallRecord.started_at.is_not(None))
        .where(CallRecordFile.seller_id == seller_id, CallRecord.state.not_in(sorted(UNREAD)))
        .where((CallRecordFile.id == file_id) | (CallRecordFile.sha256 != sha256))
    )
    for called, began_at, written_id, state, held_against, contact_id in session.execute(earlier, values):
        if called is not None and began_at is not None:
            used = held_against if state != CallState.CHECK_USED.value else None
            found[called].earlier.append(EarlierCall(began_at, key_of(written_id), used, contact_id))
    for number, stops in stops_on(session, numbers, seller_id).items():
        found[number].stops = stops
    return found


def kept_beside(session: Session, *, seller_id: str, file_id: str) -> tuple[int, frozenset[tuple[str, int]]]:
    """Return what is equal as long as no row of the seller's other files is kept: cheap, to be asked often.

    How many files are matched, and the newest row of each that is not and has some.
    """
    others = (CallRecordFile.seller_id == seller_id) & (CallRecordFile.id != file_id)
    newest = select(func.max(CallRecord.row_no)).where(CallRecord.file_id == CallRecordFile.id).scalar_subquery()
    under_way = select(CallRecordFile.id, newest).where(others, CallRecordFile.matched_at.is_(None))
    matched = select(func.count()).select_from(CallRecordFile).where(others, CallRecordFile.matched_at.is_not(None))
    return session.scalar(matched) or 0, frozenset(
        (id_, row_no) for id_, row_no in session.execute(under_way) if row_no
    )


def contacts_in(
    session: Session, *, seller_id: str, campaign_id: str | None, since: datetime, until: datetime
) -> tuple[int, int]:
    """Return how many contacts were logged of calls from ``since`` to ``until``, and how many have no call record.

    One pass over the contacts, and a probe of ix_call_records_number_call_records_started_at for each of the period's.
    """
    query = select(func.count()).select_from(Contact).where(_logged(seller_id, campaign_id, since, until))
    missing = query.where(without_record())
    return session.scalar(query) or 0, session.scalar(missing) or 0


def missing_contacts(
    session: Session,
    *,
    seller_id: str,
    campaign_id: str | None,
    since: datetime,
    until: datetime,
    after: str | None,
    limit: int,
) -> Sequence[Contact]:
    """Return at most ``limit`` of those contacts that have no call record, in the order in which they were logged."""
    query = (
        select(Contact)
        .where(_logged(seller_id, campaign_id, since, until), without_record())
        .order_by(Contact.id)
        .limit(limit)
    )
    if after is not None:
        query = query.where(Contact.id > after)
    return session.scalars(query).all()


def _logged(seller_id: str, campaign_id: str | None, since: datetime, until: datetime) -> ColumnElement[bool]:
    within = (Contact.seller_id == seller_id) & (Contact.started_at >= since) & (Contact.started_at <= until)
    return within if campaign_id is None else within & (Contact.campaign_id == campaign_id)


def without_record() -> ColumnElement[bool]:
    """Return the condition that no call record was matched to the contact."""
    record = select(CallRecord.row_no).where(CallRecord.number == Contact.number, CallRecord.contact_id == Contact.id)
    return ~record.correlate(Contact).exists()
