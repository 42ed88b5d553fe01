"""Take a file of call records in: each row matched, kept and accounted for, once however often it is sent."""

import hashlib
import json
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import compress
from pathlib import Path
from uuid import UUID

import numpy as np
from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from core.access import Caller, Right
from core.clock import CLOCK_SLACK, from_microseconds, to_microseconds, utc
from core.database import lock_key
from core.ids import new_id
from core.ledger import Event, canonical, put_on_record
from core.sellers import seller_of
from core.store import Store
from dnc.call_records.errors import CallRecordsBusy, TooManyCallRecords
from dnc.call_records.gathering import contacts_in, histories, kept_beside, key_of
from dnc.call_records.matching import Match, NumberHistory, RecordedCall, match_calls
from dnc.call_records.models import CallRecord, CallRecordFile
from dnc.call_records.reports import CallRecordsReport, report_of
from dnc.call_records.rows import CallFile, CallRow, HowToReadCalls
from dnc.call_records.states import PLACE_OF, PLACES, CallState, state_of
from dnc.drafts import UnknownCampaign
from dnc.gathering import Listed
from dnc.models import Campaign
from dnc.permits import CallOnCheck, Fault, retracted
from leads.shelf import FILE_NAME_LENGTH

MOST_ROWS = 3_000_000
"""Rows of one file: each takes some 60 bytes of memory while it is matched."""
NUMBERS_AT_ONCE = 2_000
ROWS_AT_ONCE = 5_000
"""Rows in a transaction: a check waits for it to commit."""
SELLER_LOCKS, LOCKS = 0x52494E47_435200, 251  # PostgreSQL advisory locks: one writer of a seller's call records
_ID_BYTES = 16
_NONE = bytes(_ID_BYTES)


@dataclass(frozen=True, slots=True)
class _Scope:
    """Whose checks the calls are matched to; ``channel`` is that of a call without one."""

    file_id: str
    sha256: str
    seller_id: str
    campaign_id: str | None
    channel: str


@dataclass(frozen=True, slots=True)
class _Seen:
    """How many rows of the file were kept, and what of others, in the state of the database that calls were matched to.

    ``beside`` is not renewed when rows are matched anew: the rows after them have to be as well.
    """

    done: int
    beside: object


class _Outcomes:
    """What became of each row, in little memory: it is found in order of numbers, and written in order of rows."""

    def __init__(self) -> None:
        self.numbers, self.started, self.keys = array("q"), array("q"), array("q")
        self._states = bytearray()
        self._is_call = bytearray()
        self._ids = bytearray()
        self._first: int | None = None
        self._last = 0

    def __len__(self) -> int:
        return len(self._states)

    def read(self, row: CallRow, last: datetime) -> None:
        """Take the next row in."""
        fault = row.fault
        if fault is None and row.started_at is not None and row.started_at > last:
            fault = CallState.IN_FUTURE
        self.numbers.append(row.number or 0)
        self.started.append(to_microseconds(row.started_at) if row.started_at is not None else 0)
        self.keys.append(key_of(row.call_id))
        if fault is None:
            self._first = self.started[-1] if self._first is None else min(self._first, self.started[-1])
            self._last = max(self._last, self.started[-1])
        self._states.append(PLACE_OF[fault or CallState.MATCHED])
        self._is_call.append(fault is None)
        self._ids += _NONE * 2

    def settle(self, place: int, match: Match) -> None:
        """Keep what became of the row at ``place``, from 0."""
        self._states[place] = PLACE_OF[match.state]
        at = 2 * _ID_BYTES * place
        for id_ in (match.check_id, match.contact_id):
            self._ids[at : at + _ID_BYTES] = _NONE if id_ is None else UUID(id_).bytes
            at += _ID_BYTES

    def of(self, place: int) -> Match:
        """Return what became of the row at ``place``."""
        at = 2 * _ID_BYTES * place
        ids = [bytes(self._ids[start : start + _ID_BYTES]) for start in (at, at + _ID_BYTES)]
        check_id, contact_id = (None if id_ == _NONE else str(UUID(bytes=id_)) for id_ in ids)
        return Match(PLACES[self._states[place]], check_id, contact_id)

    def span(self) -> tuple[datetime, datetime] | None:
        """Return when the first and the last call began; None without calls."""
        return None if self._first is None else (from_microseconds(self._first), from_microseconds(self._last))

    def by_number(self, first: int, beyond: int | None = None) -> Iterator[dict[int, list[int]]]:
        """Yield the places of calls by number, each number's in order of their start, some numbers at a time.

        Of the rows from place ``first`` to before ``beyond``, or to the end.
        """
        calls = np.flatnonzero(np.frombuffer(self._is_call, np.uint8)[first:beyond]).astype(np.int64) + first
        numbers, started = np.frombuffer(self.numbers, np.int64), np.frombuffer(self.started, np.int64)
        order = calls[np.lexsort((calls, started[calls], numbers[calls]))]
        some: dict[int, list[int]] = {}
        for place in order.tolist():
            number = self.numbers[place]
            if number not in some and len(some) >= NUMBERS_AT_ONCE:
                yield some
                some = {}
            some.setdefault(number, []).append(place)
        if some:
            yield some


