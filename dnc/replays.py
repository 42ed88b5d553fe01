"""What if another policy had been in force? Past checks and calls decided again from their stored facts.

Each distinct stored decision is decided once under its own policy and once under the other; nothing is recorded as a
check, and memory grows with the number of sources and campaigns alone. A policy speaks of its own country: numbers of
other countries are decided under their own policy, as they were.
"""

import json
from collections import Counter, OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from core.access import Caller, Right
from core.errors import InvalidInput, Kind, NotFound, ServiceError
from core.ledger import UNREADABLE, LedgerChain, LedgerEntry, first_from
from dnc.calendar import LATEST
from dnc.decision import Verdict, decide
from dnc.facts import facts_from_record
from dnc.models import Campaign, Check, Contact
from dnc.policies.catalogue import Policy, policy_asked_for, policy_named
from leads.lead_texts import sources_of_seller

READ_AT_ONCE = 40
CALLS_AT_ONCE = 500
ENTRIES_KEPT = 64
CLOCK_STEP = timedelta(hours=1)
"""How far a process's clock may have been set back between two entries of its chain."""
NO_SOURCE = "(none)"


class By(StrEnum):
    """What the outcome is told by: the source of the lead that carried or would have carried the call, the campaign, or
    the reason against it under the other policy. Under several reasons an answer counts once for each."""

    SOURCE = "source"
    CAMPAIGN = "campaign"
    REASON = "reason"


class TooMuchToReplay(ServiceError):
    """The period holds more checks or calls than a request may decide again; the command takes any number."""

    kind, code, title = Kind.TOO_LARGE, "too-much-to-replay", "The period is too large for a request"


@dataclass(slots=True)
class Tally:
    """How many were asked or made, how many of them were allowed then, and the verdicts that they would have got.

    ``lost``: allowed then, and would not have been; ``gained``: the other way round.
    """

    total: int = 0
    allowed: int = 0
    allow: int = 0
    deny: int = 0
    unknown: int = 0
    lost: int = 0
    gained: int = 0

    def add(self, then: Verdict, now: Verdict, count: int) -> None:
        """Count so many with these verdicts."""
        was, would = then is Verdict.ALLOW, now is Verdict.ALLOW
        self.total += count
        self.allowed += count * was
        self.allow += count * would
        self.deny += count * (now is Verdict.DENY)
        self.unknown += count * (now is Verdict.UNKNOWN)
        self.lost += count * (was and not would)
        self.gained += count * (would and not was)

    @property
    def denied_share(self) -> float | None:
        """The share that would have been denied, 0 to 1; None of nothing."""
        return self.deny / self.total if self.total else None


@dataclass(slots=True)
class Outcome:
    """Checks and calls of one group, or of all."""

    checks: Tally = field(default_factory=Tally)
    calls: Tally = field(default_factory=Tally)


@dataclass(slots=True)
class PeriodReplay:
    """A period decided again. ``policy`` None: each under its own policy, so that only differences would be lost.

    ``erased``: entries written in the period whose facts are erased, ``unreadable``: stored decisions in such an entry
    that cannot be decided again, or the entry itself. Neither is in any tally, and neither knows its campaign.
    ``calls_left_out``: calls begun in the period, of the campaign asked for, on checks that either is true of.
    """

    since: datetime
    until: datetime
    policy: str | None
    campaign: str | None
    by: By
    all: Outcome = field(default_factory=Outcome)
    groups: dict[str, Outcome] = field(default_factory=dict)
    erased: int = 0
    unreadable: int = 0
    calls_left_out: int = 0


@dataclass(frozen=True, slots=True)
class _Tried:
    """One stored decision: whose it is, and its verdict then and under the other policy."""

    seller_id: str | None
    campaign_id: str
    checked_at: datetime
    source_id: str | None
    then: Verdict
    now: Verdict
    reasons: tuple[str, ...]


