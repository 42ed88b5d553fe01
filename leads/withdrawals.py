"""Withdrawals of lead files that were read wrongly: for good, after which the same file may be imported again.

A withdrawal is a pause that nobody ends, so that a check denies every lead and consent that the file gave. Beyond that,
no birth date counts that the file told; what other files told of the same numbers goes on counting. The file itself,
its rows and its receipt stay.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import bindparam, insert, or_, select, update
from sqlalchemy.orm import Session
from sqlalchemy.sql import Select

from core.access import Caller, Right
from core.clock import utc
from core.database import any_of, any_of_value, lock_key
from core.errors import Forbidden
from core.ledger import Event, put_on_record
from core.standing import NUMBERS
from leads.intake import source_lock
from leads.models import TOLD_BY_SOME, Lead, LeadBirthDate, LeadFile, LeadRow, Source
from leads.pauses import WITHDRAWN, add_reason, hold_marks, keep_mark, pause, sound_reason
from leads.suppliers import lead_file_of
from leads.terms import RowState
from leads.withdrawn import withdrawn_among

AT_ONCE = 10_000


def withdraw_lead_file(session: Session, caller: Caller, *, lead_file_id: str, reason: str, now: datetime) -> bool:
    """Withdraw the file for good; return whether that is new: if it is withdrawn already, note a new reason.

    Its imports and those of its source's other files wait for it. It takes no time to speak of, but where numbers came
    both in it and in other files of the source: some seconds for a hundred thousand of those.

    Raises:
        InvalidInput: no reason is given, or a very long one.
        NotFound: there is no such file for this caller.
        Forbidden: the caller may not pause files; or it is quarantined, and the caller may not quarantine.
    """
    caller.require(Right.PAUSE_SOURCES)
    lead_file, source = lead_file_of(session, caller, lead_file_id)
    reason = sound_reason(reason, "a withdrawal")
    lock_key(session, source_lock(source.id))
    hold_marks(session, lead_file)
    if lead_file.withdrawn_at is not None:
        add_reason(session, caller, lead_file, source.seller_id, reason)
        return False
    if lead_file.quarantined_at is not None and not caller.may(Right.QUARANTINE):
        raise Forbidden("it is quarantined: only compliance may withdraw it")
    was = lead_file.paused_reason
    if lead_file.paused_at is None:
        pause(session, caller, lead_file, source.seller_id, reason, now)
    lead_file.withdrawn_at, lead_file.paused_reason = now, reason
    keep_mark(session, caller, lead_file, WITHDRAWN, reason, now)
    session.flush()
    birth_dates = _take_birth_dates(session, lead_file, source, now)
    payload = {"reason": reason, "was": was, "recorded_at": utc(now), "birth_dates": birth_dates}
    put_on_record(session, Event("lead_file.withdrawn", lead_file.id, caller.actor, source.seller_id, payload))
    return True


@dataclass(frozen=True, slots=True)
class _Held:
    """A lead's birth date as it is, and which other file told it."""

    number: int
    file_no: int
    birth_date: date | None
    told_by: int | None


_LEAD = Lead.number, Lead.file_no, Lead.birth_date, Lead.told_by


def _take_birth_dates(session: Session, lead_file: LeadFile, source: Source, now: datetime) -> int:
    """Give each lead the birth date that it has without what the file told of it; return of how many it is another.

    The file's own leads keep theirs, which counts no more, unless other files that stand told one of the number. Of two
    the younger counts, as when they are learnt. What nobody kept, who told it or what was told, goes on counting.
    """
    held: dict[int, _Held] = {}
    told: dict[int, tuple[date, int]] = {}
    for row in session.execute(_told_by_it(lead_file, source)):
        held[row[0]] = _Held(*row)
    for *lead, birth_date, teller in session.execute(_told_by_others(lead_file, source)):
        one = held[lead[0]] = _Held(*lead)
        said = birth_date or one.birth_date  # an earlier version did not keep what its rows said
        if said is not None:
            told[one.number] = max(told.get(one.number, (date.min, TOLD_BY_SOME)), (said, teller))
    withdrawn = withdrawn_among(session, {one.file_no for one in held.values()})
    own = _own_birth_dates(session, source.no, [one for one in held.values() if one.file_no not in withdrawn])
    changed: list[tuple[_Held, date | None, int | None]] = []
    for one in held.values():
        birth_date, teller = _left(one, told.get(one.number), own.get(one.number), is_out=one.file_no in withdrawn)
        if (birth_date, teller) != (one.birth_date, one.told_by):
            changed.append((one, birth_date, teller))
    return sum(
        _rewrite(session, source.no, lead_file.no, changed[start : start + AT_ONCE], now)
        for start in range(0, len(changed), AT_ONCE)
    )


