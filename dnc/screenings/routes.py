"""The API of screenings."""

from collections.abc import Callable
from itertools import islice

from sqlalchemy.orm import Session

from core.access import Caller, Right
from core.errors import InvalidInput, NotFound
from dnc.drafts import UnknownCampaign
from dnc.lookups import readable
from dnc.screenings.errors import (
    ScreenedFileForgotten,
    ScreeningBusy,
    ScreeningDamaged,
    ScreeningErased,
    ScreeningNotRunning,
    ScreeningUnfinished,
    UnknownScreening,
)
from dnc.screenings.kept_files import open_result
from dnc.screenings.lists import screening_page
from dnc.screenings.lookups import answers_on, look_up_screenings
from dnc.screenings.reports import report_of, report_screening
from dnc.screenings.rows import file_layout
from dnc.screenings.schemas import (
    AnswersDocument,
    AskedNumber,
    NewScreening,
    ScreenedRowDocument,
    ScreeningDocument,
    ScreeningForm,
    ScreeningPageDocument,
    ScreeningsOfNumberDocument,
    ScreeningsOfNumberQuestion,
    page_document,
    screening_document,
    screenings_document,
)
from dnc.screenings.service import (
    AskedFile,
    ask_screening,
    campaign_asked,
    cancel_screening,
    resume_screening,
)
from dnc.screenings.terms import ScreeningState
from dnc.screenings.work import Screenings, work_on
from leads.errors import UnclearHeadings, UnreadableLeadFile
from leads.intake import FILE_LIMIT, plain_at, receive
from leads.shelf import FileTooLarge, KeptFileDamaged, KeptUnderAnotherSecret, Shelf
from web.endpoint import Api, Download
from web.lists import AfterId
from web.uploads import Upload

SCREENED_AT_ONCE = 1 << 20
"""Bytes of a file that is screened within the request."""


def screenings_api(screenings: Screenings, shelf: Shelf, work_beside: Callable[[str], None]) -> Api:
    """Return the endpoints of screenings; ``work_beside`` has one worked through by another process."""
    store = screenings.store
    api = Api("screenings", store)

    @api.post(
        "/v1/screenings",
        right=Right.SCREEN,
        status=202,
        fields=ScreeningForm,
        limit=FILE_LIMIT,
        problems=[UnknownCampaign, UnreadableLeadFile, UnclearHeadings, FileTooLarge, InvalidInput],
    )
    def screen_file(upload: Upload, form: ScreeningForm, caller: Caller) -> ScreeningDocument:
        """Screen a CSV or XLSX file for a campaign; on record, and no permission to call.

        A file of up to a megabyte is screened while you wait; a larger one goes on: ask for its progress.
        """
        now = store.clock.now()
        with store.reading() as session:
            campaign_asked(session, caller, form.campaign, now)
        file_layout(plain_at(upload.path), form.column, spool_dir=shelf.directory)
        with upload.path.open("rb") as stream:
            received = receive(shelf, stream)
        file = AskedFile(upload.name, received.sha256, received.size, form.column, received.place)
        with store.writing() as session:
            screening = ask_screening(
                session, caller, campaign=form.campaign, file=file, next_hour=form.next_opening, now=now
            )
        if received.size > SCREENED_AT_ONCE:
            work_beside(screening.id)
        else:
            work_on(screenings, shelf, screening.id)
        with store.reading() as session:
            return screening_document(report_screening(session, caller, screening.id))

    @api.post(
        "/v1/screenings/leads", right=Right.SCREEN_LEADS, status=202, problems=[UnknownCampaign, NotFound, InvalidInput]
    )
    def screen_leads(body: NewScreening, caller: Caller) -> ScreeningDocument:
        """Screen every lead of a campaign's seller, or of some sources; it goes on: ask for its progress."""
        with store.writing() as session:
            screening = ask_screening(
                session,
                caller,
                campaign=body.campaign,
                file=None,
                sources=body.sources,
                next_hour=body.next_opening,
                now=store.clock.now(),
            )
            document = screening_document(report_of(session, caller, screening))
        work_beside(screening.id)
        return document

    @api.get("/v1/screenings", right=Right.SCREEN)
    def list_screenings(query: AfterId, caller: Caller, session: Session) -> ScreeningPageDocument:
        """List screenings, the newest first: how far each has come; a dialer's key sees those that it asked for."""
        return page_document(screening_page(session, caller, cursor=query.cursor, limit=query.limit))

    @api.get("/v1/screenings/<screening_id>", right=Right.SCREEN, problems=[UnknownScreening])
    def read_screening(screening_id: str, caller: Caller, session: Session) -> ScreeningDocument:
        """Say how far a screening has come, and its summary by reason and source."""
        return screening_document(report_screening(session, caller, screening_id))

    @api.get(
        "/v1/screenings/<screening_id>/result",
        right=Right.SCREEN,
        problems=[UnknownScreening, ScreeningUnfinished, KeptFileDamaged, KeptUnderAnotherSecret],
    )
    def download_screening(screening_id: str, caller: Caller, session: Session) -> Download:
        """Download the screened file: the rows as they came, each with its answer; kept for a week."""
        return Download(*open_result(session, shelf, caller, screening_id))

    @api.post(
        "/v1/screenings/<screening_id>/answers",
        right=Right.SCREEN,
        repeatable=True,
        problems=[UnknownScreening, ScreeningErased, ScreeningDamaged, InvalidInput],
    )
    def read_answers(body: AskedNumber, screening_id: str, caller: Caller, session: Session) -> AnswersDocument:
        """Say what was answered to each row of a number, from the record, some at a time; no URL holds a number."""
        number = readable(body.number, body.region).value
        found = answers_on(session, caller, screening_id, number, after=body.cursor)
        answers = [
            ScreenedRowDocument(
                row=one.row, number=f"+{one.number}", decided_at=one.decided_at, answer=dict(one.answer)
            )
            for one in islice(found, body.limit)
        ]
        return AnswersDocument(answers=answers, cursor=answers[-1].row if len(answers) == body.limit else None)

    @api.post("/v1/lookups/screenings", right=Right.LOOK_UP_SCREENINGS, problems=[InvalidInput])
    def look_up_screenings_of_number(body: ScreeningsOfNumberQuestion, caller: Caller) -> ScreeningsOfNumberDocument:
        """Return which screenings a number stands in, with each answer, a page at a time; the look-up is on record."""
        number = readable(body.number, body.region)
        return screenings_document(look_up_screenings(store, caller, number=number, cursor=body.cursor))

    @api.post(
        "/v1/screenings/<screening_id>/cancel",
        right=Right.SCREEN,
        repeatable=True,
        problems=[UnknownScreening, ScreeningNotRunning],
    )
    def stop_screening(screening_id: str, caller: Caller, session: Session) -> ScreeningDocument:
        """Stop a screening: what is on record stands, nothing is added, and it has no result."""
        screening = cancel_screening(session, caller, screening_id, store.clock.now())
        return screening_document(report_of(session, caller, screening))

    @api.post(
        "/v1/screenings/<screening_id>/resume",
        right=Right.SCREEN,
        problems=[UnknownScreening, ScreeningBusy, ScreenedFileForgotten],
    )
    def go_on_screening(screening_id: str, caller: Caller) -> ScreeningDocument:
        """Go on with a screening that was cancelled, failed or left; rows on record keep their answers."""
        with store.writing() as session:
            screening = resume_screening(session, caller, screening_id, store.clock.now())
            document = screening_document(report_of(session, caller, screening))
        if document.state is ScreeningState.RUNNING:
            work_beside(screening_id)
        return document

    return api
