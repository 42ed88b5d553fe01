"""The gate under load, and over a database that stands still: who waits is told so, and nobody waits for ever."""

import random
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from core.database import PATIENCE
from core.errors import Overloaded, StorageUnavailable
from dnc import lane
from dnc.answers import Answer
from dnc.drafts import Turn
from dnc.gate import Question
from dnc.gathering import read_standing
from dnc.lane import WAITING_LIMIT
from tests.integration.seeds import dialer_of, verified
from tests.seeding import CAMPAIGN, FROM_PARTNER, Seeded

CALLERS, TIMES = 8, 40


def ask(seeded: Seeded) -> Answer:
    """Ask for a number that may be called."""
    return seeded.service.gate.ask(dialer_of(seeded), CAMPAIGN, Question(FROM_PARTNER))


@contextmanager
def standing_still(
    seeded: Seeded, monkeypatch: pytest.MonkeyPatch, pool: ThreadPoolExecutor
) -> Iterator[Future[Answer]]:
    """Give a check whose group reads its facts, and gets them when the block has ended."""
    inside, go_on = threading.Event(), threading.Event()

    def held(*args: Any, **kw: Any) -> Any:
        inside.set()
        assert go_on.wait(60)
        return read_standing(*args, **kw)

    monkeypatch.setattr(lane, "read_standing", held)
    first = pool.submit(ask, seeded)
    try:
        assert inside.wait(30)
        yield first
    finally:
        go_on.set()


def until_so_many_wait(seeded: Seeded, count: int) -> None:
    """Return once as many checks wait behind the group."""
    while len(seeded.service.gate.lanes[0]._waiting) < count:
        threading.Event().wait(0.001)


def test_beyond_the_limit_of_waiters_the_gate_says_that_it_is_busy(
    seeded: Seeded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first asker is held inside its group; as many as the limit wait behind it, and one more is refused."""
    monkeypatch.setattr(lane, "WAITING_LIMIT", 4)
    assert WAITING_LIMIT > 100
    with ThreadPoolExecutor(5) as pool:
        with standing_still(seeded, monkeypatch, pool) as first:
            waiting = [pool.submit(ask, seeded) for _ in range(4)]
            until_so_many_wait(seeded, 4)
            with pytest.raises(Overloaded):
                ask(seeded)
        assert all(future.result(30).decision.may_call for future in [first, *waiting])
    assert ask(seeded).decision.may_call


def test_while_the_database_stands_still_who_waits_is_refused_and_who_comes_is_not_kept_waiting(
    seeded: Seeded, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ThreadPoolExecutor(5) as pool:
        with standing_still(seeded, monkeypatch, pool) as first:
            waiting = [pool.submit(ask, seeded) for _ in range(2)]
            until_so_many_wait(seeded, 2)
            monkeypatch.setattr(lane, "PATIENCE", 0.001)
            impatient = pool.submit(ask, seeded)
            with pytest.raises(StorageUnavailable, match=f"not answered for {PATIENCE:.0f} seconds"):
                impatient.result(30)
            monkeypatch.setattr(Turn, "wait", None)  # it waits for nobody
            with pytest.raises(StorageUnavailable):
                ask(seeded)
            assert not any(future.done() for future in [first, *waiting])  # whoever came before waits for its own time
            monkeypatch.undo()
        assert all(future.result(30).decision.may_call for future in [first, *waiting])
    assert ask(seeded).decision.may_call


def test_a_turn_that_comes_as_the_time_is_up_is_taken(seeded: Seeded, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were it not, the lead would be handed to somebody who is gone, and nobody would ever be answered again."""
    wait = Turn.wait

    def too_late(turn: Turn, seconds: float) -> bool:
        if seconds:
            assert wait(turn, 60)
            turn.give()
            return False
        return wait(turn, 0)

    monkeypatch.setattr(Turn, "wait", too_late)
    with ThreadPoolExecutor(5) as pool:
        with standing_still(seeded, monkeypatch, pool) as first:
            waiting = [pool.submit(ask, seeded) for _ in range(3)]
            until_so_many_wait(seeded, 3)
        assert all(future.result(30).decision.may_call for future in [first, *waiting])
    assert ask(seeded).decision.may_call


def test_groups_that_take_as_long_as_anybody_waits_leave_nobody_behind(
    on_sqlite: Seeded, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(11)

    def slow(*args: Any, **kw: Any) -> Any:
        threading.Event().wait(chance.random() * 0.02)
        return read_standing(*args, **kw)

    def ask_on(_caller: int) -> Counter[str]:
        told = Counter[str]()
        for _ in range(TIMES):
            try:
                told[ask(on_sqlite).decision.verdict] += 1
            except StorageUnavailable:
                told["refused"] += 1
        return told

    with monkeypatch.context() as patched, ThreadPoolExecutor(CALLERS) as pool:
        patched.setattr(lane, "PATIENCE", 0.01)
        patched.setattr(lane, "read_standing", slow)
        told = sum(pool.map(ask_on, range(CALLERS), timeout=120), Counter[str]())
    assert told.keys() == {"allow", "refused"}
    assert told.total() == CALLERS * TIMES
    assert ask(on_sqlite).decision.may_call
    assert verified(on_sqlite.service).findings == ()