def _left(
    one: _Held, told: tuple[date, int] | None, own: date | None, *, is_out: bool
) -> tuple[date | None, int | None]:
    """Return the birth date that a lead is left with, and which other file told it; ``is_out``: its own does not count.

    Pure.
    """
    left = [] if told is None else [told]
    if one.told_by == TOLD_BY_SOME and one.birth_date is not None:
        left.append((one.birth_date, TOLD_BY_SOME))
    if own is not None and not is_out:
        left.append((own, one.file_no))
    if not left:
        return one.birth_date if is_out else None, None
    birth_date, teller = max(left)
    return birth_date, None if teller == one.file_no else teller


def _told_by_it(lead_file: LeadFile, source: Source) -> Select[*tuple[Any, ...]]:  # Any: as _LEAD
    """Return the source's leads whose birth date the file told. By pk_lead_rows, and pk_leads for each."""
    return (
        select(*_LEAD)
        .join(LeadRow, LeadRow.number == Lead.number)
        .where(LeadRow.lead_file_id == lead_file.id, LeadRow.state == RowState.DUPLICATE.value)
        .where(Lead.source_no == source.no, Lead.told_by == lead_file.no)
    )


def _told_by_others(lead_file: LeadFile, source: Source) -> Select[*tuple[Any, ...]]:  # Any: as _LEAD, date, no
    """Return what rows of files that stand say of the file's own leads, and of those whose birth date it told.

    By pk_lead_rows, and pk_leads for each.
    """
    return (
        select(*_LEAD, LeadRow.birth_date, LeadFile.no)
        .select_from(LeadFile)
        .join(LeadRow, LeadRow.lead_file_id == LeadFile.id)
        .join(Lead, Lead.number == LeadRow.number)
        .where(LeadFile.source_id == source.id, LeadFile.withdrawn_at.is_(None), LeadFile.rows_duplicate > 0)
        .where(LeadRow.state == RowState.DUPLICATE.value)
        .where(or_(LeadRow.birth_date.is_not(None), LeadFile.tells_births.is_(False)))
        .where(Lead.source_no == source.no, or_(Lead.file_no == lead_file.no, Lead.told_by == lead_file.no))
    )


def _own_birth_dates(session: Session, source_no: int, leads: Sequence[_Held]) -> dict[int, date | None]:
    """Return the birth date that each lead came with; the one it has, where that was not kept."""
    own = {one.number: one.birth_date for one in leads if one.told_by is None}
    has = {one.number: one.birth_date for one in leads}
    connection = session.connection()
    first = (
        select(LeadBirthDate.number, LeadBirthDate.birth_date, LeadBirthDate.is_known)
        .where(LeadBirthDate.source_no == source_no, any_of(LeadBirthDate.number, NUMBERS))
        .order_by(LeadBirthDate.replaced_at.desc())  # the first one is read last
    )
    for number, birth_date, is_known in connection.execute(
        first, {"numbers": any_of_value(connection.dialect.name, has)}
    ):
        own[number] = birth_date if is_known else has[number]
    return own


def _rewrite(
    session: Session,
    source_no: int,
    withdrawn_no: int,
    changed: Sequence[tuple[_Held, date | None, int | None]],
    now: datetime,
) -> int:
    """Give leads another birth date, and keep what they had; return how many rows keep it.

    Of a birth date that a lead had for no time at all, learnt at ``now`` itself, none is kept.
    """
    connection = session.connection()
    numbers = any_of_value(connection.dialect.name, [one.number for one, _birth_date, _teller in changed])
    learnt_now = select(LeadBirthDate.number).where(
        LeadBirthDate.source_no == source_no, LeadBirthDate.replaced_at == now, any_of(LeadBirthDate.number, NUMBERS)
    )
    brief = set(connection.execute(learnt_now, {"numbers": numbers}).scalars())
    replaced = [
        {
            "number": one.number,
            "source_no": source_no,
            "replaced_at": now,
            "birth_date": one.birth_date,
            "is_known": True,
            "told_by": one.told_by,
            "withdrawn_no": withdrawn_no,
        }
        for one, _birth_date, _teller in changed
        if one.number not in brief
    ]
    if replaced:
        connection.execute(insert(LeadBirthDate.__table__), replaced)  # type: ignore[arg-type] # typed as any selectable, it is a table
    table = Lead.__table__
    connection.execute(
        update(table)  # type: ignore[arg-type] # as above
        .where(table.c.number == bindparam("of"), table.c.source_no == source_no)
        .values(birth_date=bindparam("left"), told_by=bindparam("teller")),
        [{"of": one.number, "left": birth_date, "teller": teller} for one, birth_date, teller in changed],
    )
    return len(replaced)
