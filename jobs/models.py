"""Tables of the jobs: who leads, and which runs were made."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base


class LeaderLease(Base):
    """Who leads until when; ``epoch`` grows with every new leader and fences out the ones before."""

    __tablename__ = "leader_leases"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    holder: Mapped[str] = mapped_column(String(100))
    epoch: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[datetime]


class JobRun(Base):
    """One due run of a task: the key makes a double run harmless. ``started_at`` is None while it waits its turn."""

    __tablename__ = "job_runs"
    __table_args__ = (Index(None, "ended_at", "task"),)

    task: Mapped[str] = mapped_column(String(60), primary_key=True)
    due_at: Mapped[datetime] = mapped_column(primary_key=True)
    epoch: Mapped[int] = mapped_column(BigInteger)
    enqueued_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str | None] = mapped_column(Text)
