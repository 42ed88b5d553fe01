"""The tasks: what is done on schedule, each by itself, by the leader alone.

A task is given a fenced store, so that whatever it writes it writes as the newest leader. It is safe to run twice.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from sqlalchemy import delete, select

from core.access import WebSession, operator
from core.clock import EPOCH
from core.ledger import Event, put_on_record
from core.store import Store
from dnc.arrivals import screen_arrivals
from dnc.canaries import look_for_canaries
from dnc.oversight.pausing import oversee
from dnc.registers.retractions import retract_joined
from dnc.registers.shelf import RegisterShelf
from dnc.registers.snapshots import sweep_unfinished
from dnc.registers.standing import of_concern, standing
from dnc.reservations import forget_reservations
from dnc.screenings.kept_files import forget_screened_files
from jobs.beside import Readers
from jobs.inbox import SETTLE_SECONDS
from jobs.lead_inbox import LEFT_ALONE, LeadInbox
from jobs.leader import FencedStore
from jobs.models import JobRun
from jobs.proof import auditing, checkpoint, stamping
from jobs.register_inbox import RegisterInbox
from jobs.screenings import ScreeningWork
from leads.importer import waiting_files
from leads.kept_files import forget_kept_files
from service import Service
from web.kept import forget_answers
from web.uploads import sweep_uploads

KEPT_RUNS = timedelta(days=30)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Task:
    """Something to do every so often: ``run`` takes the leader's store and the moment, and says what came of it.

    ``looks_twice``: it looks at a folder, and takes what has stood still since its look before.
    """

    name: str
    every: timedelta
    run: Callable[[FencedStore, datetime], str]
    looks_twice: bool = False

    def due_at(self, now: datetime) -> datetime:
        """Return the newest moment, ``now`` or before, at which the task was due: the same in every process."""
        return now - (now - EPOCH) % self.every


def tasks_for(service: Service, *, settle_seconds: float = SETTLE_SECONDS) -> tuple[Task, ...]:
    """Return every task of this installation."""
    settings, shelf, lead_files = service.settings, service.shelf, service.lead_files
    readers = Readers(settings)
    inbox = RegisterInbox(settings, settle_seconds=settle_seconds)
    lead_inbox = LeadInbox(settings, lead_files, readers, settle_seconds=settle_seconds)

    def pick_up(store: FencedStore, now: datetime) -> str:
        return _told(inbox.pick_up(store, now))

    def pick_up_leads(store: FencedStore, now: datetime) -> str:
        return _told(lead_inbox.pick_up(store, now))

    def sweep(store: FencedStore, now: datetime) -> str:
        files = sweep_unfinished(settings.registers_dir) + sweep_uploads(settings.data_dir / "uploads")
        files += sum(one.sweep_unfinished(now) for one in (lead_files, service.screened_files, service.assessments))
        return f"{files} files, {forget_runs(store, now)} runs"

    def forget(store: FencedStore, now: datetime) -> str:
        return f"{forget_kept_files(store, lead_files, now)} files"

    def screen(store: FencedStore, now: datetime) -> str:
        return f"{screen_arrivals(store, shelf.listed, now)} lead files"

    def warn(store: FencedStore, now: datetime) -> str:
        on_disk = RegisterShelf(settings.registers_dir)  # anew: what is in memory may outlive its file
        return warn_of_registers(store, now, is_readable=on_disk.is_readable)

    def retract(store: FencedStore, now: datetime) -> str:
        return f"{retract_joined(store, settings.registers_dir, now)} retractions"

    def forget_screened(store: FencedStore, now: datetime) -> str:
        return f"{forget_screened_files(store, service.screened_files, now)} files"

    return (
        Task("registers.pick_up", timedelta(seconds=15), pick_up, looks_twice=True),
        Task("lead_files.pick_up", timedelta(seconds=15), pick_up_leads, looks_twice=True),
        Task("lead_files.read", timedelta(seconds=15), LeadFileReading(readers).go_on),
        Task("lead_files.forget", timedelta(days=1), forget),
        Task("registers.warn", timedelta(hours=1), warn),
        Task("registers.retract", timedelta(minutes=1), retract),
        Task("ledger.checkpoint", timedelta(minutes=1), checkpoint),
        Task("ledger.stamp", timedelta(minutes=5), stamping(settings)),
        Task("ledger.audit", timedelta(minutes=1), auditing(shelf.listed)),
        Task("arrivals.screen", timedelta(minutes=1), screen),
        Task("canaries.look", timedelta(hours=1), tell_of_canaries),
        Task("oversight.pause", timedelta(hours=1), pause_the_worst),
        Task("screenings.work", timedelta(seconds=15), ScreeningWork(settings).go_on),
        Task("screenings.forget", timedelta(days=1), forget_screened),
        Task("sweep", timedelta(hours=1), sweep),
        Task("sweep_expired", timedelta(days=1), sweep_expired),
    )


class LeadFileReading:
    """Goes on with the lead files that nobody reads any more: whoever did was killed, or could not."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self._reported: dict[str, str] = {}

    def go_on(self, store: Store, now: datetime) -> str:
        """Have such files read by processes beside, and say once of each that cannot be read."""
        with store.reading() as session:
            waiting = waiting_files(session, now - LEFT_ALONE)
        begun = sum(self._readers.start(lead_file_id) for lead_file_id in waiting)
        failed = {name: failure.code for name, failure in self._readers.failures().items() if name in waiting}
        for name, code in failed.items():
            if self._reported.get(name) != code:
                _log.error("lead file %s cannot be read further: %s", name, code)
        self._reported = failed
        return (
            f"{len(waiting)} left alone: {begun} begun, {len(failed)} cannot be read" if waiting else "none left alone"
        )


