"""The gate: every check passes here, and is on record before it is answered.

All requests that wait at one moment are answered together: one of their threads reads the facts of all, decides,
writes the record and commits once; then each is given its answer. A lone request pays for itself alone, and under load
the cost of a durable commit is shared.
"""

import threading
from collections import Counter as Tally
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from prometheus_client import Counter
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from core.access import Caller
from core.errors import InvalidInput, NotFound, Overloaded, StorageUnavailable
from core.ids import new_ids
from core.ledger import Event, Position
from core.numbers import Number, NumberFault, metadata_version, read_number
from core.prepared import PreparedRows, instant_value
from core.store import Store, storage_faults
from dnc.answers import Answer
from dnc.deciding import Decided, Decider, Kept, encode, readable_or_none
from dnc.decision import Decision
from dnc.gathering import CampaignCard, Listed, Standing, read_standing
from dnc.models import Check
from dnc.policy import policy_named
from dnc.reservations import Attempts

BATCH_LIMIT = 10_000
GROUP_LIMIT = 1_000  # questions a transaction: a batch is answered in parts, so that no lone check waits for all of it
WAITING_LIMIT = 512
TRIES = 20  # each time some other process got ahead; then what it took is a fact
RECORD_FORM = 1
ANSWERED = Counter("ringklar_checks_total", "Checks on record", ["verdict"])
_INSERT_CHECKS = PreparedRows(Check.__table__)
_VERDICT = _INSERT_CHECKS.names.index("verdict")


@dataclass(frozen=True, slots=True)
class Question:
    """May this number be called for this campaign? ``number`` in any spelling, ``region`` for national forms."""

    number: object
    region: str = "SE"
    reference: str | None = None


class UnknownCampaign(NotFound):
    """No campaign of the caller's seller has this slug."""

    code, title = "unknown-campaign", "There is no such campaign"


Simulated = tuple[Number | None, Decision, str]


@dataclass(eq=False, slots=True)
class _Request:
    """Questions of one caller for one campaign, and what became of them."""

    caller: Caller
    campaign: str
    questions: Sequence[Question]
    numbers: list[Number | NumberFault]
    turn: threading.Event = field(default_factory=threading.Event)
    answers: list[Answer] | None = None
    error: BaseException | None = None


