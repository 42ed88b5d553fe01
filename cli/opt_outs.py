"""``ringklar optout``: the seller's own do-not-call list."""

import sys
from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path

import click

from cli.context import FINDING, answer, caller, json_option, refusals, region_option, service
from cli.files import FILE_IN
from cli.times import INSTANT
from consent.terms import Channel
from core.sellers import seller_named
from dnc.opt_out_files import OptOutFile, SaidNo
from dnc.opt_outs import OptOutResult, add_opt_outs, release_opt_out
from leads.shelf import kept_name
from service import Service

AT_ONCE = 1_000
"""Numbers in one transaction: checks wait for it, and in SQLite five times as many took them eight times as long."""


@click.group()
def optout() -> None:
    """Opt-outs: people who said no, by number."""


@optout.command("add")
@click.argument("number")
@click.option("--seller", required=True, help="The seller's slug, or * for every seller.")
@click.option("--via", required=True, help="How the person said it: phone, email, web …; at most 40 characters.")
@click.option("--received-at", type=INSTANT, help="When the person said it; now if left out.")
@click.option("--note", default="", help="Why, in few words.")
@region_option
@json_option
@refusals
def add(
    number: str, seller: str, via: str, received_at: datetime | None, note: str, region: str, as_json: bool
) -> None:
    """Put NUMBER on the list. It is in force when the command has answered."""
    with service() as built:
        [added] = _add(built, [SaidNo(1, number, received_at, is_time_unread=False)], seller, via, note, region)
    read = None if added.number is None else added.number.e164
    document = {"result": added.result, "id": added.id, "number": read, "fault": added.fault}
    answer(as_json, document, f"{added.result}: {read or added.fault}")
    if added.result == "invalid":
        sys.exit(FINDING)


@optout.command("import")
@click.argument("file", type=FILE_IN)
@click.option("--seller", required=True, help="The seller's slug, or * for every seller.")
@click.option("--via", default="file", show_default=True, help="How the people said it.")
@click.option(
    "--column",
    "columns",
    multiple=True,
    help="The heading over the numbers, or the place as #2, if it is not found by itself; once for each column.",
)
@click.option("--received-column", help="The heading over when each person said it, or its place; else it is now.")
@region_option
@json_option
@refusals
def import_file(
    file: Path, seller: str, via: str, columns: tuple[str, ...], received_column: str | None, region: str, as_json: bool
) -> None:
    """Put every number in FILE on the list. One a line, in any spelling, or a table, also XLSX; each has a result."""
    counts = {"added": 0, "already": 0, "invalid": 0}
    invalid: list[dict[str, object]] = []
    undated: list[int] = []
    note = f"file {kept_name(file.name)}"
    with service() as built:
        said = OptOutFile(file, columns=columns, received_column=received_column, region=region, now=built.clock.now())
        where, noes = "row" if said.is_table else "line", said.noes()
        while part := list(islice(noes, AT_ONCE)):
            results = _add(built, part, seller, via, note, region)
            for no, result in zip(part, results, strict=True):
                counts[result.result] += 1
                if result.result == "invalid":
                    invalid.append({where: no.row, "fault": result.fault})
                elif no.is_time_unread:
                    undated.append(no.row)
    text = ", ".join(f"{count} {name}" for name, count in counts.items())
    for one in invalid:
        text += f"\n{where} {one[where]}: {one['fault']}"
    for row in undated:
        text += f"\n{where} {row}: it does not tell when; taken as said now"
    answer(as_json, {**counts, "invalid_lines": invalid, "undated_rows": undated}, text)
    if invalid or undated:
        sys.exit(FINDING)


@optout.command("release")
@click.argument("opt_out_id")
@click.option("--asked-at", type=INSTANT, required=True, help="When the person asked to leave the list.")
@click.option("--verified-by", required=True, help="How it was made sure that the person asked.")
@click.option("--note", default="", help="What was said, in few words.")
@json_option
@refusals
def release(opt_out_id: str, asked_at: datetime, verified_by: str, note: str, as_json: bool) -> None:
    """End an opt-out, because the person asked for it."""
    with service() as built, built.store.writing() as session:
        release_opt_out(
            session,
            caller(),
            built.keyring,
            opt_out_id=opt_out_id,
            asked_by_person_at=asked_at,
            verified_by=verified_by,
            note=note,
            now=built.clock.now(),
        )
    answer(as_json, {"opt_out_id": opt_out_id, "released": True}, "released")


def _add(built: Service, noes: Sequence[SaidNo], seller: str, via: str, note: str, region: str) -> list[OptOutResult]:
    with built.store.writing() as session:
        return add_opt_outs(
            session,
            caller(),
            built.keyring,
            numbers=[no.number for no in noes],
            seller_id=None if seller == "*" else seller_named(session, seller).id,
            channels=frozenset(Channel),
            via=via,
            received_at=None,
            note=note,
            now=built.clock.now(),
            region=region,
            said_at={place: no.received_at for place, no in enumerate(noes) if no.received_at is not None},
        )
