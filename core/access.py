"""Who may do what: roles, rights, API keys for machines and users for people."""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from sqlalchemy import BindParameter, ForeignKey, String, bindparam, select
from sqlalchemy.orm import Mapped, Session, mapped_column
from sqlalchemy.sql import Select

from core.database import Base, any_of
from core.errors import Forbidden, InvalidInput, NotFound
from core.ids import new_id
from core.ledger import Event, put_on_record
from core.naming import check_name, insert_named
from core.prepared import Prepared
from core.standing import standing

KEY_PREFIX = "rk_"
Rows = Callable[[Prepared, dict[str, object]], list[tuple[Any, ...]]]
CALLER_NAME_LENGTH = 100
PASSWORD_LENGTH, LONGEST_PASSWORD = 12, 1_000
KEYS: BindParameter[Any] = bindparam("keys")
"""The ids of keys asked about; its value comes from ``core.database.any_of_value``."""


class Role(StrEnum):
    """The roles a key or a user may hold; each holds exactly one."""

    DIALER = "dialer"
    SALES = "sales"
    CUSTOMER_SERVICE = "customer_service"
    LEAD_MANAGER = "lead_manager"
    COMPLIANCE = "compliance"
    ADMIN = "admin"


class Right(StrEnum):
    """What can be allowed. A role has a right or not; there is nothing between."""

    CHECK = "check"
    SIMULATE = "simulate"
    READ_CHECKS = "read_checks"
    READ_CAMPAIGNS = "read_campaigns"
    SCREEN = "screen"
    SCREEN_LEADS = "screen_leads"
    LOG_CONTACTS = "log_contacts"
    READ_CHANGES = "read_changes"
    LOOK_UP = "look_up"
    LOOK_UP_SCREENINGS = "look_up_screenings"
    REPORT_OBJECTION = "report_objection"
    ADD_OPT_OUT = "add_opt_out"
    RELEASE_OPT_OUT = "release_opt_out"
    CLOSE_HOLD = "close_hold"
    RESTRICT = "restrict"
    RECORD_GROUNDS = "record_grounds"
    READ_REGISTERS = "read_registers"
    LOAD_REGISTERS = "load_registers"
    LOAD_LEADS = "load_leads"
    TAKE_ORIGINALS = "take_originals"
    PAUSE_SOURCES = "pause_sources"
    QUARANTINE = "quarantine"
    READ_LEAGUE = "read_league"
    RECORD_COMPLAINTS = "record_complaints"
    WALK_BACK = "walk_back"
    SEE_OTHER_NUMBERS = "see_other_numbers"
    READ_ARRIVALS = "read_arrivals"
    EXPORT_LEADS = "export_leads"
    READ_EXPORTS = "read_exports"
    REPORT_CANARIES = "report_canaries"
    READ_CANARIES = "read_canaries"
    READ_AUDITS = "read_audits"
    REPLAY = "replay"
    READ_SELLER_RULES = "read_seller_rules"
    SET_SELLER_RULES = "set_seller_rules"
    COMPARE_REGISTERS = "compare_registers"
    REMATCH_CONTACTS = "rematch_contacts"
    MATCH_CALLS = "match_calls"


