"""The table of sellers' own rules: append-only, the newest version is in force."""

from datetime import datetime

from sqlalchemy import ForeignKey, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base


class SellerRulesVersion(Base):
    """One version of a seller's rules, for all countries: ``rules`` is JSON as ``narrowing.rules_to_record`` writes it.

    ``version`` counts from 1 for each seller.
    """

    __tablename__ = "seller_rules"
    __table_args__ = (UniqueConstraint("seller_id", "version", name="uq_seller_rules_seller_id"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    seller_id: Mapped[str] = mapped_column(ForeignKey("sellers.id"))
    version: Mapped[int] = mapped_column(Integer)
    rules: Mapped[str] = mapped_column(Text)
    because: Mapped[str] = mapped_column(String(500))
    set_at: Mapped[datetime]
    set_by: Mapped[str] = mapped_column(String(120))
