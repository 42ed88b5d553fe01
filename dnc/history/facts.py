"""The facts of a call as they were at a past moment, by what was on record at another, rebuilt from the tables.

Two moments are given with every question. ``at`` is the moment of the call; ``known_at`` says by whose knowledge: with
``known_at == at`` the facts are those that a check found then, with ``known_at`` now they are what is known today of
that moment. Of what was recorded after ``at``, only what was true by ``at`` counts.

What cannot be rebuilt is ``None``, which is unknown and counts against the call; see ``docs/history.md`` for the
limits.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from consent.past import PastConsent
from core.ledger import Position
from core.numbers import Number
from dnc.facts import (
    FORM_OF_DELIVERIES,
    FORM_OF_LATER_RULES,
    RECORD_FORM,
    AttemptsFact,
    CallFacts,
    ConsentFact,
    LeadFact,
    NumberFact,
    OptOutFact,
    RegisterFact,
    RelationFact,
    RestrictionKind,
)
from dnc.gathering import LOOK_BACK, Listed, register_never_loaded
from dnc.history.campaigns import PastCampaign, campaigns_with
from dnc.history.rows import (
    Past,
    PastBlock,
    PastPermission,
    PastRegisterVersion,
    past_of,
)
from dnc.policies.catalogue import policy_for


@dataclass(frozen=True, slots=True)
class Asked:
    """May this number have been called for this campaign (by id) ``at`` that moment, by what was on record then?

    ``number`` None: none could be read. ``asker``, of a check on record, is who asked (its ``asked_by``): an attempt
    that it held itself did not stand in its way. ``entry`` is the check's ledger entry, and tells what came before it
    of what has the very same time. ``counts_held`` False: it was asked before attempts were held at all, as facts
    recorded in form 1 were. ``form``, in which its facts were recorded, tells by which rules consents end and attempts
    count, and whether it was known what delivered a consent. ``plan``: what a former numbering plan said of the number;
    None if today's is meant.
    """

    number: Number | None
    campaign_id: str
    at: datetime
    known_at: datetime
    asker: str | None = None
    entry: Position | None = None
    counts_held: bool = True
    form: int = RECORD_FORM
    plan: NumberFact | None = None

    @property
    def has_later_rules(self) -> bool:
        """Whether a withdrawal ends all that was agreed to before it, and no call counts from before its check."""
        return self.form >= FORM_OF_LATER_RULES

    @property
    def knows_deliveries(self) -> bool:
        """Whether it was known which lead file delivered a consent."""
        return self.form >= FORM_OF_DELIVERIES


def facts_asked(
    connection: Connection,
    listed: Listed,
    asked: Sequence[Asked],
    dated: Callable[[Past], Past] = lambda past: past,
) -> list[CallFacts]:
    """Return the facts of each question, in order; the tables are read once for all of them.

    ``listed`` says of a register snapshot whether it lists a number, or None if it cannot be read any more. Thousands
    of questions at once are cheapest; memory grows with their numbers' rows. A handful of statements, on the
    connection's transaction: give one that sees one state of the database. ``dated`` may date what was read otherwise.
    """
    if not asked:
        return []
    campaigns = campaigns_with(connection, {one.campaign_id for one in asked})
    numbers = {one.number.value for one in asked if one.number is not None}
    first = min(one.at for one in asked)
    past = dated(past_of(connection, numbers, contacts_since=first - LOOK_BACK, permissions_since=first))
    return [facts_from(past, campaigns.get(one.campaign_id), one, listed) for one in asked]


def changes_near(
    connection: Connection, asked: Sequence[Asked], within: timedelta, dated: Callable[[Past], Past] = lambda past: past
) -> list[list[datetime]]:
    """Return for each question the moments, no further from its own, at which what bears on it changed on record."""
    if not asked:
        return []
    numbers = {one.number.value for one in asked if one.number is not None}
    first = min(one.at for one in asked) - within
    past = dated(past_of(connection, numbers, contacts_since=first - LOOK_BACK, permissions_since=first))
    campaigns = campaigns_with(connection, {one.campaign_id for one in asked})
    found = []
    for one in asked:
        campaign = campaigns.get(one.campaign_id)
        moments = set(() if campaign is None else campaign.changed_at())
        if one.number is not None:
            moments.update(past.changed_at(one.number.value))
        found.append(sorted(moment for moment in moments if abs(moment - one.at) <= within))
    return found


def facts_from(past: Past, campaign: PastCampaign | None, asked: Asked, listed: Listed) -> CallFacts:
    """Return the facts of one question from rows that were read; reads nothing but the register's snapshot."""
    number, at, known_at = asked.number, asked.at, asked.known_at
    written = asked.plan or (None if number is None else _number(number))
    if campaign is None or campaign.created_at > min(at, known_at):
        return CallFacts(written, None, None, None, None, None, None, None, None, None)
    campaign_fact = campaign.fact_at(min(at, known_at))
    if number is None:
        return CallFacts(None, campaign_fact, None, None, None, None, None, None, None, None)
    value, seller_id = number.value, campaign.seller_id
    return CallFacts(
        number=written,
        campaign=campaign_fact,
        opt_outs=_opt_outs(past, value, seller_id, at, known_at),
        holds=tuple(str(i) for i, _hold in enumerate(_standing(past.holds.get(value, ()), seller_id, at, known_at))),
        restrictions=tuple(
            RestrictionKind(one.kind) for one in _standing(past.restrictions.get(value, ()), seller_id, at, known_at)
        ),
        register=_register(past, value, written.country if written is not None else None, asked, listed),
        leads=_leads(past, value, seller_id, at, known_at),
        consents=_consents(past, value, seller_id, asked),
        relations=_relations(past, value, seller_id, at, known_at),
        attempts=AttemptsFact(_attempts(past, value, asked), _held_until(past, value, asked)),
    )


