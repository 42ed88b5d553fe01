"""Leads handed to a processor, such as whoever runs the dialer: which, to whom, under what contract, on record.

An export is no permission to call. It holds the leads that could be called at the next hour of calling, as they stand
when it is made; each number must still be checked before each call, and its last column says so. It never names who
sold a list. Each is seeded with canaries (``dnc.canaries``).
"""

import csv
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import IO

import numpy as np
from pyroaring import BitMap64
from sqlalchemy.orm import Session

from core.access import Caller, Right
from core.database import lock_key
from core.errors import Kind, Overloaded, ServiceError
from core.ids import new_id
from core.ledger import Event, put_on_record
from core.store import Store
from dnc.canaries import chosen, fiction, keyed, sets_out
from dnc.drafts import UnknownCampaign
from dnc.gathering import CampaignCard, Listed, read_standing
from dnc.models import Canary, Export
from dnc.recipients import recipient_of
from dnc.screenings.added import harmless
from dnc.screenings.engine import Screener, one_by_one
from leads.arriving import PAGE, numbers_for_seller, people_on

AT_ONCE = 1_000_000
"""Numbers decided at once."""
COLUMNS = ("number", "name", "reference", "say", "check_before_calling")
EXPORT_LOCK = 0x52494E47_455850  # PostgreSQL advisory lock: exports are seeded one after the other

FIRST_NAMES = ("Anna", "Eva", "Maria", "Karin", "Sara", "Lars", "Anders", "Johan", "Per", "Erik", "Emma", "Nils")
LAST_NAMES = ("Johansson", "Andersson", "Karlsson", "Nilsson", "Eriksson", "Larsson", "Olsson", "Persson", "Svensson")


class NothingToExport(ServiceError):
    """No lead of the campaign's seller could be called at the next hour of calling; no export was made."""

    kind, code, title = Kind.CONFLICT, "nothing-to-export", "There is no lead to export"


class CampaignNotOpen(ServiceError):
    """The campaign is closed, so nobody may be called for it."""

    kind, code, title = Kind.CONFLICT, "campaign-not-open", "The campaign is not open"


class ExportTooLarge(ServiceError):
    """There are more leads than one answer holds; the command writes them to a file."""

    kind, code, title = Kind.CONFLICT, "export-too-large", "The export is too large for one answer"


@dataclass(frozen=True, slots=True)
class MadeExport:
    """An export on record: how many leads and the SHA-256 of the file. What it was seeded with is nobody's to see."""

    id: str
    campaign: str
    recipient: str
    sha256: str
    leads: int
    made_at: datetime


@dataclass(frozen=True, slots=True)
class ExportedRow:
    """One line of an export."""

    number: int
    name: str
    say: str


def make_export(
    store: Store,
    listed: Listed,
    caller: Caller,
    *,
    campaign: str,
    recipient: str,
    file: IO[str],
    now: datetime,
    limit: int | None = None,
) -> MadeExport:
    """Return the export, on record, after writing it to ``file`` as CSV with headings, ordered by number.

    Hand the file over only when this has returned. ``listed`` is ``RegisterShelf.listed``; ``limit`` is how many
    leads are taken at most.

    Raises:
        Forbidden: the caller may not export leads.
        UnknownCampaign, UnknownRecipient: there is none for the caller, or they are of different sellers.
        CampaignNotOpen: the campaign is closed.
        NothingToExport: no lead could be called.
        ExportTooLarge: there are more than ``limit``.
        NoCanaryLeft: too many exports are live.
    """
    caller.require(Right.EXPORT_LEADS)
    export_id, written = new_id(), _Written(file)
    with store.snapshot() as session:
        card = _campaign(session, caller, campaign, now)
        to = recipient_of(session, card.seller_id, recipient)
        session.expunge(to)
        numbers = BitMap64()
        for page in numbers_for_seller(session.connection(), card.seller_id):
            numbers.update([row[0] for row in page])
        key = store.keyring.number_key
        known = read_standing(session.connection(), campaigns=(), numbers=fiction(), now=now)
        canaries = chosen(key, export_id, known.rows, sets_out(session, now))
        writer = csv.writer(written, lineterminator="\n")
        writer.writerow(COLUMNS)
        count = 0
        for row in _seeded(_rows(session, listed, card, numbers, now), canaries, key, export_id):
            count += 1
            if limit is not None and count > limit + len(canaries):
                raise ExportTooLarge(f"at most {limit} leads; use ringklar leads export")
            reference = keyed(key, export_id, row.number).hex()
            writer.writerow((f"+{row.number}", row.name, reference, row.say, "yes"))
    with store.writing() as session:
        lock_key(session, EXPORT_LOCK)
        if frozenset(canaries) in sets_out(session, now):
            raise Overloaded("another export took the same numbers just now; make this one again")
        made = Export(
            id=export_id,
            seller_id=card.seller_id,
            campaign_id=card.id,
            recipient_id=to.id,
            contract_reference=to.contract_reference,
            sha256=written.sha256,
            leads=count - len(canaries),
            made_at=now,
            made_by=caller.actor,
        )
        session.add(made)
        session.flush()
        session.add_all(
            Canary(number=number, export_id=export_id, recipient_id=to.id, seeded_at=now) for number in canaries
        )
        payload = {
            "campaign": card.slug,
            "recipient": to.slug,
            "contract": to.contract_reference,
            "sha256": written.sha256,
            "leads": made.leads,
            "canaries": [store.keyring.number_hash(number) for number in sorted(canaries)],
        }
        put_on_record(session, Event("leads.exported", export_id, caller.actor, card.seller_id, payload))
    return MadeExport(export_id, card.slug, to.slug, written.sha256, made.leads, now)