def replay_period(
    session: Session,
    caller: Caller,
    *,
    since: datetime,
    until: datetime,
    policy: Policy | str | None = None,
    campaign: str | None = None,
    by: By = By.SOURCE,
    limit: int | None = None,
) -> PeriodReplay:
    """Return how the checks asked and the calls begun from ``since`` until (not at) ``until`` would have been answered.

    ``policy``: a policy, or the version of one, in force or not. ``limit``: of how many checks and calls at most.

    Raises:
        Forbidden: the caller may not replay.
        InvalidInput: the period is none, or there is no such policy.
        NotFound: the caller's seller has no such campaign.
        TooMuchToReplay: there are more than ``limit``.
    """
    caller.require(Right.REPLAY)
    if since >= until:
        raise InvalidInput("the period ends before it begins")
    other = policy_asked_for(policy) if isinstance(policy, str) else policy
    done = PeriodReplay(since, until, None if other is None else other.version, campaign, by)
    campaign_id = None if campaign is None else _campaign_id(session, caller, campaign)
    replaying = _Replaying(session, done, other, caller.seller_id, campaign_id, limit)
    replaying.checks()
    replaying.calls()
    done.groups = _named(session, done, replaying.sellers)
    return done


def _campaign_id(session: Session, caller: Caller, slug: str) -> str:
    row = session.execute(select(Campaign.id, Campaign.seller_id).where(Campaign.slug == slug)).one_or_none()
    if row is None or caller.seller_id not in (None, row.seller_id):
        raise NotFound("there is no campaign with that slug for your seller")
    return str(row.id)


class _Replaying:
    def __init__(
        self,
        session: Session,
        done: PeriodReplay,
        policy: Policy | None,
        seller_id: str | None,
        campaign_id: str | None,
        limit: int | None,
    ) -> None:
        self._session, self._done, self._policy = session, done, policy
        self._seller_id, self._campaign_id, self._limit = seller_id, campaign_id, limit
        self.sellers: set[str] = set()
        self._kept: OrderedDict[tuple[int, int], list[_Tried | None]] = OrderedDict()

    def checks(self) -> None:
        """Count the checks asked in the period, in the order of the ledger."""
        for entry in self._entries():
            if entry.payload is None:
                self._done.erased += self._is_within(entry.at)
                continue
            read = self._tried_all(entry)
            if read is None:
                self._done.unreadable += self._is_within(entry.at)
                continue
            tried, places = read
            self._done.unreadable += tried.count(None) * self._is_within(entry.at)
            for place, count in Counter(places).items():
                one = tried[place]
                if one is not None and self._is_meant(one) and self._is_within(one.checked_at):
                    self._count(one, count, is_call=False)

    def calls(self) -> None:
        """Count the calls begun in the period, in the order in which they were logged."""
        after = ""
        wanted = (Contact.id, Check.chain, Check.seq, Check.place)
        while True:
            page = select(*wanted).join(Check, Check.id == Contact.check_id).where(Contact.id > after)
            page = page.where(Contact.started_at >= self._done.since, Contact.started_at < self._done.until)
            if self._seller_id is not None:
                page = page.where(Contact.seller_id == self._seller_id)
            if self._campaign_id is not None:
                page = page.where(Contact.campaign_id == self._campaign_id)
            found = self._session.execute(page.order_by(Contact.id).limit(CALLS_AT_ONCE)).all()
            self._read({(row.chain, row.seq) for row in found})
            for row in found:
                tried = self._kept.get((row.chain, row.seq))
                one = tried[row.place] if tried is not None and row.place < len(tried) else None
                if one is None:
                    self._done.calls_left_out += 1
                else:
                    self._count(one, 1, is_call=True)
            if len(found) < CALLS_AT_ONCE:
                return
            after = found[-1].id

    def _entries(self) -> Iterator[LedgerEntry]:
        since, until = self._done.since - CLOCK_STEP, min(self._done.until, LATEST) + CLOCK_STEP
        chains = select(LedgerChain.no, LedgerChain.seq).where(LedgerChain.opened_at < until).order_by(LedgerChain.no)
        for chain, last in self._session.execute(chains).all():
            after = first_from(self._session, chain, last, since) - 1
            while True:
                chosen = select(LedgerEntry).where(LedgerEntry.chain == chain, LedgerEntry.seq > after)
                chosen = chosen.where(LedgerEntry.kind == "checks")
                if self._seller_id is not None:  # an entry holds the checks of one seller
                    chosen = chosen.where(LedgerEntry.seller_id == self._seller_id)
                found = self._session.scalars(chosen.order_by(LedgerEntry.seq).limit(READ_AT_ONCE)).all()
                self._session.expunge_all()
                yield from (entry for entry in found if since <= entry.at < until)
                if len(found) < READ_AT_ONCE or found[-1].at >= until:
                    break
                after = found[-1].seq

    def _read(self, places: set[tuple[int, int]]) -> None:
        """Have the tried rows of these entries in ``_kept``; those of the page before may go."""
        while len(self._kept) > ENTRIES_KEPT:
            self._kept.popitem(last=False)
        missing = sorted(places - self._kept.keys())
        for start in range(0, len(missing), READ_AT_ONCE):
            part = missing[start : start + READ_AT_ONCE]
            place = tuple_(LedgerEntry.chain, LedgerEntry.seq)
            for entry in self._session.scalars(select(LedgerEntry).where(place.in_(part))).all():
                read = self._tried_all(entry)
                if read is not None:
                    tried, of_rows = read
                    self._kept[entry.chain, entry.seq] = [tried[one] for one in of_rows]
            self._session.expunge_all()

    def _tried_all(self, entry: LedgerEntry) -> tuple[list[_Tried | None], list[int]] | None:
        """Return an entry's decisions, tried, and which of them each of its rows has; None if they cannot be read."""
        try:
            document = json.loads(entry.payload or "")
            tried = [_tried(stored, self._policy, entry.seller_id) for stored in document["decisions"]]
            places: list[int] = [range(len(tried))[row[2]] for row in document["rows"]]
        except UNREADABLE:
            return None
        return tried, places

    def _is_meant(self, one: _Tried) -> bool:
        return self._campaign_id in (None, one.campaign_id)

    def _is_within(self, at: datetime) -> bool:
        return self._done.since <= at < self._done.until

    def _count(self, one: _Tried, count: int, *, is_call: bool) -> None:
        names: tuple[str, ...]
        match self._done.by:
            case By.SOURCE:
                names = (one.source_id or NO_SOURCE,)
            case By.CAMPAIGN:
                names = (one.campaign_id,)
            case By.REASON:
                names = one.reasons
        if one.seller_id is not None:
            self.sellers.add(one.seller_id)
        for outcome in (self._done.all, *(self._done.groups.setdefault(name, Outcome()) for name in names)):
            (outcome.calls if is_call else outcome.checks).add(one.then, one.now, count)
        total = self._done.all.checks.total + self._done.all.calls.total
        if self._limit is not None and total > self._limit:
            raise TooMuchToReplay(f"a request takes at most {self._limit} checks and calls: use ringklar replay")


