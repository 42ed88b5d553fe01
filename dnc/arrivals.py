"""What a lead file is worth on arrival: its leads screened and counted, and the supplier's wash held against ours.

What is counted speaks of the number, the person and the source, never of a campaign, an hour or attempts: the leads are
screened for an open campaign by voice, of no product, at the next hour at which calling is open. Each screening is
kept; the newest of a file counts.
"""

import json
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from enum import StrEnum
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.access import Caller, Right, operator
from core.clock import utc
from core.errors import Kind, ServiceError
from core.ids import new_id
from core.ledger import Event, put_on_record
from core.store import Store
from dnc.canaries import canaries_out, see_in_lead_file
from dnc.gathering import Listed, RegisterCard
from dnc.models import LeadArrival, RegisterVersion
from dnc.refused_rows import hold_refused
from dnc.screenings.arrived import Arrived, count_delivered_before, tally_file
from dnc.screenings.counts import held_against_register
from dnc.screenings.engine import Screener, hypothetical_campaign, one_by_one
from leads.arriving import ArrivedFile, arrived_file, finished_files, withdrawn_files
from leads.deliveries import count_without_proof
from leads.errors import LeadFileWithdrawn
from leads.receipts import LeadFileUnfinished
from leads.suppliers import source_of
from leads.terms import FileState

JOBS = operator("jobs")
FURTHEST_EAST = timezone(timedelta(hours=14))
"""Where each day begins first."""

_log = logging.getLogger(__name__)


class NotScreened(ServiceError):
    """The lead file has not been screened yet."""

    kind, code, title = Kind.NOT_FOUND, "not-screened", "The lead file has not been screened yet"


class WashVerdict(StrEnum):
    """How a supplier's claim of a wash compares with our own version of that register.

    ``kept``: our version, no newer than the one claimed, lists none of the numbers. ``contradicted``: it lists some.
    ``newer_register``: ours is newer, so a number that it lists may have joined since. ``no_claim``: the supplier
    claims nothing. ``cannot_tell``: we have no readable version of that register, or the claim has no date, or one that
    had not come when the file did: no version of it can have been asked.
    """

    KEPT = "kept"
    CONTRADICTED = "contradicted"
    NEWER_REGISTER = "newer_register"
    NO_CLAIM = "no_claim"
    CANNOT_TELL = "cannot_tell"


@dataclass(frozen=True, slots=True)
class Wash:
    """The supplier's claim, and what our version of the register says; ``listed`` is None where it cannot be asked."""

    verdict: WashVerdict
    claimed_register: str | None
    claimed_as_of: date | None
    our_as_of: date | None
    listed: int | None


@dataclass(frozen=True, slots=True)
class ArrivalReport:
    """What a screening found in one lead file.

    ``rows`` counts its rows: accepted, invalid, duplicate, ambiguous. ``leads`` is how many of those accepted are leads
    now; each counts once in ``verdicts`` and once under each of its ``reasons``. ``callable`` are those allowed. Of
    ``looked_up`` a register in force was asked, and ``stopped`` are those of them that it stops. ``missing_evidence``
    are the leads without proof, as the league table counts them; None if it was screened before that was counted.
    ``asked_for`` is the calling hour they were screened for.
    """

    id: str
    lead_file_id: str
    screened_at: datetime
    asked_for: datetime
    register_name: str | None
    register_version_id: str | None
    register_as_of: date | None
    leads: int
    callable: int
    looked_up: int
    stopped: int
    missing_evidence: int | None
    rows: Mapping[str, int]
    verdicts: Mapping[str, int]
    reasons: Mapping[str, int]
    wash: Wash


@dataclass(frozen=True, slots=True)
class SourceArrivals:
    """The newest reports of a source's lead files, added up; ``washes`` counts the files by wash verdict.

    ``missing_evidence`` is None if it was not counted in one of them.
    """

    source: str
    files: int
    leads: int
    callable: int
    missing_evidence: int | None
    rows: Mapping[str, int]
    verdicts: Mapping[str, int]
    reasons: Mapping[str, int]
    washes: Mapping[str, int]


def compare_wash(
    register: str | None, claimed_as_of: date | None, received: date, our_as_of: date | None, listed: int | None
) -> Wash:
    """Return how the claim compares with our version of ``our_as_of``, which lists ``listed`` of the numbers. Pure.

    ``received``: the last day that it was anywhere when the file came.
    """
    if register is None:
        verdict = WashVerdict.NO_CLAIM
    elif claimed_as_of is None or our_as_of is None or listed is None:
        verdict = WashVerdict.CANNOT_TELL
    elif our_as_of > claimed_as_of:
        verdict = WashVerdict.NEWER_REGISTER
    elif listed:
        verdict = WashVerdict.CONTRADICTED
    else:
        verdict = WashVerdict.KEPT if claimed_as_of <= received else WashVerdict.CANNOT_TELL
    return Wash(verdict, register, claimed_as_of, our_as_of, listed)


