"""The lines of a text, read in blocks."""

import io

import pytest

from leads.lines import LINE_LIMIT, LineBlocks
from leads.rows import RowReason
from tests.readings import read_text


def test_a_line_longer_than_any_row_is_passed_over_and_kept_in_part() -> None:
    _, rows = read_text(b"tel,namn\n1," + b"x" * (3 * LINE_LIMIT) + b"\n2,next\n")

    assert [row.fault for row in rows] == [RowReason.TOO_LONG, None]
    assert len(rows[0].cells[0]) < 3_000
    assert rows[1].cells == ["2", "next"]


def test_empty_lines_are_no_rows_and_lines_of_delimiters_are() -> None:
    _, rows = read_text(b"\n\ntel,namn\n\n,\n\r\n1,a\n\n")

    assert [row.cells for row in rows] == [["", ""], ["1", "a"]]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_blocks_are_whole_lines_and_know_their_place(end: bytes, size: int) -> None:
    content = end.join([b"ett", b"", "två".encode(), b"trettiotre", b"fyra"])

    blocks = list(LineBlocks(io.BytesIO(content), "utf-8", size=size))

    lines = [line for block in blocks for line in block.lines if line]
    assert lines == ["ett", "två", "trettiotre", "fyra"]
    assert [block.position for block in blocks] == [0, *(block.end_position for block in blocks[:-1])]
    assert blocks[-1].end_position == len(content)
    for block in blocks:
        again = LineBlocks(io.BytesIO(content[block.position :]), "utf-8", size=size).next_block()
        assert again is not None
        assert again.lines == block.lines