class Gate:
    """Answers checks. One per process; safe for many threads."""

    def __init__(self, store: Store, listed: Listed) -> None:
        self._store = store
        self._kept = Kept(listed)
        self._lock = threading.Lock()
        self._waiting: deque[_Request] = deque()
        self._busy = False
        self._connection: Connection | None = None
        store.when_closing(self._give_back)

    def ask(self, caller: Caller, campaign: str, question: Question) -> Answer:
        """Return the answer to one question; it is durable before this returns.

        Raises:
            UnknownCampaign: the caller's seller has no such campaign.
            Overloaded: too many requests wait already.
            StorageUnavailable: the answer could not be recorded, so there is none.
        """
        return self.ask_many(caller, campaign, [question])[0]

    def ask_many(self, caller: Caller, campaign: str, questions: Sequence[Question]) -> list[Answer]:
        """Return an answer for each question, in order, bad numbers included; as ``ask``.

        Each thousand is a transaction of its own: if a later one cannot be recorded there are no answers, though the
        earlier ones stand on record.
        """
        if len(questions) > BATCH_LIMIT:
            raise InvalidInput(f"at most {BATCH_LIMIT} numbers at once")
        answers: list[Answer] = []
        for start in range(0, len(questions), GROUP_LIMIT):
            answers += self._ask(caller, campaign, questions[start : start + GROUP_LIMIT])
        return answers

    def _ask(self, caller: Caller, campaign: str, questions: Sequence[Question]) -> list[Answer]:
        numbers = [read_number(question.number, region=question.region) for question in questions]
        request = _Request(caller, campaign, questions, numbers)
        with self._lock:
            if len(self._waiting) >= WAITING_LIMIT:
                raise Overloaded("too many checks wait; try again in a moment")
            self._waiting.append(request)
            leads = not self._busy
            self._busy = True
        if not leads:
            request.turn.wait()
        if request.answers is None and request.error is None:
            self._lead()
        if request.error is not None:
            raise request.error
        assert request.answers is not None  # noqa: S101 - set by whoever led this request's group
        return request.answers

    def simulate(
        self, caller: Caller, campaign: str, question: Question, *, at: datetime, policy: str | None = None
    ) -> Simulated:
        """Return the answer for a moment or policy of choice; as ``simulate_many``."""
        return self.simulate_many(caller, campaign, [question], at=at, policy=policy)[0]

    def simulate_many(
        self, caller: Caller, campaign: str, questions: Sequence[Question], *, at: datetime, policy: str | None = None
    ) -> list[Simulated]:
        """Return the number, decision and common part of each for a moment or policy of choice. Nothing is recorded.

        The facts are those known now; only the moment and the policy are supposed.

        Raises:
            UnknownCampaign: the caller's seller has no such campaign.
            InvalidInput: there is no such policy.
        """
        try:
            chosen = policy_named(policy) if policy is not None else None
        except ValueError as error:
            raise InvalidInput("there is no policy of that name") from error
        numbers = [read_number(question.number, region=question.region) for question in questions]
        with storage_faults(), self._store.engine.connect() as connection:
            values = {number.value for number in numbers if isinstance(number, Number)}
            found = read_standing(connection, campaigns=[campaign], numbers=values, now=at)
            card = _campaign_of(found, caller, campaign)
            decider = Decider(self._kept, connection, found, at)
            answers: list[Simulated] = []
            for number in numbers:
                known, key = decider.known(number, card, caller.actor)
                decided = decider.decided(number, card, known, key, chosen)
                answers.append((readable_or_none(number), decided.decision, decided.common))
        return answers

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
                    self._waiting[0].turn.set()
                else:
                    self._busy = False
            for request in group:
                request.turn.set()

    def _answer_apart(self, group: list[_Request]) -> None:
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

    def _answer_on_kept_connection(self, group: list[_Request]) -> None:
        """Answer on the connection that the gate keeps; one that was lost while idle is replaced, once."""
        for is_fresh in (self._connection is None, True):
            if self._connection is None:
                self._connection = self._store.engine.connect().execution_options(sqlite_begin="IMMEDIATE")
            try:
                self._answer(group, self._connection)
            except BaseException as error:
                lost, self._connection = self._connection, None
                lost.invalidate()  # after a commit that failed, close alone would keep the driver's transaction open
                lost.close()
                if is_fresh or not (isinstance(error, DBAPIError) and error.connection_invalidated):
                    raise
            else:
                return

    def _answer(self, group: list[_Request], connection: Connection) -> None:
        """Answer the group as one transaction; again from the start whenever others took an attempt in between."""
        for _ in range(TRIES):
            connection.begin()  # in SQLite this may wait for another writer, so the time is read after it
            if self._answered(group, connection):
                return
            connection.rollback()
        raise StorageUnavailable("others ask for the same numbers all the time; try again")

    def _answered(self, group: list[_Request], connection: Connection) -> bool:
        """Read, decide, record and commit for the group; False if nothing was written.

        Nothing is if an attempt was taken by others since the facts were read, or if no request could be answered.
        """
        now, name = self._store.clock.now(), connection.dialect.name
        values = {n.value for request in group for n in request.numbers if isinstance(n, Number)}
        found = read_standing(connection, campaigns={request.campaign for request in group}, numbers=values, now=now)
        decider, attempts = Decider(self._kept, connection, found, now), Attempts(found.rows, now, name)
        drafts: list[_Draft] = []
        for request in group:
            request.error = None
            try:
                draft = _draft(decider, request, _campaign_of(found, request.caller, request.campaign))
            except SQLAlchemyError:
                raise
            except Exception as error:  # noqa: BLE001 - one request's fault is its own: the others are answered
                request.error = error
            else:
                draft.take(attempts)
                drafts.append(draft)
        if not drafts:
            connection.rollback()
            return True
        if not attempts.written(connection):
            return False
        with self._store.ledger.appending(connection, [draft.event(self._store) for draft in drafts]) as places:
            rows = [row for draft, place in zip(drafts, places, strict=True) for row in draft.rows(place, now, name)]
            _INSERT_CHECKS.run(connection, rows)
            connection.commit()
        for draft in drafts:
            draft.request.answers = draft.answers
        for verdict, count in Tally(row[_VERDICT] for row in rows).items():
            ANSWERED.labels(verdict).inc(count)
        return True


