"""A lead file that has arrived, and its leads as one stream, as the packages above may read them."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Connection, String, and_, exists, literal, or_, select, text, type_coerce
from sqlalchemy.orm import Session
from sqlalchemy.sql import ColumnElement, Select

from consent.standing import has_grounds
from core.access import Caller
from core.database import any_of, any_of_value
from core.standing import NUMBERS
from leads.models import Lead, LeadFile, LeadRow, Source
from leads.suppliers import lead_file_of
from leads.terms import FileState, RowState

if TYPE_CHECKING:
    from leads.rows import RowReason

PAGE = 10_000
StreamedLead = tuple[int, Any, Any, Any]  # Any: collected, expires and born, as the driver gives them


@dataclass(frozen=True, slots=True)
class ArrivedFile:
    """A lead file with its source, its rows counted by state, and what the supplier claims of a wash."""

    id: str
    no: int
    state: FileState
    received_at: datetime
    source_id: str
    seller_id: str
    accepted: int
    rejected: int
    duplicate: int
    ambiguous: int
    wash_register: str | None
    wash_version: date | None
    withdrawn: bool


def arrived_file(session: Session, caller: Caller, lead_file_id: str) -> ArrivedFile:
    """Return the lead file.

    Raises:
        NotFound: there is none, or it is not the caller's; the two are not told apart.
    """
    file, source = lead_file_of(session, caller, lead_file_id)
    return ArrivedFile(
        id=file.id,
        no=file.no,
        state=FileState(file.state),
        received_at=file.received_at,
        source_id=source.id,
        seller_id=source.seller_id,
        accepted=file.rows_accepted,
        rejected=file.rows_rejected,
        duplicate=file.rows_duplicate,
        ambiguous=file.rows_ambiguous,
        wash_register=file.wash_register,
        wash_version=file.wash_version,
        withdrawn=file.withdrawn_at is not None,
    )


def finished_files(session: Session) -> Sequence[str]:
    """Return the ids of the lead files whose rows are all read, oldest first, but for those that are withdrawn.

    One row a delivery.
    """
    is_read = LeadFile.state == FileState.FINISHED.value
    query = select(LeadFile.id).where(is_read, LeadFile.withdrawn_at.is_(None)).order_by(LeadFile.received_at)
    return session.scalars(query).all()


def withdrawn_files(session: Session, source_id: str) -> Sequence[str]:
    """Return the ids of the source's lead files that are withdrawn. By ix_lead_files_source_id."""
    query = select(LeadFile.id).where(LeadFile.source_id == source_id, LeadFile.withdrawn_at.is_not(None))
    return session.scalars(query).all()


def leads_in_file(connection: Connection, file_no: int) -> Iterator[Sequence[StreamedLead]]:
    """Yield the file's leads some thousands at a time, in no order: number, collected, expires, born.

    One statement by ix_leads_file_no, read as it comes: paging by key would sort the rest of the file for each page.
    The instants and the day are raw; ``core.prepared`` reads them, and ``instant_value`` compares with them.
    """
    yield from _streamed(
        connection,
        select(
            Lead.number,
            type_coerce(Lead.collected_at, BigInteger),
            type_coerce(Lead.expires_at, BigInteger),
            type_coerce(Lead.birth_date, String),
        ).where(Lead.file_no == file_no),
    )


def numbers_delivered_before(connection: Connection, lead_file_id: str) -> Iterator[Sequence[tuple[int]]]:
    """Yield the numbers of the file's rows that its source had delivered before, some thousands at a time, in no order.

    One comes once for each row. By pk_lead_rows.
    """
    from leads.rows import RowReason

    yield from _streamed(
        connection,
        select(LeadRow.number).where(
            LeadRow.lead_file_id == lead_file_id,
            LeadRow.state == RowState.DUPLICATE.value,
            LeadRow.reasons == RowReason.DUPLICATE_IN_SOURCE.value,
            LeadRow.number.is_not(None),
        ),
    )


def refused_elsewhere(session: Session, file_no: int, seller_id: str, reason: "RowReason") -> Sequence[tuple[str, int]]:
    """Return the numbers of the file's leads that the seller's other files refused for the reason, each with that file.

    By ix_leads_file_no, and ix_lead_rows_number for each lead.
    """
    query = (
        select(LeadRow.lead_file_id, LeadRow.number)
        .join(Lead, Lead.number == LeadRow.number)
        .join(LeadFile, LeadFile.id == LeadRow.lead_file_id)
        .join(Source, Source.id == LeadFile.source_id)
        .where(Lead.file_no == file_no, LeadFile.no != file_no, Source.seller_id == seller_id, _refused_for(reason))
        .where(LeadFile.withdrawn_at.is_(None))
    )
    return [(id_, number) for id_, number in session.execute(query.distinct()) if number is not None]


def refused_with_grounds(session: Session, lead_file_id: str, seller_id: str, reason: "RowReason") -> Sequence[int]:
    """Return the numbers of the file's rows that were refused for the reason, and that the seller has a ground for.

    A lead, a consent or a customer relation, in force or not. By pk_lead_rows, and pk_leads for each such row.
    """
    is_lead = exists().where(Lead.number == LeadRow.number, Source.no == Lead.source_no, Source.seller_id == seller_id)
    is_known = or_(is_lead, has_grounds(LeadRow.number.expression, seller_id))
    query = select(LeadRow.number).where(LeadRow.lead_file_id == lead_file_id, _refused_for(reason), is_known)
    return [number for number in session.scalars(query.distinct()) if number is not None]


def _refused_for(reason: "RowReason") -> ColumnElement[bool]:
    """Return whether a row with a number was refused for the reason, among others."""
    reasons = literal(",") + LeadRow.reasons + ","
    is_refused = and_(text("lead_rows.state = 'rejected'"), LeadRow.number.is_not(None))  # as its index says it
    return and_(is_refused, reasons.contains(f",{reason},", autoescape=True))


def numbers_for_seller(connection: Connection, seller_id: str) -> Iterator[Sequence[tuple[int]]]:
    """Yield the numbers that the seller has a lead on, some thousands at a time; one may come once for each source."""
    yield from _streamed(
        connection,
        select(Lead.number).join(Source, Source.no == Lead.source_no).where(Source.seller_id == seller_id),
    )


def _streamed(
    connection: Connection, query: Select[*tuple[Any, ...]]
) -> Iterator[Sequence[Any]]:  # Any: rows of any columns
    with connection.execute(query.execution_options(stream_results=True, yield_per=PAGE)) as result:
        yield from result.partitions()


@dataclass(frozen=True, slots=True)
class PersonOnLead:
    """Whom a lead is of, and what to say of where it came from; never who sold a list."""

    name: str | None
    say: str


def people_on(session: Session, numbers: Iterable[int], seller_id: str) -> dict[tuple[int, str], PersonOnLead]:
    """Return by number and source id whom the seller's leads on the numbers are of. Served by pk_leads."""
    query = (
        select(Lead.number, Source.id, Lead.person, Source.say)
        .join(Source, Source.no == Lead.source_no)
        .where(any_of(Lead.number, NUMBERS), Source.seller_id == seller_id)
    )
    name = session.get_bind().dialect.name
    found = {}
    for number, source_id, person, say in session.execute(query, {"numbers": any_of_value(name, numbers)}):
        found[number, source_id] = PersonOnLead(json.loads(person).get("name") if person else None, say)
    return found
