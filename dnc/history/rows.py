"""Everything on record on some numbers, whenever it was true or recorded, read with a handful of statements."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from operator import attrgetter

from sqlalchemy import Connection, bindparam, literal_column, select

from consent.past import PastConsent, PastRelation, past_consents, past_relations
from consent.terms import Channel, read_channels
from core.database import UtcDateTime, any_of, any_of_value
from core.ledger import Position
from core.prepared import Prepared, instant_value, read_date_or_none, read_instant, read_instant_or_none
from core.standing import NUMBERS
from dnc.attempts import counts_at
from dnc.models import (
    Check,
    Complaint,
    Contact,
    Hold,
    OptOut,
    OptOutRelease,
    OptOutRepeat,
    Register,
    RegisterVersion,
    Restriction,
)
from dnc.reservations import CALL_AT_MOST, held_until
from leads.past import PastLead, Pauses, past_files, past_leads, past_pauses


@dataclass(frozen=True, slots=True)
class PastOptOut:
    """An opt-out and its release, if there is one, each with when it was true and when it was recorded."""

    id: str
    seller_id: str | None
    channels: frozenset[Channel]
    via: str
    received_at: datetime
    recorded_at: datetime
    recorded_by: str
    asked_by_person_at: datetime | None
    released_at: datetime | None
    released_by: str | None

    @property
    def ended_at(self) -> datetime | None:
        """When it stopped being true: when the person asked for that, though it was recorded later."""
        if self.released_at is None or self.asked_by_person_at is None:
            return None
        return min(self.asked_by_person_at, self.released_at)


@dataclass(frozen=True, slots=True)
class PastBlock:
    """A hold or restriction, which is true from when it is recorded; ``kind`` is its reason or kind."""

    id: str
    seller_id: str | None
    kind: str
    made_at: datetime
    made_by: str
    ended_at: datetime | None
    ended_by: str | None


@dataclass(frozen=True, slots=True)
class PastContact:
    """A call that took place, when it counts as an attempt, and when it was logged."""

    id: str
    seller_id: str
    campaign_id: str
    check_id: str
    outcome: str
    started_at: datetime
    counts_at: datetime
    recorded_at: datetime
    logged_by: str


@dataclass(frozen=True, slots=True)
class PastPermission:
    """A check that allowed a call, and so held the attempt for whoever asked; ``entry`` is its ledger entry.

    ``held_until``: until when it did, unless a contact settled it; it was ``valid_until`` by older versions' rules.
    """

    id: str
    campaign_id: str
    asked_by: str
    checked_at: datetime
    valid_until: datetime
    held_until: datetime
    entry: Position


@dataclass(frozen=True, slots=True)
class PastRepeat:
    """A no that was said again while its opt-out was in force."""

    opt_out_id: str
    seller_id: str | None
    via: str
    received_at: datetime
    recorded_at: datetime
    recorded_by: str


@dataclass(frozen=True, slots=True)
class PastComplaint:
    """Somebody complained about calls to a number."""

    id: str
    seller_id: str
    kind: str
    via: str
    received_at: datetime
    recorded_at: datetime
    recorded_by: str


@dataclass(frozen=True, slots=True)
class PastRegisterVersion:
    """A version of a country's register: contents as of a day, in force from ``loaded_at`` until the next one."""

    register: str
    country: str
    id: str
    snapshot: str
    as_of: date
    loaded_at: datetime
    loaded_by: str


@dataclass(slots=True)
class Past:
    """What is on record on some numbers. Within a number, each part is in the order of ids.

    ``files`` are the lead files that delivered consents: by id, what a pause of is a pause of the file.
    ``repeats`` and ``complaints`` decide nothing, and are read for a number's timeline alone.
    """

    opt_outs: dict[int, list[PastOptOut]] = field(default_factory=dict)
    holds: dict[int, list[PastBlock]] = field(default_factory=dict)
    restrictions: dict[int, list[PastBlock]] = field(default_factory=dict)
    contacts: dict[int, list[PastContact]] = field(default_factory=dict)
    permissions: dict[int, list[PastPermission]] = field(default_factory=dict)
    leads: dict[int, list[PastLead]] = field(default_factory=dict)
    consents: dict[int, list[PastConsent]] = field(default_factory=dict)
    relations: dict[int, list[PastRelation]] = field(default_factory=dict)
    files: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    pauses: Pauses = field(default_factory=lambda: Pauses({}))
    repeats: dict[int, list[PastRepeat]] = field(default_factory=dict)
    complaints: dict[int, list[PastComplaint]] = field(default_factory=dict)
    versions: dict[str, list[PastRegisterVersion]] = field(default_factory=dict)

    def changed_at(self, number: int) -> Iterator[datetime]:
        """Yield each moment at which something that bears on the number was put on record; some more than once."""
        for opt_out in self.opt_outs.get(number, ()):
            yield opt_out.recorded_at
            if opt_out.released_at is not None:
                yield opt_out.released_at
        for block in (*self.holds.get(number, ()), *self.restrictions.get(number, ())):
            yield block.made_at
            if block.ended_at is not None:
                yield block.ended_at
        for consent in self.consents.get(number, ()):
            yield consent.recorded_at
            if consent.withdrawal_recorded_at is not None:
                yield consent.withdrawal_recorded_at
        for relation in self.relations.get(number, ()):
            yield from (version.recorded_at for version in relation.versions)
        for lead in self.leads.get(number, ()):
            yield lead.settled_at
            yield from (before.replaced_at for before in lead.births)
        yield from (contact.recorded_at for contact in self.contacts.get(number, ()))
        yield from (permission.checked_at for permission in self.permissions.get(number, ()))
        yield from (record.recorded_at for records in self.pauses.by_id.values() for record in records)
        yield from (version.loaded_at for versions in self.versions.values() for version in versions)


