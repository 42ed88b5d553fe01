"""The layout of a register's files at the command line: show it, set it."""

import json
from pathlib import Path

import click

from cli.context import answer, caller, json_option, refusals, service
from dnc.registers.errors import RegisterLayoutInvalid
from dnc.registers.layouts import layout_document
from dnc.registers.saved_layouts import layout_of, set_layout


@click.command()
@click.argument("name")
@click.option(
    "--set", "file", type=click.Path(path_type=Path), metavar="FILE.json", help="Read the files by this from now on."
)
@json_option
@refusals
def layout(name: str, file: Path | None, as_json: bool) -> None:
    """Show how the files of the register NAME are laid out, or set it.

    What FILE.json leaves out is as in the layout that comes with Ringklar. A name that is not known makes a register,
    for the "country" in FILE.json.
    """
    text = layout_json(file)
    with service() as built:
        if text is None:
            with built.store.reading() as session:
                shown = layout_of(session, name)
        else:
            with built.store.writing() as session:
                shown = set_layout(session, caller(), name=name, text=text, now=built.clock.now())
    document = layout_document(shown)
    answer(as_json, document, json.dumps(document, indent=2, ensure_ascii=False))


def layout_json(file: Path | None) -> str | None:
    """Return the text of a layout's file, None if there is none.

    Raises:
        RegisterLayoutInvalid: it cannot be read.
    """
    try:
        return None if file is None else file.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise RegisterLayoutInvalid("its file cannot be read as UTF-8 text") from error
