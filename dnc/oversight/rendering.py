"""From what oversight returns to what the API sends."""

from dnc.models import Check, Contact
from dnc.oversight.complaints import ComplaintKind, RecordedComplaint
from dnc.oversight.league import Share
from dnc.oversight.schemas import (
    ComplaintDocument,
    LeagueDocument,
    OriginDocument,
    OtherDocument,
    OthersDocument,
    ReachedSourceDocument,
    ShareDocument,
    StandingDocument,
    WalkBackDocument,
)
from dnc.oversight.standings import League, Standing
from dnc.oversight.walk_back import WalkBack
from dnc.rendering import lead_document, past_check_document, past_contact_document
from leads.deliveries import OtherLead


def complaint_document(recorded: RecordedComplaint) -> ComplaintDocument:
    """Return a complaint in its wire form; its number is not repeated."""
    row = recorded.complaint
    return ComplaintDocument(
        id=row.id,
        kind=ComplaintKind(row.kind),
        via=row.via,
        note=row.note,
        received_at=row.received_at,
        recorded_at=row.recorded_at,
        recorded_by=row.recorded_by,
        origins=[
            OriginDocument(source_id=one.source_id, lead_file_id=one.lead_file_id, row=one.row_no)
            for one in recorded.origins
        ],
    )


def walk_back_document(found: WalkBack) -> WalkBackDocument:
    """Return a walk-back in its wire form; what the role may not see is None already."""
    slugs = {one.source.no: one.source.slug for one in found.sources}
    others = found.others
    return WalkBackDocument(
        number=found.number.e164,
        leads=[lead_document(lead) for lead in found.leads],
        sources=[
            ReachedSourceDocument(
                source=one.source.slug,
                name=one.source.name,
                supplier=one.source.supplier_slug,
                supplier_name=one.source.supplier_name,
                kind=one.source.kind,
                paused=one.source.paused,
                quarantined=one.source.quarantined,
                files=one.files,
                leads=one.leads,
            )
            for one in found.sources
        ],
        complaints=[complaint_document(one) for one in found.complaints],
        checks=[past_check_document(row) for row in found.checks],
        check_counts=dict(found.check_counts),
        contacts=[past_contact_document(row) for row in found.contacts],
        contact_counts=dict(found.contact_counts),
        others=None
        if others is None
        else OthersDocument(leads=others.leads, checks=dict(others.checks), contacts=dict(others.contacts)),
        part=found.part,
        page=None if found.page is None else [_other(one, slugs) for one in found.page],
        cursor=found.cursor,
    )


def _other(one: OtherLead | Check | Contact, slugs: dict[int, str]) -> OtherDocument:
    number = f"+{one.number}"
    match one:
        case OtherLead():
            source = slugs.get(one.source_no)
            at = one.collected_at or one.received_at
            return OtherDocument(number=number, source=source, lead_file_id=one.lead_file_id, row=one.row_no, at=at)
        case Check():
            return OtherDocument(number=number, id=one.id, verdict=one.verdict, at=one.checked_at)
        case Contact():
            return OtherDocument(number=number, id=one.id, outcome=one.outcome, at=one.started_at)


def league_document(table: League) -> LeagueDocument:
    """Return the league table in its wire form."""
    return LeagueDocument(
        since=table.since,
        until=table.until,
        policy=table.policy,
        suppliers=[_standing(one) for one in table.suppliers],
        sources=[_standing(one) for one in table.sources],
    )


def _standing(one: Standing) -> StandingDocument:
    source = one.source
    return StandingDocument(
        slug=one.slug,
        name=one.supplier_name if source is None else source.name,
        supplier=one.supplier_slug,
        kind=one.kind,
        deliveries=one.deliveries,
        rows=one.rows,
        contacts=one.contacts,
        authority_complaints=one.authority_complaints,
        median_age_days=one.median_age_days,
        figures={figure: _share(share) for figure, share in one.shares.items()},
        worst=None if one.worst is None else one.worst.figure,
        times=None if one.worst is None else round(one.worst.times, 3),
        paused=None if source is None else source.paused,
        quarantined=None if source is None else source.quarantined,
        paused_reason=None if source is None else source.paused_reason,
    )


def _share(share: Share) -> ShareDocument:
    value = share.value
    return ShareDocument(
        hits=share.hits,
        of=share.of,
        share=None if value is None else round(value, 6),
        lower=round(share.lower, 6),
        upper=round(share.upper, 6),
    )
