"""How a delivered text is to be read: its delimiter, its headings, and where its rows begin."""

from pathlib import Path

import pytest

from core.errors import ServiceError
from leads.errors import LeadFileChanged, UnclearHeadings, UnreadableLeadFile
from leads.lines import LINE_LIMIT
from leads.reading import PlainFile
from tests.readings import read_text


def test_the_delimiter_is_found_although_quoted_headings_hold_others() -> None:
    layout, rows = read_text(b'"Namn, hela";"Tel";"a,b,c,d"\n"x,y";1;2\n')

    assert layout.delimiter == ";"
    assert rows[0].cells == ["x,y", "1", "2"]


def test_a_mapping_helps_to_find_the_delimiter() -> None:
    layout, _ = read_text(b"a,b,c|d\n", {"number": "d"})

    assert layout.delimiter == "|"


def test_the_line_that_tells_excel_the_delimiter_is_obeyed() -> None:
    layout, rows = read_text(b"sep=|\nTel|a,b,c\n1|2\n")

    assert layout.delimiter == "|"
    assert rows[0].cells == ["1", "2"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mapping", [None, {"number": "Mobil nummer"}])
def test_a_heading_with_a_line_break_in_its_quotes_is_one_heading(end: str, mapping: dict[str, str] | None) -> None:
    """So spreadsheets write a cell that somebody broke for the eye."""
    content = end.join(['Namn;"Mobil', 'nummer";"Född', '(ÅÅÅÅ-MM-DD)"', "Åsa;0701740605;", "Bo;0701740606;", ""])

    layout, rows = read_text(content.encode("cp1252"), mapping)

    assert layout.columns.headings == ("Namn", "Mobil\nnummer", "Född\n(ÅÅÅÅ-MM-DD)")
    assert [row.cells for row in rows] == [["Åsa", "0701740605", ""], ["Bo", "0701740606", ""]]


@pytest.mark.parametrize(
    "content",
    [
        b'Tel;"Namn\n0701740605;"Anna"\n0701740606;Bo\n',
        b'Tel;"Namn\n0701740605;Anna\n0701740606;Bo"\n',
        b'Tel;"Namn\n0701740605;Anna"\n',
        b'Tel;"Namn\n' + b"0701740605;Anna\n" * 20 + b'0701740606;"\n',
    ],
)
def test_a_quote_in_the_headings_swallows_no_row(content: bytes) -> None:
    with pytest.raises((UnreadableLeadFile, UnclearHeadings)):
        read_text(content)


def test_a_file_of_headings_alone_has_no_rows() -> None:
    assert read_text(b"tel,namn")[1] == []


@pytest.mark.parametrize(
    ("content", "refusal", "why"),
    [
        (b"", UnreadableLeadFile, "no line of headings"),
        (b"\n\n\n", UnreadableLeadFile, "no line of headings"),
        (b"\xef\xbb\xbf", UnreadableLeadFile, "no line of headings"),
        (b"%PDF-1.7\n", UnreadableLeadFile, "PDF"),
        (b"\x7fELF\x00\x00\x01\n", UnreadableLeadFile, "NUL"),
        (b"x" * (LINE_LIMIT + 1), UnreadableLeadFile, "first line is longer"),
        (b'[{"tel": "0701740605"}]\n', UnreadableLeadFile, "JSON array"),
        (b'\n[\n{"tel": "0701740605"}]\n', UnreadableLeadFile, "JSON array"),
        (b'"tel\n1\n', UnreadableLeadFile, "quote that does not close"),
        (b"namn,adress\n1,2\n", UnclearHeadings, "no heading means"),
        (b"Leads i november;;\n\nNamn;Tel\n", UnclearHeadings, "remove what stands above the headings"),
        (b"<html><table><tr><td>Tel</td></tr></table>\n", UnreadableLeadFile, "a web page or XML"),
        (b'\xef\xbb\xbf<?xml version="1.0"?>\n<Workbook>\n', UnreadableLeadFile, "a web page or XML"),
        (b'{\n"tel": "0701740605"\n}\n', UnreadableLeadFile, "a JSON object over several lines"),
        (b"tel,tel\n1,2\n", UnclearHeadings, "have the same heading"),
        (b"tel," + b",".join(b"c%d" % no for no in range(499)), UnclearHeadings, "500 columns"),
        (b"0701740605,Anna\n", UnclearHeadings, "looks like a row"),
    ],
)
def test_a_file_that_is_no_lead_file_is_refused_with_the_reason(
    content: bytes, refusal: type[ServiceError], why: str
) -> None:
    with pytest.raises(refusal, match=why) as refused:
        read_text(content)

    assert "1740605" not in refused.value.detail


def test_a_file_that_is_written_to_while_it_is_received_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.write_bytes(b"tel\n1\n")
    plain = PlainFile.at(path)
    plain.open().close()
    path.write_bytes(b"tel\n1\n2\n")

    with pytest.raises(LeadFileChanged):
        plain.open()
