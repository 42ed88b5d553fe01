"""The bodies of the API's requests and answers about checks, contacts, opt-outs, look-ups, changes and campaigns."""

from typing import Annotated, Literal

from pydantic import Field

from consent.terms import Channel
from dnc.contacts import Outcome
from dnc.decision import Verdict
from dnc.reasons import Category, ReasonCode
from web.endpoint import Document
from web.fields import Id, Instant, Limit, Note, RawNumber, Region, Short, Slug, VerifiedBy, Via


class CheckQuestion(Document):
    """May this number be called now?"""

    number: RawNumber
    campaign: Slug
    region: Region = "SE"
    reference: Short | None = None
    token: bool = False


class BatchQuestion(Document):
    """May these numbers be called now? At most 10,000, each answered in its place."""

    campaign: Slug
    numbers: Annotated[list[RawNumber], Field(min_length=1, max_length=10_000)]
    region: Region = "SE"
    token: bool = False


class WhatIfQuestion(Document):
    """Might this number be called at that moment, or under that policy?"""

    number: RawNumber
    campaign: Slug
    region: Region = "SE"
    at: Instant | None = None
    policy: Short | None = None


class ReasonDocument(Document):
    """One reason against the call."""

    code: ReasonCode
    category: Category
    rule: str
    text: str
    text_sv: str
    register_: str | None = Field(None, alias="register")
    missing: tuple[str, ...] = ()
    fault: str | None = None


class LawfulBasisDocument(Document):
    """The basis of GDPR article 6 that carries the call."""

    basis: str
    article: str
    assessment: str | None


class SourceDocument(Document):
    """Where the number came from. For a bought list only what to say: never its name."""

    kind: Literal["partner", "list", "consent", "relation"]
    name: str | None = None
    say: str | None = None
    say_en: str | None = None
    collected_at: Instant | None = None


class RegisterDocument(Document):
    """What a register said."""

    register_: str = Field(alias="register")
    version: str | None
    version_id: str | None
    listed: bool | None
    valid_until: Instant | None
    lifted_by: str | None


class AnswerDocument(Document):
    """The answer on a number: the verdict, on what ground, what to say and until when."""

    number: str | None
    verdict: Verdict
    may_call: bool
    reasons: list[ReasonDocument]
    checked_at: Instant
    valid_until: Instant | None
    retry_at: Instant | None
    campaign: str
    seller: str
    policy: str | None
    seller_rules: int | None = Field(default=None, description="The version of the seller's own rules; null if none.")
    lawful_basis: LawfulBasisDocument | None
    source: SourceDocument | None
    registers: list[RegisterDocument]


class SimulatedDocument(AnswerDocument):
    """An answer for a moment or policy of choice: never a permission."""

    simulated: Literal[True]


class CheckDocument(AnswerDocument):
    """A check: an answer that is on record under its id."""

    id: str
    reference: str | None
    token: str | None = Field(
        default=None, description="Only if it was asked for: a signed permission, null unless the call may be made."
    )


class BatchDocument(Document):
    """One check a number, in order."""

    results: list[CheckDocument]


class NewContact(Document):
    """A call that took place."""

    check_id: Id
    call_id: Short
    started_at: Instant
    ended_at: Instant | None = None
    outcome: Outcome
    agent: Short | None = None
    source_disclosed: bool | None = None


class ContactDocument(Document):
    """A contact on record. ``permitted``: its check allowed the call, and nothing took that back before it started."""

    id: str
    check_id: str
    call_id: str
    outcome: Outcome
    permitted: bool
    hold_id: str | None
    repeated: bool


class NewOptOuts(Document):
    """People who said no, by number. ``seller`` is a slug, or ``*`` for every seller."""

    numbers: Annotated[list[RawNumber], Field(min_length=1, max_length=10_000)]
    seller: Slug | Literal["*"]
    channels: Annotated[tuple[Channel, ...], Field(min_length=1, max_length=len(Channel))] = tuple(Channel)
    via: Via
    received_at: Instant | None = None
    note: Note = ""
    region: Region = "SE"


