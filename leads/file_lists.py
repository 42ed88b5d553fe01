"""Lead files as a list, the newest first: what was delivered, and how far each has come."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlalchemy.sql import Subquery

from core.access import Caller, Right
from core.pages import newest, page_of
from leads.intake import kept_warnings
from leads.models import LeadFile, Source
from leads.references import Reference, come_under, references_of_each
from leads.reports import shares_read
from leads.suppliers import source_of
from leads.terms import FileFormat, FileState, ReferenceKind


@dataclass(frozen=True, slots=True)
class ListedLeadFile:
    """A lead file in a list: what was delivered, and the count of its rows in each state, ``rows`` in all.

    ``progress`` is the share that is read, None where it cannot be told before the end; ``warnings`` say what surprised
    in it, None if it was received before that was kept. ``references`` are all that it came under, in the order of
    saying, ``wash_register`` and ``wash_version`` the supplier's own claim of a wash. A quarantine is a pause that only
    compliance may end, a withdrawal one that nobody may.
    """

    id: str
    source: str
    file_name: str
    sha256: str
    size: int
    format: FileFormat
    state: FileState
    progress: float | None
    rows: int
    accepted: int
    rejected: int
    duplicate: int
    ambiguous: int
    warnings: Sequence[str] | None
    references: Sequence[Reference]
    wash_register: str | None
    wash_version: date | None
    received_at: datetime
    received_by: str
    paused_at: datetime | None
    quarantined_at: datetime | None
    withdrawn_at: datetime | None


@dataclass(frozen=True, slots=True)
class LeadFilePage:
    """Some lead files, the newest first; ``next_cursor`` is that of a ``PageOfIds``."""

    files: Sequence[ListedLeadFile]
    next_cursor: str | None


def lead_file_page(
    session: Session,
    caller: Caller,
    *,
    source: str | None = None,
    state: FileState | None = None,
    references: Mapping[ReferenceKind, str] | None = None,
    cursor: str | None = None,
    limit: int,
) -> LeadFilePage:
    """Return at most ``limit`` lead files that are the caller's to see, the newest first: whoever may pause may see.

    Those of one source, in one state or under every one of the references alone, if asked for; after ``cursor``, if
    there was a page before. A file that arrives meanwhile moves none of the others. Served by pk_lead_files; of one
    source by ix_lead_files_source_id.

    Raises:
        Forbidden: the caller may not pause.
        NotFound: there is no such source for this caller.
        InvalidInput: what is given as a reference is none.
    """
    caller.require(Right.PAUSE_SOURCES)
    if source is None:
        looked = newest(session, LeadFile.id, LeadFile.source_id, LeadFile.state, before=cursor)
    else:
        looked = _of_source(source_of(session, caller, source).id, cursor)
    wanted = select(looked.c.id)
    if state is not None:
        wanted = wanted.where(looked.c.state == state.value)
    if references:
        wanted = wanted.join(LeadFile, LeadFile.id == looked.c.id).where(*come_under(references))
    if caller.seller_id is not None:
        wanted = wanted.join(Source, Source.id == looked.c.source_id).where(Source.seller_id == caller.seller_id)
    page = page_of(session, looked, wanted, limit)
    return LeadFilePage(_listed(session, page.ids), page.next_cursor)


def _of_source(source_id: str, before: str | None) -> Subquery:
    files = select(LeadFile.id, LeadFile.source_id, LeadFile.state).where(LeadFile.source_id == source_id)
    return (files if before is None else files.where(LeadFile.id < before)).subquery()


def _listed(session: Session, ids: Sequence[str]) -> list[ListedLeadFile]:
    """Return the lead files, in order: three statements at most, however many there are."""
    files = session.execute(
        select(LeadFile, Source.slug).join(Source, Source.id == LeadFile.source_id).where(LeadFile.id.in_(ids))
    ).all()
    shares = shares_read(session, [file for file, _ in files])
    references = references_of_each(session, [file for file, _ in files])
    listed = {
        file.id: ListedLeadFile(
            id=file.id,
            source=slug,
            file_name=file.filename,
            sha256=file.sha256,
            size=file.size,
            format=FileFormat(file.format),
            state=FileState(file.state),
            progress=shares[file.id],
            rows=file.rows_read,
            accepted=file.rows_accepted,
            rejected=file.rows_rejected,
            duplicate=file.rows_duplicate,
            ambiguous=file.rows_ambiguous,
            warnings=kept_warnings(file),
            references=references[file.id],
            wash_register=file.wash_register,
            wash_version=file.wash_version,
            received_at=file.received_at,
            received_by=file.received_by,
            paused_at=file.paused_at,
            quarantined_at=file.quarantined_at,
            withdrawn_at=file.withdrawn_at,
        )
        for file, slug in files
    }
    return [listed[id_] for id_ in ids]