_EVERYONE = frozenset(Role)
RIGHTS: dict[Right, frozenset[Role]] = {
    Right.CHECK: frozenset({Role.DIALER, Role.SALES}),
    Right.SIMULATE: _EVERYONE - {Role.ADMIN},
    Right.READ_CHECKS: frozenset({Role.DIALER, Role.SALES, Role.CUSTOMER_SERVICE, Role.COMPLIANCE}),
    Right.READ_CAMPAIGNS: _EVERYONE - {Role.ADMIN},  # whoever may name one in a question
    Right.SCREEN: frozenset({Role.DIALER, Role.LEAD_MANAGER, Role.COMPLIANCE}),
    # It lists every number that a seller has a lead on: a dialer is given numbers by an export, which is on record.
    Right.SCREEN_LEADS: frozenset({Role.LEAD_MANAGER, Role.COMPLIANCE}),
    Right.LOG_CONTACTS: frozenset({Role.DIALER, Role.SALES}),
    Right.READ_CHANGES: frozenset({Role.DIALER, Role.COMPLIANCE}),
    Right.LOOK_UP: frozenset({Role.SALES, Role.CUSTOMER_SERVICE, Role.COMPLIANCE}),
    # The name of a screened file may tell who sold a list: for those who see a number's full origin.
    Right.LOOK_UP_SCREENINGS: frozenset({Role.CUSTOMER_SERVICE, Role.COMPLIANCE}),
    Right.REPORT_OBJECTION: frozenset({Role.SALES, Role.CUSTOMER_SERVICE}),
    Right.ADD_OPT_OUT: frozenset({Role.CUSTOMER_SERVICE}),
    Right.RELEASE_OPT_OUT: frozenset({Role.CUSTOMER_SERVICE, Role.COMPLIANCE}),
    Right.CLOSE_HOLD: frozenset({Role.CUSTOMER_SERVICE, Role.COMPLIANCE}),
    Right.RESTRICT: frozenset({Role.CUSTOMER_SERVICE, Role.COMPLIANCE}),
    Right.RECORD_GROUNDS: frozenset({Role.CUSTOMER_SERVICE, Role.LEAD_MANAGER}),
    Right.READ_REGISTERS: _EVERYONE,
    Right.LOAD_REGISTERS: frozenset({Role.COMPLIANCE}),
    Right.LOAD_LEADS: frozenset({Role.LEAD_MANAGER}),
    # All that a supplier sent of everybody, personal identity numbers too: more than who loads files is shown of them.
    Right.TAKE_ORIGINALS: frozenset({Role.COMPLIANCE}),
    Right.PAUSE_SOURCES: frozenset({Role.LEAD_MANAGER, Role.COMPLIANCE}),
    Right.QUARANTINE: frozenset({Role.COMPLIANCE}),
    Right.READ_LEAGUE: frozenset({Role.LEAD_MANAGER, Role.COMPLIANCE}),
    Right.RECORD_COMPLAINTS: frozenset({Role.CUSTOMER_SERVICE, Role.COMPLIANCE}),
    # A lead manager sees files and sources, but not who was called and what came of it.
    Right.WALK_BACK: frozenset({Role.CUSTOMER_SERVICE, Role.COMPLIANCE}),
    Right.SEE_OTHER_NUMBERS: frozenset({Role.COMPLIANCE}),
    Right.READ_ARRIVALS: frozenset({Role.LEAD_MANAGER, Role.COMPLIANCE}),
    Right.EXPORT_LEADS: frozenset({Role.LEAD_MANAGER}),
    Right.READ_EXPORTS: frozenset({Role.LEAD_MANAGER, Role.COMPLIANCE}),
    Right.REPORT_CANARIES: frozenset({Role.CUSTOMER_SERVICE, Role.COMPLIANCE}),
    # Who makes exports does not see which canaries are in them, nor where they were seen.
    Right.READ_CANARIES: frozenset({Role.COMPLIANCE}),
    Right.READ_AUDITS: frozenset({Role.COMPLIANCE}),
    Right.REPLAY: frozenset({Role.COMPLIANCE}),
    Right.READ_SELLER_RULES: frozenset({Role.LEAD_MANAGER, Role.COMPLIANCE}),
    Right.SET_SELLER_RULES: frozenset({Role.COMPLIANCE}),
    Right.COMPARE_REGISTERS: frozenset({Role.LEAD_MANAGER, Role.COMPLIANCE}),
    Right.REMATCH_CONTACTS: frozenset({Role.COMPLIANCE}),
    Right.MATCH_CALLS: frozenset({Role.COMPLIANCE}),
}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a key, a user, or the operator at the machine (``role`` None, every right).

    ``seller_id`` None means every seller. ``actor`` is how the ledger names the caller.
    ``is_remembered``: a key's caller as it was read before. Whoever answers one must read with the rest
    (``keys_standing``) that the key still stands, and refuse it otherwise.
    """

    id: str
    name: str
    kind: str
    role: Role | None
    seller_id: str | None
    is_remembered: bool = False

    @property
    def actor(self) -> str:
        """The caller in the ledger: kind, colon, id."""
        return f"{self.kind}:{self.id}"

    def may(self, right: Right) -> bool:
        """Return whether the caller has the right."""
        return self.role is None or self.role in RIGHTS[right]

    def require(self, right: Right) -> None:
        """Do nothing if the caller has the right.

        Raises:
            Forbidden: it has not.
        """
        if not self.may(right):
            raise Forbidden(f"the role {self.role} does not have the right to {right.replace('_', ' ')}")


def operator(name: str) -> Caller:
    """Return the caller for someone at the machine's own command line, or for the service's own jobs."""
    return Caller(id=name, name=name, kind="operator", role=None, seller_id=None)


class ApiKey(Base):
    """A machine's key; only its SHA-256 is kept (256 random bits need no slow hash)."""

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    name: Mapped[str] = mapped_column(String(CALLER_NAME_LENGTH), unique=True)
    role: Mapped[str] = mapped_column(String(20))
    seller_id: Mapped[str | None] = mapped_column(ForeignKey("sellers.id"))
    key_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class User(Base):
    """A person who signs in to the console."""

    __tablename__ = "users"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    name: Mapped[str] = mapped_column(String(CALLER_NAME_LENGTH), unique=True)
    role: Mapped[str] = mapped_column(String(20))
    seller_id: Mapped[str | None] = mapped_column(ForeignKey("sellers.id"))
    password_hash: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[datetime | None]


class WebSession(Base):
    """A signed-in browser: the cookie holds a random token, this row its SHA-256."""

    __tablename__ = "web_sessions"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]


