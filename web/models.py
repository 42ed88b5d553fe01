"""Tables of the HTTP toolkit: answers kept for requests that carry an Idempotency-Key."""

from datetime import datetime

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base


class KeptAnswer(Base):
    """The answer to a write, kept so that the same request repeated gets it again and nothing is done twice."""

    __tablename__ = "kept_answers"

    caller_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    idempotency_key: Mapped[str] = mapped_column(String(100), primary_key=True)
    request_sha256: Mapped[str] = mapped_column(String(64))
    status: Mapped[int]
    body: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]
