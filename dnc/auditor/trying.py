"""Try stored answers: against their own facts, their rows, and the tables as they were when they were given."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice
from types import MappingProxyType
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.clock import utc
from core.ledger import LedgerEntry, Position
from core.numbers import Number, metadata_version, read_number
from core.secrets import Keyring
from dnc.auditor.acknowledged import as_acknowledged, campaigns_as_acknowledged
from dnc.decision import Decision, Verdict, decide
from dnc.facts import FORM_OF_LATER_RULES, CallFacts, facts_from_record
from dnc.gathering import Listed
from dnc.history.campaigns import PastCampaign
from dnc.history.facts import Asked, changes_near, facts_asked
from dnc.history.rows import Past
from dnc.models import Check
from dnc.policy import policy_for
from dnc.recorded import UNREADABLE, decided_otherwise

CLOCKS = timedelta(seconds=5)
"""How far two nodes' clocks may be apart, with what it takes to commit."""
JUST_BEFORE = timedelta(microseconds=1)
IN_FLIGHT = tuple(sign * slack for slack in (JUST_BEFORE, timedelta(seconds=1), CLOCKS) for sign in (-1, 1))
"""How far the moment that a row or its ledger entry tells may be from when others could see it."""
NO_CAMPAIGNS: Mapping[str, PastCampaign] = MappingProxyType({})


class Against(StrEnum):
    """What an answer was held against."""

    FACTS = "facts"
    ROW = "row"
    TABLES = "tables"


@dataclass(frozen=True, slots=True)
class Difference:
    """An answer that is not what it was held against gives. It names no number."""

    chain: int
    seq: int
    check_id: str | None
    against: Against
    what: str


@dataclass(slots=True)
class Counts:
    """How much was tried.

    ``answers``: distinct stored decisions. ``tables``: checks decided again from the tables. ``unrebuilt``: those of
    them whose past cannot be had whole any more. ``in_flight``: those that another transaction's last moments excuse.
    """

    entries: int = 0
    checks: int = 0
    answers: int = 0
    screened: int = 0
    erased: int = 0
    tables: int = 0
    unrebuilt: int = 0
    in_flight: int = 0
    differences: int = 0


@dataclass(frozen=True, slots=True)
class _Given:
    """A check as its ledger entry has it."""

    entry: Position
    id: str
    number_hash: str | None
    campaign_id: str
    decision: dict[str, Any]
    phonenumbers: str
    place: int


@dataclass(slots=True)
class _Doubted:
    """A check whose answer the tables do not give; ``tried``: what else they gave around its moment.

    ``heard_until``: until when the attempt was held by its own facts, if it is a no and another's answer near it held
    the attempt until then.
    """

    given: _Given
    row: Check
    asked: Asked
    facts: CallFacts
    what: str
    tried: list[CallFacts]
    heard_until: datetime | None