_OPT_OUTS = Prepared(
    select(
        OptOut.number,
        OptOut.id,
        OptOut.seller_id,
        OptOut.channels,
        OptOut.via,
        OptOut.received_at,
        OptOut.recorded_at,
        OptOut.recorded_by,
        OptOutRelease.asked_by_person_at,
        OptOutRelease.released_at,
        OptOutRelease.released_by,
    )
    .outerjoin(OptOutRelease, OptOutRelease.opt_out_id == OptOut.id)
    .where(any_of(OptOut.number, NUMBERS))
)
_HOLDS = Prepared(
    select(
        Hold.number, Hold.id, Hold.seller_id, Hold.reason, Hold.made_at, Hold.made_by, Hold.closed_at, Hold.closed_by
    ).where(any_of(Hold.number, NUMBERS))
)
_RESTRICTIONS = Prepared(
    select(
        Restriction.number,
        Restriction.id,
        Restriction.seller_id,
        Restriction.kind,
        Restriction.made_at,
        Restriction.made_by,
        Restriction.ended_at,
        Restriction.ended_by,
    ).where(any_of(Restriction.number, NUMBERS))
)
_CONTACTS = Prepared(
    select(
        Contact.number,
        Contact.id,
        Contact.seller_id,
        Contact.campaign_id,
        Contact.check_id,
        Contact.outcome,
        Contact.started_at,
        counts_at(),
        Contact.recorded_at,
        Contact.logged_by,
    )
    .join(Check, Check.id == Contact.check_id)
    .where(any_of(Contact.number, NUMBERS), counts_at() >= bindparam("since", type_=UtcDateTime()))
)
_PERMISSIONS = Prepared(
    select(
        Check.number,
        Check.id,
        Check.campaign_id,
        Check.asked_by,
        Check.checked_at,
        Check.valid_until,
        Check.chain,
        Check.seq,
    ).where(
        any_of(Check.number, NUMBERS),
        Check.verdict == literal_column("'allow'"),
        Check.valid_until > bindparam("since", type_=UtcDateTime()),
    )
)
_REPEATS = Prepared(
    select(
        OptOut.number,
        OptOut.id,
        OptOut.seller_id,
        OptOutRepeat.via,
        OptOutRepeat.received_at,
        OptOutRepeat.recorded_at,
        OptOutRepeat.recorded_by,
    )
    .join(OptOutRepeat, OptOutRepeat.opt_out_id == OptOut.id)
    .where(any_of(OptOut.number, NUMBERS))
)
_COMPLAINTS = Prepared(
    select(
        Complaint.number,
        Complaint.id,
        Complaint.seller_id,
        Complaint.kind,
        Complaint.via,
        Complaint.received_at,
        Complaint.recorded_at,
        Complaint.recorded_by,
    ).where(any_of(Complaint.number, NUMBERS))
)
_VERSIONS = Prepared(
    select(
        Register.name,
        Register.country,
        RegisterVersion.id,
        RegisterVersion.snapshot_sha256,
        RegisterVersion.as_of,
        RegisterVersion.loaded_at,
        RegisterVersion.loaded_by,
    )
    .join(RegisterVersion, RegisterVersion.register == Register.name)
    .order_by(RegisterVersion.loaded_at, RegisterVersion.id)
)


