"""No check that starts after a no was acknowledged says yes, on any node, whatever happens to nodes and database.

Nodes are processes of their own that ask over and over. Meanwhile numbers are blocked and freed in five ways, nodes are
killed, stopped and started, their clocks jump, and PostgreSQL is killed. Then the history is checked; the checker is
itself tested, with planted histories and with a node that has the fault.
"""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import select

from dnc.gate import Question
from dnc.models import Check
from service import environment_for
from tests.integration.actors import ACTORS, HELD, REGISTERED, SWAPPED, OptingOut, Withdrawing
from tests.integration.deeds import Act, Deed, read_diaries, stale_answers
from tests.integration.seeds import KINDS, beside, seeded_apart, seeded_service, verified
from tests.postgres import PostgresServer
from tests.seeding import CAMPAIGN, FROM_PARTNER, OPERATOR, Seeded, import_leads, load_listed, opt_out

ROOT = Path(__file__).parent.parent.parent
SECONDS, NODES = 5.0, 2
NUMBERS = [actor.number for actor in ACTORS]
JUMPS = (-5400, -60, 0, 60, 5400)
"""By how many seconds a node's clock is wrong: it stays within the hours at which calls may be made."""


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
    in_doubt = [block, deed("free", 3, None), deed("allow", 3.1, 4), deed("free", 5, 6), deed("allow", 6.1, 7)]
    assert stale_answers(in_doubt) == []


class Node:
    """A process that asks, and its diary."""

    def __init__(self, seeded: Seeded, folder: Path, place: int, *options: str) -> None:
        self.offset, self.diary = folder / f"offset-{place}", folder / f"diary-{place}"
        self.offset.write_text("0", encoding="ascii")
        self.diary.touch()
        arguments = [str(folder), str(place), ",".join(NUMBERS), *options]
        self._command = [sys.executable, "-m", "tests.integration.node", *arguments]
        self._environment = environment_for(seeded.service.settings)
        self.starts = 0
        self.start()

    def start(self) -> None:
        """Start it, or start it again after it was killed."""
        self._process = subprocess.Popen(self._command, cwd=ROOT, env=self._environment, stderr=subprocess.PIPE)
        self.starts += 1

    def send(self, number: signal.Signals) -> None:
        """Send the process a signal."""
        assert self._process.poll() is None, (self._process.stderr and self._process.stderr.read()) or b""
        self._process.send_signal(number)

    def kill(self) -> None:
        """Kill it and see it gone."""
        self.send(signal.SIGKILL)
        self._process.wait(30)
        assert self._process.stderr is not None
        self._process.stderr.close()

    def mislead(self, seconds: int) -> None:
        """Set its clock wrong, in one step."""
        beside_it = self.offset.with_suffix(".new")
        beside_it.write_text(str(seconds), encoding="ascii")
        beside_it.rename(self.offset)

    def has_answered(self, deeds: int = 1) -> bool:
        """Say whether so many answers are in its diary."""
        return self.diary.read_bytes().count(b"\n") >= deeds


@contextmanager
def nodes(seeded: Seeded, folder: Path, count: int, *options: str) -> Iterator[list[Node]]:
    """Give running nodes that have answered, and kill them in the end."""
    started: list[Node] = []
    try:
        started.extend(Node(seeded, folder, place, *options) for place in range(count))
        wait_for(lambda: all(node.has_answered() for node in started))
        yield started
    finally:
        for node in started:
            node.kill()


def wait_for(what: object) -> None:
    """Wait until it is so, for a minute at most."""
    assert callable(what)
    until = time.monotonic() + 60
    while not what():
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.mark.parametrize("kind", KINDS)
def test_no_check_that_starts_after_a_no_was_acknowledged_says_yes(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with seeded_apart(request, kind, tmp_path) as (seeded, server):
        import_leads(seeded.service, tmp_path, "sommartavlingen", [HELD, SWAPPED])
        load_listed(seeded.service, tmp_path, REGISTERED)
        actors = [actor(beside(seeded), seeded.seller_id, tmp_path) for actor in ACTORS]
        for number in NUMBERS:
            assert seeded.service.gate.ask(OPERATOR, CAMPAIGN, Question(number)).decision.may_call
        with nodes(seeded, tmp_path, NODES) as asking, ThreadPoolExecutor(len(actors)) as pool:
            until = time.monotonic() + SECONDS
            acting = [pool.submit(actor.act, until, place) for place, actor in enumerate(actors)]
            _trouble(asking, server, until, random.Random(f"trouble {kind}"))
            for one in acting:
                one.result()
        for actor in actors:
            actor.node.close()

        history = [deed for actor in actors for deed in actor.deeds] + read_diaries(node.diary for node in asking)
        assert stale_answers(history) == []
        assert all(node.starts > 1 for node in asking), "each node must have been killed"
        for number in NUMBERS:
            acts = {deed.act for deed in history if deed.number == number}
            assert acts == {"block", "free", "allow", "other"}, f"the race must have shown both answers of {number}"
        with seeded.service.store.reading() as session:
            on_record = set(session.scalars(select(Check.id)))
        assert {deed.check_id for deed in history if deed.check_id} <= on_record
        assert verified(seeded.service).findings == ()


def _trouble(asking: list[Node], server: PostgresServer | None, until: float, chosen: random.Random) -> None:
    """Kill, stop and mislead nodes, and kill the database, until the moment has come; each at least once."""
    waiting = [*(("kill", node) for node in asking), ("stop", asking[0]), ("mislead", asking[1])]
    if server is not None:
        waiting.append(("database", asking[0]))
    chosen.shuffle(waiting)
    while waiting or time.monotonic() < until:
        what, node = waiting.pop() if waiting else (chosen.choice(["stop", "mislead"]), chosen.choice(asking))
        if what == "kill":
            node.kill()
            node.start()
        elif what == "stop":
            node.send(signal.SIGSTOP)
            time.sleep(0.3)
            node.send(signal.SIGCONT)
        elif what == "mislead":
            node.mislead(chosen.choice(JUMPS))
        else:
            assert server is not None
            server.kill9()
            server.start()
        time.sleep(chosen.uniform(0.1, 0.4))
    for node in asking:
        wait_for(lambda node=node: node.has_answered(2))


def test_the_checker_finds_a_node_that_keeps_what_it_once_read(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    with seeded_service(request, "sqlite", tmp_path) as seeded:
        for actor in (OptingOut, Withdrawing):
            actor(seeded.service, seeded.seller_id, tmp_path)
        with nodes(seeded, tmp_path, 1, "--forgetful") as [node]:
            wait_for(lambda: any(deed.number == FROM_PARTNER for deed in read_diaries([node.diary])))
            started = time.monotonic()
            opt_out(seeded.service, FROM_PARTNER, seeded.seller_id)
            block = Deed(FROM_PARTNER, "block", started, time.monotonic())
            wait_for(lambda: stale_answers([block, *read_diaries([node.diary])]))
