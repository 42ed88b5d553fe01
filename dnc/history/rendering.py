"""From a number's past to what the API and the command send."""

from dataclasses import asdict

from dnc.decision import Decision
from dnc.history.schemas import (
    CampaignStandingDocument,
    DifferenceDocument,
    LookUpDocument,
    PastAnswerDocument,
    PastEventDocument,
)
from dnc.history.timeline import Timeline
from dnc.lookups import NumberRecord
from dnc.rendering import number_document


def look_up_document(record: NumberRecord, past: Timeline) -> LookUpDocument:
    """Return a look-up in its wire form; what the role may not see is empty already."""
    parts = number_document(record)
    return LookUpDocument(
        **{name: getattr(parts, name) for name in type(parts).model_fields},
        known_then=past.known_at,
        standing=[
            CampaignStandingDocument(
                campaign=one.campaign,
                as_known_then=_answer(one.as_known_then),
                as_known_now=_answer(one.as_known_now),
            )
            for one in past.standing
        ],
        history=[
            PastEventDocument(
                kind=event.kind,
                true_at=event.true_at,
                recorded_at=event.recorded_at,
                recorded_by=event.recorded_by,
                every_seller=event.seller_id is None,
                subject=event.subject,
                text=event.text,
                was_true=event.true_at <= past.as_of,
                was_known=event.recorded_at <= past.known_at,
            )
            for event in past.history
        ],
        differences=[DifferenceDocument(**asdict(one)) for one in past.differences],
    )


def _answer(decision: Decision) -> PastAnswerDocument:
    return PastAnswerDocument(
        verdict=decision.verdict,
        may_call=decision.may_call,
        reasons=[reason.code for reason in decision.reasons],
        policy=decision.policy,
    )
