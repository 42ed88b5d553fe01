"""Gather what is known about numbers: one statement for any number of them, in one database round trip.

The rows come from every table that may speak for or against a call, and are turned into ``CallFacts`` once for each
distinct combination. In facts, a lead, consent, relation or opt-out is named by its place among the number's own
("0", "1", …) and the true ids stand beside, so that equal standings are equal facts.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, bindparam, exists, union_all
from sqlalchemy.sql import Select

from consent.standing import consents_standing, delivered_with, relations_standing
from consent.terms import Basis, Channel, read_channels
from core.access import Caller, keys_standing, remembered
from core.database import UtcDateTime, any_of, any_of_value
from core.numbers import Number
from core.prepared import PreparedRead, instant_value, read_date_or_none, read_instant, read_instant_or_none
from core.sellers import Seller
from core.standing import NUMBERS, standing
from dnc.attempts import counts_at
from dnc.facts import (
    AttemptsFact,
    CallFacts,
    CampaignFact,
    ConsentFact,
    LeadFact,
    NumberFact,
    OptOutFact,
    RegisterFact,
    RelationFact,
    RestrictionKind,
)
from dnc.models import Campaign, Check, Contact, Hold, OptOut, OptOutRelease, Register, RegisterVersion, Restriction
from dnc.policies.catalogue import POLICIES
from dnc.reservations import reservations_standing
from dnc.seller_rules.reading import read_rules, with_newest_rules
from leads.standing import PAUSED, beside_file, file_stands, leads_standing
from leads.terms import SourceKind

LOOK_BACK = max(policy.period for policy in POLICIES) + timedelta(days=2)
Listed = Callable[[str, int], bool | None]
Row = tuple[Any, ...]  # the columns of core.standing: kind, number, id, seller_id, a, b, c, e, t1, t2, t3, flag, day


@dataclass(frozen=True, slots=True)
class CampaignCard:
    """The campaign that asks, and its seller by id and slug."""

    id: str
    slug: str
    seller_id: str
    seller: str
    fact: CampaignFact


@dataclass(frozen=True, slots=True)
class RegisterCard:
    """The version in force of one country's register, and the snapshot it is read from."""

    register: str
    version_id: str | None
    snapshot: str | None
    as_of: date | None


@dataclass(slots=True)
class Standing:
    """Everything the database says that may bear on some numbers, at one moment."""

    campaigns: dict[str, CampaignCard] = field(default_factory=dict)
    keys: dict[str, Caller] = field(default_factory=dict)
    registers: dict[str, RegisterCard] = field(default_factory=dict)
    rows: dict[int, dict[str, list[Row]]] = field(default_factory=dict)
    at: Any = None  # the moment, in the driver's form


def _campaigns() -> Select[Any]:
    """Campaigns: a product, b channel and after a space the seller's rules, c slug, e seller, t1 closed, flag opens
    weekends. By uq_campaigns_slug, and for the rules uq_seller_rules_seller_id."""
    return (
        standing(
            "campaign",
            id=Campaign.id,
            seller_id=Campaign.seller_id,
            a=Campaign.product,
            b=with_newest_rules(Campaign.channel.expression),
            c=Campaign.slug,
            e=Seller.slug,
            t1=Campaign.closed_at,
            flag=Campaign.opens_weekends,
        )
        .join(Seller, Seller.id == Campaign.seller_id)
        .where(any_of(Campaign.slug, bindparam("campaigns")))
    )


def _registers() -> Select[Any]:
    """Registers: a name, b version, c snapshot, e country, day of the version. A handful of rows."""
    return standing(
        "register",
        id=Register.name,
        a=Register.name,
        b=RegisterVersion.id,
        c=RegisterVersion.snapshot_sha256,
        e=Register.country,
        day=RegisterVersion.as_of,
    ).outerjoin(RegisterVersion, RegisterVersion.id == Register.version_id)


def _opt_outs() -> Select[Any]:
    """Opt-outs that were not released: a channels. By ix_opt_outs_number."""
    released = exists().where(OptOutRelease.opt_out_id == OptOut.id)
    return standing("opt_out", id=OptOut.id, number=OptOut.number, seller_id=OptOut.seller_id, a=OptOut.channels).where(
        any_of(OptOut.number, NUMBERS), ~released
    )


