"""``ringklar seller``: the companies on whose behalf calls are made."""

import json
from pathlib import Path

import click

from cli.context import answer, caller, json_option, refusals, service
from cli.pages import after_name_option, limit_option, tell_page
from core.pages import cut
from core.sellers import add_seller, seller_named, sellers_by_slug
from dnc.seller_rules.schemas import RulesDocument, rules_document
from dnc.seller_rules.setting import RulesRefused, rules_of, set_rules


@click.group()
def seller() -> None:
    """Sellers: the companies on whose behalf calls are made."""


@seller.command()
@click.argument("slug")
@click.option("--name", required=True, help="The company's name.")
@json_option
@refusals
def add(slug: str, name: str, as_json: bool) -> None:
    """Add a seller, known as SLUG."""
    with service() as built, built.store.writing() as session:
        added = add_seller(session, caller(), slug=slug, name=name, now=built.clock.now())
        document = {"id": added.id, "slug": added.slug, "name": added.name}
    answer(as_json, document, f"seller {slug} added")


@seller.command("list")
@after_name_option
@limit_option
@json_option
@refusals
def list_(after: str | None, limit: int, as_json: bool) -> None:
    """List the sellers by slug."""
    with service() as built, built.store.reading() as session:
        found = sellers_by_slug(session, after=after or "", limit=limit + 1)
        page, next_after = cut(found, limit, lambda one: one.slug)
        documents = [{"id": one.id, "slug": one.slug, "name": one.name, "created_at": one.created_at} for one in page]
        lines = [f"{one.slug}  {one.name}" for one in page]
    tell_page(as_json, "sellers", documents, lines, next_after, none="there is no seller")


@seller.command()
@click.argument("slug")
@click.option(
    "--set",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A JSON file with the rules from now on, by country; {} ends all rules.",
)
@click.option("--because", help="Why, for the record; needed to set rules.")
@json_option
@refusals
def rules(slug: str, file: Path | None, because: str | None, as_json: bool) -> None:
    """Show or set what the seller SLUG asks of itself. Its rules only ever make the law stricter."""
    with service() as built:
        if file is None:
            with built.store.reading() as session:
                versions = rules_of(session, caller(), seller=seller_named(session, slug))
            documents = [rules_document(version) for version in versions]
            shown = "\n".join(map(_in_words, documents)) or f"{slug} has no rules of its own: the law alone"
            answer(as_json, {"versions": [document.model_dump(mode="json") for document in documents]}, shown)
            return
        with built.store.writing() as session:
            made = set_rules(
                session,
                caller(),
                seller=seller_named(session, slug),
                rules=_read(file),
                because=because or "",
                now=built.clock.now(),
            )
    document = rules_document(made)
    answer(as_json, document.model_dump(mode="json"), _in_words(document))


def _read(file: Path) -> object:
    try:
        return json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise RulesRefused("the file is not JSON") from error


def _in_words(document: RulesDocument) -> str:
    head = f"version {document.version} of {document.seller}, from {document.set_at:%Y-%m-%d %H:%M} UTC: "
    if document.rules is None:
        return f"{head}{document.because}\n  they cannot be read here: every check is answered unknown, set them again"
    rules = [
        f"  {country} {name}: {json.dumps(value, ensure_ascii=False)}"
        for country, narrowing in document.rules.items()
        for name, value in narrowing.items()
    ]
    return "\n".join([head + document.because, *(rules or ["  no rules: the law alone"])])
