"""What is known about a number at the moment of a check: values only, no database.

Every field that could not be learnt is ``None``, which counts against the call. An empty tuple is knowledge: we
looked, and there is none. Facts are stored with the check in the form of ``facts_to_record`` and read back by
``facts_from_record``, so that any answer can be decided again.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from consent.terms import Basis, Channel
from dnc.narrowing import NO_RULES, SellerRules, rules_from_record, rules_to_record
from leads.terms import SourceKind

RECORD_FORM = 5
READABLE_FORMS = (1, 2, 3, 4, 5)  # 1 knew no seller's rules: there were none
FORM_OF_HELD_ATTEMPTS = 2
"""Before it no answer held the attempt that it gave, and none was held against a call."""
FORM_OF_LATER_RULES = 3
"""Before it a withdrawal ended the one consent that it names, and a call counted from its start alone."""
FORM_OF_DELIVERIES = 4
"""Before it no consent was known to be delivered by a lead file, paused or not."""
FORM_OF_HELD_CALLS = 5
"""Before it an answer held the attempt until its own end alone, not while the call may still go on."""


class RestrictionKind(StrEnum):
    """Why processing of a number is restricted."""

    RESTRICTED = "restricted"
    DECEASED = "deceased"
    VULNERABLE = "vulnerable"


@dataclass(frozen=True, slots=True)
class NumberFact:
    """What the numbering plan says of the number: ISO country, type of subscription, and whether it is valid."""

    country: str | None
    kind: str
    valid: bool


@dataclass(frozen=True, slots=True)
class CampaignFact:
    """The campaign that asks: its product type, channel, state and the weekend hours its seller has opened.

    ``rules``: the seller's own rules; None if they could not be read, which counts against the call.
    """

    product: str
    channel: Channel
    is_open: bool
    opens_weekends: bool
    rules: SellerRules | None = NO_RULES


@dataclass(frozen=True, slots=True)
class OptOutFact:
    """An opt-out in force: its channels, and whether it speaks to every seller."""

    id: str
    channels: frozenset[Channel]
    all_sellers: bool


@dataclass(frozen=True, slots=True)
class RegisterFact:
    """The register version in force for the number's country and what it says; ``listed`` is None if it was not read.

    ``as_of`` is the date of the register's contents, not of its delivery: the version's validity runs from it.
    A country whose register has no loaded version gives ``version_id``, ``as_of`` and ``listed`` as None.
    """

    register: str
    version_id: str | None
    as_of: date | None
    listed: bool | None


@dataclass(frozen=True, slots=True)
class LeadFact:
    """A lead of this seller on this number, with its source's standing.

    ``has_assessment``: a balancing test is on file for the source (GDPR art. 6.1.f).
    ``paused``: the source, its supplier or the lead file is paused or quarantined.
    ``expires_at``: the earliest of the lead's retention and its source's time limit; None if neither is set.
    ``collected_at``, ``birth_date``: None if the supplier did not say, which by itself does not block the call.
    """

    id: str
    source_id: str
    source_kind: SourceKind
    basis: Basis | None
    has_assessment: bool
    paused: bool
    collected_at: datetime | None
    expires_at: datetime | None
    birth_date: date | None


@dataclass(frozen=True, slots=True)
class ConsentFact:
    """A permission given to a seller: whether it names this seller and was actively given to be phoned, and until when.

    ``expires_at``: the permission's own limit, None if it has none. ``withdrawn_at``: None while it stands.
    ``paused``: the lead file that delivered it, its source or its supplier is paused or quarantined.
    """

    id: str
    names_seller: bool
    channels: frozenset[Channel]
    given_at: datetime
    expires_at: datetime | None
    withdrawn_at: datetime | None
    paused: bool = False


@dataclass(frozen=True, slots=True)
class RelationFact:
    """A contract of a product type between the person and the seller; ``fulfilled_at`` is None while it runs."""

    id: str
    product: str
    started_at: datetime
    fulfilled_at: datetime | None


@dataclass(frozen=True, slots=True)
class AttemptsFact:
    """Calls made to the number in this campaign, over all dialers, as far back as the policy's period.

    ``started_at``: each call's start, or its check if that was later.
    ``reserved_until``: until when another dialer's answer holds the next attempt; None if none does.
    """

    started_at: tuple[datetime, ...]
    reserved_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class CallFacts:
    """All that ``decide`` may know. ``None`` in any field means it could not be learnt.

    The tuples have no order: ``decide`` answers the same however they are arranged. Instants are aware; one that is
    not is read as UTC.
    """

    number: NumberFact | None
    campaign: CampaignFact | None
    opt_outs: tuple[OptOutFact, ...] | None
    holds: tuple[str, ...] | None
    restrictions: tuple[RestrictionKind, ...] | None
    register: RegisterFact | None
    leads: tuple[LeadFact, ...] | None
    consents: tuple[ConsentFact, ...] | None
    relations: tuple[RelationFact, ...] | None
    attempts: AttemptsFact | None


def facts_to_record(facts: CallFacts) -> dict[str, object]:
    """Return ``facts`` as values that JSON can hold; ``facts_from_record`` gives back the very same facts.

    Pure. Instants are ISO 8601 as given, sets are sorted lists, and each lead, consent and relation is a list of its
    fields in the order they are declared: this form is written once for every check, so it is kept small.
    ``form`` numbers the layout, so that a later layout can still read what this one wrote.
    """
    number, campaign, register, attempts = facts.number, facts.campaign, facts.register, facts.attempts
    record: dict[str, object] = {
        "form": RECORD_FORM,
        "number": None if number is None else [number.country, number.kind, number.valid],
        "campaign": None if campaign is None else _campaign_to_record(campaign),
        "opt_outs": None
        if facts.opt_outs is None
        else [[one.id, sorted(one.channels), one.all_sellers] for one in facts.opt_outs],
        "holds": None if facts.holds is None else list(facts.holds),
        "restrictions": None if facts.restrictions is None else list(facts.restrictions),
        "register": None
        if register is None
        else [register.register, register.version_id, _written(register.as_of), register.listed],
        "leads": None if facts.leads is None else [_lead_to_record(lead) for lead in facts.leads],
        "consents": None if facts.consents is None else [_consent_to_record(one) for one in facts.consents],
        "relations": None
        if facts.relations is None
        else [[one.id, one.product, one.started_at.isoformat(), _written(one.fulfilled_at)] for one in facts.relations],
        "attempts": None if attempts is None else [at.isoformat() for at in attempts.started_at],
    }
    if attempts is not None and attempts.reserved_until is not None:
        record["reserved_until"] = attempts.reserved_until.isoformat()
    return record


def _campaign_to_record(campaign: CampaignFact) -> list[object]:
    """Return the campaign's fields; the seller's rules, [version, rules], only where there are any."""
    record: list[object] = [campaign.product, campaign.channel, campaign.is_open, campaign.opens_weekends]
    if campaign.rules is None:
        record.append(None)
    elif campaign.rules != NO_RULES:
        record.append([campaign.rules.version, rules_to_record(campaign.rules)])
    return record


def _campaign_from_record(
    product: str, channel: str, is_open: bool, opens_weekends: bool, rules: Any = (0, {})
) -> CampaignFact:
    # Any: JSON has no types
    read = None if rules is None else rules_from_record(*rules)
    return CampaignFact(product, Channel(channel), is_open, opens_weekends, read)


def _lead_to_record(lead: LeadFact) -> list[object]:
    return [
        lead.id,
        lead.source_id,
        lead.source_kind,
        lead.basis,
        lead.has_assessment,
        lead.paused,
        _written(lead.collected_at),
        _written(lead.expires_at),
        _written(lead.birth_date),
    ]


def _consent_to_record(consent: ConsentFact) -> list[object]:
    """Return the consent's fields; ``paused`` only where it is."""
    record: list[object] = [
        consent.id,
        consent.names_seller,
        sorted(consent.channels),
        consent.given_at.isoformat(),
        _written(consent.expires_at),
        _written(consent.withdrawn_at),
    ]
    return [*record, True] if consent.paused else record


