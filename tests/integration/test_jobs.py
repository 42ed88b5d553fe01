"""One process of many runs the jobs; when it dies another takes over, and whoever led before can no longer write."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from core.clock import FixedClock
from core.ledger import LedgerEntry
from jobs.leader import Election, FencedStore, Leadership, NoLongerLeader
from jobs.models import JobRun, LeaderLease
from jobs.register_inbox import RegisterInbox
from jobs.run import run_due, run_jobs
from jobs.schedule import Schedule, enqueue
from jobs.tasks import Task, tasks_for
from service import Service
from tests.registers import LISTED, NOON, in_force_id, load, written_file

ROOT = Path(__file__).parents[2]
WARNINGS = ("register.missing", "register.ageing", "register.stale")
DEADLINE = 40.0
MINUTE = timedelta(minutes=1)

JOBS = """
import sys
from datetime import timedelta
from pathlib import Path
from core.clock import SystemClock
from jobs.run import run_jobs
from jobs.tasks import Task
from tests.registers import service_for

url, folder = sys.argv[1:]
tick = Task("tick", timedelta(seconds=1), lambda store, now: "ticked")
run_jobs(service_for(url, Path(folder), SystemClock()), tasks=[tick], lease=timedelta(seconds=2))
"""


def _until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


@contextmanager
def _jobs_process(service: Service) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-c", JOBS, service.settings.database_url, service.settings.data_dir],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _epoch_and_pid(service: Service) -> tuple[int, int]:
    """Return the newest epoch and the process that holds it; zeros if nobody ever led."""
    with service.store.reading() as session:
        row = session.execute(select(LeaderLease.epoch, LeaderLease.holder)).one_or_none()
    return (row.epoch, int(row.holder.split(":")[1])) if row else (0, 0)


def _ticks(service: Service, epoch: int) -> int:
    with service.store.reading() as session:
        ended = select(func.count()).select_from(JobRun).where(JobRun.epoch == epoch, JobRun.outcome == "ticked")
        return session.scalar(ended) or 0


def test_when_the_leader_is_killed_the_other_process_leads_and_runs_the_tasks(service: Service) -> None:
    with _jobs_process(service) as one, _jobs_process(service) as other:
        _until(lambda: _ticks(service, 1) > 0, "nobody ran a task")
        _, leader = _epoch_and_pid(service)
        (one if one.pid == leader else other).send_signal(signal.SIGKILL)

        _until(lambda: _ticks(service, 2) > 0, "nobody took over")

        assert _epoch_and_pid(service)[1] == ({one.pid, other.pid} - {leader}).pop()


def test_a_leader_that_was_stopped_writes_nothing_when_it_wakes_up(service: Service) -> None:
    with _jobs_process(service) as one, _jobs_process(service) as other:
        _until(lambda: _ticks(service, 1) > 0, "nobody ran a task")
        _, leader = _epoch_and_pid(service)
        stopped = one if one.pid == leader else other
        stopped.send_signal(signal.SIGSTOP)
        _until(lambda: _ticks(service, 2) > 0, "nobody took over from the one that was stopped")
        before = _ticks(service, 1)
        stopped.send_signal(signal.SIGCONT)
        so_far = _ticks(service, 2)
        _until(lambda: _ticks(service, 2) > so_far + 1, "the new leader stopped")

        assert _ticks(service, 1) == before
        assert _epoch_and_pid(service)[0] == 2


def test_a_process_that_is_told_to_stop_stops_cleanly_and_the_other_leads_at_once(service: Service) -> None:
    with _jobs_process(service) as one:
        _until(lambda: _ticks(service, 1) > 0, "nobody ran a task")
        one.send_signal(signal.SIGTERM)

        assert one.wait(DEADLINE) == 0
        election = Election(service.store, service.settings.database_url)
        term = election.campaign()
        assert term is not None
        assert term.store.epoch == 2
        term.resign()
        election.close()


def test_there_is_one_leader_at_a_time(service: Service, leadership: Leadership) -> None:
    other = Election(service.store, service.settings.database_url)

    assert other.campaign() is None
    other.close()


def test_an_effect_of_a_leader_before_this_one_is_not_kept(service: Service, leadership: Leadership) -> None:
    outdated = FencedStore(service.store, leadership.store.epoch - 1)

    with pytest.raises(NoLongerLeader), outdated.writing() as session:
        session.add(JobRun(task="late", due_at=NOON, epoch=0, enqueued_at=NOON))

    with service.store.reading() as session:
        assert session.scalar(select(func.count()).select_from(JobRun)) == 0


def test_a_register_is_not_put_in_force_by_a_leader_before_this_one(service: Service, leadership: Leadership) -> None:
    inbox, path = _inbox(service)
    inbox.pick_up(leadership.store, NOON)

    with pytest.raises(ExceptionGroup):
        inbox.pick_up(FencedStore(service.store, leadership.store.epoch - 1), NOON)

    assert in_force_id(service) is None
    assert path.exists()


def test_a_task_enqueued_twice_runs_once(service: Service, leadership: Leadership) -> None:
    ran = []

    def count(_store: FencedStore, now: datetime) -> str:
        ran.append(now)
        return "counted"

    task = Task("count", MINUTE, count)

    assert enqueue(leadership.store, task)
    assert not enqueue(leadership.store, task)
    run_due(leadership.store, [task])
    assert not enqueue(leadership.store, task)
    run_due(leadership.store, [task])

    assert ran == [NOON]


def test_a_clock_that_is_put_back_or_ahead_keeps_no_task_waiting(service: Service, leadership: Leadership) -> None:
    clock = service.clock
    assert isinstance(clock, FixedClock)
    task = Task("count", MINUTE, lambda store, now: "counted")
    schedule = Schedule(leadership.store, [task], lambda: None)
    schedule.start()
    try:
        assert run_due(leadership.store, [task])
        for hours in (3, -2, 24, -1):
            clock.at += timedelta(hours=hours)
            _until(lambda: bool(run_due(leadership.store, [task])), f"no run after {hours} hours")
    finally:
        schedule.stop()


class LookedAway(Schedule):
    """A schedule as a wall clock leaves it that was put back by an hour: its next look lies so far ahead."""

    def start(self) -> None:
        super().start()
        self._look_again.modify(next_run_time=datetime.now(UTC) + timedelta(hours=1))


def test_a_wall_clock_that_is_put_back_stops_no_jobs(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, ran, stop = service.clock, list[datetime](), threading.Event()
    assert isinstance(clock, FixedClock)
    monkeypatch.setattr("jobs.run.Schedule", LookedAway)

    def count(_store: FencedStore, now: datetime) -> str:
        ran.append(now)
        return "counted"

    task = Task("count", MINUTE, count)
    leading = threading.Thread(target=run_jobs, args=(service,), kwargs={"stop": stop, "tasks": [task]})
    leading.start()
    try:
        _until(lambda: len(ran) == 1, "no run at first")
        clock.at += MINUTE
        _until(lambda: len(ran) == 2, "no run after the wall clock was put back")
    finally:
        stop.set()
        leading.join()


def test_a_run_that_was_written_down_by_a_clock_ahead_is_due_again(service: Service, leadership: Leadership) -> None:
    clock = service.clock
    assert isinstance(clock, FixedClock)
    task = Task("count", timedelta(hours=1), lambda store, now: "counted")
    clock.at += timedelta(minutes=40)
    assert enqueue(leadership.store, task)
    run_due(leadership.store, [task])

    clock.at -= timedelta(minutes=30)

    assert enqueue(leadership.store, task)
    assert run_due(leadership.store, [task]) == {"count": "counted"}
    assert not enqueue(leadership.store, task)


def test_a_task_that_raises_is_recorded_and_does_not_stop_the_others(service: Service, leadership: Leadership) -> None:
    def fail(_store: FencedStore, _now: datetime) -> str:
        raise ZeroDivisionError

    tasks = [Task("a.bad", MINUTE, fail), Task("b.good", MINUTE, lambda store, now: "well")]
    for task in tasks:
        enqueue(leadership.store, task)

    assert run_due(leadership.store, tasks) == {"a.bad": "failed: ZeroDivisionError", "b.good": "well"}
    assert isinstance(service.clock, FixedClock)
    service.clock.at += MINUTE
    assert enqueue(leadership.store, tasks[0])


def test_every_task_of_an_installation_runs_well(service: Service, leadership: Leadership) -> None:
    tasks = tasks_for(service)
    for task in tasks:
        enqueue(leadership.store, task)

    outcomes = run_due(leadership.store, tasks)

    assert set(outcomes) == {task.name for task in tasks}
    assert not [outcome for outcome in outcomes.values() if outcome.startswith("failed")]


def warned_at(service: Service, now: datetime) -> str:
    """Return what the task that warns of registers says of the installation at ``now``."""
    [task] = [task for task in tasks_for(service) if task.name == "registers.warn"]
    with closing(Election(service.store, service.settings.database_url)) as election:
        term = election.campaign()
        assert term is not None
        told = task.run(term.store, now)
        term.resign()
    return told


@pytest.mark.parametrize(
    ("now", "kind"),
    [
        (datetime(2027, 1, 5, 12, tzinfo=UTC), "register.ageing"),
        (datetime(2027, 1, 15, 12, tzinfo=UTC), "register.stale"),
    ],
)
def test_a_register_near_its_end_is_warned_of_once_a_day(
    service: Service, tmp_path: Path, caplog: pytest.LogCaptureFixture, now: datetime, kind: str
) -> None:
    load(service, written_file(tmp_path / "a.txt"), date(2026, 11, 15))
    for hours in (0, 1, 24):
        warned_at(service, now + timedelta(hours=hours))

    with service.store.reading() as session:
        count = session.scalar(select(func.count()).select_from(LedgerEntry).where(LedgerEntry.kind == kind))
    assert count == 2
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]


def test_a_register_that_was_never_loaded_is_warned_of_on_record_without_a_date(service: Service) -> None:
    assert warned_at(service, NOON) == "1 warnings"
    assert warned_at(service, NOON + timedelta(hours=1)) == "0 warnings"

    with service.store.reading() as session:
        kept = select(LedgerEntry.subject, LedgerEntry.payload).where(LedgerEntry.kind == "register.missing")
        [(subject, payload)] = session.execute(kept).all()
    assert subject == "nix"
    assert json.loads(payload or "") == {"state": "missing", "as_of": None, "valid_until": None}


def test_a_register_that_goes_from_ageing_to_stale_is_warned_of_anew(service: Service, tmp_path: Path) -> None:
    load(service, written_file(tmp_path / "a.txt"), date(2026, 11, 15))
    ends = datetime(2027, 1, 15, tzinfo=UTC)
    for moment in (ends - timedelta(hours=13), ends + timedelta(hours=12)):
        warned_at(service, moment)

    with service.store.reading() as session:
        kept = select(LedgerEntry.kind, LedgerEntry.payload).where(LedgerEntry.kind.in_(WARNINGS))
        warned = [(kind, json.loads(payload or "")["state"]) for kind, payload in session.execute(kept)]
    assert warned == [("register.ageing", "ageing"), ("register.stale", "stale")]


def test_a_register_whose_snapshot_is_damaged_is_warned_of_once_a_day(service: Service, tmp_path: Path) -> None:
    load(service, written_file(tmp_path / "a.txt"), date(2026, 11, 15))
    assert warned_at(service, NOON) == "0 warnings"
    [snapshot] = service.settings.registers_dir.glob("*.snapshot")
    snapshot.write_bytes(snapshot.read_bytes()[:-1])

    assert [warned_at(service, NOON + timedelta(hours=hours)) for hours in (1, 2)] == ["1 warnings", "0 warnings"]

    with service.store.reading() as session:
        kinds = session.scalars(select(LedgerEntry.kind).where(LedgerEntry.subject == "nix")).all()
    assert kinds[-1] == "register.unreadable"


def test_a_fresh_register_is_not_warned_of(service: Service, tmp_path: Path) -> None:
    load(service, written_file(tmp_path / "a.txt"), date(2026, 11, 15))

    assert warned_at(service, NOON) == "0 warnings"


def _inbox(service: Service, name: str = "nix-2026-11-15.txt") -> tuple[RegisterInbox, Path]:
    """Return an inbox that looks again at once, with one good file in it."""
    inbox = RegisterInbox(service.settings, settle_seconds=0)
    inbox.directory.mkdir(parents=True)
    return inbox, written_file(inbox.directory / name)


def test_a_file_in_the_inbox_is_loaded_at_the_second_look_and_kept(service: Service) -> None:
    inbox, path = _inbox(service)

    assert inbox.pick_up(service.store, NOON) == {}
    assert inbox.pick_up(service.store, NOON) == {path.name: "done"}

    assert in_force_id(service) is not None
    assert not path.exists()
    assert (inbox.directory / "done" / path.name).exists()
    assert inbox.pick_up(service.store, NOON) == {}


def test_a_file_that_is_still_being_written_is_not_touched(service: Service) -> None:
    inbox, path = _inbox(service)
    for number in LISTED[:3]:
        assert inbox.pick_up(service.store, NOON) == {}
        with path.open("a", encoding="utf-8") as file:
            file.write(f"+{number}\n")

    assert inbox.pick_up(service.store, NOON) == {}
    assert inbox.pick_up(service.store, NOON) == {path.name: "done"}


def test_a_file_waits_until_it_has_stood_still_long_enough(service: Service) -> None:
    _, path = _inbox(service)
    seconds = [0.0]
    inbox = RegisterInbox(service.settings, settle_seconds=10, monotonic=lambda: seconds[0])

    for at, outcome in ((0.0, {}), (5.0, {}), (9.9, {}), (10.0, {path.name: "done"})):
        seconds[0] = at
        assert inbox.pick_up(service.store, NOON) == outcome


def test_a_partial_name_is_never_touched(service: Service) -> None:
    inbox, path = _inbox(service, "nix-2026-11-15.txt.part")

    assert inbox.pick_up(service.store, NOON) == inbox.pick_up(service.store, NOON) == {}
    assert path.exists()


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("nix.txt", None, "register-date-missing"),
        ("nix-2026-11-31.txt", None, "register-date-missing"),
        ("readme.pdf", None, "register-date-missing"),
        ("nix-2026-11-21.csv", None, "register-date-in-future"),
        ("xin-2026-11-15.txt", None, "unknown-register"),
        ("nix-2026-11-15.txt.gz", "", "register-file-empty"),
    ],
)
def test_a_bad_file_is_set_aside_with_its_reason_and_the_next_one_is_loaded(
    service: Service, name: str, content: str | None, code: str
) -> None:
    inbox, _good = _inbox(service, "nix-2026-11-16.txt")
    bad = written_file(inbox.directory / name)
    if content is not None:
        bad.write_text(content, encoding="utf-8")

    inbox.pick_up(service.store, NOON)

    assert inbox.pick_up(service.store, NOON) == {name: code, "nix-2026-11-16.txt": "done"}
    assert (inbox.directory / "refused" / name).exists()
    reason = (inbox.directory / "refused" / f"{name}.reason.txt").read_text(encoding="utf-8")
    assert reason.startswith(f"{code}\n")


def test_a_file_of_the_same_name_as_one_set_aside_before_overwrites_nothing(service: Service) -> None:
    inbox, path = _inbox(service, "nix.txt")
    for _ in range(2):
        written_file(path)
        inbox.pick_up(service.store, NOON)
        inbox.pick_up(service.store, NOON)

    assert {file.name for file in (inbox.directory / "refused").iterdir()} == {
        "nix.txt",
        "nix.txt.reason.txt",
        "nix.txt.2",
        "nix.txt.2.reason.txt",
    }
