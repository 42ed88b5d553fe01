"""Automatic pauses: a source that is surely worse than the policy takes is paused, and why goes on record."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from core.access import Caller, operator
from core.clock import EPOCH, local_day, utc
from core.ledger import Event, put_on_record
from core.store import Store
from dnc.oversight.league import Figure, Share
from dnc.oversight.policy import OversightPolicy, oversight_policy_at
from dnc.oversight.standings import Standing, standings
from leads.deliveries import source_standings
from leads.pauses import pause_source

ACTOR: Caller = operator("oversight")
WORDS = {
    Figure.INVALID: "rows that could not be used",
    Figure.DUPLICATE: "duplicate rows",
    Figure.ON_REGISTER: "leads on the register when they came",
    Figure.MISSING_EVIDENCE: "leads without evidence",
    Figure.OBJECTED: "calls followed by an objection",
    Figure.COMPLAINED: "complaints to calls",
}


@dataclass(frozen=True, slots=True)
class Breach:
    """A figure that is surely above the policy's limit. ``figure`` None: complaints by authorities, counted alone."""

    figure: Figure | None
    share: Share
    limit: float
    reason: str


@dataclass(frozen=True, slots=True)
class Paused:
    """A source that was paused, and every breach that it was paused for."""

    source: str
    policy: str
    breaches: tuple[Breach, ...]


def breaches(standing: Standing, policy: OversightPolicy) -> tuple[Breach, ...]:
    """Return everything for which the policy pauses a source that stands so. Pure."""
    return tuple(_breaches(standing, policy))


def _breaches(standing: Standing, policy: OversightPolicy) -> Iterator[Breach]:
    count = standing.authority_complaints
    if count >= policy.authority_complaints:
        share = standing.shares[Figure.COMPLAINED]
        yield Breach(None, share, float(policy.authority_complaints), f"complaints by authorities: {count}")
    for figure, limit in policy.limits.items():
        share = standing.shares[figure]
        if limit.pauses and share.of >= limit.at_least and share.lower > limit.share:
            yield Breach(figure, share, limit.share, _in_words(figure, share, limit.share))


def _in_words(figure: Figure, share: Share, limit: float) -> str:
    return (
        f"{WORDS[figure]}: {share.hits} of {share.of}, surely {share.lower:.2%} to {share.upper:.2%}, above {limit:.2%}"
    )


def oversee(store: Store, now: datetime) -> list[Paused]:
    """Pause every source that is surely worse than the policy in force takes; return those paused now.

    Safe to run again: what is paused stays as it is, and of a source that somebody resumed only what came after that
    counts. It reads first, and then writes in a unit of work of its own, so that no check waits while it counts.
    """
    policy = oversight_policy_at(local_day(now))
    with store.snapshot() as session:
        _, sources = standings(session, None, now - policy.period, now, policy, after_resume=True)
    found = [
        (standing.source, against)
        for standing in sources
        if standing.source is not None and not standing.source.paused and (against := breaches(standing, policy))
    ]
    if not found:
        return []
    paused = []
    with store.writing() as session:
        stands = {one.no: one for one in source_standings(session, None, [source.no for source, _ in found])}
        for source, against in found:
            if stands[source.no].paused or stands[source.no].resumed_at != source.resumed_at:
                continue  # somebody saw to it meanwhile
            reason = f"oversight ({policy.version}): " + "; ".join(one.reason for one in against)
            if not pause_source(session, ACTOR, slug=source.slug, reason=reason, now=now):
                continue  # another process did, since we looked
            payload = {
                "policy": policy.version,
                "since": utc(max(now - policy.period, source.resumed_at or EPOCH)),
                "breaches": [
                    {
                        "figure": one.figure.value if one.figure is not None else "authority_complaints",
                        "hits": one.share.hits,
                        "of": one.share.of,
                        "lower": round(one.share.lower, 6),
                        "upper": round(one.share.upper, 6),
                        "limit": one.limit,
                    }
                    for one in against
                ],
            }
            put_on_record(session, Event("oversight.paused", source.id, ACTOR.actor, source.seller_id, payload))
            paused.append(Paused(source.slug, policy.version, against))
    return paused
