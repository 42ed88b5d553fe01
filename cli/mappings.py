"""``ringklar mapping``: how a supplier's files are read, saved once."""

from collections.abc import Sequence

import click

from cli.context import answer, caller, json_option, refusals, service
from leads.headings import Field
from leads.mappings import ENCODINGS, SavedMapping, forget_mapping, mapping_of, save_mapping

NAMED_DELIMITERS = {"tab": "\t", "comma": ",", "semicolon": ";", "bar": "|"}

map_option = click.option(
    "--map",
    "mapped",
    multiple=True,
    metavar="FIELD=HEADING",
    help=f"Name the heading of a field, or its column as #3: {', '.join(Field)}. May be given many times.",
)


@click.group()
def mapping() -> None:
    """Mappings: what the columns of a supplier's files mean. They are saved for every file to come."""


@mapping.command("save")
@click.argument("supplier_slug", metavar="SUPPLIER")
@map_option
@click.option("--encoding", type=click.Choice(ENCODINGS), help="The character set of all its files.")
@click.option("--delimiter", help="What parts the cells: one character, or tab, comma, semicolon, bar.")
@click.option(
    "--headings/--no-headings",
    "has_headings",
    default=None,
    help="Whether the first line holds headings; if left out: unless all columns are named by number.",
)
@json_option
@refusals
def save_one_mapping(
    supplier_slug: str,
    mapped: Sequence[str],
    encoding: str | None,
    delimiter: str | None,
    has_headings: bool | None,
    as_json: bool,
) -> None:
    """Save how the files of SUPPLIER are read from now on. It takes the place of what was saved before."""
    given = mapping_given(mapped)
    if delimiter is not None:
        delimiter = NAMED_DELIMITERS.get(delimiter.strip().casefold(), delimiter)
    with service() as built, built.store.writing() as session:
        saved = save_mapping(
            session,
            caller(),
            supplier_slug=supplier_slug,
            mapping=given,
            encoding=encoding,
            delimiter=delimiter,
            has_headings=has_headings,
            now=built.clock.now(),
        )
    answer(as_json, _document(saved), f"saved for supplier {supplier_slug}\n{_told(saved)}")


@mapping.command("show")
@click.argument("supplier_slug", metavar="SUPPLIER")
@json_option
@refusals
def show_one_mapping(supplier_slug: str, as_json: bool) -> None:
    """Show how the files of SUPPLIER are read."""
    with service() as built, built.store.reading() as session:
        saved = mapping_of(session, caller(), supplier_slug)
    lines = [_told(saved)]
    if saved.remembered:
        lines.append(f"remembered from imports: {len(saved.remembered)}")
    answer(as_json, _document(saved), "\n".join(lines))


@mapping.command("forget")
@click.argument("supplier_slug", metavar="SUPPLIER")
@refusals
def forget_one_mapping(supplier_slug: str) -> None:
    """Read the files of SUPPLIER by their headings alone again."""
    with service() as built, built.store.writing() as session:
        forget_mapping(session, caller(), supplier_slug=supplier_slug)
    click.echo(f"nothing is saved for supplier {supplier_slug}")


def mapping_given(mapped: Sequence[str]) -> dict[str, str]:
    """Return what ``--map`` says, heading by field.

    Raises:
        click.BadParameter: it is not FIELD=HEADING, or a field is mapped twice.
    """
    pairs = [pair.partition("=") for pair in mapped]
    for pair, (field, equals, _) in zip(mapped, pairs, strict=True):
        if not equals or not field.strip():
            raise click.BadParameter(f"{pair!r} is not FIELD=HEADING", param_hint="--map")
    if len({field.strip() for field, _, _ in pairs}) != len(pairs):
        raise click.BadParameter("a field is mapped twice", param_hint="--map")
    return {field.strip(): heading.strip() for field, _, heading in pairs}


def _document(saved: SavedMapping) -> dict[str, object]:
    return {
        "mapping": dict(saved.mapping),
        "has_headings": saved.has_headings,
        "encoding": saved.encoding,
        "delimiter": saved.delimiter,
        "saved_at": saved.saved_at,
        "saved_by": saved.saved_by,
        "remembered": len(saved.remembered),
    }


def _told(saved: SavedMapping) -> str:
    columns = ", ".join(f"{field} from “{heading}”" for field, heading in saved.mapping.items() if heading)
    left = ", ".join(field for field, heading in saved.mapping.items() if not heading)
    delimiter = next((name for name, sign in NAMED_DELIMITERS.items() if sign == saved.delimiter), saved.delimiter)
    lines = [
        f"columns: {columns or 'by their headings'}",
        f"first line: {'headings' if saved.has_headings else 'a row'}",
        f"encoding: {saved.encoding or 'found in each file'}",
        f"delimiter: {delimiter or 'found in each file'}",
    ]
    if left:
        lines.insert(1, f"not read: {left}")
    return "\n".join(lines)
