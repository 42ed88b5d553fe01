"""Processes race for the same attempts: never are two of them allowed the same one, whatever is killed between."""

import json
import multiprocessing
import os
import signal
import threading
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from core.access import Caller, Role
from core.clock import FixedClock
from core.config import Settings
from dnc import lane
from dnc.gate import Question
from dnc.gathering import read_standing
from dnc.recorded import replay
from dnc.reservations import Reservation
from service import build_service
from tests.calls import log_call
from tests.integration.seeds import beside, dialer_of, verified
from tests.seeding import CAMPAIGN, FROM_LIST, FROM_PARTNER, TUESDAY_AT_TEN, Seeded, import_leads

NUMBERS = [f"+46701740{place}" for place in range(630, 654)]
RACERS = 3


def _race(settings: Settings, seller_id: str, racer: int, all_ready: Barrier, target: Path, dies: bool) -> None:
    """Ask for every number, each racer in an order of its own, and write down what was allowed."""
    service = build_service(settings, FixedClock(TUESDAY_AT_TEN))
    service.require_schema()
    caller = Caller(f"racer-{racer}", "racer", "key", Role.DIALER, seller_id)
    order = NUMBERS[racer * 8 :] + NUMBERS[: racer * 8]
    if racer % 2:
        order.reverse()
    all_ready.wait(120)
    if dies:
        threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGKILL)).start()
    allowed = []
    for start in range(0, len(order), 12):
        questions = [Question(number) for number in order[start : start + 12]]
        for question, answer in zip(questions, service.gate.ask_many(caller, CAMPAIGN, questions), strict=True):
            if answer.decision.may_call:
                allowed.append((question.number, answer.id))
        for question in questions:
            answer = service.gate.ask(caller, CAMPAIGN, question)
            if answer.decision.may_call:
                allowed.append((question.number, answer.id))
    service.close()
    target.write_text(json.dumps(allowed), encoding="utf-8")


def test_of_processes_that_ask_for_the_same_numbers_one_alone_is_allowed_each(seeded: Seeded, tmp_path: Path) -> None:
    """Whole batches and single checks in opposite orders, so that keys taken out of order would deadlock.

    One racer is killed on the way: what it took stays held, and by it alone.
    """
    import_leads(seeded.service, tmp_path, "sommartavlingen", NUMBERS)
    context, targets = multiprocessing.get_context("spawn"), [tmp_path / f"allowed-{place}" for place in range(RACERS)]
    all_ready = context.Barrier(RACERS)
    racers = [
        context.Process(
            target=_race,
            args=(seeded.service.settings, seeded.seller_id, place, all_ready, target, place == 0),
        )
        for place, target in enumerate(targets)
    ]
    for racer in racers:
        racer.start()
    for place, racer in enumerate(racers):
        racer.join(120)
        assert racer.exitcode == 0 or (place == 0 and racer.exitcode is not None)

    allowed_to: dict[str, set[int]] = defaultdict(set)
    for place, target in enumerate(targets):
        if target.exists():
            for number, _id in json.loads(target.read_text(encoding="utf-8")):
                allowed_to[number].add(place)
    assert {number: who for number, who in allowed_to.items() if len(who) > 1} == {}
    with seeded.service.store.reading() as session:
        held = {f"+{row.number}": row.held_by for row in session.scalars(select(Reservation))}
        assert replay(session).differences == ()
    assert set(held) == set(NUMBERS)
    for number, who in allowed_to.items():
        assert {held[number]} == {f"key:racer-{place}" for place in who}
    assert verified(seeded.service).findings == ()


def test_a_call_checked_made_and_logged_between_anothers_reading_and_writing_is_seen(
    seeded: Seeded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On PostgreSQL the other check is held after it read its facts; on SQLite nobody writes in between."""
    if seeded.service.store.engine.dialect.name == "sqlite":
        return
    node, one = beside(seeded), dialer_of(seeded)
    other = replace(one, id="dialer-2", name="another dialer")
    has_read, go_on, reads = threading.Event(), threading.Event(), []

    def held(*args: Any, **kw: Any) -> Any:
        found = read_standing(*args, **kw)
        reads.append(threading.get_ident())
        if len(reads) == 1:
            has_read.set()
            assert go_on.wait(30)
        return found

    with monkeypatch.context() as patched, ThreadPoolExecutor(1) as pool:
        patched.setattr(lane, "read_standing", held)
        slow = pool.submit(seeded.service.gate.ask, other, CAMPAIGN, Question(FROM_PARTNER))
        assert has_read.wait(30)
        answer = node.gate.ask(one, CAMPAIGN, Question(FROM_PARTNER))
        assert answer.decision.may_call
        assert log_call(node, one, answer.id, "in between").permitted
        go_on.set()
        refused = slow.result(30)

    assert [reason.code for reason in refused.decision.reasons] == ["attempts_gap"]
    assert refused.decision.retry_at == seeded.clock.now() + timedelta(hours=4)
    assert node.gate.ask(other, CAMPAIGN, Question(FROM_LIST)).decision.may_call
    node.close()


def test_threads_of_one_process_with_keys_of_their_own_share_no_attempt(seeded: Seeded) -> None:
    callers = [replace(dialer_of(seeded), id=f"dialer-{place}") for place in range(16)]
    barrier = threading.Barrier(len(callers))

    def at_once(caller: Caller) -> bool:
        barrier.wait()
        return seeded.service.gate.ask(caller, CAMPAIGN, Question(FROM_PARTNER)).decision.may_call

    with ThreadPoolExecutor(len(callers)) as pool:
        assert sorted(pool.map(at_once, callers)) == [False] * 15 + [True]
