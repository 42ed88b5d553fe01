"""Canaries: numbers that reach nobody, put into each export, so that leads which show up elsewhere tell where from.

A canary is nothing but its row in the table: the same numbers stand in books, films and demonstrations. Where one is
seen is looked for afterwards and never in the path of a check; to a check it is a number without a source.
"""

import hashlib
from collections.abc import Collection, Container, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session
from sqlalchemy.sql import Select

from core.access import Caller, Right, operator
from core.clock import CLOCK_SLACK, utc
from core.database import inserted
from core.errors import InvalidInput, Kind, ServiceError
from core.ids import new_id
from core.ledger import Event, put_on_record
from core.naming import check_note
from core.secrets import Keyring
from core.store import Store
from dnc.call_records.models import CallRecord
from dnc.call_records.states import NO_CALLS, CallState
from dnc.models import Canary, CanarySighting, Check, Contact, Export, Recipient
from dnc.screenings.looked import ScreenedFile, look_through, looked_through

CANARIES = 3
LIVE = timedelta(days=730)
"""How long an export is live: no other one is seeded with the same numbers as long."""
LOOKED_AT_ONCE = 1_000
KEY_ACTOR = "key:"
NO_SIGHTING = sorted(NO_CALLS | {CallState.MATCHED})
"""The states of call records that are no call of their own, or one that a check permitted."""

FICTION = (
    range(46701740605, 46701740700),
    range(46846500400, 46846500500),
    range(46313900600, 46313900700),
    range(46406280400, 46406280500),
    range(46980319200, 46980319300),
)
"""The numbers that PTS keeps for books and films: no subscriber has them, or ever will."""


class NoCanaryLeft(ServiceError):
    """Too many exports are live: there are not enough numbers left to tell one more from all of them."""

    kind, code, title = Kind.CONFLICT, "no-canary-left", "There are no numbers left to seed the export with"


class How(StrEnum):
    """How a canary was seen: a check, call or screening that was not the recipient's to make, a file, or a person."""

    CHECK = "check"
    CONTACT = "contact"
    CALL_RECORD = "call_record"
    SCREENING = "screening"
    LEAD_FILE = "lead_file"
    REPORT = "report"


@dataclass(frozen=True, slots=True)
class CanaryOut:
    """A canary, and the export that it was put into."""

    number: int
    export_id: str
    recipient_id: str
    seller_id: str
    seeded_at: datetime


@dataclass(frozen=True, slots=True)
class Sighting:
    """A canary that was seen, with the export and recipient that it tells of. ``seen_at`` is when it showed up."""

    id: str
    export_id: str
    recipient: str
    recipient_name: str
    number: int
    how: How
    subject: str
    note: str
    seen_at: datetime
    recorded_at: datetime
    recorded_by: str


def fiction() -> Sequence[int]:
    """Return every number that may be a canary."""
    return [number for numbers in FICTION for number in numbers]


def chosen(key: bytes, export_id: str, taken: Container[int], sets: Collection[frozenset[int]]) -> tuple[int, ...]:
    """Return the numbers to seed an export with, in an order that only the key tells; pure.

    ``taken`` are numbers that something is known of; ``sets`` those of live exports. A number of none is preferred;
    where there are too few, numbers are shared, but never a whole set.

    Raises:
        NoCanaryLeft: every set that could be chosen is another export's already.
    """
    usable = [number for number in fiction() if number not in taken]
    in_use = {number for numbers in sets for number in numbers}

    def rank(number: int) -> tuple[bool, bytes]:
        return number in in_use, keyed(key, export_id, number)

    ranked = sorted(usable, key=rank)
    for first in range(max(0, len(ranked) - CANARIES + 1)):
        picked = tuple(ranked[first : first + CANARIES])
        if frozenset(picked) not in sets:
            return picked
    raise NoCanaryLeft("wait until an older export is no longer live, or use fewer of these numbers yourself")


def keyed(key: bytes, export_id: str, number: int) -> bytes:
    """Return what only the key tells of a number in an export: 16 bytes that look like chance. Pure."""
    return hashlib.blake2b(
        f"{export_id}:{number}".encode(), key=key, person=b"ringklar-canary", digest_size=16
    ).digest()


def sets_out(session: Session, now: datetime) -> set[frozenset[int]]:
    """Return the sets of canaries of the exports that are live at ``now``, of every seller."""
    held: dict[str, set[int]] = {}
    for number, export_id in session.execute(
        select(Canary.number, Canary.export_id).where(Canary.seeded_at > now - LIVE)
    ):
        held.setdefault(export_id, set()).add(number)
    return {frozenset(numbers) for numbers in held.values()}


