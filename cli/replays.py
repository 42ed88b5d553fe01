"""``ringklar replay``: what was answered, decided again by its own rules or by others."""

import sys
from dataclasses import asdict
from datetime import datetime

import click

from cli.context import FINDING, answer, caller, json_option, percent, refusals, service
from cli.times import INSTANT
from dnc.auditor.schemas import OutcomeDocument, ReplayDocument, TallyDocument, replay_document
from dnc.recorded import replay as replay_checks
from dnc.replays import By, replay_period

SHOWN = 30


@click.command()
@click.option("--since", type=INSTANT, help="From this moment.")
@click.option("--until", type=INSTANT, help="Until this moment, which is not of the period.")
@click.option("--policy", help="Under the policy of this version; under that of their time if left out.")
@click.option("--campaign", help="Of this campaign alone.")
@click.option(
    "--by",
    type=click.Choice([by.value for by in By]),
    default="source",
    show_default=True,
    help="What a period's outcome is told by.",
)
@json_option
@refusals
def replay(
    since: datetime | None, until: datetime | None, policy: str | None, campaign: str | None, by: str, as_json: bool
) -> None:
    """Decide past checks and calls again, also by another policy. Nothing is recorded.

    Without --since and --until: every check on record, from its stored facts; exit code 1 if one differs.
    """
    if since is None and until is None:
        if policy is not None or campaign is not None:
            raise click.UsageError("a period is needed: --since and --until")
        _replay_all(as_json)
        return
    if since is None or until is None or since >= until:
        raise click.UsageError("a period has --since, and a later --until")
    with service() as built, built.store.snapshot() as session:
        done = replay_period(session, caller(), since=since, until=until, policy=policy, campaign=campaign, by=By(by))
    document = replay_document(done)
    answer(as_json, document.model_dump(mode="json"), _in_words(document))


def _replay_all(as_json: bool) -> None:
    with service() as built, built.store.snapshot() as session:
        done = replay_checks(session)
    text = f"{done.checks} checks decided again: {len(done.differences)} differ"
    if done.erased_entries:
        text += f"\n  the facts of {done.erased_entries} entries are erased"
    for difference in done.differences:
        text += f"\n  chain {difference.chain}, entry {difference.seq}: {difference.what}"
    answer(as_json, asdict(done), text)
    if done.differences:
        sys.exit(FINDING)


def _in_words(done: ReplayDocument) -> str:
    lines = [f"under {done.policy or 'the policies of their time'}", *_outcome("all", done.all)]
    for name, outcome in list(done.groups.items())[:SHOWN]:
        lines += _outcome(name, outcome)
    if len(done.groups) > SHOWN:
        lines.append(f"and {len(done.groups) - SHOWN} more: --json")
    if done.erased:
        lines.append(f"the facts of {done.erased} entries are erased")
    if done.unreadable:
        lines.append(f"{done.unreadable} stored answers cannot be decided again")
    if done.calls_left_out:
        lines.append(
            f"{done.calls_left_out} calls are left out: the facts of their checks are erased or cannot be read"
        )
    return "\n".join(lines)


def _outcome(name: str, outcome: OutcomeDocument) -> list[str]:
    lines = [name]
    if outcome.calls.total:
        lines.append(f"  {_tally('calls made', outcome.calls)}")
    if outcome.checks.total:
        lines.append(f"  {_tally('checks', outcome.checks)}")
    return lines if len(lines) > 1 else [f"{name}: none"]


def _tally(what: str, one: TallyDocument) -> str:
    changed = f"{one.lost} fewer and {one.gained} more allowed than the {one.allowed} then"
    unknown = f", {one.unknown} unknown" if one.unknown else ""
    return f"{one.total} {what}: {one.deny} ({percent(one.denied_share or 0, 0)}) denied{unknown}; {changed}"
