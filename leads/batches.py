"""A batch of segments, written in one transaction: leads, rows that became none, and what else was said of persons."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import cast

import polars as pl
from sqlalchemy import bindparam, exists, select, update
from sqlalchemy.orm import Session

from consent.grounds import record_consent
from core.access import Caller
from core.database import any_of, any_of_value
from core.ledger import Event, put_on_record
from core.numbers import Number
from core.prepared import Prepared, read_date_or_none
from core.secrets import Keyring
from core.sellers import Seller
from leads.bulk import BulkInsert, FrameInsert, Row
from leads.evidence import consent_from
from leads.identities import identity_index, seal_identity
from leads.models import Lead, LeadBirthDate, LeadFile, LeadIdentity, LeadRow, LeadSegment, Source
from leads.rows import Person, RowReason
from leads.segments import Mark, RefusedRow, RepeatedRow, Segment
from leads.terms import RowState
from leads.withdrawn import Told, give_way, withdrawn_among

_ROWS = BulkInsert(
    LeadRow.__table__,  # type: ignore[arg-type] # typed as any selectable, it is a table
    ("lead_file_id", "row_no", "state", "reasons", "raw", "number", "birth_date"),
)
_LEADS = FrameInsert(
    Lead.__table__,  # type: ignore[arg-type] # as above
    ("number", "row_no", "birth_date", "collected_at", "expires_at", "person"),
    ("source_no", "file_no"),
    ("collected_at", "expires_at"),
)
_HELD = Prepared(
    select(Lead.number, Lead.file_no).where(
        Lead.source_no == bindparam("source_no"), any_of(Lead.number, bindparam("numbers"))
    )
)
_BIRTH_DATES = Prepared(
    select(Lead.number, Lead.file_no, Lead.row_no, Lead.birth_date, Lead.told_by).where(
        Lead.source_no == bindparam("source_no"), any_of(Lead.number, bindparam("numbers"))
    )
)


@dataclass(frozen=True, slots=True)
class Delivery:
    """The file, its source and seller, and who reads it. ``identity``: the source needs personal identity numbers."""

    lead_file_id: str
    file_no: int
    source_id: str
    source_no: int
    identity: bool
    seller_id: str
    seller_slug: str
    seller_name: str
    caller: Caller
    keyring: Keyring

    @classmethod
    def of(cls, lead_file: LeadFile, source: Source, seller: Seller, caller: Caller, keyring: Keyring) -> "Delivery":
        """Return the delivery of a lead file."""
        return cls(
            lead_file.id,
            lead_file.no,
            source.id,
            source.no,
            source.needs_identity,
            seller.id,
            seller.slug,
            seller.name,
            caller,
            keyring,
        )


@dataclass(frozen=True, slots=True)
class Batch:
    """What is new in some segments after row ``done``: one frame of leads, and the other rows in order."""

    leads: pl.DataFrame
    refused: Sequence[RefusedRow]
    repeated: Sequence[RepeatedRow]
    persons: Sequence[tuple[int, int, Person]]
    marks: Sequence[Mark]
    done: int
    end: int

    @classmethod
    def after(cls, segments: Sequence[Segment], done: int) -> "Batch":
        """Return what the segments, in order, hold past row ``done``; their own frames can then go.

        Raises:
            Overtaken: one of them begins before that row and ends after it.
        """
        new = [segment for segment in segments if segment.end > done]
        if new[0].rows_before != done:
            raise Overtaken
        leads = pl.concat([segment.leads for segment in new]) if len(new) > 1 else new[0].leads
        return cls(
            leads.sort("number"),
            [row for segment in new for row in segment.refused],
            [row for segment in new for row in segment.repeated],
            [person for segment in new for person in segment.persons],
            [segment.mark for segment in new],
            done,
            new[-1].end,
        )


class Overtaken(Exception):
    """Somebody else reads the same file, in pieces that end elsewhere: it must be read again from where those end."""


class CellsNeeded(Exception):
    """The rows must be read again with their cells, to be kept of those that are duplicates."""


def write_batch(
    session: Session, delivery: Delivery, batch: Batch, now: datetime, *, is_alone: bool
) -> Counter[RowState]:
    """Write the batch in the session's transaction; return its rows by what became of them.

    ``is_alone``: every lead that this source has is one of this very reading. Otherwise those that it has are looked
    up first: a number that it has given already is a duplicate, unless by a file that is withdrawn, whose lead gives
    way. Leads go in by number: the index takes neighbours on one page faster than the same numbers at random.

    Raises:
        CellsNeeded: the source turns out to have leads, and the batch was read as if it had none; nothing is written.
    """
    if is_alone and _others(session, delivery):
        raise CellsNeeded
    held = {} if is_alone else _holders(session, delivery, batch)
    withdrawn = withdrawn_among(session, {delivery.file_no, *held.values()}) if held else frozenset()
    stands = delivery.file_no not in withdrawn
    told: list[Told] = []
    if stands and withdrawn:
        old = {number: held.pop(number) for number in batch.leads["number"] if held.get(number) in withdrawn}
        told = give_way(session, delivery.source_no, old)
    leads, known = batch.leads, pl.DataFrame(schema=batch.leads.schema)
    if held:
        is_known = leads["number"].is_in(list(held))
        leads, known = leads.filter(~is_known), leads.filter(is_known)
    refused: list[Row] = [
        (delivery.lead_file_id, row.row_no, row.state.value, ",".join(row.reasons), row.cells, row.number, None)
        for row in batch.refused
    ]
    again = [*batch.repeated, *_as_repeated(known)]
    doubles: list[Row] = [
        (
            delivery.lead_file_id,
            row.row_no,
            RowState.DUPLICATE.value,
            _doubles(held.get(row.number, delivery.file_no) == delivery.file_no).value,
            row.cells,
            row.number,
            row.birth_date,
        )
        for row in again
    ]
    connection = session.connection()
    _ROWS.run(connection, sorted(refused + doubles, key=_row_no))
    _LEADS.run(connection, leads, {"source_no": delivery.source_no, "file_no": delivery.file_no})
    if stands:
        _learn_birth_dates(session, delivery, [*told, *_told(delivery, again)], withdrawn, now)
    _keep_persons(session, delivery, batch, set(held), now)
    session.add_all(
        LeadSegment(
            lead_file_id=delivery.lead_file_id,
            rows_before=mark.rows_before,
            rows=mark.rows,
            position=mark.position,
            end_position=mark.end_position,
            frontier=mark.frontier,
        )
        for mark in batch.marks
    )
    counts = Counter(row.state for row in batch.refused)
    return counts + Counter({RowState.ACCEPTED: len(leads), RowState.DUPLICATE: len(doubles)})


def holders(session: Session, source_no: int, numbers: Sequence[int]) -> dict[int, int]:
    """Return the number of the file that each phone number came with, if this source has delivered it. By pk_leads."""
    connection = session.connection()
    given: dict[str, object] = {
        "source_no": source_no,
        "numbers": any_of_value(connection.dialect.name, numbers),
    }
    return {int(number): int(file_no) for number, file_no in _HELD.rows(connection, given)}


def _holders(session: Session, delivery: Delivery, batch: Batch) -> dict[int, int]:
    numbers = [*batch.leads["number"].to_list(), *(row.number for row in batch.repeated)]
    return holders(session, delivery.source_no, numbers)


def _others(session: Session, delivery: Delivery) -> bool:
    """Return whether the source has leads by another file. It is locked: none comes in meanwhile."""
    return bool(
        session.scalar(
            select(
                exists().where(
                    LeadFile.source_id == delivery.source_id,
                    LeadFile.id != delivery.lead_file_id,
                    LeadFile.rows_accepted > 0,
                )
            )
        )
    )


def _as_repeated(known: pl.DataFrame) -> list[RepeatedRow]:
    """Return leads that the source has given already as the rows that they are."""
    if known.is_empty():
        return []
    return [RepeatedRow(*row) for row in known.select("row_no", "cells", "number", "birth_date").rows()]


def _doubles(in_file: bool) -> RowReason:
    return RowReason.DUPLICATE_IN_FILE if in_file else RowReason.DUPLICATE_IN_SOURCE


def _told(delivery: Delivery, rows: Sequence[RepeatedRow]) -> Iterator[Told]:
    """Yield what the delivery's ``rows`` say of birth dates."""
    for row in rows:
        if row.birth_date is not None:
            birth_date = date.fromisoformat(row.birth_date)
            yield Told(row.number, birth_date, delivery.file_no, delivery.lead_file_id, row.row_no)


