"""Register files that mean harm, or were sent by mistake, are refused by name before they cost anything."""

import io
import zipfile
from pathlib import Path

import pytest

from core.errors import ServiceError
from dnc.registers.files import read_register_file
from dnc.registers.layouts import NIX, SHIPPED, Layout
from tests.workbooks import swallowing

US, CA, NO, BE = SHIPPED["US"], SHIPPED["CA"], SHIPPED["NO"], SHIPPED["BE"]
LAUGHS = """<?xml version="1.0"?><!DOCTYPE list [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
<list><ac val="416"><ph val="&b;"/></ac></list>"""
OUTSIDE = """<?xml version="1.0"?><!DOCTYPE list [<!ENTITY secret SYSTEM "file:///etc/passwd">]>
<list><ac val="416"><ph val="5550142"/>&secret;</ac></list>"""
DEEP = '<list><ac val="416">' + '<ac val="416">' * 1000


def zip_of(*members: tuple[str, str]) -> bytes:
    """Return a zip of text files."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return file.getvalue()


LINE = "416,5550142\n"
REFUSED: dict[str, tuple[Layout, str | bytes, str]] = {
    "a billion laughs": (CA, LAUGHS, "register-xml-refused"),
    "an entity from outside": (CA, OUTSIDE, "register-xml-refused"),
    "elements a thousand deep": (CA, DEEP, "register-xml-refused"),
    "XML that breaks off": (CA, '<list><ac val="416"><ph val="5550142"/>', "register-xml-refused"),
    "XML that is not well-formed": (CA, "<list><ac></list>", "register-xml-refused"),
    "XML of no known encoding": (CA, '<?xml version="1.0" encoding="ebcdic-x"?><list/>', "register-xml-refused"),
    "a web page": (US, "<!doctype html>\n<p>Log in<br>\n", "register-xml-refused"),
    "XML without numbers": (CA, '<list type="full"></list>', "register-file-empty"),
    "XML that says something else": (CA, '<list><user name="416"/></list>', "register-lines-rejected"),
    "XML with numbers as text": (CA, '<list><ac val="416"><ph>5550142</ph></ac></list>', "register-lines-rejected"),
    "XML with a line in a value": (
        CA, '<list><ac val="416"><ph val="5550142&#10;416,5550143"/></ac></list>', "register-lines-rejected",
    ),
    "a value of megabytes": (CA, f'<list><ac val="{"4" * (4 << 20)}"/></list>', "register-line-too-long"),
    "XML for a register of lines": (NIX, '<list><ac val="8"><ph val="46500"/></ac></list>', "register-lines-rejected"),
    "a zip with a member outside it": (CA, zip_of(("../416.txt", LINE)), "register-archive-members"),
    "a zip with an absolute member": (CA, zip_of(("/etc/416.txt", LINE)), "register-archive-members"),
    "a zip with a drive": (CA, zip_of(("C:\\416.txt", LINE)), "register-archive-members"),
    "a zip in a zip": (CA, zip_of(("a.txt", LINE), ("b.zip", "PK\x03\x04")), "register-archive-nested"),
    "a zip of many bombs": (CA, zip_of(*((f"{n}.txt", LINE * 300_000) for n in range(2))), "register-file-too-large"),
    "a zip of thousands": (CA, zip_of(*((f"{n}.txt", "") for n in range(2_500))), "register-archive-members"),
    "a zip of endless names": (CA, zip_of(*((f"{n:060000}", LINE) for n in range(20))), "register-archive-damaged"),
    "a zip of folders": (CA, zip_of(("416/", ""), ("604/", "")), "register-archive-members"),
    "a zip that lost a name": (CA, swallowing(zip_of(("1", LINE), ("2", LINE))), "register-archive-damaged"),
    "a column by another name": (NO, "telefon;sperret\n10000000;ja\n", "register-column-missing"),
    "no headings": (NO, "10000000;ja\n", "register-column-missing"),
    "another delimiter": (NO, "telefon,reservert\n10000000,ja\n", "register-column-missing"),
    "a row too short": (US, LINE.replace("416", "202") + "202\n", "register-lines-rejected"),
    "a row too long": (US, "202,5550142,x\n", "register-lines-rejected"),
    "a quote that never ends": (BE, '"027911200;2026-11-01\n027911201;2026-11-01\n', "register-lines-rejected"),
    "NUL bytes": (US, b"202,555\x000142\n", "register-file-binary"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_it_is_refused_by_its_own_code_and_without_a_number(tmp_path: Path, what: str) -> None:
    layout, content, code = REFUSED[what]
    path = tmp_path / "delivered"
    path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)

    with pytest.raises(ServiceError) as refused:
        read_register_file(path, layout)

    assert refused.value.code == code
    assert "5550142" not in f"{refused.value.detail} {refused.value.extra}"


def test_a_file_of_more_lines_than_its_layout_allows_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "delivered"
    path.write_text(LINE.replace("416", "202") * 11, encoding="utf-8")
    layout = Layout(name="us", country="US", delimiter=",", columns=US.columns, prefix=US.prefix, max_lines=10)

    with pytest.raises(ServiceError) as refused:
        read_register_file(path, layout)

    assert refused.value.code == "register-file-too-large"


def test_folders_in_a_zip_of_many_files_hold_nothing(tmp_path: Path) -> None:
    path = tmp_path / "delivered"
    path.write_bytes(zip_of(("lists/", ""), ("lists/416.txt", LINE.strip()), ("lists/604.txt", "604,5550100")))

    assert sorted(read_register_file(path, CA).numbers) == [14_165_550_142, 16_045_550_100]
