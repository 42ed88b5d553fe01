"""``ringklar leads``: lead files, their rows, and what became of them."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import click

from cli.context import answer, caller, json_option, refusals, service
from cli.pauses import add_pauses
from leads.headings import Field
from leads.importer import Progress, import_lead_file
from leads.pauses import pause_lead_file, resume_lead_file
from leads.quarantines import quarantine_lead_file
from leads.reports import LeadFileReport, reported_rows
from leads.terms import RowState


@click.group()
def leads() -> None:
    """Lead files: import, see rows with their reasons, pause, quarantine, resume."""


@leads.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--source", "source_slug", required=True, help="The slug of the source that the file comes from.")
@click.option("--dry-run", is_flag=True, help="Count what an import would give, and keep nothing.")
@click.option(
    "--map",
    "mapped",
    multiple=True,
    metavar="FIELD=HEADING",
    help=f"Name the heading of a field: {', '.join(Field)}. May be given many times.",
)
@json_option
@refusals
def import_file(file: Path, source_slug: str, dry_run: bool, mapped: Sequence[str], as_json: bool) -> None:
    """Import a CSV file of leads. Cut off, it goes on where it stopped; once read, it is known again."""
    mapping = _mapping(mapped)
    with service() as built, _progress(file.stat().st_size) as progress:
        report = import_lead_file(
            built.store,
            caller(),
            path=file,
            file_name=file.name,
            source_slug=source_slug,
            mapping=mapping,
            dry_run=dry_run,
            progress=progress,
        )
    answer(as_json, {**asdict(report), "received_at": report.received_at.isoformat()}, _told(report))


@leads.command("rows")
@click.argument("lead_file_id")
@click.option("--state", type=click.Choice([state.value for state in RowState]), help="Only the rows in this state.")
@click.option("--after", type=click.IntRange(min=0), default=0, help="Go on after this row, as told by the last call.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=1000, show_default=True, help="How many rows.")
@json_option
@refusals
def list_rows(lead_file_id: str, state: str | None, after: int, limit: int, as_json: bool) -> None:
    """Show a file's rows in order, counted from 1 below the headings: what became of each, and why.

    Only with --json the cells are shown too, as they were delivered: they are personal data.
    """
    wanted = None if state is None else RowState(state)
    with service() as built, built.store.reading() as session:
        found = reported_rows(session, caller(), lead_file_id, state=wanted, after=after, limit=limit + 1)
    page = found[:limit]
    next_after = page[-1].row_no if len(found) > limit else None
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


def _mapping(mapped: Sequence[str]) -> dict[str, str] | None:
    pairs = [pair.partition("=") for pair in mapped]
    for pair, (field, equals, _) in zip(mapped, pairs, strict=True):
        if not equals or not field:
            raise click.BadParameter(f"{pair!r} is not FIELD=HEADING", param_hint="--map")
    if len({field for field, _, _ in pairs}) != len(pairs):
        raise click.BadParameter("a field is mapped twice", param_hint="--map")
    return {field.strip(): heading.strip() for field, _, heading in pairs} or None


@contextmanager
def _progress(size: int) -> Iterator[Progress | None]:
    """Show a bar on standard error if it is a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    with click.progressbar(length=size, label="reading", file=sys.stderr) as bar:
        yield lambda done, _of: bar.update(done - bar.pos)


def _told(report: LeadFileReport) -> str:
    opening = "dry run, nothing is kept" if report.dry_run else f"lead file {report.id}"
    if report.repeated:
        opening = f"lead file {report.id} was delivered before; this is what it gave"
    counts = (
        f"{report.rows} rows: {report.accepted} accepted, {report.rejected} rejected, "
        f"{report.duplicate} duplicate, {report.ambiguous} ambiguous"
    )
    columns = ", ".join(f"{field} from “{heading}”" for field, heading in report.mapping.items())
    reasons = [f"  {reason}: {count}" for reason, count in report.reasons.items()]
    return "\n".join([opening, f"columns: {columns}", counts, *reasons])
