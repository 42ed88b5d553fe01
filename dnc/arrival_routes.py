"""The API of arrivals: what lead files and sources were worth when they were last screened."""

from dataclasses import asdict
from datetime import date

from sqlalchemy.orm import Session

from core.access import Caller, Right
from core.errors import NotFound
from core.store import Store
from dnc.arrivals import ArrivalReport, NotScreened, WashVerdict, newest_arrival, source_arrivals
from dnc.reasons import ReasonCode
from web.endpoint import Api, Document
from web.fields import Instant


class RowCounts(Document):
    """A lead file's rows: those that became leads, could not be read, were there already, or hold several numbers."""

    accepted: int = 0
    invalid: int = 0
    duplicate: int = 0
    ambiguous: int = 0


class VerdictCounts(Document):
    """Leads by verdict: each is counted once."""

    allow: int = 0
    deny: int = 0
    unknown: int = 0


class WashDocument(Document):
    """The supplier's claim of a wash against our own version; ``listed``: how many of the numbers ours lists."""

    verdict: WashVerdict
    claimed_register: str | None
    claimed_as_of: date | None
    our_as_of: date | None
    listed: int | None


class ArrivalDocument(Document):
    """What one screening found. A lead counts once by verdict, and under each of its reasons.

    Of ``looked_up`` leads a register in force was asked; ``stopped`` are those of them that it stopped.
    ``missing_evidence`` is null if it was screened before that was counted.
    """

    id: str
    lead_file_id: str
    screened_at: Instant
    asked_for: Instant
    register_name: str | None
    register_version_id: str | None
    register_as_of: date | None
    leads: int
    callable: int
    looked_up: int
    stopped: int
    missing_evidence: int | None
    rows: RowCounts
    verdicts: VerdictCounts
    reasons: dict[ReasonCode, int]
    wash: WashDocument


class SourceArrivalsDocument(Document):
    """The newest screenings of a source's lead files, added up; ``washes`` counts files by wash verdict.

    ``missing_evidence`` is null if it was not counted in one of them.
    """

    source: str
    files: int
    leads: int
    callable: int
    missing_evidence: int | None
    rows: RowCounts
    verdicts: VerdictCounts
    reasons: dict[ReasonCode, int]
    washes: dict[WashVerdict, int]


def arrivals_api(store: Store) -> Api:
    """Return the endpoints of arrivals."""
    api = Api("arrivals", store)

    @api.get("/v1/lead-files/<lead_file_id>/arrival", right=Right.READ_ARRIVALS, problems=[NotFound, NotScreened])
    def read_arrival(lead_file_id: str, caller: Caller, session: Session) -> ArrivalDocument:
        """Say what a lead file was worth when it was last screened."""
        return arrival_document(newest_arrival(session, caller, lead_file_id))

    @api.get("/v1/sources/<slug>/arrivals", right=Right.READ_ARRIVALS, problems=[NotFound])
    def read_source_arrivals(slug: str, caller: Caller, session: Session) -> SourceArrivalsDocument:
        """Add up what a source's lead files were worth when each was last screened."""
        return SourceArrivalsDocument.model_validate(asdict(source_arrivals(session, caller, slug)))

    return api


def arrival_document(report: ArrivalReport) -> ArrivalDocument:
    """Return a report in its wire form."""
    return ArrivalDocument.model_validate(asdict(report))