class OptOutResultDocument(Document):
    """What became of one number."""

    place: int
    result: Literal["added", "already", "invalid"]
    id: str | None
    number: str | None
    fault: str | None
    effective_at: Instant | None


class OptOutResults(Document):
    """A result for each number, in order."""

    results: list[OptOutResultDocument]


class NewRelease(Document):
    """The person asked to leave the list."""

    asked_by_person_at: Instant
    verified_by: VerifiedBy
    note: Note = ""


class ReleaseDocument(Document):
    """A release on record."""

    opt_out_id: str
    released_at: Instant
    asked_by_person_at: Instant
    verified_by: str


class LookUpQuestion(Document):
    """What is on record on this number, now or as it was, or as it was known?"""

    number: RawNumber
    region: Region = "SE"
    as_of: Instant | None = None
    known_at: Instant | None = None


class OptOutDocument(Document):
    """An opt-out and its end."""

    id: str
    every_seller: bool
    channels: list[str]
    via: str
    note: str
    received_at: Instant
    recorded_at: Instant
    recorded_by: str
    in_force: bool
    asked_by_person_at: Instant | None
    released_at: Instant | None
    released_by: str | None
    verified_by: str | None


class HoldDocument(Document):
    """A hold and its end."""

    id: str
    reason: str
    note: str
    made_at: Instant
    made_by: str
    closed_at: Instant | None
    resolution: str | None


class LeadDocument(Document):
    """A lead's origin; of a bought list, sales staff are given no name, supplier or moment: those tell lists apart.

    ``withdrawn``: the file it came in was read wrongly, and it carries no call any more.
    """

    kind: str
    source: str | None
    supplier: str | None
    say: str
    say_en: str | None
    basis: str | None
    assessment: str | None
    file: str | None
    file_sha256: str | None
    row: int | None
    collected_at: Instant | None
    received_at: Instant | None
    expires_at: Instant | None
    paused: bool
    withdrawn: bool


class ConsentDocument(Document):
    """A consent on record."""

    id: str
    channels: list[str]
    names_seller: bool
    text_version: str
    evidence: str
    given_at: Instant
    expires_at: Instant | None
    withdrawn_at: Instant | None


class RelationDocument(Document):
    """A customer relation on record."""

    id: str
    product: str
    reference: str
    started_at: Instant
    fulfilled_at: Instant | None


class PastCheckDocument(Document):
    """A check made before."""

    id: str
    verdict: Verdict
    checked_at: Instant
    asked_by: str


class PastContactDocument(Document):
    """A call made before."""

    id: str
    check_id: str
    outcome: Outcome
    started_at: Instant
    agent: str | None
    source_disclosed: bool | None


class NumberDocument(Document):
    """Everything on a number that the caller's role may see."""

    number: str
    as_of: Instant
    known_at: Instant
    opted_out: bool
    held: bool
    opt_outs: list[OptOutDocument]
    holds: list[HoldDocument]
    restrictions: list[str]
    leads: list[LeadDocument]
    consents: list[ConsentDocument]
    relations: list[RelationDocument]
    checks: list[PastCheckDocument]
    contacts: list[PastContactDocument]


class Page(Document):
    """Where to go on, and how much at once."""

    cursor: Annotated[
        int, Field(ge=0, le=2**62, description="The `cursor` of the answer before; 0 is the beginning.")
    ] = 0
    limit: Limit = 200


class ChangeDocument(Document):
    """One change that a dialer must act on."""

    cursor: int
    at: Instant
    kind: str
    number: str
    every_seller: bool
    channels: list[str]
    subject: str


class ChangePage(Document):
    """Changes in order; ask again from ``cursor`` for what came after."""

    changes: list[ChangeDocument]
    cursor: int


class CampaignDocument(Document):
    """A campaign; once ``closed_at`` is set, every check for it is denied."""

    slug: str
    name: str
    seller: str
    product: str
    channel: Channel
    opens_weekends: bool
    created_at: Instant
    closed_at: Instant | None


class CampaignPage(Document):
    """Some campaigns by slug; ``next_cursor`` is null on the last page."""

    campaigns: list[CampaignDocument]
    next_cursor: str | None