def canaries_out(session: Session) -> Sequence[CanaryOut]:
    """Return every canary there is. A handful for each export."""
    return [CanaryOut(*row) for row in session.execute(_canaries_out())]


def _canaries_out() -> Select[*tuple[Any, ...]]:  # Any: a column of each type
    return select(Canary.number, Canary.export_id, Canary.recipient_id, Export.seller_id, Canary.seeded_at).join(
        Export, Export.id == Canary.export_id
    )


def see_in_lead_file(
    session: Session,
    caller: Caller,
    keyring: Keyring,
    *,
    lead_file_id: str,
    received_at: datetime,
    numbers: Collection[int],
    now: datetime,
) -> int:
    """Put on record the canaries among a delivered file's numbers that were seeded before it; return how many.

    Idempotent: a file that is screened again tells nothing new.
    """
    found = [one for one in canaries_out(session) if one.number in numbers and one.seeded_at <= received_at]
    return sum(
        _see(session, caller.actor, keyring, one, How.LEAD_FILE, lead_file_id, received_at, now) for one in found
    )


def report_sighting(
    session: Session, caller: Caller, keyring: Keyring, *, number: int, seen_at: datetime, how: str, now: datetime
) -> int:
    """Put on record that somebody saw the number elsewhere, and how; return of how many exports it is a canary.

    A number that is no canary of the caller's seller gives 0, and leaves nothing behind.

    Raises:
        Forbidden: the caller may not report canaries.
        InvalidInput: seen in the future, or nothing is said of how, or more than a note holds.
    """
    caller.require(Right.REPORT_CANARIES)
    if seen_at > now + CLOCK_SLACK:
        raise InvalidInput("seen_at is in the future")
    if not how.strip():
        raise InvalidInput("say how it was seen")
    note = check_note(how.strip())
    found = [
        one
        for one in canaries_out(session)
        if one.number == number and caller.seller_id in (None, one.seller_id) and one.seeded_at <= seen_at + CLOCK_SLACK
    ]
    report = new_id()
    return sum(_see(session, caller.actor, keyring, one, How.REPORT, report, seen_at, now, note=note) for one in found)


def look_for_canaries(store: Store, now: datetime) -> int:
    """Put on record each check, call and screening of a canary that was not its recipient's; return how many are new.

    A check is the recipient's own if it was asked for the export's seller and, where a key is named for the recipient,
    by that key; so is a file that a key has screened. A call is one too many, whoever made it, if its check did not
    allow it; so is one that only a call log tells of, once for each log. Idempotent.
    """
    found = 0
    with store.reading() as session:
        canaries = canaries_out(session)
        keys = {id_: key_id for id_, key_id in session.execute(select(Recipient.id, Recipient.key_id))}  # noqa: C416 - rows
        files = list(look_through(session, {canary.number for canary in canaries}))
        seen = [
            (canary, how, subject, seen_at)
            for canary in canaries
            for how, subject, seen_at in (
                *_checks_of(session, canary, keys.get(canary.recipient_id)),
                *_contacts_of(session, canary),
                *_call_records_of(session, canary),
                *_screenings_of(files, canary, keys.get(canary.recipient_id)),
            )
        ]
    for canary, how, subject, seen_at in seen:
        with store.writing() as session:
            found += _see(session, operator("jobs").actor, store.keyring, canary, how, subject, seen_at, now)
    if files:
        with store.writing() as session:
            for file in files:
                looked_through(session, file)
    return found


def _checks_of(session: Session, canary: CanaryOut, key_id: str | None) -> Iterable[tuple[How, str, datetime]]:
    """Return the machines' checks of a canary that are not its recipient's and not on record. By ix_checks_number."""
    not_theirs = Check.seller_id != canary.seller_id
    if key_id is not None:
        not_theirs |= Check.asked_by != KEY_ACTOR + key_id
    query = (
        select(Check.id, Check.checked_at)
        .where(Check.number == canary.number, Check.checked_at >= canary.seeded_at, not_theirs)
        .where(Check.asked_by.startswith(KEY_ACTOR), ~_on_record(canary, How.CHECK, Check.id))
        .order_by(Check.id)
        .limit(LOOKED_AT_ONCE)
    )
    return [(How.CHECK, id_, at) for id_, at in session.execute(query)]


