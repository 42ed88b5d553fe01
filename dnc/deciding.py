"""Decide once for each distinct combination of facts, and word the answer once for each distinct decision."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from core.numbers import Number, NumberFault
from dnc.answers import timeless_part, times_part
from dnc.decision import Decision, decide
from dnc.facts import CallFacts, facts_to_record
from dnc.gathering import CampaignCard, Known, Listed, Standing, facts_of, known_of, register_fact
from dnc.policies.catalogue import Policy, policy_for
from leads.standing import SourceCard, source_cards

SHAPES_KEPT = 20_000

encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
"""Return a value as compact JSON text."""


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision in the forms it is told and recorded in: shared by all numbers whose standing is the same."""

    decision: Decision
    common: str
    record: str


@dataclass(slots=True)
class Shape:
    """One combination of facts met before, and the wording of its last answer; only times may differ in the next.

    ``wording`` is one value, read and replaced as a whole: several threads may decide at once.
    """

    facts: CallFacts
    facts_json: str
    wording: tuple[tuple[object, ...], str] | None = None


@dataclass(slots=True)
class Kept:
    """What a process keeps between groups of checks. None of it can be outdated: facts are met again, never assumed.

    ``listed`` asks a register's snapshot; ``cards`` are of sources, whose wording is never edited; ``shapes`` are
    combinations of facts met before, found again only by equal facts.
    """

    listed: Listed
    cards: dict[str, SourceCard] = field(default_factory=dict)
    shapes: dict[tuple[Any, ...], Shape] = field(default_factory=dict)

    def card(self, connection: Connection, source_id: str) -> SourceCard | None:
        """Return the card of a source."""
        if source_id not in self.cards:
            self.cards.update(source_cards(connection, [source_id]))
        return self.cards.get(source_id)


class Decider:
    """Decides once for each distinct combination of facts at one moment."""

    def __init__(self, kept: Kept, connection: Connection, found: Standing, now: datetime) -> None:
        self._kept, self._connection, self._found, self._now = kept, connection, found, now
        self._policies: dict[str | None, Policy | None] = {}
        self._made: dict[tuple[Any, ...], Decided] = {}

    def known(
        self, number: Number | NumberFault, campaign: CampaignCard, asker: str | None = None
    ) -> tuple[Known | None, tuple[Any, ...]]:
        """Return what is known of the number, and the key that is equal in this group exactly when the facts are.

        An attempt that ``asker`` holds does not stand in its own way.
        """
        if isinstance(number, NumberFault):
            return None, (campaign.id, number)
        known = known_of(self._found, number.value, campaign, asker)
        plan = number.plan
        card = self._found.registers.get(plan[0] or "")
        listed = self._kept.listed(card.snapshot, number.value) if card and card.snapshot else None
        return known, (campaign.id, plan, listed, known.key)

    def decided(
        self,
        number: Number | NumberFault,
        campaign: CampaignCard,
        known: Known | None,
        key: tuple[Any, ...],
        policy: Policy | None = None,
    ) -> Decided:
        """Return the decision for these facts, made now or for an equal number in the same group."""
        made = self._made.get(key)
        if made is None:
            shape = self._shape(number, campaign, known, key)
            country = None if isinstance(number, NumberFault) else number.country
            decision = decide(shape.facts, policy or self._policy(country), self._now)
            said = (decision.verdict, decision.reasons, decision.ground, decision.register, decision.policy)
            wording = shape.wording
            if wording is None or wording[0] != said:
                wording = shape.wording = (said, self._worded(shape.facts, decision, campaign, number))
            common = f"{{{times_part(decision, self._now)},{wording[1][1:]}"
            record = f'{{"campaign_id":"{campaign.id}","facts":{shape.facts_json},"answer":{common}}}'
            made = self._made[key] = Decided(decision, common, record)
        return made

    def _shape(
        self, number: Number | NumberFault, campaign: CampaignCard, known: Known | None, key: tuple[Any, ...]
    ) -> Shape:
        """Return the shape of these facts; another group finds it only by all of campaign, register and facts."""
        readable = readable_or_none(number)
        register = register_fact(self._found, key[1][0], key[2]) if readable is not None else None
        whole = (campaign, register, *key[1:])
        shape = self._kept.shapes.get(whole)
        if shape is None:
            facts = facts_of(readable, campaign, known, register)
            shape = Shape(facts, encode(facts_to_record(facts)))
            if len(self._kept.shapes) >= SHAPES_KEPT:
                self._kept.shapes.clear()
            self._kept.shapes[whole] = shape
        return shape

    def _worded(
        self, facts: CallFacts, decision: Decision, campaign: CampaignCard, number: Number | NumberFault
    ) -> str:
        source = decision.source_id
        card = self._kept.card(self._connection, source) if source is not None else None
        fault = number if isinstance(number, NumberFault) else NumberFault.INVALID
        return encode(timeless_part(facts, decision, campaign, card, fault))

    def _policy(self, country: str | None) -> Policy | None:
        if country not in self._policies:
            self._policies[country] = policy_for(country, self._now)
        return self._policies[country]


def readable_or_none(number: Number | NumberFault) -> Number | None:
    """Return the number, if one could be read."""
    return None if isinstance(number, NumberFault) else number
