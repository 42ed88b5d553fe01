"""``ringklar check``."""

import json
import sys
from datetime import datetime
from typing import Any

import click

from cli.context import FINDING, answer, caller, json_option, refusals, service
from cli.times import INSTANT
from dnc.gate import Question
from dnc.rendering import simulated_json
from service import Service


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