class Trial:
    """Tries entries one after another; give it the entries of a few thousand checks at a time."""

    def __init__(self, session: Session, keyring: Keyring, listed: Listed) -> None:
        self._session, self._keyring, self._listed = session, keyring, listed
        self.counts = Counts()
        self.differences: list[Difference] = []
        self.excused: list[Difference] = []
        self._given: list[_Given] = []
        self._policies: set[tuple[int, str]] = set()

    @property
    def waiting(self) -> int:
        """How many checks wait for the tables to be read."""
        return len(self._given)

    def take(self, entry: LedgerEntry) -> None:
        """Try an entry's answers against their facts, and note its checks for ``against_tables``."""
        self.counts.entries += 1
        place = Position(entry.chain, entry.seq)
        if entry.payload is None:
            self.counts.erased += 1
            return
        try:
            document = json.loads(entry.payload)
            decisions, rows = document["decisions"], document.get("rows")
            given = list(self._checks(place, document)) if isinstance(rows, list) else []
        except UNREADABLE as error:
            self._differ(place, None, Against.FACTS, f"the entry cannot be read ({type(error).__name__})")
            return
        self.counts.answers += len(decisions)
        self.counts.checks += len(given)
        self.counts.screened += rows if isinstance(rows, int) else 0
        for number, stored in enumerate(decisions):
            what = _decided_otherwise(stored)
            if what is None and not isinstance(rows, list):  # a check's is tried from the tables
                what = self._policy_fault(place, stored)
            if what is None:
                self._policies.add((place.chain, str(stored["answer"]["policy"])))
            else:
                given = [one for one in given if one.decision is not stored]  # told; nothing of it can be relied on
                ids = [row[0] for row in rows if row[2] == number] if isinstance(rows, list) else []
                for check_id in ids or [None]:
                    self._differ(place, check_id, Against.FACTS, what)
        self._given += given

    def _checks(self, entry: Position, document: dict[str, Any]) -> Iterator[_Given]:
        for place, (id_, number_hash, decision, _ids, _reference) in enumerate(document["rows"]):
            stored = document["decisions"][decision]
            campaign_id, version = stored["campaign_id"], document["phonenumbers"]
            yield _Given(entry, id_, number_hash, campaign_id, stored, version, place)

    def _policy_fault(self, entry: Position, stored: dict[str, Any]) -> str | None:
        """Return that a screening's answer is not by the policy in force at its moment, or None.

        One that found no policy is left, as a check's is, unless its process is known to have known one.
        """
        number, answer = facts_from_record(stored["facts"]).number, stored["answer"]
        policy = policy_for(None if number is None else number.country, datetime.fromisoformat(answer["checked_at"]))
        version = None if policy is None else policy.version
        is_left = answer["policy"] is None and (entry.chain, version) not in self._policies
        return None if is_left or answer["policy"] == version else "policy would differ"

    def _differ(self, place: Position, check_id: str | None, against: Against, what: str) -> None:
        self.counts.differences += 1
        self.differences.append(Difference(place.chain, place.seq, check_id, against, what))

    def against_tables(self) -> None:
        """Try the checks that wait against their rows and against the tables as they were."""
        given, self._given = self._given, []
        ids = [one.id for one in given]
        rows: dict[str, Check] = {}
        for start in range(0, len(ids), 500):
            found = self._session.scalars(select(Check).where(Check.id.in_(ids[start : start + 500])))
            rows |= {row.id: row for row in found}
        whole = []
        for one in given:
            row = rows.get(one.id)
            wrong = "the check's row is gone" if row is None else self._row_fault(one, row)
            if wrong is not None or row is None:
                self._differ(one.entry, one.id, Against.ROW, wrong or "")
            else:
                whole.append((one, row))
        self._session.expunge_all()
        self._rebuild(whole)

    def _row_fault(self, one: _Given, row: Check) -> str | None:
        """Return how the row differs from its entry, or None."""
        answer = one.decision["answer"]
        told = {
            "number": one.number_hash,
            "campaign_id": one.campaign_id,
            "verdict": answer.get("verdict"),
            "checked_at": answer.get("checked_at"),
            "valid_until": answer.get("valid_until"),
            "place": (one.entry.chain, one.entry.seq, one.place),
        }
        held = {
            "number": None if row.number is None else self._keyring.number_hash(row.number),
            "campaign_id": row.campaign_id,
            "verdict": row.verdict,
            "checked_at": utc(row.checked_at),
            "valid_until": utc(row.valid_until),
            "place": (row.chain, row.seq, row.place),
        }
        wrong = [name for name, value in told.items() if held[name] != value]
        return f"the check's row differs in {', '.join(wrong)}" if wrong else None

    def _rebuild(self, given: Sequence[tuple[_Given, Check]]) -> None:
        asked = [_asked(one, row) for one, row in given]
        doubted: list[_Doubted] = []
        for (one, row), question, facts in zip(given, asked, self._facts(asked), strict=True):
            self.counts.tables += 1
            if facts is None:
                self._differ(one.entry, one.id, Against.TABLES, "what the tables hold of its number cannot be read")
                continue
            what = self._rebuilt_otherwise(one, row, facts)
            if what is not None:
                doubted.append(_Doubted(one, row, question, facts, what, [facts], self._heard_until(one, row)))
        doubted = self._without_excused(doubted, IN_FLIGHT)
        moments = [each.asked.at for each in doubted]  # of few: their ledger entries are looked for
        doubted = self._without_excused(
            doubted,
            (timedelta(0), *IN_FLIGHT),
            lambda past: as_acknowledged(self._session, past, moments),
            campaigns_as_acknowledged(self._session, {each.asked.campaign_id for each in doubted}, moments),
        )
        for each in doubted:
            one, row = each.given, each.row
            if any(self._rebuilt_otherwise(one, row, _filled(one, facts)) is None for facts in each.tried):
                self.counts.unrebuilt += 1
            else:
                self._differ(one.entry, one.id, Against.TABLES, each.what)

    def _heard_until(self, one: _Given, row: Check) -> datetime | None:
        """Return until when a no was told that the attempt is held, if another's answer near it says so too.

        A holder that asks again holds it for longer, so of several within a moment no other than this end may be the
        one that was read. By ix_checks_number.
        """
        attempts = facts_from_record(one.decision["facts"]).attempts
        if row.verdict == Verdict.ALLOW.value or attempts is None or attempts.reserved_until is None:
            return None
        holding = select(Check.id).where(
            Check.number == row.number,
            Check.campaign_id == row.campaign_id,
            Check.asked_by != row.asked_by,
            Check.verdict == Verdict.ALLOW.value,
            Check.valid_until == attempts.reserved_until,
            Check.checked_at.between(row.checked_at - CLOCKS, row.checked_at + CLOCKS),
        )
        return None if self._session.scalar(holding.limit(1)) is None else attempts.reserved_until

    def _without_excused(
        self,
        doubted: list[_Doubted],
        slacks: Sequence[timedelta],
        dated: Callable[[Past], Past] = lambda past: past,
        campaigns: Mapping[str, PastCampaign] = NO_CAMPAIGNS,
    ) -> list[_Doubted]:
        """Return those that are right at no moment around their own; the others are told as excused.

        ``dated`` and ``campaigns`` hold what was read with other times.
        """
        tries = self._tries(doubted, slacks, dated, campaigns)
        around = [one for of_each in tries for one in of_each]
        rebuilt = self._facts(around, dated) if around else []
        found = iter([_in(campaigns, asked, facts) for asked, facts in zip(around, rebuilt, strict=True)])
        left = []
        for each, of_each in zip(doubted, tries, strict=True):
            tried = [_held_as(each, facts) for facts in islice(found, len(of_each)) if facts is not None]
            each.tried += tried
            if any(self._rebuilt_otherwise(each.given, each.row, facts) is None for facts in tried):
                entry = each.given.entry
                self.counts.in_flight += 1
                self.excused.append(Difference(entry.chain, entry.seq, each.given.id, Against.TABLES, each.what))
            else:
                left.append(each)
        return left

    def _tries(
        self,
        doubted: Sequence[_Doubted],
        slacks: Sequence[timedelta],
        dated: Callable[[Past], Past],
        campaigns: Mapping[str, PastCampaign],
    ) -> list[list[Asked]]:
        """Return for each the moments around its own to try: the slacks, and just before and at each change near it.

        Between two changes nothing else can be known, so a no that was taken back within the second is met too.
        """
        asked = [each.asked for each in doubted]
        try:
            near_each = changes_near(self._session.connection(), asked, CLOCKS, dated)
        except UNREADABLE:  # a row of one of them: each is tried at the slacks, and that one told by ``_facts``
            near_each = [[] for _one in asked]
        tries = []
        for one, moments in zip(asked, near_each, strict=True):
            campaign = campaigns.get(one.campaign_id)
            changes = {*moments, *(() if campaign is None else campaign.changed_at())}
            near = {change - one.at - before for change in changes for before in (timedelta(0), JUST_BEFORE)}
            others = sorted(slack for slack in near if abs(slack) <= CLOCKS and slack not in slacks)
            tries.append([_around(one, slack) for slack in (*slacks, *others)])
        return tries

    def _rebuilt_otherwise(self, one: _Given, row: Check, facts: CallFacts) -> str | None:
        """Return what differs from the stored answer when ``facts`` are decided at its moment, or None.

        An answer that found no policy is decided without one, unless its process knew the one of today: its country may
        have had none yet. Without a policy nothing is allowed, so no yes can hide there.
        """
        answer = one.decision["answer"]
        stored = facts_from_record(one.decision["facts"])
        policy = policy_for(None if facts.number is None else facts.number.country, row.checked_at)
        if policy is not None and answer.get("policy") is None:
            policy = policy if (one.entry.chain, policy.version) in self._policies else None
        decision = decide(facts, policy, row.checked_at)
        told = _told(decision)
        said = {name: answer.get(name) for name in told} | {"reasons": [reason["code"] for reason in answer["reasons"]]}
        wrong = [name for name in told if told[name] != said[name]]
        if not wrong:
            return None
        differing = [name for name in CallFacts.__dataclass_fields__ if getattr(facts, name) != getattr(stored, name)]
        return f"{', '.join(wrong)} would differ; the tables differ in {', '.join(differing) or 'nothing'}"

    def _facts(
        self, asked: Sequence[Asked], dated: Callable[[Past], Past] = lambda past: past
    ) -> list[CallFacts | None]:
        """Return the facts of each question, None of one whose rows cannot be read: it keeps no other from being tried.

        It is found by halving.
        """
        found: list[CallFacts | None]
        try:
            found = [*facts_asked(self._session.connection(), self._listed, asked, dated)]
        except UNREADABLE:
            middle = len(asked) // 2
            halves = (asked[:middle], asked[middle:])
            found = [facts for half in halves for facts in self._facts(half, dated)] if middle else [None]
        return found


