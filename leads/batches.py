"""One batch of settled rows: duplicates found, rows and leads written, each in one statement."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from core.database import any_of, any_of_value
from core.ids import new_ids
from core.ledger import Event, put_on_record
from core.prepared import Prepared, read_date_or_none
from core.secrets import Keyring
from leads.bulk import BulkInsert, Row, instants_of
from leads.models import Lead, LeadRow
from leads.rows import RowReason, SettledRow
from leads.terms import RowState

_ROWS = BulkInsert(LeadRow.__table__, ("lead_file_id", "row_no", "state", "reasons", "raw", "number"))  # type: ignore[arg-type] # typed as any selectable, it is a table
_LEADS = BulkInsert(
    Lead.__table__,  # type: ignore[arg-type] # as above
    (
        "id",
        "seller_id",
        "number",
        "source_id",
        "lead_file_id",
        "row_no",
        "name",
        "address",
        "email",
        "birth_date",
        "partner_reference",
        "collected_at",
        "expires_at",
        "created_at",
    ),
)
_KNOWN = Prepared(
    select(Lead.number, Lead.lead_file_id).where(
        Lead.source_id == bindparam("source_id"), any_of(Lead.number, bindparam("numbers"))
    )
)
_BIRTH_DATES = Prepared(
    select(Lead.id, Lead.number, Lead.birth_date).where(
        Lead.source_id == bindparam("source_id"), any_of(Lead.number, bindparam("numbers"))
    )
)


@dataclass(frozen=True, slots=True)
class Delivery:
    """The file and source that rows are taken for, and for whom the ledger is to say so."""

    lead_file_id: str
    source_id: str
    seller_id: str
    retention: timedelta
    received_at: datetime
    actor: str
    keyring: Keyring


def holders(session: Session, source_id: str, rows: Sequence[SettledRow]) -> dict[int, str]:
    """Return the file that each number of ``rows`` came with, if this source has delivered it before.

    Served by uq_leads_number_source_id.
    """
    connection = session.connection()
    numbers = [row.number for row in rows if row.state is RowState.ACCEPTED and row.number is not None]
    given: dict[str, object] = {
        "source_id": source_id,
        "numbers": any_of_value(connection.dialect.name, numbers),
    }
    return {int(number): str(lead_file_id) for number, lead_file_id in _KNOWN.rows(connection, given)}


def without_duplicates(rows: Sequence[SettledRow], held: dict[int, str], lead_file_id: str) -> list[SettledRow]:
    """Return the rows, those whose number the source has given already turned into duplicates; extends ``held``."""
    settled = []
    for row in rows:
        number = row.number
        if row.state is not RowState.ACCEPTED or number is None:
            settled.append(row)
        elif number in held:
            settled.append(_duplicate(row, in_file=held[number] == lead_file_id))
        else:
            held[number] = lead_file_id
            settled.append(row)
    return settled


def _duplicate(row: SettledRow, *, in_file: bool) -> SettledRow:
    reason = RowReason.DUPLICATE_IN_FILE if in_file else RowReason.DUPLICATE_IN_SOURCE
    return SettledRow(row.raw, RowState.DUPLICATE, (reason,), row.number, row.person)


def learn_birth_dates(session: Session, delivery: Delivery, rows: Sequence[SettledRow]) -> None:
    """Give the leads that ``rows`` double the birth date they lack, or the younger one that was said; on record.

    Of two birth dates the younger counts: a child may not be called, whichever row said so. The ledger tells neither
    date. Served by uq_leads_number_source_id.
    """
    said: dict[int, tuple[date, int]] = {}
    for row in rows:
        if row.state is RowState.DUPLICATE and row.number is not None and row.person and row.person.birth_date:
            said[row.number] = max(said.get(row.number, (date.min, 0)), (row.person.birth_date, row.raw.row_no))
    if not said:
        return
    connection = session.connection()
    given: dict[str, object] = {
        "source_id": delivery.source_id,
        "numbers": any_of_value(connection.dialect.name, list(said)),
    }
    learnt = []
    for lead_id, number, before in _BIRTH_DATES.rows(connection, given):
        birth_date, row_no = said[int(number)]
        if (read_date_or_none(before) or date.min) < birth_date:
            learnt.append({"id": lead_id, "birth_date": birth_date})
            payload = {
                "number": delivery.keyring.number_hash(int(number)),
                "lead_file": delivery.lead_file_id,
                "row_no": row_no,
            }
            put_on_record(
                session, Event("lead.birth_date_learnt", lead_id, delivery.actor, delivery.seller_id, payload)
            )
    if learnt:
        session.execute(update(Lead), learnt)


class BatchWriter:
    """Writes the batches of one delivery."""

    def __init__(self, delivery: Delivery, dialect_name: str) -> None:
        self._delivery = delivery
        self._instant = instants_of(dialect_name)

    def write(self, session: Session, rows: Sequence[SettledRow], now: datetime) -> None:
        """Write the rows, and a lead for each accepted one, in the session's transaction.

        Leads go in by number: the index on it takes neighbours on one page faster than the same numbers at random.
        """
        connection = session.connection()
        _ROWS.run(connection, list(self._row_values(rows)))
        accepted = sorted((row for row in rows if row.state is RowState.ACCEPTED), key=_number)
        _LEADS.run(connection, list(self._lead_values(accepted, now)))

    def _row_values(self, rows: Sequence[SettledRow]) -> Iterator[Row]:
        lead_file_id, accepted = self._delivery.lead_file_id, RowState.ACCEPTED.value
        for row in rows:
            raw = row.raw
            if row.reasons:
                yield lead_file_id, raw.row_no, row.state.value, ",".join(row.reasons), raw.text, row.number
            else:
                yield lead_file_id, raw.row_no, accepted, "", raw.text, row.number

    def _lead_values(self, rows: Sequence[SettledRow], now: datetime) -> Iterator[Row]:
        delivery, instant = self._delivery, self._instant
        created_at, received_at = instant(now), delivery.received_at
        for id_, row in zip(new_ids(len(rows)), rows, strict=True):
            person = row.person
            assert person is not None  # noqa: S101 - an accepted row has one
            collected_at = person.collected_at
            yield (
                id_,
                delivery.seller_id,
                row.number,
                delivery.source_id,
                delivery.lead_file_id,
                row.raw.row_no,
                person.name,
                person.address,
                person.email,
                None if person.birth_date is None else _day(person.birth_date),
                person.partner_reference,
                None if collected_at is None else instant(collected_at),
                instant((collected_at or received_at) + delivery.retention),
                created_at,
            )


def _number(row: SettledRow) -> int:
    return row.number or 0


_day = lru_cache(maxsize=8192)(date.isoformat)
