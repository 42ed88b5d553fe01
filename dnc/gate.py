"""The gate: every check passes here, and is on record before it is answered."""

from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from core.access import Caller
from core.errors import InvalidInput
from core.numbers import Number, read_number
from core.store import Store, storage_faults
from dnc.answers import Answer
from dnc.calendar import next_opening
from dnc.deciding import Decider, Kept, readable_or_none
from dnc.decision import Decision
from dnc.drafts import Question, Request, campaign_of
from dnc.gathering import Listed, read_standing
from dnc.lane import GROUP_LIMIT, Lane
from dnc.policies.catalogue import POLICIES, policy_asked_for, policy_for

__all__ = ["BATCH_LIMIT", "Gate", "Question", "Simulated"]

BATCH_LIMIT = 10_000
LANES = {"postgresql": 2}
"""While the server of PostgreSQL writes one part of a batch, another is decided. SQLite has one writer in any case."""

Simulated = tuple[Number | None, Decision, str]


class Gate:
    """Answers checks. One per process; safe for many threads.

    Whoever asks one by one waits in the first of its ``lanes``; the parts of a batch go through all of them.
    """

    def __init__(self, store: Store, listed: Listed) -> None:
        self._store = store
        self._kept = Kept(listed)
        self.lanes = [Lane(store, self._kept) for _ in range(LANES.get(store.engine.dialect.name, 1))]

    def make_ready(self) -> None:
        """Make what the first check would wait for: the text of what reads the facts, and this year's calendars.

        Raises:
            StorageUnavailable: the database did not answer.
        """
        now = self._store.clock.now()
        with self._store.reading() as session:
            read_standing(session.connection(), campaigns=(), numbers=(), now=now)
        for country in {one.country for one in POLICIES}:
            policy = policy_for(country, now)
            if policy is not None:
                next_opening(now, policy, opens_weekends=False)

    def ask(self, caller: Caller, campaign: str, question: Question) -> Answer:
        """Return the answer to one question; it is durable before this returns.

        Raises:
            Unauthenticated: the caller's key was revoked since it was read.
            UnknownCampaign: the caller's seller has no such campaign.
            Overloaded: too many requests wait already.
            StorageUnavailable: the answer could not be recorded, so there is none.
        """
        return self.ask_many(caller, campaign, [question])[0]

    def ask_many(self, caller: Caller, campaign: str, questions: Sequence[Question]) -> list[Answer]:
        """Return an answer for each question, in order, bad numbers included; as ``ask``.

        More than ``GROUP_LIMIT`` are answered in parts, in the order of their numbers, so that each part reads and
        writes few pages of a table. Each is a transaction of its own: if one cannot be recorded there are no answers,
        though others stand on record.
        """
        if len(questions) > BATCH_LIMIT:
            raise InvalidInput(f"at most {BATCH_LIMIT} numbers at once")
        numbers = [read_number(question.number, region=question.region) for question in questions]
        if len(questions) <= GROUP_LIMIT:
            return self.lanes[0].ask(Request(caller, campaign, questions, numbers))
        values = [number.value if isinstance(number, Number) else -1 for number in numbers]
        order = sorted(range(len(values)), key=values.__getitem__)
        parts = iter([order[start : start + GROUP_LIMIT] for start in range(0, len(order), GROUP_LIMIT)])
        answered: dict[int, Answer] = {}

        def ask_parts(lane: Lane) -> None:
            try:
                while (places := next(parts, None)) is not None:
                    asked = [questions[at] for at in places], [numbers[at] for at in places]
                    answered.update(zip(places, lane.ask(Request(caller, campaign, *asked)), strict=True))
            except BaseException:
                deque(parts, maxlen=0)  # nothing is made of the rest
                raise

        with ThreadPoolExecutor() as pool:
            beside = [pool.submit(ask_parts, lane) for lane in self.lanes[1:]]
            ask_parts(self.lanes[0])
            for other in beside:
                other.result()
        return [answered[place] for place in range(len(order))]

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
        chosen = policy_asked_for(policy) if policy is not None else None
        numbers = [read_number(question.number, region=question.region) for question in questions]
        with storage_faults(), self._store.engine.connect() as connection:
            values = {number.value for number in numbers if isinstance(number, Number)}
            found = read_standing(connection, campaigns=[campaign], numbers=values, now=at)
            card = campaign_of(found, caller, campaign)
            decider = Decider(self._kept, connection, found, at)
            answers: list[Simulated] = []
            for number in numbers:
                known, key = decider.known(number, card, caller.actor)
                decided = decider.decided(number, card, known, key, chosen)
                answers.append((readable_or_none(number), decided.decision, decided.common))
        return answers
