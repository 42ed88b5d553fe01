"""Rows of a CSV text, whatever their quotes."""

import pytest

from leads.rows import RowReason
from tests.readings import read_text


def test_quoted_cells_may_hold_delimiters_quotes_and_line_ends() -> None:
    """A line end within a cell is one, however it was written."""
    _, rows = read_text(b'tel,namn\n1,"a ""b"", c\r\nd"\n2,e\n')

    assert [row.cells for row in rows] == [["1", 'a "b", c\nd'], ["2", "e"]]


@pytest.mark.parametrize("bad", [b'1,"stray', b'1,"a"b', b'"', b'1,"a\nb'])
def test_a_stray_quote_spoils_its_own_line_and_not_the_rest(bad: bytes) -> None:
    lines = bad.count(b"\n") + 1

    _, rows = read_text(b"tel,namn\n0,first\n" + bad + b"\n2,next\n3,last\n")

    assert rows[0].cells == ["0", "first"]
    assert rows[1].fault is RowReason.UNREADABLE
    assert [row.cells for row in rows[1 + lines :]] == [["2", "next"], ["3", "last"]]
    assert [row.row_no for row in rows] == list(range(1, len(rows) + 1))


def test_a_row_of_many_lines_that_is_longer_than_any_row_does_not_close() -> None:
    _, rows = read_text(b'tel,namn\n1,"' + (b"x" * 30_000 + b"\n") * 4 + b'"\n2,next\n')

    assert rows[0].fault is RowReason.UNREADABLE
    assert rows[-1].cells == ["2", "next"]


def test_a_row_of_ten_thousand_cells_is_one_row_with_a_reason() -> None:
    _, rows = read_text(b"tel,namn\n" + b"," * 10_000 + b"\n2,next\n")

    assert [row.fault for row in rows] == [RowReason.SURPLUS_CELLS, None]
