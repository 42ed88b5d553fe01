"""Carry an audit through: in steps, each a unit of work, so that it may be stopped anywhere and gone on with."""

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session
from sqlalchemy.sql import Select

from core.access import Caller, Right
from core.clock import utc
from core.errors import Forbidden, Kind, NotFound, ServiceError
from core.ids import new_id
from core.ledger import Event, LedgerChain, LedgerEntry, put_on_record
from core.store import Store
from dnc.auditor.findings import Against, Counts, Difference, Findings
from dnc.auditor.models import Audit, AuditDifference
from dnc.auditor.trying import Trial
from dnc.gathering import Listed

AUDITED = ("checks", "screening.part")
READ_AT_ONCE = 40
CHECKS_A_STEP = 2_000
ENTRIES_A_STEP = 2_000
TOLD_ON_RECORD = 100

_log = logging.getLogger(__name__)


class Scope(StrEnum):
    """What an audit goes through: what came after the newest finished one, what came since a moment, or everything."""

    NEW = "new"
    SINCE = "since"
    ALL = "all"


class AuditBusy(ServiceError):
    """Another process goes on with this audit."""

    kind, code, title = Kind.CONFLICT, "audit-busy", "The audit is being gone on with elsewhere"


@dataclass(frozen=True, slots=True)
class AuditReport:
    """An audit as it stands: ``finished_at`` is None while it is not through."""

    id: str
    scope: Scope
    since: datetime | None
    begun_at: datetime
    begun_by: str
    finished_at: datetime | None
    counts: Counts


def report_of(row: Audit) -> AuditReport:
    """Return the report of a row."""
    counts = Counts(**json.loads(row.counts))
    return AuditReport(row.id, Scope(row.scope), row.since, row.begun_at, row.begun_by, row.finished_at, counts)


def audit(
    store: Store,
    listed: Listed,
    caller: Caller,
    *,
    now: datetime,
    scope: Scope = Scope.NEW,
    since: datetime | None = None,
    is_over: Callable[[], bool] = lambda: False,
) -> AuditReport:
    """Try every stored answer that the scope means, and put the result on record; memory does not grow with them.

    An audit of the same kind that was left unfinished is gone on with. ``is_over`` is asked after each step; once it
    says so, the audit is left as it is and returned unfinished.

    Raises:
        AuditBusy: another process goes on with the same audit.
    """
    audit_id = _unfinished(store, scope, since) or _begin(store, caller, scope, since, now)
    while _step(store, listed, audit_id):
        if is_over():
            with store.reading() as session:
                return report_of(session.get_one(Audit, audit_id))
    return _finish(store, audit_id)


def last_begun(session: Session, now: datetime) -> datetime | None:
    """Return when the newest audit of what is new, or of everything, was begun.

    None begun later than ``now`` counts: it was so by a clock that has been put back.
    """
    of_these = (Audit.scope != Scope.SINCE, Audit.begun_at <= now)
    return session.scalar(select(func.max(Audit.begun_at)).where(*of_these))


def has_unfinished(session: Session) -> bool:
    """Return whether an audit of what is new was left unfinished."""
    return session.scalar(_left(Scope.NEW, None)) is not None


def _left(scope: Scope, since: datetime | None) -> Select[str]:
    chosen = select(Audit.id).where(Audit.scope == scope, Audit.finished_at.is_(None))
    return (chosen if since is None else chosen.where(Audit.since == since)).order_by(Audit.id).limit(1)


def _unfinished(store: Store, scope: Scope, since: datetime | None) -> str | None:
    with store.reading() as session:
        found: str | None = session.scalar(_left(scope, since))
    return found


def _begin(store: Store, caller: Caller, scope: Scope, since: datetime | None, now: datetime) -> str:
    with store.writing() as session:
        ends = {row.no: row.seq for row in session.execute(select(LedgerChain.no, LedgerChain.seq))}
        starts = _covered(session, now) if scope is Scope.NEW else {}
        row = Audit(
            id=new_id(),
            scope=scope.value,
            since=since,
            begun_at=now,
            begun_by=caller.actor,
            starts=json.dumps(starts),
            ends=json.dumps(ends),
            chain=0,
            seq=-1,
            counts=json.dumps(asdict(Counts())),
        )
        session.add(row)
        payload = {"scope": scope.value, "since": utc(since), "after": starts, "to": ends}
        put_on_record(session, Event("audit.begun", row.id, caller.actor, None, payload))
        return row.id


def _covered(session: Session, now: datetime) -> dict[str, int]:
    """Return by chain which entry the newest finished audit of all before ended with; as ``last_begun``."""
    row = session.execute(
        select(Audit.ends)
        .where(Audit.finished_at.is_not(None), Audit.scope != Scope.SINCE, Audit.begun_at <= now)
        .order_by(Audit.begun_at.desc(), Audit.id.desc())
        .limit(1)
    ).one_or_none()
    covered: dict[str, int] = {} if row is None else json.loads(row.ends)
    return covered


