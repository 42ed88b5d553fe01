"""Leads and pauses with all that is needed to say how they stood at a past moment, by what was known at another."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, bindparam, func, select

from consent.terms import Basis
from core.database import any_of, any_of_value
from core.prepared import Prepared, read_date_or_none, read_instant, read_instant_or_none
from core.standing import NUMBERS
from leads.models import Lead, LeadBirthDate, LeadFile, PauseMark, Source, Supplier
from leads.pauses import RESUMED, WITHDRAWN
from leads.standing import lead_id
from leads.terms import FileState, SourceKind


@dataclass(frozen=True, slots=True)
class PastBirthDate:
    """The birth date that a lead had until ``replaced_at``; ``is_known`` False: nobody kept which.

    ``is_own`` False: a row of another file told it. ``with_a_file``: it went as a file was withdrawn.
    """

    replaced_at: datetime
    birth_date: date | None
    is_known: bool
    is_own: bool
    with_a_file: bool


@dataclass(frozen=True, slots=True)
class PastLead:
    """A lead with its times: its file came at ``received_at``; by ``settled_at`` the lead was sure to be on record.

    Between the two, while the file was being read, nobody can tell any more whether the lead was there yet.
    ``births`` are the birth dates it had before, oldest first; ``is_own`` speaks of the one it has. ``id`` names its
    file and row.
    """

    id: str
    seller_id: str
    source_id: str
    supplier_id: str
    lead_file_id: str
    source_kind: SourceKind
    basis: Basis | None
    has_assessment: bool
    collected_at: datetime | None
    expires_at: datetime | None
    birth_date: date | None
    received_at: datetime
    settled_at: datetime
    is_own: bool
    births: tuple[PastBirthDate, ...]

    @property
    def came_from(self) -> tuple[str, str, str]:
        """The ids of what a pause of is a pause of the lead: its source, its supplier and its file."""
        return self.source_id, self.supplier_id, self.lead_file_id

    def birth_date_known(self, at: datetime) -> PastBirthDate:
        """Return the birth date that was on record at ``at``."""
        for before in self.births:
            if at < before.replaced_at:
                return before
        return PastBirthDate(at, self.birth_date, is_known=True, is_own=self.is_own, with_a_file=False)


@dataclass(frozen=True, slots=True)
class PauseRecord:
    """A supplier, source or lead file ``became`` paused, quarantined or resumed, or a file withdrawn."""

    became: str
    recorded_at: datetime
    recorded_by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Pauses:
    """The pauses of some suppliers, sources and lead files, each in the order in which they were made."""

    by_id: Mapping[str, Sequence[PauseRecord]]

    def paused(self, id_: str, at: datetime) -> bool:
        """Return whether the supplier, source or lead file was paused or quarantined at ``at``."""
        for record in reversed(self.by_id.get(id_, ())):
            if record.recorded_at <= at:
                return record.became != RESUMED
        return False

    def withdrawn(self, id_: str, at: datetime) -> bool:
        """Return whether the lead file was withdrawn at ``at``."""
        return any(one.became == WITHDRAWN and one.recorded_at <= at for one in self.by_id.get(id_, ()))

    def any_paused(self, ids: Iterable[str], at: datetime) -> bool:
        """Return whether any of the suppliers, sources and lead files was paused or quarantined at ``at``."""
        return any(self.paused(id_, at) for id_ in ids)


_LEADS = Prepared(
    select(
        Lead.number,
        Lead.source_no,
        lead_id(),
        Source.seller_id,
        Source.id,
        Supplier.id,
        LeadFile.id,
        Supplier.kind,
        Source.basis,
        Source.assessment,
        Lead.collected_at,
        Lead.expires_at,
        Lead.birth_date,
        LeadFile.received_at,
        func.coalesce(LeadFile.read_at, LeadFile.received_at),
        Lead.told_by.is_(None),
    )
    .join(LeadFile, LeadFile.no == Lead.file_no)
    .join(Source, Source.id == LeadFile.source_id)  # also of leads that gave way
    .join(Supplier, Supplier.id == Source.supplier_id)
    .where(any_of(Lead.number, NUMBERS))
)
_BIRTHS = Prepared(
    select(
        LeadBirthDate.number,
        LeadBirthDate.source_no,
        LeadBirthDate.replaced_at,
        LeadBirthDate.birth_date,
        LeadBirthDate.is_known,
        LeadBirthDate.told_by.is_(None),
        LeadBirthDate.withdrawn_no.is_not(None),
    )
    .where(any_of(LeadBirthDate.number, NUMBERS))
    .order_by(LeadBirthDate.number, LeadBirthDate.source_no, LeadBirthDate.replaced_at)
)
_FILES = Prepared(
    select(LeadFile.id, Source.id, Source.supplier_id)
    .join(Source, Source.id == LeadFile.source_id)
    .where(any_of(LeadFile.id, bindparam("files")))
)
_MARKS = Prepared(
    select(PauseMark.subject_id, PauseMark.became, PauseMark.recorded_at, PauseMark.recorded_by, PauseMark.reason)
    .where(any_of(PauseMark.subject_id, bindparam("subjects")))
    .order_by(PauseMark.subject_id, PauseMark.no)
)


def past_leads(connection: Connection, numbers: Collection[int]) -> dict[int, list[PastLead]]:
    """Return every lead on the numbers, whosoever's; by number, then in the order of ids.

    Served by pk_leads and pk_lead_birth_dates.
    """
    given: dict[str, object] = {"numbers": any_of_value(connection.dialect.name, numbers)}
    births: dict[tuple[int, int], list[PastBirthDate]] = {}
    for number, source_no, replaced_at, birth_date, *flags in _BIRTHS.rows(connection, given):
        before = PastBirthDate(read_instant(replaced_at), read_date_or_none(birth_date), *map(bool, flags))
        births.setdefault((number, source_no), []).append(before)
    found: dict[int, list[PastLead]] = {}
    for number, source_no, *row in sorted(_LEADS.rows(connection, given), key=lambda row: str(row[2])):
        id_, seller_id, source_id, supplier_id, lead_file_id, kind, basis, assessment = row[:8]
        collected_at, expires_at, birth_date, received_at, settled_at, is_own = row[8:]
        lead = PastLead(
            id=id_,
            seller_id=seller_id,
            source_id=source_id,
            supplier_id=supplier_id,
            lead_file_id=lead_file_id,
            source_kind=SourceKind(kind),
            basis=Basis(basis) if basis else None,
            has_assessment=bool(assessment and assessment.strip()),
            collected_at=read_instant_or_none(collected_at),
            expires_at=read_instant_or_none(expires_at),
            birth_date=read_date_or_none(birth_date),
            received_at=read_instant(received_at),
            settled_at=read_instant(settled_at),
            is_own=bool(is_own),
            births=tuple(births.get((number, source_no), ())),
        )
        found.setdefault(number, []).append(lead)
    return found


def sources_begun_anew(connection: Connection) -> dict[str, datetime]:
    """Return the sources with a file that the first version began and an upgrade left unread: by id, since when.

    The leads that it had given went with the upgrade, until the file is delivered again. A few rows: of lead files.
    """
    query = select(LeadFile.source_id, func.min(LeadFile.received_at).label("began")).where(
        LeadFile.state == FileState.READING.value, LeadFile.kept.is_(False), LeadFile.read_at.is_(None)
    )
    return {row.source_id: row.began for row in connection.execute(query.group_by(LeadFile.source_id))}


def past_files(connection: Connection, lead_files: Collection[str]) -> dict[str, tuple[str, str, str]]:
    """Return, for each of the lead files that there is, the ids of its source, of its supplier and its own.

    Served by pk_lead_files.
    """
    if not lead_files:
        return {}
    given: dict[str, object] = {"files": any_of_value(connection.dialect.name, lead_files)}
    return {id_: (source_id, supplier_id, id_) for id_, source_id, supplier_id in _FILES.rows(connection, given)}


def past_pauses(connection: Connection, subjects: Collection[str]) -> Pauses:
    """Return the pauses of sources, suppliers and lead files, by their ids. Served by pk_pause_marks."""
    found: dict[str, list[PauseRecord]] = {}
    given: dict[str, object] = {"subjects": any_of_value(connection.dialect.name, subjects)}
    for subject_id, became, recorded_at, recorded_by, reason in _MARKS.rows(connection, given):
        record = PauseRecord(became, read_instant(recorded_at), recorded_by, reason)
        found.setdefault(subject_id, []).append(record)
    return Pauses(found)
