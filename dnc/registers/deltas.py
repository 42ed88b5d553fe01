"""Change lists: to which version they belong, and what they make of it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from pyroaring import BitMap64
from sqlalchemy.orm import Session

from dnc.models import RegisterVersion
from dnc.registers.errors import RegisterBaseMissing, RegisterBaseOther, RegisterFileEmpty
from dnc.registers.files import RegisterFile
from dnc.registers.layouts import Key
from dnc.registers.outcomes import Changed
from dnc.registers.snapshots import Snapshot, SnapshotUnreadable, read_snapshot

GAP = timedelta(days=1)
"""How long after the base's date the first change may be: a list that begins later may have a list before it."""


@dataclass(frozen=True, slots=True)
class Base:
    """The version that a change list is applied to; ``changed_by``: SHA-256 of the lists since the full file."""

    version_id: str
    as_of: date
    snapshot_sha256: str
    is_wash: bool
    changed_by: frozenset[str]


def base_of(session: Session, version_id: str | None, base_as_of: date | None) -> Base:
    """Return the version to be changed; ``base_as_of`` is the date that the list itself is said to go on from.

    Raises:
        RegisterBaseMissing: there is none.
        RegisterBaseOther: it is of another date.
    """
    version = None if version_id is None else session.get(RegisterVersion, version_id)
    if version is None:
        raise RegisterBaseMissing("load a full file first")
    if base_as_of is not None and version.as_of != base_as_of:
        raise RegisterBaseOther(
            f"they change the version of {base_as_of}, the one in force is of {version.as_of}; load what is between",
            extra={"in_force_as_of": str(version.as_of)},
        )
    is_wash = json.loads(version.layout or "{}").get("key") == Key.WASH
    return Base(version.id, version.as_of, version.snapshot_sha256, is_wash, frozenset(_changes_in(session, version)))


def _changes_in(session: Session, version: RegisterVersion | None) -> Iterator[str]:
    while version is not None and version.base_version_id is not None:
        yield version.file_sha256
        version = session.get(RegisterVersion, version.base_version_id)


def applied(
    registers_dir: Path, base: Base, read: RegisterFile, base_as_of: date | None
) -> tuple[BitMap64, Snapshot | None, Changed]:
    """Return the numbers of the base with the changes made to them, what it speaks of, and the changes of each kind.

    Raises:
        RegisterBaseOther: nobody said which version the list goes on from, and its dates do not show that it is this.
        RegisterBaseMissing: the base's snapshot cannot be read here, or it is a wash: what that does not cover, the
            version made of it would call not listed.
        RegisterFileEmpty: no number would be left.
    """
    if base_as_of is None:
        _require_goes_on(base, read)
    try:
        snapshot = read_snapshot(registers_dir, base.snapshot_sha256)
        numbers = snapshot.numbers()
        covered = None if snapshot.coverage is None else read_snapshot(registers_dir, snapshot.coverage)
    except SnapshotUnreadable as error:
        raise RegisterBaseMissing("its snapshot cannot be read here; load a full file") from error
    if base.is_wash:
        raise RegisterBaseMissing("the one in force is a wash, which speaks of its own numbers alone; load a full file")
    removed = read.removed.intersection_cardinality(numbers)
    added = len(read.numbers) - read.numbers.intersection_cardinality(numbers)
    changed = Changed(
        added=added,
        removed=removed,
        unlisted=len(read.removed) - removed,
        listed_before=len(read.numbers) - added,
    )
    numbers -= read.removed
    numbers |= read.numbers
    if not numbers:
        raise RegisterFileEmpty("nobody would be listed any more; load a full file")
    return numbers, covered, changed


def _require_goes_on(base: Base, read: RegisterFile) -> None:
    """See that no list between may be missing, and that it is none from before, whose changes may have been undone."""
    if read.first_change is None or read.last_change is None:
        why = "they have no dates"
    elif read.first_change > base.as_of + GAP:
        why = f"their first change is of {read.first_change}, so a list between may be missing"
    elif read.last_change < base.as_of:
        why = f"their last change is of {read.last_change}, before it"
    elif read.sha256 in base.changed_by:
        why = "they were made to it already"
    else:
        return
    raise RegisterBaseOther(
        f"nothing shows that they go on from the version of {base.as_of}: {why}; load what is between, or say that "
        "they do",
        extra={"in_force_as_of": str(base.as_of)},
    )