def _learn_birth_dates(
    session: Session, delivery: Delivery, told: Sequence[Told], withdrawn: Collection[int], now: datetime
) -> None:
    """Give the leads on the numbers the birth date they lack, or the younger one that was told; on record.

    Of two birth dates the younger counts: a child may not be called, whichever row said so; that of a ``withdrawn``
    file's own row does not count. The ledger tells neither date. Served by pk_leads.
    """
    said: dict[int, Told] = {}
    for one in told:
        said[one.number] = max(said.get(one.number, one), one, key=lambda each: (each.birth_date, each.row_no or 0))
    if not said:
        return
    connection = session.connection()
    given: dict[str, object] = {
        "source_no": delivery.source_no,
        "numbers": any_of_value(connection.dialect.name, list(said)),
    }
    files: dict[int, str] = {delivery.file_no: delivery.lead_file_id}
    for number, file_no, lead_row_no, before, was_told_by in _BIRTH_DATES.rows(connection, given):
        one = said[int(number)]
        had = read_date_or_none(before)
        counting = had if file_no not in withdrawn or was_told_by is not None else None
        if (counting or date.min) >= one.birth_date:
            continue
        if session.get(LeadBirthDate, (number, delivery.source_no, now)) is None:
            session.add(
                LeadBirthDate(
                    number=number,
                    source_no=delivery.source_no,
                    replaced_at=now,
                    birth_date=had,
                    is_known=True,
                    told_by=was_told_by,
                )
            )
        session.execute(
            update(Lead)
            .where(Lead.number == number, Lead.source_no == delivery.source_no)
            .values(birth_date=one.birth_date, told_by=None if one.file_no == file_no else one.file_no)
            .execution_options(synchronize_session=False)
        )
        if file_no not in files:
            files[file_no] = session.scalars(select(LeadFile.id).where(LeadFile.no == file_no)).one()
        payload = {
            "number": delivery.keyring.number_hash(int(number)),
            "lead_file": one.lead_file_id,
            "row_no": one.row_no,
        }
        lead = f"{files[file_no]}:{lead_row_no}"
        put_on_record(
            session, Event("lead.birth_date_learnt", lead, delivery.caller.actor, delivery.seller_id, payload)
        )


