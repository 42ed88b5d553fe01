"""The verbs of screenings: asked for, cancelled, resumed, ended. Each is on record with its actor."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.access import Caller, Right
from core.errors import InvalidInput
from core.ids import new_id
from core.ledger import Event, put_on_record
from dnc.drafts import UnknownCampaign
from dnc.gathering import CampaignCard, read_standing
from dnc.models import Campaign
from dnc.screenings.errors import ScreenedFileForgotten, ScreeningBusy, ScreeningNotRunning, UnknownScreening
from dnc.screenings.models import Screening
from dnc.screenings.terms import ScreeningState, Subject
from leads.shelf import kept_name
from leads.suppliers import source_of

KEPT_FOR = timedelta(days=7)
"""How long the file and the result of a screening over HTTP are kept, from when it was asked for."""
ALIVE_FOR = timedelta(minutes=5)
"""A screening that nobody has worked on for so long has been left: a part takes seconds. One that was worked on later
than so long from now was so by a clock that has been put back."""

COLUMN_LENGTH = 200
"""Characters of the heading by which the column of numbers is named."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for: for which campaign, by which column, and for now or for the next hour of calling."""

    campaign: str
    number_column: str | None = None
    next_hour: bool = False


@dataclass(frozen=True, slots=True)
class AskedFile:
    """A file to be screened: its name, SHA-256, bytes, the heading of its numbers if that is told, where it is kept."""

    name: str
    sha256: str
    size: int
    number_column: str | None = None
    kept: str | None = None


def campaign_asked(session: Session, caller: Caller, slug: str, now: datetime) -> CampaignCard:
    """Return the campaign.

    Raises:
        Forbidden: the caller may not screen.
        UnknownCampaign: there is none for the caller.
    """
    caller.require(Right.SCREEN)
    card = read_standing(session.connection(), campaigns=[slug], numbers=(), now=now).campaigns.get(slug)
    if card is None or caller.seller_id not in (None, card.seller_id):
        raise UnknownCampaign("there is no campaign with that slug for your seller")
    return card


def ask_screening(
    session: Session,
    caller: Caller,
    *,
    campaign: str,
    file: AskedFile | None,
    sources: Sequence[str] | None = None,
    next_hour: bool = False,
    now: datetime,
) -> Screening:
    """Return a new screening of the file; without one, of the leads of the campaign's seller, or of the ``sources``.

    Raises:
        Forbidden: the caller may not screen.
        UnknownCampaign: there is none for the caller.
        NotFound: there is no such source for the caller.
        InvalidInput: a source is another seller's, or none is named, or the name of a column is too long.
    """
    if file is None:
        caller.require(Right.SCREEN_LEADS)
    elif len(file.number_column or "") > COLUMN_LENGTH:
        raise InvalidInput(
            f"a column is named by its heading, of at most {COLUMN_LENGTH} characters, or its place as #1"
        )
    card = campaign_asked(session, caller, campaign, now)
    chosen = None if sources is None else [source_of(session, caller, slug) for slug in dict.fromkeys(sources)]
    if chosen is not None and (not chosen or any(source.seller_id != card.seller_id for source in chosen)):
        raise InvalidInput("name sources of the campaign's own seller, or none at all")
    screening = Screening(
        id=new_id(),
        seller_id=card.seller_id,
        campaign_id=card.id,
        subject=(Subject.CAMPAIGN if file is None else Subject.FILE).value,
        file_name=kept_name(file.name) if file is not None else None,
        sha256=file.sha256 if file is not None else None,
        size=file.size if file is not None else None,
        number_column=file.number_column if file is not None else None,
        sources=None if chosen is None else json.dumps([source.id for source in chosen]),
        next_hour=next_hour,
        asked_at=now,
        asked_by=caller.actor,
        state=ScreeningState.RUNNING.value,
        parts=0,
        rows=0,
        progress=0.0,
        counts="{}",
        policies="[]",
        registers="[]",
        ran_at=now,
        kept=file.kept if file is not None else None,
        kept_until=now + KEPT_FOR,
    )
    session.add(screening)
    session.flush()
    put_on_record(session, Event("screening.asked", screening.id, caller.actor, card.seller_id, asked(screening)))
    return screening


def asked(screening: Screening) -> dict[str, object]:
    """Return what was asked for, as the ledger has it."""
    return {
        "campaign_id": screening.campaign_id,
        "subject": screening.subject,
        "file_name": screening.file_name,
        "sha256": screening.sha256,
        "size": screening.size,
        "number_column": screening.number_column,
        "sources": None if screening.sources is None else json.loads(screening.sources),
        "next_hour": screening.next_hour,
    }


