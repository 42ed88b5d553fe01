"""The body of a look-up's answer: the number's parts, and its past in two times."""

from dnc.decision import Verdict
from dnc.history.events import EventKind
from dnc.reasons import ReasonCode
from dnc.schemas import NumberDocument
from web.endpoint import Document
from web.fields import Instant


class PastAnswerDocument(Document):
    """What the answer on a call would have been; never a permission."""

    verdict: Verdict
    may_call: bool
    reasons: list[ReasonCode]
    policy: str | None


class CampaignStandingDocument(Document):
    """Whether the number could be called for a campaign at ``as_of``: by what was known then, and by what is now."""

    campaign: str
    as_known_then: PastAnswerDocument
    as_known_now: PastAnswerDocument


class PastEventDocument(Document):
    """One thing that bears on the number, with when it was true and when it was recorded.

    ``was_true``: it was so at ``as_of`` already. ``was_known``: it was on record at ``known_then``.
    """

    kind: EventKind
    true_at: Instant
    recorded_at: Instant
    recorded_by: str | None
    every_seller: bool
    subject: str
    text: str
    was_true: bool
    was_known: bool


class DifferenceDocument(Document):
    """Something that was true at ``as_of`` and not known then, or an answer that differs for it, in words."""

    kind: EventKind | None
    campaign: str | None
    true_at: Instant | None
    recorded_at: Instant | None
    text: str


class LookUpDocument(NumberDocument):
    """Everything on a number that the caller's role may see, and its past.

    ``known_then`` is the moment of "as known then": ``known_at`` if it was given, else ``as_of``.
    """

    known_then: Instant
    standing: list[CampaignStandingDocument]
    history: list[PastEventDocument]
    differences: list[DifferenceDocument]