def _contacts_of(session: Session, canary: CanaryOut) -> Iterable[tuple[How, str, datetime]]:
    """Return the calls to a canary that its check did not allow, not on record.

    By ix_contacts_number_contacts_started_at.
    """
    query = (
        select(Contact.id, Contact.started_at)
        .join(Check, Check.id == Contact.check_id)
        .where(Contact.number == canary.number, Contact.recorded_at >= canary.seeded_at, Check.verdict != "allow")
        .where(~_on_record(canary, How.CONTACT, Contact.id))
        .order_by(Contact.id)
        .limit(LOOKED_AT_ONCE)
    )
    return [(How.CONTACT, id_, at) for id_, at in session.execute(query)]


def _call_records_of(session: Session, canary: CanaryOut) -> Iterable[tuple[How, str, datetime]]:
    """Return the logs with calls to a canary that no check permitted and that are no contact, not on record.

    By ix_call_records_number_call_records_started_at.
    """
    query = (
        select(CallRecord.file_id, func.min(CallRecord.started_at))
        .where(CallRecord.number == canary.number, CallRecord.started_at >= canary.seeded_at)
        .where(CallRecord.state.not_in(NO_SIGHTING), CallRecord.contact_id.is_(None))
        .where(~_on_record(canary, How.CALL_RECORD, CallRecord.file_id))
        .group_by(CallRecord.file_id)
        .order_by(CallRecord.file_id)
    )
    return [(How.CALL_RECORD, file_id, at) for file_id, at in session.execute(query) if at is not None]


def _screenings_of(
    files: Sequence[ScreenedFile], canary: CanaryOut, key_id: str | None
) -> Iterable[tuple[How, str, datetime]]:
    """Return the screened files with a canary that are not its recipient's: another seller's, or by another key."""
    return [
        (How.SCREENING, file.id, file.asked_at)
        for file in files
        if canary.number in file.found
        and file.asked_at >= canary.seeded_at
        and (file.seller_id != canary.seller_id or _is_another_key(file.asked_by, key_id))
    ]


def _is_another_key(actor: str, key_id: str | None) -> bool:
    return key_id is not None and actor.startswith(KEY_ACTOR) and actor != KEY_ACTOR + key_id


def _on_record(canary: CanaryOut, how: How, subject: Any) -> Any:  # Any: a column, and a condition on it
    return exists().where(
        CanarySighting.export_id == canary.export_id,
        CanarySighting.number == canary.number,
        CanarySighting.how == how.value,
        CanarySighting.subject == subject,
    )


def _see(
    session: Session,
    actor: str,
    keyring: Keyring,
    canary: CanaryOut,
    how: How,
    subject: str,
    seen_at: datetime,
    now: datetime,
    *,
    note: str = "",
) -> bool:
    """Put one sighting on record, if it is not; return whether it was new."""
    if session.scalar(select(_on_record(canary, how, subject))):
        return False
    row = CanarySighting(
        id=new_id(),
        seller_id=canary.seller_id,
        export_id=canary.export_id,
        recipient_id=canary.recipient_id,
        number=canary.number,
        how=how.value,
        subject=subject,
        note=note,
        seen_at=seen_at,
        recorded_at=now,
        recorded_by=actor,
    )
    if not inserted(session, row):  # seen by another process since it was looked for
        return False
    payload = {
        "export": canary.export_id,
        "recipient": canary.recipient_id,
        "number": keyring.number_hash(canary.number),
        "how": how.value,
        "subject": subject,
        "seen_at": utc(seen_at),
    }
    put_on_record(session, Event("canary.sighted", row.id, actor, canary.seller_id, payload))
    return True


def sightings(session: Session, caller: Caller, *, after: str = "", limit: int = 100) -> Sequence[Sighting]:
    """Return the sightings of the caller's seller (of all, for a caller of every seller), oldest first.

    ``after``: only those recorded after this one.

    Raises:
        Forbidden: the caller may not read canaries.
    """
    caller.require(Right.READ_CANARIES)
    query = (
        select(CanarySighting, Recipient.slug, Recipient.name)
        .join(Recipient, Recipient.id == CanarySighting.recipient_id)
        .where(CanarySighting.id > after)
        .order_by(CanarySighting.id)
        .limit(limit)
    )
    if caller.seller_id is not None:
        query = query.where(CanarySighting.seller_id == caller.seller_id)
    return [
        Sighting(
            id=row.id,
            export_id=row.export_id,
            recipient=slug,
            recipient_name=name,
            number=row.number,
            how=How(row.how),
            subject=row.subject,
            note=row.note,
            seen_at=row.seen_at,
            recorded_at=row.recorded_at,
            recorded_by=row.recorded_by,
        )
        for row, slug, name in session.execute(query)
    ]
