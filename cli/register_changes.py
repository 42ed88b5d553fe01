"""How registers change, at the command line: compare two versions, hold past contacts against one."""

import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import click

from cli.context import FINDING, answer, caller, json_option, refusals, service
from cli.files import write_table
from cli.times import INSTANT
from core.clock import utc
from core.numbers import Number
from dnc.registers.change_schemas import changes_document, rematch_document
from dnc.registers.changes import Comparison, Move, compare_versions
from dnc.registers.rematching import Answers, Lifted, Rematch, RematchedContact, Said, Tally, rematch
from service import Service

PAGE = 1_000
COLUMNS = ("number", "started_at", "campaign", "source", "when_called", "named", "lifted", "version", "contact")


@click.command("compare")
@click.argument("name")
@click.option("--from", "older", required=True, metavar="VERSION", help="The earlier version: its date or id.")
@click.option("--to", "newer", required=True, metavar="VERSION", help="The later version: its date or id.")
@json_option
@refusals
def compare(name: str, older: str, newer: str, as_json: bool) -> None:
    """Count who joined and left a register between two versions. Whose leads they are is counted too."""
    with service() as built, built.store.snapshot() as session:
        found = compare_versions(session, built.settings.registers_dir, caller(), name=name, older=older, newer=newer)
    answer(as_json, changes_document(found).model_dump(mode="json", by_alias=True), _compared(found))


def _compared(found: Comparison) -> str:
    lines = [f"{found.register}: from {found.older.as_of} to {found.newer.as_of}", f"  {found.stayed} stayed"]
    lines += [f"  {count} {_words(move)}" for move, count in found.moved.items() if count or not _is_doubt(move)]
    for slug, counts in found.sellers.items():
        told = ", ".join(f"{count} {_words(move)}" for move, count in counts.items() if count)
        lines.append(f"  leads of {slug}: {told}")
    return "\n".join(lines)


def _is_doubt(move: Move) -> bool:
    return move in (Move.NOT_KNOWN_BEFORE, Move.NOT_KNOWN_AFTER)


def _words(move: Move) -> str:
    return move.value.replace("_", " ")


@click.command("rematch")
@click.argument("name")
@click.option("--since", required=True, type=INSTANT, help="Calls begun from then on.")
@click.option("--until", required=True, type=INSTANT, help="Calls begun before then.")
@click.option("--version", metavar="VERSION", help="A version to ask as well: its date or id.")
@click.option(
    "--list", "out", type=click.Path(dir_okay=False, path_type=Path), help="Write those listed to this new CSV file."
)
@json_option
@refusals
def rematch_(name: str, since: datetime, until: datetime, version: str | None, out: Path | None, as_json: bool) -> None:
    """Hold past contacts against the register NAME again. Who was listed when called?

    Exit code 1 if somebody was and nothing is known to have lifted it.
    """
    with service() as built:
        found = _rematch(built, name, since, until, version, None, 1 if out is None else PAGE)
        if out is not None:
            write_table(out, COLUMNS, map(_cells, _all_listed(built, found, version)))
    document = rematch_document(found).model_dump(mode="json", by_alias=True, exclude={"page", "cursor"})
    answer(as_json, document, _rematched(found))
    assert found.when_called is not None  # noqa: S101 - it is the first page
    listed = found.when_called.whole.listed
    if listed[Lifted.NOTHING] or listed[Lifted.NOT_KNOWN]:
        sys.exit(FINDING)


def _rematch(
    built: Service,
    name: str,
    since: datetime,
    until: datetime,
    version: str | None,
    cursor: str | None,
    limit: int,
) -> Rematch:
    return rematch(
        built.store,
        built.settings.registers_dir,
        caller(),
        name=name,
        since=since,
        until=until,
        version=version,
        cursor=cursor,
        limit=limit,
    )


def _all_listed(built: Service, found: Rematch, version: str | None) -> Iterator[RematchedContact]:
    yield from found.page
    while found.cursor is not None:
        found = _rematch(built, found.register, found.since, found.until, version, found.cursor, PAGE)
        yield from found.page


def _cells(one: RematchedContact) -> list[object]:
    return [
        Number(one.number).e164,
        utc(one.started_at),
        one.campaign,
        one.source,
        one.when_called.value,
        None if one.named is None else one.named.value,
        one.lifted.value,
        one.version_id,
        one.contact_id,
    ]


def _rematched(found: Rematch) -> str:
    assert found.when_called is not None  # noqa: S101 - it is the first page
    lines = _tally(found.when_called, "were listed when called")
    if found.named is not None and found.version is not None:
        lines += _tally(found.named, f"are listed by the version of {found.version.as_of}")
    return "\n".join(lines)


def _tally(tally: Tally, how: str) -> list[str]:
    lines = [f"{_share(tally.whole)} {how}{_doubt(tally.whole)}"]
    for kind, parts in (("campaign", tally.campaigns), ("source", tally.sources)):
        lines += [f"  {kind} {slug}: {_share(parts[slug])}{_doubt(parts[slug])}" for slug in sorted(parts)]
    return lines


def _share(answers: Answers) -> str:
    return f"{answers.said[Said.LISTED]:,} of {answers.contacts:,}"


def _doubt(answers: Answers) -> str:
    told = [f"{answers.listed[lifted]} lifted by {lifted.value}" for lifted in (Lifted.CONSENT, Lifted.RELATION)]
    told = [text for text in told if not text.startswith("0 ")]
    if answers.listed[Lifted.NOT_KNOWN]:
        told.append(f"{answers.listed[Lifted.NOT_KNOWN]} whose facts are erased")
    if answers.said[Said.NOT_KNOWN]:
        told.append(f"{answers.said[Said.NOT_KNOWN]} not known")
    return f" ({', '.join(told)})" if told else ""
