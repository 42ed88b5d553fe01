"""``ringklar audit``: what was answered, decided again."""

import sys
from datetime import datetime

import click

from cli.context import FINDING, answer, caller, json_option, refusals, service
from cli.times import INSTANT
from dnc.auditor.auditing import Scope, audit, differences_of, excused_of
from dnc.auditor.findings import Difference
from dnc.auditor.schemas import audit_document, difference_document

SHOWN = 100


@click.command("audit")
@click.option("--since", type=INSTANT, help="What was answered since this moment, instead of since the last audit.")
@click.option("--all", "everything", is_flag=True, help="Everything on record.")
@json_option
@refusals
def audit_command(since: datetime | None, everything: bool, as_json: bool) -> None:
    """Decide what was answered since the last audit again. Exit code 1 if an answer differs.

    From its stored facts, against its row, and from the tables as they were; on record when it is through. The jobs do
    it each night. One that was stopped is gone on with.
    """
    if since is not None and everything:
        raise click.UsageError("choose --since or --all")
    scope = Scope.ALL if everything else Scope.SINCE if since is not None else Scope.NEW
    with service() as built:
        now = built.clock.now()
        report = audit(built.store, built.shelf.listed, caller(), now=now, scope=scope, since=since)
        with built.store.reading() as session:
            found = differences_of(session, report.id, limit=SHOWN)
            excused = excused_of(session, report.id, limit=SHOWN)
    counts = report.counts
    lines = [f"{counts.checks} checks decided again: {counts.differences} differ"]
    if counts.screened:
        lines.append(f"  with {counts.screened} screened rows, each number once")
    if counts.erased:
        lines.append(f"  the facts of {counts.erased} entries are erased")
    if counts.unrebuilt:
        lines.append(f"  {counts.unrebuilt} whose past cannot be had whole from the tables")
    if counts.in_flight:
        lines.append(f"  {counts.in_flight} that a change in the same moments explains")
        lines += [f"    {_place(one)}: {one.what}" for one in excused]
    lines += [f"  {one.against.value}: {_place(one)}: {one.what}" for one in found]
    if counts.differences > len(found):
        lines.append(f"  and {counts.differences - len(found)} more: GET /v1/audits/{report.id}/differences")
    differences = [difference_document(one).model_dump(mode="json") for one in found]
    document = audit_document(report).model_dump(mode="json") | {
        "found": differences,
        "excused": [difference_document(one).model_dump(mode="json") for one in excused],
    }
    answer(as_json, document, "\n".join(lines))
    if counts.differences:
        sys.exit(FINDING)


def _place(one: Difference) -> str:
    """Return the check's id; of what has none, as an answer of a screening, its ledger entry."""
    return f"chain {one.chain}, entry {one.seq}" if one.check_id is None else f"check {one.check_id}"
