"""Registers at the command line: load a version, see how each stands."""

import sys
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from cli.context import FINDING, answer, caller, json_option, refusals, service
from cli.register_changes import compare, rematch_
from cli.register_layouts import layout, layout_json
from cli.times import DAY
from core.clock import utc
from dnc.registers.layouts import FileKind
from dnc.registers.loading import load_register
from dnc.registers.outcomes import LoadedVersion
from dnc.registers.standing import Standing, State, Version, of_concern, standing, validity_text, versions


@click.group()
def register() -> None:
    """Load national registers and see how fresh they are."""


register.add_command(compare)
register.add_command(rematch_)
register.add_command(layout)


@register.command("import")
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--as-of", required=True, type=DAY, metavar="DATE", help="The day that the contents are from.")
@click.option("--change-list", is_flag=True, help="FILE holds changes to the version in force.")
@click.option("--base", type=DAY, metavar="DATE", help="The day of the version that a change list goes on from.")
@click.option(
    "--layout",
    "layout_file",
    type=click.Path(path_type=Path),
    metavar="FILE.json",
    help="How this file is laid out, if not by the register's layout.",
)
@click.option(
    "--expect-lines",
    type=click.IntRange(1),
    help="How many lines hold a number, as the sender says; else it is refused.",
)
@click.option("--accept-shrunken", metavar="REASON", help="Why a register that shrank a lot is right; kept on record.")
@click.option("--accept-unreadable", metavar="REASON", help="Why lines that cannot be read may be left out; on record.")
@json_option
@refusals
def import_(
    name: str,
    file: Path,
    as_of: datetime,
    change_list: bool,
    base: datetime | None,
    layout_file: Path | None,
    expect_lines: int | None,
    accept_shrunken: str | None,
    accept_unreadable: str | None,
    as_json: bool,
) -> None:
    """Put FILE in force as the newest version of the register NAME.

    FILE is laid out as `ringklar register layout NAME` shows, plain, in gzip or in a zip. A file that is refused leaves
    the version in force as it was.
    """
    with service() as built:
        loaded = load_register(
            built.store,
            built.settings.registers_dir,
            caller(),
            name=name,
            path=file,
            as_of=as_of.date(),
            file_name=file.name,
            now=built.clock.now(),
            kind=FileKind.CHANGES if change_list else FileKind.FULL,
            base_as_of=base.date() if base else None,
            layout_json=layout_json(layout_file),
            expect_lines=expect_lines,
            accept_shrunken_reason=accept_shrunken,
            accept_unreadable_reason=accept_unreadable,
        )
    document = asdict(loaded) | {
        "first_rejected": [{"line": line, "fault": fault} for line, fault in loaded.first_rejected]
    }
    answer(as_json, document, _loaded_text(loaded))


@register.command("list")
@json_option
@refusals
def list_(as_json: bool) -> None:
    """Show how each register stands, and every version loaded.

    Exit code 1 if one that was loaded cannot be asked, or none was ever loaded.
    """
    with service() as built, built.store.reading() as session:
        stands = standing(session, built.clock.now(), is_readable=built.shelf.is_readable)
        loaded = versions(session)
    document = {
        "registers": [asdict(one) | {"validity": validity_text(one.validity)} for one in stands],
        "versions": [_version_document(version) for version in loaded],
    }
    lines = [_standing_text(one) for one in stands]
    lines += [_version_text(version) for version in loaded]
    answer(as_json, document, "\n".join(lines))
    if any(one.state is not State.AGEING for one in of_concern(stands)):
        sys.exit(FINDING)


def _version_document(version: Version) -> dict[str, Any]:
    document = asdict(version)
    return {"version_id": document.pop("id")} | document


def _loaded_text(loaded: LoadedVersion) -> str:
    verb = "was in force already" if loaded.already_loaded else "is in force"
    text = f"{loaded.register} of {loaded.as_of} {verb}: {loaded.count} numbers, {loaded.state.value}"
    if loaded.covered is not None:
        text += f", {loaded.covered} answered for"
    if loaded.changed:
        done = loaded.changed
        text += f"\n  {done.added} added, {done.removed} removed"
        text += f", {done.listed_before} to add were listed, {done.unlisted} to remove were not"
    if loaded.rejected_lines:
        text += f", {loaded.rejected_lines} lines unreadable"
    return text + "".join(f"\n  warning: {warning.value.replace('_', ' ')}" for warning in loaded.warnings)


def _standing_text(one: Standing) -> str:
    held = f", of {one.as_of}, {one.count} numbers, until {utc(one.valid_until)}" if one.as_of else ""
    if one.covered is not None:
        held += f"; {one.covered} answered for"
    lasts = f"; valid {said}" if (said := validity_text(one.validity)) else ""
    return f"{one.register} ({one.country}): {one.state.value}{held}{lasts}"


def _version_text(version: Version) -> str:
    kind = "" if version.kind == FileKind.FULL else f"  {version.kind}"
    return f"  {version.as_of}  {version.count:>9} numbers  {version.file_name}{kind}"
