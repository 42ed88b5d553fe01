"""The tasks of proof: sign where the ledger stands, have it stamped, and decide what was answered again each night."""

import logging
from collections.abc import Callable
from datetime import datetime, time, timedelta
from time import monotonic

from core.access import operator
from core.checkpoints import make_checkpoint, note_late
from core.config import Settings
from core.store import Store
from core.timestamps import Authority, stamp_newest
from dnc.auditor.auditing import Scope, audit, has_unfinished, last_begun
from dnc.gathering import Listed

NIGHT_FROM = time(1)
"""From when in the night (UTC) the audit is begun; if no process led then, it is begun as soon as one does."""
AUDIT_SECONDS = 20.0
"""How long the audit is gone on with before the other tasks have their turn."""

_log = logging.getLogger(__name__)


def checkpoint(store: Store, now: datetime) -> str:
    """Sign where the ledger stands, and sound the alarm if that was not done for long."""
    since = note_late(store, now)
    if since is not None:
        _log.error("the ledger was not signed since %s", since.isoformat())
    no = make_checkpoint(store)
    return "nothing new" if no is None else f"checkpoint {no}"


def authority_of(settings: Settings) -> Authority | None:
    """Return who stamps checkpoints, if the settings name one."""
    if settings.timestamp_ca is None:
        return None
    return Authority(settings.timestamp_url, settings.timestamp_ca, timedelta(minutes=settings.timestamp_minutes))


def stamping(settings: Settings) -> Callable[[Store, datetime], str]:
    """Return the task that has the newest checkpoint stamped when that is due; what fails is tried again."""
    authority = authority_of(settings)

    def stamp(store: Store, now: datetime) -> str:
        if authority is None:
            return "no authority is set"
        no = stamp_newest(store, authority, now)
        return "not due" if no is None else f"checkpoint {no} is stamped"

    return stamp


def auditing(listed: Listed) -> Callable[[Store, datetime], str]:
    """Return the task that audits what is new each night, some seconds at a time."""

    def go_on(store: Store, now: datetime) -> str:
        with store.reading() as session:
            last, is_left = last_begun(session, now), has_unfinished(session)
        is_due = now.time() >= NIGHT_FROM and (last is None or last.date() < now.date())
        if not (is_left or is_due):
            return "not due"
        until = monotonic() + AUDIT_SECONDS
        report = audit(store, listed, operator("jobs"), now=now, scope=Scope.NEW, is_over=lambda: monotonic() > until)
        left = "" if report.finished_at is not None else ", and goes on"
        return f"{report.counts.checks} checks decided again, {report.counts.differences} differences{left}"

    return go_on
