"""The schedule: on the leader alone, it only writes down what is due; running is somebody else's work."""

import logging
from collections.abc import Callable, Sequence

from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from core.errors import ServiceError
from jobs.leader import FencedStore
from jobs.models import JobRun
from jobs.tasks import Task

_log = logging.getLogger(__name__)


def enqueue(store: FencedStore, task: Task) -> bool:
    """Write down that the task is due; return False if that was written down before or its last run has not ended.

    The key (task, moment due) makes a second one harmless, whoever wrote the first.
    """
    now = store.clock.now()
    due_at = task.due_at(now)
    try:
        with store.writing() as session:
            waiting = select(JobRun.due_at).where(
                JobRun.task == task.name, (JobRun.ended_at.is_(None)) | (JobRun.due_at == due_at)
            )
            if session.scalar(waiting.limit(1)) is not None:
                return False
            session.add(JobRun(task=task.name, due_at=due_at, epoch=store.epoch, enqueued_at=now))
    except IntegrityError:
        return False
    return True


class Schedule:
    """Enqueues each task when it is due, in memory, for as long as one process leads."""

    def __init__(self, store: FencedStore, tasks: Sequence[Task], woken: Callable[[], None]) -> None:
        self._store = store
        self._woken = woken
        self._scheduler = BackgroundScheduler(timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1})
        for task in tasks:
            self._scheduler.add_job(
                self._due, "interval", [task], seconds=task.every.total_seconds(), misfire_grace_time=None
            )

    def start(self) -> None:
        """Enqueue what is due already, then go on."""
        for job in self._scheduler.get_jobs():
            self._due(*job.args)
        self._scheduler.start()

    def stop(self) -> None:
        """Enqueue nothing more."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=True)

    def _due(self, task: Task) -> None:
        try:
            enqueue(self._store, task)
        except ServiceError as error:
            _log.warning("task %s could not be enqueued: %s", task.name, error.code)
        self._woken()
