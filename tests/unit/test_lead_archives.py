"""What a delivery holds, by its bytes."""

import gzip
import io
import os
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from leads import archives
from leads.archives import open_content
from leads.errors import UnreadableLeadFile
from tests.workbooks import by_hand, lying_zip, sheet, swallowing, zipped

CSV = "tel;namn\r\n0701740605;Åsa\r\n".encode()
MIB = 1 << 20
Pack = Callable[[bytes], bytes]


def gzipped(content: bytes, level: int = 9) -> bytes:
    """Return the content packed, the same each time: a test is named by it."""
    return gzip.compress(content, level, mtime=0)


def read(content: bytes, limit: int = archives.CONTENT_LIMIT) -> bytes:
    """Return the text that a delivery holds."""
    with open_content(io.BytesIO(content), limit=limit) as found:
        return found.stream.read()


def refusal(content: bytes, limit: int = archives.CONTENT_LIMIT) -> str:
    """Return why a delivery is not read."""
    with pytest.raises(UnreadableLeadFile) as caught:
        read(content, limit)
    return str(caught.value.detail)


@pytest.mark.parametrize(
    ("content", "wrapping"),
    [
        (CSV, ""),
        (gzipped(CSV), "gzip"),
        (zipped({"out/leads.csv": CSV}), "zip"),
        (zipped({"._leads.csv": "x", "leads.csv": CSV}), "zip"),
        (zipped({"out/": "", "leads.csv": CSV, "__MACOSX/._leads.csv": "x", "out/.DS_Store": "x"}), "zip"),
        (b"", ""),
    ],
)
def test_a_text_is_read_as_it_is_or_out_of_a_gzip_or_zip(content: bytes, wrapping: str) -> None:
    file = io.BytesIO(content)

    for _ in range(2):
        with open_content(file) as found:
            assert (found.kind, found.wrapping) == ("text", wrapping)
            assert found.stream.read() == (CSV if content else b"")


def test_the_parts_of_a_gzip_are_one_text_and_zeros_after_it_are_padding() -> None:
    assert read(gzipped(CSV[:7]) + gzipped(b"") + gzipped(CSV[7:]) + bytes(600_000)) == CSV


def test_a_stored_member_is_read() -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a.csv", CSV * 40_000)

    assert read(target.getvalue()) == CSV * 40_000


def test_a_text_of_many_megabytes_comes_through_whole() -> None:
    text = os.urandom(300_000).hex().encode() * 5

    assert read(gzipped(text, 1)) == text
    assert read(zipped({"a": text})) == text


@pytest.mark.parametrize("wrap", [lambda book: book, gzipped, lambda book: zipped({"a.xlsx": book})])
def test_a_workbook_is_known_as_one_wherever_it_lies_and_nothing_of_it_stays_behind(wrap: Pack, tmp_path: Path) -> None:
    book = sheet([["tel"], ["0701740605"]])

    with open_content(io.BytesIO(wrap(book)), spool_dir=tmp_path) as found:
        assert found.kind == "xlsx"
        assert found.stream.read() == book
        if found.owned:
            assert stat.S_IMODE(os.fstat(found.stream.fileno()).st_mode) == 0o600
            found.close()
            assert found.stream.closed
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (zipped({"a.csv": CSV, "b.csv": CSV}), "2 files"),
        (zipped({}), "0 files"),
        (zipped({"../a.csv": CSV}), "leads out of it"),
        (zipped({"a/..\\b.csv": CSV}), "leads out of it"),
        (zipped({"/etc/a.csv": CSV}), "leads out of it"),
        (zipped({"C:a.csv": CSV}), "leads out of it"),
        (zipped({"a.zip": zipped({"a.csv": CSV})}), "archive inside an archive"),
        (zipped({"a.gz": gzipped(CSV)}), "archive inside an archive"),
        (gzipped(gzipped(CSV)), "archive inside an archive"),
        (gzipped(zipped({"a.csv": CSV})), "archive inside an archive"),
        (zipped({"a.pdf": b"%PDF-1.7"}), "PDF"),
        (zipped({"a.xls": b"\xd0\xcf\x11\xe0 and so on"}), "old Excel"),
        (gzipped(b"7z\xbc\xaf\x27\x1c"), "7-zip"),
        (b"Rar!\x1a\x07", "RAR"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old Excel"),
        (by_hand("", others={"xl/vbaProject.bin": b"x"}), "macros"),
        (by_hand("", others={"xl/macrosheets/sheet1.xml": b"x"}), "macros"),
        (zipped({"[Content_Types].xml": "", "xl/workbook.bin": "x"}), "not in the XLSX form"),
        (zipped({"A.csv": CSV, "a.csv": CSV}), "a name twice"),
        (zipped({"mimetype": "x", "content.xml": "<a/>", "META-INF/manifest.xml": "<a/>"}), "an OpenDocument file"),
        (zipped({"[Content_Types].xml": "<a/>", "word/document.xml": "<a/>"}), "a Word document"),
        (zipped({"Index/Document.iwa": b"x", "preview.jpg": b"x"}), "Numbers"),
        (gzipped(CSV)[:-9], "cut off"),
        (gzipped(CSV)[:-4] + b"\x00\x00\x00\x01", "damaged"),
        (gzipped(CSV) + b"more", "damaged"),
        (zipped({"a.csv": CSV})[:-5], "damaged"),
        (zipped({"a.csv": CSV})[:60], "damaged"),
        (swallowing(zipped({"a.csv": CSV, "b.csv": CSV})), "damaged"),
        (lying_zip("a.csv", CSV * 9, declared=len(CSV)), "more than it declares"),
        (lying_zip("a.csv", CSV, declared=len(CSV) + 1), "checksum"),
        (b"PK\x03\x04 a text that begins so", "damaged"),
    ],
)
def test_what_cannot_be_read_is_refused_for_a_reason_that_shows_nothing_of_it(content: bytes, reason: str) -> None:
    said = refusal(content)

    assert reason in said
    assert "csv" not in said
    assert "0701740605" not in said


