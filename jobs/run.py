"""The jobs process: stand for election, lead, run what is due, stop cleanly when told to."""

import logging
import signal
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import FrameType

from sqlalchemy import select, update

from core.errors import ServiceError
from jobs.health import FAILED
from jobs.inbox import SETTLE_SECONDS
from jobs.leader import LEASE, Election, FencedStore, Leadership, NoLongerLeader
from jobs.models import JobRun
from jobs.schedule import Schedule, enqueue
from jobs.tasks import Task, tasks_for
from service import Service

RETRY_SECONDS = 1.0

_log = logging.getLogger(__name__)


def run_jobs(
    service: Service,
    *,
    stop: threading.Event | None = None,
    tasks: Sequence[Task] | None = None,
    lease: timedelta = LEASE,
) -> None:
    """Run the tasks whenever this process leads, until ``stop`` is set or, by default, SIGTERM or SIGINT comes.

    A run that has begun is finished first. A database that cannot be reached is waited for.
    """
    stop = stop or _stop_by_signal()
    tasks = tasks if tasks is not None else tasks_for(service)
    election = Election(service.store, service.settings.database_url, lease=lease)
    try:
        while not stop.is_set():
            leadership = election.campaign()
            if leadership is None:
                stop.wait(RETRY_SECONDS)
            else:
                _lead(leadership, tasks, stop)
    finally:
        election.close()


def run_once(service: Service, *, settle_seconds: float = SETTLE_SECONDS) -> Mapping[str, str] | None:
    """Run every task that is due once, and return each one's outcome; None if another process leads.

    Inboxes are looked at twice, ``settle_seconds`` apart, to tell a file that is being written from one that is not.
    """
    tasks = tasks_for(service, settle_seconds=settle_seconds)
    election = Election(service.store, service.settings.database_url)
    try:
        leadership = election.campaign()
        if leadership is None:
            return None
        try:
            _abandon(leadership.store)
            outcomes = {}
            for task in tasks:
                enqueue(leadership.store, task)
                outcomes.update(run_due(leadership.store, [task]))
                if task.looks_twice and task.name not in outcomes:  # another process ran it for this moment, and looked
                    _outcome(task, leadership.store, service.clock.now())
            threading.Event().wait(settle_seconds)
            for task in tasks:
                if task.looks_twice:
                    outcomes[task.name] = _outcome(task, leadership.store, service.clock.now())
            return outcomes
        finally:
            leadership.resign()
    finally:
        election.close()


def _lead(leadership: Leadership, tasks: Sequence[Task], stop: threading.Event) -> None:
    woken = threading.Event()
    schedule = Schedule(leadership.store, tasks, woken.set)
    try:
        _abandon(leadership.store)
        schedule.start()
        while not stop.is_set() and not leadership.lost.is_set():
            schedule.keep_pace()
            if woken.wait(RETRY_SECONDS / 4):
                woken.clear()
                run_due(leadership.store, tasks, stop)
    except NoLongerLeader:
        _log.warning("another process leads now")
    except ServiceError as error:
        _log.warning("jobs paused: %s", error.code)
        stop.wait(RETRY_SECONDS)
    finally:
        schedule.stop()
        leadership.resign()


def run_due(store: FencedStore, tasks: Sequence[Task], stop: threading.Event | None = None) -> dict[str, str]:
    """Run what is enqueued, the longest due first; return each task's outcome.

    A run that raises is recorded as failed and does not stop the others; the task is due again at its next moment.
    """
    named = {task.name: task for task in tasks}
    with store.reading() as session:
        waiting = session.execute(
            select(JobRun.task, JobRun.due_at)
            .where(JobRun.ended_at.is_(None), JobRun.task.in_(named))
            .order_by(JobRun.due_at, JobRun.task)
        ).all()
    outcomes = {}
    for name, due_at in waiting:
        if stop is not None and stop.is_set():
            break
        run = update(JobRun).where(JobRun.task == name, JobRun.due_at == due_at)
        started_at = store.clock.now()
        with store.writing() as session:
            session.execute(run.values(started_at=started_at, epoch=store.epoch))
        outcome = outcomes[name] = _outcome(named[name], store, started_at)
        with store.writing() as session:
            session.execute(run.values(ended_at=store.clock.now(), outcome=outcome))
    return outcomes


def _outcome(task: Task, store: FencedStore, now: datetime) -> str:
    try:
        return task.run(store, now)
    except NoLongerLeader:
        raise
    except ServiceError as error:
        _log.error("task %s failed: %s", task.name, error.code)
        return f"{FAILED}{error.code}"
    except Exception as error:  # noqa: BLE001 - the poison-row rule: recorded, and the others go on
        _log.exception("task %s failed", task.name)
        return f"{FAILED}{type(error).__name__}"


def _abandon(store: FencedStore) -> None:
    """End the runs that a leader before this one began and left: what killed its process is not begun again at once.

    What was only enqueued is left to be run.
    """
    with store.writing() as session:
        session.execute(
            update(JobRun)
            .where(JobRun.started_at.is_not(None), JobRun.ended_at.is_(None), JobRun.epoch < store.epoch)
            .values(ended_at=store.clock.now(), outcome="abandoned")
        )


def _stop_by_signal() -> threading.Event:
    stop = threading.Event()

    def told(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, told)
    return stop
