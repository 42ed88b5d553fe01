"""Registers: how a delivered file becomes the version in force; how each stands; the shelf that checks ask.

The file is read and written as a snapshot outside any transaction; replacing ``registers.version_id`` is the whole
swap. Whatever is refused, fails or is killed on the way leaves the version in force as it was.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path

from sqlalchemy import update

from core.access import Caller, Right
from core.database import lock_key
from core.errors import Forbidden, InvalidInput
from core.ids import new_id
from core.ledger import Event, put_on_record
from core.store import Store
from dnc.models import Register, RegisterVersion
from dnc.policy import policy_for
from dnc.registers.errors import RegisterDateInFuture, RegisterDateMissing, RegisterOlder, RegisterShrunken
from dnc.registers.files import RegisterFile, file_sha256, read_register_file
from dnc.registers.shelf import RegisterShelf
from dnc.registers.snapshots import SnapshotUnreadable, read_snapshot, sweep_unfinished, write_snapshot
from dnc.registers.standing import (
    REGISTER_LOCK,
    Standing,
    State,
    Version,
    VersionInForce,
    country_of,
    ensure_registers,
    in_force,
    standing,
    state_of,
    valid_until,
    versions,
)

__all__ = [
    "LoadWarning",
    "LoadedVersion",
    "RegisterShelf",
    "Standing",
    "State",
    "Version",
    "VersionInForce",
    "ensure_registers",
    "in_force",
    "load_register",
    "standing",
    "state_of",
    "valid_until",
    "versions",
]

MAX_SHRINK_SHARE = 0.10
"""Policy: by how large a share a register may shrink between two versions before the newer one is refused."""

REASON_LENGTH = 500


class LoadWarning(StrEnum):
    """What the loader of a version ought to know although it was taken."""

    STALE = "stale"
    SAME_CONTENTS = "same_contents"
    SHRUNKEN = "shrunken"
    REJECTED_LINES = "rejected_lines"
    FOREIGN_NUMBERS = "foreign_numbers"


_ACCEPTED_BECAUSE = {
    LoadWarning.SHRUNKEN: "accepted_shrunken_because",
    LoadWarning.REJECTED_LINES: "accepted_unreadable_because",
}


@dataclass(frozen=True, slots=True)
class LoadedVersion:
    """The outcome of a load: the version now in force.

    ``already_loaded``: the same file with the same date was in force before, and nothing was changed.
    ``rejected`` counts unreadable lines by fault; ``first_rejected`` are line numbers and faults.
    """

    register: str
    version_id: str
    as_of: date
    count: int
    valid_until: datetime | None
    state: State
    already_loaded: bool
    count_before: int | None
    duplicates: int
    rejected_lines: int
    rejected: Mapping[str, int]
    first_rejected: tuple[tuple[int, str], ...]
    warnings: tuple[LoadWarning, ...]
    snapshot_sha256: str
    file_sha256: str


def load_register(
    store: Store,
    registers_dir: Path,
    caller: Caller,
    *,
    name: str = "nix",
    path: Path,
    as_of: date | None,
    file_name: str,
    now: datetime,
    accept_shrunken_reason: str | None = None,
    accept_unreadable_reason: str | None = None,
) -> LoadedVersion:
    """Put the register file at ``path`` in force, and return what is in force now.

    ``as_of`` is the day that the contents are from, by the register's local date: the version's validity runs from it.
    A version already past its validity is taken but stands as stale. Two reasons are kept on record:
    ``accept_shrunken_reason`` is why a register that shrank more than ``MAX_SHRINK_SHARE`` is right, and
    ``accept_unreadable_reason`` why lines that cannot be read (at most 1 %) may be left out; without it, one refuses
    the file. Atomic, and idempotent: the same file with the same date again changes nothing (it restores a snapshot
    that was lost). Opens its own unit of work, in the end.

    Raises:
        Forbidden: the caller may not load registers, or acts for one seller only.
        ServiceError: one of ``dnc.registers.errors``; the version in force stays in force.
    """
    caller.require(Right.LOAD_REGISTERS)
    if caller.seller_id is not None:
        raise Forbidden("a register speaks for every seller: who acts for one may not replace it")
    if accept_shrunken_reason is not None and not accept_shrunken_reason.strip():
        raise InvalidInput("say why the shrunken register is right")
    if accept_unreadable_reason is not None and not accept_unreadable_reason.strip():
        raise InvalidInput("say why the lines that cannot be read may be left out")
    with store.writing() as session:
        ensure_registers(session)
    with store.reading() as session:
        country = country_of(session, name)
        before = in_force(session, name)
    as_of = _require_date(country, as_of, now)
    same = _if_same(before, file_sha256(path), as_of)
    if same is not None and _is_whole(registers_dir, same):
        return _already_loaded(same, now)
    _require_newer(before, as_of)
    read = read_register_file(path, country=country, accept_unreadable=accept_unreadable_reason is not None)
    _require_size(before, len(read.numbers), accept_shrunken_reason)
    sweep_unfinished(registers_dir)
    snapshot = write_snapshot(registers_dir, read.numbers)
    with store.writing() as session:
        lock_key(session, REGISTER_LOCK)
        before = in_force(session, name)  # again: another load may have been faster
        same = _if_same(before, read.sha256, as_of)
        if same is not None and same.snapshot_sha256 == snapshot.sha256:
            return _already_loaded(same, now)
        _require_newer(before, as_of)
        warnings = _warnings(before, read, as_of=as_of, country=country, now=now)
        if _require_size(before, len(snapshot), accept_shrunken_reason):
            warnings = (*warnings, LoadWarning.SHRUNKEN)
        version = RegisterVersion(
            id=new_id(),
            register=name,
            as_of=as_of,
            count=len(snapshot),
            snapshot_sha256=snapshot.sha256,
            file_name=_shown_name(file_name),
            file_sha256=read.sha256,
            rejected_lines=sum(read.rejected.values()),
            loaded_at=now,
            loaded_by=caller.actor,
        )
        session.add(version)
        session.flush()
        session.execute(update(Register).where(Register.name == name).values(version_id=version.id))
        reasons = {
            LoadWarning.SHRUNKEN: accept_shrunken_reason,
            LoadWarning.REJECTED_LINES: accept_unreadable_reason,
        }
        put_on_record(session, _event(version, before, warnings, caller, reasons))
    return LoadedVersion(
        register=name,
        version_id=version.id,
        as_of=as_of,
        count=version.count,
        valid_until=valid_until(country, as_of, now),
        state=state_of(country, as_of, now),
        already_loaded=False,
        count_before=before.count if before else None,
        duplicates=read.duplicates,
        rejected_lines=version.rejected_lines,
        rejected={fault.value: count for fault, count in sorted(read.rejected.items())},
        first_rejected=tuple((line, fault.value) for line, fault in read.first_rejected),
        warnings=warnings,
        snapshot_sha256=snapshot.sha256,
        file_sha256=read.sha256,
    )


def _require_date(country: str, as_of: date | None, now: datetime) -> date:
    """Return the date, which must be there and have come where the register is kept."""
    if as_of is None:
        raise RegisterDateMissing("say which day the contents are from")
    policy = policy_for(country, now)
    if as_of > now.astimezone(policy.zone if policy else UTC).date():
        raise RegisterDateInFuture("the contents cannot be from a day that has not come")
    return as_of


def _require_newer(before: VersionInForce | None, as_of: date) -> None:
    if before is not None and as_of < before.as_of:
        raise RegisterOlder(f"the version in force is from {before.as_of}", extra={"in_force_as_of": str(before.as_of)})


def _require_size(before: VersionInForce | None, count: int, accepted: str | None) -> bool:
    """Return whether the register shrank by more than is believed, which somebody must then have accepted."""
    if before is None or count >= before.count * (1 - MAX_SHRINK_SHARE):
        return False
    if accepted is None:
        raise RegisterShrunken(
            f"it holds {count} numbers and the version in force {before.count}; if that is right, say why",
            extra={"count": count, "in_force_count": before.count},
        )
    return True


def _if_same(before: VersionInForce | None, sha256: str, as_of: date) -> VersionInForce | None:
    """Return the version in force if it was made from this very file, with this date."""
    return before if before is not None and (before.file_sha256, before.as_of) == (sha256, as_of) else None


def _is_whole(registers_dir: Path, version: VersionInForce) -> bool:
    try:
        read_snapshot(registers_dir, version.snapshot_sha256)
    except SnapshotUnreadable:
        return False
    return True


def _warnings(
    before: VersionInForce | None, read: RegisterFile, *, as_of: date, country: str, now: datetime
) -> tuple[LoadWarning, ...]:
    found = {
        LoadWarning.STALE: state_of(country, as_of, now) is State.STALE,
        LoadWarning.SAME_CONTENTS: before is not None and before.file_sha256 == read.sha256,
        LoadWarning.REJECTED_LINES: bool(read.rejected),
        LoadWarning.FOREIGN_NUMBERS: bool(read.foreign),
    }
    return tuple(warning for warning, holds in found.items() if holds)


def _event(
    version: RegisterVersion,
    before: VersionInForce | None,
    warnings: tuple[LoadWarning, ...],
    caller: Caller,
    accepted: Mapping[LoadWarning, str | None],
) -> Event:
    payload = {
        "register": version.register,
        "version_id": version.id,
        "as_of": version.as_of.isoformat(),
        "count": version.count,
        "snapshot_sha256": version.snapshot_sha256,
        "file_sha256": version.file_sha256,
        "file_name": version.file_name,
        "rejected_lines": version.rejected_lines,
        "version_before": before.version_id if before else None,
        "count_before": before.count if before else None,
        "warnings": [warning.value for warning in warnings],
    }
    for warning, name in _ACCEPTED_BECAUSE.items():
        reason = accepted[warning]
        if warning in warnings and reason is not None:
            payload[name] = reason.strip()[:REASON_LENGTH]
    return Event("register.loaded", version.register, caller.actor, None, payload)


def _already_loaded(version: VersionInForce, now: datetime) -> LoadedVersion:
    return LoadedVersion(
        register=version.register,
        version_id=version.version_id,
        as_of=version.as_of,
        count=version.count,
        valid_until=valid_until(version.country, version.as_of, now),
        state=state_of(version.country, version.as_of, now),
        already_loaded=True,
        count_before=version.count,
        duplicates=0,
        rejected_lines=0,
        rejected={},
        first_rejected=(),
        warnings=(),
        snapshot_sha256=version.snapshot_sha256,
        file_sha256=version.file_sha256,
    )


def _shown_name(file_name: str) -> str:
    """Return the file's name as it is kept: no folders and no control characters."""
    name = "".join(sign for sign in Path(file_name).name if sign.isprintable())
    return name[:255] or "unnamed"
