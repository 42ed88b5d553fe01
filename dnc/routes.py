"""The API of checks, contacts, opt-outs, changes and campaigns."""

from sqlalchemy.orm import Session

from core.access import Caller, Right
from core.changes import CursorAhead, changes_after
from core.errors import NotFound, Overloaded
from core.pages import cut
from core.sellers import seller_of
from core.store import Store
from dnc.campaigns import campaign_reports
from dnc.contacts import CallIdTaken, LoggedContact, log_contact
from dnc.drafts import UnknownCampaign
from dnc.gate import Gate, Question
from dnc.gathering import Listed
from dnc.opt_outs import AlreadyReleased, add_opt_outs, release_opt_out
from dnc.recorded import CheckErased, UnknownCheck, check_on_record
from dnc.rendering import (
    campaign_document,
    change_page,
    opt_out_results,
    release_document,
    simulated_json,
    stored_check_json,
)
from dnc.schemas import (
    BatchDocument,
    BatchQuestion,
    CampaignPage,
    ChangePage,
    CheckDocument,
    CheckQuestion,
    ContactDocument,
    NewContact,
    NewOptOuts,
    NewRelease,
    OptOutResults,
    Page,
    ReleaseDocument,
    SimulatedDocument,
    WhatIfQuestion,
)
from dnc.tokens import CheckTokens
from web.endpoint import Api, Rendered
from web.lists import AfterSlug


def checks_api(store: Store, gate: Gate) -> Api:
    """Return the endpoints that ask and read checks."""
    api = Api("checks", store)
    tokens = CheckTokens(store.keyring.token_key)

    @api.post(
        "/v1/checks",
        right=Right.CHECK,
        status=201,
        response=CheckDocument,
        problems=[UnknownCampaign, Overloaded],
        confirms=True,
    )
    def create_check(body: CheckQuestion, caller: Caller) -> Rendered:
        """Answer whether this number may be called now; the answer is on record before it is given."""
        question = Question(body.number, body.region, body.reference)
        answer = gate.ask(caller, body.campaign, question)
        return Rendered(tokens.with_token(answer) if body.token else answer.json)

    @api.post(
        "/v1/checks/batch",
        right=Right.CHECK,
        status=201,
        response=BatchDocument,
        problems=[UnknownCampaign, Overloaded],
        confirms=True,
    )
    def create_checks(body: BatchQuestion, caller: Caller) -> Rendered:
        """Answer for up to 10,000 numbers, one check a number, in order, bad numbers included."""
        region = body.region
        answers = gate.ask_many(caller, body.campaign, [Question(number, region) for number in body.numbers])
        texts = map(tokens.with_token, answers) if body.token else [answer.json for answer in answers]
        return Rendered('{"results":[' + ",".join(texts) + "]}")

    @api.get(
        "/v1/checks/<check_id>",
        right=Right.READ_CHECKS,
        response=CheckDocument,
        problems=[UnknownCheck, CheckErased],
    )
    def read_check(check_id: str, caller: Caller, session: Session) -> Rendered:
        """Return what was answered, and why."""
        return stored_check_json(check_on_record(session, caller, check_id))

    @api.post("/v1/what-if", right=Right.SIMULATE, response=SimulatedDocument, problems=[UnknownCampaign])
    def simulate_check(body: WhatIfQuestion, caller: Caller) -> Rendered:
        """Answer for a moment or policy of choice, from what is known now; not recorded, never a permission."""
        number, _decision, common = gate.simulate(
            caller,
            body.campaign,
            Question(body.number, body.region),
            at=body.at or store.clock.now(),
            policy=body.policy,
        )
        return simulated_json(number, common)

    return api


def dnc_api(store: Store, listed: Listed) -> Api:
    """Return the endpoints of contacts, opt-outs, the change feed and campaigns.

    ``listed`` is ``RegisterShelf.listed``.
    """
    api = Api("dnc", store)
    clock, keyring = store.clock, store.keyring

    @api.post("/v1/contacts", right=Right.LOG_CONTACTS, status=201, problems=[UnknownCheck, CallIdTaken])
    def create_contact(body: NewContact, caller: Caller, session: Session) -> ContactDocument:
        """Log a call against its check; the same call again gives the first record."""
        logged = log_contact(session, caller, keyring, listed, **body.__dict__, now=clock.now())
        return _contact_document(logged)

    @api.post("/v1/opt-outs", right=Right.ADD_OPT_OUT, problems=[NotFound], repeatable=True)
    def create_opt_outs(body: NewOptOuts, caller: Caller, session: Session) -> OptOutResults:
        """Record that people said no; in force for every check that starts after this is answered."""
        results = add_opt_outs(
            session,
            caller,
            keyring,
            numbers=body.numbers,
            seller_id=None if body.seller == "*" else seller_of(session, caller, body.seller).id,
            channels=frozenset(body.channels),
            via=body.via,
            received_at=body.received_at,
            note=body.note,
            now=clock.now(),
            region=body.region,
        )
        return opt_out_results(results)

    @api.post(
        "/v1/opt-outs/<opt_out_id>/release",
        right=Right.RELEASE_OPT_OUT,
        problems=[NotFound, AlreadyReleased],
    )
    def release(opt_out_id: str, body: NewRelease, caller: Caller, session: Session) -> ReleaseDocument:
        """End an opt-out because the person asked to leave the list."""
        return release_document(
            release_opt_out(session, caller, keyring, opt_out_id=opt_out_id, **body.__dict__, now=clock.now())
        )

    @api.get("/v1/changes", right=Right.READ_CHANGES, problems=[CursorAhead])
    def read_changes(query: Page, caller: Caller, session: Session) -> ChangePage:
        """Return opt-outs, releases, holds and retractions in order, after a cursor."""
        changes = changes_after(session, query.cursor, seller_id=caller.seller_id, limit=query.limit)
        return change_page(changes, query.cursor)

    @api.get("/v1/campaigns", right=Right.READ_CAMPAIGNS)
    def list_campaigns(query: AfterSlug, caller: Caller, session: Session) -> CampaignPage:
        """List campaigns by slug, the closed ones too."""
        found = campaign_reports(session, caller, after=query.cursor or "", limit=query.limit + 1)
        page, next_cursor = cut(found, query.limit, lambda one: one.slug)
        return CampaignPage(campaigns=[campaign_document(one) for one in page], next_cursor=next_cursor)

    return api


def _contact_document(logged: LoggedContact) -> ContactDocument:
    contact = logged.contact
    return ContactDocument(
        id=contact.id,
        check_id=contact.check_id,
        call_id=contact.call_id,
        outcome=contact.outcome,
        permitted=logged.permitted,
        hold_id=logged.hold_id,
        repeated=logged.repeated,
    )