def report_arrival(store: Store, listed: Listed, caller: Caller, *, lead_file_id: str, now: datetime) -> ArrivalReport:
    """Return what the file's leads are worth at ``now``, on record; ``listed`` is ``RegisterShelf.listed``.

    First, numbers that it says are a minor's by age, or not to be called, are held for the seller if it has a lead,
    consent or customer relation on them; so are its leads' numbers of which the seller's other files say so.

    Reads one state of the database, and writes in a unit of work of its own. A million leads take some tens of seconds.

    Raises:
        Forbidden: the caller may not screen arrivals.
        NotFound: there is no such lead file for the caller.
        LeadFileUnfinished: its rows are not all read.
        LeadFileWithdrawn: it is withdrawn.
    """
    caller.require(Right.LOAD_LEADS)
    with store.reading() as session:
        file = arrived_file(session, caller, lead_file_id)
    if file.state is not FileState.FINISHED:
        raise LeadFileUnfinished("import the file to its end first")
    if file.withdrawn:
        raise LeadFileWithdrawn("what it was worth is not asked any more")
    hold_refused(store, caller, file, now)
    with store.snapshot() as session:
        canaries = canaries_out(session)
        connection = session.connection()
        campaign = hypothetical_campaign(file.seller_id)
        screener = Screener(connection, one_by_one(listed), campaign, now, next_hour=True)
        arrived = tally_file(connection, screener, file.no, frozenset(canary.number for canary in canaries))
        if file.wash_register is not None:  # the supplier says so of every number in it
            count_delivered_before(connection, screener, file.id, arrived)
        report = _report(file, screener, arrived, count_without_proof(session, file.no), now)
    with store.writing() as session:
        _keep(session, caller, file, report)
        seen = see_in_lead_file(
            session,
            caller,
            store.keyring,
            lead_file_id=file.id,
            received_at=file.received_at,
            numbers=arrived.watched,
            now=now,
        )
    if seen:
        _log.warning("lead file %s holds canaries of our exports: %s sightings", file.id, seen)
    return report


def _report(
    file: ArrivedFile, screener: Screener, arrived: Arrived, missing_evidence: int, now: datetime
) -> ArrivalReport:
    home = screener.moment("SE")
    card, counts = screener.registers.get("SE"), arrived.counts
    return ArrivalReport(
        id=new_id(),
        lead_file_id=file.id,
        screened_at=now,
        asked_for=home.at,
        register_name=card.register if card is not None else None,
        register_version_id=card.version_id if card is not None else None,
        register_as_of=card.as_of if card is not None else None,
        leads=counts.rows,
        callable=counts.verdicts["allow"],
        looked_up=arrived.looked_up,
        stopped=arrived.stopped,
        missing_evidence=missing_evidence,
        rows={
            "accepted": file.accepted,
            "invalid": file.rejected,
            "duplicate": file.duplicate,
            "ambiguous": file.ambiguous,
        },
        verdicts={verdict: counts.verdicts[verdict] for verdict in ("allow", "deny", "unknown")},
        reasons=dict(sorted(counts.reasons.items())),
        wash=_wash(file, screener.registers, arrived),
    )


def _wash(file: ArrivedFile, registers: Mapping[str, RegisterCard], arrived: Arrived) -> Wash:
    card = next((one for one in registers.values() if one.register == file.wash_register), None)
    received = file.received_at.astimezone(FURTHEST_EAST).date()
    if card is None or card.snapshot is None or arrived.unread[card.register]:
        return compare_wash(file.wash_register, file.wash_version, received, None, None)
    return compare_wash(file.wash_register, file.wash_version, received, card.as_of, arrived.listed[card.register])


def _keep(session: Session, caller: Caller, file: ArrivedFile, report: ArrivalReport) -> None:
    counts = {
        "leads": report.leads,
        "looked_up": report.looked_up,
        "stopped": report.stopped,
        "missing_evidence": report.missing_evidence,
        "rows": dict(report.rows),
        "verdicts": dict(report.verdicts),
        "reasons": dict(report.reasons),
    }
    wash = {
        "verdict": report.wash.verdict.value,
        "register": report.wash.claimed_register,
        "claimed_as_of": _day(report.wash.claimed_as_of),
        "our_as_of": _day(report.wash.our_as_of),
        "listed": report.wash.listed,
    }
    session.add(
        LeadArrival(
            id=report.id,
            lead_file_id=file.id,
            source_id=file.source_id,
            seller_id=file.seller_id,
            screened_at=report.screened_at,
            screened_by=caller.actor,
            asked_for=report.asked_for,
            register=report.register_name,
            register_version_id=report.register_version_id,
            register_as_of=report.register_as_of,
            counts=json.dumps(counts),
            wash_register=file.wash_register,
            wash_version=file.wash_version,
            wash=json.dumps(wash),
        )
    )
    payload = {
        "lead_file": file.id,
        "asked_for": utc(report.asked_for),
        "register_version": report.register_version_id,
        "counts": counts,
        "wash": wash,
    }
    put_on_record(session, Event("lead_file.screened", report.id, caller.actor, file.seller_id, payload))