def _tried(stored: dict[str, Any], policy: Policy | None, seller_id: str | None) -> _Tried | None:
    """Return a stored decision under its own and under the other policy; None if it cannot be read. Pure."""
    try:
        answer = stored["answer"]
        facts, at = facts_from_record(stored["facts"]), datetime.fromisoformat(answer["checked_at"])
        own = None if answer["policy"] is None else policy_named(answer["policy"])
        then = decide(facts, own, at)
        now = then
        if policy is not None and facts.number is not None and facts.number.country == policy.country:
            now = decide(facts, policy, at)
        said = Verdict(answer["verdict"])
        source_id = then.source_id or now.source_id
        reasons = tuple(reason.code.value for reason in now.reasons)
        return _Tried(seller_id, stored["campaign_id"], at, source_id, said, now.verdict, reasons)
    except UNREADABLE:
        return None


def _named(session: Session, done: PeriodReplay, sellers: set[str]) -> dict[str, Outcome]:
    """Return the groups by name, those that would lose most calls, then checks, first."""
    names: dict[str, str] = {}
    if done.by is By.CAMPAIGN:
        rows = session.execute(select(Campaign.id, Campaign.slug).where(Campaign.id.in_(done.groups)))
        names = {row.id: row.slug for row in rows}
    elif done.by is By.SOURCE:
        for seller_id in sorted(sellers):
            names |= {row[0]: row[1] for row in session.execute(sources_of_seller(seller_id))}
    ordered = sorted(done.groups.items(), key=lambda one: (-one[1].calls.lost, -one[1].checks.lost, one[0]))
    return {names.get(id_, id_): outcome for id_, outcome in ordered}
