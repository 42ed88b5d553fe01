"""Tables of suppliers, sources, lead files, lead rows and leads."""

from datetime import date, datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    Date,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base


class Supplier(Base):
    """Who delivers leads: a ``partner`` that collects them itself, or a ``list`` seller.

    A quarantine is a pause (``paused_at`` is set too) that only compliance may end; ``resumed_at``: when the last pause
    ended. The same holds for sources and files.
    """

    __tablename__ = "suppliers"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    slug: Mapped[str] = mapped_column(String(60), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(10))
    created_at: Mapped[datetime]
    paused_at: Mapped[datetime | None]
    paused_reason: Mapped[str | None] = mapped_column(Text)
    quarantined_at: Mapped[datetime | None]
    resumed_at: Mapped[datetime | None]


class Source(Base):
    """One origin of leads from a supplier: this contest, survey or offer, or this bought list.

    ``assessment`` refers to the balancing test on file (GDPR art. 6.1.f); ``say`` is told in the call, in Swedish,
    and ``say_en`` in English. ``retention_days`` runs from when the lead was collected. ``no`` stands for the source in
    the tables that grow.
    """

    __tablename__ = "sources"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    slug: Mapped[str] = mapped_column(String(60), unique=True)
    supplier_id: Mapped[str] = mapped_column(ForeignKey("suppliers.id"))
    seller_id: Mapped[str] = mapped_column(ForeignKey("sellers.id"))
    name: Mapped[str] = mapped_column(String(200))
    basis: Mapped[str | None] = mapped_column(String(30))
    assessment: Mapped[str | None] = mapped_column(String(200))
    say: Mapped[str] = mapped_column(Text)
    say_en: Mapped[str | None] = mapped_column(Text)
    retention_days: Mapped[int]
    no: Mapped[int] = mapped_column(Integer, server_default="0", unique=True, index=True)
    needs_identity: Mapped[bool] = mapped_column(Boolean, server_default=false())
    created_at: Mapped[datetime]
    paused_at: Mapped[datetime | None]
    paused_reason: Mapped[str | None] = mapped_column(Text)
    quarantined_at: Mapped[datetime | None]
    resumed_at: Mapped[datetime | None]


