"""Rows read again from a kept file are the leaves that the import hashed, and what the supplier's script sees."""

import io
import json
import runpy
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from leads.archives import open_content
from leads.encodings import EncodingFinder
from leads.kept_rows import kept_rows
from leads.layouts import find_layout
from leads.merkle import Frontier, leaf_hashes
from leads.models import LeadFile
from leads.reading import KeptFile, Reading, segments_of
from leads.segments import Start
from leads.shelf import Shelf

SCRIPT = Path(__file__).parents[2] / "docs" / "verify_receipt.py"
KEY = bytes(32)
BITS = ["0701740605", ";", ";", '"', '""', "\n", "\r\n", "\r", " ", "Åsa", "x;y", '";"', "\x00", "\ufeff", "sep=;"]
csv_bodies = st.lists(st.sampled_from(BITS), max_size=60).map("".join)
objects = st.fixed_dictionaries({"telefon": st.sampled_from(["0701740605", 701740606, None, 'a"b'])})
json_lines = st.lists(
    st.one_of(objects.map(json.dumps), st.sampled_from(["", " ", "{", "[]", '{"telefon":\r"x"}', "\ufeff{}"])),
    max_size=20,
)


@pytest.fixture(scope="module")
def rows_of() -> Callable[[bytes, dict[str, object]], list[str] | None]:
    """Return the rule of the supplier's script."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "argv", ["verify_receipt.py", "--help"])
        patched.setattr(sys, "exit", lambda _code=0: None)
        patched.setattr("argparse.ArgumentParser.parse_args", _stop)
        try:
            runpy.run_path(str(SCRIPT))
        except _Stopped as stopped:
            found: Any = stopped.names["rows_of"]
            return found  # type: ignore[no-any-return]
    raise AssertionError("the script did not ask for its arguments")


class _Stopped(Exception):
    def __init__(self, names: dict[str, Any]) -> None:
        super().__init__()
        self.names = names


def _stop(_parser: object) -> None:
    raise _Stopped(sys._getframe(1).f_globals.copy())


def imported(
    content: bytes, shelf: Shelf, folder: Path, block: int, *, has_headings: bool
) -> tuple[LeadFile, Frontier]:
    """Return the lead file as an import would put it down, and the tree that its segments give."""
    finder = EncodingFinder()
    finder.take(content)
    mapping = {"number": "telefon"} if has_headings else {"number": "#1"}
    with open_content(io.BytesIO(content)) as held:
        layout = find_layout(held, finder.encoding, lambda _: mapping, delimiter=None, has_headings=has_headings)
    place = shelf.receive(io.BytesIO(content)).place
    moment = datetime(2026, 11, 20, tzinfo=UTC)
    origin = KeptFile(folder, KEY, place)
    reading = Reading(origin, layout, moment, timedelta(days=1), Start(), block=block)
    frontier = "0:"
    for segment in segments_of(reading):
        frontier = segment.mark.frontier
    lead_file = LeadFile(
        sha256=place,
        format=layout.format.value,
        wrapping=layout.wrapping,
        encoding=layout.encoding,
        delimiter=layout.delimiter,
        headings="[]" if layout.has_headings else None,
        mapping=json.dumps(mapping),
        received_at=moment,
    )
    return lead_file, Frontier.from_text(frontier)


def agree(
    content: bytes, block: int, rows_of: Callable[[bytes, dict[str, object]], list[str] | None], *, has_headings: bool
) -> None:
    """See that the import, the kept file and the supplier's script have the same rows."""
    with tempfile.TemporaryDirectory() as name:
        shelf = Shelf(Path(name), KEY)
        lead_file, tree = imported(content, shelf, Path(name), block, has_headings=has_headings)
        texts = [text for batch in kept_rows(shelf)(lead_file) for text in batch]
    again = Frontier()
    again.append_hashes(leaf_hashes(text.encode() for text in texts))
    receipt: dict[str, object] = {
        "format": lead_file.format,
        "wrapping": lead_file.wrapping,
        "encoding": lead_file.encoding,
        "has_headings": lead_file.headings is not None,
    }

    assert (again.size, again.root()) == (tree.size, tree.root())
    assert rows_of(content, receipt) in (None, texts)


@given(
    body=csv_bodies, block=st.integers(60, 200), encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"])
)
@settings(max_examples=150)
def test_the_rows_of_a_csv_file_are_the_same_for_all_three(
    rows_of: Callable[[bytes, dict[str, object]], list[str] | None], body: str, block: int, encoding: str
) -> None:
    assume(max(map(len, body.encode().splitlines()), default=0) < block // 2)
    content = f" \nsep=;\r\ntelefon;namn\n{body}".encode(encoding, "replace")

    agree(content, block, rows_of, has_headings=True)


@given(body=csv_bodies, block=st.integers(60, 200))
@settings(max_examples=60)
def test_so_are_those_of_one_without_headings(
    rows_of: Callable[[bytes, dict[str, object]], list[str] | None], body: str, block: int
) -> None:
    assume(max(map(len, body.encode().splitlines()), default=0) < block // 2)

    agree(f"\n0701740605;Åsa\n{body}".encode(), block, rows_of, has_headings=False)


@given(lines=json_lines)
@settings(max_examples=60)
def test_so_are_those_of_json_lines(
    rows_of: Callable[[bytes, dict[str, object]], list[str] | None], lines: list[str]
) -> None:
    agree("\n".join(['{"telefon": "x"}', *lines]).encode(), 80, rows_of, has_headings=True)
