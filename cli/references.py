"""``ringklar leads reference``: what a delivery comes under, said once it is known."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import click

from cli.context import answer, caller, json_option, refusals, service
from core.clock import local_day
from leads.references import Reference, add_references
from leads.terms import ReferenceKind


@click.command()
@click.argument("lead_file_id")
@click.option("--contract", help="Reference of the contract that the file comes under.")
@click.option("--invoice", help="Reference of the invoice.")
@click.option("--order", help="Reference of the order.")
@json_option
@refusals
def reference(lead_file_id: str, contract: str | None, invoice: str | None, order: str | None, as_json: bool) -> None:
    """Say what a file that was delivered before comes under. What was said before stays on record."""
    given = references_given(contract, invoice, order)
    with service() as built, built.store.writing() as session:
        found = add_references(session, caller(), lead_file_id, given, built.clock.now())
    answer(as_json, {"references": [asdict(one) for one in found]}, "\n".join(reference_lines(found)))


def references_given(contract: str | None, invoice: str | None, order: str | None) -> Mapping[ReferenceKind, str]:
    """Return the references that options gave."""
    said = {ReferenceKind.CONTRACT: contract, ReferenceKind.INVOICE: invoice, ReferenceKind.ORDER: order}
    return {kind: one for kind, one in said.items() if one is not None}


def reference_lines(references: Sequence[Reference]) -> list[str]:
    """Return a line for each reference: what it is, when and by whom it was said, and whether it stands."""
    return [
        f"{one.kind} {one.reference}, said {local_day(one.said_at)} by {one.said_by}"
        + ("" if one.stands else ", replaced")
        for one in references
    ]
