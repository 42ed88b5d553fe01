"""Leads decided by the hundred thousand, by the same rules as a call, for whoever counts or hands them out.

They are decided for a voice call at the next hour at which calling is open. A screening is no permission to call: each
number is checked again before each call.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, union_all

from consent.standing import consents_standing, relations_standing
from consent.terms import Channel
from core.database import any_of_value
from core.numbers import Number
from core.prepared import Prepared, instant_value, read_date_or_none
from dnc.calendar import age_on, next_opening
from dnc.decision import Decision, decide
from dnc.facts import CampaignFact
from dnc.gathering import (
    CampaignCard,
    Known,
    Listed,
    RegisterCard,
    _holds,
    _opt_outs,
    _restrictions,
    facts_of,
    known_of,
    read_standing,
    register_fact,
)
from dnc.policy import Policy, policy_for
from leads.arriving import PAGE, ArrivedFile, leads_in_file, numbers_of_other_sources

SHAPES_KEPT = 100_000
LEADS = 3  # the place of the leads in a number's key
COLLECTED, EXPIRES, BORN = 5, 6, 9  # what differs from lead to lead, by its place in each
Key = tuple[Any, ...]

SPOKEN_OF = frozenset({"opt_out", "hold", "restriction", "lead", "consent", "relation"})
"""The kinds of row by which something other than a file's own lead may speak of a number, as ``_OTHERS`` asks."""

_OTHERS = Prepared(
    union_all(
        numbers_of_other_sources(),
        *(
            part.with_only_columns(part.selected_columns.number)
            for part in (_opt_outs(), _holds(), _restrictions(), consents_standing(), relations_standing())
        ),
    )
)


def hypothetical_campaign(seller_id: str) -> CampaignCard:
    """Return an open campaign of the seller that does not exist: by voice, of no product, on all days but red ones."""
    return CampaignCard("", "", seller_id, "", CampaignFact("", Channel.VOICE, is_open=True, opens_weekends=True))


@dataclass(slots=True)
class Tally:
    """Leads counted: once by verdict, once for each of their reasons, and by the register that lists them.

    ``unread`` counts by register the numbers that it could not be asked about; ``watched`` are those of the numbers
    that were looked for.
    """

    leads: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    listed: Counter[str] = field(default_factory=Counter)
    unread: Counter[str] = field(default_factory=Counter)
    watched: set[int] = field(default_factory=set)

    def add(self, decision: Decision, count: int = 1) -> None:
        """Count ``count`` leads decided so."""
        self.leads += count
        self.verdicts[decision.verdict.value] += count
        for reason in decision.reasons:
            self.reasons[reason.code.value] += count


@dataclass(frozen=True, slots=True)
class Moment:
    """The first moment at which a country lets calls be made, the policy in force then, and the moment as stored."""

    at: datetime
    policy: Policy | None
    stored: Any  # Any: an instant in the driver's form
    ages: dict[Any, int | None] = field(default_factory=dict)

    def side(self, collected_at: Any, expires_at: Any, born: Any) -> tuple[bool, bool, int | None]:  # Any: as stored
        """Return whether the lead is collected and not expired by then, and the person's age; None if not known."""
        if born not in self.ages:
            day, zone = read_date_or_none(born), self.policy.zone if self.policy is not None else UTC
            self.ages[born] = None if day is None else age_on(day, self.at.astimezone(zone).date())
        return collected_at is None or collected_at <= self.stored, expires_at > self.stored, self.ages[born]