def _told(outcomes: Mapping[str, str]) -> str:
    return f"{len(outcomes)} files: {', '.join(sorted(set(outcomes.values())))}" if outcomes else "no file"


def warn_of_registers(store: Store, now: datetime, *, is_readable: Callable[[str], bool]) -> str:
    """Say once a day, in the log and on record, which registers are stale, soon will be or are damaged, or if none is.

    ``is_readable`` says whether a snapshot is whole (``RegisterShelf.is_readable``); no write waits while it looks.
    """
    with store.reading() as session:
        concerns = of_concern(standing(session, now, is_readable=is_readable))
    day = datetime.combine(now.date(), time(0), tzinfo=UTC)
    warned = []
    with store.writing() as session:
        for one in concerns:
            mark = f"warned.{one.register}.{one.state.value}"
            if session.scalar(select(JobRun.task).where(JobRun.task == mark, JobRun.due_at == day)):
                continue
            warning = JobRun(task=mark, due_at=day, epoch=0, enqueued_at=now, outcome="warned")
            warning.started_at = warning.ended_at = now
            session.add(warning)
            payload = {
                "state": one.state.value,
                "as_of": one.as_of.isoformat() if one.as_of else None,
                "valid_until": one.valid_until.isoformat() if one.valid_until else None,
            }
            put_on_record(
                session, Event(f"register.{one.state.value}", one.register, operator("jobs").actor, None, payload)
            )
            warned.append(one)
    for one in warned:
        _log.warning(
            "register %s is %s",
            one.register,
            one.state.value,
            extra={"register": one.register, "state": one.state.value, "valid_until": str(one.valid_until)},
        )
    return f"{len(warned)} warnings"


def tell_of_canaries(store: Store, now: datetime) -> str:
    """Look for canaries, and say in the log how many were seen that had not been before."""
    seen = look_for_canaries(store, now)
    if seen:
        _log.warning("canaries were seen where they should not be: %s sightings", seen)
    return f"{seen} sightings"


def pause_the_worst(store: Store, now: datetime) -> str:
    """Pause the sources that are surely worse than the oversight policy takes, and say in the log which, and why."""
    paused = oversee(store, now)
    for one in paused:
        _log.warning("source %s is paused: %s", one.source, "; ".join(breach.reason for breach in one.breaches))
    return f"{len(paused)} sources paused"


def forget_runs(store: Store, now: datetime) -> int:
    """Remove the runs that ended long ago; return how many."""
    with store.writing() as session:
        gone = session.execute(delete(JobRun).where(JobRun.ended_at < now - KEPT_RUNS))
        return int(gone.rowcount)  # type: ignore[attr-defined] # a DELETE has a row count


def sweep_expired(store: Store, now: datetime) -> str:
    """Remove what is used no more: answers kept for repeated requests, sign-in sessions, and reservations."""
    with store.writing() as session:
        answers = forget_answers(session, now)
        gone = session.execute(delete(WebSession).where(WebSession.expires_at <= now))
        held = forget_reservations(session, now)
        return f"{answers} answers, {gone.rowcount} sessions, {held} reservations"  # type: ignore[attr-defined] # a DELETE has a row count
