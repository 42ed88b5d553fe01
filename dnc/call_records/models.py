"""Tables of files of call records and the calls in them."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base


class CallRecordFile(Base):
    """A file of call records, known by its SHA-256 and how it was read (``asked``) within its seller.

    ``campaign_id`` None: its calls were matched to checks of every campaign. ``counts`` is a JSON object of rows by
    state, None until all are matched. ``contacts`` were logged in the time that the calls span, ``contacts_missing`` of
    them have no call record.
    """

    __tablename__ = "call_record_files"
    __table_args__ = (UniqueConstraint("seller_id", "sha256", "asked"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    seller_id: Mapped[str] = mapped_column(ForeignKey("sellers.id"))
    campaign_id: Mapped[str | None] = mapped_column(ForeignKey("campaigns.id"))
    sha256: Mapped[str] = mapped_column(String(64))
    asked: Mapped[str] = mapped_column(String(64))
    file_name: Mapped[str] = mapped_column(String(255))
    size: Mapped[int] = mapped_column(BigInteger)
    counts: Mapped[str | None] = mapped_column(Text)
    first_started_at: Mapped[datetime | None]
    last_started_at: Mapped[datetime | None]
    contacts: Mapped[int | None]
    contacts_missing: Mapped[int | None]
    received_at: Mapped[datetime]
    received_by: Mapped[str] = mapped_column(String(120))
    matched_at: Mapped[datetime | None]


class CallRecord(Base):
    """One row of a file of call records; append-only. ``number`` and ``started_at`` are None where they are unreadable.

    ``check_id`` is the check that it was held against, ``contact_id`` the contact that was logged of it, if any.
    """

    __tablename__ = "call_records"
    __table_args__ = (Index(None, "number", "started_at"), {"sqlite_with_rowid": False})

    file_id: Mapped[str] = mapped_column(ForeignKey("call_record_files.id"), primary_key=True)
    row_no: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int | None] = mapped_column(BigInteger)
    started_at: Mapped[datetime | None]
    seconds: Mapped[int | None] = mapped_column(Integer)
    call_id: Mapped[str | None] = mapped_column(String(100))
    agent: Mapped[str | None] = mapped_column(String(100))
    state: Mapped[str] = mapped_column(String(20))
    check_id: Mapped[str | None] = mapped_column(String(36))
    contact_id: Mapped[str | None] = mapped_column(String(36))
