"""Registers: which version of each is in force, how long it may be asked, and which there have been."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.database import lock_key
from dnc.calendar import register_ends
from dnc.models import Register, RegisterVersion
from dnc.policy import POLICIES, policy_for
from dnc.registers.errors import UnknownRegister

AGEING = timedelta(days=14)
"""How long before its end a version is said to be ageing."""

REGISTER_LOCK = 0x52494E47_524547  # PostgreSQL advisory lock: versions are swapped one after the other


class State(StrEnum):
    """How a register stands. Only with ``ok`` and ``ageing`` can it be asked."""

    OK = "ok"
    AGEING = "ageing"
    STALE = "stale"
    MISSING = "missing"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class VersionInForce:
    """The version of a register by which numbers are checked now."""

    register: str
    country: str
    version_id: str
    as_of: date
    count: int
    snapshot_sha256: str
    file_sha256: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How a register stands at one moment; ``valid_until`` is the instant from which it can no longer be asked."""

    register: str
    country: str
    version_id: str | None
    as_of: date | None
    count: int | None
    loaded_at: datetime | None
    snapshot_sha256: str | None
    valid_until: datetime | None
    state: State


@dataclass(frozen=True, slots=True)
class Version:
    """One dated copy of a register that was loaded, in force or not; ``loaded_by`` is an actor as in the ledger."""

    id: str
    register: str
    as_of: date
    count: int
    snapshot_sha256: str
    file_name: str
    file_sha256: str
    rejected_lines: int
    loaded_at: datetime
    loaded_by: str


def ensure_registers(session: Session) -> None:
    """See that every register that a policy asks has its row. Idempotent; two that do it at once do it one by one."""
    wanted = {policy.register: policy.country for policy in POLICIES}
    known = set(session.scalars(select(Register.name)))
    if wanted.keys() <= known:
        return
    lock_key(session, REGISTER_LOCK)
    known = set(session.scalars(select(Register.name)))
    session.add_all(
        Register(name=name, country=country, version_id=None) for name, country in wanted.items() if name not in known
    )
    session.flush()


def valid_until(country: str, as_of: date, now: datetime) -> datetime | None:
    """Return the instant from which a version dated ``as_of`` can no longer be asked, by the policy at ``now``.

    It is a local midnight, the very one by which the decision goes. None when the country has no policy in force: then
    nothing says how long.
    """
    policy = policy_for(country, now)
    if policy is None:
        return None
    return register_ends(as_of, policy)


def state_of(country: str, as_of: date, now: datetime) -> State:
    """Return how a version with this date stands at ``now``: ok, ageing or stale."""
    ends = valid_until(country, as_of, now)
    if ends is None or ends <= now:
        return State.STALE
    return State.AGEING if ends - AGEING <= now else State.OK


def country_of(session: Session, name: str) -> str:
    """Return the register's country (ISO 3166).

    Raises:
        UnknownRegister: there is no register of that name.
    """
    country = session.scalar(select(Register.country).where(Register.name == name))
    if country is None:
        raise UnknownRegister("see the list of registers")
    return country


def in_force(session: Session, name: str) -> VersionInForce | None:
    """Return the version in force, or None if none was ever loaded.

    Raises:
        UnknownRegister: there is no register of that name.
    """
    register = session.scalar(select(Register).where(Register.name == name))
    if register is None:
        raise UnknownRegister("see the list of registers")
    version = session.scalar(select(RegisterVersion).where(RegisterVersion.id == register.version_id))
    if version is None:
        return None
    return VersionInForce(
        register=register.name,
        country=register.country,
        version_id=version.id,
        as_of=version.as_of,
        count=version.count,
        snapshot_sha256=version.snapshot_sha256,
        file_sha256=version.file_sha256,
    )


def standing(
    session: Session, now: datetime, *, is_readable: Callable[[str], bool] = lambda _sha256: True
) -> list[Standing]:
    """Return how each register stands at ``now``, by name.

    ``is_readable`` says of a snapshot's SHA-256 whether it can be read here (``RegisterShelf.is_readable``); a register
    whose snapshot cannot is ``unreadable`` whatever its age.
    """
    rows = session.execute(
        select(Register, RegisterVersion)
        .outerjoin(RegisterVersion, RegisterVersion.id == Register.version_id)
        .order_by(Register.name)
    ).all()
    found = {register.name: _standing(register, version, now, is_readable) for register, version in rows}
    for policy in POLICIES:  # a register that nothing was ever loaded into has no row yet
        if policy.register not in found:
            register = Register(name=policy.register, country=policy.country, version_id=None)
            found[policy.register] = _standing(register, None, now, is_readable)
    return [found[name] for name in sorted(found)]


def _standing(
    register: Register, version: RegisterVersion | None, now: datetime, is_readable: Callable[[str], bool]
) -> Standing:
    if version is None:
        return Standing(register.name, register.country, None, None, None, None, None, None, State.MISSING)
    return Standing(
        register=register.name,
        country=register.country,
        version_id=version.id,
        as_of=version.as_of,
        count=version.count,
        loaded_at=version.loaded_at,
        snapshot_sha256=version.snapshot_sha256,
        valid_until=valid_until(register.country, version.as_of, now),
        state=state_of(register.country, version.as_of, now)
        if is_readable(version.snapshot_sha256)
        else State.UNREADABLE,
    )


def versions(session: Session) -> list[Version]:
    """Return every version ever loaded, newest first."""
    rows = session.scalars(
        select(RegisterVersion).order_by(RegisterVersion.loaded_at.desc(), RegisterVersion.id.desc())
    )
    return [
        Version(
            id=row.id,
            register=row.register,
            as_of=row.as_of,
            count=row.count,
            snapshot_sha256=row.snapshot_sha256,
            file_name=row.file_name,
            file_sha256=row.file_sha256,
            rejected_lines=row.rejected_lines,
            loaded_at=row.loaded_at,
            loaded_by=row.loaded_by,
        )
        for row in rows
    ]
