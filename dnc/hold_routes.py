"""The API of holds: what sales report, what waits, and how it is settled, one by one or a lead file's together."""

from dataclasses import asdict
from typing import Literal

from sqlalchemy.orm import Session

from core.access import Caller, Right
from core.errors import InvalidInput, NotFound
from core.sellers import seller_of
from core.store import Store
from dnc.file_holds import close_file_holds, opt_out_file_holds
from dnc.hold_lists import HoldState, hold_page
from dnc.holds import HoldClosed, HoldReason, close_hold, opt_out_hold, report_objection
from dnc.lookups import readable
from dnc.schemas import HoldDocument
from web.endpoint import Api, Document
from web.fields import Id, Instant, Limit, Note, RawNumber, Region, Slug
from web.lists import AfterId


class NewObjection(Document):
    """A person said in a call that they do not want to be called."""

    number: RawNumber
    seller: Slug
    region: Region = "SE"
    note: Note = ""


class ObjectionDocument(Document):
    """The hold that an objection made; the number is blocked until customer service has looked at it."""

    hold_id: str
    made_at: Instant


class HoldsQuery(AfterId):
    """Which holds: in one state, made by one lead file, for one reason; after a cursor."""

    state: HoldState = HoldState.OPEN
    lead_file: Id | None = None
    reason: HoldReason | None = None


class ListedHoldDocument(HoldDocument):
    """A hold, whose it is and on which number; a ``lead_file`` or a ``contact`` made it, or staff reported it."""

    number: str
    seller: str
    lead_file: str | None
    contact: str | None
    closed_by: str | None


class HoldPageDocument(Document):
    """Some holds, the newest first; ``next_cursor`` is null on the last page, whatever a page holds."""

    holds: list[ListedHoldDocument]
    next_cursor: str | None


class HoldClosing(Document):
    """What was found, so that the number may be called again as far as this hold goes."""

    resolution: Note


class ClosedHoldDocument(Document):
    """A hold's end."""

    id: str
    closed_at: Instant
    resolution: str


class HoldOptOutDocument(Document):
    """A hold's end, and the opt-out in force instead: ``added`` now, or ``already`` there."""

    id: str
    closed_at: Instant
    result: Literal["added", "already"]
    opt_out_id: str


class FileHoldsOptOut(Document):
    """Which of a lead file's open holds become opt-outs: those for one reason, or all; up to `limit` at once."""

    reason: HoldReason | None = None
    limit: Limit = 1000


class FileHoldsClosing(FileHoldsOptOut):
    """Which of a lead file's open holds are closed, and what was found: it is kept with each."""

    resolution: Note


class SettledHoldsDocument(Document):
    """What became of a lead file's holds; while some are ``still_open``, ask again for the next.

    ``closed_before``: the ids of those that somebody else closed meanwhile, each as that one settled it.
    """

    closed: int
    closed_before: list[str]
    opted_out: int
    still_open: int


def holds_api(store: Store) -> Api:
    """Return the endpoints of holds and of the objections that make them."""
    api = Api("holds", store)
    clock, keyring = store.clock, store.keyring

    @api.post("/v1/objections", right=Right.REPORT_OBJECTION, status=201, repeatable=True, problems=[NotFound])
    def create_objection(body: NewObjection, caller: Caller, session: Session) -> ObjectionDocument:
        """Report that a person objected in a call; the number is held until customer service has looked at it."""
        hold = report_objection(
            session,
            caller,
            keyring,
            number=readable(body.number, body.region).value,
            seller_id=seller_of(session, caller, body.seller).id,
            note=body.note.strip(),
            now=clock.now(),
        )
        return ObjectionDocument(hold_id=hold.id, made_at=hold.made_at)

    @api.get("/v1/holds", right=Right.CLOSE_HOLD, problems=[NotFound])
    def list_holds(query: HoldsQuery, caller: Caller, session: Session) -> HoldPageDocument:
        """List the holds, the newest first: those that are open, those that were closed, or all."""
        page = hold_page(session, caller, **dict(query))
        return HoldPageDocument(
            holds=[ListedHoldDocument(**asdict(one)) for one in page.holds], next_cursor=page.next_cursor
        )

    @api.post("/v1/holds/<hold_id>/close", right=Right.CLOSE_HOLD, problems=[NotFound, HoldClosed])
    def close_one_hold(hold_id: str, body: HoldClosing, caller: Caller, session: Session) -> ClosedHoldDocument:
        """Close a hold and say what was found; the number may be called again as far as this hold goes."""
        now = clock.now()
        hold = close_hold(session, caller, keyring, hold_id=hold_id, resolution=body.resolution, now=now)
        return ClosedHoldDocument(id=hold.id, closed_at=now, resolution=hold.resolution or "")

    @api.post("/v1/holds/<hold_id>/opt-out", right=Right.ADD_OPT_OUT, problems=[NotFound, HoldClosed])
    def opt_out_one_hold(hold_id: str, caller: Caller, session: Session) -> HoldOptOutDocument:
        """Turn a hold into an opt-out of every call, from when the person said no; the hold is closed."""
        now = clock.now()
        hold, made = opt_out_hold(session, caller, keyring, hold_id=hold_id, now=now)
        return HoldOptOutDocument.model_validate(
            {"id": hold.id, "closed_at": now, "result": made.result, "opt_out_id": made.id}
        )

    @api.post("/v1/lead-files/<lead_file_id>/holds/close", right=Right.CLOSE_HOLD, problems=[NotFound, InvalidInput])
    def close_holds_of_file(lead_file_id: str, body: FileHoldsClosing, caller: Caller) -> SettledHoldsDocument:
        """Close a lead file's open holds with one resolution, up to 1,000 at once: ask again while some are open."""
        settled = close_file_holds(
            store,
            caller,
            lead_file_id=lead_file_id,
            resolution=body.resolution,
            reason=body.reason,
            at_most=body.limit,
        )
        return SettledHoldsDocument(**asdict(settled))

    @api.post("/v1/lead-files/<lead_file_id>/holds/opt-out", right=Right.ADD_OPT_OUT, problems=[NotFound])
    def opt_out_holds_of_file(lead_file_id: str, body: FileHoldsOptOut, caller: Caller) -> SettledHoldsDocument:
        """Turn a lead file's open holds into opt-outs, up to 1,000 at once: ask again while some are open."""
        settled = opt_out_file_holds(store, caller, lead_file_id=lead_file_id, reason=body.reason, at_most=body.limit)
        return SettledHoldsDocument(**asdict(settled))

    return api
