"""The references a delivery comes under: its contract, invoices and orders, said with it or added when they are known.

None is ever changed or taken away: the newest of a kind stands, and those before it stay with who said them and when.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from core.access import Caller, Right
from core.clock import utc
from core.errors import InvalidInput
from core.ids import new_id
from core.ledger import Event, put_on_record
from core.naming import trimmed
from leads.models import LeadFile, LeadFileReference
from leads.suppliers import lead_file_of
from leads.terms import ReferenceKind

REFERENCE_LENGTH = 100
AT_DELIVERY = tuple((kind, f"{kind}_reference") for kind in ReferenceKind)
"""Each kind, with the column that holds the one which was said with the file."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What a file came under, by whom and when that was said; ``stands`` unless another of its kind was said later."""

    kind: ReferenceKind
    reference: str
    said_at: datetime
    said_by: str
    stands: bool


def add_references(
    session: Session, caller: Caller, lead_file_id: str, given: Mapping[ReferenceKind, str], now: datetime
) -> Sequence[Reference]:
    """Return every reference of the file, with those ``given``; one that stands already is not added once more.

    Raises:
        NotFound: there is no such file for this caller.
        InvalidInput: none is given, or one is empty or too long; ``errors`` lists every mistake.
    """
    caller.require(Right.LOAD_LEADS)
    lead_file, source = lead_file_of(session, caller, lead_file_id)
    wanted = sound_references(given)
    if not wanted:
        detail = "give the reference of a contract, an invoice or an order"
        raise InvalidInput(detail, extra={"errors": [detail]})
    session.refresh(lead_file, [column for _, column in AT_DELIVERY], with_for_update=True)  # one adds at a time
    standing = standing_of(session, lead_file)
    said = len(_added(session, lead_file))
    for kind, reference in wanted.items():
        if standing.get(kind) == reference:
            continue
        said += 1
        row = LeadFileReference(
            id=new_id(),
            lead_file_id=lead_file.id,
            no=said,
            kind=kind.value,
            reference=reference,
            added_at=now,
            added_by=caller.actor,
        )
        session.add(row)
        put_on_record(
            session, Event("lead_file.referenced", row.id, caller.actor, source.seller_id, reference_on_record(row))
        )
    session.flush()
    return references_of(session, lead_file)


def lead_file_references(session: Session, caller: Caller, lead_file_id: str) -> Sequence[Reference]:
    """Return every reference of the file, in the order in which they were said.

    Raises:
        NotFound: there is no such file for this caller.
    """
    caller.require(Right.PAUSE_SOURCES)
    lead_file, _ = lead_file_of(session, caller, lead_file_id)
    return references_of(session, lead_file)


def references_of(session: Session, lead_file: LeadFile) -> Sequence[Reference]:
    """Return what was said with the file, then what was added: by uq_lead_file_references_lead_file_id_no."""
    return references_of_each(session, [lead_file])[lead_file.id]


def references_of_each(session: Session, lead_files: Sequence[LeadFile]) -> Mapping[str, Sequence[Reference]]:
    """Return by id what ``references_of`` says of each file: one statement, however many there are."""
    said = {
        file.id: [
            (kind, reference, file.received_at, file.received_by)
            for kind, column in AT_DELIVERY
            if (reference := getattr(file, column)) is not None
        ]
        for file in lead_files
    }
    for row in _added(session, *lead_files):
        said[row.lead_file_id].append((ReferenceKind(row.kind), row.reference, row.added_at, row.added_by))
    return {id_: _in_order(of_file) for id_, of_file in said.items()}


def _in_order(said: Sequence[tuple[ReferenceKind, str, datetime, str]]) -> Sequence[Reference]:
    newest = {kind: place for place, (kind, *_) in enumerate(said)}
    return [Reference(*one, stands=newest[one[0]] == place) for place, one in enumerate(said)]


def added_to(session: Session, lead_file: LeadFile) -> Sequence[Mapping[str, str]]:
    """Return the references that were added later as a receipt tells them: of who did, the kind of caller alone."""
    return [
        {
            "kind": row.kind,
            "reference": row.reference,
            "added_at": row.added_at.isoformat(),
            "added_by": row.added_by.partition(":")[0],
        }
        for row in _added(session, lead_file)
    ]


def standing_of(session: Session, lead_file: LeadFile) -> Mapping[ReferenceKind, str]:
    """Return the reference that stands of each kind that there is any of."""
    return {one.kind: one.reference for one in references_of(session, lead_file) if one.stands}


def come_under(given: Mapping[ReferenceKind, str]) -> Sequence[ColumnElement[bool]]:
    """Return the conditions on ``LeadFile`` that each reference stands of it: one that was replaced finds nothing.

    Served by uq_lead_file_references_lead_file_id_no, for each file that is looked at.

    Raises:
        InvalidInput: one is empty or too long; ``errors`` lists every mistake.
    """
    said_with_it = dict(AT_DELIVERY)
    conditions = []
    for kind, reference in sound_references(given).items():
        added = (
            select(LeadFileReference.reference)
            .where(LeadFileReference.lead_file_id == LeadFile.id, LeadFileReference.kind == kind.value)
            .order_by(LeadFileReference.no.desc())
            .limit(1)
            .correlate(LeadFile)
            .scalar_subquery()
        )
        # What was said with a delivery is kept as it came, also with blanks around it.
        conditions.append(func.trim(func.coalesce(added, getattr(LeadFile, said_with_it[kind]))) == reference)
    return conditions


def reference_on_record(row: LeadFileReference) -> dict[str, object]:
    """Return what the ledger says of a reference that was added."""
    return {
        "lead_file": row.lead_file_id,
        "no": row.no,
        "kind": row.kind,
        "reference": row.reference,
        "added_at": utc(row.added_at),
    }


def _added(session: Session, *lead_files: LeadFile) -> Sequence[LeadFileReference]:
    return session.scalars(
        select(LeadFileReference)
        .where(LeadFileReference.lead_file_id.in_([file.id for file in lead_files]))
        .order_by(LeadFileReference.lead_file_id, LeadFileReference.no)
    ).all()


def sound_references(given: Mapping[ReferenceKind, str]) -> Mapping[ReferenceKind, str]:
    """Return the references without blanks around them. Pure.

    Raises:
        InvalidInput: one is empty or too long; ``errors`` lists every mistake.
    """
    wanted = {kind: trimmed(reference) for kind, reference in given.items()}
    mistakes = [
        f"the {kind} reference has 1 to {REFERENCE_LENGTH} printable characters"
        for kind, reference in wanted.items()
        if not (1 <= len(reference) <= REFERENCE_LENGTH and reference.isprintable())
    ]
    if mistakes:
        raise InvalidInput("; ".join(mistakes), extra={"errors": mistakes})
    return wanted
