"""What happened to a number, event by event: each with when it was true, when it was recorded, and in words.

Pure. Names that a role may not see must be left out by the caller: an event speaks of sources by the names it is given.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from consent.past import PastConsent, PastRelation
from consent.terms import Channel
from core.clock import utc
from dnc.history.rows import Past, PastComplaint, PastRepeat
from leads.past import PastLead


class EventKind(StrEnum):
    """What may happen to a number."""

    OPT_OUT = "opt_out"
    OPT_OUT_REPEATED = "opt_out_repeated"
    RELEASE = "release"
    HOLD = "hold"
    HOLD_CLOSED = "hold_closed"
    RESTRICTION = "restriction"
    RESTRICTION_ENDED = "restriction_ended"
    CONSENT = "consent"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    RELATION = "relation"
    LEAD = "lead"
    BIRTH_DATE = "birth_date"
    PAUSED = "paused"
    QUARANTINED = "quarantined"
    RESUMED = "resumed"
    WITHDRAWN = "withdrawn"
    REGISTER = "register"
    CONTACT = "contact"
    COMPLAINT = "complaint"


@dataclass(frozen=True, slots=True)
class PastEvent:
    """One thing that bears on a number. ``true_at``: from when it was so; ``recorded_at``: from when we knew.

    ``seller_id`` None: it speaks to every seller. ``subject`` is the id of what it happened to. ``text`` says it in
    English, without either time.
    """

    kind: EventKind
    true_at: datetime
    recorded_at: datetime
    recorded_by: str | None
    seller_id: str | None
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class OriginNames:
    """What a number's sources, suppliers and lead files are called, by id."""

    by_id: Mapping[str, str]

    def of(self, id_: str) -> str:
        """Return the name; of one that is not named here, nothing but that."""
        return self.by_id.get(id_, "(not named)")


def events_of(past: Past, number: int, names: OriginNames, seller_id: str | None) -> list[PastEvent]:
    """Return all that is on record on the number for a seller (for every seller, if None), in the order it was true.

    Register versions are not among them: ``dnc.history.timeline`` adds those that were asked.
    """
    found = [
        *_opt_outs(past, number),
        *_repeats(past.repeats.get(number, ())),
        *_blocks(past, number),
        *_consents(past.consents.get(number, ())),
        *_relations(past.relations.get(number, ())),
        *_leads(past.leads.get(number, ()), names),
        *_pauses(past, number, names, seller_id),
        *_contacts(past, number),
        *_complaints(past.complaints.get(number, ())),
    ]
    mine = [event for event in found if seller_id is None or event.seller_id in (None, seller_id)]
    return in_order(mine)


def in_order(events: Sequence[PastEvent]) -> list[PastEvent]:
    """Return the events in the order in which they were true, then in which they were recorded."""
    return sorted(events, key=lambda one: (one.true_at, one.recorded_at, one.kind, one.subject))


def _channels(channels: frozenset[Channel]) -> str:
    if channels >= frozenset(Channel) or not channels:
        return "all calls"
    return " and ".join(sorted(channel.replace("_", " ") for channel in channels)) + " calls"


def _for_whom(seller_id: str | None) -> str:
    return " for every seller" if seller_id is None else ""


def _opt_outs(past: Past, number: int) -> Iterator[PastEvent]:
    for one in past.opt_outs.get(number, ()):
        text = f"an opt-out from {_channels(one.channels)} by {one.via}{_for_whom(one.seller_id)}"
        yield PastEvent(
            EventKind.OPT_OUT, one.received_at, one.recorded_at, one.recorded_by, one.seller_id, one.id, text
        )
        if one.released_at is not None and one.ended_at is not None:
            text = f"the release of an opt-out from {_channels(one.channels)}, which the person asked for"
            yield PastEvent(
                EventKind.RELEASE, one.ended_at, one.released_at, one.released_by, one.seller_id, one.id, text
            )


def _repeats(repeats: Sequence[PastRepeat]) -> Iterator[PastEvent]:
    for one in repeats:
        text = f"the same no again, by {one.via}"
        yield PastEvent(
            EventKind.OPT_OUT_REPEATED,
            one.received_at,
            one.recorded_at,
            one.recorded_by,
            one.seller_id,
            one.opt_out_id,
            text,
        )


def _blocks(past: Past, number: int) -> Iterator[PastEvent]:
    for word, kinds, blocks in (
        ("hold", (EventKind.HOLD, EventKind.HOLD_CLOSED), past.holds.get(number, ())),
        ("restriction", (EventKind.RESTRICTION, EventKind.RESTRICTION_ENDED), past.restrictions.get(number, ())),
    ):
        for one in blocks:
            said = f"{word} ({one.kind.replace('_', ' ')}){_for_whom(one.seller_id)}"
            yield PastEvent(kinds[0], one.made_at, one.made_at, one.made_by, one.seller_id, one.id, f"a {said}")
            if one.ended_at is not None:
                text = f"the end of a {said}"
                yield PastEvent(kinds[1], one.ended_at, one.ended_at, one.ended_by, one.seller_id, one.id, text)


