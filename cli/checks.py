"""``ringklar check``."""

import json
import sys
from datetime import datetime
from typing import Any

import click

from cli.context import FINDING, answer, caller, json_option, refusals, region_option, service
from cli.times import INSTANT
from dnc.gate import Question
from dnc.rendering import simulated_json
from dnc.tokens import CheckTokens
from service import Service


@click.command()
@click.argument("number")
@click.option("--campaign", required=True, help="The campaign's slug.")
@click.option("--at", type=INSTANT, help="What if it were this moment? Then nothing is recorded.")
@click.option("--token", "with_token", is_flag=True, help="Give a signed permission, to be verified offline.")
@region_option
@json_option
@refusals
def check(number: str, campaign: str, at: datetime | None, with_token: bool, region: str, as_json: bool) -> None:
    """Answer whether NUMBER may be called now, and why. On record before it is answered; exit code 1 unless it may."""
    if with_token and at is not None:
        raise click.UsageError("a what-if is no permission: it has no token")
    with service() as built:
        document = _ask(built, campaign, Question(number, region), at, with_token=with_token)
    answer(as_json, document, _in_words(document))
    if not document["may_call"]:
        sys.exit(FINDING)


def _ask(built: Service, campaign: str, question: Question, at: datetime | None, *, with_token: bool) -> dict[str, Any]:
    if at is not None:
        found, _decision, common = built.gate.simulate(caller(), campaign, question, at=at)
        text = simulated_json(found, common).json
    else:
        given = built.gate.ask(caller(), campaign, question)
        text = CheckTokens(built.keyring.token_key).with_token(given) if with_token else given.json
    document: dict[str, Any] = json.loads(text)
    return document


def _in_words(document: dict[str, Any]) -> str:
    lines = [f"{document['verdict']}: {document['number'] or 'no number could be read'}"]
    for reason in document["reasons"]:
        fault = f" ({reason['fault'].replace('_', ' ')})" if "fault" in reason else ""
        lines.append(f"  {reason['code']} ({reason['rule']}): {reason['text']}{fault}")
    if document["may_call"]:
        lines.append(f"  until {document['valid_until']}")
        if document.get("token"):
            lines.append(f"  token: {document['token']}")
    elif document["retry_at"]:
        lines.append(f"  hours and attempts allow it from {document['retry_at']}")
    source = document["source"]
    if document["may_call"] and source and source.get("say"):
        lines.append(f"  say: {source['say']}")
    if document.get("simulated"):
        lines.append("  what if only: not recorded, and no permission to call")
    return "\n".join(lines)
