"""What one register version says of numbers, many at once: listed, not listed, or not known because not covered."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import Kind, NotFound, ServiceError
from dnc.models import RegisterVersion
from dnc.registers.snapshots import Snapshot, SnapshotUnreadable, read_snapshot
from dnc.registers.standing import country_of

CHUNK = 100_000
"""Numbers looked at in one step: what a comparison holds beside the snapshots themselves."""
Numbers = npt.NDArray[np.int64]
Answers = npt.NDArray[np.bool_]


class UnknownVersion(NotFound):
    """The register has no version of that id or date."""

    code, title = "unknown-register-version", "The register has no such version"


class VersionUnreadable(ServiceError):
    """The version's snapshot is missing or damaged, so what it lists is not known."""

    kind, code, title = Kind.UNAVAILABLE, "register-version-unreadable", "The register version cannot be read"


@dataclass(frozen=True, slots=True)
class VersionCard:
    """One version of a register; it was in force from ``loaded_at`` until the next one was loaded."""

    id: str
    register: str
    as_of: date
    count: int
    loaded_at: datetime
    snapshot_sha256: str


@dataclass(frozen=True, slots=True)
class VersionContents:
    """The numbers that a version lists and, unless it covers its whole country, those it speaks of."""

    card: VersionCard
    listed: Snapshot
    covered: Snapshot | None

    def lists(self, numbers: Numbers) -> Answers:
        """Return of each number whether it is listed. Raises VersionUnreadable."""
        with _readable(self.card):
            return self.listed.listed_of(numbers)

    def knows(self, numbers: Numbers) -> Answers:
        """Return of each number whether the version says anything of it: one outside is not known, listed or not.

        Raises VersionUnreadable.
        """
        if self.covered is None:
            return np.ones(len(numbers), dtype=np.bool_)
        with _readable(self.card):
            return self.covered.listed_of(numbers) | self.listed.listed_of(numbers)

    def verify(self) -> None:
        """See that all of what the version lists is as it was written. Raises VersionUnreadable."""
        with _readable(self.card):
            self.listed.verify()

    def chunks(self) -> Iterator[Numbers]:
        """Yield the numbers listed in ascending order, ``CHUNK`` at a time. Raises VersionUnreadable."""
        with _readable(self.card):
            listed = iter(self.listed)
        while len(chunk := np.fromiter(islice(listed, CHUNK), dtype=np.int64)):
            yield chunk


@contextmanager
def _readable(card: VersionCard) -> Iterator[None]:
    try:
        yield
    except SnapshotUnreadable as error:
        raise VersionUnreadable(f"the version of {card.as_of} is missing or damaged on disk") from error


def read_contents(registers_dir: Path, card: VersionCard) -> VersionContents:
    """Return what the version says; what it has to read later is checked then.

    Raises:
        VersionUnreadable: a snapshot of it is missing or damaged.
    """
    with _readable(card):
        listed = read_snapshot(registers_dir, card.snapshot_sha256)
        covered = None if listed.coverage is None else read_snapshot(registers_dir, listed.coverage)
    return VersionContents(card, listed, covered)


def version_cards(session: Session, name: str) -> list[VersionCard]:
    """Return every version of the register, the first loaded first.

    Raises:
        UnknownRegister: there is no register of that name.
    """
    country_of(session, name)  # see that there is one
    rows = session.scalars(
        select(RegisterVersion)
        .where(RegisterVersion.register == name)
        .order_by(RegisterVersion.loaded_at, RegisterVersion.id)
    )
    return [
        VersionCard(
            id=row.id,
            register=row.register,
            as_of=row.as_of,
            count=row.count,
            loaded_at=row.loaded_at,
            snapshot_sha256=row.snapshot_sha256,
        )
        for row in rows
    ]


def version_named(session: Session, name: str, named: str) -> VersionCard:
    """Return the version of this id; or that of this date (YYYY-MM-DD), the one loaded last if there are several.

    Raises:
        UnknownRegister: there is no register of that name.
        UnknownVersion: it has no such version.
    """
    for card in reversed(version_cards(session, name)):
        if named in (card.id, card.as_of.isoformat()):
            return card
    raise UnknownVersion("name a version by its id or its date, as ringklar register list shows them")
