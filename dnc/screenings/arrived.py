"""The leads of a file that has arrived, counted by what would be answered to a call."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from pyroaring import BitMap64
from sqlalchemy import Connection

from dnc.reasons import ReasonCode
from dnc.screenings.counts import IN_DOUBT, Tally
from dnc.screenings.engine import IS_LISTED, NOT_LISTED, Said, Screener
from dnc.screenings.numbers import Ints
from leads.arriving import leads_in_file, numbers_delivered_before

AT_ONCE = 1_000_000
"""Leads decided at once."""


@dataclass(slots=True)
class Arrived:
    """A file's leads counted: once by verdict, once for each of their reasons, and by the register that lists them.

    ``unread`` counts by register the numbers that it could not be asked about; ``looked_up`` are the leads that no
    doubt about a register stands against, and ``stopped`` those of them that their register stops. ``watched`` are
    those of the numbers that were looked for.
    """

    counts: Tally = field(default_factory=Tally)
    listed: Counter[str] = field(default_factory=Counter)
    unread: Counter[str] = field(default_factory=Counter)
    looked_up: int = 0
    stopped: int = 0
    watched: set[int] = field(default_factory=set)


def tally_file(connection: Connection, screener: Screener, file_no: int, watch: frozenset[int]) -> Arrived:
    """Return the file's leads, counted, and which of the numbers to ``watch`` for are among them."""
    arrived = Arrived()
    for numbers in _numbers(connection, file_no):
        arrived.watched |= watch.intersection(numbers.tolist()) if watch else set()
        screened = screener.screen(numbers)
        for decided, count in zip(screened.decided, screened.counts(), strict=True):
            codes = [reason.code for reason in decided.decision.reasons]
            arrived.counts.add(decided.decision.verdict.value, [code.value for code in codes], count)
            if not any(code in IN_DOUBT for code in codes):
                arrived.looked_up += count
                arrived.stopped += count if ReasonCode.ON_REGISTER in codes else 0
        _count_listed(arrived, screener, screened.said)
    return arrived


def count_delivered_before(connection: Connection, screener: Screener, lead_file_id: str, arrived: Arrived) -> None:
    """Count by register those of the file's numbers too that are no leads of it, for its source had delivered them."""
    numbers = BitMap64()
    for page in numbers_delivered_before(connection, lead_file_id):
        numbers.update([row[0] for row in page])
    if numbers:
        _count_listed(arrived, screener, screener.said_of(np.array(list(numbers), dtype=np.int64)))


def _count_listed(arrived: Arrived, screener: Screener, said: Said) -> None:
    for place, country in enumerate(said.countries):
        card = screener.registers.get(country or "")
        if card is None:
            continue
        listed = said.listed[said.places == place]
        arrived.listed[card.register] += int((listed == IS_LISTED).sum())
        arrived.unread[card.register] += int((listed < NOT_LISTED).sum())


def _numbers(connection: Connection, file_no: int) -> Iterator[Ints]:
    """Yield the numbers of the file's leads in order, some at a time; a file has a lead on each number once."""
    held: list[int] = []
    for page in leads_in_file(connection, file_no):
        held.extend(lead[0] for lead in page)
        if len(held) >= AT_ONCE:
            yield np.sort(np.array(held, dtype=np.int64))
            held = []
    if held:
        yield np.sort(np.array(held, dtype=np.int64))
