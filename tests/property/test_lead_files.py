"""Whatever the bytes of a lead file, its rows are accounted for."""

import csv
import io
from datetime import UTC, datetime

from hypothesis import assume, given
from hypothesis import strategies as st

from core.errors import ServiceError
from leads.headings import read_headings
from leads.rows import RawRow, Settler
from leads.terms import RowState
from tests.readings import read_text

RECEIVED = datetime(2026, 11, 20, 12, tzinfo=UTC)
SCRAPS = [b'"', b'""', b"\n", b"\r\n", b"\r", b",", b";", b"\t", b"\x00", b"\xc3", b"\xe5", b"a", b"0701740605", b" "]

scrappy = st.lists(st.one_of(st.sampled_from(SCRAPS), st.binary(max_size=4)), max_size=60).map(b"".join)
cells = st.text(
    st.characters(codec="cp1252", exclude_characters="\x00", exclude_categories=["Cc"]) | st.sampled_from('\n";,|\t'),
    max_size=12,
)
rows = st.lists(st.tuples(cells, cells).filter(any), max_size=8)


def read(content: bytes) -> list[RawRow]:
    """Return all rows of a file with ``content``."""
    return read_text(content)[1]


@given(st.binary(max_size=200) | scrappy)
def test_no_bytes_make_the_reader_do_anything_but_read_or_refuse(content: bytes) -> None:
    try:
        read(content)
    except ServiceError:
        return


@given(scrappy)
def test_below_good_headings_every_line_with_text_is_in_some_row(scraps: bytes) -> None:
    """Nothing is dropped: every letter and digit of the file is found again in its rows, in its order."""
    found = read(b"tel;namn\n" + scraps)

    whole = "".join("".join(row.cells) for row in found)
    kept = [letter for letter in whole if letter.isascii() and letter.isalnum()]
    assert kept == [chr(byte) for byte in scraps if byte < 128 and chr(byte).isalnum()]
    assert [row.row_no for row in found] == list(range(1, len(found) + 1))


@given(scrappy)
def test_every_row_read_is_settled_one_way_and_says_why_unless_accepted(scraps: bytes) -> None:
    settler = Settler(read_headings(["tel", "namn"]), RECEIVED)
    for row in read(b"tel;namn\n" + scraps):
        settled = settler.settle(row)

        assert (settled.state is RowState.ACCEPTED) == (settled.person is not None) == (not settled.reasons)
        assert settled.state is not RowState.ACCEPTED or settled.number is not None


@given(rows, st.sampled_from(",;\t|"), st.sampled_from(["utf-8", "utf-8-sig", "cp1252", "utf-16"]), st.booleans())
def test_what_a_program_writes_is_read_back(
    written: list[tuple[str, str]], delimiter: str, encoding: str, quote_all: bool
) -> None:
    target = io.StringIO()
    writer = csv.writer(
        target, delimiter=delimiter, quoting=csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL, lineterminator="\r\n"
    )
    writer.writerows([("Telefon", "Namn"), *written])

    content = target.getvalue().encode(encoding)
    assume(encoding != "cp1252" or content.decode("utf-8", "ignore").encode() != content or content.isascii())

    found = read(content)

    assert [tuple(row.cells) for row in found] == written
    assert not any(row.fault for row in found)
