"""Past contacts held against a register again: who was listed when called, or is by any version since.

"157 of 2,300 were listed when called." Each contact is asked of the version that was in force when its call began, and
of a version named, if one is; what lifted the register then is read from the facts of the contact's check.
"""

import logging
from bisect import bisect_right
from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.access import Caller, Right
from core.clock import utc
from core.errors import InvalidInput
from core.ids import least_id
from core.ledger import Event, put_on_record
from core.numbers import Number
from core.store import Store
from dnc.models import Campaign, Check, Contact
from dnc.registers.carried import Carried, CarriedCalls
from dnc.registers.contents import (
    Numbers,
    VersionCard,
    VersionContents,
    VersionUnreadable,
    read_contents,
    version_cards,
    version_named,
)
from dnc.registers.standing import country_of
from leads.deliveries import source_standings

AT_ONCE = 2_000
PAGE = 200
HELD = 2
NO_SOURCE, ERASED = "none", "erased"
"""What stands for the source of a call that no lead carried, and of one whose facts were erased."""

_log = logging.getLogger(__name__)


class Said(StrEnum):
    """What a version says of a number. ``not_known``: there was none, or it is unreadable or does not cover it."""

    LISTED = "listed"
    NOT_LISTED = "not_listed"
    NOT_KNOWN = "not_known"


class Lifted(StrEnum):
    """What lifted the register when the call was checked; ``not_known`` once the check's facts are erased."""

    CONSENT = "consent"
    RELATION = "relation"
    NOTHING = "nothing"
    NOT_KNOWN = "not_known"


@dataclass(frozen=True, slots=True)
class RematchedContact:
    """A contact held against the register again; ``named`` is None if no version was named."""

    contact_id: str
    number: int
    started_at: datetime
    campaign: str
    source: str
    version_id: str | None
    when_called: Said
    named: Said | None
    lifted: Lifted

    @property
    def is_listed(self) -> bool:
        """Whether it was listed when called or is by the version named."""
        return Said.LISTED in (self.when_called, self.named)


@dataclass(slots=True)
class Answers:
    """What one version, or those then in force, said of contacts; those listed are told apart by what lifted that."""

    said: Counter[Said] = field(default_factory=Counter)
    listed: Counter[Lifted] = field(default_factory=Counter)

    def add(self, said: Said, lifted: Lifted) -> None:
        """Count one contact."""
        self.said[said] += 1
        if said is Said.LISTED:
            self.listed[lifted] += 1

    @property
    def contacts(self) -> int:
        """How many contacts were counted."""
        return self.said.total()


@dataclass(slots=True)
class Tally:
    """Contacts counted: all of them, by campaign and by source (slugs)."""

    whole: Answers = field(default_factory=Answers)
    campaigns: dict[str, Answers] = field(default_factory=dict)
    sources: dict[str, Answers] = field(default_factory=dict)

    def add(self, one: RematchedContact, said: Said) -> None:
        """Count one contact in each way."""
        for answers in (
            self.whole,
            self.campaigns.setdefault(one.campaign, Answers()),
            self.sources.setdefault(one.source, Answers()),
        ):
            answers.add(said, one.lifted)


@dataclass(frozen=True, slots=True)
class Rematch:
    """A period's contacts in the register's country. The tallies are None but on the first page.

    ``named`` is None, too, if no version was named. ``page`` is of contacts that are listed in either way, and
    ``cursor`` goes on from its end; None at the last page.
    """

    register: str
    since: datetime
    until: datetime
    version: VersionCard | None
    when_called: Tally | None
    named: Tally | None
    page: Sequence[RematchedContact]
    cursor: str | None


def rematch(
    store: Store,
    registers_dir: Path,
    caller: Caller,
    *,
    name: str,
    since: datetime,
    until: datetime,
    version: str | None = None,
    cursor: str | None = None,
    limit: int = PAGE,
) -> Rematch:
    """Return how many contacts from ``since`` until ``until`` were listed, and a page of them, the first logged first.

    That it was asked is on record before this returns. It reads every contact of the period, in bounded memory.

    Raises:
        Forbidden: the caller may not re-match contacts.
        InvalidInput: the period ends before it begins.
        UnknownRegister: there is no register of that name.
        UnknownVersion: it has no such version.
        VersionUnreadable: the version named is missing or damaged on disk.
    """
    caller.require(Right.REMATCH_CONTACTS)
    if until <= since:
        raise InvalidInput("the period ends before it begins")
    with store.snapshot() as session:
        card = None if version is None else version_named(session, name, version)
        versions = _Versions(registers_dir, version_cards(session, name), card)
        found = _rematched(session, versions, caller.seller_id, name, since, until, cursor)
        tallies: tuple[Tally, Tally] | None = None
        if cursor is None:
            tallies, page = _counted(found, limit)
        else:
            page = list(islice((one for one in found if one.is_listed), limit + 1))
    payload = {
        "register": name,
        "since": utc(since),
        "until": utc(until),
        "version": None if card is None else card.id,
        "later_page": cursor is not None,
        "numbers_shown": min(len(page), limit),
        "contacts": None if tallies is None else tallies[0].whole.contacts,
        "listed_when_called": None if tallies is None else tallies[0].whole.said[Said.LISTED],
        "listed": None if tallies is None or card is None else tallies[1].whole.said[Said.LISTED],
    }
    with store.writing() as session:
        put_on_record(session, Event("register.rematched", caller.id, caller.actor, caller.seller_id, payload))
    return Rematch(
        register=name,
        since=since,
        until=until,
        version=card,
        when_called=None if tallies is None else tallies[0],
        named=None if tallies is None or card is None else tallies[1],
        page=page[:limit],
        cursor=page[limit - 1].contact_id if len(page) > limit else None,
    )


