"""A lane: where the checks that wait at one moment are answered together, and are on record before they are answered.

One of their threads reads the facts of all, decides, writes the record and commits once; then each is given its answer.
A lone request pays for itself alone, and under load the cost of a durable commit is shared.
"""

import threading
from collections import Counter as Tally
from collections import deque
from datetime import datetime
from time import monotonic

from prometheus_client import Counter
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from core.access import Caller
from core.database import PATIENCE, plan_once
from core.errors import Overloaded, StorageUnavailable
from core.ledger import LedgerWriter
from core.numbers import Number
from core.store import Store, storage_faults, was_lost_while_idle
from dnc.answers import Answer
from dnc.deciding import Decider, Kept
from dnc.drafts import Draft, Request, campaign_of, confirm, draft_for
from dnc.gathering import Standing, read_standing
from dnc.recording import put_on_record
from dnc.reservations import Attempts

GROUP_LIMIT = 1_000  # questions a transaction: a batch is answered in parts, so that no lone check waits for all of it
WAITING_LIMIT = 512
TRIES = 20  # each time some other process got ahead; then what it took is a fact
STANDS_STILL = f"the database has not answered for {PATIENCE:.0f} seconds; try again"
ANSWERED = Counter("ringklar_checks_total", "Checks on record", ["verdict"])