def _holds() -> Select[Any]:
    """Holds that are not closed. By ix_holds_number."""
    return standing("hold", id=Hold.id, number=Hold.number, seller_id=Hold.seller_id).where(
        any_of(Hold.number, NUMBERS), Hold.closed_at.is_(None)
    )


def _restrictions() -> Select[Any]:
    """Restrictions that have not ended: a kind. By ix_restrictions_number."""
    return standing(
        "restriction",
        id=Restriction.id,
        number=Restriction.number,
        seller_id=Restriction.seller_id,
        a=Restriction.kind,
    ).where(any_of(Restriction.number, NUMBERS), Restriction.ended_at.is_(None))


def _attempts() -> Select[Any]:
    """Calls that count since ``since``: a campaign, t1 when.

    By ix_contacts_number_contacts_started_at and pk_checks.
    """
    return (
        standing(
            "attempt",
            id=Contact.id,
            number=Contact.number,
            seller_id=Contact.seller_id,
            a=Contact.campaign_id,
            t1=counts_at(),
        )
        .join(Check, Check.id == Contact.check_id)
        .where(any_of(Contact.number, NUMBERS), counts_at() >= bindparam("since", type_=UtcDateTime()))
    )


@cache
def parts_standing() -> tuple[Select[Any], ...]:
    """Return what is read of campaigns, registers, numbers and keys, a SELECT for each kind of row.

    Made when first asked for: not every command asks.
    """
    return (
        _campaigns(),
        _registers(),
        _opt_outs(),
        _holds(),
        _restrictions(),
        leads_standing(),
        beside_file(consents_standing(file_stands()), delivered_with()),
        relations_standing(),
        _attempts(),
        reservations_standing(),
        keys_standing(),
    )


@cache
def all_standing() -> PreparedRead:
    """Return all parts as one statement."""
    return PreparedRead(union_all(*parts_standing()))


def read_standing(
    connection: Connection,
    *,
    campaigns: Iterable[str],
    numbers: Iterable[int],
    now: datetime,
    keys: Iterable[str] = (),
) -> Standing:
    """Return what the database says of campaigns (by slug), numbers and keys (by id), as one statement sees it."""
    name = connection.dialect.name
    values = {
        "campaigns": any_of_value(name, set(campaigns)),
        "numbers": any_of_value(name, set(numbers)),
        "keys": any_of_value(name, set(keys)),
        "since": instant_value(name, now - LOOK_BACK),
    }
    found = Standing(at=instant_value(name, now))
    for row in all_standing().rows(connection, values):
        kind, number = row[0], row[1]
        if number is not None:
            kinds = found.rows.get(number)
            if kinds is None:
                found.rows[number] = {kind: [row]}
            else:
                kinds.setdefault(kind, []).append(row)
        elif kind == "campaign":
            card = _campaign(row[2:])
            found.campaigns[card.slug] = card
        elif kind == "key":
            found.keys[row[2]] = remembered(row[2], row[4], row[5], row[3])
        else:
            found.registers[row[7]] = RegisterCard(row[4], row[5], row[6], read_date_or_none(row[12]))
    return found


def _campaign(row: Row) -> CampaignCard:
    id_, seller_id, product, channel, slug, seller, closed_at, _t2, _t3, opens_weekends, _day = row
    channel, _, rules = channel.partition(" ")
    fact = CampaignFact(product, Channel(channel), closed_at is None, bool(opens_weekends), read_rules(rules))
    return CampaignCard(id_, slug, seller_id, seller, fact)


@dataclass(slots=True)
class Known:
    """One number's facts in raw form: ``key`` is equal exactly when the facts are, ``ids`` name what they speak of."""

    key: tuple[Any, ...]
    ids: dict[str, list[str]]


_PLACES = {
    "opt_out": 0,
    "hold": 1,
    "restriction": 2,
    "lead": 3,
    "consent": 4,
    "relation": 5,
    "attempt": 6,
    "reservation": 7,
}
_NONE: tuple[Any, ...] = ((),) * len(_PLACES)
_NOTHING = Known(_NONE, {})


