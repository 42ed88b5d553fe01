"""A node that asks over and over, as a process of its own, to be killed, stopped and misled: ``python -m … PLACE``.

One of its threads asks batches, in parts as small as can be, so that they go through all lanes. It keeps a diary of
what it was answered. Its clock is wrong by what the file ``offset`` says, and may change at any moment.
``--forgetful`` plants the fault that the checker must find: the facts of a number are read once and then kept.
"""

import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import dnc.gate
import dnc.lane
from core.config import load_settings
from core.errors import ServiceError
from dnc.gate import Question
from service import build_service
from tests.integration.deeds import Act, Deed, Diary
from tests.seeding import CAMPAIGN, OPERATOR, TUESDAY_AT_TEN

THREADS, BATCH = 3, 5


class MisledClock:
    """A clock that is wrong by as many seconds as a file says, read anew each time."""

    def __init__(self, offset: Path) -> None:
        self._offset = offset

    def now(self) -> datetime:
        """Return the moment that this node takes for the present."""
        return TUESDAY_AT_TEN + timedelta(seconds=float(self._offset.read_text("ascii") or 0))


def main(folder: Path, place: int, numbers: list[str], *, forgetful: bool) -> None:
    """Ask until killed."""
    if forgetful:
        _forget_nothing()
    gate: Any = dnc.gate  # what it imports is not its own to give: mypy is right, and this is what shall be small
    gate.GROUP_LIMIT = 2
    service = build_service(load_settings(), MisledClock(folder / f"offset-{place}"))
    diary = Diary(folder / f"diary-{place}")

    def ask(thread: int) -> None:
        chosen = random.Random(place * 100 + thread)
        while True:
            asked, started = chosen.choices(numbers, k=BATCH if thread == 0 else 1), time.monotonic()
            try:
                answers = service.gate.ask_many(OPERATOR, CAMPAIGN, [Question(number) for number in asked])
            except ServiceError:  # the database is gone: an honest refusal
                time.sleep(0.02)
                continue
            ended = time.monotonic()
            for number, answer in zip(asked, answers, strict=True):
                act: Act = "allow" if answer.decision.may_call else "other"
                diary.write(Deed(number, act, started, ended, answer.id))

    with ThreadPoolExecutor(THREADS) as pool:
        for failed in pool.map(ask, range(THREADS)):
            raise RuntimeError(failed)


def _forget_nothing() -> None:
    """Keep the first facts of each number for ever, as a cache would that nobody clears."""
    lane: Any = dnc.lane  # as above, and this is a fault
    read, kept = lane.read_standing, dict[frozenset[int], Any]()

    def read_once(*arguments: Any, numbers: Any, **others: Any) -> Any:
        key = frozenset(numbers)
        if key not in kept:
            kept[key] = read(*arguments, numbers=numbers, **others)
        return kept[key]

    lane.read_standing = read_once


if __name__ == "__main__":
    main(
        Path(sys.argv[1]),
        int(sys.argv[2]),
        sys.argv[3].split(","),
        forgetful="--forgetful" in sys.argv,
    )
