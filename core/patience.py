"""Patience: who serves a request waits for a PostgreSQL that answers, and not for one that stands still.

A statement that takes long and a server that is frozen, or behind a network gone silent, look the same to whoever
waits. So after ``PATIENCE`` the server is asked something short on another connection: if that is not answered either,
the connection is given up. What was sent on it the server may still carry out when it goes on.
For requests alone: commands, jobs and the processes beside wait as long as it takes.
"""

from collections.abc import Callable, Mapping
from contextlib import closing
from threading import Lock
from time import monotonic
from typing import Any

import psycopg
from psycopg.abc import RV, PQGen
from psycopg.errors import ConnectionTimeout, _WaitTimeout
from sqlalchemy import Engine, event

from core.database import PATIENCE

ASKING = 5.0
"""Seconds that it is given to answer that, and for which its answer counts for whoever else wants to know."""
WAITS = 6
"""How often a server that does answer is waited for; for a commit once, as that is never long at work."""
PAUSE = 1.0
"""Seconds after which a server that was silent is asked again, as those who were refused are told to come again."""
_INTERVAL = 0.1


class StandsStill(psycopg.OperationalError):
    """The server did not answer in time, and the connection is closed.

    ``is_undecided``: what was sent last may be carried out yet, as it was a commit or a transaction by itself.
    """

    def __init__(self, words: str, *, is_undecided: bool = False) -> None:
        super().__init__(words)
        self.is_undecided = is_undecided


class Watch:
    """Knows whether the server answers at all. One for an engine; safe for many threads."""

    def __init__(self, ask: Callable[[], bool]) -> None:
        """``ask`` returns whether it answers, within ``ASKING`` seconds or a little more."""
        self.is_silent = False
        self._ask = ask
        self._asking = Lock()
        self._asked_at = float("-inf")

    def answers(self) -> bool:
        """Return whether the server answers; one of those who want to know asks it for all."""
        with self._asking:
            if monotonic() - self._asked_at >= ASKING:
                self._find_out()
            return not self.is_silent

    def require_answer(self) -> None:
        """Do nothing if the server, which was silent, answers again; one asks it at a time, others do not wait.

        Raises:
            StandsStill: it does not, or is being asked, or was just now.
        """
        if self._asking.acquire(blocking=False):
            try:
                if monotonic() - self._asked_at >= PAUSE:
                    self._find_out()
            finally:
                self._asking.release()
        if self.is_silent:
            raise StandsStill("the server has not answered for some time")

    def _find_out(self) -> None:
        self.is_silent = not self._ask()
        self._asked_at = monotonic()


class PatientConnection(psycopg.Connection[Any]):  # Any: rows of any shape
    """A connection that is closed instead of waiting for a server that stands still."""

    watch: Watch
    _is_committing = False

    def commit(self) -> None:
        """Commit, as psycopg does."""
        self._is_committing = True
        try:
            super().commit()
        finally:
            self._is_committing = False

    def wait(self, gen: PQGen[RV], interval: float = _INTERVAL, timeout: float | None = None) -> RV:
        """Return what the operation ``gen`` gives, as psycopg does, if the server answers in time.

        Raises:
            StandsStill: it does not.
        """
        if self.watch.is_silent:
            self._require_answer()
        if timeout is not None:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, PATIENCE)
        except _WaitTimeout:
            return self._wait_longer(gen, interval)

    def _wait_longer(self, gen: PQGen[RV], interval: float) -> RV:
        """Return what the operation gives after all, which a wait that has ended leaves as it was."""
        for _ in range(WAITS - 1):
            if self._is_committing or not self.watch.answers():
                break
            try:
                return super().wait(gen, interval, PATIENCE)
            except _WaitTimeout:
                continue
        is_undecided = self._is_committing or self.autocommit
        self.close()
        raise StandsStill("the server did not answer in time", is_undecided=is_undecided)

    def _require_answer(self) -> None:
        try:
            self.watch.require_answer()
        except StandsStill:
            self.close()
            raise


def be_patient(engine: Engine, options: Mapping[str, Any]) -> None:  # Any: the driver's own
    """Have every connection of the engine, which gives the driver these ``options``, be a patient one."""
    _, given = engine.dialect.create_connect_args(engine.url)
    watch = Watch(lambda: _is_answered({**given, **options}))

    @event.listens_for(engine, "do_connect")
    def _connect(_dialect: Any, _record: Any, _places: Any, names: dict[str, Any]) -> PatientConnection:  # Any: unused
        if watch.is_silent:
            watch.require_answer()
        try:
            connection = PatientConnection.connect(**names)
        except ConnectionTimeout:
            watch.is_silent = True
            raise
        connection.watch = watch
        return connection


class _Asking(psycopg.Connection[Any]):  # Any: rows of any shape
    def wait(self, gen: PQGen[RV], interval: float = _INTERVAL, timeout: float | None = ASKING) -> RV:
        return super().wait(gen, interval, timeout)


def _is_answered(options: Mapping[str, Any]) -> bool:  # Any: the driver's own
    """Return whether the server gives a connection and answers on it; one that refuses answers too."""
    try:
        with closing(_Asking.connect(**{**options, "connect_timeout": ASKING, "autocommit": True})) as connection:
            connection.execute("SELECT 1")
    except (ConnectionTimeout, _WaitTimeout):
        return False
    except psycopg.Error:
        return True
    return True
