"""``ringklar supplier`` and ``source``: who delivers leads, and from which origins."""

import click

from cli.context import answer, caller, json_option, refusals, service
from cli.pauses import add_pauses
from consent.terms import Basis
from leads.pauses import pause_source, pause_supplier, resume_source, resume_supplier
from leads.quarantines import quarantine_source, quarantine_supplier
from leads.sources import RETENTION_DAYS, add_source
from leads.suppliers import add_supplier
from leads.terms import SourceKind


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


add_pauses(supplier, "supplier", pause=pause_supplier, quarantine=quarantine_supplier, resume=resume_supplier)


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


add_pauses(source, "source", pause=pause_source, quarantine=quarantine_source, resume=resume_source)
