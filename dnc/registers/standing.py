"""Registers: which version of each is in force, how long it may be asked, and which there have been."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.database import lock_key
from dnc.calendar import MIDNIGHT, local_instant, register_ends, validity_ends
from dnc.models import Register, RegisterVersion
from dnc.policies.catalogue import POLICIES, policy_for
from dnc.policies.terms import Validity
from dnc.registers.errors import UnknownRegister
from dnc.registers.layouts import SHIPPED, Layout, generic, layout_from

AGEING = timedelta(days=14)
"""How long before its end a version is said to be ageing; at most the last third of its time."""

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
    kind: str
    base_version_id: str | None
    layout: str | None
    covered: int | None


@dataclass(frozen=True, slots=True)
class Standing:
    """How a register stands at one moment; ``valid_until`` is the instant from which it can no longer be asked.

    ``validity``: how long a version may be gone by, None where neither a policy nor the register's layout says so.
    ``covered``: how many numbers it speaks of, None where that is every one.
    """

    register: str
    country: str
    version_id: str | None
    as_of: date | None
    count: int | None
    loaded_at: datetime | None
    valid_until: datetime | None
    state: State
    validity: Validity | None
    covered: int | None


@dataclass(frozen=True, slots=True)
class Version:
    """One dated copy of a register that was loaded, in force or not; ``loaded_by`` is an actor as in the ledger."""

    id: str
    register: str
    as_of: date
    count: int
    file_name: str
    rejected_lines: int
    loaded_at: datetime
    loaded_by: str
    kind: str
    covered: int | None


def known_registers() -> dict[str, str]:
    """Return the country of each register that a policy asks, or that a layout comes with the service for, by name.

    There is one for each country, whose policy names it; where there is no policy it is named as its layout.
    """
    by_policy = {policy.register: policy.country for policy in POLICIES}
    asked = set(by_policy.values())
    return by_policy | {layout.name: country for country, layout in SHIPPED.items() if country not in asked}


def ensure_registers(session: Session, names: Iterable[str] = ()) -> None:
    """See that the registers have their rows: these, or else every one that a policy asks.

    Names that are not known are left out. Idempotent; two that do it at once do it one by one.
    """
    names = set(names) or {policy.register for policy in POLICIES}
    wanted = {name: country for name, country in known_registers().items() if name in names}
    known = set(session.scalars(select(Register.name)))
    if wanted.keys() <= known:
        return
    lock_key(session, REGISTER_LOCK)
    known = set(session.scalars(select(Register.name)))
    session.add_all(
        Register(name=name, country=country, version_id=None) for name, country in wanted.items() if name not in known
    )
    session.flush()


def validity_of(country: str, now: datetime, layout: Layout | None = None) -> Validity | None:
    """Return how long a version may be gone by: by the policy at ``now``, or else by the register's layout."""
    policy = policy_for(country, now)
    if policy is not None:
        return policy.register_validity
    layout = layout or SHIPPED.get(country)
    return None if layout is None else layout.validity


def validity_text(validity: Validity | None) -> str | None:
    """Return how long a version may be gone by in words, None where nothing says it."""
    if validity is None or validity == Validity():
        return None
    counts = ((validity.months, "month"), (validity.days, "day"))
    parts = [f"{count} {unit}" + ("s" if count != 1 else "") for count, unit in counts if count is not None]
    return ", ".join([*parts, "the month of its date"] if validity.same_month else parts)


def valid_until(country: str, as_of: date, now: datetime, layout: Layout | None = None) -> datetime | None:
    """Return the instant from which a version dated ``as_of`` can no longer be asked, by the policy at ``now``.

    It is a local midnight, the very one by which the decision goes. Where the country has no policy in force, it is
    counted by ``layout``, or else by the one that comes with the service; None when nothing says how long.
    """
    policy = policy_for(country, now)
    if policy is not None:
        return register_ends(as_of, policy)
    layout = layout or SHIPPED.get(country)
    if layout is None or layout.validity is None:
        return None
    return local_instant(validity_ends(as_of, layout.validity), MIDNIGHT, layout.time_zone)


