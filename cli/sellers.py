"""``ringklar seller``: the companies on whose behalf calls are made."""

import click

from cli.context import answer, caller, json_option, refusals, service
from core.sellers import add_seller


@click.group()
def seller() -> None:
    """Sellers: the companies on whose behalf calls are made."""


@seller.command()
@click.argument("slug")
@click.option("--name", required=True, help="The company's name.")
@json_option
@refusals
def add(slug: str, name: str, as_json: bool) -> None:
    """Add a seller, known as SLUG."""
    with service() as built, built.store.writing() as session:
        added = add_seller(session, caller(), slug=slug, name=name, now=built.clock.now())
        document = {"id": added.id, "slug": added.slug, "name": added.name}
    answer(as_json, document, f"seller {slug} added")
