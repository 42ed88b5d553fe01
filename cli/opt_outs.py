"""``ringklar optout``: the seller's own do-not-call list."""

import sys
from datetime import datetime
from pathlib import Path

import click

from cli.context import FINDING, answer, caller, json_option, refusals, service
from cli.times import INSTANT
from consent.terms import Channel
from core.sellers import seller_named
from dnc.opt_outs import OptOutResult, add_opt_outs, release_opt_out
from leads.shelf import kept_name
from service import Service

AT_ONCE = 5_000


@click.group()
def optout() -> None:
    """Opt-outs: people who said no, by number."""


@optout.command("add")
@click.argument("number")
@click.option("--seller", required=True, help="The seller's slug, or * for every seller.")
@click.option("--via", required=True, help="How the person said it: phone, mail, web …")
@click.option("--received-at", type=INSTANT, help="When the person said it; now if left out.")
@click.option("--note", default="", help="Why, in few words.")
@json_option
@refusals
def add(number: str, seller: str, via: str, received_at: datetime | None, note: str, as_json: bool) -> None:
    """Put NUMBER, in any spelling, on the list; in force when the command has answered."""
    with service() as built:
        [added] = _add(built, [number], seller, via, received_at, note)
    read = None if added.number is None else added.number.e164
    document = {"result": added.result, "id": added.id, "number": read, "fault": added.fault}
    answer(as_json, document, f"{added.result}: {read or added.fault}")
    if added.result == "invalid":
        sys.exit(FINDING)


@optout.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--seller", required=True, help="The seller's slug, or * for every seller.")
@click.option("--via", default="file", show_default=True, help="How the people said it.")
@json_option
@refusals
def import_file(file: Path, seller: str, via: str, as_json: bool) -> None:
    """Put every number in FILE, one a line in any spelling, on the list; each line has a result."""
    lines = file.read_text("utf-8-sig", errors="replace").splitlines()
    numbered = [(place, line) for place, line in enumerate(lines, start=1) if line.strip()]
    counts = {"added": 0, "already": 0, "invalid": 0}
    invalid: list[dict[str, object]] = []
    with service() as built:
        for start in range(0, len(numbered), AT_ONCE):
            part = numbered[start : start + AT_ONCE]
            results = _add(built, [line for _, line in part], seller, via, None, f"file {kept_name(file.name)}")
            for (place, _), result in zip(part, results, strict=True):
                counts[result.result] += 1
                if result.result == "invalid":
                    invalid.append({"line": place, "fault": result.fault})
    text = ", ".join(f"{count} {name}" for name, count in counts.items())
    for row in invalid:
        text += f"\nline {row['line']}: {row['fault']}"
    answer(as_json, {**counts, "invalid_lines": invalid}, text)
    if invalid:
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


def _add(
    built: Service, numbers: list[str], seller: str, via: str, received_at: datetime | None, note: str
) -> list[OptOutResult]:
    with built.store.writing() as session:
        return add_opt_outs(
            session,
            caller(),
            built.keyring,
            numbers=numbers,
            seller_id=None if seller == "*" else seller_named(session, seller).id,
            channels=frozenset(Channel),
            via=via,
            received_at=received_at,
            note=note,
            now=built.clock.now(),
        )
