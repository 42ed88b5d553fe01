"""The API of complaints, walk-backs, quarantines and the league table."""

from datetime import timedelta

from sqlalchemy.orm import Session

from core.access import Caller, Right
from core.clock import local_day
from core.errors import NotFound
from core.sellers import seller_of
from core.store import Store
from dnc.lookups import readable
from dnc.oversight.complaints import record_complaint
from dnc.oversight.policy import oversight_policy_at
from dnc.oversight.rendering import complaint_document, league_document, walk_back_document
from dnc.oversight.schemas import (
    ComplaintDocument,
    LeagueDocument,
    LeagueQuestion,
    NewComplaint,
    NewQuarantine,
    QuarantineDocument,
    WalkBackDocument,
    WalkBackQuestion,
)
from dnc.oversight.standings import league
from dnc.oversight.walk_back import walk_back
from leads.errors import LeadFileWithdrawn
from leads.quarantines import quarantine_lead_file, quarantine_source, quarantine_sources_on, quarantine_supplier
from web.endpoint import Api


def oversight_api(store: Store) -> Api:
    """Return the endpoints by which suppliers are overseen."""
    api = Api("oversight", store)
    clock, keyring = store.clock, store.keyring

    @api.post("/v1/complaints", right=Right.RECORD_COMPLAINTS, status=201, problems=[NotFound])
    def create_complaint(body: NewComplaint, caller: Caller, session: Session) -> ComplaintDocument:
        """Record a complaint about calls to a number; it is tied to the leads on the number when it came."""
        return complaint_document(
            record_complaint(
                session,
                caller,
                keyring,
                number=readable(body.number, body.region).value,
                seller_id=seller_of(session, caller, body.seller).id,
                kind=body.kind,
                via=body.via,
                note=body.note,
                received_at=body.received_at,
                now=clock.now(),
            )
        )

    @api.post("/v1/walk-backs", right=Right.WALK_BACK)
    def walk_number_back(body: WalkBackQuestion, caller: Caller) -> WalkBackDocument:
        """Return where a number came from, what was done about it, and who else came from there; itself on record."""
        number = readable(body.number, body.region)
        return walk_back_document(
            walk_back(store, caller, number=number, part=body.part, cursor=body.cursor, limit=body.limit)
        )

    @api.post("/v1/quarantines", right=Right.QUARANTINE, status=201, problems=[NotFound, LeadFileWithdrawn])
    def create_quarantine(body: NewQuarantine, caller: Caller, session: Session) -> QuarantineDocument:
        """Quarantine every source with a lead on a number, or one supplier, source or file; from the next check on."""
        now = clock.now()
        if body.number is not None and body.seller is not None:
            done = quarantine_sources_on(
                session,
                caller,
                number=readable(body.number, body.region).value,
                seller_id=seller_of(session, caller, body.seller).id,
                reason=body.reason,
                now=now,
            )
            return QuarantineDocument(quarantined=list(done.sources), already=list(done.already))
        if body.supplier is not None:
            named = body.supplier
            is_new = quarantine_supplier(session, caller, slug=named, reason=body.reason, now=now)
        elif body.source is not None:
            named = body.source
            is_new = quarantine_source(session, caller, slug=named, reason=body.reason, now=now)
        else:
            named = body.lead_file or ""
            is_new = quarantine_lead_file(session, caller, lead_file_id=named, reason=body.reason, now=now)
        return QuarantineDocument(quarantined=[named] if is_new else [], already=[] if is_new else [named])

    @api.get("/v1/league", right=Right.READ_LEAGUE)
    def read_league(query: LeagueQuestion, caller: Caller) -> LeagueDocument:
        """Return how suppliers and sources stand on compliance, the worst first."""
        with store.snapshot() as session:
            now = clock.now()
            policy = oversight_policy_at(local_day(now))
            table = league(session, caller, now=now, period=timedelta(days=query.days), policy=policy)
        return league_document(table)

    return api
