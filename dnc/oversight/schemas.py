"""The bodies of the API's requests and answers about complaints, walk-backs, quarantines and the league table."""

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from dnc.oversight.complaints import NOTE_LENGTH, ComplaintKind
from dnc.oversight.league import Figure
from dnc.oversight.walk_back import Part
from dnc.schemas import LeadDocument, PastCheckDocument, PastContactDocument
from leads.pauses import REASON_LENGTH
from leads.terms import SourceKind
from web.endpoint import Document
from web.fields import Id, Instant, Limit, RawNumber, Region, Slug, Via
from web.lists import OpaqueCursor

Reason = Annotated[str, StringConstraints(min_length=1, max_length=REASON_LENGTH, strip_whitespace=True)]


class NewComplaint(Document):
    """Somebody complained about calls to this number. The note: few words, no more of the person than is needed."""

    number: RawNumber
    seller: Slug
    kind: ComplaintKind = ComplaintKind.PERSON
    via: Via
    note: Annotated[str, StringConstraints(max_length=NOTE_LENGTH)] = ""
    received_at: Instant | None = None
    region: Region = "SE"


class OriginDocument(Document):
    """A lead that was on the number when the complaint was recorded."""

    source_id: str
    lead_file_id: str
    row: int


class ComplaintDocument(Document):
    """A complaint, tied to what had come by then and was known when it was recorded."""

    id: str
    kind: ComplaintKind
    via: str
    note: str
    received_at: Instant
    recorded_at: Instant
    recorded_by: str
    origins: list[OriginDocument]


class WalkBackQuestion(Document):
    """Where did this number come from, and who else came from there? ``part`` is what the page lists."""

    number: RawNumber
    region: Region = "SE"
    part: Part = Part.LEADS
    cursor: OpaqueCursor | None = None
    limit: Limit = 200


class ReachedSourceDocument(Document):
    """A source with a lead on the number, and how much there is of it, which is told with the first page alone."""

    source: str
    name: str
    supplier: str
    supplier_name: str
    kind: SourceKind
    paused: bool
    quarantined: bool
    files: int | None
    leads: int | None


class OthersDocument(Document):
    """The sources' other leads: how many, and the checks and contacts on their numbers by verdict and outcome."""

    leads: int
    checks: dict[str, int]
    contacts: dict[str, int]


class OtherDocument(Document):
    """One lead, check or contact of another number; what does not belong to the part is null."""

    number: str
    source: str | None = None
    lead_file_id: str | None = None
    row: int | None = None
    id: str | None = None
    verdict: str | None = None
    outcome: str | None = None
    at: Instant | None = None


class WalkBackDocument(Document):
    """Where a number came from, what was asked and done about it, and a page of who else came from there.

    ``page`` is null for a role that may not see other people's numbers; ``others`` is told with the first page alone.
    """

    number: str
    leads: list[LeadDocument]
    sources: list[ReachedSourceDocument]
    complaints: list[ComplaintDocument]
    checks: list[PastCheckDocument]
    check_counts: dict[str, int]
    contacts: list[PastContactDocument]
    contact_counts: dict[str, int]
    others: OthersDocument | None
    part: Part
    page: list[OtherDocument] | None
    cursor: str | None


class NewQuarantine(Document):
    """Quarantine every source of a seller with a lead on a number; or one supplier, source or lead file."""

    number: RawNumber | None = None
    seller: Slug | None = None
    region: Region = "SE"
    supplier: Slug | None = None
    source: Slug | None = None
    lead_file: Id | None = None
    reason: Reason

    @model_validator(mode="after")
    def _names_one_thing(self) -> Self:
        if sum(one is not None for one in (self.number, self.supplier, self.source, self.lead_file)) != 1:
            raise ValueError("name one of number, supplier, source and lead_file")
        if (self.number is None) != (self.seller is None):
            raise ValueError("a number needs a seller, and nothing else takes one")
        return self


class QuarantineDocument(Document):
    """What is quarantined now, and what was already: slugs, or the lead file's id."""

    quarantined: list[str]
    already: list[str]


class LeagueQuestion(Document):
    """Of how many days, up to now."""

    days: Annotated[int, Field(ge=1, le=3660)] = 90


class ShareDocument(Document):
    """``hits`` of ``of``, and between what the share lies with 95 % confidence."""

    hits: int
    of: int
    share: float | None
    lower: float
    upper: float


class StandingDocument(Document):
    """How a supplier or source stands. ``times`` is how many times the policy's limit its worst figure is at least."""

    slug: str
    name: str
    supplier: str
    kind: SourceKind
    deliveries: int
    rows: int
    contacts: int
    authority_complaints: int
    median_age_days: int | None
    figures: dict[Figure, ShareDocument]
    worst: Figure | None
    times: float | None
    paused: bool | None
    quarantined: bool | None
    paused_reason: str | None


class LeagueDocument(Document):
    """The league table, the worst first."""

    since: Instant
    until: Instant
    policy: str
    confidence: float = 0.95
    suppliers: list[StandingDocument]
    sources: list[StandingDocument]
