"""The job that goes on with screenings over HTTP which nobody works on any more."""

from datetime import timedelta

import pytest

from dnc.screenings.service import ALIVE_FOR, ask_screening, resume_screening
from jobs.screenings import ScreeningWork
from tests.seeding import CAMPAIGN, OPERATOR, Seeded


class Ended:
    """A process that ended at once, whatever it was to do."""

    def poll(self) -> int:
        """Return its exit code."""
        return 1


def test_a_screening_that_ends_its_process_each_time_keeps_no_other_waiting(
    seeded: Seeded, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, clock, begun = seeded.service.store, seeded.clock, list[str]()
    ids = []
    for _ in range(2):
        with store.writing() as session:
            ids.append(ask_screening(session, OPERATOR, campaign=CAMPAIGN, file=None, now=clock.now()).id)
        clock.at += timedelta(seconds=1)
    clock.at += ALIVE_FOR

    def begin(command: list[str], **_how: object) -> Ended:
        begun.append(command[-1])
        return Ended()

    monkeypatch.setattr("service.subprocess.Popen", begin)
    work = ScreeningWork(seeded.service.settings)
    said = [work.go_on(store, clock.now()) for _ in range(3)]
    assert begun == ids
    assert said == ["2 left alone, 0 given up", "1 left alone, 0 given up", "0 left alone, 0 given up"]

    clock.at += ALIVE_FOR + timedelta(seconds=1)
    work.go_on(store, clock.now())
    assert begun == [*ids, ids[0]]


def test_screenings_that_were_begun_by_a_clock_put_back_since_are_gone_on_with(
    seeded: Seeded, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, now, begun, ids = seeded.service.store, seeded.clock.now(), list[str](), list[str]()
    for _ in range(2):
        with store.writing() as session:
            later = now + timedelta(days=365)
            ids.append(ask_screening(session, OPERATOR, campaign=CAMPAIGN, file=None, now=later).id)

    def begin(command: list[str], **_how: object) -> Ended:
        begun.append(command[-1])
        return Ended()

    monkeypatch.setattr("service.subprocess.Popen", begin)
    with store.writing() as session:
        assert resume_screening(session, OPERATOR, ids[0], now).ran_at == now
    ScreeningWork(seeded.service.settings).go_on(store, now)

    assert begun == [ids[1]]
