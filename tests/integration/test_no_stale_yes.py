"""No check that starts after a no was acknowledged says yes: processes and threads race, and the history is checked.

Every node writes down when each act started and when it was acknowledged, by the machine's one monotonic clock. The
checker knows nothing of the service; it is itself tested with histories in which a stale yes was planted.
"""

import json
import multiprocessing
import random
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass
from datetime import timedelta
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Literal

import pytest

from core.clock import FixedClock
from core.config import Settings
from core.numbers import Number, read_number
from dnc.gate import Question
from dnc.holds import close_hold, report_objection
from dnc.opt_outs import release_opt_out
from leads.pauses import pause_source, resume_source
from service import build_service
from tests.integration.seeds import KINDS, beside, dialer_of, seeded_service, verified
from tests.seeding import (
    CAMPAIGN,
    FROM_LIST,
    FROM_PARTNER,
    LIST_SOURCE,
    OPERATOR,
    TUESDAY_AT_TEN,
    Seeded,
    import_leads,
    opt_out,
)

SECONDS = 2.5
HELD = "+46701740620"
SUBJECTS = {FROM_PARTNER: "opt-out", FROM_LIST: "pause", HELD: "hold"}
Act = Literal["block", "free", "allow", "other"]


@dataclass(frozen=True, slots=True)
class Deed:
    """One act upon a number: when it started and when it was acknowledged; an act that failed has no end."""

    number: str
    act: Act
    started: float
    ended: float | None


def stale_answers(history: Sequence[Deed]) -> list[Deed]:
    """Return every check that said yes though a no had been acknowledged before it started and nothing freed it since.

    One actor alone blocks and frees each number, so its deeds are in order. What may have freed the number is generous:
    a release that had started, whether or not it was ever acknowledged, before the check ended.
    """
    stale = []
    for check in history:
        if check.act != "allow" or check.ended is None:
            continue
        turns = sorted(
            (deed for deed in history if deed.number == check.number and deed.act in ("block", "free")),
            key=lambda deed: deed.started,
        )
        blocked = [
            turn for turn in turns if turn.act == "block" and turn.ended is not None and turn.ended < check.started
        ]
        if blocked and not any(
            turn.act == "free" and blocked[-1].started < turn.started <= check.ended for turn in turns
        ):
            stale.append(check)
    return stale


def test_the_checker_finds_a_planted_stale_yes_and_nothing_else() -> None:
    def deed(act: Act, started: float, ended: float | None, number: str = "a") -> Deed:
        return Deed(number, act, started, ended)

    block = deed("block", 1, 2)
    stale = deed("allow", 2.1, 3)
    assert stale_answers([block, stale]) == [stale]
    assert stale_answers([block, deed("other", 2.1, 3)]) == []
    assert stale_answers([block, deed("allow", 1.9, 3)]) == []
    assert stale_answers([deed("block", 1, None), stale]) == []
    assert stale_answers([block, deed("free", 2.05, 2.08), stale]) == []
    assert stale_answers([block, deed("free", 2.5, None), stale]) == []
    assert stale_answers([block, deed("free", 3.5, 4), stale]) == [stale]
    assert stale_answers([block, deed("free", 2.05, 2.08, "b"), stale]) == [stale]
    again = [block, deed("free", 3, 4), deed("block", 5, 6), deed("allow", 6.1, 7)]
    assert stale_answers(again) == [again[-1]]


def _check(settings: Settings, seed: int, all_ready: Barrier, target: Path) -> None:
    """Ask on a node of this process's own, from several threads, and write the deeds to ``target``."""
    service = build_service(settings, FixedClock(TUESDAY_AT_TEN))
    service.require_schema()
    all_ready.wait(60)
    until = time.monotonic() + SECONDS

    def ask(thread: int) -> list[Deed]:
        chosen, deeds = random.Random(seed * 100 + thread), []
        while time.monotonic() < until:
            number, started = chosen.choice(sorted(SUBJECTS)), time.monotonic()
            answer = service.gate.ask(OPERATOR, CAMPAIGN, Question(number))
            act: Act = "allow" if answer.decision.may_call else "other"
            deeds.append(Deed(number, act, started, time.monotonic()))
        return deeds

    with ThreadPoolExecutor(4) as pool:
        found = [astuple(deed) for deeds in pool.map(ask, range(4)) for deed in deeds]
    service.close()
    target.write_text(json.dumps(found), encoding="utf-8")


