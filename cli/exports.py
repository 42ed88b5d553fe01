"""``ringklar leads export``, ``recipient`` and ``canaries``: leads handed out, to whom, and where they showed up."""

from dataclasses import asdict
from datetime import datetime
from io import TextIOWrapper
from pathlib import Path

import click

from cli.context import answer, caller, json_option, refusals, region_option, service
from cli.files import PLAIN_FILE, whole_file
from cli.pages import Page, after_id_option, after_name_option, limit_option, read_on, tell_page
from cli.times import INSTANT
from core.clock import local_day
from core.pages import cut
from dnc.canaries import look_for_canaries, report_sighting, sightings
from dnc.exports import make_export
from dnc.handed_out import ListedExport, export_page, recipient_reports
from dnc.lookups import readable
from dnc.recipients import add_recipient


@click.group()
def recipient() -> None:
    """Recipients: the processors that leads are handed to. Each has a contract."""


@recipient.command("add")
@click.argument("slug")
@click.option("--seller", required=True, help="The slug of the seller whose processor it is.")
@click.option("--name", required=True, help="The recipient's name.")
@click.option("--contract", required=True, help="Reference of the contract under which it processes.")
@click.option("--key", "key_name", help="Name of the API key by which it asks, if it has one of its own.")
@json_option
@refusals
def add_one_recipient(slug: str, seller: str, name: str, contract: str, key_name: str | None, as_json: bool) -> None:
    """Add a recipient, known as SLUG: a processor, and no one else."""
    with service() as built, built.store.writing() as session:
        added = add_recipient(
            session,
            caller(),
            slug=slug,
            seller=seller,
            name=name,
            contract_reference=contract,
            key_name=key_name,
            now=built.clock.now(),
        )
        document = {"id": added.id, "slug": added.slug, "name": added.name, "contract": added.contract_reference}
    answer(as_json, document, f"recipient {slug} added")


@recipient.command("list")
@after_name_option
@limit_option
@json_option
@refusals
def list_recipients(after: str | None, limit: int, as_json: bool) -> None:
    """List the recipients by slug."""
    with service() as built, built.store.reading() as session:
        found = recipient_reports(session, caller(), after=after or "", limit=limit + 1)
    page, next_after = cut(found, limit, lambda one: one.slug)
    documents = [asdict(one) for one in page]
    lines = [f"{one.slug}  {one.seller}  under {one.contract}  {one.name}" for one in page]
    tell_page(as_json, "recipients", documents, lines, next_after, none="there is no recipient")


@recipient.command("exports")
@click.option("--to", "to", help="Those to this recipient alone, by slug.")
@after_id_option
@limit_option
@json_option
@refusals
def list_exports(to: str | None, after: str | None, limit: int, as_json: bool) -> None:
    """List what was handed to recipients, the newest first. It says how many leads, and under which contract."""

    def page_after(cursor: str | None, count: int) -> Page[ListedExport]:
        page = export_page(session, caller(), recipient=to, cursor=cursor, limit=count)
        return page.exports, page.next_cursor

    with service() as built, built.store.reading() as session:
        found, after = read_on(page_after, after, limit)
    documents = [asdict(one) for one in found]
    lines = [
        f"{one.id}  {local_day(one.made_at)}  {one.leads} leads for {one.campaign} "
        f"to {one.recipient} under {one.contract}"
        for one in found
    ]
    tell_page(as_json, "exports", documents, lines, after, none="nothing was handed out")


@click.command("export")
@click.argument("target", metavar="OUT", type=PLAIN_FILE)
@click.option("--campaign", required=True, help="The slug of the campaign that they may be called for.")
@click.option("--to", "to", required=True, help="The recipient's slug.")
@json_option
@refusals
def export(target: Path, campaign: str, to: str, as_json: bool) -> None:
    """Write the leads that could be called to OUT, for a processor. OUT is a CSV file.

    It is no permission: each number is to be checked before it is called. OUT appears when the export is on record.
    """
    with whole_file(target) as binary, service() as built:
        file = TextIOWrapper(binary, "utf-8", newline="")
        exported = make_export(
            built.store,
            built.shelf.listed,
            caller(),
            campaign=campaign,
            recipient=to,
            file=file,
            now=built.clock.now(),
        )
        file.detach()
    document = {
        "id": exported.id,
        "campaign": exported.campaign,
        "recipient": exported.recipient,
        "sha256": exported.sha256,
        "leads": exported.leads,
    }
    answer(as_json, document, f"{exported.leads} leads for {exported.recipient}; check each number before it is called")


@click.group()
def canaries() -> None:
    """Canaries: numbers that reach nobody, put into each export."""


@canaries.command("sightings")
@click.option(
    "--look",
    is_flag=True,
    help="Look through checks, calls, call logs and screened files first, as the jobs do hourly.",
)
@after_id_option
@limit_option
@json_option
@refusals
def list_sightings(look: bool, after: str | None, limit: int, as_json: bool) -> None:
    """List the canaries that showed up where they should not. The oldest first, each with whom it was given to."""
    with service() as built:
        if look:
            look_for_canaries(built.store, built.clock.now())
        with built.store.reading() as session:
            found = sightings(session, caller(), after=after or "", limit=limit + 1)
    page, next_after = cut(found, limit, lambda one: one.id)
    documents = [asdict(one) | {"number": f"+{one.number}"} for one in page]
    lines = [
        f"{one.seen_at:%Y-%m-%d %H:%M} UTC  {one.how}  given to {one.recipient} in {one.export_id}" for one in page
    ]
    tell_page(as_json, "sightings", documents, lines, next_after, none="none was seen")


@canaries.command("report")
@click.argument("written", metavar="NUMBER")
@click.option("--seen-at", type=INSTANT, required=True, help="When it was seen.")
@click.option("--how", required=True, help="Where and how, in few words.")
@region_option
@json_option
@refusals
def report_one(written: str, seen_at: datetime, how: str, region: str, as_json: bool) -> None:
    """Say that NUMBER was seen where it should not be. It is kept only if it is a canary."""
    with service() as built, built.store.writing() as session:
        exports = report_sighting(
            session,
            caller(),
            built.keyring,
            number=readable(written, region).value,
            seen_at=seen_at,
            how=how,
            now=built.clock.now(),
        )
    answer(as_json, {"exports": exports}, f"a canary of {exports} exports" if exports else "not a canary")
