"""``ringklar check`` and ``ringklar screen``."""

import csv
import json
import sys
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import click

from cli.context import FINDING, answer, caller, json_option, refusals, service
from cli.times import INSTANT
from dnc.gate import Question
from dnc.rendering import simulated_json
from service import Service

AT_ONCE = 5_000
ADDED = ("verdict", "reasons", "basis", "say", "valid_until", "check_id")


@click.command()
@click.argument("number")
@click.option("--campaign", required=True, help="The campaign's slug.")
@click.option("--at", type=INSTANT, help="What if it were this moment? Then nothing is recorded.")
@json_option
@refusals
def check(number: str, campaign: str, at: datetime | None, as_json: bool) -> None:
    """May NUMBER, in any spelling, be called now? On record before it is answered; exit code 1 unless it may."""
    with service() as built:
        document = _ask(built, campaign, [number], at)[0]
    answer(as_json, document, _in_words(document))
    if not document["may_call"]:
        sys.exit(FINDING)


def _ask(built: Service, campaign: str, numbers: list[str], at: datetime | None) -> list[dict[str, Any]]:
    questions = [Question(number) for number in numbers]
    if at is None:
        return [json.loads(one.json) for one in built.gate.ask_many(caller(), campaign, questions)]
    found = built.gate.simulate_many(caller(), campaign, questions, at=at)
    return [json.loads(simulated_json(number, common).json) for number, _decision, common in found]


def _in_words(document: dict[str, Any]) -> str:
    lines = [f"{document['verdict']}: {document['number'] or 'no number could be read'}"]
    lines += [f"  {reason['code']} ({reason['rule']}): {reason['text']}" for reason in document["reasons"]]
    if document["may_call"]:
        lines.append(f"  until {document['valid_until']}")
    elif document["retry_at"]:
        lines.append(f"  hours and attempts allow it from {document['retry_at']}")
    source = document["source"]
    if document["may_call"] and source and source.get("say"):
        lines.append(f"  say: {source['say']}")
    if document.get("simulated"):
        lines.append("  what if only: not recorded, and no permission to call")
    return "\n".join(lines)


@click.command()
@click.argument("source", metavar="IN", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("target", metavar="OUT", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--campaign", required=True, help="The campaign's slug.")
@click.option("--column", default=None, help="Heading of the number column; the first column if left out.")
@click.option("--at", type=INSTANT, help="What if it were this moment? Then nothing is recorded.")
@json_option
@refusals
def screen(source: Path, target: Path, campaign: str, column: str | None, at: datetime | None, as_json: bool) -> None:
    """Check every number of a CSV file with headings (UTF-8; comma or semicolon) and write the file with the answers.

    OUT appears only when it is whole.
    """
    counts = {"allow": 0, "deny": 0, "unknown": 0}
    unfinished = target.with_name(target.name + ".part")
    with source.open(encoding="utf-8-sig", newline="") as given, service() as built:
        first = given.readline()
        given.seek(0)
        delimiter = ";" if first.count(";") > first.count(",") else ","
        reader = csv.reader(given, delimiter=delimiter)
        headings = next(reader, None)
        if not headings or (column is not None and column not in headings):
            raise click.UsageError("the file has no headings" if not headings else "the file has no such column")
        place = headings.index(column) if column is not None else 0
        with unfinished.open("w", encoding="utf-8", newline="") as written:
            writer = csv.writer(written, delimiter=delimiter)
            writer.writerow([*headings, *ADDED])
            while rows := [_as_wide(row, len(headings)) for row in islice(reader, AT_ONCE)]:
                numbers = [row[place] for row in rows]
                for row, document in zip(rows, _ask(built, campaign, numbers, at), strict=True):
                    counts[document["verdict"]] += 1
                    writer.writerow([*row, *_added(document)])
    unfinished.replace(target)
    answer(as_json, counts, ", ".join(f"{count} {verdict}" for verdict, count in counts.items()))


def _as_wide(row: list[str], width: int) -> list[str]:
    """Return the row with a cell under each heading, so that what is added stands under its own."""
    if any(cell.strip() for cell in row[width:]):
        raise click.UsageError("a row has more cells than there are headings")
    return [*row[:width], *[""] * (width - len(row))]


def _added(document: dict[str, Any]) -> list[str]:
    source, basis = document["source"] or {}, document["lawful_basis"] or {}
    return [
        document["verdict"],
        " ".join(reason["code"] for reason in document["reasons"]),
        basis.get("basis") or "",
        source.get("say") or "",
        document["valid_until"] or "",
        document.get("id") or "",
    ]
