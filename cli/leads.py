"""``ringklar supplier``, ``source`` and ``leads``: who delivers leads, their origins, and their files."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import click

from cli.context import answer, caller, json_option, refusals, service
from consent.terms import Basis
from leads.headings import Field
from leads.importer import Progress, import_lead_file
from leads.reports import LeadFileReport, reported_rows
from leads.suppliers import (
    RETENTION_DAYS,
    add_source,
    add_supplier,
    pause_lead_file,
    pause_source,
    pause_supplier,
    resume_lead_file,
    resume_source,
    resume_supplier,
)
from leads.terms import RowState, SourceKind

reason_option = click.option("--reason", required=True, help="Why; it is kept on record.")


@click.group()
def supplier() -> None:
    """Suppliers: who delivers leads."""


@supplier.command("add")
@click.argument("slug")
@click.option("--name", required=True, help="The supplier's name.")
@click.option(
    "--kind",
    required=True,
    type=click.Choice([kind.value for kind in SourceKind]),
    help="A partner that collects leads itself, or a seller of lists.",
)
@json_option
@refusals
def add_one_supplier(slug: str, name: str, kind: str, as_json: bool) -> None:
    """Add a supplier, known as SLUG."""
    with service() as built, built.store.writing() as session:
        added = add_supplier(session, caller(), slug=slug, name=name, kind=SourceKind(kind), now=built.clock.now())
        document = {"id": added.id, "slug": added.slug, "name": added.name, "kind": added.kind}
    answer(as_json, document, f"supplier {slug} added")


@supplier.command("pause")
@click.argument("slug")
@reason_option
@refusals
def pause_one_supplier(slug: str, reason: str) -> None:
    """Deny every lead of the supplier, from the next check on."""
    with service() as built, built.store.writing() as session:
        pause_supplier(session, caller(), slug=slug, reason=reason, now=built.clock.now())
    click.echo(f"supplier {slug} is paused")


@supplier.command("resume")
@click.argument("slug")
@refusals
def resume_one_supplier(slug: str) -> None:
    """End the supplier's pause."""
    with service() as built, built.store.writing() as session:
        resume_supplier(session, caller(), slug=slug)
    click.echo(f"supplier {slug} is not paused")


@click.group()
def source() -> None:
    """Sources: each one origin of leads, with its lawful basis and what to say in the call."""


@source.command("add")
@click.argument("slug")
@click.option("--supplier", "supplier_slug", required=True, help="The supplier's slug.")
@click.option("--seller", "seller_slug", required=True, help="The slug of the seller that may call the leads.")
@click.option("--name", required=True, help="What it is: this contest, survey or offer, or this list.")
@click.option("--basis", required=True, type=click.Choice([basis.value for basis in Basis]), help="The lawful basis.")
@click.option("--assessment", help="Reference of the balancing test on file; legitimate interest needs one.")
@click.option("--say", required=True, help="What to say in the call of where the number comes from, in Swedish.")
@click.option("--say-en", help="The same in English.")
@click.option(
    "--retention-days", type=int, default=RETENTION_DAYS, show_default=True, help="How long a lead may be used."
)
@json_option
@refusals
def add_one_source(
    slug: str,
    supplier_slug: str,
    seller_slug: str,
    name: str,
    basis: str,
    assessment: str | None,
    say: str,
    say_en: str | None,
    retention_days: int,
    as_json: bool,
) -> None:
    """Add a source, known as SLUG. What is said of a bought list must not name its supplier."""
    with service() as built, built.store.writing() as session:
        added = add_source(
            session,
            caller(),
            slug=slug,
            supplier=supplier_slug,
            seller=seller_slug,
            name=name,
            basis=Basis(basis),
            assessment=assessment,
            say=say,
            say_en=say_en,
            retention_days=retention_days,
            now=built.clock.now(),
        )
        document = {
            "id": added.id,
            "slug": added.slug,
            "supplier": supplier_slug,
            "seller": seller_slug,
            "name": added.name,
            "basis": added.basis,
            "assessment": added.assessment,
            "say": added.say,
            "say_en": added.say_en,
            "retention_days": added.retention_days,
        }
    if document["basis"] == Basis.LEGITIMATE_INTEREST and document["assessment"] is None:
        click.echo(
            "ringklar: no lead of this source may be called: legitimate interest needs a balancing test on file, "
            "named with --assessment (GDPR art. 6.1.f)",
            err=True,
        )
    answer(as_json, document, f"source {slug} added")


@source.command("pause")
@click.argument("slug")
@reason_option
@refusals
def pause_one_source(slug: str, reason: str) -> None:
    """Deny every lead of the source, from the next check on."""
    with service() as built, built.store.writing() as session:
        pause_source(session, caller(), slug=slug, reason=reason, now=built.clock.now())
    click.echo(f"source {slug} is paused")


@source.command("resume")
@click.argument("slug")
@refusals
def resume_one_source(slug: str) -> None:
    """End the source's pause."""
    with service() as built, built.store.writing() as session:
        resume_source(session, caller(), slug=slug)
    click.echo(f"source {slug} is not paused")


@click.group()
def leads() -> None:
    """Lead files: import, see rows with their reasons, pause, resume."""


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


@leads.command("pause")
@click.argument("lead_file_id")
@reason_option
@refusals
def pause_file(lead_file_id: str, reason: str) -> None:
    """Deny every lead of the file, from the next check on."""
    with service() as built, built.store.writing() as session:
        pause_lead_file(session, caller(), lead_file_id=lead_file_id, reason=reason, now=built.clock.now())
    click.echo(f"lead file {lead_file_id} is paused")


@leads.command("resume")
@click.argument("lead_file_id")
@refusals
def resume_file(lead_file_id: str) -> None:
    """End the file's pause."""
    with service() as built, built.store.writing() as session:
        resume_lead_file(session, caller(), lead_file_id=lead_file_id)
    click.echo(f"lead file {lead_file_id} is not paused")


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
