"""``ringklar number``."""

from collections.abc import Iterator
from datetime import datetime

import click

from cli.context import answer, caller, json_option, refusals, region_option, service
from cli.times import INSTANT
from core.clock import utc
from core.sellers import seller_named
from dnc.facts import RestrictionKind
from dnc.history.rendering import look_up_document
from dnc.history.schemas import LookUpDocument, PastAnswerDocument
from dnc.history.timeline import timeline
from dnc.lookups import look_up, readable
from dnc.restrictions import end_restriction, restrict


@click.group()
def number() -> None:
    """Numbers: what is on record."""


@number.command("show")
@click.argument("written", metavar="NUMBER")
@click.option("--as-of", type=INSTANT, help="As it was at this moment.")
@click.option("--known-at", type=INSTANT, help="By what was on record at this moment.")
@region_option
@json_option
@refusals
def show(written: str, as_of: datetime | None, known_at: datetime | None, region: str, as_json: bool) -> None:
    """Everything on NUMBER, as it was and as it was known; that it was looked up goes on record."""
    read = readable(written, region)
    with service() as built, built.store.writing() as session:
        now = built.clock.now()
        record = look_up(session, caller(), built.keyring, number=read, as_of=as_of, known_at=known_at, now=now)
        past = timeline(session, caller(), built.shelf.listed, number=read, as_of=as_of, known_at=known_at, now=now)
        document = look_up_document(record, past)
    answer(as_json, document.model_dump(mode="json"), "\n".join(_in_words(document)))


def _in_words(document: LookUpDocument) -> Iterator[str]:
    """Yield what matters most first: how it stood, how that differs from what is known now, and all that led there."""
    yield f"{document.number} as of {utc(document.as_of)}"
    marks = {"opted out": document.opted_out, "held": document.held}
    marks |= {f"restricted ({kind})": True for kind in document.restrictions}
    yield f"  {', '.join(mark for mark, holds in marks.items() if holds) or 'neither opted out nor held'}"
    for one in document.standing:
        yield f"  {one.campaign}: {_told(one.as_known_then)} as known at {utc(document.known_then)}"
        if one.as_known_now != one.as_known_then:
            yield f"    {_told(one.as_known_now)} as known now"
    for heading, lines in (
        ("What was not known", [one.text for one in document.differences]),
        ("Leads", [f"{lead.source}, {lead.supplier}: {lead.file}, row {lead.row}" for lead in document.leads]),
        (
            "History",
            [
                f"{utc(one.true_at)}  {one.text}"
                + (f" (recorded {utc(one.recorded_at)})" if one.recorded_at != one.true_at else "")
                for one in document.history
            ],
        ),
        ("Checks", [f"{utc(one.checked_at)}  {one.verdict} {one.id}" for one in document.checks]),
    ):
        if lines:
            yield heading
            yield from (f"  {line}" for line in lines)


def _told(one: PastAnswerDocument) -> str:
    return f"{one.verdict} ({', '.join(one.reasons)})" if one.reasons else one.verdict.value


@number.command("restrict")
@click.argument("written", metavar="NUMBER")
@click.option("--seller", required=True, help="The seller's slug, or * for every seller.")
@click.option("--kind", type=click.Choice([kind.value for kind in RestrictionKind]), required=True, help="Why.")
@click.option("--note", default="", help="In few words, and no more of the person than is needed.")
@region_option
@json_option
@refusals
def restrict_number(written: str, seller: str, kind: str, note: str, region: str, as_json: bool) -> None:
    """Deny every call to NUMBER: restricted at the person's wish, or the person is deceased or vulnerable."""
    with service() as built, built.store.writing() as session:
        row = restrict(
            session,
            caller(),
            built.keyring,
            number=readable(written, region).value,
            seller_id=None if seller == "*" else seller_named(session, seller).id,
            kind=RestrictionKind(kind),
            note=note,
            now=built.clock.now(),
        )
    answer(as_json, {"id": row.id, "kind": kind}, f"restricted: {row.id}")


@number.command("unrestrict")
@click.argument("restriction_id", metavar="ID")
@json_option
@refusals
def unrestrict_number(restriction_id: str, as_json: bool) -> None:
    """End the restriction ID."""
    with service() as built, built.store.writing() as session:
        end_restriction(session, caller(), restriction_id=restriction_id, now=built.clock.now())
    answer(as_json, {"id": restriction_id, "ended": True}, "ended")
