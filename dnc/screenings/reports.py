"""What a screening is told as: how far it has come, and its summary."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.access import Caller, Right
from dnc.models import Campaign, RegisterVersion
from dnc.screenings.counts import NO_SOURCE, Summary, Tally
from dnc.screenings.models import Screening
from dnc.screenings.service import screening_of
from dnc.screenings.terms import ScreeningState, Subject
from leads.lead_texts import sources_of_seller
from leads.terms import SourceKind

NONE, LISTS = "-", "list"
"""How rows are summed up whose answer names no source, and those of bought lists for who may not see which."""


@dataclass(frozen=True, slots=True)
class ListedScreening:
    """A screening in a list. ``verdicts`` counts its rows on record; ``result``: a file is kept, to ``kept_until``."""

    id: str
    campaign: str
    subject: Subject
    file_name: str | None
    sha256: str | None
    next_hour: bool
    asked_at: datetime
    asked_by: str
    state: ScreeningState
    failure: str | None
    progress: float
    rows: int
    verdicts: Mapping[str, int]
    ended_at: datetime | None
    result: bool
    kept_until: datetime | None


@dataclass(frozen=True, slots=True)
class ScreeningReport(ListedScreening):
    """A screening as it stands. ``sources`` are counts by slug; of bought lists only one sum, unless one may see more.

    ``registers`` names the versions asked, as nix:2026-11-15.
    """

    reasons: Mapping[str, int]
    sources: Mapping[str, Mapping[str, object]]
    policies: tuple[str, ...]
    registers: tuple[str, ...]


def report_screening(session: Session, caller: Caller, screening_id: str) -> ScreeningReport:
    """Return the screening as it stands. Raises Forbidden and UnknownScreening as ``screening_of``."""
    return report_of(session, caller, screening_of(session, caller, screening_id))


def report_of(session: Session, caller: Caller, row: Screening) -> ScreeningReport:
    """Return a screening's row as it is told to the caller."""
    summary = Summary.of(json.loads(row.counts))
    campaign = session.scalars(select(Campaign.slug).where(Campaign.id == row.campaign_id)).one()
    listed = listed_screening(row, campaign)
    return ScreeningReport(
        **{name: getattr(listed, name) for name in ListedScreening.__dataclass_fields__},
        reasons=_counts(summary.whole.record()["reasons"]),
        sources=sources_told(session, caller, row.seller_id, summary),
        policies=tuple(json.loads(row.policies)),
        registers=_registers(session, json.loads(row.registers)),
    )


def listed_screening(row: Screening, campaign: str) -> ListedScreening:
    """Return a screening's row, for the campaign of this slug, as it is told in a list. Pure."""
    return ListedScreening(
        id=row.id,
        campaign=campaign,
        subject=Subject(row.subject),
        file_name=row.file_name,
        sha256=row.sha256,
        next_hour=row.next_hour,
        asked_at=row.asked_at,
        asked_by=row.asked_by,
        state=ScreeningState(row.state),
        failure=row.failure,
        progress=round(row.progress, 4),
        rows=row.rows,
        verdicts=_counts(Summary.of(json.loads(row.counts)).whole.record()["verdicts"]),
        ended_at=row.ended_at,
        result=row.result_kept is not None,
        kept_until=row.kept_until if row.result_kept is not None else None,
    )


def sources_told(session: Session, caller: Caller, seller_id: str, summary: Summary) -> dict[str, Mapping[str, object]]:
    """Return the counts by source as the caller may see them: who sold a list is for lead managers and compliance."""
    known = {id_: (slug, kind) for id_, slug, kind in session.execute(sources_of_seller(seller_id))}
    told: dict[str, Tally] = {}
    for id_, tally in summary.sources.items():
        slug, kind = known.get(id_, (NONE, ""))
        name = LISTS if kind == SourceKind.LIST and not caller.may(Right.READ_ARRIVALS) else slug
        told.setdefault(NONE if id_ == NO_SOURCE else name, Tally()).take(tally.record())
    return {name: tally.record() for name, tally in sorted(told.items())}


def _counts(found: object) -> dict[str, int]:
    return dict(found) if isinstance(found, dict) else {}


def _registers(session: Session, ids: list[str]) -> tuple[str, ...]:
    found = session.execute(select(RegisterVersion.register, RegisterVersion.as_of).where(RegisterVersion.id.in_(ids)))
    return tuple(sorted(f"{register}:{as_of.isoformat()}" for register, as_of in found))