def match_call_records(
    store: Store,
    listed: Listed,
    caller: Caller,
    *,
    path: Path,
    file_name: str,
    seller: str,
    campaign: str | None = None,
    how: HowToReadCalls | None = None,
    spool_dir: Path | None = None,
) -> CallRecordsReport:
    """Match every call in a file to the seller's checks, keep what came of it, and return the counts.

    Idempotent: the same file, asked for in the same way, gives the first report; asked for otherwise, one of its own,
    as if it had not been matched before. It is written some thousand rows at a
    time; what was cut off goes on when it is asked for again. Opens its own units of work.
    ``listed`` is ``RegisterShelf.listed``.

    Raises:
        Forbidden: the caller may not match calls.
        NotFound: there is no such seller for the caller.
        UnknownCampaign: the seller has no such campaign.
        UnreadableCallRecords: the file cannot be read, or its columns are not clear.
        TooManyCallRecords: it has more rows than are matched at once.
        CallRecordsBusy: another process matches the same file now.
        InvalidInput: the zone or encoding is not known.
    """
    caller.require(Right.MATCH_CALLS)
    how = how or HowToReadCalls()
    now = store.clock.now()
    with store.reading() as session:
        seller_id = seller_of(session, caller, seller).id
        campaign_id, channel = _campaign(session, seller_id, campaign)
    file = CallFile(path, how, now, spool_dir)
    sha256, size = file.identity()
    asked = hashlib.sha256(canonical([campaign, file.asked]).encode()).hexdigest()
    with store.writing() as session:
        _lock(session, seller_id)
        row = _known(session, seller_id, sha256, asked)
        if row is None:
            row = CallRecordFile(
                id=new_id(),
                seller_id=seller_id,
                campaign_id=campaign_id,
                sha256=sha256,
                asked=asked,
                file_name=_shown_name(file_name),
                size=size,
                received_at=now,
                received_by=caller.actor,
            )
            session.add(row)
            session.flush()
        if row.matched_at is not None:
            return report_of(session, row, repeated=True)
        scope = _Scope(row.id, sha256, seller_id, campaign_id, channel)
        received_at = row.received_at
    outcomes = _read(file, received_at + CLOCK_SLACK)
    with store.snapshot() as session:
        seen = _Seen(_written(session, scope.file_id), _kept_beside(session, scope))
        _match(session, listed, scope, outcomes, seen.done)
    _write(store, listed, scope, file, outcomes, seen)
    return _finish(store, caller, scope, outcomes)


def _campaign(session: Session, seller_id: str, slug: str | None) -> tuple[str | None, str]:
    if slug is None:
        return None, "voice"
    found = session.scalar(select(Campaign).where(Campaign.slug == slug, Campaign.seller_id == seller_id))
    if found is None:
        raise UnknownCampaign("there is no campaign with that slug for your seller")
    return found.id, found.channel


def _known(session: Session, seller_id: str, sha256: str, asked: str) -> CallRecordFile | None:
    return session.scalar(
        select(CallRecordFile).where(
            CallRecordFile.seller_id == seller_id, CallRecordFile.sha256 == sha256, CallRecordFile.asked == asked
        )
    )


def _shown_name(file_name: str) -> str:
    name = "".join(sign for sign in Path(file_name).name if sign.isprintable())
    return name[-FILE_NAME_LENGTH:] or "unnamed"


def _read(file: CallFile, last: datetime) -> _Outcomes:
    outcomes = _Outcomes()
    for row in file.rows():
        if len(outcomes) >= MOST_ROWS:
            raise TooManyCallRecords(f"at most {MOST_ROWS} rows: send the file in parts")
        outcomes.read(row, last)
    return outcomes


