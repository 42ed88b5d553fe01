"""Tables of the grounds: consents, their withdrawals, and customer relations."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base


class Consent(Base):
    """A permission as it was given; append-only. ``channels`` is a comma-separated, sorted list.

    ``lead_file_id``: the lead file that its evidence says it came with, None if it names none.
    """

    __tablename__ = "consents"
    __table_args__ = (Index(None, "number"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    seller_id: Mapped[str] = mapped_column(ForeignKey("sellers.id"))
    number: Mapped[int] = mapped_column(BigInteger)
    channels: Mapped[str] = mapped_column(String(60))
    names_seller: Mapped[bool]
    text_version: Mapped[str] = mapped_column(String(100))
    evidence: Mapped[str] = mapped_column(Text)
    given_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str] = mapped_column(String(120))
    lead_file_id: Mapped[str | None] = mapped_column(String(36))


class ConsentWithdrawal(Base):
    """The end of a consent, at the person's wish (GDPR art. 7.3); append-only, one for each consent."""

    __tablename__ = "consent_withdrawals"

    consent_id: Mapped[str] = mapped_column(ForeignKey("consents.id"), primary_key=True)
    withdrawn_at: Mapped[datetime]
    via: Mapped[str] = mapped_column(String(40))
    note: Mapped[str] = mapped_column(Text)
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str] = mapped_column(String(120))


class CustomerRelation(Base):
    """A contract of a product type between a person and a seller; ``fulfilled_at`` is None while it runs."""

    __tablename__ = "customer_relations"
    __table_args__ = (UniqueConstraint("seller_id", "number", "product", "reference"), Index(None, "number"))

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    seller_id: Mapped[str] = mapped_column(ForeignKey("sellers.id"))
    number: Mapped[int] = mapped_column(BigInteger)
    product: Mapped[str] = mapped_column(String(60))
    reference: Mapped[str] = mapped_column(String(100))
    started_at: Mapped[datetime]
    fulfilled_at: Mapped[datetime | None]
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str] = mapped_column(String(120))


class RelationVersion(Base):
    """A customer relation's dates as they were recorded once; append-only. The newest are the relation's own, too."""

    __tablename__ = "relation_versions"

    relation_id: Mapped[str] = mapped_column(ForeignKey("customer_relations.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    started_at: Mapped[datetime]
    fulfilled_at: Mapped[datetime | None]
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str] = mapped_column(String(120))
    reopened_reason: Mapped[str | None] = mapped_column(Text)
