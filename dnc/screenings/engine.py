"""Numbers decided by the hundred thousand, by the same rules as a call: once for each distinct combination of facts.

What is on record of the numbers is told apart a column at a time (``standing``); of each kind the first number is
gathered and decided as for a check, and stands for all that are like it. A screening is no permission to call: each
number is checked again before each call.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection

from consent.terms import Channel
from core.columns import places_of
from core.numbers import Number, NumberFault
from dnc.calendar import next_opening
from dnc.deciding import Decided, Decider, Kept
from dnc.facts import CampaignFact
from dnc.gathering import CampaignCard, Listed, RegisterCard, Standing, read_standing
from dnc.screenings.numbers import Ints, Plan, countries_of, plans_of
from dnc.screenings.standing import Ahead, Moment, moment_of, standing_keys
from dnc.screenings.tables import RESERVATION

GATHERED_AT_ONCE = 10_000
"""Numbers gathered by one statement, of those that stand for others."""
UNREAD, NOT_LISTED, IS_LISTED = -1, 0, 1
ListedOf = Callable[[str, Ints], npt.NDArray[np.int8] | None]
"""Says of many numbers whether a snapshot lists each: 1 or 0, below 0 for no number; None if it cannot be read."""


def one_by_one(listed: Listed) -> ListedOf:
    """Return what asks ``listed`` of each number."""

    def listed_of(sha256: str, numbers: Ints) -> npt.NDArray[np.int8]:
        answers = [listed(sha256, number) for number in numbers.tolist()]
        return np.array([UNREAD if answer is None else int(answer) for answer in answers], dtype=np.int8)

    return listed_of


def hypothetical_campaign(seller_id: str) -> CampaignCard:
    """Return an open campaign of the seller that does not exist: by voice, of no product, on all days but red ones."""
    return CampaignCard("", "", seller_id, "", CampaignFact("", Channel.VOICE, is_open=True, opens_weekends=True))


@dataclass(frozen=True, slots=True)
class Said:
    """What registers say of numbers: ``listed[i]`` of number ``i``, by that of the country ``countries[places[i]]``."""

    listed: npt.NDArray[np.int8]
    places: Ints
    countries: list[str | None]


@dataclass(frozen=True, slots=True)
class Screened:
    """Numbers decided: ``decided[codes[i]]`` is the answer to number ``i``. ``said`` is what their registers say."""

    codes: Ints
    decided: list[Decided]
    said: Said

    def counts(self) -> list[int]:
        """Return how many numbers were decided in each way."""
        return list(np.bincount(self.codes, minlength=len(self.decided)).tolist())


class Screener:
    """Decides numbers for one campaign, by one state of the database: give it a snapshot's connection.

    The campaign is read again from that state, with its seller's rules, unless it was ``found`` already: one that was
    closed meanwhile carries no call.

    ``next_hour``: each is asked for when calling next opens in its country, now if it is open; else for ``now``. Who
    holds the next attempt just now says nothing of that hour, and is left out.
    """

    def __init__(
        self,
        connection: Connection,
        listed_of: ListedOf,
        campaign: CampaignCard,
        now: datetime,
        *,
        next_hour: bool = False,
        found: Standing | None = None,
    ) -> None:
        self._connection, self._listed_of, self._now = connection, listed_of, now
        self._next_hour = next_hour
        self.ahead: Callable[[], Ahead] = Ahead
        """Gives what was read of whole tables already; until it has, the connection is another's."""
        self._moments: dict[str | None, Moment] = {}
        self._asked: dict[int, bool | None] = {}
        self._kept = Kept(lambda _sha256, number: self._asked[number])
        if found is None:
            found = read_standing(connection, campaigns=[campaign.slug] if campaign.slug else (), numbers=(), now=now)
        self._campaign = _as_it_stands(campaign, found)
        self.registers: Mapping[str, RegisterCard] = found.registers
        """The register versions in force, by country."""

    def moment(self, country: str | None) -> Moment:
        """Return when the country's numbers are asked for, and the policy in force then."""
        found = self._moments.get(country)
        if found is None:
            found = moment_of(country, self._now, self._campaign.fact, next_hour=self._next_hour)
            self._moments[country] = found
        return found

    def make_calendars(self, countries: Sequence[str]) -> None:
        """Make the calendars of the countries, which are kept: the first one takes a tenth of a second."""
        for country in countries:
            moment = self.moment(country)
            if moment.policy is not None:
                next_opening(moment.at, moment.policy, opens_weekends=self._campaign.fact.opens_weekends)

    def screen(self, numbers: Ints) -> Screened:
        """Return the answer to each of ``numbers``.

        Raises:
            ValueError: they are not in order, or one comes twice.
        """
        if not (numbers[1:] > numbers[:-1]).all():
            raise ValueError("numbers are screened in order, each once")
        plan, plans, where, countries = _located(numbers)
        moments = [self.moment(country) for country in countries]
        with ThreadPoolExecutor(1) as beside:  # the registers are asked while the rest is made
            asked = beside.submit(self._listed, numbers, where, countries)
            others, leads = standing_keys(
                self._connection, numbers, where, moments, self._campaign, self._now, self.ahead()
            )
            listed = asked.result()
        key = ((plan * 3 + listed + 1) * (others.max(initial=0) + 1) + others) * (leads.max(initial=0) + 1) + leads
        _, codes = places_of(key)
        first = np.empty(codes.max(initial=-1) + 1, dtype=np.int64)
        first[codes[::-1]] = np.arange(len(codes))[::-1]  # of equal keys the last one written, the first number, stays
        decided = self._decided(numbers, first, plan, plans, listed)
        return Screened(codes, decided, Said(listed, where, countries))

    def said_of(self, numbers: Ints) -> Said:
        """Return what each number's register says of it."""
        _plan, _plans, where, countries = _located(numbers)
        return Said(self._listed(numbers, where, countries), where, countries)

    def fault(self, fault: NumberFault) -> Decided:
        """Return the answer to what no number could be read from."""
        decider = Decider(self._kept, self._connection, self._found(()), self.moment(None).at)
        known, key = decider.known(fault, self._campaign)
        return decider.decided(fault, self._campaign, known, key)

    def _listed(self, numbers: Ints, place: Ints, countries: Sequence[str | None]) -> npt.NDArray[np.int8]:
        """Return what each number's register says of it."""
        listed = np.full(len(numbers), UNREAD, dtype=np.int8)
        for at, country in enumerate(countries):
            card = self.registers.get(country or "")
            if card is None or card.snapshot is None:
                continue
            ours = place == at
            said = self._listed_of(card.snapshot, numbers[ours])
            if said is not None:
                listed[ours] = np.clip(said, UNREAD, IS_LISTED)
        return listed

    def _found(self, numbers: Sequence[int]) -> Standing:
        found = read_standing(self._connection, campaigns=(), numbers=numbers, now=self._now)
        found.registers = dict(self.registers)
        if self._next_hour:
            for kinds in found.rows.values():
                kinds.pop(RESERVATION, None)
        return found

    def _decided(
        self, numbers: Ints, first: Ints, plan: Ints, plans: Sequence[Plan], listed: npt.NDArray[np.int8]
    ) -> list[Decided]:
        """Return the answers to the numbers in the places ``first``, gathered and decided as for a check."""
        decided: list[Decided] = []
        for start in range(0, len(first), GATHERED_AT_ONCE):
            places = first[start : start + GATHERED_AT_ONCE].tolist()
            found = self._found([int(numbers[at]) for at in places])
            deciders: dict[datetime, Decider] = {}
            for at in places:
                number = Number(int(numbers[at]))
                said = int(listed[at])
                self._asked = {number.value: None if said == UNREAD else said == IS_LISTED}
                moment = self.moment(plans[plan[at]][0])
                decider = deciders.get(moment.at)
                if decider is None:
                    decider = deciders[moment.at] = Decider(self._kept, self._connection, found, moment.at)
                known, key = decider.known(number, self._campaign)
                decided.append(decider.decided(number, self._campaign, known, key))
        return decided


def _as_it_stands(campaign: CampaignCard, found: Standing) -> CampaignCard:
    """Return the campaign as it was found; as a closed one if it is gone, or another seller's by now."""
    if not campaign.slug:  # it does not exist, and none of it is found
        return campaign
    card = found.campaigns.get(campaign.slug)
    if card is not None and (card.id, card.seller_id) == (campaign.id, campaign.seller_id):
        return card
    return replace(campaign, fact=replace(campaign.fact, is_open=False))


def _located(numbers: Ints) -> tuple[Ints, list[Plan], Ints, list[str | None]]:
    """Return each number's place among the plans, the plans, its place among their countries, and these, each once."""
    plan, plans = plans_of(numbers)
    of_plans = countries_of(plans)
    countries = list(dict.fromkeys(of_plans))
    return plan, plans, np.array([countries.index(country) for country in of_plans])[plan], countries