def _campaign(session: Session, caller: Caller, slug: str, now: datetime) -> CampaignCard:
    found = read_standing(session.connection(), campaigns=[slug], numbers=(), now=now)
    card = found.campaigns.get(slug)
    if card is None or caller.seller_id not in (None, card.seller_id):
        raise UnknownCampaign("there is no campaign with that slug for your seller")
    if not card.fact.is_open:
        raise CampaignNotOpen("nobody may be called for it")
    return card


def _rows(
    session: Session, listed: Listed, campaign: CampaignCard, numbers: BitMap64, now: datetime
) -> Iterator[ExportedRow]:
    """Yield the numbers whose lead could carry a call of the campaign, in order, with whom the lead is of."""
    screener = Screener(session.connection(), one_by_one(listed), campaign, now, next_hour=True)
    each = iter(numbers)
    while len(some := np.fromiter(islice(each, AT_ONCE), dtype=np.int64)):
        screened = screener.screen(some)
        sources = [one.decision.source_id for one in screened.decided]
        is_taken = [
            one.decision.may_call and source is not None for one, source in zip(screened.decided, sources, strict=True)
        ]
        places = np.flatnonzero(np.array(is_taken)[screened.codes])
        for start in range(0, len(places), PAGE):
            page = places[start : start + PAGE]
            codes = screened.codes[page].tolist()
            named = {number: sources[code] for number, code in zip(some[page].tolist(), codes, strict=True)}
            people = people_on(session, named, campaign.seller_id)
            for number, source_id in named.items():
                person = people.get((number, source_id or ""))
                if person is not None:
                    yield ExportedRow(number, harmless(person.name or ""), harmless(person.say))


def _seeded(rows: Iterator[ExportedRow], canaries: Sequence[int], key: bytes, export_id: str) -> Iterator[ExportedRow]:
    """Yield the rows with the canaries among them, in order: each looks like the row beside it, under a made-up name.

    Raises:
        NothingToExport: there is no row.
    """
    waiting, beside = sorted(canaries, reverse=True), None
    for row in rows:
        beside = row
        while waiting and waiting[-1] < row.number:
            yield _canary(waiting.pop(), beside, key, export_id)
        yield row
    if beside is None:
        raise NothingToExport("no lead of the campaign's seller could be called at the next hour of calling")
    while waiting:
        yield _canary(waiting.pop(), beside, key, export_id)


def _canary(number: int, beside: ExportedRow, key: bytes, export_id: str) -> ExportedRow:
    chance = keyed(key, f"{export_id}:name", number)
    made_up = f"{FIRST_NAMES[chance[0] % len(FIRST_NAMES)]} {LAST_NAMES[chance[1] % len(LAST_NAMES)]}"
    return ExportedRow(number, made_up if beside.name else "", beside.say)


class _Written:
    """A text file that knows the SHA-256 of what was written to it, in UTF-8."""

    def __init__(self, file: IO[str]) -> None:
        self._file, self._hash = file, hashlib.sha256()

    def write(self, text: str) -> int:
        self._hash.update(text.encode())
        return self._file.write(text)

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()