def _campaign_of(found: Standing, caller: Caller, slug: str) -> CampaignCard:
    card = found.campaigns.get(slug)
    if card is None or caller.seller_id not in (None, card.seller_id):
        raise UnknownCampaign("there is no campaign with that slug for your seller")
    return card


@dataclass(slots=True)
class _Draft:
    """One request's answers, before they are on record."""

    request: _Request
    campaign: CampaignCard
    answers: list[Answer]
    decided: list[Decided]
    ids: list[dict[str, list[str]]]

    def event(self, store: Store) -> Event:
        """Return the ledger entry: the plan's version, each distinct decision once, and a row for each answer."""
        caller, seller_id = self.request.caller, self.campaign.seller_id
        return Event("checks", self.answers[0].id, caller.actor, seller_id, self._payload(store))

    def _payload(self, store: Store) -> str:
        places: dict[int, int] = {}
        records: list[str] = []
        rows: list[str] = []
        number_hash = store.keyring.number_hash
        for answer, decided, ids in zip(self.answers, self.decided, self.ids, strict=True):
            place = places.get(id(decided))
            if place is None:
                place = places[id(decided)] = len(records)
                records.append(decided.record)
            number = "null" if answer.number is None else f'"{number_hash(answer.number.value)}"'
            reference = "null" if answer.reference is None else encode(answer.reference)
            rows.append(f'["{answer.id}",{number},{place},{encode(ids) if ids else "{}"},{reference}]')
        head = f'"form":{RECORD_FORM},"phonenumbers":"{metadata_version()}"'
        return f'{{{head},"decisions":[{",".join(records)}],"rows":[{",".join(rows)}]}}'

    def take(self, attempts: Attempts) -> None:
        """Hold the attempt of each number that was allowed."""
        campaign, asker = self.campaign, self.request.caller.actor
        for answer in self.answers:
            until = answer.decision.valid_until
            if until is not None and answer.number is not None:
                attempts.take(
                    answer.number.value, campaign.id, campaign.seller_id, check_id=answer.id, asker=asker, until=until
                )

    def rows(self, position: Position, now: datetime, dialect: str) -> list[tuple[object, ...]]:
        """Return the rows of the table ``checks``, in the order of its columns, tied to the entry at ``position``."""
        checked_at, asker = instant_value(dialect, now), self.request.caller.actor
        seller_id, campaign_id, chain, seq = self.campaign.seller_id, self.campaign.id, position.chain, position.seq
        return [
            (
                answer.id,
                seller_id,
                campaign_id,
                None if answer.number is None else answer.number.value,
                answer.decision.verdict.value,
                checked_at,
                instant_value(dialect, answer.decision.valid_until),
                asker,
                answer.reference,
                chain,
                seq,
                place,
            )
            for place, answer in enumerate(self.answers)
        ]


def _draft(decider: Decider, request: _Request, campaign: CampaignCard) -> _Draft:
    draft, asker = _Draft(request, campaign, [], [], []), request.caller.actor
    ids = new_ids(len(request.questions))
    for id_, question, number in zip(ids, request.questions, request.numbers, strict=True):
        known, key = decider.known(number, campaign, asker)
        decided = decider.decided(number, campaign, known, key)
        draft.answers.append(
            Answer(id_, readable_or_none(number), question.reference, decided.decision, decided.common)
        )
        draft.decided.append(decided)
        draft.ids.append(known.ids if known is not None else {})
    return draft
