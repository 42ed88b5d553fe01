"""Lists that a command writes to a file beside its answer."""

import csv
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import click


def made(out: Path, how: int) -> int:
    """Return a descriptor to write to the file ``out``, which its owner alone may read, opened also as ``how`` says.

    Raises:
        UsageError: the file cannot be made.
    """
    try:
        return os.open(out, os.O_WRONLY | os.O_CREAT | how, 0o600)
    except OSError as error:
        raise click.UsageError(f"{out} cannot be made: {error.strerror}") from error


def unfinished(out: Path) -> Path:
    """Return the file in which what is to be ``out`` is written until it is whole.

    Raises:
        UsageError: ``out`` names no file.
    """
    try:
        return out.with_name(f"{out.name}.part")
    except ValueError as error:
        raise click.UsageError("the file to write to has no name") from error


def write_table(out: Path, headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write the rows to a CSV file that its owner alone may read, and that was not there before.

    A text from outside is to be made ``harmless`` by the caller.

    Raises:
        UsageError: the file cannot be made.
    """
    with os.fdopen(made(out, os.O_EXCL), "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(headings)
        writer.writerows(rows)