def _counted(found: Iterator[RematchedContact], limit: int) -> tuple[tuple[Tally, Tally], list[RematchedContact]]:
    when_called, named, page = Tally(), Tally(), list[RematchedContact]()
    for one in found:
        when_called.add(one, one.when_called)
        if one.named is not None:
            named.add(one, one.named)
        if one.is_listed and len(page) <= limit:
            page.append(one)
    return (when_called, named), page


class _Versions:
    """The versions of a register, by the moment at which each was in force; few are held in memory at once."""

    def __init__(self, registers_dir: Path, cards: Sequence[VersionCard], named: VersionCard | None) -> None:
        self._directory = registers_dir
        self._cards = cards
        self._loaded_at = [card.loaded_at for card in cards]
        self._held: OrderedDict[str, VersionContents | None] = OrderedDict()
        self.named = None if named is None else read_contents(registers_dir, named)

    def in_force_at(self, at: datetime) -> VersionCard | None:
        """Return the version by which numbers were checked at ``at``."""
        place = bisect_right(self._loaded_at, at)
        return self._cards[place - 1] if place else None

    def said(self, card: VersionCard, numbers: Numbers) -> list[Said]:
        """Return what the version says of each number: not known where it cannot be read."""
        contents = self._contents(card)
        try:
            return [Said.NOT_KNOWN] * len(numbers) if contents is None else _said(contents, numbers)
        except VersionUnreadable as error:
            _log.warning("register %s: %s", card.register, error.detail)
            return [Said.NOT_KNOWN] * len(numbers)

    def _contents(self, card: VersionCard) -> VersionContents | None:
        if card.id not in self._held:
            try:
                self._held[card.id] = read_contents(self._directory, card)
            except VersionUnreadable as error:
                _log.warning("register %s: %s", card.register, error.detail)
                self._held[card.id] = None
            while len(self._held) > HELD:
                self._held.popitem(last=False)
        self._held.move_to_end(card.id)
        return self._held[card.id]


def _rematched(
    session: Session,
    versions: _Versions,
    seller_id: str | None,
    name: str,
    since: datetime,
    until: datetime,
    after: str | None,
) -> Iterator[RematchedContact]:
    """Yield the period's contacts in the register's country, in the order in which they were logged."""
    country = country_of(session, name)
    campaigns = {one.id: one.slug for one in session.scalars(select(Campaign))}
    sources = {one.id: one.slug for one in source_standings(session, None)}
    calls = CarriedCalls(session)
    for page in _pages(session, seller_id, since, until, after):
        rows = [row for row in page if Number(row.number).country == country]
        cards = [versions.in_force_at(row.started_at) for row in rows]
        numbers = np.array([row.number for row in rows], dtype=np.int64)
        then = _said_by_each(versions, cards, numbers)
        named = [None] * len(rows) if versions.named is None else list[Said | None](_said(versions.named, numbers))
        carried = calls.of((row.chain, row.seq, row.place) for row in rows)
        for row, card, when_called, by_named in zip(rows, cards, then, named, strict=True):
            what = carried[row.chain, row.seq, row.place]
            yield RematchedContact(
                contact_id=row.id,
                number=row.number,
                started_at=row.started_at,
                campaign=campaigns[row.campaign_id],
                source=_source(what, sources),
                version_id=None if card is None else card.id,
                when_called=when_called,
                named=by_named,
                lifted=_lifted(what),
            )


def _pages(
    session: Session, seller_id: str | None, since: datetime, until: datetime, after: str | None
) -> Iterator[Sequence[Any]]:
    """Yield the period's contacts with the place of their checks' facts, some thousands at a time.

    By pk_contacts, from the first that can be of the period: none is logged more than some minutes before it starts.
    """
    query = (
        select(
            Contact.id,
            Contact.number,
            Contact.started_at,
            Contact.campaign_id,
            Check.chain,
            Check.seq,
            Check.place,
        )
        .join(Check, Check.id == Contact.check_id)
        .where(Contact.id >= least_id(since), Contact.started_at >= since, Contact.started_at < until)
        .order_by(Contact.id)
        .limit(AT_ONCE)
    )
    if seller_id is not None:
        query = query.where(Contact.seller_id == seller_id)
    while rows := session.execute(query if after is None else query.where(Contact.id > after)).all():
        yield rows
        after = rows[-1].id
        if len(rows) < AT_ONCE:
            return


def _said_by_each(versions: _Versions, cards: Sequence[VersionCard | None], numbers: Numbers) -> list[Said]:
    """Return what the version that was in force at each call says of its number."""
    said = [Said.NOT_KNOWN] * len(cards)
    by_version: dict[str, list[int]] = {}
    named: dict[str, VersionCard] = {}
    for place, card in enumerate(cards):
        if card is not None:
            named[card.id] = card
            by_version.setdefault(card.id, []).append(place)
    for id_, places in by_version.items():
        for place, answer in zip(places, versions.said(named[id_], numbers[places]), strict=True):
            said[place] = answer
    return said


def _said(contents: VersionContents, numbers: Numbers) -> list[Said]:
    listed, known = contents.lists(numbers), contents.knows(numbers)
    return [
        Said.LISTED if is_listed else Said.NOT_LISTED if is_known else Said.NOT_KNOWN
        for is_listed, is_known in zip(listed.tolist(), known.tolist(), strict=True)
    ]


def _source(carried: Carried, sources: Mapping[str, str]) -> str:
    if not carried.known:
        return ERASED
    return NO_SOURCE if carried.source_id is None else sources.get(carried.source_id, NO_SOURCE)


def _lifted(carried: Carried) -> Lifted:
    if not carried.known:
        return Lifted.NOT_KNOWN
    return Lifted.NOTHING if carried.lifted_by is None else Lifted(carried.lifted_by.value)