def _keep_persons(session: Session, delivery: Delivery, batch: Batch, known: set[int], now: datetime) -> None:
    """Put proved consents on record, and lay identity numbers by, sealed, for the leads that are new."""
    for row_no, number, person in batch.persons:
        if number in known:
            continue
        given = consent_from(
            person.evidence,
            seller_name=delivery.seller_name,
            seller_slug=delivery.seller_slug,
            lead_file_id=delivery.lead_file_id,
            row_no=row_no,
        )
        if given is not None:
            record_consent(
                session,
                delivery.caller,
                seller_id=delivery.seller_id,
                number=Number(number),
                channels=given.channels,
                names_seller=given.names_seller,
                text_version=given.text_version,
                evidence=given.evidence,
                given_at=given.given_at,
                expires_at=given.expires_at,
                now=now,
                keyring=delivery.keyring,
            )
        if delivery.identity and person.identity is not None:
            sealed = seal_identity(delivery.keyring, person.identity, f"{delivery.lead_file_id}:{row_no}")
            session.add(
                LeadIdentity(
                    number=number,
                    source_no=delivery.source_no,
                    sealed=sealed,
                    identity_hash=identity_index(delivery.keyring, person.identity),
                )
            )


def _row_no(row: Row) -> int:
    return cast("int", row[1])
