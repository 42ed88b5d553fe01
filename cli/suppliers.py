"""``ringklar supplier`` and ``source``: who delivers leads, from which origins, and what shows for each."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from cli.context import answer, caller, json_option, refusals, service
from cli.pauses import add_pauses
from cli.times import DAY
from consent.terms import Basis
from leads.assessments import AssessmentDocument
from leads.pauses import pause_source, pause_supplier, resume_source, resume_supplier
from leads.quarantines import quarantine_source, quarantine_supplier
from leads.source_terms import Terms, add_terms, terms_of
from leads.sources import (
    MAX_RETENTION_DAYS,
    RETENTION_DAYS,
    EvidenceGap,
    SourceReport,
    add_source,
    source_report,
    source_reports,
)
from leads.suppliers import SupplierReport, add_supplier, supplier_reports
from leads.terms import SourceKind

DOCUMENTS = {
    AssessmentDocument.KEPT: "document kept",
    AssessmentDocument.ELSEWHERE: "reference only, document not kept here",
    AssessmentDocument.MISSING: "none",
}
WARNINGS = {
    EvidenceGap.NO_ASSESSMENT: (
        "no lead of this source may be called: legitimate interest needs a balancing test on file, "
        "named with --assessment (GDPR art. 6.1.f)"
    ),
    EvidenceGap.ASSESSMENT_DOCUMENT_ELSEWHERE: (
        "balancing test: reference only, document not kept here; ringklar assessment add files it"
    ),
    EvidenceGap.NO_TERMS: "the terms that the person agreed to are not on file; ringklar source terms files them",
    EvidenceGap.NO_ENGLISH_WORDING: "there is no English wording to say (--say-en)",
}


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


@supplier.command("list")
@json_option
@refusals
def list_suppliers(as_json: bool) -> None:
    """Show every supplier."""
    with service() as built, built.store.reading() as session:
        found = supplier_reports(session, caller(), limit=None)
    answer(
        as_json,
        {"suppliers": [asdict(one) for one in found]},
        "\n".join(map(_supplier_line, found)) or "there is no supplier",
    )


add_pauses(supplier, "supplier", pause=pause_supplier, quarantine=quarantine_supplier, resume=resume_supplier)


@click.group()
def source() -> None:
    """Sources: each one origin of leads, with its lawful basis. It has its terms, and what to say in the call."""


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
    "--retention-days",
    type=click.IntRange(1, MAX_RETENTION_DAYS),
    default=RETENTION_DAYS,
    show_default=True,
    help="For how many days a lead may be used, from when it was collected or else received.",
)
@click.option(
    "--needs-identity", is_flag=True, help="Read personal identity numbers in its files, and keep them sealed."
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
    needs_identity: bool,
    as_json: bool,
) -> None:
    """Add a source, known as SLUG. What is said of a bought list must not name its supplier."""
    with service() as built, built.store.writing() as session:
        add_source(
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
            needs_identity=needs_identity,
            now=built.clock.now(),
        )
        added = source_report(session, caller(), slug)
    for gap in added.evidence_gaps:
        click.echo(f"ringklar: {WARNINGS[gap]}", err=True)
    answer(as_json, _source_document(added), f"source {slug} added")


@source.command("terms")
@click.argument("slug")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--url", help="The address of the page that showed them.")
@click.option("--from", "shown_from", type=DAY, metavar="DATE", help="The first day they were shown.")
@click.option("--until", "shown_until", type=DAY, metavar="DATE", help="The last day, once it is known.")
@click.option("--names", multiple=True, help="A company that they name as one that may call. May be given many times.")
@json_option
@refusals
def add_source_terms(
    slug: str,
    file: Path,
    url: str | None,
    shown_from: datetime | None,
    shown_until: datetime | None,
    names: Sequence[str],
    as_json: bool,
) -> None:
    """File the terms in FILE (UTF-8), as the person was shown them. The next wording is the next version."""
    try:
        text = file.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise click.BadParameter("the file is not text in UTF-8", param_hint="FILE") from error
    with service() as built, built.store.writing() as session:
        filed = add_terms(
            session,
            caller(),
            source_slug=slug,
            text=text,
            page_url=url,
            shown_from=None if shown_from is None else shown_from.date(),
            shown_until=None if shown_until is None else shown_until.date(),
            names=names,
            now=built.clock.now(),
        )
        lacking = source_report(session, caller(), slug).evidence_gaps
    document = {**asdict(filed), "evidence_gaps": list(lacking)}
    answer(as_json, document, f"terms of {slug}: version {filed.version}, sha256 {filed.sha256}")


@source.command("show")
@click.argument("slug")
@json_option
@refusals
def show_source(slug: str, as_json: bool) -> None:
    """Show a source, its terms and what its evidence lacks. Every version of the terms, its text with --json."""
    with service() as built, built.store.reading() as session:
        shown = source_report(session, caller(), slug)
        versions = terms_of(session, shown.id)
    document = {**_source_document(shown), "terms": [asdict(terms) for terms in versions]}
    answer(as_json, document, "\n".join(_source_lines(shown, versions)))


@source.command("list")
@json_option
@refusals
def list_sources(as_json: bool) -> None:
    """Show every source, with what its evidence lacks."""
    with service() as built, built.store.reading() as session:
        found = source_reports(session, caller(), limit=None)
    document = {"sources": [_source_document(one) for one in found]}
    answer(as_json, document, "\n".join(map(_source_line, found)) or "there is no source")


add_pauses(source, "source", pause=pause_source, quarantine=quarantine_source, resume=resume_source)


def _source_document(shown: SourceReport) -> dict[str, Any]:
    document = asdict(shown)
    del document["terms"]
    return document | {"terms_version": None if shown.terms is None else shown.terms.version}


def _supplier_line(shown: SupplierReport) -> str:
    return f"{shown.slug}  {shown.kind}  {shown.name}{_paused(shown)}"


def _source_line(shown: SourceReport) -> str:
    lacks = f"  lacks {', '.join(shown.evidence_gaps)}" if shown.evidence_gaps else ""
    return f"{shown.slug}  {shown.basis or 'no basis'}  {shown.name}{_paused(shown)}{lacks}"


def _source_lines(shown: SourceReport, versions: Sequence[Terms]) -> list[str]:
    lines = [
        f"source {shown.slug}: {shown.name}{_paused(shown)}",
        f"supplier {shown.supplier} ({shown.kind}), seller {shown.seller}, kept for {shown.retention_days} days",
        f"basis: {shown.basis or 'none'}",
    ]
    if shown.basis is Basis.LEGITIMATE_INTEREST:
        reference = "" if shown.assessment is None else f"{shown.assessment}, "
        lines.append(f"balancing test: {reference}{DOCUMENTS[shown.assessment_document]}")
    lines += [f"say: {shown.say}", f"say in English: {shown.say_en or 'nothing'}"]
    lines += [_terms_line(terms) for terms in versions] or ["terms: none"]
    return [*lines, f"lacks: {', '.join(shown.evidence_gaps) or 'nothing'}"]


def _terms_line(terms: Terms) -> str:
    shown_from, shown_until = terms.shown_from or "a day not known", terms.shown_until or "further notice"
    where = terms.page_url or "an address not known"
    named = ", ".join(terms.names) or "nobody"
    return f"terms {terms.version}: from {shown_from} to {shown_until} at {where}; names {named}; sha256 {terms.sha256}"


def _paused(shown: SupplierReport | SourceReport) -> str:
    if shown.paused_at is None:
        return ""
    return f"  {'paused' if shown.quarantined_at is None else 'quarantined'}: {shown.paused_reason}"
