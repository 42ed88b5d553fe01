"""Long lists at the command line: read on, a page at a time, until there is as much as was asked for."""

import shlex
from collections.abc import Callable, Sequence
from typing import TypeVar

import click

from cli.context import answer

T = TypeVar("T")
Page = tuple[Sequence[T], str | None]

AT_ONCE = 1_000
"""Rows of a list that are read from the database together."""

after_id_option = click.option(
    "--after",
    type=click.UUID,
    callback=lambda _context, _option, given: None if given is None else str(given),
    help="Go on after this id, as told by the last call.",
)
after_name_option = click.option("--after", help="Go on after this one, as told by the last call.")
limit_option = click.option(
    "--limit", type=click.IntRange(1, 100_000), default=1000, show_default=True, help="How many at most."
)


def read_on(page_after: Callable[[str | None, int], Page[T]], after: str | None, limit: int) -> Page[T]:
    """Return up to ``limit`` rows after the one named ``after``, and which to go on after; None: there are no more."""
    found: list[T] = []
    while True:
        page, after = page_after(after, min(limit - len(found), AT_ONCE))
        found += page
        if after is None or len(found) == limit:
            return found, after


def tell_page(
    as_json: bool, name: str, documents: Sequence[object], lines: Sequence[str], after: str | None, *, none: str
) -> None:
    """Print a list, and how to go on; ``none`` if there is nothing in it."""
    lines = [line.replace("\n", "\ufffd") for line in lines]  # a file's name may have several
    more = [] if after is None else [f"there are more: --after {shlex.quote(after)}"]
    answer(as_json, {name: documents, "next_after": after}, "\n".join([*lines, *more]) or none)