def past_of(
    connection: Connection, numbers: Collection[int], *, contacts_since: datetime, permissions_since: datetime
) -> Past:
    """Return what is on record on the numbers; of contacts, those that count at ``contacts_since`` or later.

    Of checks, those that allowed a call, and held the attempt until after ``permissions_since``.

    Each part is one statement however many numbers there are: by ix_opt_outs_number, ix_holds_number,
    ix_restrictions_number, ix_contacts_number_contacts_started_at, ix_checks_number, and those of ``leads.past`` and
    ``consent.past``.
    """
    name = connection.dialect.name
    given: dict[str, object] = {"numbers": any_of_value(name, numbers)}
    found = Past(versions=register_versions(connection))
    for number, id_, seller_id, channels, via, *times in _OPT_OUTS.rows(connection, given):
        received_at, recorded_at, by, asked_at, released_at, released_by = times
        opt_out = PastOptOut(
            id_,
            seller_id,
            read_channels(channels),
            via,
            read_instant(received_at),
            read_instant(recorded_at),
            by,
            read_instant_or_none(asked_at),
            read_instant_or_none(released_at),
            released_by,
        )
        found.opt_outs.setdefault(number, []).append(opt_out)
    for part, read in ((found.holds, _HOLDS), (found.restrictions, _RESTRICTIONS)):
        for number, id_, seller_id, kind, made_at, made_by, ended_at, ended_by in read.rows(connection, given):
            block = PastBlock(
                id_, seller_id, kind, read_instant(made_at), made_by, read_instant_or_none(ended_at), ended_by
            )
            part.setdefault(number, []).append(block)
    since = {"since": instant_value(name, contacts_since)}
    for number, id_, seller_id, campaign_id, check_id, outcome, *row in _CONTACTS.rows(connection, given | since):
        started_at, counted_at, recorded_at, by = row
        contact = PastContact(
            id_,
            seller_id,
            campaign_id,
            check_id,
            outcome,
            read_instant(started_at),
            read_instant(counted_at),
            read_instant(recorded_at),
            by,
        )
        found.contacts.setdefault(number, []).append(contact)
    since = {"since": instant_value(name, permissions_since - CALL_AT_MOST)}
    for number, id_, campaign_id, by, checked_at, valid_until, chain, seq in _PERMISSIONS.rows(
        connection, given | since
    ):
        ended_at = read_instant(valid_until)
        permission = PastPermission(
            id_, campaign_id, by, read_instant(checked_at), ended_at, held_until(ended_at), Position(chain, seq)
        )
        found.permissions.setdefault(number, []).append(permission)
    for opt_outs in found.opt_outs.values():
        opt_outs.sort(key=attrgetter("id"))
    for blocks in (*found.holds.values(), *found.restrictions.values()):
        blocks.sort(key=attrgetter("id"))
    found.leads = past_leads(connection, numbers)
    found.consents = past_consents(connection, numbers)
    named = {one.lead_file_id for consents in found.consents.values() for one in consents}
    found.files = past_files(connection, {id_ for id_ in named if id_ is not None})
    came_from = {id_ for leads in found.leads.values() for lead in leads for id_ in lead.came_from}
    found.pauses = past_pauses(connection, came_from.union(*found.files.values()))
    found.relations = past_relations(connection, numbers)
    return found


def read_unweighed(connection: Connection, past: Past, numbers: Collection[int]) -> None:
    """Add to ``past`` what decides nothing: a no said again, and complaints.

    By ix_opt_outs_number and ix_opt_out_repeats_opt_out_id, and by ix_complaints_number.
    """
    given: dict[str, object] = {"numbers": any_of_value(connection.dialect.name, numbers)}
    for number, opt_out_id, seller_id, via, received_at, recorded_at, by in _REPEATS.rows(connection, given):
        repeat = PastRepeat(opt_out_id, seller_id, via, read_instant(received_at), read_instant(recorded_at), by)
        past.repeats.setdefault(number, []).append(repeat)
    for number, id_, seller_id, kind, via, received_at, recorded_at, by in _COMPLAINTS.rows(connection, given):
        complaint = PastComplaint(id_, seller_id, kind, via, read_instant(received_at), read_instant(recorded_at), by)
        past.complaints.setdefault(number, []).append(complaint)


def register_versions(connection: Connection) -> dict[str, list[PastRegisterVersion]]:
    """Return every version of each country's register in the order they came into force. A few hundred rows."""
    found: dict[str, list[PastRegisterVersion]] = {}
    for register, country, id_, snapshot, as_of, loaded_at, loaded_by in _VERSIONS.rows(connection, {}):
        day = read_date_or_none(as_of)
        assert day is not None  # noqa: S101 - the column is never NULL
        version = PastRegisterVersion(register, country, id_, snapshot, day, read_instant(loaded_at), loaded_by)
        found.setdefault(country, []).append(version)
    return found
