"""``ringklar assessment``: balancing tests on file, each with its document."""

import shutil
from dataclasses import asdict
from pathlib import Path

import click

from cli.context import answer, caller, json_option, refusals, service
from cli.files import whole_file
from core.clock import utc
from leads.assessments import (
    add_assessment,
    assessment_report,
    assessment_reports,
    open_document,
)


@click.group()
def assessment() -> None:
    """Balancing tests of legitimate interests, kept encrypted. Sources refer to them (GDPR article 6)."""


@assessment.command("add")
@click.argument("reference")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--seller", required=True, help="The slug of the seller whose interest is weighed.")
@click.option("--title", required=True, help="What it is called.")
@json_option
@refusals
def add_one_assessment(reference: str, file: Path, seller: str, title: str, as_json: bool) -> None:
    """Keep FILE as the balancing test REFERENCE. Sources that name the reference have it from now on."""
    with service() as built, built.store.writing() as session, file.open("rb") as document:
        added = add_assessment(
            session,
            built.assessments,
            caller(),
            reference=reference,
            seller=seller,
            title=title,
            document=document,
            file_name=file.name,
            now=built.clock.now(),
        )
    answer(as_json, asdict(added), f"balancing test {added.reference} is on file: sha256 {added.sha256}")


@assessment.command("list")
@json_option
@refusals
def list_assessments(as_json: bool) -> None:
    """Show every balancing test whose document is kept."""
    with service() as built, built.store.reading() as session:
        found = assessment_reports(session, caller())
    lines = [f"{one.reference}  {one.seller}  {one.title}" for one in found]
    document = {"assessments": [asdict(one) for one in found]}
    answer(as_json, document, "\n".join(lines) or "no balancing test is on file")


@assessment.command("show")
@click.argument("reference")
@click.option("--to", type=click.Path(path_type=Path), help="Write the document to this file, which must be new.")
@json_option
@refusals
def show_assessment(reference: str, to: Path | None, as_json: bool) -> None:
    """Show a balancing test, and write its document to a file."""
    with service() as built, built.store.reading() as session:
        shown = assessment_report(session, caller(), reference)
        if to is not None:
            with (
                whole_file(to, must_be_new=True) as file,
                open_document(session, built.assessments, caller(), reference) as document,
            ):
                shutil.copyfileobj(document, file)
    lines = [
        f"balancing test {shown.reference}: {shown.title}",
        f"seller {shown.seller}, filed by {shown.added_by} at {utc(shown.added_at)}",
        f"{shown.file_name}, {shown.size} bytes, sha256 {shown.sha256}",
        *([] if to is None else [f"written to {to}"]),
    ]
    answer(as_json, asdict(shown), "\n".join(lines))
