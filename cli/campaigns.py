"""``ringklar campaign``: a seller's calling efforts."""

import click

from cli.context import answer, caller, json_option, refusals, service
from consent.terms import Channel
from core.sellers import seller_named
from dnc.campaigns import add_campaign, close_campaign


@click.group()
def campaign() -> None:
    """Campaigns: what is sold, for whom, by which kind of call."""


@campaign.command("add")
@click.argument("slug")
@click.option("--seller", required=True, help="The seller's slug.")
@click.option("--product", required=True, help="Product type, by which customer relations and rules match.")
@click.option(
    "--channel",
    type=click.Choice([channel.value for channel in Channel]),
    default="voice",
    show_default=True,
    help="Whether a person or a machine calls.",
)
@click.option("--name", help="What people see; the slug if left out.")
@click.option("--open-weekends", is_flag=True, help="Call on Saturdays and Sundays too, where the law leaves it.")
@json_option
@refusals
def add(
    slug: str, seller: str, product: str, channel: str, name: str | None, open_weekends: bool, as_json: bool
) -> None:
    """Open a campaign."""
    with service() as built, built.store.writing() as session:
        added = add_campaign(
            session,
            caller(),
            slug=slug,
            seller_id=seller_named(session, seller).id,
            name=name or slug,
            product=product,
            channel=Channel(channel),
            opens_weekends=open_weekends,
            now=built.clock.now(),
        )
        document = {"slug": slug, "seller": seller, "product": added.product, "channel": channel}
    answer(as_json, document, f"the campaign {slug} is open")


@campaign.command("close")
@click.argument("slug")
@json_option
@refusals
def close(slug: str, as_json: bool) -> None:
    """Close a campaign: every check for it is denied from now on."""
    with service() as built, built.store.writing() as session:
        close_campaign(session, caller(), slug=slug, now=built.clock.now())
    answer(as_json, {"slug": slug, "open": False}, f"the campaign {slug} is closed")
