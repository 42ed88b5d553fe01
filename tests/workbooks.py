"""Workbooks and archives for tests, made by hand where a program would never write them so."""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import xlsxwriter

RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_RELATION = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    f'<Relationship Id="r1" Type="{RELATIONS}/{{}}" Target="{{}}"/></Relationships>'
)


def workbook(write: Callable[[Any], object]) -> bytes:
    """Return a workbook that ``write`` fills, with the library's own workbook in its hand."""
    target = io.BytesIO()
    book = xlsxwriter.Workbook(target, {"in_memory": True})
    write(book)
    book.close()
    return target.getvalue()


def sheet(rows: Sequence[Sequence[object]]) -> bytes:
    """Return a workbook with one sheet of these rows, numbers as numbers and texts as texts."""

    def write(book: Any) -> None:
        page = book.add_worksheet()
        for place, cells in enumerate(rows):
            for column, cell in enumerate(cells):
                if cell != "":
                    (page.write_string if isinstance(cell, str) else page.write)(place, column, cell)

    return workbook(write)


def by_hand(rows: str, *, texts: str = "", others: Mapping[str, str | bytes] | None = None, whole: str = "") -> bytes:
    """Return a workbook whose one sheet has ``rows`` as its XML, or is ``whole``; ``texts`` are the shared ones."""
    members: dict[str, str | bytes] = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
        "_rels/.rels": _RELATION.format("officeDocument", "xl/workbook.xml"),
        "xl/workbook.xml": f'<workbook xmlns:r="{RELATIONS}"><sheets><sheet name="A" sheetId="1" r:id="r1"/></sheets>'
        "</workbook>",
        "xl/_rels/workbook.xml.rels": _RELATION.format("worksheet", "worksheets/sheet1.xml"),
        "xl/worksheets/sheet1.xml": whole or f"<worksheet><sheetData>{rows}</sheetData></worksheet>",
    }
    if texts:
        members["xl/sharedStrings.xml"] = f"<sst>{texts}</sst>"
    return zipped({**members, **(others or {})})


def zipped(members: Mapping[str, str | bytes]) -> bytes:
    """Return a zip archive of these members, the same each time: a test is named by it."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return target.getvalue()


def swallowing(archive: bytes) -> bytes:
    """Return a zip of two with one bit flipped: the first member's comment takes in the second one's name."""
    place = archive.index(b"PK\x01\x02") + 33  # the high byte of the comment's length
    return archive[:place] + bytes([archive[place] ^ 1]) + archive[place + 1 :]


def lying_zip(name: str, content: bytes, *, declared: int) -> bytes:
    """Return a zip archive that declares another size, with the checksum of so much of ``content``."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(content) + packer.flush()
    facts = struct.pack(
        "<5H3I2H", 20, 0, 8, 0, 0x21, zlib.crc32(content[:declared]), len(packed), declared, len(name), 0
    )
    local = b"PK\x03\x04" + facts + name.encode() + packed
    entry = b"PK\x01\x02\x14\x00" + facts + struct.pack("<3H2I", 0, 0, 0, 0, 0) + name.encode()
    return local + entry + struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 1, 1, len(entry), len(local), 0)
