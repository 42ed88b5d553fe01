"""Each register's files are read by its layout, and what cannot be one is refused."""

import gzip
import io
import json
import zipfile
from pathlib import Path

import pytest
from pyroaring import BitMap64

from dnc.registers.errors import RegisterLayoutInvalid
from dnc.registers.files import read_register_file
from dnc.registers.layouts import NIX, SHIPPED, FileKind, generic, layout_document, layout_from, layout_text

AREAS = (202, 212, 305)
US_NUMBERS = [10_000_000_000 + area * 10_000_000 + 5_550_100 + n for area in AREAS for n in range(100)]
CA_NUMBERS = [10_000_000_000 + area * 10_000_000 + 5_550_100 + n for area in (416, 604) for n in range(100)]
GB_NUMBERS = [447_700_900_000 + n for n in range(300)]
BE_NUMBERS = [3_227_911_200 + n for n in range(50)]
FI_NUMBERS = [358_941_234_500 + n for n in range(50)]
FULL = "".join(f"{str(n)[1:4]},{str(n)[4:]}\n" for n in US_NUMBERS)


def zip_of(*members: tuple[str, str]) -> bytes:
    """Return a zip of text files."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return file.getvalue()


def xml_of(numbers: list[int]) -> str:
    """Return the numbers as the American and Canadian lists tag them."""
    areas = sorted({str(number)[1:4] for number in numbers})
    inside = "".join(
        f'<ac val="{area}">'
        + "".join(f'<ph val="{str(number)[4:]}"/>' for number in numbers if str(number)[1:4] == area)
        + "</ac>"
        for area in areas
    )
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<list type="full">{inside}</list>\n'


def csv_of(numbers: list[int]) -> str:
    """Return the numbers by area code and local part."""
    return "".join(f"{str(number)[1:4]},{str(number)[4:]}\n" for number in numbers)


FORMS: dict[str, tuple[str, list[int], str | bytes]] = {
    "us flat": ("US", US_NUMBERS, FULL),
    "us zipped": ("US", US_NUMBERS, zip_of(("list.txt", FULL))),
    "us gzipped, Windows line ends": ("US", US_NUMBERS, gzip.compress(FULL.replace("\n", "\r\n").encode())),
    "us a file for each area code": (
        "US",
        US_NUMBERS,
        zip_of(*((f"2026/{area}.txt", csv_of([n for n in US_NUMBERS if f"{n}"[1:4] == f"{area}"])) for area in AREAS)),
    ),
    "us XML": ("US", US_NUMBERS, xml_of(US_NUMBERS)),
    "ca CSV": ("CA", CA_NUMBERS, csv_of(CA_NUMBERS)),
    "ca CSV with headings": ("CA", CA_NUMBERS, "Area code,Number\n" + csv_of(CA_NUMBERS)),
    "ca XML for each area code": (
        "CA",
        CA_NUMBERS,
        zip_of(*((f"{area}.xml", xml_of([n for n in CA_NUMBERS if f"{n}"[1:4] == area])) for area in ("416", "604"))),
    ),
    "be number and date": (
        "BE", BE_NUMBERS, "".join(f"0{n - 3_200_000_000};2026-11-0{n % 9 + 1}\n" for n in BE_NUMBERS),
    ),
    "gb plain": ("GB", GB_NUMBERS, "".join(f"0{n - 440_000_000_000}\n" for n in GB_NUMBERS)),
    "fi plain": ("FI", FI_NUMBERS, "".join(f"+{n}\n" for n in FI_NUMBERS)),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_each_shipped_layout_reads_what_its_register_sends(tmp_path: Path, form: str) -> None:
    country, numbers, content = FORMS[form]
    path = tmp_path / "delivered"
    path.write_bytes(content.encode() if isinstance(content, str) else content)

    read = read_register_file(path, SHIPPED[country])

    assert read.numbers == BitMap64(numbers)
    assert (read.lines, read.duplicates, read.foreign) == (len(numbers), 0, 0)
    areas = len({number // 10_000_000 for number in numbers})
    assert (read.covered and len(read.covered)) == (10_000_000 * areas if country in ("US", "CA") else None)


BAD_LAYOUTS: dict[str, object] = {
    "no object": [1],
    "a member that is none": {"colums": {}},
    "a column that is none": {"delimiter": ";", "columns": {"nummer": 1}},
    "a place before the first": {"delimiter": ";", "columns": {"number": 0}},
    "columns without a delimiter": {"columns": {"number": 1}},
    "two columns in one place": {"delimiter": ";", "columns": {"number": 1, "result": 1}, "listed": ["1"]},
    "marks without their column": {"listed": ["1"]},
    "a mark that means both": {
        "delimiter": ";", "columns": {"number": 1, "result": 2}, "listed": ["J"], "not_listed": ["j "],
    },
    "a delimiter that is a digit": {"delimiter": "1", "columns": {"number": 1}},
    "an encoding that is not read": {"encoding": "utf-16"},
    "a wash without results": {"key": "wash"},
    "a country that is none": {"country": "XX"},
    "a zone that is none": {"zone": "Mars/Olympus"},
    "no time at all": {"validity": {}},
    "too many lines": {"max_lines": 10**12},
}  # fmt: skip


@pytest.mark.parametrize("what", BAD_LAYOUTS)
def test_what_files_cannot_be_read_by_is_no_layout(what: str) -> None:
    with pytest.raises(RegisterLayoutInvalid):
        layout_from(json.dumps(BAD_LAYOUTS[what]), base=NIX)


@pytest.mark.parametrize("text", ["", "{", "null", "[" * 100_000, '{"name":"' + "x" * 20_000 + '"}'])
def test_what_is_no_json_object_is_no_layout(text: str) -> None:
    with pytest.raises(RegisterLayoutInvalid):
        layout_from(text, base=NIX)


@pytest.mark.parametrize("country", [*SHIPPED, "IE"])
def test_a_layout_that_is_shown_can_be_set(country: str) -> None:
    layout = SHIPPED.get(country) or generic(country)

    again = layout_from(json.dumps(layout_document(layout)), base=NIX)

    assert again == layout
    assert layout_text(again) == layout_text(layout)


def test_every_mistake_in_a_layout_is_told() -> None:
    with pytest.raises(RegisterLayoutInvalid) as refused:
        layout_from('{"zone": "Mars/Olympus", "encoding": "ebcdic", "surplus": 1}', base=NIX)

    assert all(name in refused.value.detail for name in ("zone", "encoding", "surplus"))


def test_a_member_that_is_no_name_is_not_repeated() -> None:
    with pytest.raises(RegisterLayoutInvalid) as refused:
        layout_from('{"<b>0701740605": 1, "columns": {"0701740606": 1}}', base=NIX)

    assert "070" not in refused.value.detail
    assert "<" not in refused.value.detail


@pytest.mark.parametrize(
    ("country", "kind", "good", "bad", "numbers"),
    [
        ("US", FileKind.CHANGES, "202,5550199,D,2026-11-16\n", "202,5550142", {12_025_550_142}),
        ("US", FileKind.CHANGES, "202,5550199,D,2026-11-16\n", "202,5550142,Z,2026-11-16", {12_025_550_142}),
        ("GB", FileKind.FULL, "07700900001\n", "07700900002/07700900003", {447_700_900_002, 447_700_900_003}),
        ("BE", FileKind.FULL, "027911200;2026-11-01\n", "027911201/027911202;x", {3_227_911_201, 3_227_911_202}),
    ],
    ids=["cut short", "of unknown meaning", "two numbers in a line", "two numbers in a cell"],
)
def test_whoever_is_found_in_a_line_that_is_left_out_is_listed(
    tmp_path: Path, country: str, kind: FileKind, good: str, bad: str, numbers: set[int]
) -> None:
    path = tmp_path / "delivered"
    path.write_text(good * 100 + bad + "\n", encoding="utf-8")

    read = read_register_file(path, SHIPPED[country], kind=kind, accept_unreadable=True)

    assert sum(read.rejected.values()) == 1
    assert numbers <= set(read.numbers)
