"""From what the services return to what the API sends."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from core.changes import Change
from core.numbers import Number
from dnc.campaigns import CampaignReport
from dnc.lookups import NumberRecord, OptOutRecord
from dnc.models import Check, Contact, OptOutRelease
from dnc.opt_outs import OptOutResult
from dnc.schemas import (
    CampaignDocument,
    ChangeDocument,
    ChangePage,
    ConsentDocument,
    HoldDocument,
    LeadDocument,
    NumberDocument,
    OptOutDocument,
    OptOutResultDocument,
    OptOutResults,
    PastCheckDocument,
    PastContactDocument,
    RelationDocument,
    ReleaseDocument,
)
from leads.queries import LeadOrigin
from web.endpoint import Rendered


def stored_check_json(check: dict[str, object]) -> Rendered:
    """Return a recorded check as it was answered."""
    return Rendered(json.dumps(check, ensure_ascii=False, separators=(",", ":")))


def simulated_json(number: Number | None, common: str) -> Rendered:
    """Return an answer that is no permission: marked as simulated, and without an id."""
    written = "null" if number is None else f'"{number.e164}"'
    return Rendered(f'{{"simulated":true,"number":{written},{common[1:]}')


def opt_out_results(results: Sequence[OptOutResult]) -> OptOutResults:
    """Return the results in their wire form."""
    return OptOutResults(
        results=[
            OptOutResultDocument(
                place=result.place,
                result=result.result,
                id=result.id,
                number=result.number.e164 if result.number is not None else None,
                fault=result.fault,
                effective_at=result.effective_at,
            )
            for result in results
        ]
    )


def release_document(release: OptOutRelease) -> ReleaseDocument:
    """Return a release in its wire form."""
    return ReleaseDocument(
        opt_out_id=release.opt_out_id,
        released_at=release.released_at,
        asked_by_person_at=release.asked_by_person_at,
        verified_by=release.verified_by,
    )


def change_page(changes: Sequence[Change], cursor: int) -> ChangePage:
    """Return a page of the change feed; an empty one keeps the cursor."""
    return ChangePage(
        changes=[
            ChangeDocument(
                cursor=change.seq,
                at=change.at,
                kind=change.kind,
                number=f"+{change.number}",
                every_seller=change.seller_id is None,
                channels=change.channels.split(","),
                subject=change.subject,
            )
            for change in changes
        ],
        cursor=changes[-1].seq if changes else cursor,
    )


def campaign_document(report: CampaignReport) -> CampaignDocument:
    """Return a campaign in its wire form."""
    return CampaignDocument(**asdict(report))


def number_document(record: NumberRecord) -> NumberDocument:
    """Return a look-up in its wire form; what the role may not see is empty already."""
    return NumberDocument(
        number=record.number.e164,
        as_of=record.as_of,
        known_at=record.known_at,
        opted_out=record.opted_out,
        held=record.held,
        opt_outs=[_opt_out(row) for row in record.opt_outs],
        holds=[
            HoldDocument(
                id=hold.id,
                reason=hold.reason,
                note=hold.note,
                made_at=hold.made_at,
                made_by=hold.made_by,
                closed_at=hold.closed_at,
                resolution=hold.resolution,
            )
            for hold in record.holds
        ],
        restrictions=list(record.restrictions),
        leads=[lead_document(lead) for lead in record.leads],
        consents=[
            ConsentDocument(
                id=row.id,
                channels=row.channels.split(","),
                names_seller=row.names_seller,
                text_version=row.text_version,
                evidence=row.evidence,
                given_at=row.given_at,
                expires_at=row.expires_at,
                withdrawn_at=row.withdrawn_at,
            )
            for row in record.consents
        ],
        relations=[
            RelationDocument(
                id=row.id,
                product=row.product,
                reference=row.reference,
                started_at=row.started_at,
                fulfilled_at=row.fulfilled_at,
            )
            for row in record.relations
        ],
        checks=[past_check_document(row) for row in record.checks],
        contacts=[past_contact_document(row) for row in record.contacts],
    )


def _opt_out(row: OptOutRecord) -> OptOutDocument:
    return OptOutDocument(
        id=row.id,
        every_seller=row.seller_id is None,
        channels=row.channels.split(","),
        via=row.via,
        note=row.note,
        received_at=row.received_at,
        recorded_at=row.recorded_at,
        recorded_by=row.recorded_by,
        in_force=row.in_force,
        asked_by_person_at=row.asked_by_person_at,
        released_at=row.released_at,
        released_by=row.released_by,
        verified_by=row.verified_by,
    )


def past_check_document(row: Check) -> PastCheckDocument:
    """Return a check that was made before in its wire form."""
    return PastCheckDocument(id=row.id, verdict=row.verdict, checked_at=row.checked_at, asked_by=row.asked_by)


def past_contact_document(row: Contact) -> PastContactDocument:
    """Return a call that was made before in its wire form."""
    return PastContactDocument(
        id=row.id,
        check_id=row.check_id,
        outcome=row.outcome,
        started_at=row.started_at,
        agent=row.agent,
        source_disclosed=row.source_disclosed,
    )


def lead_document(lead: LeadOrigin) -> LeadDocument:
    """Return where a lead came from in its wire form; what the role may not see is None already."""
    return LeadDocument(
        kind=lead.kind,
        source=lead.source_name,
        supplier=lead.supplier_name,
        say=lead.say,
        say_en=lead.say_en,
        basis=lead.basis,
        assessment=lead.assessment,
        file=lead.file_name,
        file_sha256=lead.sha256,
        row=lead.row_no,
        collected_at=lead.collected_at,
        received_at=lead.received_at,
        expires_at=lead.expires_at,
        paused=lead.paused,
        withdrawn=lead.file_withdrawn,
    )
