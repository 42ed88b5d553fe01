"""Complaints about calls, each tied to the leads that were on the number when it came.

A complaint is not a no: it blocks nothing by itself. What the person said no to is entered as an opt-out; where the
number came from is followed by ``dnc.oversight.walk_back``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.access import Caller, Right
from core.clock import CLOCK_SLACK, utc
from core.errors import InvalidInput, NotFound
from core.ids import new_id
from core.ledger import Event, put_on_record
from core.naming import VIA_LENGTH
from core.secrets import Keyring
from dnc.models import Complaint, ComplaintOrigin
from leads.queries import leads_on

NOTE_LENGTH = 500


class ComplaintKind(StrEnum):
    """Who brings the complaint: NIX-nämnden, an authority (Konsumentverket, IMY), the person, or somebody else."""

    NIX_BOARD = "nix_board"
    AUTHORITY = "authority"
    PERSON = "person"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class RecordedComplaint:
    """A complaint and the leads that were on the number for its seller when it came."""

    complaint: Complaint
    origins: Sequence[ComplaintOrigin]


def record_complaint(
    session: Session,
    caller: Caller,
    keyring: Keyring,
    *,
    number: int,
    seller_id: str,
    kind: ComplaintKind,
    via: str,
    note: str,
    received_at: datetime | None,
    now: datetime,
) -> RecordedComplaint:
    """Return the complaint on record, tied to the leads that are known now and had come when it did.

    What was delivered after it cannot be what it is about. The note is few words, and no more of the person than is
    needed.

    Raises:
        Forbidden: the caller may not record complaints.
        NotFound: the seller is not the caller's.
        InvalidInput: no ``via`` of 1 to 40 characters, a note of more than 500, or received in the future.
    """
    caller.require(Right.RECORD_COMPLAINTS)
    if caller.seller_id not in (None, seller_id):
        raise NotFound("there is no seller with that slug")
    if not 1 <= len(via.strip()) <= VIA_LENGTH:
        raise InvalidInput(f"say in 1 to {VIA_LENGTH} characters how the complaint came")
    if len(note) > NOTE_LENGTH:
        raise InvalidInput(f"a note has at most {NOTE_LENGTH} characters")
    if received_at is not None and received_at > now + CLOCK_SLACK:
        raise InvalidInput("received_at is in the future")
    complaint = Complaint(
        id=new_id(),
        seller_id=seller_id,
        number=number,
        kind=kind.value,
        via=via.strip(),
        note=note,
        received_at=min(received_at or now, now),
        recorded_at=now,
        recorded_by=caller.actor,
    )
    session.add(complaint)
    session.flush()
    by_source = {  # of a file that was read again the newer reading
        lead.source_id: lead
        for lead in leads_on(session, number, seller_id)
        if lead.received_at is not None and lead.received_at <= complaint.received_at
    }
    origins = [
        ComplaintOrigin(
            complaint_id=complaint.id, source_id=lead.source_id, lead_file_id=lead.lead_file_id, row_no=lead.row_no or 0
        )
        for lead in by_source.values()
    ]
    session.add_all(origins)
    session.flush()
    payload = {"number": keyring.number_hash(number), **written(complaint, origins)}
    put_on_record(session, Event("complaint.recorded", complaint.id, caller.actor, seller_id, payload))
    return RecordedComplaint(complaint, origins)


def written(complaint: Complaint, origins: Sequence[ComplaintOrigin]) -> dict[str, object]:
    """Return what the ledger says of a complaint, but for its number."""
    return {
        "kind": complaint.kind,
        "via": complaint.via,
        "received_at": utc(complaint.received_at),
        "recorded_at": utc(complaint.recorded_at),
        "origins": sorted([one.source_id, f"{one.lead_file_id}:{one.row_no}"] for one in origins),
    }


def complaints_on(session: Session, number: int, seller_id: str | None) -> list[RecordedComplaint]:
    """Return the complaints about a number to a seller (to any, if None), newest first. By ix_complaints_number."""
    query = select(Complaint).where(Complaint.number == number).order_by(Complaint.recorded_at.desc(), Complaint.id)
    if seller_id is not None:
        query = query.where(Complaint.seller_id == seller_id)
    return [RecordedComplaint(complaint, origins_of(session, complaint.id)) for complaint in session.scalars(query)]


def origins_of(session: Session, complaint_id: str) -> Sequence[ComplaintOrigin]:
    """Return the leads that a complaint was tied to. Served by pk_complaint_origins."""
    return session.scalars(
        select(ComplaintOrigin).where(ComplaintOrigin.complaint_id == complaint_id).order_by(ComplaintOrigin.source_id)
    ).all()
