"""Tables of audits and of the differences that they found."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base


class Audit(Base):
    """One pass over stored answers, and how far it has come.

    ``scope``: ``new`` (what came after the audit before it), ``since`` a moment, or ``all``. ``starts`` and ``ends``
    (JSON, by chain) say after which entry of each chain it begins and with which it ends; ``chain`` and ``seq`` are of
    the entry done last. ``counts`` is a JSON object.
    """

    __tablename__ = "audits"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    scope: Mapped[str] = mapped_column(String(10))
    since: Mapped[datetime | None]
    begun_at: Mapped[datetime]
    begun_by: Mapped[str] = mapped_column(String(120))
    finished_at: Mapped[datetime | None]
    starts: Mapped[str] = mapped_column(Text)
    ends: Mapped[str] = mapped_column(Text)
    chain: Mapped[int] = mapped_column(BigInteger)
    seq: Mapped[int] = mapped_column(BigInteger)
    counts: Mapped[str] = mapped_column(Text)


class AuditDifference(Base):
    """An answer that is not what its facts, its row or the tables give; append-only. It names no number.

    ``no``: differences are counted from 1 up, answers that were excused from -1 down. ``against``: ``facts``, ``row``
    or ``tables``. ``check_id`` is None for a screening's answer.
    """

    __tablename__ = "audit_differences"

    audit_id: Mapped[str] = mapped_column(ForeignKey("audits.id"), primary_key=True)
    no: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    chain: Mapped[int] = mapped_column(BigInteger)
    seq: Mapped[int] = mapped_column(BigInteger)
    check_id: Mapped[str | None] = mapped_column(String(36))
    against: Mapped[str] = mapped_column(String(10))
    what: Mapped[str] = mapped_column(Text)