def _decided_otherwise(stored: Any) -> str | None:  # Any: whatever the ledger's JSON holds
    try:
        return decided_otherwise(stored)
    except UNREADABLE as error:
        return f"the stored answer cannot be read ({type(error).__name__})"


def _asked(one: _Given, row: Check) -> Asked:
    form = one.decision["facts"]["form"]
    is_plan_former = one.phonenumbers != metadata_version() or form < FORM_OF_LATER_RULES
    number = None if row.number is None else read_number(f"+{row.number}")
    return Asked(
        number=number if isinstance(number, Number) else None,
        campaign_id=row.campaign_id,
        at=row.checked_at,
        known_at=row.checked_at,
        asker=row.asked_by,
        entry=one.entry,
        counts_held=form != 1,
        form=form,
        plan=facts_from_record(one.decision["facts"]).number if is_plan_former else None,
    )


def _around(asked: Asked, slack: timedelta) -> Asked:
    """Return the question as of a moment around its own; what another's fast clock dated after it is known then too."""
    moment = asked.at + slack
    return replace(asked, at=max(asked.at, moment), known_at=moment)


def _in(campaigns: Mapping[str, PastCampaign], asked: Asked, facts: CallFacts | None) -> CallFacts | None:
    """Return the facts with the campaign as it is among ``campaigns``, if it is and was there at that moment. Pure."""
    campaign = campaigns.get(asked.campaign_id)
    if facts is None or facts.campaign is None or campaign is None:
        return facts
    return replace(facts, campaign=campaign.fact_at(min(asked.at, asked.known_at)))


