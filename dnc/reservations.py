"""Reservations: an answer that allows a call holds the attempt, so that no other dialer is given the same one.

A reservation belongs to whoever asked, and lives until a contact on that check settles it, or until no call that the
answer permitted can still be going on: ``held_until``. The same asker asking again takes it over: the newest check
holds it. Where others ask, it is a fact like any other, and ``decide`` says what follows.

Taking one is a compare-and-set: the row must be the one that the facts were read from. Whoever lost reads again and
decides again, so two processes never both give the same attempt.
"""

from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import BigInteger, Connection, CursorResult, String, delete, select, tuple_, update
from sqlalchemy.orm import Mapped, Session, mapped_column
from sqlalchemy.sql import Select

from core.database import Base, any_of
from core.prepared import PreparedRows, instant_value
from core.standing import NUMBERS, standing

CALL_AT_MOST = timedelta(hours=1)
"""How long a call is taken to last: many dialers report one at its end alone, and until then nobody knows of it."""
KEPT = timedelta(days=1)
"""How long a reservation stays after its end: longer than any check takes from reading its facts to writing."""

Row = tuple[Any, ...]  # the columns of core.standing


def held_until(valid_until: datetime) -> datetime:
    """Return until when an answer holds the attempt, unless a contact settles it: its last call may last that long."""
    return valid_until + CALL_AT_MOST


class Reservation(Base):
    """Who holds the next attempt to call a number in a campaign: one row for both, moved from holder to holder.

    ``held_until`` and ``taken_at`` are by the clock of the process that took it. ``moved_by`` is the check that took
    it, or the contact that settled it; ``moved_after`` what it was before, None if there was no row.
    It has no foreign keys: it is a lock that is swept away, not a record.
    """

    __tablename__ = "reservations"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 - SQLAlchemy's own name

    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    campaign_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    seller_id: Mapped[str] = mapped_column(String(36))
    held_by: Mapped[str] = mapped_column(String(120))
    taken_at: Mapped[datetime]
    held_until: Mapped[datetime]
    settled: Mapped[bool]
    moved_by: Mapped[str] = mapped_column(String(36))
    moved_after: Mapped[str | None] = mapped_column(String(36))


def reservations_standing() -> Select[Any]:
    """Reservations, lapsed and settled ones too: id what moved it, a campaign, b holder, t1 end, flag settled.

    By pk_reservations.
    """
    return standing(
        "reservation",
        id=Reservation.moved_by,
        number=Reservation.number,
        seller_id=Reservation.seller_id,
        a=Reservation.campaign_id,
        b=Reservation.held_by,
        t1=Reservation.held_until,
        flag=Reservation.settled,
    ).where(any_of(Reservation.number, NUMBERS))


def _moved(insert: Any) -> Any:  # Any: the INSERT of either dialect
    """Take the row over if it is the one that was read, or the asker's own and alive still; else leave it."""
    new = insert.excluded
    is_as_read = Reservation.moved_by == new.moved_after
    is_own = (Reservation.held_by == new.held_by) & ~Reservation.settled & (Reservation.held_until > new.taken_at)
    return insert.on_conflict_do_update(
        index_elements=["number", "campaign_id"],
        set_={name: new[name] for name in _MOVED},
        where=is_as_read | is_own,
    )


_MOVED = ("held_by", "taken_at", "held_until", "settled", "moved_by", "moved_after")
TAKE = PreparedRows(Reservation.__table__, _moved)
"""Takes attempts; of fewer than were given, others have taken some."""


class Attempts:
    """The attempts that one group of checks takes, before they are written. Not safe for several threads."""

    def __init__(self, rows: dict[int, dict[str, list[Row]]], now: datetime, dialect: str) -> None:
        self._rows, self._dialect = rows, dialect
        self._now = instant_value(dialect, now)
        self._taken: dict[tuple[int, str], Row] = {}
        self._until: datetime | None = (
            None  # the last answer's end, and what it holds until, as the driver takes it: most are alike
        )
        self._ends: object = None

    def __len__(self) -> int:
        return len(self._taken)

    def take(
        self, number: int, campaign_id: str, seller_id: str, *, check_id: str, asker: str, until: datetime
    ) -> None:
        """Hold the attempt for a check that allows a call ``until`` then; others of this group find it so."""
        key = (number, campaign_id)
        before = self._taken.get(key)
        if before is not None and before[7] > check_id:
            return  # two checks of one asker at one moment: the greater id is the newer one
        kinds = self._rows.setdefault(number, {})
        after, others = None, []
        for row in kinds.get("reservation", ()):
            if row[4] == campaign_id:
                after = row[2]
            else:
                others.append(row)
        if before is not None:
            after = before[8]
        if until is not self._until:
            self._until, self._ends = until, instant_value(self._dialect, held_until(until))
        ends = self._ends
        self._taken[key] = (number, campaign_id, seller_id, asker, self._now, ends, False, check_id, after)
        mine = (
            "reservation",
            number,
            check_id,
            seller_id,
            campaign_id,
            asker,
            None,
            None,
            ends,
            None,
            None,
            False,
            None,
        )
        kinds["reservation"] = [mine, *others]

    def rows(self) -> list[tuple[object, ...]]:
        """Return what is to be written, in the order of the keys.

        The order keeps two processes that take the same ones from waiting for each other.
        """
        return [self._taken[key] for key in sorted(self._taken)]

    def written(self, connection: Connection) -> bool:
        """Write them; False if one had been moved by others since the facts were read."""
        return not self._taken or TAKE.run(connection, self.rows()) == len(self._taken)


def settle(session: Session, *, number: int, campaign_id: str, check_id: str, contact_id: str) -> None:
    """End the reservation that the check holds, if it still does: its attempt was made, and counts as such now."""
    session.execute(
        update(Reservation)
        .where(
            Reservation.number == number,
            Reservation.campaign_id == campaign_id,
            Reservation.moved_by == check_id,
        )
        .values(settled=True, moved_by=contact_id, moved_after=check_id)
    )


def forget_reservations(session: Session, now: datetime) -> int:
    """Remove the reservations that ended more than a day ago; return how many.

    Rows are locked in the order of their keys, as whoever takes attempts does; one that is being taken is left.
    """
    key = (Reservation.number, Reservation.campaign_id)
    ended = select(*key).where(Reservation.held_until < now - KEPT).order_by(*key).with_for_update(skip_locked=True)
    gone = session.execute(delete(Reservation).where(tuple_(*key).in_(ended)))
    return cast("CursorResult[Any]", gone).rowcount