def _consents_from_record(consents: list[list[Any]], form: int) -> tuple[ConsentFact, ...]:  # Any: JSON has no types
    read = tuple(_consent_from_record(*one) for one in consents)
    if form < FORM_OF_DELIVERIES and any(one.paused for one in read):
        raise ValueError("a consent of this form says what its form did not know")
    return tuple(one for one in read if one.withdrawn_at is None or form >= FORM_OF_LATER_RULES)


def _consent_from_record(
    id_: str,
    names_seller: bool,
    channels: list[str],
    given_at: str,
    expires_at: str | None,
    withdrawn_at: str | None,
    paused: bool = False,
) -> ConsentFact:
    return ConsentFact(
        id_,
        names_seller,
        frozenset(map(Channel, channels)),
        datetime.fromisoformat(given_at),
        _instant_read(expires_at),
        _instant_read(withdrawn_at),
        paused,
    )


def _written(moment: date | None) -> str | None:
    return None if moment is None else moment.isoformat()


def facts_from_record(record: dict[str, object]) -> CallFacts:
    """Return the facts that ``facts_to_record`` wrote down, each equal to what it was.

    Of a form before ``FORM_OF_LATER_RULES`` consents that were withdrawn are left out: they bore on nothing. Of one
    before ``FORM_OF_DELIVERIES`` no consent is known to be delivered by a paused file.

    Raises ValueError, KeyError or TypeError if ``record`` was not written by it: facts are never guessed.
    """
    if record["form"] not in READABLE_FORMS:
        raise ValueError("facts are recorded in a form that this version cannot read")
    held: dict[str, Any] = record  # JSON has no types: each value is given its own below
    number, campaign, register, attempts = held["number"], held["campaign"], held["register"], held["attempts"]
    return CallFacts(
        number=None if number is None else NumberFact(*number),
        campaign=None if campaign is None else _campaign_from_record(*campaign),
        opt_outs=None
        if held["opt_outs"] is None
        else tuple(OptOutFact(id_, frozenset(map(Channel, on)), every) for id_, on, every in held["opt_outs"]),
        holds=None if held["holds"] is None else tuple(held["holds"]),
        restrictions=None if held["restrictions"] is None else tuple(map(RestrictionKind, held["restrictions"])),
        register=None
        if register is None
        else RegisterFact(register[0], register[1], _date_read(register[2]), register[3]),
        leads=None if held["leads"] is None else tuple(_lead_from_record(*lead) for lead in held["leads"]),
        consents=None if held["consents"] is None else _consents_from_record(held["consents"], held["form"]),
        relations=None
        if held["relations"] is None
        else tuple(
            RelationFact(id_, product, datetime.fromisoformat(started), _instant_read(fulfilled))
            for id_, product, started, fulfilled in held["relations"]
        ),
        attempts=None
        if attempts is None
        else AttemptsFact(tuple(map(datetime.fromisoformat, attempts)), _instant_read(held.get("reserved_until"))),
    )


def _lead_from_record(
    id_: str,
    source_id: str,
    source_kind: str,
    basis: str | None,
    has_assessment: bool,
    paused: bool,
    collected_at: str | None,
    expires_at: str | None,
    birth_date: str | None,
) -> LeadFact:
    return LeadFact(
        id_,
        source_id,
        SourceKind(source_kind),
        None if basis is None else Basis(basis),
        has_assessment,
        paused,
        _instant_read(collected_at),
        _instant_read(expires_at),
        _date_read(birth_date),
    )


def _instant_read(written: str | None) -> datetime | None:
    return None if written is None else datetime.fromisoformat(written)


def _date_read(written: str | None) -> date | None:
    return None if written is None else date.fromisoformat(written)