def _step(store: Store, listed: Listed, audit_id: str) -> bool:
    """Try the next checks, some thousands at most, and keep what was found; return whether there are more."""
    with store.snapshot() as session:
        row = session.get_one(Audit, audit_id)
        if row.finished_at is not None:
            return False
        before = Counts(**json.loads(row.counts))
        starts, ends, since, place = json.loads(row.starts), json.loads(row.ends), row.since, (row.chain, row.seq)
        trial, reached, is_more, read = Trial(session, store.keyring, listed), place, True, 0
        while trial.waiting < CHECKS_A_STEP and read < ENTRIES_A_STEP:
            entries = _next_entries(session, reached, starts, ends)
            for entry in entries:
                reached, read = (entry.chain, entry.seq), read + 1
                if since is None or entry.at >= since:
                    trial.take(entry)
                if trial.waiting >= CHECKS_A_STEP:
                    break
            if not entries:
                is_more = False
                break
        trial.against_tables()
    if reached != place:
        _keep(store, audit_id, place, reached, before, trial.findings)
    return is_more


def _next_entries(
    session: Session, place: tuple[int, int], starts: dict[str, int], ends: dict[str, int]
) -> Sequence[LedgerEntry]:
    """Return the next entries to try after ``place``, of one chain; none if there are no more. By the primary key."""
    for chain in sorted(map(int, ends)):
        if chain < place[0]:
            continue
        after = max(place[1] if chain == place[0] else -1, starts.get(str(chain), -1))
        found = session.scalars(
            select(LedgerEntry)
            .where(LedgerEntry.chain == chain, LedgerEntry.seq > after, LedgerEntry.seq <= ends[str(chain)])
            .where(LedgerEntry.kind.in_(AUDITED))
            .order_by(LedgerEntry.seq)
            .limit(READ_AT_ONCE)
        ).all()
        if found:
            return found
    return ()


def _keep(
    store: Store, audit_id: str, place: tuple[int, int], reached: tuple[int, int], before: Counts, found: Findings
) -> None:
    after = {name: value + getattr(found.counts, name) for name, value in asdict(before).items()}
    with store.writing() as session:
        moved = session.execute(
            update(Audit)
            .where(Audit.id == audit_id, Audit.chain == place[0], Audit.seq == place[1], Audit.finished_at.is_(None))
            .values(chain=reached[0], seq=reached[1], counts=json.dumps(after))
        )
        if moved.rowcount != 1:  # type: ignore[attr-defined] # an UPDATE has a row count
            raise AuditBusy("another process has gone on with it")
        for number, one in enumerate(found.differences, start=before.differences + 1):
            session.add(_kept(audit_id, number, one))
        for number, one in enumerate(found.excused, start=before.in_flight + 1):
            session.add(_kept(audit_id, -number, one))


def _kept(audit_id: str, number: int, one: Difference) -> AuditDifference:
    return AuditDifference(
        audit_id=audit_id,
        no=number,
        chain=one.chain,
        seq=one.seq,
        check_id=one.check_id,
        against=one.against.value,
        what=one.what,
    )


def _finish(store: Store, audit_id: str) -> AuditReport:
    """Put the result on record: the counts, the first hundred differences, and the first hundred excused answers."""
    with store.writing() as session:
        row = session.get_one(Audit, audit_id, with_for_update=True)
        if row.finished_at is None:
            row.finished_at = store.clock.now()
            first = differences_of(session, audit_id, limit=TOLD_ON_RECORD)
            excused = excused_of(session, audit_id, limit=TOLD_ON_RECORD)
            payload = {
                "scope": row.scope,
                "counts": json.loads(row.counts),
                "first": [[one.check_id, one.chain, one.seq, one.against.value, one.what] for one in first],
                "excused": [[one.check_id, one.chain, one.seq, one.against.value, one.what] for one in excused],
            }
            put_on_record(session, Event("audit.finished", row.id, row.begun_by, None, payload))
        report = report_of(row)
    if report.counts.differences:
        _log.error("the audit found %s answers that differ", report.counts.differences)
    return report


def audits(session: Session, caller: Caller, *, limit: int = 50) -> list[AuditReport]:
    """Return the newest audits, the newest first.

    Raises:
        Forbidden: the caller may not read them: they speak of every seller.
    """
    _require(caller)
    return [report_of(row) for row in session.scalars(select(Audit).order_by(Audit.id.desc()).limit(limit))]


def audit_named(session: Session, caller: Caller, audit_id: str) -> AuditReport:
    """Return one audit; raises as ``audits``, and NotFound if there is none of that id."""
    _require(caller)
    row = session.get(Audit, audit_id)
    if row is None:
        raise NotFound("there is no such audit")
    return report_of(row)


def _require(caller: Caller) -> None:
    caller.require(Right.READ_AUDITS)
    if caller.seller_id is not None:
        raise Forbidden("an audit speaks of every seller: who acts for one may not read it")


def differences_of(session: Session, audit_id: str, *, after: int = 0, limit: int = 100) -> list[Difference]:
    """Return the differences that an audit found, in order, after the first ``after`` of them. By pk."""
    kept = select(AuditDifference).where(AuditDifference.audit_id == audit_id, AuditDifference.no > after)
    return _told(session, kept.order_by(AuditDifference.no).limit(limit))


def excused_of(session: Session, audit_id: str, *, after: int = 0, limit: int = 100) -> list[Difference]:
    """Return the answers that the last moments of another transaction excuse, in order; else as ``differences_of``."""
    kept = select(AuditDifference).where(AuditDifference.audit_id == audit_id, AuditDifference.no < -after)
    return _told(session, kept.order_by(AuditDifference.no.desc()).limit(limit))


def _told(session: Session, kept: Select[AuditDifference]) -> list[Difference]:
    return [
        Difference(one.chain, one.seq, one.check_id, Against(one.against), one.what) for one in session.scalars(kept)
    ]