def newest_arrival(session: Session, caller: Caller, lead_file_id: str) -> ArrivalReport:
    """Return the newest report of the lead file. Served by ix_lead_arrivals_lead_file_id.

    Raises:
        Forbidden: the caller may not read arrivals.
        NotFound: there is no such lead file for the caller.
        NotScreened: it has not been screened yet.
    """
    caller.require(Right.READ_ARRIVALS)
    arrived_file(session, caller, lead_file_id)
    row = session.scalar(
        select(LeadArrival)
        .where(LeadArrival.lead_file_id == lead_file_id)
        .order_by(LeadArrival.screened_at.desc(), LeadArrival.id.desc())
        .limit(1)
    )
    if row is None:
        raise NotScreened("it is screened within minutes of its import")
    return _read(row)


def source_arrivals(session: Session, caller: Caller, source_slug: str) -> SourceArrivals:
    """Return what the source's lead files, but for those that are withdrawn, were worth when last screened, added up.

    Served by ix_lead_arrivals_source_id.

    Raises:
        Forbidden: the caller may not read arrivals.
        NotFound: there is no such source for the caller.
    """
    caller.require(Right.READ_ARRIVALS)
    source = source_of(session, caller, source_slug)
    newest: dict[str, ArrivalReport] = {}
    for row in session.scalars(
        select(LeadArrival).where(LeadArrival.source_id == source.id).order_by(LeadArrival.screened_at, LeadArrival.id)
    ):
        newest[row.lead_file_id] = _read(row)
    for lead_file_id in withdrawn_files(session, source.id):
        newest.pop(lead_file_id, None)
    reports = newest.values()
    missing = [report.missing_evidence for report in reports]
    return SourceArrivals(
        source=source.slug,
        files=len(newest),
        leads=sum(report.leads for report in reports),
        callable=sum(report.callable for report in reports),
        missing_evidence=None if None in missing else sum(count for count in missing if count is not None),
        rows=_sum([report.rows for report in reports]),
        verdicts=_sum([report.verdicts for report in reports]),
        reasons=_sum([report.reasons for report in reports]),
        washes=dict(sorted(Counter(report.wash.verdict.value for report in reports).items())),
    )


def screen_arrivals(store: Store, listed: Listed, now: datetime) -> int:
    """Screen every finished lead file that never was, or not since there is a register to ask; return how many were.

    A file that cannot be screened stops no other: it is logged and tried again with the next run.
    """
    with store.reading() as session:
        waiting = _waiting(session)
    count = 0
    for lead_file_id in waiting:
        try:
            report_arrival(store, listed, JOBS, lead_file_id=lead_file_id, now=now)
        except Exception as error:
            if isinstance(error, ServiceError) and error.kind is Kind.UNAVAILABLE:
                raise
            _log.exception("lead file %s could not be screened", lead_file_id)
        else:
            count += 1
    return count


def _waiting(session: Session) -> list[str]:
    """Return the files that were never screened, and those of which no register could be asked while now it may be."""
    newest: dict[str, tuple[datetime, str]] = {}
    columns = LeadArrival.lead_file_id, LeadArrival.screened_at, LeadArrival.counts
    for id_, screened_at, counts in session.execute(select(*columns).order_by(LeadArrival.screened_at, LeadArrival.id)):
        newest[id_] = screened_at, counts
    loaded_at = session.scalar(select(func.max(RegisterVersion.loaded_at)))

    def waits(id_: str) -> bool:
        if id_ not in newest:
            return True
        screened_at, counts = newest[id_]
        return loaded_at is not None and screened_at < loaded_at and _was_not_asked(json.loads(counts))

    return [id_ for id_ in finished_files(session) if waits(id_)]


def _was_not_asked(counts: Mapping[str, Any]) -> bool:
    _stopped, looked_up = held_against_register(counts)
    return counts["leads"] > 0 and looked_up == 0


def _read(row: LeadArrival) -> ArrivalReport:
    counts, wash = json.loads(row.counts), json.loads(row.wash)
    stopped, looked_up = held_against_register(counts)
    return ArrivalReport(
        id=row.id,
        lead_file_id=row.lead_file_id,
        screened_at=row.screened_at,
        asked_for=row.asked_for,
        register_name=row.register,
        register_version_id=row.register_version_id,
        register_as_of=row.register_as_of,
        leads=counts["leads"],
        callable=counts["verdicts"]["allow"],
        looked_up=looked_up,
        stopped=stopped,
        missing_evidence=counts.get("missing_evidence"),
        rows=counts["rows"],
        verdicts=counts["verdicts"],
        reasons=counts["reasons"],
        wash=Wash(
            WashVerdict(wash["verdict"]),
            wash["register"],
            _day_read(wash["claimed_as_of"]),
            _day_read(wash["our_as_of"]),
            wash["listed"],
        ),
    )


def _sum(counts: Sequence[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    return dict(sorted(total.items()))


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _day_read(written: str | None) -> date | None:
    return None if written is None else date.fromisoformat(written)
