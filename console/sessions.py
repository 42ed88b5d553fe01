"""Sign-in sessions: kept in the database, known to the browser by a random token of which only the hash is stored.

Each request reads the session and its user, so a user who is disabled, or a session that is ended, is dead at once.
"""

import secrets
import threading
from datetime import datetime, timedelta

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from core.access import (
    CALLER_NAME_LENGTH,
    LONGEST_PASSWORD,
    Caller,
    Role,
    User,
    WebSession,
    password_fits,
    secret_hash,
)
from core.database import PATIENCE
from core.errors import Overloaded
from core.ledger import Event, put_on_record
from core.store import Store

IDLE_LIMIT = timedelta(minutes=30)
ABSOLUTE_LIMIT = timedelta(hours=10)
FAILURES_ALLOWED = 5
"""After so many wrong passwords in a row the account is locked."""
FIRST_LOCK = timedelta(minutes=5)
LONGEST_LOCK = timedelta(hours=1)
SEEN_STEP = timedelta(minutes=1)
"""How exactly the last use is kept: one write a minute, not one a request."""
AT_ONCE = 2
"""How many passwords are tried at one time: each takes much memory, and checks must not wait for them."""

_trying = threading.BoundedSemaphore(AT_ONCE)


def sign_in(store: Store, name: str, password: str) -> str | None:
    """Return the token of a new session, or None if name and password do not fit or the account is locked.

    Which of the three it was is not told, and takes as long. Every attempt is on record; after
    ``FAILURES_ALLOWED`` failures in a row the account is locked for 5 minutes, twice as long for each failure after
    that, at most an hour. What is tried while it is locked does not prolong it.

    Raises:
        Overloaded: too many sign-ins at once.
    """
    with store.reading() as session:
        user = session.scalar(select(User).where(User.name == name.strip()[:CALLER_NAME_LENGTH]))
        session.expunge_all()
    fits = _fits(user, password)
    if user is None:
        with store.writing() as session:
            # The name is not kept: people type their password into the wrong field.
            put_on_record(session, Event("user.sign_in_failed", "unknown", "user:unknown", None, {"why": "unknown"}))
        return None
    now = store.clock.now()
    with store.writing() as session:
        return _settle(session, session.get_one(User, user.id, with_for_update=True), fits, now)


def _fits(user: User | None, password: str) -> bool:
    if not _trying.acquire(timeout=PATIENCE):
        raise Overloaded("too many people sign in at once; try again in a moment")
    try:
        return password_fits(user, password[:LONGEST_PASSWORD])
    finally:
        _trying.release()


def _settle(session: Session, user: User, fits: bool, now: datetime) -> str | None:
    """Return a token if the user may come in, and put on record what happened."""
    refused: str | None = None
    if user.disabled_at is not None:
        refused = "disabled"
    elif user.locked_until is not None and user.locked_until > now:
        refused = "locked"
    elif not fits:
        refused = "password"
        user.failures += 1
        if user.failures >= FAILURES_ALLOWED:
            user.locked_until = now + lock_after(user.failures)
    actor = f"user:{user.id}"
    if refused is not None:
        payload = {"why": refused, "failures": user.failures}
        put_on_record(session, Event("user.sign_in_failed", user.id, actor, user.seller_id, payload))
        return None
    user.failures, user.locked_until = 0, None
    session.execute(delete(WebSession).where(or_(WebSession.expires_at <= now, WebSession.seen_at <= now - IDLE_LIMIT)))
    token = secrets.token_urlsafe(32)
    session.add(
        WebSession(
            token_hash=secret_hash(token),
            user_id=user.id,
            created_at=now,
            seen_at=now,
            expires_at=now + ABSOLUTE_LIMIT,
        )
    )
    put_on_record(session, Event("user.signed_in", user.id, actor, user.seller_id, {}))
    return token


def lock_after(failures: int) -> timedelta:
    """Return for how long the account is locked after so many failures in a row; pure."""
    doublings = min(failures - FAILURES_ALLOWED, 10)
    return min(FIRST_LOCK * (1 << doublings), LONGEST_LOCK)


def signed_in(store: Store, token: str) -> Caller | None:
    """Return whose session the token is, or None if it is nobody's, over, idle too long, or its user is disabled.

    Served by pk_web_sessions.
    """
    now = store.clock.now()
    with store.reading() as session:
        found = session.execute(
            select(WebSession.seen_at, User.id, User.name, User.role, User.seller_id)
            .join(User, User.id == WebSession.user_id)
            .where(
                WebSession.token_hash == secret_hash(token),
                WebSession.expires_at > now,
                WebSession.seen_at > now - IDLE_LIMIT,
                User.disabled_at.is_(None),
            )
        ).one_or_none()
    if found is None:
        return None
    seen_at, user_id, name, role, seller_id = found
    if now - seen_at >= SEEN_STEP:
        with store.writing() as session:
            session.execute(
                update(WebSession)
                .where(WebSession.token_hash == secret_hash(token), WebSession.seen_at < now)
                .values(seen_at=now)
            )
    return Caller(id=user_id, name=name, kind="user", role=Role(role), seller_id=seller_id)


def sign_out(store: Store, token: str) -> None:
    """End the session of the token, if there is one; from the commit on the token opens nothing."""
    with store.writing() as session:
        found = session.get(WebSession, secret_hash(token), with_for_update=True)
        if found is None:
            return
        user = session.get_one(User, found.user_id)
        session.delete(found)
        put_on_record(session, Event("user.signed_out", user.id, f"user:{user.id}", user.seller_id, {}))