def test_a_spoiled_byte_in_a_zip_is_found() -> None:
    content = bytearray(zipped({"a.csv": os.urandom(50_000).hex().encode()}))
    content[30_000] ^= 1

    assert refusal(bytes(content))


def test_a_spoiled_byte_in_a_zip_that_is_not_deflated_is_found_by_its_checksum() -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a.csv", CSV)

    assert "checksum" in refusal(target.getvalue().replace(b"0701740605", b"0701740606"))


def test_an_encrypted_zip_is_refused() -> None:
    content = zipped({"a.csv": CSV})
    central = content.rindex(b"PK\x01\x02")

    assert "encrypted" in refusal(content[: central + 8] + b"\x01\x08" + content[central + 10 :])


def test_an_unusual_packing_is_refused() -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("a.csv", CSV)

    assert "unusual" in refusal(target.getvalue())


def test_a_link_in_a_zip_is_refused() -> None:
    target = io.BytesIO()
    entry = zipfile.ZipInfo("a.csv")
    entry.create_system, entry.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr(entry, "/etc/passwd")

    assert "link" in refusal(target.getvalue())


@pytest.mark.parametrize("pack", [lambda text: gzipped(text, 9), lambda text: zipped({"a.csv": text})])
def test_a_bomb_is_refused_before_it_has_expanded(pack: Pack) -> None:
    bomb = pack(bytes(40 * MIB))

    assert "expands more than 200 times" in refusal(bomb)


@pytest.mark.parametrize("pack", [gzipped, lambda text: zipped({"a.csv": text})])
def test_a_text_over_the_limit_is_refused(pack: Pack) -> None:
    text = os.urandom(2 * MIB)

    assert read(pack(text), limit=2 * MIB) == text
    assert "larger than 2 MiB" in refusal(pack(text + b"a"), limit=2 * MIB)


def test_files_that_are_over_the_limit_together_are_refused_as_such() -> None:
    assert "larger than 2 MiB" in refusal(zipped({"a": os.urandom(MIB), "b": os.urandom(MIB + 1)}), limit=2 * MIB)


def test_a_zip_that_lists_too_many_files_is_refused_before_they_are_counted() -> None:
    assert "too many files" in refusal(zipped({f"{count:0100}": "" for count in range(9_000)}))


def test_a_workbook_too_large_to_be_sent_is_refused_wherever_it_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "WORKBOOK_LIMIT", 5_000)
    book = sheet([["tel"]])

    assert "the workbook is larger" in refusal(book)
    assert "the workbook is larger" in refusal(gzipped(book))
