"""Tables of screenings and of their parts."""

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, Float, ForeignKey, Index, Integer, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base


class Screening(Base):
    """Checks over a whole file or campaign: who asked, for what, when, and how far it has come.

    ``subject`` is file or campaign; of a file its name, SHA-256 and size, and the heading of its number's column if
    that was told; of a campaign the ids of the sources chosen (JSON), all of the seller's if null. ``next_hour``: asked
    for the next hour of calling. ``counts``, ``policies`` and ``registers`` (JSON) are of the parts on record.
    ``kept``: where the file lies on the shelf; ``result_kept``, ``result_name``: its result. ``ran_at``: when it was
    last worked on. ``looked_through``: parts in which canaries were looked for.
    """

    __tablename__ = "screenings"
    __table_args__ = (Index(None, "seller_id", "asked_at"), Index(None, "state"))

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    seller_id: Mapped[str] = mapped_column(ForeignKey("sellers.id"))
    campaign_id: Mapped[str] = mapped_column(ForeignKey("campaigns.id"))
    subject: Mapped[str] = mapped_column(String(10))
    file_name: Mapped[str | None] = mapped_column(String(255))
    sha256: Mapped[str | None] = mapped_column(String(64))
    size: Mapped[int | None] = mapped_column(BigInteger)
    number_column: Mapped[str | None] = mapped_column(String(200))
    sources: Mapped[str | None] = mapped_column(Text)
    next_hour: Mapped[bool] = mapped_column(Boolean)
    asked_at: Mapped[datetime]
    asked_by: Mapped[str] = mapped_column(String(120))
    state: Mapped[str] = mapped_column(String(12))
    parts: Mapped[int] = mapped_column(Integer)
    rows: Mapped[int] = mapped_column(BigInteger)
    progress: Mapped[float] = mapped_column(Float)
    counts: Mapped[str] = mapped_column(Text)
    policies: Mapped[str] = mapped_column(Text)
    registers: Mapped[str] = mapped_column(Text)
    ran_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    failure: Mapped[str | None] = mapped_column(String(60))
    kept: Mapped[str | None] = mapped_column(String(64))
    result_kept: Mapped[str | None] = mapped_column(String(64))
    result_name: Mapped[str | None] = mapped_column(String(255))
    kept_until: Mapped[datetime | None]
    looked_through: Mapped[int] = mapped_column(Integer, default=0, server_default="0")


class ScreeningPart(Base):
    """Some rows of a screening, decided at one moment; append-only. Its answers stand in the ledger entry.

    ``packed`` says of each row its number and the place of its answer there (``dnc.screenings.packing``).
    """

    __tablename__ = "screening_parts"

    screening_id: Mapped[str] = mapped_column(ForeignKey("screenings.id"), primary_key=True)
    no: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    first_row: Mapped[int] = mapped_column(BigInteger)
    rows: Mapped[int]
    decided_at: Mapped[datetime]
    packed: Mapped[bytes] = mapped_column(LargeBinary)
    sha256: Mapped[str] = mapped_column(String(64))
    chain: Mapped[int] = mapped_column(BigInteger)
    seq: Mapped[int] = mapped_column(BigInteger)
