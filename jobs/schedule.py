"""The schedule: on the leader alone, it only writes down what is due; running is somebody else's work."""

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from core.errors import ServiceError
from jobs.leader import FencedStore
from jobs.models import JobRun
from jobs.tasks import Task

LOOK = timedelta(seconds=0.5)

_log = logging.getLogger(__name__)
logging.getLogger("apscheduler").setLevel(logging.ERROR)  # it would warn of each look that takes long


def enqueue(store: FencedStore, task: Task) -> bool:
    """Write down that the task is due; return False if that was written down before or its last run has not ended.

    The key (task, moment due) makes a second one harmless, whoever wrote the first. One that was written down later
    than it is now, by a clock that was ahead and has been put back, is written anew.
    """
    now = store.clock.now()
    due_at = task.due_at(now)
    try:
        with store.writing() as session:
            same = (JobRun.task == task.name, JobRun.due_at == due_at)
            known = select(JobRun.due_at).where(*same, JobRun.enqueued_at <= now)
            # By ix_job_runs_ended_at_job_runs_task: checks wait meanwhile, and a task may have run 200,000 times.
            waiting = select(JobRun.due_at).where(JobRun.task == task.name, JobRun.ended_at.is_(None)).limit(1)
            if session.scalar(known) is not None or session.scalar(waiting) is not None:
                return False
            session.execute(delete(JobRun).where(*same))
            session.add(JobRun(task=task.name, due_at=due_at, epoch=store.epoch, enqueued_at=now))
    except IntegrityError:
        return False
    return True


class Schedule:
    """Enqueues each task when it is due, for as long as one process leads.

    It asks what the time is again and again, and never reckons how long it is until a task's moment: no task waits
    until a clock that was put back has caught up, or longer because the machine slept.
    """

    def __init__(self, store: FencedStore, tasks: Sequence[Task], woken: Callable[[], None]) -> None:
        self._store = store
        self._tasks = tasks
        self._woken = woken
        self._enqueued: dict[str, datetime] = {}
        self._scheduler = BackgroundScheduler(timezone="UTC")
        self._look_again = self._scheduler.add_job(
            self._look,
            "interval",
            seconds=LOOK.total_seconds(),
            coalesce=True,
            max_instances=1,
            misfire_grace_time=None,
        )

    def start(self) -> None:
        """Enqueue what is due already, then go on."""
        self._look()
        self._scheduler.start()

    def stop(self) -> None:
        """Enqueue nothing more."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=True)

    def keep_pace(self) -> None:
        """Have the next look taken soon if a clock that was put back has moved it away: to be called again and again.

        The scheduler sleeps until a moment by the wall clock.
        """
        now = datetime.now(UTC)
        if self._look_again.next_run_time - now > 2 * LOOK:
            self._look_again.modify(next_run_time=now)

    def _look(self) -> None:
        """Enqueue each task that has come due since it last was; what could not be is tried again at the next look."""
        for task in self._tasks:
            due_at = task.due_at(self._store.clock.now())
            if self._enqueued.get(task.name) == due_at:
                continue
            try:
                enqueue(self._store, task)
            except ServiceError as error:
                _log.warning("task %s could not be enqueued: %s", task.name, error.code)
                self._woken()
                return
            self._enqueued[task.name] = due_at
            self._woken()
