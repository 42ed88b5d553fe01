"""The API of exports, of their recipients and of the canaries in them."""

import io
from dataclasses import asdict

from sqlalchemy.orm import Session

from core.access import Caller, Right
from core.errors import InvalidInput
from core.pages import cut
from core.store import Store
from dnc.canaries import How, NoCanaryLeft, report_sighting, sightings
from dnc.drafts import UnknownCampaign
from dnc.exports import CampaignNotOpen, ExportTooLarge, NothingToExport, make_export
from dnc.gathering import Listed
from dnc.handed_out import export_page, recipient_reports
from dnc.lookups import readable
from dnc.recipients import UnknownRecipient
from web.endpoint import Api, Document
from web.fields import Instant, Note, RawNumber, Region, Slug
from web.lists import AfterId, AfterSlug

LEADS_AT_ONCE = 50_000


class NewExport(Document):
    """Which leads, and for whom."""

    campaign: Slug
    recipient: Slug


class ExportDocument(Document):
    """An export on record; ``sha256`` is that of ``csv`` in UTF-8. Each number is to be checked before it is called."""

    id: str
    campaign: str
    recipient: str
    sha256: str
    leads: int
    made_at: Instant
    csv: str


class RecipientDocument(Document):
    """A processor that leads are handed to, under a contract; ``key`` names the API key by which it asks."""

    slug: str
    name: str
    seller: str
    contract: str
    key: str | None
    created_at: Instant


class RecipientPage(Document):
    """Some recipients by slug; ``next_cursor`` is null on the last page."""

    recipients: list[RecipientDocument]
    next_cursor: str | None


class ExportsQuery(AfterId):
    """Which exports: those to a recipient, all without one; after a cursor."""

    recipient: Slug | None = None


class ListedExportDocument(Document):
    """An export: how many leads went to whom, under which contract; ``sha256`` is of the file as it was handed."""

    id: str
    campaign: str
    recipient: str
    contract: str
    sha256: str
    leads: int
    made_at: Instant
    made_by: str


class ExportPageDocument(Document):
    """Some exports, the newest first; ``next_cursor`` is null on the last page, whatever a page holds."""

    exports: list[ListedExportDocument]
    next_cursor: str | None


class NewSighting(Document):
    """A number that showed up where it should not."""

    number: RawNumber
    region: Region = "SE"
    seen_at: Instant
    how: Note


class SightedDocument(Document):
    """Of how many exports the number is a canary: none, if it is not one."""

    exports: int


class SightingDocument(Document):
    """A canary that was seen, and the export and recipient that it was given to."""

    id: str
    number: str
    export_id: str
    recipient: str
    recipient_name: str
    how: How
    subject: str
    note: str
    seen_at: Instant
    recorded_at: Instant
    recorded_by: str


class SightingPage(Document):
    """Some sightings, oldest first; ``next_cursor`` is null on the last page."""

    sightings: list[SightingDocument]
    next_cursor: str | None


def exports_api(store: Store, listed: Listed) -> Api:
    """Return the endpoints of exports and canaries; ``listed`` is ``RegisterShelf.listed``."""
    api = Api("exports", store)

    @api.post(
        "/v1/exports",
        right=Right.EXPORT_LEADS,
        status=201,
        problems=[UnknownCampaign, UnknownRecipient, CampaignNotOpen, NothingToExport, ExportTooLarge, NoCanaryLeft],
    )
    def export_leads(body: NewExport, caller: Caller) -> ExportDocument:
        """Hand a processor the leads that could be called; on record before it is answered, and no permission."""
        file = io.StringIO(newline="")
        made = make_export(
            store,
            listed,
            caller,
            campaign=body.campaign,
            recipient=body.recipient,
            file=file,
            now=store.clock.now(),
            limit=LEADS_AT_ONCE,
        )
        return ExportDocument(**asdict(made), csv=file.getvalue())

    @api.get("/v1/exports", right=Right.READ_EXPORTS, problems=[UnknownRecipient])
    def list_exports(query: ExportsQuery, caller: Caller, session: Session) -> ExportPageDocument:
        """List the exports, the newest first: how many leads went to whom, under which contract."""
        page = export_page(session, caller, **dict(query))
        return ExportPageDocument(
            exports=[ListedExportDocument(**asdict(one)) for one in page.exports], next_cursor=page.next_cursor
        )

    @api.get("/v1/recipients", right=Right.READ_EXPORTS)
    def list_recipients(query: AfterSlug, caller: Caller, session: Session) -> RecipientPage:
        """List the processors that leads are handed to, by slug."""
        found = recipient_reports(session, caller, after=query.cursor or "", limit=query.limit + 1)
        page, next_cursor = cut(found, query.limit, lambda one: one.slug)
        return RecipientPage(recipients=[RecipientDocument(**asdict(one)) for one in page], next_cursor=next_cursor)

    @api.post("/v1/canaries/sightings", right=Right.REPORT_CANARIES, repeatable=True, problems=[InvalidInput])
    def report_canary(body: NewSighting, caller: Caller, session: Session) -> SightedDocument:
        """Say that a number was seen where it should not be; on record if it is a canary, and forgotten if not."""
        exports = report_sighting(
            session,
            caller,
            store.keyring,
            number=readable(body.number, body.region).value,
            seen_at=body.seen_at,
            how=body.how,
            now=store.clock.now(),
        )
        return SightedDocument(exports=exports)

    @api.get("/v1/canaries/sightings", right=Right.READ_CANARIES)
    def list_sightings(query: AfterId, caller: Caller, session: Session) -> SightingPage:
        """List the canaries that were seen, and whom each was given to."""
        found = sightings(session, caller, after=query.cursor or "", limit=query.limit + 1)
        page, next_cursor = cut(found, query.limit, lambda one: one.id)
        return SightingPage(
            sightings=[SightingDocument(**asdict(one) | {"number": f"+{one.number}"}) for one in page],
            next_cursor=next_cursor,
        )

    return api
