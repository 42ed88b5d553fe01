"""``ringklar campaign``: a seller's calling efforts."""

import click

from cli.context import answer, caller, json_option, refusals, service
from cli.pages import after_name_option, limit_option, tell_page
from consent.terms import Channel
from core.clock import local_day
from core.pages import cut
from core.sellers import seller_named
from dnc.campaigns import CampaignReport, add_campaign, campaign_reports, close_campaign
from dnc.rendering import campaign_document


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


@campaign.command("list")
@after_name_option
@limit_option
@json_option
@refusals
def list_(after: str | None, limit: int, as_json: bool) -> None:
    """List the campaigns by slug, the closed ones too."""
    with service() as built, built.store.reading() as session:
        found = campaign_reports(session, caller(), after=after or "", limit=limit + 1)
    page, next_after = cut(found, limit, lambda one: one.slug)
    documents = [campaign_document(one).model_dump(mode="json") for one in page]
    tell_page(as_json, "campaigns", documents, [_line(one) for one in page], next_after, none="there is no campaign")


def _line(one: CampaignReport) -> str:
    weekends = ", weekends too" if one.opens_weekends else ""
    state = "open" if one.closed_at is None else f"closed {local_day(one.closed_at)}"
    return f"{one.slug}  {one.seller}  {one.product}, {one.channel.value}{weekends}  {state}  {one.name}"
