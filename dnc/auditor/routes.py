"""The API of audits and replays."""

from sqlalchemy.orm import Session

from core.access import Caller, Right
from core.errors import NotFound
from core.store import Store
from dnc.auditor.auditing import audit_named, audits, differences_of, excused_of
from dnc.auditor.schemas import (
    AuditsDocument,
    DifferencesDocument,
    DifferencesQuestion,
    ReplayDocument,
    ReplayQuestion,
    audit_document,
    difference_document,
    replay_document,
)
from dnc.replays import TooMuchToReplay, replay_period
from web.endpoint import Api

REPLAYED_AT_MOST = 200_000


def auditor_api(store: Store) -> Api:
    """Return the endpoints by which compliance sees what the auditor found, and asks "what if" of a period."""
    api = Api("auditor", store)

    @api.get("/v1/audits", right=Right.READ_AUDITS)
    def read_audits(caller: Caller, session: Session) -> AuditsDocument:
        """List the newest audits: how much was decided again, and how many answers differ."""
        return AuditsDocument(audits=[audit_document(one) for one in audits(session, caller)])

    @api.get("/v1/audits/<audit_id>/differences", right=Right.READ_AUDITS, problems=[NotFound])
    def read_differences(
        audit_id: str, query: DifferencesQuestion, caller: Caller, session: Session
    ) -> DifferencesDocument:
        """List the answers that an audit found to differ, or that it excused, a page at a time."""
        report = audit_named(session, caller, audit_id)
        page = excused_of if query.excused else differences_of
        found = page(session, audit_id, after=query.cursor, limit=query.limit)
        reached = query.cursor + len(found)
        is_more = bool(page(session, audit_id, after=reached, limit=1))
        return DifferencesDocument(
            audit=audit_document(report),
            differences=[difference_document(one) for one in found],
            cursor=reached if is_more else None,
        )

    @api.post("/v1/replays", right=Right.REPLAY, problems=[NotFound, TooMuchToReplay])
    def replay_a_period(body: ReplayQuestion, caller: Caller) -> ReplayDocument:
        """Decide a period's checks and calls again under another policy, by source, campaign or reason."""
        with store.snapshot() as session:
            done = replay_period(
                session,
                caller,
                since=body.since,
                until=body.until,
                policy=body.policy,
                campaign=body.campaign,
                by=body.by,
                limit=REPLAYED_AT_MOST,
            )
        return replay_document(done)

    return api