class Screening:
    """Decides numbers for one campaign, with ``decide`` alone, once for each combination of facts it can tell apart.

    One lead stands for another if the register's answer, kind of number, source and age are the same, and at the moment
    asked for both are collected, or not, and expired, or not: ``decide`` asks no more of a number's only lead
    (``tests/property/test_arrivals.py`` holds it to that).
    """

    def __init__(self, connection: Connection, listed: Listed, campaign: CampaignCard, now: datetime) -> None:
        self._connection, self._listed, self._campaign, self._now = connection, listed, campaign, now
        self._moments: dict[str | None, Moment] = {}
        self._decisions: dict[Key, Decision] = {}
        self.registers: Mapping[str, RegisterCard] = read_standing(
            connection, campaigns=(), numbers=(), now=now
        ).registers
        """The register versions in force, by country."""

    def moment(self, country: str | None) -> Moment:
        """Return when the country's numbers are asked for: now if calling is open, or when it next is."""
        found = self._moments.get(country)
        if found is None:
            policy, at = policy_for(country, self._now), self._now
            if policy is not None:
                at = next_opening(at, policy, opens_weekends=self._campaign.fact.opens_weekends) or at
                policy = policy_for(country, at)
            found = self._moments[country] = Moment(at, policy, instant_value(self._connection.dialect.name, at))
        return found

    def decided(self, numbers: Sequence[int]) -> Iterator[tuple[int, Known, Decision]]:
        """Yield each number with what is known of it and the decision, in order; facts are gathered as for a check."""
        for start in range(0, len(numbers), PAGE):
            page = numbers[start : start + PAGE]
            found = read_standing(self._connection, campaigns=(), numbers=page, now=self._now)
            found.registers = dict(self.registers)
            for number in page:
                known = known_of(found, number, self._campaign)
                plan, listed = self._asked(number)
                key = (plan, listed, *self._shape(known, plan[0]))
                decision = self._decisions.get(key)
                if decision is None:
                    register = register_fact(found, plan[0], listed)
                    moment = self.moment(plan[0])
                    facts = facts_of(Number(number), self._campaign, known, register)
                    decision = decide(facts, moment.policy, moment.at)
                    if len(self._decisions) >= SHAPES_KEPT:
                        self._decisions.clear()
                    self._decisions[key] = decision
                yield number, known, decision

    def tally(self, file: ArrivedFile, watch: frozenset[int] = frozenset()) -> Tally:
        """Return the file's leads, counted, and which of the numbers to ``watch`` for are among them.

        A number of which nothing speaks but its one lead in the file is decided by the first one like it; every other
        number by what is gathered of itself.
        """
        tally = Tally()
        alike: Counter[Key] = Counter()
        first: dict[Key, int] = {}
        for page in leads_in_file(self._connection, file.no):
            numbers = [lead[0] for lead in page]
            tally.watched |= watch.intersection(numbers)
            others = self._others(numbers, file.source_no)
            for number, collected_at, expires_at, born in page:
                plan, listed = self._asked(number)
                self._count_listed(tally, plan[0], listed)
                if number not in others:
                    key = (plan, listed, *self.moment(plan[0]).side(collected_at, expires_at, born))
                    alike[key] += 1
                    if key not in first:
                        first[key] = number
            for _number, _known, decision in self.decided(list(others)):
                tally.add(decision)
            if len(first) >= SHAPES_KEPT:
                self._settle(tally, alike, first)
        self._settle(tally, alike, first)
        return tally

    def _settle(self, tally: Tally, alike: Counter[Key], first: dict[Key, int]) -> None:
        """Decide the first of each kind, and count all that are like it."""
        counts = {number: alike[key] for key, number in first.items()}
        for number, _known, decision in self.decided(list(counts)):
            tally.add(decision, counts[number])
        alike.clear()
        first.clear()

    def _asked(self, number: int) -> tuple[Any, bool | None]:  # Any: a number's plan
        plan = Number(number).plan
        card = self.registers.get(plan[0] or "")
        return plan, self._listed(card.snapshot, number) if card is not None and card.snapshot else None

    def _count_listed(self, tally: Tally, country: str | None, listed: bool | None) -> None:
        card = self.registers.get(country or "")
        if card is not None and listed is None:
            tally.unread[card.register] += 1
        elif card is not None and listed:
            tally.listed[card.register] += 1

    def _others(self, numbers: list[int], source_no: int) -> set[int]:
        """Return those of the numbers that something else than this source's own lead speaks of."""
        values = {"numbers": any_of_value(self._connection.dialect.name, numbers), "source_no": source_no}
        return {row[0] for row in _OTHERS.rows(self._connection, values)}

    def _shape(self, known: Known, country: str | None) -> Key:
        """Return the number's key; of its only lead what ``Moment.side`` tells, beside its source's standing."""
        leads = known.key[LEADS]
        if len(leads) != 1:
            return known.key
        lead = leads[0]
        side = self.moment(country).side(lead[COLLECTED], lead[EXPIRES], lead[BORN])
        return (*known.key[:LEADS], (*lead[:COLLECTED], *lead[EXPIRES + 1 : BORN], *side), *known.key[LEADS + 1 :])
