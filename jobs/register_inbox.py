"""The inbox of registers: files that somebody drops in a folder are loaded, and none is ever deleted.

A file is named ``nix-2026-11-15.txt`` (or ``.csv`` or ``.xml``, perhaps followed by ``.gz`` or ``.zip``): register and
date of its contents; ``us-2026-11-15.changes.txt`` holds changes. Loaded, it moves to ``done/``; refused, to
``refused/`` with the reason beside it.
"""

import logging
import re
import time
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

from core.access import operator
from core.config import Settings
from core.errors import Kind, ServiceError
from core.store import Store
from dnc.registers.errors import RegisterDateMissing
from dnc.registers.layouts import FileKind
from dnc.registers.loading import load_register
from jobs.inbox import DONE, REFUSED, SETTLE_SECONDS, WatchedFolder

_NAME = re.compile(
    r"([a-z0-9][a-z0-9-]*?)-([0-9]{4}-[0-9]{2}-[0-9]{2})(\.changes)?\.(?:(?:txt|csv|xml)(?:\.gz|\.zip)?|gz|zip)"
)

_log = logging.getLogger(__name__)


class RegisterInbox:
    """One process's view of the register inbox."""

    def __init__(
        self,
        settings: Settings,
        *,
        settle_seconds: float = SETTLE_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.directory = settings.inbox_dir / "registers"
        self._registers_dir = settings.registers_dir
        self._folder = WatchedFolder(self.directory, settle_seconds=settle_seconds, monotonic=monotonic)

    def pick_up(self, store: Store, now: datetime) -> dict[str, str]:
        """Load every file that has stood still; return what became of each: ``done``, or the refusal's code.

        A file that the service could not take just now stays and is tried again; one bad file does not stop the others.

        Raises:
            ExceptionGroup: faults of the service, not of a file, after every file was tried.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        outcomes: dict[str, str] = {}
        faults: list[Exception] = []
        for path in sorted(self._folder.settled(), key=_by_date):
            try:
                outcomes[path.name] = self._take(store, path, now)
            except Exception as error:  # noqa: BLE001 - the poison-row rule: the other files come first, then it is raised
                faults.append(error)
        if faults:
            raise ExceptionGroup("some register files could not be taken now", faults)
        return outcomes

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
                kind=FileKind.CHANGES if named[3] else FileKind.FULL,
            )
        except ServiceError as error:
            if error.kind is Kind.UNAVAILABLE:
                raise
            _log.warning("register file refused: %s", error.code)
            reason = f"{error.code}\n{error.title}: {error.detail}\n"
            self._folder.set_aside(path, REFUSED, {".reason.txt": reason})
            return error.code
        self._folder.set_aside(path, DONE, {})
        return DONE


def _by_date(path: Path) -> tuple[str, str]:
    named = _NAME.fullmatch(path.name)
    return (named[2] if named else "", path.name)


def _date_of(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
