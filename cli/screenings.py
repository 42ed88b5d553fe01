"""``ringklar screen`` and ``ringklar screening``.

What works on files is imported where it is used: it is loaded while the tables are read.
"""

import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from cli.context import answer, caller, json_option, reason_codes, refusals, region_option, service
from cli.files import FILE_IN, PLAIN_FILE
from cli.pages import Page, after_id_option, limit_option, read_on, tell_page
from cli.places import importing
from cli.times import INSTANT
from core.clock import local_day
from dnc.screenings.ahead import begun
from dnc.screenings.service import Wanted, cancel_screening
from dnc.screenings.terms import ScreeningState
from service import Service


@click.command()
@click.argument("source", metavar="IN", type=FILE_IN)
@click.argument("target", metavar="OUT", type=PLAIN_FILE)
@click.option("--campaign", required=True, help="The campaign's slug.")
@click.option("--column", default=None, help="Heading of the number column, or its place as #1 without headings.")
@click.option("--next-opening", is_flag=True, help="Ask for the next hour at which calling is open.")
@click.option("--at", type=INSTANT, help="What if it were this moment? Then nothing is recorded.")
@json_option
@refusals
def screen(
    source: Path,
    target: Path,
    campaign: str,
    column: str | None,
    next_opening: bool,
    at: datetime | None,
    as_json: bool,
) -> None:
    """Check every number of a file, and write it with the answers. The file is CSV or XLSX; the answers are no
    permission to call.

    On record before it is written; OUT appears only when it is whole. What is cut off goes on with screening resume.
    """
    wanted = Wanted(campaign, column, next_opening)
    with service() as built:
        if at is not None:
            from dnc.screenings.work import what_if

            counts = what_if(
                built.screenings, caller(), wanted, source=source, target=target, at=at, progress=_progress()
            ).whole.record()
            answer(as_json, {**counts, "simulated": True}, _in_words(counts))
            return
        with begun(built.store, caller(), wanted, source) as state:
            with importing():
                from dnc.screenings.work import screen_file

                made = built.screenings
            screening_id = screen_file(
                made, caller(), wanted, state, source=source, target=target, asked=_asked, progress=_progress()
            )
        _tell(built, screening_id, as_json, in_short=True)


def _asked(screening_id: str) -> None:
    click.echo(f"screening {screening_id}", err=True)


def _progress() -> Callable[[int, float], None] | None:
    if not sys.stderr.isatty():
        return None

    def told(rows: int, share: float) -> None:
        click.echo(f"\r{rows:>12,} rows {share:>5.0%}", err=True, nl=False)

    return told


def _tell(built: Service, screening_id: str, as_json: bool, *, in_short: bool = False) -> None:
    from dnc.screenings.reports import report_screening

    with built.store.reading() as session:
        report = report_screening(session, caller(), screening_id)
    if in_short and not as_json:
        click.echo(_in_words({"verdicts": report.verdicts}))
        return
    from dnc.screenings.schemas import screening_document

    document = screening_document(report).model_dump(mode="json")
    text = _in_words({"verdicts": document["verdicts"]})
    if in_short:
        answer(as_json, document, text)
        return
    lines = [f"{document['state']}: {document['rows']} rows, {text}"]
    lines += [f"  {reason}: {count}" for reason, count in document["reasons"].items()]
    lines += [f"  source {name}: {_in_words(counts)}" for name, counts in document["sources"].items()]
    answer(as_json, document, "\n".join([*lines, f"  screening {screening_id}"]))


def _in_words(counts: dict[str, object]) -> str:
    verdicts = counts["verdicts"]
    assert isinstance(verdicts, dict)  # noqa: S101 - as it was counted
    return ", ".join(f"{count} {verdict}" for verdict, count in verdicts.items())


@click.group()
def screening() -> None:
    """Screenings on record, and going on with one that was cut off."""


@screening.command("show")
@click.argument("screening_id", metavar="ID")
@click.option("--number", "written", default=None, help="The answers on this number, as they were given.")
@region_option
@json_option
@refusals
def show(screening_id: str, written: str | None, region: str, as_json: bool) -> None:
    """Show how far the screening ID has come, and its summary. With --number, the answer to each of its rows."""
    with service() as built:
        if written is None:
            _tell(built, screening_id, as_json)
            return
        from dnc.lookups import readable
        from dnc.screenings.lookups import answers_on

        number = readable(written, region).value
        with built.store.reading() as session:
            rows = [
                {"row": one.row, "number": f"+{one.number}", **one.answer}
                for one in answers_on(session, caller(), screening_id, number)
            ]
    lines = [f"row {row['row']}: {row['verdict']} {' '.join(reason_codes(row))}".rstrip() for row in rows]
    answer(as_json, rows, "\n".join(lines) or "the screening has no row with that number")


@screening.command("list")
@after_id_option
@limit_option
@json_option
@refusals
def list_(after: str | None, limit: int, as_json: bool) -> None:
    """List the screenings, the newest first. It says how far each has come, and what was answered."""
    from dnc.screenings.lists import screening_page
    from dnc.screenings.reports import ListedScreening
    from dnc.screenings.schemas import listed_document

    def page_after(cursor: str | None, most: int) -> Page[ListedScreening]:
        page = screening_page(session, caller(), cursor=cursor, limit=most)
        return page.screenings, page.next_cursor

    with service() as built, built.store.reading() as session:
        found, after = read_on(page_after, after, limit)
    documents = [listed_document(one).model_dump(mode="json") for one in found]
    tell_page(as_json, "screenings", documents, [_line(one) for one in documents], after, none="no screening")


def _line(one: dict[str, Any]) -> str:  # Any: a screening in a list, in its wire form
    state = f"running ({one['progress']:.0%})" if one["state"] == ScreeningState.RUNNING else one["state"]
    day, what = (
        local_day(datetime.fromisoformat(one["asked_at"])),
        "leads" if one["file_name"] is None else one["file_name"],
    )
    return f"{one['id']}  {day}  {one['campaign']}  {state}, {one['rows']} rows: {_in_words(one)}  {what}"


@screening.command("cancel")
@click.argument("screening_id", metavar="ID")
@json_option
@refusals
def cancel(screening_id: str, as_json: bool) -> None:
    """Stop the screening ID. What is on record stands, nothing is added, and no file appears."""
    with service() as built:
        with built.store.writing() as session:
            cancel_screening(session, caller(), screening_id, built.clock.now())
        _tell(built, screening_id, as_json)


@screening.command("resume")
@click.argument("screening_id", metavar="ID")
@click.argument("source", metavar="IN", type=FILE_IN)
@click.argument("target", metavar="OUT", type=PLAIN_FILE)
@json_option
@refusals
def resume(screening_id: str, source: Path, target: Path, as_json: bool) -> None:
    """Go on with the screening ID of the file IN, and write OUT. Rows on record are written as they were answered."""
    from dnc.screenings.work import resume_file

    with service() as built:
        resume_file(built.screenings, caller(), screening_id, source=source, target=target, progress=_progress())
        _tell(built, screening_id, as_json)