def _number(number: Number) -> NumberFact:
    country, kind, is_valid = number.plan
    return NumberFact(country, kind.value, is_valid)


def _opt_outs(past: Past, number: int, seller_id: str, at: datetime, known_at: datetime) -> tuple[OptOutFact, ...]:
    """An opt-out holds from when the person said no until the person asked to leave the list."""
    in_force = []
    for one in past.opt_outs.get(number, ()):
        if one.seller_id not in (None, seller_id) or one.recorded_at > known_at or one.received_at > at:
            continue
        is_release_known = one.released_at is not None and one.released_at <= known_at
        if not is_release_known or one.ended_at is None or one.ended_at > at:
            in_force.append(one)
    return tuple(OptOutFact(str(i), one.channels, one.seller_id is None) for i, one in enumerate(in_force))


def _standing(blocks: Collection[PastBlock], seller_id: str, at: datetime, known_at: datetime) -> Iterable[PastBlock]:
    """Yield the holds or restrictions in force: they begin and end when that is recorded."""
    moment = min(at, known_at)
    for one in blocks:
        ended = one.ended_at is not None and one.ended_at <= moment
        if one.seller_id in (None, seller_id) and one.made_at <= moment and not ended:
            yield one


def version_at(versions: Sequence[PastRegisterVersion], at: datetime, known_at: datetime) -> PastRegisterVersion | None:
    """Return the version that spoke ``at`` a moment, as on record ``known_at``.

    As known then it is the one in force then. By what was learnt later it is, of all loaded by ``known_at``, the one
    with the newest contents that are not from after ``at``.
    """
    loaded = [one for one in versions if one.loaded_at <= known_at]
    if known_at <= at or not loaded:
        return loaded[-1] if loaded else None
    policy = policy_for(loaded[0].country, at)
    today = at.astimezone(policy.zone if policy is not None else UTC).date()
    return max(
        (one for one in loaded if one.as_of <= today),
        key=lambda one: (one.as_of, one.loaded_at, one.id),
        default=None,
    )


def _register(past: Past, number: int, country: str | None, asked: Asked, listed: Listed) -> RegisterFact | None:
    version = version_at(past.versions.get(country or "", ()), asked.at, asked.known_at)
    if version is None:
        return register_never_loaded(country)
    return RegisterFact(version.register, version.id, version.as_of, listed(version.snapshot, number))


