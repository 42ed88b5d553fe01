"""The inbox: register files that somebody drops in a folder are loaded, and none is ever deleted.

A file is named ``nix-2026-11-15.txt`` (or ``.csv``, perhaps followed by ``.gz`` or ``.zip``): register and date of its
contents. Write it under a name that ends in ``.part`` and rename it, or write it in place: it is not touched until its
size and time of change have stood still between two looks. Loaded, it moves to ``done/``; refused, to ``refused/`` with
the reason beside it.
"""

import logging
import os
import re
import time
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

from core.access import operator
from core.config import Settings
from core.errors import Kind, ServiceError
from core.store import Store
from dnc.register_errors import RegisterDateMissing
from dnc.registers import load_register

SETTLE_SECONDS = 10.0
_NAME = re.compile(r"([a-z0-9][a-z0-9-]*?)-([0-9]{4}-[0-9]{2}-[0-9]{2})\.(?:(?:txt|csv)(?:\.gz|\.zip)?|gz|zip)")
_UNFINISHED = (".part", ".tmp", ".filepart", ".crdownload")

_log = logging.getLogger(__name__)


class Inbox:
    """One process's view of the register inbox; it remembers how each file looked the last time."""

    def __init__(
        self,
        settings: Settings,
        *,
        settle_seconds: float = SETTLE_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.directory = settings.inbox_dir / "registers"
        self.settle_seconds = settle_seconds
        self._registers_dir = settings.registers_dir
        self._monotonic = monotonic
        self._seen: dict[str, tuple[tuple[int, int], float]] = {}

    def pick_up(self, store: Store, now: datetime) -> dict[str, str]:
        """Load every file that has stood still; return what became of each: ``done``, or the refusal's code.

        A file that the service could not take just now stays and is tried again; one bad file does not stop the others.

        Raises:
            ExceptionGroup: faults of the service, not of a file, after every file was tried.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        outcomes: dict[str, str] = {}
        faults: list[Exception] = []
        for path in self._settled():
            try:
                outcomes[path.name] = self._take(store, path, now)
            except Exception as error:  # noqa: BLE001 - the poison-row rule: the other files come first, then it is raised
                faults.append(error)
        if faults:
            raise ExceptionGroup("some register files could not be taken now", faults)
        return outcomes

    def _settled(self) -> list[Path]:
        """Return the files that have not changed for a while, the oldest contents first."""
        at, seen, settled = self._monotonic(), {}, []
        for path in sorted(self.directory.iterdir(), key=_by_date):
            if path.name.startswith(".") or path.name.endswith(_UNFINISHED) or path.is_dir():
                continue
            looks = path.lstat()
            look = (looks.st_size, looks.st_mtime_ns)
            before, since = self._seen.get(path.name, (None, at))
            seen[path.name] = (look, since if look == before else at)
            if look == before and at - since >= self.settle_seconds:
                settled.append(path)
        self._seen = seen
        return settled

    def _take(self, store: Store, path: Path, now: datetime) -> str:
        named = _NAME.fullmatch(path.name)
        try:
            if named is None or path.is_symlink():
                raise RegisterDateMissing("name the file itself by register and date, as nix-2026-11-15.txt")
            load_register(
                store,
                self._registers_dir,
                operator("inbox"),
                name=named[1],
                path=path,
                as_of=_date_of(named[2]),
                file_name=path.name,
                now=now,
            )
        except ServiceError as error:
            if error.kind is Kind.UNAVAILABLE:
                raise
            _log.warning("register file refused: %s", error.code)
            reason = f"{error.code}\n{error.title}: {error.detail}\n"
            self._move(path, "refused", reason)
            return error.code
        self._move(path, "done", None)
        return "done"

    def _move(self, path: Path, folder: str, reason: str | None) -> None:
        """Move the file to a free name in ``folder``; if another leader has moved it already, that is well too."""
        target = self.directory / folder / path.name
        target.parent.mkdir(exist_ok=True)
        count = 1
        while os.path.lexists(target):
            count += 1
            target = target.with_name(f"{path.name}.{count}")
        if not os.path.lexists(path):
            return
        if reason is not None:
            target.with_name(f"{target.name}.reason.txt").write_text(reason, encoding="utf-8")
        path.rename(target)


def _by_date(path: Path) -> tuple[str, str]:
    named = _NAME.fullmatch(path.name)
    return (named[2] if named else "", path.name)


def _date_of(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
