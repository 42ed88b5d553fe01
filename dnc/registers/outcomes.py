"""What came of loading a register file, for whoever loaded it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from dnc.registers.files import RegisterFile
from dnc.registers.layouts import FileKind, Layout
from dnc.registers.standing import State, VersionInForce, state_of, valid_until


class LoadWarning(StrEnum):
    """What the loader of a version ought to know although it was taken."""

    STALE = "stale"
    SAME_CONTENTS = "same_contents"
    SHRUNKEN = "shrunken"
    REJECTED_LINES = "rejected_lines"
    FOREIGN_NUMBERS = "foreign_numbers"


@dataclass(frozen=True, slots=True)
class Changed:
    """What a change list did to the version before: each distinct number of it is in one of the four.

    ``unlisted`` were to be taken away but were not listed, and ``listed_before`` were to be added but were.
    """

    added: int
    removed: int
    unlisted: int
    listed_before: int


@dataclass(frozen=True, slots=True)
class LoadedVersion:
    """The outcome of a load: the version now in force.

    ``already_loaded``: the same file with the same date and layout was in force before, and nothing was changed.
    ``lines`` counts the lines that should hold a number: each gave a distinct number, or is one of the ``duplicates``
    or of the ``rejected_lines``. ``rejected`` counts these by fault; ``first_rejected`` are line numbers and faults.
    ``covered``: how many numbers it speaks of, if not of all. ``changed``: what a change list did.
    """

    register: str
    version_id: str
    as_of: date
    count: int
    valid_until: datetime | None
    state: State
    already_loaded: bool
    count_before: int | None
    kind: FileKind
    lines: int
    duplicates: int
    rejected_lines: int
    rejected: Mapping[str, int]
    first_rejected: tuple[tuple[int, str], ...]
    covered: int | None
    changed: Changed | None
    warnings: tuple[LoadWarning, ...]
    snapshot_sha256: str


def already_loaded(version: VersionInForce, layout: Layout, now: datetime) -> LoadedVersion:
    """Return the outcome of loading again what is in force."""
    return LoadedVersion(
        register=version.register,
        version_id=version.version_id,
        as_of=version.as_of,
        count=version.count,
        valid_until=valid_until(version.country, version.as_of, now, layout),
        state=state_of(version.country, version.as_of, now, layout),
        already_loaded=True,
        count_before=version.count,
        kind=FileKind(version.kind),
        lines=0,
        duplicates=0,
        rejected_lines=0,
        rejected={},
        first_rejected=(),
        covered=version.covered,
        changed=None,
        warnings=(),
        snapshot_sha256=version.snapshot_sha256,
    )


def warnings_of(
    before: VersionInForce | None, read: RegisterFile, layout: Layout, *, as_of: date, now: datetime
) -> tuple[LoadWarning, ...]:
    """Return what the file gives cause to warn of, but for its size."""
    found = {
        LoadWarning.STALE: state_of(layout.country, as_of, now, layout) is State.STALE,
        LoadWarning.SAME_CONTENTS: before is not None and before.file_sha256 == read.sha256,
        LoadWarning.REJECTED_LINES: bool(read.rejected),
        LoadWarning.FOREIGN_NUMBERS: bool(read.foreign),
    }
    return tuple(warning for warning, holds in found.items() if holds)
