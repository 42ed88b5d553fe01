"""``ringklar ledger`` and ``ringklar replay``: the proof."""

import os
import sys
from dataclasses import asdict
from pathlib import Path

import click

from cli.context import FINDING, answer, json_option, refusals, service
from core.checkpoints import make_checkpoint, public_key
from core.exporting import export_ledger, ledger_lines, read_export
from core.verification import verify
from dnc.audit import compare_records
from dnc.recorded import replay as replay_checks


@click.group()
def ledger() -> None:
    """The append-only, hash-chained record of checks, contacts and changes."""


@ledger.command("verify")
@click.option(
    "--export",
    "export",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Verify this export, with --public-key and nothing else.",
)
@click.option("--public-key", "key", help="The Ed25519 public key of 64 hex digits.")
@json_option
@refusals
def verify_ledger(export: Path | None, key: str | None, as_json: bool) -> None:
    """Find any changed, removed, reordered or inserted row; exit code 1 if there is one.

    Of the database itself, the rows that the ledger speaks of are compared with it too.
    """
    if export is not None:
        if key is None:
            raise click.UsageError("an export is verified with --public-key, had from elsewhere than the export")
        if len(key) != 64 or not all(letter in "0123456789abcdef" for letter in key):  # noqa: PLR2004 - Ed25519
            raise click.UsageError("a public key has 64 hex digits")
        verified = verify(read_export(export), key)
        findings = list(verified.findings)
    else:
        with service() as built, built.store.snapshot() as session:
            own = public_key(built.keyring)
            verified = verify(ledger_lines(session, own), key or own)
            findings = list(dict.fromkeys([*verified.findings, *compare_records(session, built.keyring)]))
    document = {
        "chains": verified.chains,
        "entries": verified.entries,
        "erased": verified.erased,
        "checkpoints": verified.checkpoints,
        "findings": [asdict(finding) for finding in findings],
    }
    outcome = f"{len(findings)} findings" if findings else "nothing is wrong"
    lines = [
        f"{verified.entries} entries in {verified.chains} chains under {verified.checkpoints} checkpoints: {outcome}"
    ]
    if verified.erased:
        lines.append(f"  the payloads of {verified.erased} entries are erased")
    lines += [f"  {one.what}: chain {one.chain}, entry {one.seq}: {one.detail}" for one in findings]
    answer(as_json, document, "\n".join(lines))
    if findings:
        sys.exit(FINDING)


@ledger.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@json_option
@refusals
def export(file: Path, as_json: bool) -> None:
    """Write the whole ledger to FILE as JSON lines, under a fresh signed checkpoint; numbers are keyed hashes in it."""
    unfinished = file.with_name(file.name + ".part")
    with service() as built:
        make_checkpoint(built.store)
        key = public_key(built.keyring)
        with built.store.snapshot() as session, unfinished.open("wb") as target:
            lines = export_ledger(session, key, target)
            target.flush()
            os.fsync(target.fileno())
    unfinished.replace(file)
    answer(as_json, {"lines": lines, "public_key": key}, f"{lines} lines; the public key is {key}")


@ledger.command("checkpoint")
@json_option
@refusals
def checkpoint(as_json: bool) -> None:
    """Sign where every chain stands now; the jobs process does it every minute."""
    with service() as built:
        no = make_checkpoint(built.store)
        key = public_key(built.keyring)
    text = f"checkpoint {no}" if no is not None else "nothing has moved since the last checkpoint"
    answer(as_json, {"checkpoint": no, "public_key": key}, text)


@click.command()
@json_option
@refusals
def replay(as_json: bool) -> None:
    """Decide every check on record again from its stored facts; exit code 1 if one differs."""
    with service() as built, built.store.snapshot() as session:
        done = replay_checks(session)
    text = f"{done.checks} checks decided again: {len(done.differences)} differ"
    for difference in done.differences:
        text += f"\n  chain {difference.chain}, entry {difference.seq}: {difference.what}"
    answer(as_json, asdict(done), text)
    if done.differences:
        sys.exit(FINDING)
