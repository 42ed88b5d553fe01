"""The bodies of the API's requests and answers about audits and replays."""

from dataclasses import asdict
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from dnc.auditor.auditing import AuditReport, Scope
from dnc.auditor.findings import Against, Difference
from dnc.replays import By, Outcome, PeriodReplay, Tally
from web.endpoint import Document
from web.fields import Instant, Limit, Slug
from web.lists import CURSOR


class CountsDocument(Document):
    """How much an audit tried. ``unrebuilt`` and ``in_flight`` are no differences; see docs/proof.md."""

    entries: int
    checks: int
    answers: int
    screened: int
    erased: int
    tables: int
    unrebuilt: int
    in_flight: int
    differences: int


class AuditDocument(Document):
    """One audit; ``finished_at`` is null while it is not through."""

    id: str
    scope: Scope
    since: Instant | None
    begun_at: Instant
    begun_by: str
    finished_at: Instant | None
    counts: CountsDocument


class AuditsDocument(Document):
    """The newest audits, the newest first."""

    audits: list[AuditDocument]


class DifferenceDocument(Document):
    """An answer that is not what its facts, its row or the tables give; ``check_id`` is null for a screening's."""

    check_id: str | None
    chain: int
    seq: int
    against: Against
    what: str


class DifferencesQuestion(Document):
    """Which page of an audit's differences; with ``excused``, of the answers counted as ``in_flight``."""

    excused: bool = False
    cursor: Annotated[int, Field(ge=0, le=2**53, description=CURSOR)] = 0
    limit: Limit = 100


class DifferencesDocument(Document):
    """A page of an audit's differences, in order; ``cursor`` is null on the last."""

    audit: AuditDocument
    differences: list[DifferenceDocument]
    cursor: int | None


class ReplayQuestion(Document):
    """How would past checks and calls have been answered under another policy? From ``since`` until ``until``."""

    since: Instant
    until: Instant
    policy: Annotated[str, StringConstraints(min_length=1, max_length=60)] | None = None
    campaign: Slug | None = None
    by: By = By.SOURCE

    @model_validator(mode="after")
    def _is_a_period(self) -> Self:
        if self.since >= self.until:
            raise ValueError("the period ends before it begins")
        return self


class TallyDocument(Document):
    """Checks or calls: how many, how many allowed then, and what they would have been; shares from 0 to 1."""

    total: int
    allowed: int
    allow: int
    deny: int
    unknown: int
    lost: int
    gained: int
    denied_share: float | None


class OutcomeDocument(Document):
    """The checks asked and the calls begun."""

    checks: TallyDocument
    calls: TallyDocument


class ReplayDocument(Document):
    """A period decided again; nothing of it is a check. ``groups`` are by slug of source or campaign, or by reason.

    ``calls_left_out``: calls on checks that cannot be decided again, since their facts are erased or unreadable.
    """

    simulated: bool = True
    since: Instant
    until: Instant
    policy: str | None
    campaign: str | None
    by: By
    all: OutcomeDocument
    groups: dict[str, OutcomeDocument]
    erased: int
    unreadable: int
    calls_left_out: int


def audit_document(report: AuditReport) -> AuditDocument:
    """Return an audit in its wire form."""
    return AuditDocument(**asdict(report))


def difference_document(one: Difference) -> DifferenceDocument:
    """Return a difference in its wire form."""
    return DifferenceDocument(**asdict(one))


def replay_document(done: PeriodReplay) -> ReplayDocument:
    """Return a replay in its wire form."""
    return ReplayDocument(
        since=done.since,
        until=done.until,
        policy=done.policy,
        campaign=done.campaign,
        by=done.by,
        all=_outcome(done.all),
        groups={name: _outcome(one) for name, one in done.groups.items()},
        erased=done.erased,
        unreadable=done.unreadable,
        calls_left_out=done.calls_left_out,
    )


def _outcome(one: Outcome) -> OutcomeDocument:
    return OutcomeDocument(checks=_tally(one.checks), calls=_tally(one.calls))


def _tally(one: Tally) -> TallyDocument:
    return TallyDocument(**{name: getattr(one, name) for name in TallyDocument.model_fields})
