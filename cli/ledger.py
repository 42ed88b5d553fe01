"""``ringklar ledger``: the record, verified and handed out."""

import re
import sys
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import click

from cli.context import FINDING, answer, json_option, refusals, service
from cli.files import PLAIN_FILE, whole_file
from cli.times import INSTANT
from core.checkpoints import make_checkpoint, public_key
from core.clock import utc
from core.exporting import export_ledger, ledger_lines, part_between, read_export, readable_ledger
from core.timestamps import StampVerifier
from core.verification import Finding, Verified, verify
from dnc.audit import compare_records

CERTIFICATES = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def ledger() -> None:
    """The hash-chained record of checks, contacts and changes."""


@ledger.command("verify")
@click.option(
    "--export",
    "export",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Verify this export, with --public-key and nothing else.",
)
@click.option("--public-key", "key", help="The Ed25519 public key of 64 hex digits.")
@click.option("--stamps-ca", type=CERTIFICATES, help="Try time stamps against these certificates (PEM).")
@json_option
@refusals
def verify_ledger(export: Path | None, key: str | None, stamps_ca: Path | None, as_json: bool) -> None:
    """Find any changed, removed, reordered or inserted row. Exit code 1 if there is one.

    Of the database itself, the rows that the ledger speaks of are compared with it too.
    """
    fault = None if stamps_ca is None else _stamp_verifier(stamps_ca).fault_of
    if key is not None and not re.fullmatch("[0-9a-f]{64}", key):
        raise click.UsageError("a public key has 64 hex digits")
    if export is not None:
        if key is None:
            raise click.UsageError("an export is verified with --public-key, had from elsewhere than the export")
        verified = verify(read_export(export), key, fault)
        findings = list(verified.findings)
        if not verified.checkpoints:  # all of it may be made up
            findings.append(Finding("checkpoint", None, None, "no checkpoint signs any of it"))
        elif verified.erased_unsigned:  # so may these be
            detail = f"{verified.erased_unsigned} payloads are gone, and no checkpoint signs that it was said"
            findings.append(Finding("erased", None, None, detail))
    else:
        with service() as built, built.store.snapshot() as session:
            own = public_key(built.keyring)
            verified = verify(ledger_lines(session, own), key or own, fault)
            findings = list(dict.fromkeys([*verified.findings, *compare_records(session, built.keyring)]))
    document = asdict(verified) | {"findings": [asdict(finding) for finding in findings]}
    outcome = f"{len(findings)} findings" if findings else "nothing is wrong"
    lines = [
        f"{verified.entries} entries in {verified.chains} chains under {verified.checkpoints} checkpoints: {outcome}"
    ]
    lines += _beside(verified)
    lines += [f"  {one.what}: {_place(one)}{one.detail}" for one in findings]
    answer(as_json, document, "\n".join(lines))
    if findings:
        sys.exit(FINDING)


def _place(one: Finding) -> str:
    """Return the chain and entry that the finding is of, if it is of one."""
    if one.chain is None:
        return ""
    return f"chain {one.chain}: " if one.seq is None else f"chain {one.chain}, entry {one.seq}: "


def _stamp_verifier(certificates: Path) -> StampVerifier:
    try:
        return StampVerifier(certificates.read_bytes())
    except ValueError as error:
        raise click.UsageError("the certificates are not PEM, or there is no root among them") from error


def _beside(verified: Verified) -> list[str]:
    """Return what is told beside the findings, and is none."""
    lines = []
    if verified.erased:
        lines.append(f"  the payloads of {verified.erased} entries are erased")
    if verified.timestamps:
        lines.append(f"  {verified.timestamps} checkpoints have a time stamp")
    if verified.unsigned:
        lines.append(f"  {verified.unsigned} entries are signed by no checkpoint")
    lines += [
        f"  late: checkpoint {one.checkpoint} of {utc(one.signed_at)} is the first to sign "
        f"what was written at {utc(one.since)}"
        for one in verified.late
    ]
    return lines


@ledger.command("export")
@click.argument("file", type=PLAIN_FILE)
@click.option("--since", type=INSTANT, help="From the newest checkpoint made at this moment or before.")
@click.option("--until", type=INSTANT, help="Up to the first checkpoint made at this moment or after.")
@json_option
@refusals
def export(file: Path, since: datetime | None, until: datetime | None, as_json: bool) -> None:
    """Write the ledger to FILE, under a fresh signed checkpoint. It is JSON lines, with numbers as keyed hashes.

    The whole of it, or the part that was signed from one moment to another; either verifies by itself. An older FILE is
    replaced once this one is whole.
    """
    if since is not None and until is not None and since >= until:
        raise click.UsageError("the part ends before it begins")
    with whole_file(file) as target, service() as built:
        with readable_ledger():
            make_checkpoint(built.store)
        key = public_key(built.keyring)
        with built.store.snapshot() as session, readable_ledger():
            part = part_between(session, since, until)
            lines = export_ledger(session, key, target, part)
    document = {"lines": lines, "public_key": key, "after": part.after, "to": part.to}
    answer(as_json, document, f"{lines} lines; the public key is {key}")


@ledger.command("checkpoint")
@json_option
@refusals
def checkpoint(as_json: bool) -> None:
    """Sign where every chain stands now. The jobs do it every minute."""
    with service() as built, readable_ledger():
        no = make_checkpoint(built.store)
        key = public_key(built.keyring)
    text = f"checkpoint {no}" if no is not None else "nothing has moved since the last checkpoint"
    answer(as_json, {"checkpoint": no, "public_key": key}, text)
