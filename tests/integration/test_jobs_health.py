"""Whoever watches the server sees that the scheduled work is done: not that a process runs, but that runs end well."""

from datetime import datetime, timedelta

from app import create_app
from core.clock import FixedClock
from core.errors import InvalidInput
from jobs.leader import FencedStore, Leadership
from jobs.run import run_due
from jobs.schedule import enqueue
from jobs.tasks import Task
from service import Service

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def told(service: Service) -> tuple[int, str, list[str]]:
    """Ask the server how the jobs are, as somebody without a key."""
    answer = create_app(service).test_client().get("/health/jobs")
    assert answer.json is not None
    return answer.status_code, answer.json["status"], answer.json["failing"]


def run(leadership: Leadership, *tasks: Task) -> None:
    """Run each of the tasks once, if it is due."""
    for task in tasks:
        enqueue(leadership.store, task)
    run_due(leadership.store, tasks)


def later(service: Service, by: timedelta) -> None:
    """Move the clock on."""
    assert isinstance(service.clock, FixedClock)
    service.clock.at += by


def test_jobs_that_never_ran_or_ran_long_ago_are_told_as_silent(service: Service, leadership: Leadership) -> None:
    tick = Task("tick", MINUTE, lambda store, now: "ticked")
    assert told(service) == (503, "silent", [])

    run(leadership, tick)
    assert told(service) == (200, "running", [])

    later(service, 15 * MINUTE)
    assert told(service) == (200, "running", [])
    later(service, timedelta(seconds=1))
    assert told(service) == (503, "silent", [])


def test_a_task_that_failed_is_told_until_it_has_gone_well(service: Service, leadership: Leadership) -> None:
    failing = [True]

    def work(_store: FencedStore, _now: datetime) -> str:
        if failing:
            raise InvalidInput("a test")
        return "well"

    daily, tick = Task("daily", DAY, work), Task("tick", MINUTE, lambda store, now: "ticked")
    run(leadership, daily, tick)
    assert told(service) == (503, "failing", ["daily"])

    later(service, timedelta(hours=20))
    run(leadership, tick)
    assert told(service) == (503, "failing", ["daily"])

    failing.clear()
    later(service, timedelta(hours=4))
    run(leadership, daily, tick)
    assert told(service) == (200, "running", [])
