"""Drafts: the answers to one asker's requests, before they are on record, and what they put there."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from core.access import Caller
from core.errors import NotFound, Unauthenticated
from core.ids import new_ids
from core.ledger import Event, Position
from core.numbers import Number, NumberFault, metadata_version
from core.prepared import instant_value
from core.secrets import Keyring
from dnc.answers import Answer
from dnc.deciding import Decided, Decider, encode, readable_or_none
from dnc.gathering import CampaignCard, Standing
from dnc.reservations import Attempts

RECORD_FORM = 1
_BETWEEN = '","'


class Question(NamedTuple):
    """May this number be called for this campaign? ``number`` in any spelling, ``region`` for national forms."""

    number: object
    region: str = "SE"
    reference: str | None = None


class UnknownCampaign(NotFound):
    """No campaign of the caller's seller has this slug."""

    code, title = "unknown-campaign", "There is no such campaign"


class Turn:
    """What one thread waits for and another gives, once. Much cheaper than an Event."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def wait(self, seconds: float) -> bool:
        """Return True when it was given, False if that took longer; with no time at all, at once."""
        return self._lock.acquire(timeout=seconds)

    def give(self) -> None:
        """Let the one who waits go on.

        Raises:
            RuntimeError: it was given before, and nobody has waited for it since.
        """
        self._lock.release()


@dataclass(eq=False, slots=True)
class Request:
    """Questions of one caller for one campaign, and what became of them."""

    caller: Caller
    campaign: str
    questions: Sequence[Question]
    numbers: list[Number | NumberFault]
    turn: Turn = field(default_factory=Turn)
    answers: list[Answer] | None = None
    error: BaseException | None = None


def confirm(found: Standing, caller: Caller) -> None:
    """Do nothing if the caller may still act: a remembered key stands, and is as it was.

    Raises:
        Unauthenticated: it was revoked.
    """
    if caller.is_remembered and found.keys.get(caller.id) != caller:
        raise Unauthenticated("the key is unknown or revoked")


def campaign_of(found: Standing, caller: Caller, slug: str) -> CampaignCard:
    """Return the campaign.

    Raises:
        UnknownCampaign: the caller's seller has none of that name.
    """
    card = found.campaigns.get(slug)
    if card is None or caller.seller_id not in (None, card.seller_id):
        raise UnknownCampaign("there is no campaign with that slug for your seller")
    return card


@dataclass(slots=True)
class Draft:
    """The answers to what one caller asks for one campaign at one moment, before they are on record as one entry."""

    requests: Sequence[Request]
    asker: str
    campaign: CampaignCard
    answers: list[Answer]
    decided: list[Decided]
    ids: list[dict[str, list[str]]]

    def event(self, keyring: Keyring) -> Event:
        """Return the ledger entry: the plan's version, each distinct decision once, and a row for each answer."""
        return Event("checks", self.answers[0].id, self.asker, self.campaign.seller_id, self._payload(keyring))

    def give(self) -> None:
        """Give each request its own answers: they are on record now."""
        start = 0
        for request in self.requests:
            end = start + len(request.questions)
            request.answers, start = self.answers[start:end], end

    def _payload(self, keyring: Keyring) -> str:
        places: dict[int, int] = {}
        records: list[str] = []
        rows: list[str] = []
        number_hash = keyring.number_hash
        for answer, decided, ids in zip(self.answers, self.decided, self.ids, strict=True):
            place = places.get(id(decided))
            if place is None:
                place = places[id(decided)] = len(records)
                records.append(decided.record)
            number = "null" if answer.number is None else f'"{number_hash(answer.number.value)}"'
            reference = "null" if answer.reference is None else encode(answer.reference)
            rows.append(f'["{answer.id}",{number},{place},{_ids_text(ids)},{reference}]')
        head = f'"form":{RECORD_FORM},"phonenumbers":"{metadata_version()}"'
        return f'{{{head},"decisions":[{",".join(records)}],"rows":[{",".join(rows)}]}}'

    def take(self, attempts: Attempts) -> None:
        """Hold the attempt of each number that was allowed."""
        campaign, asker = self.campaign, self.asker
        for answer in self.answers:
            until = answer.decision.valid_until
            if until is not None and answer.number is not None:
                attempts.take(
                    answer.number.value, campaign.id, campaign.seller_id, check_id=answer.id, asker=asker, until=until
                )

    def rows(self, position: Position, now: datetime, dialect: str) -> list[tuple[object, ...]]:
        """Return the rows of the table ``checks``, in the order of its columns, tied to the entry at ``position``."""
        checked_at, asker = instant_value(dialect, now), self.asker
        seller_id, campaign_id, chain, seq = self.campaign.seller_id, self.campaign.id, position.chain, position.seq
        said: dict[int, tuple[str, object]] = {}
        rows: list[tuple[object, ...]] = []
        for place, answer in enumerate(self.answers):
            decision, number = answer.decision, None if answer.number is None else answer.number.value
            told = said.get(id(decision))
            if told is None:
                told = said[id(decision)] = (decision.verdict.value, instant_value(dialect, decision.valid_until))
            verdict, until = told
            rows.append(
                (
                    answer.id,
                    seller_id,
                    campaign_id,
                    number,
                    verdict,
                    checked_at,
                    until,
                    asker,
                    answer.reference,
                    chain,
                    seq,
                    place,
                )
            )
        return rows


def _ids_text(ids: dict[str, list[str]]) -> str:
    """Return ids by kind as compact JSON; they are this service's own and have nothing to escape."""
    return "{" + ",".join([f'"{kind}":["{_BETWEEN.join(some)}"]' for kind, some in ids.items()]) + "}"


def draft_for(decider: Decider, requests: Sequence[Request], campaign: CampaignCard) -> Draft:
    """Return the answers to requests of one caller for one campaign, decided now; nothing is on record yet."""
    asker = requests[0].caller.actor
    draft = Draft(requests, asker, campaign, [], [], [])
    ids = iter(new_ids(sum(len(request.questions) for request in requests)))
    for request in requests:
        for question, number in zip(request.questions, request.numbers, strict=True):
            known, key = decider.known(number, campaign, asker)
            decided = decider.decided(number, campaign, known, key)
            draft.answers.append(
                Answer(next(ids), readable_or_none(number), question.reference, decided.decision, decided.common)
            )
            draft.decided.append(decided)
            draft.ids.append(known.ids if known is not None else {})
    return draft
