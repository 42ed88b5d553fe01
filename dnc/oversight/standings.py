"""How suppliers and sources stand on compliance, in a period: the league table."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import and_, case, exists, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased
from sqlalchemy.sql import Subquery
from sqlalchemy.sql.elements import ColumnElement

from core.access import Caller, Right
from core.elapsed import days_between
from core.errors import InvalidInput
from core.ids import least_id
from dnc.contacts import Outcome
from dnc.models import Complaint, ComplaintOrigin, Contact, Hold, LeadArrival, OptOut, OptOutRepeat
from dnc.oversight.complaints import ComplaintKind
from dnc.oversight.league import Figure, Share, Worst, median_days, ranked, wilson, worst
from dnc.oversight.policy import OversightPolicy
from dnc.screenings.counts import held_against_register
from leads.deliveries import Delivered, SourceStanding, delivered, files_that_came, leads_known, source_standings
from leads.terms import SourceKind

OPT_OUT_DAYS = 30
FILES_AT_ONCE = 500
LONGEST = timedelta(days=3660)


@dataclass(frozen=True, slots=True)
class Standing:
    """How one supplier, or one source, stands: what it delivered, and its shares with their intervals.

    ``source`` is None for a supplier as a whole. ``authority_complaints`` came from an authority.
    """

    supplier_slug: str
    supplier_name: str
    kind: SourceKind
    source: SourceStanding | None
    deliveries: int
    rows: int
    contacts: int
    authority_complaints: int
    median_age_days: int | None
    shares: Mapping[Figure, Share]
    worst: Worst | None

    @property
    def slug(self) -> str:
        """What it is named by."""
        return self.supplier_slug if self.source is None else self.source.slug


@dataclass(slots=True)
class Called:
    """Contacts on a source's leads, how many were followed by a no; and complaints tied to it."""

    contacts: int = 0
    objected: int = 0
    complaints: int = 0
    authority_complaints: int = 0


@dataclass(frozen=True, slots=True)
class League:
    """The table: suppliers, and sources, each with the worst first."""

    since: datetime
    until: datetime
    policy: str
    suppliers: Sequence[Standing]
    sources: Sequence[Standing]


@dataclass(slots=True)
class _Sum:
    delivered: Delivered = field(default_factory=Delivered)
    on_register: int = 0
    looked_up: int = 0


def league(
    session: Session,
    caller: Caller,
    *,
    now: datetime,
    period: timedelta,
    policy: OversightPolicy,
) -> League:
    """Return how the caller's suppliers and sources stood in the ``period`` up to ``now``.

    - invalid, duplicate: of the rows of the files that came in the period; ambiguous rows are invalid too.
    - on_register: of the leads that were held against a register when their file was first screened, those that could
      not be called because of it.
    - missing_evidence: of the leads of those files (see ``leads.deliveries.delivered``).
    - objected: of the contacts. A contact counts for every source that had a lead on its number, for its seller, when
      the call started. It was followed by a no if its outcome is ``objected``, also if that was logged later, or if it
      was the last one before a no that the person gave within 30 days of it, the first one or one said again.
    - complained: complaints that came in the period, of the contacts. A complaint counts for every source that had a
      lead on its number when it came, whether or not we know of a call; beyond the contacts each is of a call of its
      own.

    Costs one pass over the period's leads and one over its contacts with a probe of the leads each.

    Raises:
        Forbidden: the caller may not read the table.
        InvalidInput: the period is not between a day and ten years.
    """
    caller.require(Right.READ_LEAGUE)
    if not timedelta(days=1) <= period <= LONGEST:
        raise InvalidInput("the period is 1 to 3660 days")
    since = now - period
    suppliers, sources = standings(session, caller.seller_id, since, now, policy)
    return League(since, now, policy.version, ranked(suppliers), ranked(sources))


