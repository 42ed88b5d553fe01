"""Tell dialers, by the change feed, of every lead's number that joined a register with a new version.

A check would deny those calls by itself: this is for what a dialer holds already. It is done after the swap, in small
units of work that each say how far they came, so that a run that was killed goes on and none is told of twice.
"""

import logging
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path

from sqlalchemy import BigInteger, ForeignKey, String, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from consent.terms import EVERY_CHANNEL
from core.access import operator
from core.changes import ChangeKind, NewChange, announce
from core.database import Base
from core.ledger import Event, put_on_record
from core.store import Store
from dnc.models import Register
from dnc.registers.changes import newly_listed, sellers_knowing
from dnc.registers.contents import VersionCard, VersionContents, VersionUnreadable, read_contents, version_cards

AT_ONCE = 1_000
"""Numbers announced in one unit of work: an opt-out waits for it to commit, so it is kept short."""
JOBS = operator("jobs")

_log = logging.getLogger(__name__)


class RegisterRetraction(Base):
    """How far the change feed has followed a register: up to version ``version_id``, all of it.

    While it follows a newer one, that is ``toward_id``; all numbers up to ``position`` are done, and ``announced`` rows
    were written to the feed for it.
    """

    __tablename__ = "register_retractions"

    register: Mapped[str] = mapped_column(ForeignKey("registers.name"), primary_key=True)
    version_id: Mapped[str | None] = mapped_column(String(36))
    toward_id: Mapped[str | None] = mapped_column(String(36))
    position: Mapped[int | None] = mapped_column(BigInteger)
    announced: Mapped[int] = mapped_column(BigInteger, default=0)
    changed_at: Mapped[datetime]


@dataclass(frozen=True, slots=True)
class Following:
    """The row of a register as it was read; a unit of work goes through only if it still is so."""

    register: str
    version_id: str | None
    toward_id: str | None
    position: int | None
    announced: int


class _Overtaken(Exception):
    """Another run has gone on from the same place."""


def retract_joined(store: Store, registers_dir: Path, now: datetime) -> int:
    """Announce a retraction to each seller for each number that joined and that it may call; return how many.

    Idempotent, and it goes on where a run that was cut off came to. A version that cannot be read is left for the next
    run, and so is a register whose run was overtaken.
    """
    with store.reading() as session:
        waiting = _waiting(session)
    announced = 0
    for following in waiting:
        try:
            for count in _follow(store, registers_dir, following, now):
                announced += count
        except VersionUnreadable as error:
            _log.error("retractions of register %s wait: %s", following.register, error.detail)
        except _Overtaken:
            _log.warning("retractions of register %s go on elsewhere", following.register)
    return announced


def _waiting(session: Session) -> list[Following]:
    """Return the registers whose version in force is not followed to its end yet."""
    found = []
    followed = {row.register: row for row in session.scalars(select(RegisterRetraction))}
    in_force = select(Register.name, Register.version_id).where(Register.version_id.is_not(None))
    for name, version_id in session.execute(in_force.order_by(Register.name)):
        row = followed.get(name)
        if row is None:
            found.append(Following(name, None, None, None, 0))
        elif row.toward_id is not None or row.version_id != version_id:
            found.append(Following(name, row.version_id, row.toward_id, row.position, row.announced))
    return found


def _follow(store: Store, registers_dir: Path, following: Following, now: datetime) -> Iterator[int]:
    """Follow one register by every version up to the one in force, each in its turn; yield how many each told of.

    Whoever left with one and came back with the next could be called in between, so none is passed over.
    """
    with store.reading() as session:
        cards = version_cards(session, following.register)
        in_force = session.scalars(select(Register.version_id).where(Register.name == following.register)).one()
    ahead = _ahead(cards, following, in_force or "")
    before = _was(registers_dir, next((card for card in cards if card.id == following.version_id), None))
    for toward in ahead:
        newer = read_contents(registers_dir, toward) if toward is ahead[-1] else _whole(registers_dir, toward)
        if newer is None:
            before = None  # nobody can say any more who could be called then: all of the next have joined
            continue
        following = _begin(store, following, toward, now)
        started_with = following.announced
        for numbers in newly_listed(before, newer):
            for pairs in _slices(store, [int(number) for number in numbers], following.position):
                following = _announce(store, following, toward, pairs, now)
        following = _finish(store, following, toward, now)
        yield following.announced - started_with
        before = newer


