"""The character set of a delivered text, and the text without its mark."""

import pytest

from leads.encodings import EncodingFinder
from tests.readings import read_text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_swedish_text_comes_through_every_usual_way_of_writing_it(encoding: str, delimiter: str, end: str) -> None:
    text = end.join([f"Telefon{delimiter}Namn", f"0701740605{delimiter}Åsa Öberg", ""])

    layout, rows = read_text(text.encode(encoding))

    assert layout.delimiter == delimiter
    assert [row.cells for row in rows] == [["0701740605", "Åsa Öberg"]]


def test_one_byte_that_is_not_utf_8_at_the_end_makes_the_whole_file_windows_1252() -> None:
    content = b"tel,namn\n" + (b"1," + b"A" * 5_000 + b"\n") * 500 + "2,Åsa\n".encode("cp1252")

    layout, rows = read_text(content)

    assert layout.encoding == "cp1252"
    assert rows[-1].cells == ["2", "Åsa"]


def test_a_row_in_another_character_set_does_not_garble_the_rows_before_it() -> None:
    content = "tel,namn\n1,Åsa\n".encode() + "2,Örjan\n".encode("cp1252") + "3,Åke\n".encode()

    layout, rows = read_text(content)

    assert layout.encoding == "utf-8"
    assert [row.cells for row in rows] == [["1", "Åsa"], ["2", "\ufffdrjan"], ["3", "Åke"]]


def test_a_byte_that_windows_1252_does_not_have_is_shown_as_unreadable() -> None:
    _, rows = read_text(b"tel,namn\n1,\xc5\x81\xe5sa\n")

    assert rows[0].cells == ["1", "Å\ufffdåsa"]


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (b"", "utf-8"),
        ("Åsa".encode(), "utf-8"),
        ("Åsa".encode("utf-8-sig"), "utf-8-sig"),
        ("Åsa".encode("cp1252"), "cp1252"),
        ("Åsa".encode("utf-16"), "utf-16"),
        ("Åsa".encode()[:1], "cp1252"),
        ("Åsa;".encode() + "Åsa".encode("cp1252"), "utf-8"),
        ("Åsa;".encode("cp1252") + "Åsa".encode(), "cp1252"),
        ("Åsa Å".encode()[:-1], "utf-8"),
        ("HÖ” å".encode("cp1252"), "cp1252"),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 100])
def test_the_character_set_is_found_however_the_bytes_come(content: bytes, encoding: str, size: int) -> None:
    finder = EncodingFinder()
    for at in range(0, len(content), size):
        finder.take(content[at : at + size])

    assert finder.encoding == encoding