def _consents(consents: Sequence[PastConsent]) -> Iterator[PastEvent]:
    for one in consents:
        named = "that names the seller" if one.names_seller else "that does not name the seller"
        until = f", until {utc(one.expires_at)}" if one.expires_at is not None else ""
        text = f"a consent to {_channels(one.channels)} {named}{until}"
        yield PastEvent(EventKind.CONSENT, one.given_at, one.recorded_at, one.recorded_by, one.seller_id, one.id, text)
        if one.withdrawn_at is not None and one.withdrawal_recorded_at is not None:
            yield PastEvent(
                EventKind.CONSENT_WITHDRAWN,
                one.withdrawn_at,
                one.withdrawal_recorded_at,
                one.withdrawal_recorded_by,
                one.seller_id,
                one.id,
                f"the withdrawal of a consent to {_channels(one.channels)}",
            )


def _relations(relations: Sequence[PastRelation]) -> Iterator[PastEvent]:
    """Each version says what was new in it: that the contract began, was fulfilled, or runs again."""
    for one in relations:
        fulfilled_before: datetime | None = None
        for place, version in enumerate(one.versions):
            contract = f"customer relation ({one.product})"
            if place == 0:
                yield _relation(one, version.started_at, version.recorded_at, version.recorded_by, f"a {contract}")
            if version.fulfilled_at is not None and version.fulfilled_at != fulfilled_before:
                text = f"the fulfilment of a {contract}"
                yield _relation(one, version.fulfilled_at, version.recorded_at, version.recorded_by, text)
            elif place and version.fulfilled_at is None and fulfilled_before is not None:
                text = f"a {contract} that was fulfilled runs again"
                yield _relation(one, version.recorded_at, version.recorded_at, version.recorded_by, text)
            elif place and version.fulfilled_at == fulfilled_before:
                text = f"a {contract} began at another time than was recorded before"
                yield _relation(one, version.started_at, version.recorded_at, version.recorded_by, text)
            fulfilled_before = version.fulfilled_at


def _relation(one: PastRelation, true_at: datetime, recorded_at: datetime, by: str, text: str) -> PastEvent:
    return PastEvent(EventKind.RELATION, true_at, recorded_at, by, one.seller_id, one.id, text)


def _leads(leads: Sequence[PastLead], names: OriginNames) -> Iterator[PastEvent]:
    for one in leads:
        source = names.of(one.source_id)
        text = f"a lead of the source {source}, delivered in {names.of(one.lead_file_id)}"
        yield PastEvent(EventKind.LEAD, one.received_at, one.settled_at, None, one.seller_id, one.id, text)
        for before in one.births:
            at = before.replaced_at
            text = f"another birth date, learnt from a later delivery of the source {source}"
            if before.with_a_file:
                text = f"another birth date, without what a withdrawn file of the source {source} told"
            yield PastEvent(EventKind.BIRTH_DATE, at, at, None, one.seller_id, one.id, text)


def _pauses(past: Past, number: int, names: OriginNames, seller_id: str | None) -> Iterator[PastEvent]:
    """What became of the sources, suppliers and files of leads and consents; of each once, whatever it delivered."""
    came_from = [(one.seller_id, one.came_from) for one in past.leads.get(number, ())]
    came_from += [
        (one.seller_id, past.files[one.lead_file_id])
        for one in past.consents.get(number, ())
        if one.lead_file_id in past.files
    ]
    things: dict[str, tuple[str, str | None]] = {}
    for seller, (source_id, supplier_id, lead_file_id) in came_from:
        if seller_id in (None, seller):
            things[source_id] = ("source", seller)
            things[supplier_id] = ("supplier", None)
            things[lead_file_id] = ("lead file", seller)
    for id_, (word, owner) in things.items():
        for record in past.pauses.by_id.get(id_, ()):
            because = f": {record.reason}" if record.reason else ""
            text = f"the {word} {names.of(id_)} was {record.became}{because}"
            at = record.recorded_at
            yield PastEvent(EventKind(record.became), at, at, record.recorded_by, owner, id_, text)


def _contacts(past: Past, number: int) -> Iterator[PastEvent]:
    for one in past.contacts.get(number, ()):
        text = f"a call ({one.outcome.replace('_', ' ')})"
        yield PastEvent(EventKind.CONTACT, one.started_at, one.recorded_at, one.logged_by, one.seller_id, one.id, text)


def _complaints(complaints: Sequence[PastComplaint]) -> Iterator[PastEvent]:
    for one in complaints:
        text = f"a complaint ({one.kind}) by {one.via}"
        yield PastEvent(
            EventKind.COMPLAINT, one.received_at, one.recorded_at, one.recorded_by, one.seller_id, one.id, text
        )
