"""Decide stored answers again from the tables as they were when they were given."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice
from types import MappingProxyType
from typing import Any

from sqlalchemy.orm import Session

from core.clock import utc
from core.ledger import UNREADABLE, Position
from core.numbers import Number, metadata_version, read_number
from dnc.auditor.acknowledged import as_acknowledged, campaigns_as_acknowledged
from dnc.auditor.findings import Against, Findings
from dnc.auditor.holders import Holders
from dnc.decision import Decision, Verdict, decide
from dnc.facts import FORM_OF_HELD_ATTEMPTS, FORM_OF_LATER_RULES, CallFacts, facts_from_record
from dnc.gathering import Listed
from dnc.history.campaigns import PastCampaign
from dnc.history.facts import Asked, changes_near, facts_asked
from dnc.history.rows import Past
from dnc.policies.catalogue import policy_for
from leads.past import sources_begun_anew

CLOCKS = timedelta(seconds=5)
"""How far two nodes' clocks may be apart, with what it takes to commit."""
JUST_BEFORE = timedelta(microseconds=1)
IN_FLIGHT = tuple(sign * slack for slack in (JUST_BEFORE, timedelta(seconds=1), CLOCKS) for sign in (-1, 1))
"""How far the moment that a row or its ledger entry tells may be from when others could see it."""
ROWS_TOLD = 10
"""Of a screening's rows that differ alike, how many are told by their place; of the others how many they are."""
NO_CAMPAIGNS: Mapping[str, PastCampaign] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Stored:
    """A distinct answer as its ledger entry has it, its facts, and the version of the numbering plan that made them."""

    answer: Mapping[str, Any]
    facts: CallFacts
    form: int
    campaign_id: str
    phonenumbers: str
    answered_for: datetime

    @classmethod
    def of(cls, decision: Mapping[str, Any], phonenumbers: str) -> "Stored":
        """Return a decision of an entry; one that is not as it was written raises one of ``UNREADABLE``."""
        facts, answer = decision["facts"], decision["answer"]
        moment = datetime.fromisoformat(answer["checked_at"])
        return cls(answer, facts_from_record(facts), facts["form"], decision["campaign_id"], phonenumbers, moment)

    @property
    def allows(self) -> bool:
        """Whether it is a yes."""
        return bool(self.answer["verdict"] == Verdict.ALLOW.value)


@dataclass(frozen=True, slots=True)
class Given:
    """The answer that was given on a number, None if none could be read.

    ``known_at``: by what was on record at which moment; what a screening says may be of a later one. ``asked_by`` is
    None for a screening: whoever held the attempt, it was told. ``counts_held`` False: it did not ask who did.
    ``row``: the first row of the screened file or campaign that has it.
    """

    entry: Position
    check_id: str | None
    stored: Stored
    number: int | None
    known_at: datetime
    asked_by: str | None
    counts_held: bool = True
    row: int | None = None

    def asked(self) -> Asked:
        """Return the question that it answered."""
        stored = self.stored
        is_plan_former = stored.phonenumbers != metadata_version() or stored.form < FORM_OF_LATER_RULES
        number = None if self.number is None else read_number(f"+{self.number}")
        return Asked(
            number=number if isinstance(number, Number) else None,
            campaign_id=stored.campaign_id,
            at=self.known_at,
            known_at=self.known_at,
            asker=self.asked_by,
            entry=self.entry,
            counts_held=self.counts_held and stored.form >= FORM_OF_HELD_ATTEMPTS,
            form=stored.form,
            plan=stored.facts.number if is_plan_former else None,
        )


@dataclass(slots=True)
class _Doubted:
    """An answer that the tables do not give; ``tried``: what else they gave around its moment."""

    given: Given
    asked: Asked
    facts: CallFacts
    what: str
    tried: list[CallFacts]


