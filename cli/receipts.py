"""``ringklar leads receipt`` and ``leads proof``: what a supplier verifies a delivery with."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from cli.context import answer, caller, json_option, refusals, service
from cli.files import PLAIN_FILE, whole_file
from leads.kept_rows import kept_rows
from leads.receipts import receipt_of
from leads.row_proofs import proof_of

out_option = click.option("--out", type=PLAIN_FILE, help="Write it to this file instead of showing it.")


@click.command()
@click.argument("lead_file_id")
@out_option
@json_option
@refusals
def receipt(lead_file_id: str, out: Path | None, as_json: bool) -> None:
    """Show the signed receipt of a lead file. By it, its supplier can verify what was received."""
    with service() as built, built.store.reading() as session:
        signed = receipt_of(session, caller(), lead_file_id, built.keyring, built.clock.now())
    document = asdict(signed)
    _give(document, out, as_json, f"the receipt is signed with the public key {signed.receipt['public_key']}")


@click.command()
@click.argument("lead_file_id")
@click.argument("row_no", type=click.IntRange(min=1))
@out_option
@json_option
@refusals
def proof(lead_file_id: str, row_no: int, out: Path | None, as_json: bool) -> None:
    """Prove that row ROW_NO stood in a lead file. The proof holds that row, which is personal data, and no other."""
    with service() as built, built.store.reading() as session:
        proved = proof_of(session, caller(), lead_file_id, row_no, kept_rows(built.lead_files))
    _give(asdict(proved), out, as_json, f"row {row_no} of {proved.rows}, with the hashes up to the receipt's root")


def _give(document: dict[str, object], out: Path | None, as_json: bool, told: str) -> None:
    """Show the document, or write it whole to ``out`` and say what was written."""
    if out is None:
        answer(True, document, "")
        return
    with whole_file(out) as file:
        file.write(f"{json.dumps(document, ensure_ascii=False, indent=2)}\n".encode())
    answer(as_json, {"file": str(out)}, f"{out}: {told}")