def state_of(country: str, as_of: date, now: datetime, layout: Layout | None = None) -> State:
    """Return how a version with this date stands at ``now``: ok, ageing or stale."""
    ends = valid_until(country, as_of, now, layout)
    if ends is None or ends <= now:
        return State.STALE
    begins = local_instant(as_of, MIDNIGHT, ZoneInfo("UTC"))
    return State.AGEING if ends - min(AGEING, (ends - begins) / 3) <= now else State.OK


def of_concern(stands: Iterable[Standing]) -> list[Standing]:
    """Return the registers that somebody ought to see to: those loaded once that are stale, ageing or unreadable.

    One that was never loaded concerns nobody who does not call there; while none was, it is the first policy's.
    """
    stands = list(stands)
    if all(one.state is State.MISSING for one in stands):
        return [one for one in stands if one.register == POLICIES[0].register]
    return [one for one in stands if one.state not in (State.OK, State.MISSING)]


def country_of(session: Session, name: str) -> str:
    """Return the register's country (ISO 3166).

    Raises:
        UnknownRegister: there is no register of that name.
    """
    country = session.scalar(select(Register.country).where(Register.name == name)) or known_registers().get(name)
    if country is None:
        raise UnknownRegister("see the list of registers")
    return country


def in_force(session: Session, name: str) -> VersionInForce | None:
    """Return the version in force, or None if none was ever loaded.

    Raises:
        UnknownRegister: there is no register of that name.
    """
    country = country_of(session, name)
    version = session.scalar(
        select(RegisterVersion).join(Register, Register.version_id == RegisterVersion.id).where(Register.name == name)
    )
    if version is None:
        return None
    return VersionInForce(
        register=name,
        country=country,
        version_id=version.id,
        as_of=version.as_of,
        count=version.count,
        snapshot_sha256=version.snapshot_sha256,
        file_sha256=version.file_sha256,
        kind=version.kind,
        base_version_id=version.base_version_id,
        layout=version.layout,
        covered=version.covered,
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
    for name, country in known_registers().items():  # a register that nothing was ever loaded into may have no row
        if name not in found:
            register = Register(name=name, country=country, version_id=None, layout=None)
            found[name] = _standing(register, None, now, is_readable)
    return [found[name] for name in sorted(found)]


def _standing(
    register: Register, version: RegisterVersion | None, now: datetime, is_readable: Callable[[str], bool]
) -> Standing:
    layout = layout_stored(register)
    validity = validity_of(register.country, now, layout)
    if version is None:
        return Standing(register.name, register.country, None, None, None, None, None, State.MISSING, validity, None)
    return Standing(
        register=register.name,
        country=register.country,
        version_id=version.id,
        as_of=version.as_of,
        count=version.count,
        loaded_at=version.loaded_at,
        valid_until=valid_until(register.country, version.as_of, now, layout),
        state=state_of(register.country, version.as_of, now, layout)
        if is_readable(version.snapshot_sha256)
        else State.UNREADABLE,
        validity=validity,
        covered=version.covered,
    )


def layout_stored(register: Register) -> Layout | None:
    """Return the layout that was set for the register, None if none was."""
    if register.layout is None:
        return None
    return layout_from(register.layout, base=default_layout(register.country))


def default_layout(country: str) -> Layout:
    """Return the layout that comes with the service for the country's register.

    Raises:
        RegisterLayoutInvalid: no numbering plan is known for the country.
    """
    return SHIPPED.get(country) or generic(country)


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
            file_name=row.file_name,
            rejected_lines=row.rejected_lines,
            loaded_at=row.loaded_at,
            loaded_by=row.loaded_by,
            kind=row.kind,
            covered=row.covered,
        )
        for row in rows
    ]