@dataclass(slots=True)
class Rebuilding:
    """Tries answers, some thousands at a time. ``policies``: by which chain which versions were known to be known."""

    session: Session
    listed: Listed
    findings: Findings
    policies: set[tuple[int, str]] = field(default_factory=set)
    _alike: dict[tuple[int, int, CallFacts], str | None] = field(default_factory=dict)
    _holders: Holders = field(init=False)

    def __post_init__(self) -> None:
        """Begin knowing nothing of who held attempts."""
        self._holders = Holders(self.session)

    def rebuild(self, given: Sequence[Given]) -> None:
        """Decide the answers again from the tables, and keep those that differ or are excused."""
        asked = [one.asked() for one in given]
        doubted: list[_Doubted] = []
        differing: list[tuple[Given, str]] = []
        self._alike.clear()
        for one, question, facts in zip(given, asked, self._facts(asked), strict=True):
            self.findings.counts.tables += 1
            if facts is None:
                differing.append((one, "what the tables hold of its number cannot be read"))
                continue
            what = self._otherwise(one, facts)
            if what is not None:
                doubted.append(_Doubted(one, question, facts, what, [facts]))
        doubted = self._by_holders(doubted)
        doubted = self._without_excused(doubted, IN_FLIGHT, self._holders.of)
        moments = [each.asked.at for each in doubted]  # of few: their ledger entries are looked for
        doubted = self._without_excused(
            doubted,
            (timedelta(0), *IN_FLIGHT),
            lambda past: as_acknowledged(self.session, self._holders.of(past), moments),
            campaigns_as_acknowledged(self.session, {each.asked.campaign_id for each in doubted}, moments),
        )
        begun_anew = sources_begun_anew(self.session.connection()) if doubted else {}
        for each in doubted:
            filled = [_with_lost_leads(each.given, _filled(each.given, facts), begun_anew) for facts in each.tried]
            if self._is_any_right(each.given, filled):
                self.findings.counts.unrebuilt += 1
            else:
                differing.append((each.given, each.what))
        for one, what in _told_together(differing):
            self.findings.differ(one.entry, one.check_id, Against.TABLES, what)

    def _by_holders(self, doubted: Sequence[_Doubted]) -> list[_Doubted]:
        """Return those that differ also if only answers that held attempts are taken for holders; by those from now on.

        Whoever asked after an upgrade was held by none of the first version's answers. Of few: entries are read for it.
        """
        left = []
        for each, facts in zip(doubted, self._facts([each.asked for each in doubted], self._holders.of), strict=True):
            what = each.what if facts is None else self._otherwise(each.given, facts)
            if what is None:
                continue
            if facts is not None:
                each.facts, each.what, each.tried = facts, what, [facts]
            left.append(each)
        return left

    def _is_any_right(self, one: Given, tried: Collection[CallFacts]) -> bool:
        return any(self._otherwise(one, facts) is None for facts in tried)

    def _otherwise(self, one: Given, facts: CallFacts) -> str | None:
        """Return what ``_rebuilt_otherwise`` does: decided once for one answer and equal facts."""
        alike = (one.entry.chain, id(one.stored), facts)
        if alike not in self._alike:
            self._alike[alike] = self._rebuilt_otherwise(one, facts)
        return self._alike[alike]

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
        left, excused = [], []
        for each, of_each in zip(doubted, tries, strict=True):
            tried = [_held_as(each, facts) for facts in islice(found, len(of_each)) if facts is not None]
            each.tried += tried
            if self._is_any_right(each.given, tried):
                excused.append((each.given, each.what))
            else:
                left.append(each)
        for one, what in _told_together(excused):
            self.findings.excuse(one.entry, one.check_id, what)
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
            near_each = changes_near(self.session.connection(), asked, CLOCKS, dated)
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

    def _rebuilt_otherwise(self, one: Given, facts: CallFacts) -> str | None:
        """Return what differs from the stored answer when ``facts`` are decided at its moment, or None.

        An answer that found no policy is decided without one, unless its process knew the one of today: its country may
        have had none yet. Without a policy nothing is allowed, so no yes can hide there.
        """
        stored, moment = one.stored, one.stored.answered_for
        facts = _as_never_loaded_was_told(stored.facts, facts)
        policy = policy_for(None if facts.number is None else facts.number.country, moment)
        if policy is not None and stored.answer.get("policy") is None:
            policy = policy if (one.entry.chain, policy.version) in self.policies else None
        told = _told(decide(facts, policy, moment))
        said = {name: stored.answer.get(name) for name in told}
        said |= {"reasons": [reason["code"] for reason in stored.answer["reasons"]]}
        wrong = [name for name in told if told[name] != said[name]]
        if not wrong:
            return None
        before = stored.facts
        differing = [name for name in CallFacts.__dataclass_fields__ if getattr(facts, name) != getattr(before, name)]
        return f"{', '.join(wrong)} would differ; the tables differ in {', '.join(differing) or 'nothing'}"

    def _facts(
        self, asked: Sequence[Asked], dated: Callable[[Past], Past] = lambda past: past
    ) -> list[CallFacts | None]:
        """Return the facts of each question, None of one whose rows cannot be read: it keeps no other from being tried.

        It is found by halving.
        """
        found: list[CallFacts | None]
        try:
            found = [*facts_asked(self.session.connection(), self.listed, asked, dated)]
        except UNREADABLE:
            middle = len(asked) // 2
            halves = (asked[:middle], asked[middle:])
            found = [facts for half in halves for facts in self._facts(half, dated)] if middle else [None]
        return found