def _leads(past: Past, number: int, seller_id: str, at: datetime, known_at: datetime) -> tuple[LeadFact, ...] | None:
    """Return the leads whose file had come by ``at``; None if one of them may or may not have been on record.

    That of a withdrawn file is paused, and gave way to one that its source delivered later.
    """
    facts: list[LeadFact] = []
    moment = min(at, known_at)
    found = [one for one in past.leads.get(number, ()) if one.seller_id == seller_id and one.received_at <= moment]
    for lead in found:
        is_withdrawn = past.pauses.withdrawn(lead.lead_file_id, moment)
        if is_withdrawn and any(
            one.source_id == lead.source_id and one.received_at > lead.received_at for one in found
        ):
            continue
        birth = lead.birth_date_known(known_at)
        if known_at < lead.settled_at or not birth.is_known:
            return None
        facts.append(
            LeadFact(
                id=str(len(facts)),
                source_id=lead.source_id,
                source_kind=lead.source_kind,
                basis=lead.basis,
                has_assessment=lead.has_assessment,
                paused=past.pauses.any_paused(lead.came_from, moment),
                collected_at=lead.collected_at,
                expires_at=lead.expires_at,
                birth_date=None if is_withdrawn and birth.is_own else birth.birth_date,
            )
        )
    return tuple(facts)


def _consents(past: Past, number: int, seller_id: str, asked: Asked) -> tuple[ConsentFact, ...]:
    at, known_at = asked.at, asked.known_at
    facts: list[ConsentFact] = []
    for one in past.consents.get(number, ()):
        if one.seller_id != seller_id or one.recorded_at > known_at:
            continue
        if one.recorded_at > at and one.given_at > at:
            continue
        ended = one.withdrawn_at
        if ended is not None and (
            one.withdrawal_recorded_at is None or one.withdrawal_recorded_at > known_at or ended > at
        ):
            ended = None
        if ended is not None and not asked.has_later_rules:
            continue
        facts.append(
            ConsentFact(
                id=str(len(facts)),
                names_seller=one.names_seller,
                channels=one.channels,
                given_at=one.given_at,
                expires_at=one.expires_at,
                withdrawn_at=ended,
                paused=asked.knows_deliveries and _is_paused(past, one, min(at, known_at)),
            )
        )
    return tuple(facts)


def _is_paused(past: Past, consent: PastConsent, at: datetime) -> bool:
    """Return whether the file that delivered the consent, its source or its supplier was paused."""
    return past.pauses.any_paused(past.files.get(consent.lead_file_id or "", ()), at)


def _relations(past: Past, number: int, seller_id: str, at: datetime, known_at: datetime) -> tuple[RelationFact, ...]:
    facts: list[RelationFact] = []
    for one in past.relations.get(number, ()):
        version = one.known(known_at) if one.seller_id == seller_id else None
        if version is None:
            continue
        fulfilled_at = version.fulfilled_at
        if version.recorded_at > at:  # learnt later: only what was true by then
            if version.started_at > at:
                continue
            if fulfilled_at is not None and fulfilled_at > at:
                fulfilled_at = None
        facts.append(RelationFact(str(len(facts)), one.product, version.started_at, fulfilled_at))
    return tuple(facts)


def _attempts(past: Past, number: int, asked: Asked) -> tuple[datetime, ...]:
    """Return the calls that count at the moment; those on record by then do even if dated later, as in a check."""
    at, since = asked.at, asked.at - LOOK_BACK
    counted = [
        (one.counts_at if asked.has_later_rules else one.started_at, one.recorded_at)
        for one in past.contacts.get(number, ())
        if one.campaign_id == asked.campaign_id and one.recorded_at <= asked.known_at
    ]
    counts_at = (begun for begun, recorded_at in counted if begun >= since and (recorded_at <= at or begun <= at))
    return tuple(sorted(counts_at, reverse=True))


def _held_until(past: Past, number: int, asked: Asked) -> datetime | None:
    """Return until when another asker's answer held the next attempt: the newest that allowed a call for the campaign.

    A contact on that check settles it.
    """
    moment = min(asked.at, asked.known_at)
    before = [
        one
        for one in past.permissions.get(number, ())
        if one.campaign_id == asked.campaign_id and _came_before(one, asked, moment)
    ]
    if not before or not asked.counts_held:
        return None
    newest = max(before, key=lambda one: (one.checked_at, one.entry.chain, one.entry.seq, one.id))
    if newest.asked_by == asked.asker or newest.held_until <= asked.at:
        return None
    contacts = past.contacts.get(number, ())
    is_settled = any(one.check_id == newest.id and one.recorded_at <= moment for one in contacts)
    return None if is_settled else newest.held_until


def _came_before(one: PastPermission, asked: Asked, moment: datetime) -> bool:
    """Say whether the check was answered before the question; of two at one instant, the same chain tells."""
    if one.checked_at != moment or asked.entry is None:
        return one.checked_at <= moment
    return one.entry.chain == asked.entry.chain and one.entry.seq < asked.entry.seq