def known_of(found: Standing, number: int, campaign: CampaignCard, asker: str | None = None) -> Known:
    """Return what bears on ``number`` for the campaign's seller: other sellers' rows are left out.

    So is an attempt that ``asker`` (an actor, as the ledger names it) holds already.
    """
    kinds = found.rows.get(number)
    if kinds is None:
        return _NOTHING
    seller_id, parts, ids = campaign.seller_id, list(_NONE), {}
    for kind, all_rows in kinds.items():
        if kind == "reservation":
            parts[_PLACES[kind]] = _held_by_others(all_rows, campaign.id, asker, found.at)
            continue
        if len(all_rows) == 1 and kind != "attempt":  # as most are
            row = all_rows[0]
            if row[3] == seller_id or row[3] is None:
                ids[kind] = [row[2]]
                parts[_PLACES[kind]] = (row[3:],)
            continue
        rows = [row for row in all_rows if row[3] == seller_id or row[3] is None]
        if kind == "attempt":
            rows = [row for row in rows if row[4] == campaign.id]
        elif rows:
            if len(rows) > 1:
                rows.sort(key=itemgetter(2))
            ids[kind] = [row[2] for row in rows]
        parts[_PLACES[kind]] = tuple([row[3:] for row in rows])
    return Known(tuple(parts), ids)


def _held_by_others(rows: list[Row], campaign_id: str, asker: str | None, at: Any) -> Row:  # Any: the driver's instant
    """Return until when others hold the next attempt for the campaign: of rows that neither lapsed nor are settled."""
    if len(rows) == 1 and rows[0][5] == asker:  # as most are when somebody asks again
        return ()
    return tuple([row[8] for row in rows if row[4] == campaign_id and row[5] != asker and not row[11] and row[8] > at])


def facts_of(
    number: Number | None, campaign: CampaignCard, known: Known | None, register: RegisterFact | None
) -> CallFacts:
    """Return the facts; without a number nothing else could be learnt, and that is what they say."""
    if number is None or known is None:
        return CallFacts(None, campaign.fact, None, None, None, None, None, None, None, None)
    opt_outs, holds, restrictions, leads, consents, relations, attempts, held = known.key
    return CallFacts(
        number=NumberFact(number.country, number.kind.value, number.is_valid),
        campaign=campaign.fact,
        opt_outs=tuple(OptOutFact(str(i), read_channels(r[1]), r[0] is None) for i, r in enumerate(opt_outs)),
        holds=tuple(str(i) for i in range(len(holds))),
        restrictions=tuple(RestrictionKind(r[1]) for r in restrictions),
        register=register,
        leads=tuple(_lead(str(i), r) for i, r in enumerate(leads)),
        consents=tuple(_consent(str(i), r) for i, r in enumerate(consents)),
        relations=tuple(
            RelationFact(str(i), r[1], read_instant(r[5]), read_instant_or_none(r[6])) for i, r in enumerate(relations)
        ),
        attempts=AttemptsFact(
            tuple(sorted((read_instant(r[5]) for r in attempts), reverse=True)),
            read_instant(held[0]) if held else None,
        ),
    )


def _consent(place: str, row: Row) -> ConsentFact:
    _seller, channels, delivered, _c, _e, given_at, expires_at, withdrawn_at, names_seller, _day = row
    return ConsentFact(
        id=place,
        names_seller=bool(names_seller),
        channels=read_channels(channels),
        given_at=read_instant(given_at),
        expires_at=read_instant_or_none(expires_at),
        withdrawn_at=read_instant_or_none(withdrawn_at),
        paused=delivered == PAUSED,
    )


def _lead(place: str, row: Row) -> LeadFact:
    _seller, source_id, kind, basis, assessment, collected_at, expires_at, _t3, paused, birth_date = row
    return LeadFact(
        id=place,
        source_id=source_id,
        source_kind=SourceKind(kind),
        basis=Basis(basis) if basis else None,
        has_assessment=bool(assessment and assessment.strip()),
        paused=bool(paused),
        collected_at=read_instant_or_none(collected_at),
        expires_at=read_instant_or_none(expires_at),
        birth_date=read_date_or_none(birth_date),
    )


def register_fact(found: Standing, country: str | None, listed: bool | None) -> RegisterFact | None:
    """Return what the country's register says of a number; ``listed`` is None if no version of it could be read."""
    card = found.registers.get(country or "")
    if card is None:
        return register_never_loaded(country)
    if card.snapshot is None:
        return RegisterFact(card.register, None, None, None)
    return RegisterFact(card.register, card.version_id, card.as_of, listed)


def register_never_loaded(country: str | None) -> RegisterFact | None:
    """Return what is known where no version of the country's register is on record: which it is, if a policy says."""
    name = next((policy.register for policy in POLICIES if policy.country == country), None)
    return None if name is None else RegisterFact(name, None, None, None)
