"""The seller's own do-not-call list: a person's no, by number, until that person asks to leave it.

Entries and releases are append-only rows, so the whole history stands. No cache stands between an opt-out and the
next check: once ``add_opt_outs`` is committed, every check that starts later sees it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from consent.grounds import end_what_a_no_withdrew
from consent.terms import Channel, read_channels, written_channels
from core.access import Caller, Right
from core.changes import ChangeKind, NewChange, announce
from core.clock import CLOCK_SLACK, utc
from core.database import lock_key, number_lock
from core.errors import InvalidInput, Kind, NotFound, ServiceError
from core.ids import new_id
from core.ledger import Event, put_on_record
from core.naming import VERIFIED_BY_LENGTH, VIA_LENGTH, check_note, trimmed
from core.numbers import Number, NumberFault, read_number
from core.secrets import Keyring
from dnc.models import OptOut, OptOutRelease, OptOutRepeat

OPT_OUT_LOCKS = 0x52494E47_000000  # PostgreSQL advisory locks: two adds of one number, one after the other


class AlreadyReleased(ServiceError):
    """The opt-out was released before; nothing was changed."""

    kind, code, title = Kind.CONFLICT, "already-released", "The opt-out is already released"


@dataclass(frozen=True, slots=True)
class OptOutResult:
    """What became of one number: ``added``, ``already`` (an opt-out was in force), or ``invalid`` with the fault.

    A number that its country's plan does not have is taken all the same, but may be a slip: see ``Number.is_valid``.
    """

    place: int
    result: str
    id: str | None
    number: Number | None
    fault: NumberFault | None
    effective_at: datetime | None


def add_opt_outs(
    session: Session,
    caller: Caller,
    keyring: Keyring,
    *,
    numbers: Sequence[object],
    seller_id: str | None,
    channels: frozenset[Channel],
    via: str,
    received_at: datetime | None,
    note: str,
    now: datetime,
    region: str = "SE",
    said_at: Mapping[int, datetime] | None = None,
) -> list[OptOutResult]:
    """Return a result for each number, in order; those added are in force when the unit of work is committed.

    ``seller_id`` None means every seller. Any possible number is taken, in any spelling: a no is never lost because a
    numbering plan changed. A bad number does not stop the others. ``said_at`` tells of some places in ``numbers`` when
    the person said it, where that is not ``received_at``.

    Raises:
        Forbidden: the caller may not add opt-outs; only customer service may.
        NotFound: the seller is not the caller's.
        InvalidInput: no channel, no ``via``, too long a note, or received in the future.
    """
    caller.require(Right.ADD_OPT_OUT)
    if caller.seller_id is not None and seller_id != caller.seller_id:
        raise NotFound("there is no seller with that slug")
    if not channels or not 1 <= len(via.strip()) <= VIA_LENGTH:
        raise InvalidInput(f"say in 1 to {VIA_LENGTH} characters how the person said no, and to which channels")
    check_note(note)
    said_at = said_at or {}
    if any(moment > now + CLOCK_SLACK for moment in (received_at or now, *said_at.values())):
        raise InvalidInput("received_at is in the future")
    read = [read_number(raw, region=region) for raw in numbers]
    for key in sorted({number_lock(OPT_OUT_LOCKS, number.value) for number in read if isinstance(number, Number)}):
        lock_key(session, key)
    in_force = _in_force(session, [number.value for number in read if isinstance(number, Number)], seller_id, channels)
    results: list[OptOutResult] = []
    just_added: set[str] = set()
    for place, number in enumerate(read):
        if isinstance(number, NumberFault):
            results.append(OptOutResult(place, "invalid", None, None, number, None))
            continue
        known = in_force.get(number.value)
        moment = min(said_at.get(place, received_at or now), now)
        if known is not None:
            if known.id not in just_added or moment != known.received_at:
                _put_repeat_on_record(session, caller, keyring, known, via=via.strip(), received_at=moment, now=now)
            results.append(OptOutResult(place, "already", known.id, number, None, known.recorded_at))
            continue
        row = OptOut(
            id=new_id(),
            seller_id=seller_id,
            number=number.value,
            channels=written_channels(channels),
            via=via.strip(),
            note=note,
            received_at=moment,
            recorded_at=now,
            recorded_by=caller.actor,
        )
        session.add(row)
        in_force[number.value] = row
        just_added.add(row.id)
        put_on_record(session, _added(row, caller, keyring))
        announce(session, NewChange(now, ChangeKind.OPT_OUT, number.value, seller_id, row.id, row.channels))
        results.append(OptOutResult(place, "added", row.id, number, None, now))
    return results


def _added(row: OptOut, caller: Caller, keyring: Keyring) -> Event:
    payload = {
        "number": keyring.number_hash(row.number),
        "channels": row.channels,
        "via": row.via,
        "received_at": utc(row.received_at),
        "recorded_at": utc(row.recorded_at),
    }
    return Event("opt_out.added", row.id, caller.actor, row.seller_id, payload)


def _put_repeat_on_record(
    session: Session,
    caller: Caller,
    keyring: Keyring,
    opt_out: OptOut,
    *,
    via: str,
    received_at: datetime,
    now: datetime,
) -> None:
    """Keep that the person said no again: a wish to leave the list from before that does not end the opt-out."""
    repeat = OptOutRepeat(
        id=new_id(),
        opt_out_id=opt_out.id,
        via=via,
        received_at=received_at,
        recorded_at=now,
        recorded_by=caller.actor,
    )
    session.add(repeat)
    payload = {
        "number": keyring.number_hash(opt_out.number),
        "opt_out": opt_out.id,
        "via": via,
        "received_at": utc(received_at),
    }
    put_on_record(session, Event("opt_out.repeated", repeat.id, caller.actor, opt_out.seller_id, payload))


def _last_no(session: Session, opt_out: OptOut) -> datetime:
    """Return when the person last said no to what this opt-out covers. Served by ix_opt_out_repeats_opt_out_id."""
    repeated = session.scalar(select(func.max(OptOutRepeat.received_at)).where(OptOutRepeat.opt_out_id == opt_out.id))
    return opt_out.received_at if repeated is None else max(opt_out.received_at, repeated)


def _in_force(
    session: Session, values: Sequence[int], seller_id: str | None, channels: frozenset[Channel]
) -> dict[int, OptOut]:
    """Return by number the opt-outs in force that already cover the channels for exactly this seller (or for all)."""
    found: dict[int, OptOut] = {}
    for start in range(0, len(values), 500):
        released = exists().where(OptOutRelease.opt_out_id == OptOut.id)
        rows = session.scalars(
            select(OptOut)
            .where(OptOut.number.in_(values[start : start + 500]), ~released)
            .where(OptOut.seller_id.is_(None) if seller_id is None else OptOut.seller_id == seller_id)
        )
        found.update({row.number: row for row in rows if channels <= read_channels(row.channels)})
    return found


def release_opt_out(
    session: Session,
    caller: Caller,
    keyring: Keyring,
    *,
    opt_out_id: str,
    asked_by_person_at: datetime,
    verified_by: str,
    note: str,
    now: datetime,
) -> OptOutRelease:
    """Return the release: the person asked to leave the list, and somebody made sure that it was that person.

    Consents from before the no are withdrawn by it, and stay so.

    Raises:
        Forbidden: the caller may not release opt-outs.
        NotFound: there is no such opt-out, or it is not the caller's seller's.
        AlreadyReleased: it was released before.
        InvalidInput: how the person was recognised is not said or too long, or the note is too long, or the person
            asked before saying no, or in the future.
    """
    caller.require(Right.RELEASE_OPT_OUT)
    opt_out = session.get(OptOut, opt_out_id)
    if opt_out is None or (caller.seller_id is not None and opt_out.seller_id != caller.seller_id):
        raise NotFound("there is no such opt-out")
    verified_by = trimmed(verified_by)
    if not verified_by:
        raise InvalidInput("say how it was made sure that the person asked")
    if len(verified_by) > VERIFIED_BY_LENGTH:
        raise InvalidInput(f"say in at most {VERIFIED_BY_LENGTH} characters how it was made sure that the person asked")
    check_note(note)
    if asked_by_person_at > now + CLOCK_SLACK:
        raise InvalidInput("asked_by_person_at is in the future")
    lock_key(session, number_lock(OPT_OUT_LOCKS, opt_out.number))
    last_no = _last_no(session, opt_out)
    if asked_by_person_at < last_no:
        raise InvalidInput("the person said no after that: an earlier wish does not end it")
    if session.get(OptOutRelease, opt_out_id) is not None:
        raise AlreadyReleased("nothing was changed")
    release = OptOutRelease(
        opt_out_id=opt_out_id,
        asked_by_person_at=asked_by_person_at,
        verified_by=verified_by,
        note=note,
        released_at=now,
        released_by=caller.actor,
    )
    session.add(release)
    payload = {
        "number": keyring.number_hash(opt_out.number),
        "asked_by_person_at": utc(asked_by_person_at),
        "verified_by": verified_by,
    }
    end_what_a_no_withdrew(
        session,
        caller,
        number=opt_out.number,
        seller_id=opt_out.seller_id,
        channels=read_channels(opt_out.channels) or frozenset(Channel),
        said_at=last_no,
        now=now,
        keyring=keyring,
    )
    put_on_record(session, Event("opt_out.released", opt_out_id, caller.actor, opt_out.seller_id, payload))
    announce(
        session,
        NewChange(now, ChangeKind.RELEASE, opt_out.number, opt_out.seller_id, opt_out_id, opt_out.channels),
    )
    return release
