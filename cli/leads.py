"""``ringklar leads``: lead files, their rows, and what became of them."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import click
from sqlalchemy.orm import Session

from cli.context import answer, caller, json_option, refusals, service
from cli.files import FILE_IN, PLAIN_FILE, whole_file
from cli.mappings import map_option, mapping_given
from cli.pages import Page, after_id_option, limit_option, read_on, tell_page
from cli.pauses import add_pauses
from cli.places import Places
from cli.references import reference_lines, references_given
from core.clock import local_day
from core.pages import cut
from leads.file_lists import ListedLeadFile, lead_file_page
from leads.importer import import_lead_file, read_lead_file
from leads.intake import DeliveryTerms, HowToRead
from leads.mappings import ENCODINGS
from leads.pauses import pause_lead_file, resume_lead_file
from leads.quarantines import quarantine_lead_file
from leads.reading import Progress
from leads.reports import LeadFileReport, Preview, lead_file_report, rejects_of, reported_rows
from leads.terms import FileState, RowState
from leads.withdrawals import withdraw_lead_file
from leads.workbook_beside import WorkbookBeside
from service import Service, pace_beside, screen_arrival, turn_to_read

SCREENED_AT_ONCE = 5_000
"""Rows of a file that is screened by the command that imports it."""
BAR = 36
"""Signs of the bar that shows how far reading has come."""


_ELSEWHERE = Places(
    {
        "arrival": "cli.arrivals:arrival",
        "export": "cli.exports:export",
        "original": "cli.originals:original",
        "proof": "cli.receipts:proof",
        "receipt": "cli.receipts:receipt",
        "reference": "cli.references:reference",
    }
)


@click.group(commands=_ELSEWHERE)
def leads() -> None:
    """Lead files: import them, and see what became of their rows."""


@leads.command("import")
@click.argument("file", type=FILE_IN)
@click.option("--source", "source_slug", required=True, help="The slug of the source that the file comes from.")
@click.option("--dry-run", is_flag=True, help="Count what an import would give, and keep nothing.")
@map_option
@click.option("--encoding", type=click.Choice(ENCODINGS), help="The character set, if not the one that is found.")
@click.option("--contract", help="Reference of the contract that the file comes under.")
@click.option("--invoice", help="Reference of the invoice.")
@click.option("--order", help="Reference of the order.")
@click.option("--washed", metavar="REGISTER:DATE", help="The supplier's own claim of a wash, as nix:2026-11-15.")
@json_option
@click.pass_obj
@refusals
def import_file(
    workbook: WorkbookBeside | None,
    file: Path,
    source_slug: str,
    dry_run: bool,
    mapped: Sequence[str],
    encoding: str | None,
    contract: str | None,
    invoice: str | None,
    order: str | None,
    washed: str | None,
    as_json: bool,
) -> None:
    """Import a file of leads: CSV, XLSX or JSON Lines. It may be plain or in a zip or gzip archive.

    Cut off, it goes on where it stopped when it is imported again; once read, it is known again.
    """
    how = HowToRead(mapping=mapping_given(mapped) or None, encoding=encoding)
    terms = DeliveryTerms.told(contract, invoice, order, washed)
    with service() as built, _progress() as progress:
        report = import_lead_file(
            built.store,
            built.lead_files,
            caller(),
            path=file,
            file_name=file.name,
            source_slug=source_slug,
            how=how,
            terms=terms,
            dry_run=dry_run,
            progress=progress,
            workbook=workbook,
        )
        _screen(built, report)
    answer(as_json, asdict(report), _told(report))


@leads.command("read")
@click.argument("lead_file_id")
@json_option
@refusals
def read_file(lead_file_id: str, as_json: bool) -> None:
    """Go on reading a lead file that was not read to its end. The jobs do so by themselves."""
    with service() as built:
        with turn_to_read(built, lead_file_id):
            report = read_lead_file(built.store, built.lead_files, caller(), lead_file_id, pace=pace_beside(built))
        _screen(built, report)
    answer(as_json, asdict(report), _told(report))


@leads.command("show")
@click.argument("lead_file_id")
@json_option
@refusals
def show_file(lead_file_id: str, as_json: bool) -> None:
    """Show how far a file has come, and what became of its rows.

    With it how the claim of a wash compares with ours.
    """
    with service() as built, built.store.reading() as session:
        report = lead_file_report(session, caller(), lead_file_id)
        compared = [] if report.wash_register is None else [_wash_compared(session, lead_file_id)]
    answer(as_json, asdict(report), "\n".join([_told(report), *compared]))


@leads.command("list")
@click.option("--source", "source_slug", help="Only the files of this source.")
@click.option("--state", type=click.Choice([state.value for state in FileState]), help="Only the files in this state.")
@click.option("--contract", help="Only the files that come under the contract of this reference.")
@click.option("--invoice", help="Only the files that come under this invoice.")
@click.option("--order", help="Only the files that come under this order.")
@after_id_option
@limit_option
@json_option
@refusals
def list_files(
    source_slug: str | None,
    state: str | None,
    contract: str | None,
    invoice: str | None,
    order: str | None,
    after: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List the lead files, the newest first. It says how far each has come, and what became of its rows.

    A file comes under the contract, invoice or order that was said last: a reference that was replaced finds nothing.
    """
    wanted = None if state is None else FileState(state)
    references = references_given(contract, invoice, order)

    def page_after(cursor: str | None, most: int) -> Page[ListedLeadFile]:
        page = lead_file_page(
            session, caller(), source=source_slug, state=wanted, references=references, cursor=cursor, limit=most
        )
        return page.files, page.next_cursor

    with service() as built, built.store.reading() as session:
        found, after = read_on(page_after, after, limit)
    documents = [asdict(one) for one in found]
    tell_page(as_json, "lead_files", documents, [_line(one) for one in found], after, none="no lead file")


