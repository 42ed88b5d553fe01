"""Registers: how a delivered file becomes the version in force.

The file is read and written as a snapshot outside any transaction; replacing ``registers.version_id`` is the whole
swap. Whatever is refused, fails or is killed on the way leaves the version in force as it was.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from core.access import Caller, Right
from core.database import lock_key
from core.errors import Forbidden, InvalidInput
from core.ids import new_id
from core.ledger import Event, put_on_record
from core.store import Store
from dnc.models import Register, RegisterVersion
from dnc.policies.catalogue import policy_for
from dnc.registers.deltas import applied, base_of
from dnc.registers.errors import (
    RegisterBaseOther,
    RegisterDateInFuture,
    RegisterDateMissing,
    RegisterLinesOther,
    RegisterOlder,
    RegisterShrunken,
)
from dnc.registers.files import RegisterFile, file_sha256, read_register_file, require_kind
from dnc.registers.layouts import FileKind, Key, Layout, layout_text
from dnc.registers.outcomes import Changed, LoadedVersion, LoadWarning, already_loaded, warnings_of
from dnc.registers.saved_layouts import layout_given, layout_of
from dnc.registers.snapshots import SnapshotUnreadable, read_snapshot, sweep_unfinished, write_snapshot
from dnc.registers.standing import (
    REGISTER_LOCK,
    VersionInForce,
    ensure_registers,
    in_force,
    state_of,
    valid_until,
)

MAX_SHRINK_SHARE = 0.10
"""Policy: by how large a share a register may shrink between two versions before the newer one is refused."""

REASON_LENGTH = 500
_ACCEPTED_BECAUSE = {
    LoadWarning.SHRUNKEN: "accepted_shrunken_because",
    LoadWarning.REJECTED_LINES: "accepted_unreadable_because",
}


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
    kind: FileKind = FileKind.FULL,
    base_as_of: date | None = None,
    layout_json: str | None = None,
    expect_lines: int | None = None,
    accept_shrunken_reason: str | None = None,
    accept_unreadable_reason: str | None = None,
) -> LoadedVersion:
    """Put the register file at ``path`` in force, and return what is in force now.

    ``as_of`` is the day that the contents are from, by the register's local date: the version's validity runs from it.
    A version already past its validity is taken but stands as stale. A change list (``kind``) is applied to the version
    in force, which must be of ``base_as_of`` if that is given. ``layout_json`` describes this file alone; without it,
    it is read by the register's layout. ``expect_lines`` is how many lines should hold a number, as
    ``LoadedVersion.lines`` counts them: a file cut off between two lines is refused by it alone. Two reasons are kept
    on record: ``accept_shrunken_reason`` is why a register that shrank more than ``MAX_SHRINK_SHARE`` is right, and
    ``accept_unreadable_reason`` why lines that cannot be read (at most 1 %) may be left out; without it, one refuses
    the file. Atomic, and idempotent: the same file with the same date again changes nothing (it restores a snapshot
    that was lost). Opens its own unit of work, in the end.

    Raises:
        Forbidden: the caller may not load registers, or acts for one seller only.
        ServiceError: one of ``dnc.registers.errors``; the version in force stays in force.
    """
    _require_right(caller)
    _require_words(accept_shrunken_reason, "why the shrunken register is right")
    _require_words(accept_unreadable_reason, "why the lines that cannot be read may be left out")
    if base_as_of is not None and kind is not FileKind.CHANGES:
        raise InvalidInput("only a change list has a version that it changes")
    with store.writing() as session:
        ensure_registers(session, [name])
    with store.reading() as session:
        layout = layout_of(session, name)
        before = in_force(session, name)
    layout = layout_given(layout, layout_json)
    as_of = _require_date(layout, as_of, now)
    delivery = _Delivery(kind, as_of, layout_text(layout))
    same = delivery.if_same(before, file_sha256(path))
    if same is not None and expect_lines is None and _is_whole(registers_dir, same):
        return already_loaded(same, layout, now)
    _require_newer(before, as_of)
    base = None
    if kind is FileKind.CHANGES:
        require_kind(layout, kind)
        with store.reading() as session:
            base = base_of(session, _version_changed(same, before), base_as_of)
    read = read_register_file(path, layout, kind=kind, accept_unreadable=accept_unreadable_reason is not None)
    if expect_lines is not None and read.lines != expect_lines:
        raise RegisterLinesOther(
            f"{read.lines} of its lines should hold a number, and {expect_lines} were expected",
            extra={"lines": read.lines, "expected_lines": expect_lines},
        )
    if read.last_change is not None and read.last_change > _today(layout, now):
        raise RegisterDateInFuture(f"a change in it is dated {read.last_change}; mend that date")
    numbers, covered, changed = read.numbers, None, None
    if base is not None:
        numbers, covered, changed = applied(registers_dir, base, read, base_as_of)
    is_wash = layout.key is Key.WASH
    if not is_wash:
        _require_size(before, len(numbers), accept_shrunken_reason)
    sweep_unfinished(registers_dir)
    covered = covered if read.covered is None else write_snapshot(registers_dir, read.covered)
    snapshot = write_snapshot(registers_dir, numbers, covered=covered)
    with store.writing() as session:
        lock_key(session, REGISTER_LOCK)
        before = in_force(session, name)  # again: another load may have been faster
        same = delivery.if_same(before, read.sha256)
        if same is not None and same.snapshot_sha256 == snapshot.sha256:
            return already_loaded(same, layout, now)
        _require_newer(before, as_of)
        if base is not None and (before is None or before.version_id != base.version_id):
            raise RegisterBaseOther("another version was put in force while the changes were read; try again")
        warnings = warnings_of(before, read, layout, as_of=as_of, now=now)
        if not is_wash and _require_size(before, len(snapshot), accept_shrunken_reason):
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
            loaded_at=_swapped_at(session, name, store.clock.now()),
            loaded_by=caller.actor,
            kind=kind.value,
            base_version_id=base.version_id if base else None,
            layout=delivery.layout,
            covered=None if covered is None else len(covered),
        )
        session.add(version)
        session.flush()
        session.execute(update(Register).where(Register.name == name).values(version_id=version.id))
        reasons = {
            LoadWarning.SHRUNKEN: accept_shrunken_reason,
            LoadWarning.REJECTED_LINES: accept_unreadable_reason,
        }
        put_on_record(session, _event(version, before, read, changed, warnings, caller, reasons))
    return LoadedVersion(
        register=name,
        version_id=version.id,
        as_of=as_of,
        count=version.count,
        valid_until=valid_until(layout.country, as_of, now, layout),
        state=state_of(layout.country, as_of, now, layout),
        already_loaded=False,
        count_before=before.count if before else None,
        kind=kind,
        lines=read.lines,
        duplicates=read.duplicates,
        rejected_lines=version.rejected_lines,
        rejected={fault.value: count for fault, count in sorted(read.rejected.items())},
        first_rejected=tuple((line, fault.value) for line, fault in read.first_rejected),
        covered=version.covered,
        changed=changed,
        warnings=warnings,
        snapshot_sha256=snapshot.sha256,
    )


def _require_right(caller: Caller) -> None:
    caller.require(Right.LOAD_REGISTERS)
    if caller.seller_id is not None:
        raise Forbidden("a register speaks for every seller: who acts for one may not replace it")


def _require_date(layout: Layout, as_of: date | None, now: datetime) -> date:
    """Return the date, which must be there and have come where the register is kept."""
    if as_of is None:
        raise RegisterDateMissing("say which day the contents are from")
    if as_of > _today(layout, now):
        raise RegisterDateInFuture("the contents cannot be from a day that has not come")
    return as_of


def _today(layout: Layout, now: datetime) -> date:
    """Return the day where the register is kept."""
    policy = policy_for(layout.country, now)
    return now.astimezone(policy.zone if policy else layout.time_zone).date()


def _require_newer(before: VersionInForce | None, as_of: date) -> None:
    if before is not None and as_of < before.as_of:
        raise RegisterOlder(f"the version in force is from {before.as_of}", extra={"in_force_as_of": str(before.as_of)})


def _require_words(reason: str | None, why: str) -> None:
    if reason is not None and not 1 <= len(reason.strip()) <= REASON_LENGTH:
        raise InvalidInput(f"say {why}, in 1 to {REASON_LENGTH} characters")


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


def _swapped_at(session: Session, name: str, now: datetime) -> datetime:
    """Return the moment of the swap: after the one before it, though another node's clock may have dated that ahead.

    What was in force at a moment is told by these times alone.
    """
    newest = session.scalar(select(func.max(RegisterVersion.loaded_at)).where(RegisterVersion.register == name))
    return now if newest is None or now >= newest else newest + timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class _Delivery:
    """What makes two deliveries of one file the same."""

    kind: FileKind
    as_of: date
    layout: str

    def if_same(self, before: VersionInForce | None, sha256: str) -> VersionInForce | None:
        """Return the version in force if it was made from this very file, of this kind, date and layout."""
        if before is None or (before.file_sha256, before.as_of, before.kind) != (sha256, self.as_of, self.kind.value):
            return None
        return before if before.layout in (None, self.layout) else None


def _version_changed(same: VersionInForce | None, before: VersionInForce | None) -> str | None:
    """Return the version that a change list is for: the one in force, or that which it was applied to already."""
    if same is not None:
        return same.base_version_id
    return None if before is None else before.version_id


def _is_whole(registers_dir: Path, version: VersionInForce) -> bool:
    try:
        snapshot = read_snapshot(registers_dir, version.snapshot_sha256)
        snapshot.verify()
        if snapshot.coverage is not None:
            read_snapshot(registers_dir, snapshot.coverage).verify()
    except SnapshotUnreadable:
        return False
    return True


def _event(
    version: RegisterVersion,
    before: VersionInForce | None,
    read: RegisterFile,
    changed: Changed | None,
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
        "lines": read.lines,
        "duplicates": read.duplicates,
        "rejected_lines": version.rejected_lines,
        "version_before": before.version_id if before else None,
        "count_before": before.count if before else None,
        "kind": version.kind,
        "base_version": version.base_version_id,
        "layout": json.loads(version.layout or "null"),
        "covered": version.covered,
        "warnings": [warning.value for warning in warnings],
    }
    if changed is not None:
        payload["changed"] = asdict(changed)
    for warning, name in _ACCEPTED_BECAUSE.items():
        reason = accepted[warning]
        if warning in warnings and reason is not None:
            payload[name] = reason.strip()
    return Event("register.loaded", version.register, caller.actor, None, payload)


def _shown_name(file_name: str) -> str:
    """Return the file's name as it is kept: no folders and no control characters."""
    name = "".join(sign for sign in Path(file_name).name if sign.isprintable())
    return name[:255] or "unnamed"
