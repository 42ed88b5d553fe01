"""A lead file read as a stream."""

import gzip
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from core.errors import ServiceError
from leads.errors import LeadFileChanged, UnclearHeadings, UnreadableLeadFile
from leads.reader import LINE_LIMIT, Layout, LeadFileReader, take_custody
from leads.rows import RawRow, RowReason


def read(path: Path, content: bytes, mapping: Mapping[str, str] | None = None) -> tuple[Layout, list[RawRow]]:
    """Return the layout and all rows of a file with ``content``."""
    path.write_bytes(content)
    with path.open("rb") as file:
        reader = LeadFileReader(file, take_custody(file).encoding, mapping)
        return reader.layout, list(reader.rows())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the file lies."""
    return tmp_path / "leads.csv"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_swedish_text_comes_through_every_usual_way_of_writing_it(
    path: Path, encoding: str, delimiter: str, end: str
) -> None:
    text = end.join([f"Telefon{delimiter}Namn", f"0701740605{delimiter}Åsa Öberg", ""])

    layout, rows = read(path, text.encode(encoding))

    assert layout.delimiter == delimiter
    assert [row.cells for row in rows] == [["0701740605", "Åsa Öberg"]]


def test_one_byte_that_is_not_utf_8_at_the_end_makes_the_whole_file_windows_1252(path: Path) -> None:
    content = b"tel,namn\n" + b"1,Asa\n" * 400_000 + "2,Åsa\n".encode("cp1252")

    layout, rows = read(path, content)

    assert layout.encoding == "cp1252"
    assert rows[-1].cells == ["2", "Åsa"]


def test_a_byte_that_windows_1252_does_not_have_is_shown_as_unreadable(path: Path) -> None:
    _, rows = read(path, b"tel,namn\n1,\xc5\x81\xe5sa\n")

    assert rows[0].cells == ["1", "Å\ufffdåsa"]


def test_the_delimiter_is_found_although_quoted_headings_hold_others(path: Path) -> None:
    layout, rows = read(path, b'"Namn, hela";"Tel";"a,b,c,d"\n"x,y";1;2\n')

    assert layout.delimiter == ";"
    assert rows[0].cells == ["x,y", "1", "2"]


def test_a_mapping_helps_to_find_the_delimiter(path: Path) -> None:
    layout, _ = read(path, b"a,b,c|d\n", {"number": "d"})

    assert layout.delimiter == "|"


def test_the_line_that_tells_excel_the_delimiter_is_obeyed(path: Path) -> None:
    layout, rows = read(path, b"sep=|\nTel|a,b,c\n1|2\n")

    assert layout.delimiter == "|"
    assert rows[0].cells == ["1", "2"]


def test_quoted_cells_may_hold_delimiters_quotes_and_line_ends(path: Path) -> None:
    _, rows = read(path, b'tel,namn\n1,"a ""b"", c\r\nd"\n2,e\n')

    assert [row.cells for row in rows] == [["1", 'a "b", c\r\nd'], ["2", "e"]]


@pytest.mark.parametrize("bad", [b'1,"stray', b'1,"a"b', b'"', b'1,"a\nb'])
def test_a_stray_quote_spoils_its_own_line_and_not_the_rest(path: Path, bad: bytes) -> None:
    lines = bad.count(b"\n") + 1

    _, rows = read(path, b"tel,namn\n0,first\n" + bad + b"\n2,next\n3,last\n")

    assert rows[0].cells == ["0", "first"]
    assert rows[1].fault is RowReason.UNREADABLE
    assert [row.cells for row in rows[1 + lines :]] == [["2", "next"], ["3", "last"]]
    assert [row.row_no for row in rows] == list(range(1, len(rows) + 1))


def test_a_line_longer_than_any_row_is_passed_over_and_kept_in_part(path: Path) -> None:
    _, rows = read(path, b"tel,namn\n1," + b"x" * (3 * LINE_LIMIT) + b"\n2,next\n")

    assert [row.fault for row in rows] == [RowReason.TOO_LONG, None]
    assert len(rows[0].cells[0]) < 3_000
    assert rows[1].cells == ["2", "next"]


def test_a_row_of_many_lines_that_is_longer_than_any_row_does_not_close(path: Path) -> None:
    _, rows = read(path, b'tel,namn\n1,"' + (b"x" * 30_000 + b"\n") * 4 + b'"\n2,next\n')

    assert rows[0].fault is RowReason.UNREADABLE
    assert rows[-1].cells == ["2", "next"]


def test_a_row_of_ten_thousand_cells_is_one_row_with_a_reason(path: Path) -> None:
    _, rows = read(path, b"tel,namn\n" + b"," * 10_000 + b"\n2,next\n")

    assert [row.fault for row in rows] == [RowReason.SURPLUS_CELLS, None]


def test_empty_lines_are_no_rows_and_lines_of_delimiters_are(path: Path) -> None:
    _, rows = read(path, b"\n\ntel,namn\n\n,\n\r\n1,a\n\n")

    assert [row.cells for row in rows] == [["", ""], ["1", "a"]]


def test_a_file_of_headings_alone_has_no_rows(path: Path) -> None:
    assert read(path, b"tel,namn")[1] == []


def _zipped() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("leads.csv", "tel\n1\n")
    return target.getvalue()


@pytest.mark.parametrize(
    ("content", "refusal", "why"),
    [
        (b"", UnreadableLeadFile, "empty"),
        (b"\n\n\n", UnreadableLeadFile, "no line of headings"),
        (b"\xef\xbb\xbf", UnreadableLeadFile, "no line of headings"),
        (_zipped(), UnreadableLeadFile, "zip"),
        (gzip.compress(b"tel\n1\n"), UnreadableLeadFile, "gzip"),
        (b"%PDF-1.7\n", UnreadableLeadFile, "PDF"),
        (b"\x7fELF\x00\x00\x01\n", UnreadableLeadFile, "NUL"),
        (b"x" * (LINE_LIMIT + 1), UnreadableLeadFile, "first line is longer"),
        (b'"tel\n1\n', UnreadableLeadFile, "quote that does not close"),
        (b"namn,adress\n1,2\n", UnclearHeadings, "no heading means"),
        (b"tel,tel\n1,2\n", UnclearHeadings, "two columns"),
        (b"tel," + b",".join(b"c%d" % no for no in range(499)), UnclearHeadings, "500 columns"),
        (b"0701740605,Anna\n", UnclearHeadings, "looks like a row"),
    ],
)
def test_a_file_that_is_no_lead_file_is_refused_with_the_reason(
    path: Path, content: bytes, refusal: type[ServiceError], why: str
) -> None:
    with pytest.raises(refusal, match=why) as refused:
        read(path, content)

    assert "1740605" not in refused.value.detail


def test_a_file_that_is_written_to_while_it_is_read_is_noticed(path: Path) -> None:
    path.write_bytes(b"tel\n1\n")
    with path.open("rb") as file:
        reader = LeadFileReader(file, "utf-8")
        reader.require_unchanged()
        path.write_bytes(b"tel\n1\n2\n")

        with pytest.raises(LeadFileChanged):
            reader.require_unchanged()
