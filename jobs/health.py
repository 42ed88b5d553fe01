"""Whether the scheduled work is done, as the runs on record tell: it is told where there is a server, not the jobs."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from jobs.models import JobRun

FAILED = "failed: "
"""What the outcome of a run that failed begins with."""
SILENT = timedelta(minutes=15)
"""Some task is due every 15 seconds; the longest takes some minutes, and the others wait for it."""
LOOK_BACK = timedelta(days=2)
"""A task that is due once a day and failed has failed since then."""


class JobsState(StrEnum):
    """How the jobs are: at work, at work but for tasks that failed when they were last run, or not at work."""

    RUNNING = "running"
    FAILING = "failing"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class JobsHealth:
    """How the jobs are; ``ended_at``: when a run last ended, None if none ever did; ``failing``: the tasks, by name."""

    state: JobsState
    ended_at: datetime | None
    failing: tuple[str, ...]


def jobs_health(session: Session, now: datetime) -> JobsHealth:
    """Return how the jobs are. By ix_job_runs_ended_at_job_runs_task and pk_job_runs."""
    ended = JobRun.ended_at.is_not(None)
    ended_at = session.scalar(select(JobRun.ended_at).where(ended).order_by(JobRun.ended_at.desc()).limit(1))
    if ended_at is None or now - ended_at > SILENT:
        return JobsHealth(JobsState.SILENT, ended_at, ())
    failing = []
    for task in _tasks(session):
        newest = select(JobRun).where(JobRun.task == task, ended).order_by(JobRun.due_at.desc()).limit(1)
        run = session.scalar(newest)
        if run is not None and (run.outcome or "").startswith(FAILED) and now - run.due_at <= LOOK_BACK:
            failing.append(task)
    return JobsHealth(JobsState.FAILING if failing else JobsState.RUNNING, ended_at, tuple(failing))


def _tasks(session: Session) -> Iterator[str]:
    """Yield the names of which there are runs, one seek each: a task may have run 200,000 times."""
    name = ""
    while found := session.scalar(select(func.min(JobRun.task)).where(JobRun.task > name)):
        yield (name := found)