class LeadFile(Base):
    """A delivery as received, known by its SHA-256 among those of its source that are not withdrawn.

    ``format`` is csv, xlsx or jsonl, ``wrapping`` the archive it came in: gzip, zip or none. ``headings`` is a JSON
    array of its own headings, or null if its first line is a row. ``wash_register`` and ``wash_version`` are the
    supplier's own claim of a wash. ``warnings`` is a JSON array of what surprised in it when it was received, or null
    if that was before they were kept. ``merkle_root`` is that of all its rows, once they are read; ``kept``: the file
    as received lies on the shelf, until ``kept_until``. ``read_at``: when rows of it were taken last. ``no`` stands for
    the file in the tables that grow. A file that is withdrawn is paused for good. ``tells_births``: what its repeated
    rows say of birth dates is kept with them.
    """

    __tablename__ = "lead_files"
    __table_args__ = (
        Index(
            "uq_lead_files_standing",
            "source_id",
            "sha256",
            unique=True,
            sqlite_where=text("withdrawn_at IS NULL"),
            postgresql_where=text("withdrawn_at IS NULL"),
        ),
        Index(None, "source_id"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    no: Mapped[int] = mapped_column(Integer, server_default="0", unique=True, index=True)
    source_id: Mapped[str] = mapped_column(ForeignKey("sources.id"))
    sha256: Mapped[str] = mapped_column(String(64))
    filename: Mapped[str] = mapped_column(String(255))
    size: Mapped[int] = mapped_column(BigInteger)
    format: Mapped[str] = mapped_column(String(10), server_default="csv")
    wrapping: Mapped[str] = mapped_column(String(10), server_default="none")
    encoding: Mapped[str] = mapped_column(String(20))
    delimiter: Mapped[str] = mapped_column(String(1))
    headings: Mapped[str | None] = mapped_column(Text)
    warnings: Mapped[str | None] = mapped_column(Text)
    mapping: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(20))
    rows_read: Mapped[int]
    rows_accepted: Mapped[int]
    rows_rejected: Mapped[int]
    rows_duplicate: Mapped[int]
    rows_ambiguous: Mapped[int]
    contract_reference: Mapped[str | None] = mapped_column(String(100))
    invoice_reference: Mapped[str | None] = mapped_column(String(100))
    order_reference: Mapped[str | None] = mapped_column(String(100))
    wash_register: Mapped[str | None] = mapped_column(String(40))
    wash_version: Mapped[date | None] = mapped_column(Date)
    merkle_root: Mapped[str | None] = mapped_column(String(64))
    kept: Mapped[bool] = mapped_column(Boolean, server_default=false())
    kept_until: Mapped[datetime | None]
    received_at: Mapped[datetime]
    received_by: Mapped[str] = mapped_column(String(120))
    read_at: Mapped[datetime | None]
    paused_at: Mapped[datetime | None]
    paused_reason: Mapped[str | None] = mapped_column(Text)
    quarantined_at: Mapped[datetime | None]
    resumed_at: Mapped[datetime | None]
    withdrawn_at: Mapped[datetime | None]
    tells_births: Mapped[bool] = mapped_column(Boolean, server_default=false())


class LeadFileReference(Base):
    """A contract, invoice or order that a file was said to come under after its delivery; append-only.

    ``no`` counts those of one file from 1: the last of its kind stands.
    """

    __tablename__ = "lead_file_references"
    __table_args__ = (UniqueConstraint("lead_file_id", "no"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    lead_file_id: Mapped[str] = mapped_column(ForeignKey("lead_files.id"))
    no: Mapped[int]
    kind: Mapped[str] = mapped_column(String(10))
    reference: Mapped[str] = mapped_column(String(100))
    added_at: Mapped[datetime]
    added_by: Mapped[str] = mapped_column(String(120))


class LeadRow(Base):
    """One row of a lead file that did not become a lead: its cells as delivered, and every reason why.

    The rows that did are leads; their cells are read again from the file as it was received. ``birth_date`` is what a
    duplicate said of the person.
    """

    __tablename__ = "lead_rows"
    __table_args__ = (
        Index(
            "ix_lead_rows_number",
            "number",
            sqlite_where=text("state = 'rejected' AND number IS NOT NULL"),
            postgresql_where=text("state = 'rejected' AND number IS NOT NULL"),
        ),
        {"sqlite_with_rowid": False},
    )

    lead_file_id: Mapped[str] = mapped_column(ForeignKey("lead_files.id"), primary_key=True)
    row_no: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    state: Mapped[str] = mapped_column(String(12))
    reasons: Mapped[str] = mapped_column(String(200))
    raw: Mapped[str | None] = mapped_column(Text)
    number: Mapped[int | None] = mapped_column(BigInteger)
    birth_date: Mapped[date | None] = mapped_column(Date)


class LeadSegment(Base):
    """A run of rows that was taken in one transaction, and where in the file's text the next one begins.

    ``rows_before`` counts the rows before it, ``position`` the bytes of text; ``frontier`` is the Merkle tree of the
    rows up to its end. So an import that was cut off goes on from the newest one, and a row is found again at once.
    """

    __tablename__ = "lead_segments"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 - SQLAlchemy's own name

    lead_file_id: Mapped[str] = mapped_column(ForeignKey("lead_files.id"), primary_key=True)
    rows_before: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    rows: Mapped[int]
    position: Mapped[int] = mapped_column(BigInteger)
    end_position: Mapped[int] = mapped_column(BigInteger)
    frontier: Mapped[str] = mapped_column(Text)


class Lead(Base):
    """A number from one source, with what the row said of the person; the same number from two sources is two leads.

    It is known by its file and row. Source and file are named by their ``no``: this table and its one wide index are
    what an import's time goes to. They are held to no foreign key: that was half the cost of a COPY in PostgreSQL, and
    neither is ever deleted. ``person`` is a JSON object: name, address, email, partner_reference, evidence of consent.
    ``told_by`` is the ``no`` of another file whose row told the birth date, ``TOLD_BY_SOME`` if nobody knows which.

    A lead of a withdrawn file gives way to one that its source delivers later: its ``source_no`` is then ``-file_no``,
    here and in the tables beside, so that no source has it, and it is found by its file alone.
    """

    __tablename__ = "leads"
    __table_args__ = (Index("ix_leads_file_no", "file_no"),)  # as its migration makes it, BRIN in PostgreSQL

    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    source_no: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    file_no: Mapped[int]
    row_no: Mapped[int]
    birth_date: Mapped[date | None] = mapped_column(Date)
    collected_at: Mapped[datetime | None]
    expires_at: Mapped[datetime]
    person: Mapped[str | None] = mapped_column(Text)
    told_by: Mapped[int | None]


TOLD_BY_SOME = 0
"""Stands for a file that told a birth date before it was kept which; no lead file has this ``no``."""


class LeadIdentity(Base):
    """A lead's personal identity number, for a source that needs it: sealed to its row, found by a keyed hash."""

    __tablename__ = "lead_identities"

    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    source_no: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sealed: Mapped[str] = mapped_column(String(200))
    identity_hash: Mapped[str] = mapped_column(String(32), index=True)


class LeadBirthDate(Base):
    """The birth date that a lead had before another was learnt at ``replaced_at``; erased with the lead.

    ``is_known`` False: it had another, or none, that was not kept. ``told_by``: as it was with the lead.
    ``withdrawn_no``: the file whose withdrawal took it away; None: another row told a younger one.
    """

    __tablename__ = "lead_birth_dates"

    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    source_no: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    replaced_at: Mapped[datetime] = mapped_column(primary_key=True)
    birth_date: Mapped[date | None] = mapped_column(Date)
    is_known: Mapped[bool]
    told_by: Mapped[int | None]
    withdrawn_no: Mapped[int | None]


class PauseMark(Base):
    """A supplier, source or lead file became paused, quarantined or resumed, or a file withdrawn; append-only.

    ``subject_id`` is its id, whichever of the three it is; ``no`` counts its marks from 1.
    """

    __tablename__ = "pause_marks"

    subject_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    no: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    became: Mapped[str] = mapped_column(String(12))
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str] = mapped_column(String(120))
    reason: Mapped[str] = mapped_column(Text)


class SourceTerms(Base):
    """The terms of a source as they were shown to the person; each wording is a version of its own, never edited.

    ``shown_from`` and ``shown_until`` are the first and the last day it was shown, in local time; None: not known, and
    not ended. ``sha256`` is that of the text in UTF-8.
    """

    __tablename__ = "source_terms"
    __table_args__ = (UniqueConstraint("source_id", "version"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    source_id: Mapped[str] = mapped_column(ForeignKey("sources.id"))
    version: Mapped[int]
    text: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str] = mapped_column(String(64))
    page_url: Mapped[str | None] = mapped_column(String(1000))
    shown_from: Mapped[date | None] = mapped_column(Date)
    shown_until: Mapped[date | None] = mapped_column(Date)
    added_at: Mapped[datetime]
    added_by: Mapped[str] = mapped_column(String(120))


class SourceSeller(Base):
    """A company that the terms name as one that may call, as its name stands in the text."""

    __tablename__ = "source_sellers"

    terms_id: Mapped[str] = mapped_column(ForeignKey("source_terms.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), primary_key=True)


class Assessment(Base):
    """A seller's balancing test (GDPR art. 6.1.f), its document on the shelf; sources name it by ``reference``."""

    __tablename__ = "assessments"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    reference: Mapped[str] = mapped_column(String(200), unique=True)
    seller_id: Mapped[str] = mapped_column(ForeignKey("sellers.id"))
    title: Mapped[str] = mapped_column(String(200))
    file_name: Mapped[str] = mapped_column(String(255))
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    added_at: Mapped[datetime]
    added_by: Mapped[str] = mapped_column(String(120))
