"""``ringklar number``."""

import sys
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

import click

from cli.context import FINDING, answer, caller, json_option, reason_codes, refusals, region_option, service
from cli.times import INSTANT
from core.clock import utc
from core.sellers import seller_named
from dnc.facts import RestrictionKind
from dnc.history.rendering import look_up_document
from dnc.history.schemas import LookUpDocument, PastAnswerDocument
from dnc.history.timeline import timeline
from dnc.lookups import look_up, looking_up, readable
from dnc.restrictions import end_restriction, restrict

if TYPE_CHECKING:
    from dnc.screenings.schemas import ScreeningOfNumberDocument

SHOWN = 10
"""Rows of one answer that are told one by one; JSON has all of them."""


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
    """Show everything on NUMBER, as it was and as it was known. That it was looked up goes on record."""
    read = readable(written, region)
    with service() as built:
        now = built.clock.now()
        with looking_up(built.store, caller(), number=read, as_of=as_of, known_at=known_at, now=now) as session:
            record = look_up(session, caller(), number=read, as_of=as_of, known_at=known_at, now=now)
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


@number.command("screenings")
@click.argument("written", metavar="NUMBER")
@region_option
@json_option
@refusals
def screenings_of(written: str, region: str, as_json: bool) -> None:
    """List the screenings that NUMBER stands in, and the answers. The newest first; the look-up goes on record.

    Exit code 1 if rows are damaged, so that nobody can tell whether NUMBER is among them.
    """
    from dnc.screenings.lookups import WhyUnread, look_up_screenings
    from dnc.screenings.schemas import screenings_document

    read = readable(written, region)
    found: list[ScreeningOfNumberDocument] = []
    rows, cursor = 0, None
    with service() as built:
        while True:
            page = screenings_document(look_up_screenings(built.store, caller(), number=read, cursor=cursor))
            found, rows, cursor = _joined(found, page.screenings), rows + page.rows, page.next_cursor
            if sys.stderr.isatty():
                click.echo(f"\r{rows:>14,} rows", err=True, nl=False)
            if cursor is None:
                break
    if sys.stderr.isatty():
        click.echo(err=True)
    lines = [line for one in found for line in _screening_in_words(one)]
    answer(
        as_json,
        {"number": read.e164, "screenings": [one.model_dump(mode="json") for one in found], "rows": rows},
        "\n".join(lines or [f"the number stands in none of the {rows} rows that were screened"]),
    )
    if any(part.why is WhyUnread.DAMAGED for one in found for part in one.unread):
        sys.exit(FINDING)


def _joined(
    found: "list[ScreeningOfNumberDocument]", more: "list[ScreeningOfNumberDocument]"
) -> "list[ScreeningOfNumberDocument]":
    """Return them all; a screening that stands on two pages is one."""
    if not (found and more and found[-1].id == more[0].id):
        return [*found, *more]
    last, rest = found[-1], more[0]
    whole = {"answers": [*last.answers, *rest.answers], "unread": [*last.unread, *rest.unread]}
    return [*found[:-1], last.model_copy(update=whole), *more[1:]]


def _screening_in_words(one: "ScreeningOfNumberDocument") -> Iterator[str]:
    what = "leads" if one.file_name is None else one.file_name.replace("\n", "\ufffd")
    yield f"{one.id}  {utc(one.asked_at)}  {one.campaign} of {one.seller}, by {one.asked_by}, {one.state}: {what}"
    for part in one.answers:
        codes = " ".join(reason_codes(part.answer))
        yield f"  row {_some(part.rows)}: {part.answer['verdict']} {codes}".rstrip() + f", at {utc(part.decided_at)}"
    for gap in one.unread:
        yield f"  rows {gap.first_row} to {gap.last_row}: {gap.why}; nobody can tell whether the number is among them"


def _some(rows: list[int]) -> str:
    more = f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
    return ", ".join(map(str, rows[:SHOWN])) + more


@number.command("restrict")
@click.argument("written", metavar="NUMBER")
@click.option("--seller", required=True, help="The seller's slug, or * for every seller.")
@click.option("--kind", type=click.Choice([kind.value for kind in RestrictionKind]), required=True, help="Why.")
@click.option("--note", default="", help="In few words, and no more of the person than is needed.")
@region_option
@json_option
@refusals
def restrict_number(written: str, seller: str, kind: str, note: str, region: str, as_json: bool) -> None:
    """Deny every call to NUMBER. It is restricted at the person's wish, or the person is deceased or vulnerable."""
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
