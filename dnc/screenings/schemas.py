"""The wire form of screenings."""

from typing import Annotated

from pydantic import Field

from dnc.screenings.lists import ScreeningPage
from dnc.screenings.lookups import ScreeningOfNumber, ScreeningsOfNumber, WhyUnread
from dnc.screenings.reports import ListedScreening, ScreeningReport
from dnc.screenings.service import COLUMN_LENGTH
from dnc.screenings.terms import ScreeningState, Subject
from web.endpoint import Document
from web.fields import Instant, Limit, RawNumber, Region, Slug
from web.lists import CURSOR, OpaqueCursor


class ScreeningForm(Document):
    """The fields sent with a file to be screened."""

    campaign: str = Field(max_length=60, description="Slug of the campaign.")
    column: str | None = Field(
        default=None,
        max_length=COLUMN_LENGTH,
        description="Heading of the number's column, or its place as #1 without headings.",
    )
    next_opening: bool = Field(default=False, description="Ask for the next hour at which calling is open.")


class NewScreening(Document):
    """Which leads: all of the campaign's seller, or those of some sources."""

    campaign: Slug
    sources: Annotated[list[Slug], Field(min_length=1, max_length=1000)] | None = None
    next_opening: bool = False


class AskedNumber(Document):
    """A number of which the answers are asked: those of the rows after ``cursor``."""

    number: RawNumber
    region: Region = "SE"
    cursor: Annotated[int, Field(ge=0, le=2**31 - 1, description=CURSOR)] = 0
    limit: Limit = 200


class ScreenedRowDocument(Document):
    """The answer to one row of a screening, in the wire form of a check."""

    row: int
    number: str
    decided_at: Instant
    answer: dict[str, object]


class AnswersDocument(Document):
    """The answers to each row of one number, in the order of the rows; none if the screening has no such row.

    Where there may be more, they come after ``cursor``.
    """

    answers: list[ScreenedRowDocument]
    cursor: int | None


class ScreeningsOfNumberQuestion(Document):
    """In which screenings does this number stand? ``cursor`` goes on from the end of a page."""

    number: RawNumber
    region: Region = "SE"
    cursor: OpaqueCursor | None = None


class AnsweredRowsDocument(Document):
    """The answer to a number, in the wire form of a check, and the rows to which it was given at once."""

    rows: list[int]
    decided_at: Instant
    answer: dict[str, object]


class UnreadRowsDocument(Document):
    """Rows of which nobody can tell whether the number is among them, and why: they are erased, or damaged."""

    first_row: int
    last_row: int
    why: WhyUnread


class ScreeningOfNumberDocument(Document):
    """A screening that a number stands in, or of which that cannot be told; ``rows`` are all that are on record."""

    id: str
    seller: str
    campaign: str
    subject: Subject
    file_name: str | None
    next_opening: bool
    asked_at: Instant
    asked_by: str
    state: ScreeningState
    rows: int
    answers: list[AnsweredRowsDocument]
    unread: list[UnreadRowsDocument]


class ScreeningsOfNumberDocument(Document):
    """A page of the screenings that a number stands in, the newest first; ``rows`` were looked through for it.

    ``next_cursor`` alone tells whether there may be more: a page may be empty and not be the last, and a long screening
    may stand on several.
    """

    number: str
    screenings: list[ScreeningOfNumberDocument]
    rows: int
    next_cursor: str | None


class CountsDocument(Document):
    """Rows counted once by verdict and once under each of their reasons."""

    rows: int
    verdicts: dict[str, int]
    reasons: dict[str, int]


class ListedScreeningDocument(Document):
    """A screening in a list; ``result``: a file can be downloaded, until ``kept_until``."""

    id: str
    campaign: str
    subject: Subject
    file_name: str | None
    sha256: str | None
    next_opening: bool
    asked_at: Instant
    asked_by: str
    state: ScreeningState
    failure: str | None
    progress: float
    rows: int
    verdicts: dict[str, int]
    ended_at: Instant | None
    result: bool
    kept_until: Instant | None


class ScreeningPageDocument(Document):
    """Some screenings, the newest first; ``next_cursor`` is null on the last page, whatever a page holds."""

    screenings: list[ListedScreeningDocument]
    next_cursor: str | None


class ScreeningDocument(ListedScreeningDocument):
    """A screening as it stands: no permission to call, each number is checked again before each call.

    ``progress`` is the share on record. ``sources`` counts rows by the source that the answer names, ``-`` where it
    names none, ``list`` for bought lists together. ``result``: a file can be downloaded, until ``kept_until``.
    """

    reasons: dict[str, int]
    sources: dict[str, CountsDocument]
    policies: list[str]
    registers: list[str]


def screening_document(report: ScreeningReport) -> ScreeningDocument:
    """Return a screening in its wire form."""
    return ScreeningDocument(
        **dict(listed_document(report)),
        reasons=dict(report.reasons),
        sources={name: CountsDocument.model_validate(counts) for name, counts in report.sources.items()},
        policies=list(report.policies),
        registers=list(report.registers),
    )


def page_document(page: ScreeningPage) -> ScreeningPageDocument:
    """Return a page of screenings in its wire form."""
    return ScreeningPageDocument(
        screenings=[listed_document(one) for one in page.screenings], next_cursor=page.next_cursor
    )


def listed_document(listed: ListedScreening) -> ListedScreeningDocument:
    """Return a screening in a list in its wire form."""
    return ListedScreeningDocument(
        id=listed.id,
        campaign=listed.campaign,
        subject=listed.subject,
        file_name=listed.file_name,
        sha256=listed.sha256,
        next_opening=listed.next_hour,
        asked_at=listed.asked_at,
        asked_by=listed.asked_by,
        state=listed.state,
        failure=listed.failure,
        progress=listed.progress,
        rows=listed.rows,
        verdicts=dict(listed.verdicts),
        ended_at=listed.ended_at,
        result=listed.result,
        kept_until=listed.kept_until,
    )


def screenings_document(found: ScreeningsOfNumber) -> ScreeningsOfNumberDocument:
    """Return a page of a number's screenings in its wire form."""
    return ScreeningsOfNumberDocument(
        number=found.number.e164,
        screenings=[_screening_of_number(one) for one in found.screenings],
        rows=found.rows,
        next_cursor=found.next_cursor,
    )


def _screening_of_number(one: ScreeningOfNumber) -> ScreeningOfNumberDocument:
    return ScreeningOfNumberDocument(
        id=one.id,
        seller=one.seller,
        campaign=one.campaign,
        subject=one.subject,
        file_name=one.file_name,
        next_opening=one.next_hour,
        asked_at=one.asked_at,
        asked_by=one.asked_by,
        state=one.state,
        rows=one.rows,
        answers=[
            AnsweredRowsDocument(rows=list(part.rows), decided_at=part.decided_at, answer=dict(part.answer))
            for part in one.answers
        ],
        unread=[
            UnreadRowsDocument(first_row=part.first_row, last_row=part.last_row, why=part.why) for part in one.unread
        ],
    )