def _block_and_free(seeded: Seeded, number: str, until: float, seed: int) -> list[Deed]:
    """Block and free one number over and over, on a node of its own, and return the deeds; it asks in between too."""
    node, chosen, deeds = beside(seeded), random.Random(seed), list[Deed]()
    read = read_number(number)
    assert isinstance(read, Number)
    now = node.clock.now()

    def ask() -> None:
        started = time.monotonic()
        answer = node.gate.ask(OPERATOR, CAMPAIGN, Question(number))
        deeds.append(Deed(number, "allow" if answer.decision.may_call else "other", started, time.monotonic()))

    while time.monotonic() < until:
        started = time.monotonic()
        if SUBJECTS[number] == "opt-out":
            id_ = opt_out(node, number, seeded.seller_id)
        elif SUBJECTS[number] == "hold":
            with node.store.writing() as session:
                id_ = report_objection(
                    session, OPERATOR, node.keyring, number=read.value, seller_id=seeded.seller_id, note="", now=now
                ).id
        else:
            id_ = ""
            with node.store.writing() as session:
                pause_source(session, OPERATOR, slug=LIST_SOURCE, reason="race", now=now)
        deeds.append(Deed(number, "block", started, time.monotonic()))
        ask()
        time.sleep(chosen.random() * 0.02)
        started = time.monotonic()
        with node.store.writing() as session:
            if SUBJECTS[number] == "opt-out":
                release_opt_out(
                    session,
                    OPERATOR,
                    node.keyring,
                    opt_out_id=id_,
                    asked_by_person_at=now + timedelta(minutes=1),
                    verified_by="race",
                    note="",
                    now=now,
                )
            elif SUBJECTS[number] == "hold":
                close_hold(session, OPERATOR, node.keyring, hold_id=id_, resolution="race", now=now)
            else:
                resume_source(session, OPERATOR, slug=LIST_SOURCE, now=now)
        deeds.append(Deed(number, "free", started, time.monotonic()))
        ask()
        time.sleep(chosen.random() * 0.02)
    node.close()
    return deeds


@pytest.mark.parametrize("kind", KINDS)
def test_no_check_that_starts_after_a_no_was_acknowledged_says_yes(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with seeded_service(request, kind, tmp_path) as seeded:
        import_leads(seeded.service, tmp_path, "sommartavlingen", [HELD])
        for number in SUBJECTS:
            assert seeded.service.gate.ask(dialer_of(seeded), CAMPAIGN, Question(number)).decision.may_call
        context, targets = multiprocessing.get_context("spawn"), [tmp_path / f"deeds-{place}" for place in range(3)]
        all_ready = context.Barrier(len(targets) + 1)
        checkers = [
            context.Process(target=_check, args=(seeded.service.settings, place, all_ready, target))
            for place, target in enumerate(targets)
        ]
        for checker in checkers:
            checker.start()
        all_ready.wait(60)
        until = time.monotonic() + SECONDS
        with ThreadPoolExecutor(3) as pool:
            actors = [
                pool.submit(_block_and_free, seeded, number, until, place) for place, number in enumerate(SUBJECTS)
            ]
            history = [deed for actor in actors for deed in actor.result()]
        for checker in checkers:
            checker.join(30)
            assert checker.exitcode == 0
        for target in targets:
            history += [Deed(*deed) for deed in json.loads(target.read_text(encoding="utf-8"))]

        assert stale_answers(history) == []
        for number in SUBJECTS:
            acts = {deed.act for deed in history if deed.number == number}
            assert acts == {"block", "free", "allow", "other"}, "the race must have shown both answers"
        assert verified(seeded.service).findings == ()
