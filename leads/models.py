"""Tables of suppliers, sources, lead files, lead rows and leads."""

from datetime import date, datetime

from sqlalchemy import BigInteger, Date, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base


class Supplier(Base):
    """Who delivers leads: a ``partner`` that collects them itself, or a ``list`` seller."""

    __tablename__ = "suppliers"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    slug: Mapped[str] = mapped_column(String(60), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(10))
    created_at: Mapped[datetime]
    paused_at: Mapped[datetime | None]
    paused_reason: Mapped[str | None] = mapped_column(Text)


class Source(Base):
    """One origin of leads from a supplier: this contest, survey or offer, or this bought list.

    ``assessment`` refers to the balancing test on file (GDPR art. 6.1.f); ``say`` is told in the call, in Swedish,
    and ``say_en`` in English. ``retention_days`` runs from when the lead was collected.
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
    created_at: Mapped[datetime]
    paused_at: Mapped[datetime | None]
    paused_reason: Mapped[str | None] = mapped_column(Text)


class LeadFile(Base):
    """A delivery as received, known by its SHA-256 within its source."""

    __tablename__ = "lead_files"
    __table_args__ = (UniqueConstraint("source_id", "sha256"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    source_id: Mapped[str] = mapped_column(ForeignKey("sources.id"))
    sha256: Mapped[str] = mapped_column(String(64))
    filename: Mapped[str] = mapped_column(String(255))
    size: Mapped[int] = mapped_column(BigInteger)
    encoding: Mapped[str] = mapped_column(String(20))
    delimiter: Mapped[str] = mapped_column(String(1))
    mapping: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(20))
    rows_read: Mapped[int]
    rows_accepted: Mapped[int]
    rows_rejected: Mapped[int]
    rows_duplicate: Mapped[int]
    rows_ambiguous: Mapped[int]
    received_at: Mapped[datetime]
    received_by: Mapped[str] = mapped_column(String(120))
    paused_at: Mapped[datetime | None]
    paused_reason: Mapped[str | None] = mapped_column(Text)


class LeadRow(Base):
    """One row of a lead file as it was read: its text, and what became of it with the reasons."""

    __tablename__ = "lead_rows"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 - SQLAlchemy's own name

    lead_file_id: Mapped[str] = mapped_column(ForeignKey("lead_files.id"), primary_key=True)
    row_no: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    state: Mapped[str] = mapped_column(String(12))
    reasons: Mapped[str] = mapped_column(String(200))
    raw: Mapped[str | None] = mapped_column(Text)
    number: Mapped[int | None] = mapped_column(BigInteger)


class Lead(Base):
    """A number with personal data from one source; the same number from two sources is two leads.

    Seller and source are those of the lead file, whose key is held to its table: holding these two as well, lead by
    lead, was half the cost of a COPY in PostgreSQL.
    """

    __tablename__ = "leads"
    __table_args__ = (UniqueConstraint("number", "source_id"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    seller_id: Mapped[str] = mapped_column(String(36))
    number: Mapped[int] = mapped_column(BigInteger)
    source_id: Mapped[str] = mapped_column(String(36))
    lead_file_id: Mapped[str] = mapped_column(ForeignKey("lead_files.id"))
    row_no: Mapped[int]
    name: Mapped[str | None] = mapped_column(String(200))
    address: Mapped[str | None] = mapped_column(String(300))
    email: Mapped[str | None] = mapped_column(String(254))
    birth_date: Mapped[date | None] = mapped_column(Date)
    partner_reference: Mapped[str | None] = mapped_column(String(100))
    collected_at: Mapped[datetime | None]
    expires_at: Mapped[datetime]
    created_at: Mapped[datetime]