@leads.command("rejects")
@click.argument("lead_file_id")
@click.argument("out", type=PLAIN_FILE)
@refusals
def write_rejects(lead_file_id: str, out: Path) -> None:
    """Write the rows that did not become leads to OUT. They keep the form they came in, each with its reasons added."""
    with service() as built, built.store.reading() as session:
        lead_file_report(session, caller(), lead_file_id)
        with whole_file(out) as file:
            _, count = rejects_of(session, built.lead_files, caller(), lead_file_id, file)
    click.echo(f"{count} rows in {out}")


@leads.command("rows")
@click.argument("lead_file_id")
@click.option("--state", type=click.Choice([state.value for state in RowState]), help="Only the rows in this state.")
@click.option("--after", type=click.IntRange(min=0), default=0, help="Go on after this row, as told by the last call.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=1000, show_default=True, help="How many rows.")
@json_option
@refusals
def list_rows(lead_file_id: str, state: str | None, after: int, limit: int, as_json: bool) -> None:
    """Show what became of each row of a file, and why. In order, counted from 1 below the headings.

    Only with --json the cells are shown too, as they were delivered: they are personal data.
    """
    wanted = None if state is None else RowState(state)
    with service() as built, built.store.reading() as session:
        found = reported_rows(
            session, built.lead_files, caller(), lead_file_id, state=wanted, after=after, limit=limit + 1
        )
    page, next_after = cut(found, limit, lambda row: row.row_no)
    document = {
        "rows": [
            {"row_no": row.row_no, "state": row.state.value, "reasons": list(row.reasons), "cells": row.cells}
            for row in page
        ],
        "next_after": next_after,
    }
    lines = [f"{row.row_no}  {row.state.value}  {', '.join(row.reasons)}".rstrip() for row in page]
    if next_after is not None:
        lines.append(f"there are more: --after {next_after}")
    answer(as_json, document, "\n".join(lines) if lines else "no such row")


add_pauses(
    leads,
    "lead file",
    pause=pause_lead_file,
    quarantine=quarantine_lead_file,
    resume=resume_lead_file,
    named_by="lead_file_id",
)


@leads.command("withdraw")
@click.argument("lead_file_id")
@click.option("--reason", required=True, help="Why; it is kept on record.")
@refusals
def withdraw_file(lead_file_id: str, reason: str) -> None:
    """Take back, for good, all that a wrongly read file says. Then import it again, with another mapping."""
    with service() as built, built.store.writing() as session:
        is_new = withdraw_lead_file(session, caller(), lead_file_id=lead_file_id, reason=reason, now=built.clock.now())
    click.echo(f"lead file {lead_file_id} is {'withdrawn' if is_new else 'withdrawn already'}")


def _screen(built: Service, report: LeadFileReport) -> None:
    """Screen a small file at once; a larger one is screened by the jobs within a minute."""
    if report.id is not None and not report.repeated and not report.dry_run and report.rows <= SCREENED_AT_ONCE:
        screen_arrival(built, report.id)


@contextmanager
def _progress() -> Iterator[Progress | None]:
    """Show on standard error how many rows are read, with a bar where their share is known, if it is a terminal."""
    if not sys.stderr.isatty():
        yield None
        return

    def told(rows: int, share: float | None) -> None:
        bar = "" if share is None else f"[{'#' * round(BAR * share):-<{BAR}}] {share:>4.0%}  "
        click.echo(f"\rreading  {bar}{rows:,} rows", err=True, nl=False)

    click.echo("reading", err=True, nl=False)
    try:
        yield told
    finally:
        click.echo(err=True)


def _line(file: ListedLeadFile) -> str:
    state = file.state.value
    if file.state is FileState.READING and file.progress is not None:
        state = f"{state} ({file.progress:.0%})"
    if file.withdrawn_at is not None:
        paused = "  withdrawn"
    else:
        paused = "" if file.paused_at is None else "  paused" if file.quarantined_at is None else "  quarantined"
    counts = _counts(file) + (f", {count} note{'s' * (count > 1)}" if (count := len(file.warnings or ())) else "")
    return f"{file.id}  {local_day(file.received_at)}  {file.source}  {state}, {counts}{paused}  {file.file_name}"


def _counts(file: LeadFileReport | ListedLeadFile) -> str:
    return (
        f"{file.rows} rows: {file.accepted} accepted, {file.rejected} rejected, "
        f"{file.duplicate} duplicate, {file.ambiguous} ambiguous"
    )


def _told(report: LeadFileReport) -> str:
    opening = "dry run, nothing is kept" if report.dry_run else f"lead file {report.id}"
    if report.repeated:
        opening = f"lead file {report.id} was delivered before; this is what it gave"
    columns = ", ".join(f"{field} from “{heading}”" for field, heading in report.mapping.items())
    lines = [opening, f"columns: {columns}"]
    if report.unread:
        lines.append("kept with the row, not read: " + ", ".join(f"“{heading}”" for heading in report.unread))
    lines += [f"note: {warning}" for warning in _notes(report)]
    lines += reference_lines(report.references)
    if report.wash_register is not None:
        lines.append(f"the supplier claims a wash against {report.wash_register} of {report.wash_version}")
    lines += [f"  row {row.row_no}: {_previewed(row)}" for row in report.preview]
    lines.append(_counts(report))
    lines += [f"  {reason}: {count}" for reason, count in report.reasons.items()]
    if report.state is FileState.READING:
        lines.append("not read to its end yet")
    return "\n".join(lines)


def _wash_compared(session: Session, lead_file_id: str) -> str:
    from cli.arrivals import wash_line
    from dnc.arrivals import NotScreened, newest_arrival

    try:
        return wash_line(newest_arrival(session, caller(), lead_file_id))
    except NotScreened:
        return "wash: not held against our version yet"


def _notes(file: LeadFileReport) -> Sequence[str]:
    if file.warnings is None:
        return ["it was received before what surprises in a file was kept with it"]
    return file.warnings


def _previewed(row: Preview) -> str:
    collected = None if row.collected_at is None else local_day(row.collected_at)
    said = {"number": row.number, "birth_date": row.birth_date, "collected_at": collected, **row.person}
    return ", ".join(f"{field} {value}" for field, value in said.items() if value is not None)
