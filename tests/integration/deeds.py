"""What was done to a number and when, as each node wrote it down; and the checker that reads such a history.

Times are of the machine's one monotonic clock, which every process shares. The checker knows nothing of the service.
"""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Literal

Act = Literal["block", "free", "allow", "other"]


@dataclass(frozen=True, slots=True)
class Deed:
    """One act upon a number: when it started and when it was acknowledged; an act that failed has no end.

    ``check_id``: of an acknowledged check, its id.
    """

    number: str
    act: Act
    started: float
    ended: float | None
    check_id: str | None = None


class Diary:
    """Writes deeds to a file as they are acknowledged, each at once: what a killed process did is not forgotten."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def write(self, deed: Deed) -> None:
        """Add a deed."""
        os.write(self._file, (json.dumps(astuple(deed)) + "\n").encode())


def read_diaries(paths: Iterable[Path]) -> list[Deed]:
    """Return every deed; the last line of a killed process may be cut short."""
    lines = [line for path in paths for line in path.read_text("utf-8").splitlines() if line.endswith("]")]
    return [Deed(*json.loads(line)) for line in lines]


def stale_answers(history: Sequence[Deed]) -> list[Deed]:
    """Return every check that said yes though a no had been acknowledged before it started and nothing freed it since.

    One actor alone blocks and frees each number, so its deeds are in order. What may have freed the number is generous:
    a release that had started, whether or not it was ever acknowledged, before the check ended.
    """
    stale = []
    turns: dict[str, list[Deed]] = {}
    for deed in sorted(history, key=lambda deed: deed.started):
        if deed.act in ("block", "free"):
            turns.setdefault(deed.number, []).append(deed)
    for check in history:
        if check.act != "allow" or check.ended is None:
            continue
        of_number = turns.get(check.number, [])
        blocked = [
            turn for turn in of_number if turn.act == "block" and turn.ended is not None and turn.ended < check.started
        ]
        if blocked and not any(
            turn.act == "free" and blocked[-1].started < turn.started <= check.ended for turn in of_number
        ):
            stale.append(check)
    return stale