class Lane:
    """Answers checks, a group at a time, on a connection and a ledger chain of its own. Safe for many threads."""

    def __init__(self, store: Store, kept: Kept) -> None:
        self._store = store
        self._ledger = LedgerWriter(store.clock)
        self._kept = kept
        self._lock = threading.Lock()
        self._waiting: deque[Request] = deque()
        self._busy = False
        self._began = 0.0  # when the turn of whoever leads now began
        self._connection: Connection | None = None
        store.when_closing(self._give_back)

    def ask(self, request: Request) -> list[Answer]:
        """Return the answers to a request of at most ``GROUP_LIMIT`` questions; they are durable before this returns.

        Raises: as ``Gate.ask``.
        """
        with self._lock:
            if len(self._waiting) >= WAITING_LIMIT:
                raise Overloaded("too many checks wait; try again in a moment")
            leads = not self._busy
            if leads:
                self._begin()
            elif monotonic() - self._began > PATIENCE:
                raise StorageUnavailable(STANDS_STILL)
            self._waiting.append(request)
        if not leads and not request.turn.wait(PATIENCE):
            self._give_up(request)
        if request.answers is None and request.error is None:
            self._lead()
        if request.error is not None:
            raise request.error
        assert request.answers is not None  # noqa: S101 - set by whoever led this request's group
        return request.answers

    def _begin(self) -> None:
        self._busy, self._began = True, monotonic()

    def _give_up(self, request: Request) -> None:
        """Let the request go that has waited for too long, unless its turn came just now.

        Raises:
            StorageUnavailable: it was let go. If it is in the group that takes so long, it may come to stand on record.
        """
        with self._lock:
            if request.turn.wait(0):
                return
            if request in self._waiting:
                self._waiting.remove(request)
        raise StorageUnavailable(STANDS_STILL)

    def _lead(self) -> None:
        """Answer everything that waits now, this thread's own request first, then hand the lead on."""
        with self._lock:
            group = [self._waiting.popleft()]
            size = len(group[0].questions)
            while self._waiting and size + len(self._waiting[0].questions) <= GROUP_LIMIT:
                group.append(self._waiting.popleft())
                size += len(group[-1].questions)
        try:
            self._answer_apart(group)
        except BaseException as error:
            for request in group:
                request.answers, request.error = None, error
            raise
        finally:
            with self._lock:
                if self._waiting:
                    self._begin()
                    self._waiting[0].turn.give()
                else:
                    self._busy = False
            for request in group[1:]:
                request.turn.give()

    def _answer_apart(self, group: list[Request]) -> None:
        """Answer the group; if one of it cannot be recorded at all, answer each alone, so that only that one fails."""
        try:
            with storage_faults():
                self._answer_on_kept_connection(group)
        except Exception as error:  # noqa: BLE001 - each request of the group hears of it
            if len(group) > 1 and not isinstance(error, StorageUnavailable):
                for request in group:
                    request.error = None
                    self._answer_apart([request])
            else:
                for request in group:
                    request.answers, request.error = None, error

    def _give_back(self) -> None:
        kept, self._connection = self._connection, None
        if kept is not None:
            kept.close()

    def _answer_on_kept_connection(self, group: list[Request]) -> None:
        """Answer on the connection that the gate keeps; one that was lost while idle is replaced, once."""
        for is_fresh in (self._connection is None, True):
            if self._connection is None:
                self._connection = self._store.engine.connect().execution_options(**self._options())
            try:
                if is_fresh:
                    plan_once(self._connection)
                self._answer(group, self._connection)
            except BaseException as error:
                lost, self._connection = self._connection, None
                lost.invalidate()  # after a commit that failed, close alone would keep the driver's transaction open
                lost.close()
                if is_fresh or not was_lost_while_idle(error):
                    raise
            else:
                return

    def _options(self) -> dict[str, str]:
        """In SQLite a group is one transaction from reading on; in PostgreSQL its one writing statement is."""
        if self._store.engine.dialect.name == "postgresql":
            return {"isolation_level": "AUTOCOMMIT"}
        return {"sqlite_begin": "IMMEDIATE"}

    def _answer(self, group: list[Request], connection: Connection) -> None:
        """Answer the group; again from the start whenever others took an attempt in between."""
        for _ in range(TRIES):
            connection.begin()  # in SQLite this may wait for another writer, so the time is read after it
            drafts, attempts, now = self._drafted(group, connection)
            if drafts and put_on_record(connection, self._ledger, self._store.keyring, drafts, attempts, now):
                break
            connection.rollback()
            if not drafts:
                return
        else:
            raise StorageUnavailable("others ask for the same numbers all the time; try again")
        for draft in drafts:
            draft.give()
        told = [answer.decision.verdict.value for draft in drafts for answer in draft.answers]
        for verdict, count in Tally(told).items():
            ANSWERED.labels(verdict).inc(count)

    def _drafted(self, group: list[Request], connection: Connection) -> tuple[list[Draft], Attempts, datetime]:
        """Return the answers to the requests, but for those that failed, the attempts they take, and their moment."""
        now = self._store.clock.now()
        values = {n.value for request in group for n in request.numbers if isinstance(n, Number)}
        found = read_standing(
            connection,
            campaigns={request.campaign for request in group},
            numbers=values,
            keys={request.caller.id for request in group if request.caller.is_remembered},
            now=now,
        )
        decider = Decider(self._kept, connection, found, now)
        attempts = Attempts(found.rows, now, connection.dialect.name)
        together: dict[tuple[Caller, str], list[Request]] = {}
        for request in group:
            request.error = None
            together.setdefault((request.caller, request.campaign), []).append(request)
        drafts = [draft for alike in together.values() for draft in self._drafts_for(decider, alike, attempts, found)]
        return drafts, attempts, now

    def _drafts_for(
        self, decider: Decider, requests: list[Request], attempts: Attempts, found: Standing
    ) -> list[Draft]:
        """Return one draft for what one caller asks for one campaign, or one for each if some of it is at fault."""
        first = requests[0]
        try:
            confirm(found, first.caller)
            draft = draft_for(decider, requests, campaign_of(found, first.caller, first.campaign))
        except SQLAlchemyError:
            raise
        except Exception as error:  # noqa: BLE001 - one request's fault is its own: the others are answered
            if len(requests) > 1:
                return [one for alone in requests for one in self._drafts_for(decider, [alone], attempts, found)]
            first.error = error
            return []
        draft.take(attempts)
        return [draft]
