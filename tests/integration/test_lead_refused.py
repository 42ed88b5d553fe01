"""A delivery that cannot be taken is refused as a whole, with one plain word, and leaves nothing behind."""

import errno
import gzip
import io
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any  # the arguments of a function that is watched

import pytest
from click.testing import CliRunner

from cli.main import main
from core.errors import InvalidInput, StorageUnavailable
from core.store import Store
from leads.errors import UnclearHeadings, UnreadableLeadFile
from leads.intake import DeliveryTerms, HowToRead, layout_for
from leads.layouts import Layout
from leads.shelf import FileTooLarge
from tests.deliveries import add_origins, deliver, shelf_beside, table_counts, written
from tests.registers import service_for
from tests.workbooks import sheet, zipped

CSV = b"Telefon;Namn\r\n0701740605;\xc3\x85sa\r\n070-174 06 06;Bo\r\n"
WORKBOOK = sheet([["Telefon", "Namn"], ["0701740605", "Åsa"], ["070-174 06 06", "Bo"]])


def test_a_full_disk_is_told_and_leaves_nothing_half_written(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "a.csv", ["tel;namn", "0701740605;Åsa"])
    before = table_counts(store)

    class Full(io.FileIO):
        def write(self, content: object, /) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr("leads.shelf.io.FileIO", Full)
        with pytest.raises(StorageUnavailable) as refused:
            deliver(store, path)

    assert refused.value.code == "storage-unavailable"
    assert list(shelf_beside(store, path).directory.iterdir()) == []
    assert table_counts(store) == before
    assert deliver(store, path).accepted == 1


MACROS: dict[str, str | bytes] = {
    "[Content_Types].xml": "<Types/>",
    "xl/workbook.xml": "<workbook/>",
    "xl/vbaProject.bin": b"x",
}
BAD: dict[str, tuple[bytes, type[Exception], str]] = {
    "NUL bytes": (b"tel\x00;namn\n0701740605;x\n", UnreadableLeadFile, "NUL"),
    "500 columns": (b"tel;" + b";".join(b"c%d" % no for no in range(499)), UnclearHeadings, "500 columns"),
    "duplicate headings": (b"tel;Tel\n1;2\n", UnclearHeadings, "have the same heading"),
    "macros": (zipped(MACROS), UnreadableLeadFile, "macros"),
    "nested zip": (zipped({"a.zip": zipped({"a.csv": b"tel\n"})}), UnreadableLeadFile, "inside an archive"),
    "two files": (zipped({"a.csv": b"tel\n", "b.csv": b"tel\n"}), UnreadableLeadFile, "2 files"),
    "cut gzip": (gzip.compress(CSV)[:-6], UnreadableLeadFile, "cut off"),
    "cut workbook": (WORKBOOK[:-40], UnreadableLeadFile, "zip"),
    "bomb": (gzip.compress(b"x" * (64 << 20)), UnreadableLeadFile, "expands"),
}


@pytest.mark.parametrize("fault", BAD)
def test_a_delivery_that_cannot_be_read_is_refused_and_leaves_nothing(store: Store, tmp_path: Path, fault: str) -> None:
    content, refusal, says = BAD[fault]
    path = tmp_path / "leads.bin"
    path.write_bytes(content)
    before = table_counts(store)

    for dry_run in (True, False):
        with pytest.raises(refusal, match=says):
            deliver(store, path, dry_run=dry_run)

    assert table_counts(store) == before
    assert shelf_beside(store, path).places() == frozenset()


@pytest.mark.parametrize("content", [CSV, WORKBOOK], ids=["csv", "xlsx"])
def test_what_another_source_is_refused_meanwhile_stays_kept_for_who_delivers_it_too(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    path = tmp_path / "leads"
    path.write_bytes(content)
    refused = []

    def look_just_before_another_is_refused(*given: Any, **named: Any) -> Layout:
        layout = layout_for(*given, **named)
        monkeypatch.setattr("leads.importer.layout_for", layout_for)
        with pytest.raises(UnclearHeadings) as found:
            deliver(store, path, "enkat", how=HowToRead(mapping={"number": "Fax"}))
        refused.append(found.value)
        return layout

    monkeypatch.setattr("leads.importer.layout_for", look_just_before_another_is_refused)
    report = deliver(store, path)

    assert refused
    with shelf_beside(store, path).open(report.sha256) as kept:
        assert kept.read() == content


@pytest.mark.parametrize("form", [gzip.compress, lambda content: zipped({"a.csv": content})])
def test_an_archive_damaged_far_in_leaves_nothing_though_its_character_set_was_told(
    store: Store, tmp_path: Path, form: Callable[[bytes], bytes]
) -> None:
    chosen = random.Random("damaged far in")
    rows = "\n".join(f"0701740605;{chosen.randbytes(20).hex()}" for _ in range(20_000))
    whole, path = bytearray(form(f"tel;namn\n{rows}".encode())), tmp_path / "leads.bin"
    whole[len(whole) * 9 // 10] ^= 0xFF
    path.write_bytes(whole)
    before = table_counts(store)

    for dry_run in (True, False):
        with pytest.raises(UnreadableLeadFile, match=r"damaged|more than it declares"):
            deliver(store, path, dry_run=dry_run, how=HowToRead(encoding="cp1252"))

    assert table_counts(store) == before
    assert shelf_beside(store, path).places() == frozenset()


def test_a_dry_run_refuses_what_an_import_refuses(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "a.csv", ["Telefon", "0701740605"])
    monkeypatch.setattr("leads.intake.FILE_LIMIT", path.stat().st_size - 1)

    for dry_run in (True, False):
        with pytest.raises(InvalidInput, match="order"):
            deliver(store, path, dry_run=dry_run, terms=DeliveryTerms(order_reference="B" * 101))
        with pytest.raises(FileTooLarge):
            deliver(store, path, dry_run=dry_run)


@pytest.mark.parametrize("fault", BAD)
def test_the_command_says_in_one_line_what_is_wrong_with_a_delivery(
    sqlite_url: str, tmp_path: Path, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RINGKLAR_DATABASE_URL", sqlite_url)
    monkeypatch.setenv("RINGKLAR_DATA_DIR", str(tmp_path / "var"))
    service = service_for(sqlite_url, tmp_path / "var")
    add_origins(service.store)
    service.close()
    content, _, says = BAD[fault]
    path = tmp_path / "leads.bin"
    path.write_bytes(content)

    result = CliRunner().invoke(main, ["leads", "import", str(path), "--source", "tavling"], catch_exceptions=False)

    assert result.exit_code == 2
    assert says in result.stderr
    assert len(result.stderr.splitlines()) == 1