def _told_together(found: Iterable[tuple[Given, str]]) -> Iterator[tuple[Given, str]]:
    """Yield each check, and the first of what is alike on the rows of a screening, with what is told of it. Pure."""
    alike: dict[tuple[int, str], list[Given]] = {}
    for one, what in found:
        if one.row is None:
            yield one, what
        else:
            alike.setdefault((id(one.stored), what), []).append(one)
    for (_stored, what), given in alike.items():
        rows = ", ".join(str(one.row) for one in given[:ROWS_TOLD])
        more = f" and {len(given) - ROWS_TOLD} more" if len(given) > ROWS_TOLD else ""
        yield given[0], f"row{'s' if len(given) > 1 else ''} {rows}{more}: {what}"


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


def _as_never_loaded_was_told(told: CallFacts, facts: CallFacts) -> CallFacts:
    """Return the facts with no register, if they know of no version of it and the answer's have none either. Pure.

    Earlier versions told nothing of a register that was never loaded, and nothing lifted that.
    """
    is_never_loaded = facts.register is not None and facts.register.version_id is None
    return replace(facts, register=None) if told.register is None and is_never_loaded else facts


def _told(decision: Decision) -> dict[str, object]:
    return {
        "verdict": decision.verdict.value,
        "reasons": [reason.code.value for reason in decision.reasons],
        "valid_until": utc(decision.valid_until),
        "retry_at": utc(decision.retry_at),
        "policy": decision.policy,
    }


def _held_as(doubted: _Doubted, around: CallFacts) -> CallFacts:
    """Return the facts ``around`` an answer's moment; of a check's yes with the attempt held as at that moment. Pure.

    Attempts are taken by compare-and-set, so whoever was given one saw who held it: no last moments excuse that. A no
    may well have heard of an attempt that another's clock dates after it, or of one before it that was settled since,
    or taken again by its holder. A screening takes none.
    """
    attempts = doubted.facts.attempts
    took_it = doubted.given.check_id is not None and doubted.given.stored.allows
    if not took_it or attempts is None or around.attempts is None:
        return around
    return replace(around, attempts=replace(around.attempts, reserved_until=attempts.reserved_until))


def _with_lost_leads(one: Given, facts: CallFacts, begun_anew: Mapping[str, datetime]) -> CallFacts:
    """Return the facts with the answer's leads of sources whose begun file went with an upgrade. Pure."""
    known, leads = one.stored.facts.leads, facts.leads
    if not begun_anew or not known or leads is None:
        return facts
    held = {lead.source_id for lead in leads}
    lost = [
        lead
        for lead in known
        if lead.source_id not in held and lead.source_id in begun_anew and begun_anew[lead.source_id] <= one.known_at
    ]
    return replace(facts, leads=(*leads, *lost))


def _filled(one: Given, facts: CallFacts) -> CallFacts:
    """Return the facts with what is not known of the past any more as the answer knew it, all else as rebuilt. Pure.

    So is what a register said that could not be read where the answer was given: no table tells which machine had it.
    A campaign is never gone: an answer for one that did not exist yet stands against the tables.
    """
    stored = one.stored.facts
    names = [name for name in CallFacts.__dataclass_fields__ if name != "campaign" and getattr(facts, name) is None]
    filled = replace(facts, **{name: getattr(stored, name) for name in names})
    register, known = filled.register, stored.register
    if register is not None and known is not None:
        was_unread = known.listed is None and known.version_id == register.version_id
        if register.listed is None or was_unread:
            filled = replace(filled, register=replace(register, listed=known.listed))
    return filled