def standings(
    session: Session,
    seller_id: str | None,
    since: datetime,
    until: datetime,
    policy: OversightPolicy,
    *,
    after_resume: bool = False,
) -> tuple[list[Standing], list[Standing]]:
    """Return the standings of suppliers and of sources; ``after_resume``: by what came since a source was resumed."""
    sources = source_standings(session, seller_id)
    came = delivered(session, seller_id, since, until, after_resume=after_resume)
    held = _held_against_register(session, seller_id, since, until, after_resume)
    lead = leads_known()
    by_source = _called(session, lead, lead.c.source_id, seller_id, since, until, after_resume)
    by_supplier = _called(session, lead, lead.c.supplier_id, seller_id, since, until, after_resume)
    complained = _complaints(session, sources, seller_id, since, until, after_resume)
    of_suppliers: dict[str, _Sum] = {}
    of_sources: list[Standing] = []
    first: dict[str, SourceStanding] = {}
    for source in sources:
        one = _Sum(came.get(source.id, Delivered()), *held.get(source.id, (0, 0)))
        whole = of_suppliers.setdefault(source.supplier_id, _Sum())
        whole.delivered.add(one.delivered)
        whole.on_register += one.on_register
        whole.looked_up += one.looked_up
        first.setdefault(source.supplier_id, source)
        called = _with_complaints(by_source.get(source.id), complained, [source])
        of_sources.append(_standing(source, source, one, called, policy))
    return [
        _standing(
            first[id_],
            None,
            whole,
            _with_complaints(by_supplier.get(id_), complained, [one for one in sources if one.supplier_id == id_]),
            policy,
        )
        for id_, whole in of_suppliers.items()
    ], of_sources


def _standing(
    named: SourceStanding, source: SourceStanding | None, one: _Sum, called: Called, policy: OversightPolicy
) -> Standing:
    came = one.delivered
    shares = {
        Figure.INVALID: wilson(came.invalid, came.rows),
        Figure.DUPLICATE: wilson(came.duplicate, came.rows),
        Figure.ON_REGISTER: wilson(one.on_register, one.looked_up),
        Figure.MISSING_EVIDENCE: wilson(came.without_proof, came.leads),
        Figure.OBJECTED: wilson(called.objected, called.contacts),
        Figure.COMPLAINED: wilson(called.complaints, max(called.contacts, called.complaints)),
    }
    return Standing(
        supplier_slug=named.supplier_slug,
        supplier_name=named.supplier_name,
        kind=named.kind,
        source=source,
        deliveries=came.files,
        rows=came.rows,
        contacts=called.contacts,
        authority_complaints=called.authority_complaints,
        median_age_days=median_days(came.ages),
        shares=shares,
        worst=worst(shares, policy.yardsticks),
    )


def _held_against_register(
    session: Session, seller_id: str | None, since: datetime, until: datetime, after_resume: bool
) -> dict[str, tuple[int, int]]:
    """Return by source how many leads of the period's files were on the register, and how many could be looked up.

    By the first screening of each file at which any could be, since the share on delivery is meant. Served by
    ix_lead_arrivals_lead_file_id.
    """
    came = files_that_came(session, seller_id, since, until, after_resume=after_resume)
    found: dict[str, tuple[int, int]] = {}
    files = sorted(came)
    for start in range(0, len(files), FILES_AT_ONCE):
        first: dict[str, tuple[int, int]] = {}
        for lead_file_id, counts in session.execute(
            select(LeadArrival.lead_file_id, LeadArrival.counts)
            .where(LeadArrival.lead_file_id.in_(files[start : start + FILES_AT_ONCE]))
            .order_by(LeadArrival.screened_at, LeadArrival.id)
        ):
            stopped, looked_up = held_against_register(json.loads(counts))
            if looked_up:
                first.setdefault(lead_file_id, (stopped, looked_up))
        for lead_file_id, (stopped, looked_up) in first.items():
            before = found.get(came[lead_file_id], (0, 0))
            found[came[lead_file_id]] = (before[0] + stopped, before[1] + looked_up)
    return found