def _ahead(cards: Sequence[VersionCard], following: Following, in_force: str) -> Sequence[VersionCard]:
    """Return the versions still to be followed, in the order in which they came; the last is the one in force."""
    places = {card.id: place for place, card in enumerate(cards)}
    last = places[in_force]
    if following.version_id in places:
        first = places[following.version_id] + 1
    else:
        first = places.get(following.toward_id or "", last)  # nothing was followed: what was before it is of no use
    return cards[min(first, last) : last + 1]


def _was(registers_dir: Path, card: VersionCard | None) -> VersionContents | None:
    """Return the version before; None if there was none or it cannot be read: then all that are listed have joined."""
    return None if card is None else _whole(registers_dir, card)


def _whole(registers_dir: Path, card: VersionCard) -> VersionContents | None:
    """Return the version if every part of it can be read."""
    try:
        contents = read_contents(registers_dir, card)
        contents.verify()
    except VersionUnreadable:
        return None
    return contents


def _slices(store: Store, numbers: list[int], after: int | None) -> Iterator[list[tuple[int, str]]]:
    """Yield the numbers beyond ``after`` with each seller that may call them, ``AT_ONCE`` numbers at a time."""
    rest = numbers if after is None else numbers[bisect_right(numbers, after) :]
    if not rest:
        return
    with store.reading() as session:
        pairs = sellers_knowing(session, rest)
    by_number = groupby(pairs, key=itemgetter(0))
    while some := [pair for _number, group in islice(by_number, AT_ONCE) for pair in group]:
        yield some


def _begin(store: Store, following: Following, toward: VersionCard, now: datetime) -> Following:
    if following.toward_id == toward.id:
        return following
    begun = replace(following, toward_id=toward.id, position=None, announced=0)
    with store.writing() as session:
        if session.get(RegisterRetraction, following.register) is None:
            session.add(RegisterRetraction(register=following.register, announced=0, changed_at=now))
            session.flush()
        _move(session, following, begun, now)
    return begun


def _announce(
    store: Store, following: Following, toward: VersionCard, pairs: list[tuple[int, str]], now: datetime
) -> Following:
    """Write a retraction for each pair of number and seller, and how far that came, in one unit of work."""
    came = replace(following, position=pairs[-1][0], announced=following.announced + len(pairs))
    with store.writing() as session:
        _move(session, following, came, now)
        for number, seller_id in pairs:
            announce(session, NewChange(now, ChangeKind.RETRACTION, number, seller_id, toward.id, EVERY_CHANNEL))
        payload = {
            "register": following.register,
            "version_before": following.version_id,
            "announced": dict(sorted(Counter(seller_id for _number, seller_id in pairs).items())),
            "finished": False,
        }
        put_on_record(session, Event("register.retracted", toward.id, JOBS.actor, None, payload))
    return came


def _finish(store: Store, following: Following, toward: VersionCard, now: datetime) -> Following:
    done = replace(following, version_id=toward.id, toward_id=None, position=None)
    with store.writing() as session:
        _move(session, following, done, now)
        payload = {
            "register": following.register,
            "version_before": following.version_id,
            "announced": following.announced,
            "finished": True,
        }
        put_on_record(session, Event("register.retracted", toward.id, JOBS.actor, None, payload))
    return done


def _move(session: Session, was: Following, to: Following, now: datetime) -> None:
    """Write how far the feed has come, if nobody else moved it since it was read."""
    row = RegisterRetraction
    moved = session.execute(
        update(row)
        .where(
            row.register == was.register,
            row.version_id.is_not_distinct_from(was.version_id),
            row.toward_id.is_not_distinct_from(was.toward_id),
            row.position.is_not_distinct_from(was.position),
        )
        .values(
            version_id=to.version_id,
            toward_id=to.toward_id,
            position=to.position,
            announced=to.announced,
            changed_at=now,
        )
    )
    if moved.rowcount != 1:  # type: ignore[attr-defined] # an UPDATE has a row count
        raise _Overtaken