def _match(
    session: Session, listed: Listed, scope: _Scope, outcomes: _Outcomes, first: int, beyond: int | None = None
) -> None:
    """Match the calls from place ``first`` to before ``beyond``, or to the end, as one state of the database has it.

    What is kept of the file already, by a run that was cut off, stands as it is.
    """
    for some in outcomes.by_number(first, beyond):
        known = histories(
            session,
            list(some),
            seller_id=scope.seller_id,
            campaign_id=scope.campaign_id,
            file_id=scope.file_id,
            sha256=scope.sha256,
        )
        found: dict[int, Match] = {}
        permitted: dict[int, CallOnCheck] = {}
        for number, places in some.items():
            calls = [RecordedCall(from_microseconds(outcomes.started[place]), outcomes.keys[place]) for place in places]
            history = known.get(number, NumberHistory())
            matches = match_calls(calls, history, scope.channel)
            checks = {one.id: one for one in history.checks}
            for place, call, match in zip(places, calls, matches, strict=True):
                found[place] = match
                if match.state is CallState.MATCHED and match.check_id is not None:
                    check = checks[match.check_id]
                    permitted[place] = CallOnCheck(number, check.campaign_id, check.checked_at, call.started_at)
        gone = retracted(session, listed, list(permitted.values()))
        for place in compress(permitted, gone):
            found[place] = replace(found[place], state=state_of(Fault.AFTER_RETRACTION))
        for place, match in found.items():
            outcomes.settle(place, match)


def _write(store: Store, listed: Listed, scope: _Scope, file: CallFile, outcomes: _Outcomes, seen: _Seen) -> None:
    """Write the rows that are not written yet, in order."""
    waiting: list[CallRow] = []
    for place, row in enumerate(file.rows()):
        if place < seen.done:
            continue
        waiting.append(row)
        if len(waiting) >= ROWS_AT_ONCE:
            seen = _keep(store, listed, scope, outcomes, seen, waiting)
            waiting = []
    if waiting:
        _keep(store, listed, scope, outcomes, seen, waiting)


def _keep(store: Store, listed: Listed, scope: _Scope, outcomes: _Outcomes, seen: _Seen, rows: list[CallRow]) -> _Seen:
    """Write these rows, matched anew if another file's were kept since: no check carries a call of each."""
    end = seen.done + len(rows)
    with store.writing() as session:
        _lock(session, scope.seller_id)
        if _written(session, scope.file_id) != seen.done:
            raise CallRecordsBusy("wait for it, or ask again")
        if _kept_beside(session, scope) != seen.beside:
            _match(session, listed, scope, outcomes, seen.done, end)
        session.execute(
            insert(CallRecord),
            [_values(scope.file_id, place, row, outcomes.of(place)) for place, row in enumerate(rows, seen.done)],
        )
    return _Seen(end, seen.beside)


def _values(file_id: str, place: int, row: CallRow, match: Match) -> dict[str, object]:
    return {
        "file_id": file_id,
        "row_no": place + 1,
        "number": row.number,
        "started_at": row.started_at,
        "seconds": row.seconds,
        "call_id": row.call_id,
        "agent": row.agent,
        "state": match.state.value,
        "check_id": match.check_id,
        "contact_id": match.contact_id,
    }


def _lock(session: Session, seller_id: str) -> None:
    lock_key(session, SELLER_LOCKS + int(seller_id[-8:], 16) % LOCKS)


def _kept_beside(session: Session, scope: _Scope) -> object:
    return kept_beside(session, seller_id=scope.seller_id, file_id=scope.file_id)


def _written(session: Session, file_id: str) -> int:
    return session.scalar(select(func.max(CallRecord.row_no)).where(CallRecord.file_id == file_id)) or 0


def _finish(store: Store, caller: Caller, scope: _Scope, outcomes: _Outcomes) -> CallRecordsReport:
    with store.reading() as session:
        counts, span = _counted(session, scope.file_id), outcomes.span()
        contacts = (0, 0)
        if span is not None:
            since, until = span
            contacts = contacts_in(
                session, seller_id=scope.seller_id, campaign_id=scope.campaign_id, since=since, until=until
            )
    with store.writing() as session:
        row = session.get_one(CallRecordFile, scope.file_id, with_for_update=True)
        if row.matched_at is not None:
            return report_of(session, row, repeated=True)
        row.counts = json.dumps(counts)
        row.first_started_at, row.last_started_at = span if span is not None else (None, None)
        row.contacts, row.contacts_missing = contacts
        row.matched_at = store.clock.now()
        payload = {
            "sha256": row.sha256,
            "size": row.size,
            "campaign": scope.campaign_id,
            "counts": counts,
            "first_started_at": utc(row.first_started_at),
            "last_started_at": utc(row.last_started_at),
            "contacts": row.contacts,
            "contacts_missing": row.contacts_missing,
        }
        put_on_record(session, Event("call_records.matched", row.id, caller.actor, row.seller_id, payload))
        return report_of(session, row, repeated=False)


def _counted(session: Session, file_id: str) -> dict[str, int]:
    """Return the rows by state as they are kept: a run that was cut off wrote some of them."""
    found = session.execute(
        select(CallRecord.state, func.count()).where(CallRecord.file_id == file_id).group_by(CallRecord.state)
    )
    counts = {row[0]: row[1] for row in found}
    return {state.value: counts.get(state.value, 0) for state in PLACES}
