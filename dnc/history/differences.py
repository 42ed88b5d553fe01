"""What is known now of a past moment that was not known at another: told in words, and held against the answers.

Pure. See ``docs/history.md``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from core.clock import utc
from dnc.decision import Decision, Verdict
from dnc.history.events import EventKind, PastEvent
from dnc.reasons import ReasonCode


@dataclass(frozen=True, slots=True)
class CampaignStanding:
    """Whether a number could be called for a campaign at a moment: as known then, and as known now."""

    campaign: str
    as_known_then: Decision
    as_known_now: Decision


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that was true at the moment asked about and recorded only after what was known.

    ``campaign``: of which campaign the answer differs; None where one event is told. The times are the event's.
    """

    kind: EventKind | None
    campaign: str | None
    true_at: datetime | None
    recorded_at: datetime | None
    text: str


def differences(
    events: Sequence[PastEvent], standings: Sequence[CampaignStanding], *, at: datetime, known_at: datetime
) -> list[Difference]:
    """Return each event that was true by ``at`` and recorded after ``known_at``, then each answer that it changes."""
    late = [_late(event, known_at) for event in events if event.true_at <= at and event.recorded_at > known_at]
    return [*late, *(_changed(one) for one in standings if _told(one.as_known_then) != _told(one.as_known_now))]


def _late(event: PastEvent, known_at: datetime) -> Difference:
    when = "then" if event.recorded_at == event.true_at else f"on {utc(event.recorded_at)}"
    text = f"{event.text}, from {utc(event.true_at)}, was recorded {when}: on {utc(known_at)} it was not known"
    return Difference(event.kind, None, event.true_at, event.recorded_at, text[0].upper() + text[1:])


def _told(decision: Decision) -> tuple[Verdict, tuple[ReasonCode, ...]]:
    return decision.verdict, tuple(reason.code for reason in decision.reasons)


def _changed(one: CampaignStanding) -> Difference:
    then, now = _in_words(one.as_known_then), _in_words(one.as_known_now)
    text = f"For the campaign {one.campaign} the answer was {then}; by what is known now it is {now}"
    return Difference(None, one.campaign, None, None, text)


def _in_words(decision: Decision) -> str:
    reasons = ", ".join(reason.code.value for reason in decision.reasons)
    return f"{decision.verdict.value} ({reasons})" if reasons else decision.verdict.value