def secret_hash(secret: str) -> str:
    """Return the SHA-256 of a random secret, in hex; not for passwords."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def create_key(session: Session, caller: Caller, *, name: str, role: Role, seller_id: str | None, now: datetime) -> str:
    """Return a new API key in clear, the only time it can be read.

    Raises:
        InvalidInput: the name is empty or too long, or a dialer's key names no seller.
        AlreadyExists: the name is taken.
    """
    called = check_name(name, "a key", CALLER_NAME_LENGTH)
    if role is Role.DIALER and seller_id is None:
        raise InvalidInput("a dialer's key belongs to one seller: name it")
    secret = KEY_PREFIX + secrets.token_urlsafe(32)
    key = ApiKey(
        id=new_id(),
        name=called,
        role=role.value,
        seller_id=seller_id,
        key_hash=secret_hash(secret),
        created_at=now,
    )
    insert_named(session, key, "a key of that name exists already")
    put_on_record(
        session, Event("key.created", key.id, caller.actor, seller_id, {"name": key.name, "role": role.value})
    )
    return secret


def revoke_key(session: Session, caller: Caller, *, name: str, now: datetime) -> None:
    """Make a key worthless from the commit on. Idempotent.

    Raises:
        NotFound: there is no key of that name.
    """
    key = session.scalar(select(ApiKey).where(ApiKey.name == name))
    if key is None:
        raise NotFound("there is no key of that name")
    if key.revoked_at is None:
        key.revoked_at = now
        put_on_record(session, Event("key.revoked", key.id, caller.actor, key.seller_id, {"name": key.name}))


_KEY = Prepared(
    select(ApiKey.id, ApiKey.name, ApiKey.role, ApiKey.seller_id).where(
        ApiKey.key_hash == bindparam("key_hash"), ApiKey.revoked_at.is_(None)
    )
)


def caller_with_key(rows: Rows, secret: str) -> Caller | None:
    """Return whose key this is, or None if it is nobody's or was revoked. Served by uq_api_keys_key_hash.

    ``rows`` runs the read: ``Store.rows``.
    """
    found = rows(_KEY, {"key_hash": secret_hash(secret)})
    if not found:
        return None
    id_, name, role, seller_id = found[0]
    return Caller(id=id_, name=name, kind="key", role=Role(role), seller_id=seller_id)


def keys_standing() -> Select[Any]:
    """Return the keys named by ``KEYS`` that are not revoked: a name, b role. By pk_api_keys."""
    return standing("key", id=ApiKey.id, seller_id=ApiKey.seller_id, a=ApiKey.name, b=ApiKey.role).where(
        any_of(ApiKey.id, KEYS), ApiKey.revoked_at.is_(None)
    )


def remembered(id_: str, name: str, role: str, seller_id: str | None) -> Caller:
    """Return the caller of a key with these columns, as one that is to be confirmed."""
    return Caller(id=id_, name=name, kind="key", role=Role(role), seller_id=seller_id, is_remembered=True)


_passwords = PasswordHasher()


def create_user(
    session: Session, caller: Caller, *, name: str, role: Role, password: str, seller_id: str | None, now: datetime
) -> User:
    """Return the new user.

    Raises:
        InvalidInput: the name is empty or too long, the password shorter than 12 characters or one that a form cannot
            send, or the role a machine's.
        AlreadyExists: the name is taken.
    """
    called = check_name(name, "a user", CALLER_NAME_LENGTH)
    if role is Role.DIALER:
        raise InvalidInput("a dialer is a machine: give it a key")
    if len(password) < PASSWORD_LENGTH:
        raise InvalidInput(f"a password has at least {PASSWORD_LENGTH} characters")
    if len(password) > LONGEST_PASSWORD or any("\ud800" <= letter <= "\udfff" for letter in password):
        raise InvalidInput(f"a password has at most {LONGEST_PASSWORD} characters, in UTF-8")
    user = User(
        id=new_id(),
        name=called,
        role=role.value,
        seller_id=seller_id,
        password_hash=_passwords.hash(password),
        created_at=now,
        failures=0,
    )
    insert_named(session, user, "a user of that name exists already")
    put_on_record(
        session, Event("user.created", user.id, caller.actor, seller_id, {"name": user.name, "role": role.value})
    )
    return user


def disable_user(session: Session, caller: Caller, *, name: str, now: datetime) -> None:
    """Shut a user out from the commit on, also where already signed in. Idempotent.

    Raises:
        NotFound: there is no user of that name.
    """
    user = session.scalar(select(User).where(User.name == name))
    if user is None:
        raise NotFound("there is no user of that name")
    if user.disabled_at is None:
        user.disabled_at = now
        put_on_record(session, Event("user.disabled", user.id, caller.actor, user.seller_id, {"name": user.name}))


def password_fits(user: User | None, password: str) -> bool:
    """Return whether the password is the user's; as slow for a user that does not exist as for one that does."""
    stored = user.password_hash if user is not None else _nobodys_hash()
    try:
        _passwords.verify(stored, password)
    except (Argon2Error, InvalidHashError):
        return False
    return user is not None


@cache
def _nobodys_hash() -> str:
    """Return the hash of a password that nobody has."""
    return _passwords.hash(secrets.token_urlsafe(32))