def screening_of(session: Session, caller: Caller, screening_id: str, *, to_change: bool = False) -> Screening:
    """Return the screening; ``to_change``: until the transaction ends nobody else changes it.

    Raises:
        Forbidden: the caller may not screen.
        UnknownScreening: there is none for the caller's seller; or another asked for it, and the caller may not screen
            leads: the name of the file may tell who sold a list, and its rows hold numbers.
    """
    caller.require(Right.SCREEN)
    query = select(Screening).where(Screening.id == screening_id)
    screening = session.scalar(query.with_for_update() if to_change else query)
    if (
        screening is None
        or caller.seller_id not in (None, screening.seller_id)
        or (screening.asked_by != caller.actor and not caller.may(Right.SCREEN_LEADS))
    ):
        raise UnknownScreening("there is no such screening for your seller")
    return screening


def campaign_of(session: Session, screening: Screening, now: datetime) -> CampaignCard:
    """Return the campaign as it stands.

    Raises:
        UnknownCampaign: it is gone, or another seller's by now.
    """
    slug = session.scalar(select(Campaign.slug).where(Campaign.id == screening.campaign_id))
    found = read_standing(session.connection(), campaigns=[slug] if slug else (), numbers=(), now=now)
    card = found.campaigns.get(slug or "")
    if card is None or card.seller_id != screening.seller_id:
        raise UnknownCampaign("the campaign is gone, or another seller's by now")
    return card


def cancel_screening(session: Session, caller: Caller, screening_id: str, now: datetime) -> Screening:
    """Return the screening, cancelled: no part of it is put on record after this. Idempotent.

    Raises:
        Forbidden, UnknownScreening: as ``screening_of``.
        ScreeningNotRunning: it is over.
    """
    screening = screening_of(session, caller, screening_id, to_change=True)
    if screening.state == ScreeningState.CANCELLED:
        return screening
    if screening.state != ScreeningState.RUNNING:
        raise ScreeningNotRunning(f"the screening is {screening.state}")
    _end(session, screening, ScreeningState.CANCELLED, caller.actor, now)
    return screening


def resume_screening(
    session: Session, caller: Caller, screening_id: str, now: datetime, *, has_file: bool = False
) -> Screening:
    """Return the screening, running again from where its record ends; or as it is, if it is done.

    ``has_file``: whoever goes on with it has its file; else it must be kept.

    Raises:
        Forbidden, UnknownScreening: as ``screening_of``.
        ScreeningBusy: somebody works on it.
        ScreenedFileForgotten: its file is not kept, or no longer.
    """
    screening = screening_of(session, caller, screening_id, to_change=True)
    if screening.state == ScreeningState.DONE:
        return screening
    if screening.state == ScreeningState.RUNNING and abs(now - screening.ran_at) < ALIVE_FOR:
        raise ScreeningBusy("it is being worked on; cancel it first if it is not")
    if screening.subject == Subject.FILE and screening.kept is None and not has_file:
        raise ScreenedFileForgotten("screen the file again; rows on record stay there")
    screening.state, screening.ended_at, screening.failure = ScreeningState.RUNNING.value, None, None
    screening.ran_at = now
    payload = {"parts": screening.parts, "rows": screening.rows}
    put_on_record(session, Event("screening.resumed", screening.id, caller.actor, screening.seller_id, payload))
    return screening


def finish_screening(
    session: Session,
    screening_id: str,
    now: datetime,
    *,
    result_kept: str | None = None,
    result_name: str | None = None,
) -> Screening:
    """Return the screening, done: its result is whole and in its place. Idempotent.

    Raises:
        ScreeningNotRunning: it was cancelled meanwhile.
    """
    screening = session.scalars(select(Screening).where(Screening.id == screening_id).with_for_update()).one()
    if screening.state == ScreeningState.DONE:
        return screening
    if screening.state != ScreeningState.RUNNING:
        raise ScreeningNotRunning(f"the screening is {screening.state}")
    screening.progress, screening.result_kept, screening.result_name = 1.0, result_kept, result_name
    _end(session, screening, ScreeningState.DONE, screening.asked_by, now)
    return screening


def fail_screening(session: Session, screening_id: str, code: str, now: datetime) -> None:
    """Say that the screening cannot go on, and why by the code of its error; one that is over stays as it is."""
    screening = session.scalars(select(Screening).where(Screening.id == screening_id).with_for_update()).one()
    if screening.state == ScreeningState.RUNNING:
        screening.failure = code
        _end(session, screening, ScreeningState.FAILED, screening.asked_by, now)


def _end(session: Session, screening: Screening, state: ScreeningState, actor: str, now: datetime) -> None:
    screening.state, screening.ended_at = state.value, now
    payload = ended(screening)
    put_on_record(session, Event(f"screening.{state.value}", screening.id, actor, screening.seller_id, payload))


def ended(screening: Screening) -> dict[str, object]:
    """Return how a screening ended, as the ledger has it."""
    return {
        "parts": screening.parts,
        "rows": screening.rows,
        "counts": json.loads(screening.counts),
        "policies": json.loads(screening.policies),
        "registers": json.loads(screening.registers),
        "failure": screening.failure,
    }