def _told(decision: Decision) -> dict[str, object]:
    return {
        "verdict": decision.verdict.value,
        "reasons": [reason.code.value for reason in decision.reasons],
        "valid_until": utc(decision.valid_until),
        "retry_at": utc(decision.retry_at),
        "policy": decision.policy,
    }


def _held_as(doubted: _Doubted, around: CallFacts) -> CallFacts:
    """Return the facts ``around`` a check's moment; of a yes with the attempt held as it was at that moment. Pure.

    Attempts are taken by compare-and-set, so whoever was given one saw who held it: no last moments excuse that. A no
    may well have heard of an attempt that another's clock dates after it, or of one before it that was settled since,
    or taken again by its holder.
    """
    attempts = doubted.facts.attempts
    if around.attempts is not None and doubted.heard_until is not None:
        return replace(around, attempts=replace(around.attempts, reserved_until=doubted.heard_until))
    if doubted.row.verdict != Verdict.ALLOW.value or attempts is None or around.attempts is None:
        return around
    return replace(around, attempts=replace(around.attempts, reserved_until=attempts.reserved_until))


def _filled(one: _Given, facts: CallFacts) -> CallFacts:
    """Return the facts with what is not known of the past any more as the check knew it, and all else as rebuilt. Pure.

    A campaign is never gone: a check for one that did not exist yet stands against the tables.
    """
    stored = facts_from_record(one.decision["facts"])
    names = [name for name in CallFacts.__dataclass_fields__ if name != "campaign" and getattr(facts, name) is None]
    filled = replace(facts, **{name: getattr(stored, name) for name in names})
    register = filled.register
    if register is not None and register.listed is None and stored.register is not None:
        filled = replace(filled, register=replace(register, listed=stored.register.listed))
    return filled
