"""``ringklar leads original``: a lead file given back as it was received."""

from pathlib import Path

import click

from cli.context import answer, caller, json_option, refusals, service
from cli.files import PLAIN_FILE, whole_file
from core.clock import local_day
from leads.originals import take_original


@click.command()
@click.argument("lead_file_id")
@click.argument("out", type=PLAIN_FILE)
@json_option
@refusals
def original(lead_file_id: str, out: Path, as_json: bool) -> None:
    """Write a lead file to OUT as it was received, byte for byte. Who took it, and when, is put on record first.

    It holds the personal data of everybody in the delivery, personal identity numbers too.
    """
    with service() as built, whole_file(out) as file:
        taken = take_original(built.store, built.lead_files, caller(), lead_file_id)
        taken.copy_to(file)
    document = {
        "lead_file": taken.lead_file_id,
        "file_name": taken.file_name,
        "sha256": taken.sha256,
        "size": taken.size,
        "received_at": taken.received_at,
        "file": str(out),
    }
    came = local_day(taken.received_at)
    told = f"{out}: {taken.file_name} as received {came}, {taken.size} bytes, sha256 {taken.sha256}"
    answer(as_json, document, told)