def _called(
    session: Session,
    lead: Subquery,
    by: ColumnElement[str],
    seller_id: str | None,
    since: datetime,
    until: datetime,
    after_resume: bool,
) -> dict[str, Called]:
    """Return the contacts of the period by source or supplier, and how many were followed by a no.

    Contacts are found by pk_contacts: an id begins with the moment at which the contact was recorded, and none is
    recorded more than some minutes before it starts; a day makes room for clocks. Each probes the leads by pk_leads.
    """
    had_lead = and_(
        lead.c.number == Contact.number,
        lead.c.seller_id == Contact.seller_id,
        lead.c.received_at <= Contact.started_at,
        lead.c.expires_at > Contact.started_at,
    )
    query = (
        select(by, func.count(Contact.id.distinct()), func.count(case((_refused(), Contact.id)).distinct()))
        .select_from(Contact)
        .join(lead, had_lead)
        .where(Contact.id >= least_id(since), Contact.started_at >= since, Contact.started_at <= until)
        .group_by(by)
    )
    if seller_id is not None:
        query = query.where(Contact.seller_id == seller_id)
    if after_resume:
        query = query.where(or_(lead.c.resumed_at.is_(None), Contact.started_at > lead.c.resumed_at))
    return {id_: Called(int(contacts), int(objected)) for id_, contacts, objected in session.execute(query)}


def _refused() -> ColumnElement[bool]:
    """Return the condition that the contact was followed by a no.

    An objection that came late under the call's own call_id is known by its hold alone; a no said again while the
    opt-out stood is kept beside it. By ix_opt_outs_number, ix_opt_out_repeats_opt_out_id, ix_holds_number and the
    contacts' by number.
    """
    opt_out = and_(
        OptOut.number == Contact.number, or_(OptOut.seller_id == Contact.seller_id, OptOut.seller_id.is_(None))
    )
    opted_out = exists().where(opt_out, *_first_no_after(OptOut.received_at, OptOut))
    repeated = exists().where(
        opt_out,
        OptOutRepeat.opt_out_id == OptOut.id,
        *_first_no_after(OptOutRepeat.received_at, OptOutRepeat),
    )
    held = exists().where(
        Hold.number == Contact.number, Hold.contact_id == Contact.id, Hold.reason == Outcome.OBJECTED.value
    )
    return or_(Contact.outcome == Outcome.OBJECTED.value, held, opted_out, repeated)


def _first_no_after(
    said_at: InstrumentedAttribute[datetime], no: type[OptOut] | type[OptOutRepeat]
) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that a no was said soon after the contact, with no other contact in between."""
    later = aliased(Contact)
    called_again = (
        exists()
        .where(
            later.number == Contact.number,
            later.seller_id == Contact.seller_id,
            later.started_at > Contact.started_at,
            later.started_at <= said_at,
        )
        .correlate(Contact, no)
    )
    return said_at >= Contact.started_at, days_between(Contact.started_at, said_at) < OPT_OUT_DAYS, ~called_again


def _complaints(
    session: Session,
    sources: Iterable[SourceStanding],
    seller_id: str | None,
    since: datetime,
    until: datetime,
    after_resume: bool,
) -> dict[str, list[tuple[str, bool]]]:
    """Return by source its complaints of the period: id, and whether from an authority. There are few of them.

    They are those that came in it. ``after_resume``, for a pause, those of authorities count also if they came before
    and were told of in it: they are held against no number of calls, and one that is told of late would never count.
    """
    of_period = Complaint.received_at >= since
    if after_resume:
        told_late = and_(Complaint.kind == ComplaintKind.AUTHORITY.value, Complaint.recorded_at >= since)
        of_period = or_(of_period, told_late)
    query = (
        select(ComplaintOrigin.source_id, Complaint.id, Complaint.kind, Complaint.recorded_at)
        .join(Complaint, Complaint.id == ComplaintOrigin.complaint_id)
        .where(of_period, Complaint.received_at <= until)
    )
    if seller_id is not None:
        query = query.where(Complaint.seller_id == seller_id)
    resumed = {source.id: source.resumed_at for source in sources}
    found: dict[str, list[tuple[str, bool]]] = {}
    for source_id, id_, kind, recorded_at in session.execute(query):
        resumed_at = resumed.get(source_id)
        if not after_resume or resumed_at is None or recorded_at > resumed_at:
            found.setdefault(source_id, []).append((id_, kind == ComplaintKind.AUTHORITY))
    return found


def _with_complaints(
    called: Called | None, complained: Mapping[str, Sequence[tuple[str, bool]]], sources: Iterable[SourceStanding]
) -> Called:
    """Return the contacts with the complaints of the sources; one about several of them counts once."""
    found = {one for source in sources for one in complained.get(source.id, ())}
    counted = called or Called()
    return Called(counted.contacts, counted.objected, len(found), sum(authority for _, authority in found))
