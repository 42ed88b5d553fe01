"""A leader that was stopped in the middle of a task, and wakes up after another took over, keeps nothing."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from core.clock import SystemClock
from jobs.leader import LEASE_NAME, Election, Leadership
from jobs.models import JobRun, LeaderLease
from jobs.run import run_due, run_once
from jobs.schedule import enqueue
from jobs.tasks import Task, tasks_for
from service import Service
from tests.registers import NOON, in_force_id, load, written_file

ROOT = Path(__file__).parents[2]
LEASE = timedelta(seconds=2)
DEADLINE = 40.0

LEADER = """
import sys
from datetime import timedelta
from pathlib import Path
from core.clock import SystemClock
from jobs.leader import NoLongerLeader
from jobs.models import JobRun
from jobs.run import run_jobs
from jobs.tasks import Task
from tests.registers import service_for

def write_late(store, now):
    print("about to write", flush=True)
    sys.stdin.readline()
    try:
        with store.writing() as session:
            session.add(JobRun(task="effect", due_at=now, epoch=store.epoch, enqueued_at=now, ended_at=now))
    except NoLongerLeader:
        print("refused", flush=True)
        raise
    print("kept", flush=True)
    return "kept"

url, folder = sys.argv[1:]
task = Task("late", timedelta(days=1), write_late)
run_jobs(service_for(url, Path(folder), SystemClock()), tasks=[task], lease=timedelta(seconds=2))
"""


@pytest.fixture
def leader(service: Service) -> Iterator["subprocess.Popen[str]"]:
    """Return another process that leads and is inside a task, just before its write."""
    process = subprocess.Popen(
        [sys.executable, "-c", LEADER, service.settings.database_url, str(service.settings.data_dir)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "about to write\n"
    yield process
    process.kill()
    process.communicate()


def said(process: "subprocess.Popen[str]") -> str:
    """Let the task go on, and return what it says of its write."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    return process.stdout.readline()


def effects(service: Service) -> int:
    """Return how many writes of the task were kept."""
    with service.store.reading() as session:
        return session.scalar(select(func.count()).where(JobRun.task == "effect")) or 0


def taken_over(election: Election) -> Leadership:
    """Return this process's term, once the one before it has run out."""
    deadline = time.monotonic() + DEADLINE
    while (term := election.campaign()) is None:
        assert time.monotonic() < deadline, "the leader that was stopped still leads"
        threading.Event().wait(0.05)
    return term


def test_a_leader_stopped_inside_a_task_is_refused_the_write_it_wakes_up_to(
    service: Service, leader: "subprocess.Popen[str]"
) -> None:
    leader.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, leader.pid, os.WSTOPPED)
    election = Election(service.store, service.settings.database_url, lease=LEASE)
    term = taken_over(election)
    leader.send_signal(signal.SIGCONT)

    assert said(leader) == "refused\n"

    assert effects(service) == 0
    assert term.store.epoch == 2
    term.resign()
    election.close()


def test_a_leader_that_nobody_followed_keeps_what_it_writes(service: Service, leader: "subprocess.Popen[str]") -> None:
    assert said(leader) == "kept\n"

    assert effects(service) == 1


def test_one_round_runs_every_task_and_loads_what_is_in_the_inbox(service: Service) -> None:
    folder = service.settings.inbox_dir / "registers"
    folder.mkdir(parents=True)
    written_file(folder / "nix-2026-11-15.txt")

    outcomes = run_once(service, settle_seconds=0)

    assert outcomes is not None
    assert set(outcomes) == {task.name for task in tasks_for(service)}
    assert outcomes["registers.pick_up"] == "1 files: done"
    assert not [outcome for outcome in outcomes.values() if outcome.startswith("failed")]
    assert in_force_id(service) is not None


def test_a_round_soon_after_another_loads_what_came_meanwhile(service: Service) -> None:
    run_once(service, settle_seconds=0)
    written_file(service.settings.inbox_dir / "registers" / "nix-2026-11-15.txt")

    outcomes = run_once(service, settle_seconds=0)

    assert outcomes is not None
    assert outcomes["registers.pick_up"] == "1 files: done"


def test_one_round_is_left_to_the_process_that_leads(service: Service, tmp_path: Path) -> None:
    load(service, written_file(tmp_path / "a.txt"), date(2026, 11, 15))
    election = Election(service.store, service.settings.database_url)
    term = election.campaign()
    assert term is not None

    assert run_once(service, settle_seconds=0) is None

    with service.store.reading() as session:
        assert session.scalar(select(func.count()).select_from(JobRun)) == 0
    term.resign()
    election.close()
    assert run_once(service, settle_seconds=0) is not None


def test_a_run_tells_when_it_was_enqueued_started_and_ended(service: Service) -> None:
    election = Election(service.store, service.settings.database_url)
    term = election.campaign()
    assert term is not None
    seen = []

    def look(store: object, _now: object) -> str:
        with service.store.reading() as session:
            seen.append(session.scalars(select(JobRun)).one().started_at)
        return "looked"

    task = Task("look", timedelta(minutes=1), look)
    enqueue(term.store, task)
    with service.store.reading() as session:
        waiting = session.scalars(select(JobRun)).one()
        assert (waiting.enqueued_at, waiting.started_at, waiting.ended_at) == (NOON, None, None)
    run_due(term.store, [task])

    with service.store.reading() as session:
        run = session.scalars(select(JobRun)).one()
        assert (run.started_at, run.ended_at, run.outcome) == (NOON, NOON, "looked")
    assert seen == [NOON]
    term.resign()
    election.close()


def test_what_a_dead_leader_enqueued_is_run_by_the_next_and_what_it_had_begun_is_not(service: Service) -> None:
    with service.store.writing() as session:
        session.add(JobRun(task="sweep", due_at=NOON - timedelta(days=1), epoch=0, enqueued_at=NOON))
        begun = JobRun(task="ledger.checkpoint", due_at=NOON - timedelta(days=1), epoch=0, enqueued_at=NOON)
        begun.started_at = NOON
        session.add(begun)

    run_once(service, settle_seconds=0)

    with service.store.reading() as session:
        found = dict(
            session.execute(select(JobRun.task, JobRun.outcome).where(JobRun.due_at == NOON - timedelta(days=1))).all()
        )
    assert found["ledger.checkpoint"] == "abandoned"
    assert found["sweep"] == "0 files, 0 runs"


def test_a_lease_of_a_clock_that_has_been_put_back_keeps_nobody_from_leading(service: Service) -> None:
    """Its holder was killed, so it is not written anew; else nobody led until the clock had caught up with it."""
    ends = SystemClock().now() + timedelta(days=1)
    with service.store.writing() as session:
        session.add(LeaderLease(name=LEASE_NAME, holder="killed", epoch=7, expires_at=ends))
    election = Election(service.store, service.settings.database_url)

    term = election.campaign()

    assert term is not None
    assert term.store.epoch == 8
    assert Election(service.store, service.settings.database_url).campaign() is None
    term.resign()
    election.close()
