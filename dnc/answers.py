"""What a dialer, a seller's staff or the log is told: the wire form of an answer.

A bought list is never named here, whoever asks: that is for customer service alone (``dnc.lookups``).
"""

import json
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from consent.terms import Basis
from core.clock import utc
from core.numbers import Number, NumberFault
from dnc.decision import Decision, RegisterAnswer
from dnc.facts import CallFacts, LeadFact
from dnc.gathering import CampaignCard
from dnc.grounds import Ground, GroundKind
from dnc.reasons import Reason, ReasonCode
from leads.standing import SourceCard
from leads.terms import SourceKind

ARTICLES = {Basis.CONSENT: "6.1.a", Basis.LEGITIMATE_INTEREST: "6.1.f"}
Json = dict[str, object]


class Answer(NamedTuple):
    """One answered question. ``common`` is the part that equal standings share, as JSON object text."""

    id: str
    number: Number | None
    reference: str | None
    decision: Decision
    common: str

    @property
    def json(self) -> str:
        """The whole check as JSON text, as the API gives it."""
        number = "null" if self.number is None else f'"{self.number.e164}"'
        reference = "null" if self.reference is None else json.dumps(self.reference, ensure_ascii=False)
        return f'{{"id":"{self.id}","number":{number},"reference":{reference},{self.common[1:]}'


def times_part(decision: Decision, now: datetime) -> str:
    """Return the members of the answer that time alone changes, as JSON text without braces; pure."""
    return (
        f'"checked_at":{_written(now)},"valid_until":{_written(decision.valid_until)},'
        f'"retry_at":{_written(decision.retry_at)}'
    )


@lru_cache(maxsize=256)
def _written(value: datetime | None) -> str:
    return "null" if value is None else f'"{utc(value)}"'


def timeless_part(
    facts: CallFacts,
    decision: Decision,
    campaign: CampaignCard,
    card: SourceCard | None,
    fault: NumberFault,
) -> Json:
    """Return the rest of what is the same for every number with these facts; pure."""
    return {
        "verdict": decision.verdict,
        "may_call": decision.may_call,
        "reasons": [reason_document(reason, fault) for reason in decision.reasons],
        "campaign": campaign.slug,
        "seller": campaign.seller,
        "policy": decision.policy,
        "seller_rules": decision.seller_rules,
        "lawful_basis": lawful_basis(decision, card),
        "source": source_document(facts, decision.ground, card),
        "registers": [] if decision.register is None else [register_document(facts, decision.register)],
    }


def reason_document(reason: Reason, fault: NumberFault) -> Json:
    """Return a reason in its wire form; ``fault`` says what is wrong with the number, where that is a reason."""
    document: Json = {
        "code": reason.code,
        "category": reason.category,
        "rule": reason.rule,
        "text": reason.text,
        "text_sv": reason.text_sv,
    }
    if reason.register is not None:
        document["register"] = reason.register
    if reason.missing:
        document["missing"] = list(reason.missing)
    if reason.code is ReasonCode.INVALID_NUMBER:
        document["fault"] = fault
    return document


def lawful_basis(decision: Decision, card: SourceCard | None) -> Json | None:
    """Return the basis that carries the call, with its article and, for a partner's lead, the balancing test on file.

    Of a bought list not even that: a test's reference may name the list, and tells one list from another.
    """
    basis = decision.lawful_basis
    if basis is None:
        return None
    is_told = card is not None and card.kind != SourceKind.LIST and basis is Basis.LEGITIMATE_INTEREST
    assessment = card.assessment if card is not None and is_told else None
    return {"basis": basis, "article": ARTICLES[basis], "assessment": assessment}


def source_document(facts: CallFacts, ground: Ground | None, card: SourceCard | None) -> Json | None:
    """Return where the number came from and what to say of it; of a bought list only what to say."""
    if ground is None:
        return None
    if ground.kind is not GroundKind.LEAD:
        return {"kind": ground.kind}
    if card is None:
        return None
    if card.kind == SourceKind.LIST:
        return {"kind": card.kind, "say": card.say, "say_en": card.say_en}
    lead = lead_behind(facts, ground)
    return {
        "kind": card.kind,
        "name": card.name,
        "say": card.say,
        "say_en": card.say_en,
        "collected_at": utc(lead.collected_at) if lead is not None else None,
    }


def lead_behind(facts: CallFacts, ground: Ground) -> LeadFact | None:
    """Return the lead that the ground names."""
    return next((lead for lead in facts.leads or () if lead.id == ground.id), None)


def register_document(facts: CallFacts, register: RegisterAnswer) -> Json:
    """Return what the register said, and until when that version may be relied on."""
    as_of = facts.register.as_of if facts.register is not None else None
    return {
        "register": register.register,
        "version": as_of.isoformat() if as_of is not None else None,
        "version_id": register.version_id,
        "listed": register.listed,
        "valid_until": utc(register.valid_until),
        "lifted_by": register.lifted_by.kind if register.lifted_by is not None else None,
    }
