"""When a no could first be told: by its ledger entry, which is written just before the transaction commits.

A row tells when its request was taken up, and a long list of opt-outs is on record only as a whole.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from consent.past import PastConsent
from core.ledger import LedgerChain, LedgerEntry, first_from
from dnc.history.campaigns import PastCampaign, campaigns_with
from dnc.history.rows import Past, PastBlock, PastOptOut
from leads.past import Pauses

No = TypeVar("No", PastOptOut, PastBlock, PastConsent)

LONGEST = timedelta(minutes=5)
"""No transaction that records a no takes longer: of one that seems to, the row's own time counts."""
PAUSABLE = ("supplier", "source", "lead_file")
BECAME = ("paused", "quarantined", "resumed", "withdrawn")
KINDS = (
    *("opt_out.added", "opt_out.released", "hold.made", "hold.closed", "restriction.made", "restriction.ended"),
    *("consent.recorded", "consent.withdrawn"),
    *(f"{thing}.{became}" for thing in PAUSABLE for became in BECAME),
    *("campaign.closed", "seller_rules.set"),
)


@dataclass(frozen=True, slots=True)
class _Entries:
    """The times of entries by what happened to what, in order."""

    by_event: Mapping[tuple[str, str], Sequence[datetime]]

    def at(self, happened: str, subject: str, recorded_at: datetime) -> datetime:
        """Return when what was recorded at this moment was put on record; that moment, if there is no such entry."""
        times = self.by_event.get((happened, subject), ())
        return next((at for at in times if recorded_at <= at <= recorded_at + LONGEST), recorded_at)

    def at_or_none(self, happened: str, subject: str, recorded_at: datetime | None) -> datetime | None:
        return None if recorded_at is None else self.at(happened, subject, recorded_at)


def as_acknowledged(session: Session, past: Past, moments: Collection[datetime]) -> Past:
    """Return what is on record with each no, and its end, dated by its ledger entry, if that is from near a moment."""
    everything = (past.opt_outs, past.holds, past.restrictions, past.consents)
    subjects = {one.id for part in everything for rows in part.values() for one in rows} | past.pauses.by_id.keys()
    told = _entries(session, subjects, min(moments) - LONGEST, max(moments) + LONGEST)

    def dated(found: Mapping[int, Sequence[No]], **events: str) -> dict[int, list[No]]:
        """Return what was found, each of the moments that are named by its event."""

        def told_of(one: No) -> dict[str, Any]:  # Any: a moment, as the field of that name takes it
            return {name: told.at_or_none(event, one.id, getattr(one, name)) for name, event in events.items()}

        return {number: [replace(one, **told_of(one)) for one in rows] for number, rows in found.items()}

    return replace(
        past,
        opt_outs=dated(past.opt_outs, recorded_at="opt_out.added", released_at="opt_out.released"),
        holds=dated(past.holds, made_at="hold.made", ended_at="hold.closed"),
        restrictions=dated(past.restrictions, made_at="restriction.made", ended_at="restriction.ended"),
        consents=dated(past.consents, recorded_at="consent.recorded", withdrawal_recorded_at="consent.withdrawn"),
        pauses=Pauses(
            {
                id_: [replace(one, recorded_at=told.at(one.became, id_, one.recorded_at)) for one in records]
                for id_, records in past.pauses.by_id.items()
            }
        ),
    )


def campaigns_as_acknowledged(
    session: Session, ids: Collection[str], moments: Collection[datetime]
) -> dict[str, PastCampaign]:
    """Return the campaigns with their closing and their sellers' rules dated as in ``as_acknowledged``."""
    if not moments:
        return {}
    found = campaigns_with(session.connection(), ids)
    subjects = {*found, *(rules.id for one in found.values() for rules in one.rules)}
    told = _entries(session, subjects, min(moments) - LONGEST, max(moments) + LONGEST)
    return {
        id_: replace(
            one,
            closed_at=told.at_or_none("campaign.closed", id_, one.closed_at),
            rules=tuple(
                replace(rules, set_at=told.at("seller_rules.set", rules.id, rules.set_at)) for rules in one.rules
            ),
        )
        for id_, one in found.items()
    }


def _entries(session: Session, subjects: Collection[str], first: datetime, last: datetime) -> _Entries:
    """Return the entries on the subjects from between two moments; of a pause only what it became names it."""
    found: dict[tuple[str, str], list[datetime]] = {}
    for chain, low, high in _ranges(session, first, last):
        query = (
            select(LedgerEntry.kind, LedgerEntry.subject, LedgerEntry.at)
            .where(LedgerEntry.chain == chain, LedgerEntry.seq >= low, LedgerEntry.seq <= high)
            .where(LedgerEntry.kind.in_(KINDS))
        )
        for kind, subject, at in session.execute(query).yield_per(1_000):
            thing, _, became = kind.partition(".")
            if subject in subjects:
                found.setdefault((became if thing in PAUSABLE else kind, subject), []).append(at)
    for times in found.values():
        times.sort()
    return _Entries(found)


def _ranges(session: Session, first: datetime, last: datetime) -> Iterator[tuple[int, int, int]]:
    """Yield each chain that has entries from between the moments, and about which."""
    # Asked for each chain: joined, SQLite would read every entry there ever was and look up its chain.
    its_last = LedgerEntry.chain == LedgerChain.no, LedgerEntry.seq == LedgerChain.seq
    ended_at = select(LedgerEntry.at).where(*its_last).scalar_subquery()
    chains = select(LedgerChain.no, LedgerChain.seq).where(LedgerChain.opened_at <= last, ended_at >= first)
    for chain, end in session.execute(chains).all():
        yield chain, first_from(session, chain, end, first), first_from(session, chain, end, last)
