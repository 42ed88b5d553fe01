"""The schedule: on the leader alone, it only writes down what is due; running is somebody else's work."""

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import delete, or_, select
from sqlalchemy.exc import IntegrityError

from core.errors import ServiceError
from jobs.leader import FencedStore
from jobs.models import JobRun
from jobs.tasks import Task

LOOK_SECONDS = 0.5

_log = logging.getLogger(__name__)


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
            waiting = select(JobRun.due_at).where(
                JobRun.task == task.name,
                or_(JobRun.ended_at.is_(None), (JobRun.due_at == due_at) & (JobRun.enqueued_at <= now)),
            )
            if session.scalar(waiting.limit(1)) is not None:
                return False
            session.execute(delete(JobRun).where(*same))
            session.add(JobRun(task=task.name, due_at=due_at, epoch=store.epoch, enqueued_at=now))
    except IntegrityError:
        return False
    return True


class Schedule:
    """Enqueues each task when it is due, on a thread of its own, for as long as one process leads.

    It asks what the time is again and again, and never reckons how long it is until a moment: no task waits until a
    clock that was put back has caught up, or longer because the machine slept.
    """

    def __init__(self, store: FencedStore, tasks: Sequence[Task], woken: Callable[[], None]) -> None:
        self._store = store
        self._tasks = tasks
        self._woken = woken
        self._enqueued: dict[str, datetime] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="schedule", daemon=True)

    def start(self) -> None:
        """Enqueue what is due already, then go on."""
        self._look()
        self._thread.start()

    def stop(self) -> None:
        """Enqueue nothing more."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def _keep(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            self._look()

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
            except Exception:  # noqa: BLE001 - without this thread no task would ever be due again
                _log.exception("task %s could not be enqueued", task.name)
            else:
                self._enqueued[task.name] = due_at
            self._woken()
