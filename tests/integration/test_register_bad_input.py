"""Whatever is sent as a register, it is taken whole or refused by its own code, and the good version stays in force."""

import gzip
import io
import json
import os
import random
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select

from core.errors import InvalidInput, ServiceError
from core.ledger import LedgerEntry
from core.numbers import read_number
from dnc.registers.errors import RegisterLinesOther, RegisterLinesRejected
from dnc.registers.outcomes import LoadWarning
from service import Service
from tests.registers import LISTED, in_force_id, load, written_file

NOBODY = 65534
TEXT = "".join(f"+{number}\n" for number in LISTED)


@pytest.fixture
def service(service: Service, tmp_path: Path) -> Service:
    """Return a service with a good version of 15 November 2026 in force."""
    load(service, written_file(tmp_path / "good.txt"))
    return service


def _zip_of(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return file.getvalue()


def _encrypted_zip() -> bytes:
    """Return a zip whose member says that it is encrypted, in both places where a zip says so."""
    content = bytearray(_zip_of(("nix.txt", TEXT.encode())))
    content[6] |= 1
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def _one_line_of(size: int) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        with path.open("wb") as file:
            for _ in range(size >> 20):
                file.write(b"7" * (1 << 20))

    return make


def _content(content: bytes) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        path.write_bytes(content)

    return make


BOMB = b"0701740605\n" * 500_000  # fewer lines and bytes than a register may have: how much they shrink tells
FOREIGN = "".join(f"+4790{n:06d}\n" for n in range(400)).encode()
TOO_MANY_BAD = (TEXT + "not a number 123\n" * 6).encode()
TWO_NUMBERS = "".join(f"+{number};+{number}\n" for number in LISTED).encode()
IDS_FIRST = "id;nummer\n" + "".join(f"{place};+{number}\n" for place, number in enumerate(LISTED, 1))
RANDOM = bytes(byte or 1 for byte in random.Random(5).randbytes(50_000))

BAD_FILES: dict[str, tuple[Callable[[Path], None], str]] = {
    "empty": (_content(b""), "register-file-empty"),
    "blank lines": (_content(b"\n\r\n  \n"), "register-file-empty"),
    "a BOM alone": (_content(b"\xef\xbb\xbf"), "register-file-empty"),
    "a heading alone": (_content(b"nummer\n"), "register-file-empty"),
    "an empty gzip": (_content(gzip.compress(b"")), "register-file-empty"),
    "NUL bytes": (_content(TEXT.encode() + b"\x00"), "register-file-binary"),
    "UTF-16": (_content(TEXT.encode("utf-16")), "register-file-binary"),
    "binary": (_content(b"\x7fELF" + bytes(range(256)) * 40), "register-file-binary"),
    "noise without NUL": (_content(RANDOM), "register-file-encoding"),
    "bad UTF-8 after a BOM": (_content(b"\xef\xbb\xbf" + TEXT.encode() + b"\xe5sa\n"), "register-file-encoding"),
    "bytes of no encoding": (_content(TEXT.encode() + b"\x81\x8d\n"), "register-file-encoding"),
    "one line of 100 MB": (_one_line_of(100 << 20), "register-line-too-long"),
    "a gzip bomb": (_content(gzip.compress(BOMB)), "register-file-too-large"),
    "a zip bomb": (_content(_zip_of(("nix.txt", BOMB))), "register-file-too-large"),
    "a zip in a zip": (_content(_zip_of(("nix.zip", _zip_of(("nix.txt", b"x"))))), "register-archive-nested"),
    "a gzip in a gzip": (_content(gzip.compress(gzip.compress(b"x"))), "register-archive-nested"),
    "a zip of two": (_content(_zip_of(("a.txt", b"1"), ("b.txt", b"2"))), "register-archive-members"),
    "two zips in one": (
        _content(_zip_of(("a.txt", TEXT.encode())) + _zip_of(("b.txt", TEXT.encode()))),
        "register-archive-damaged",
    ),
    "a zip of none": (_content(_zip_of()), "register-archive-members"),
    "a zip of a folder": (_content(_zip_of(("folder/", b""))), "register-archive-members"),
    "a cut gzip": (_content(gzip.compress(TEXT.encode())[:-9]), "register-archive-damaged"),
    "a corrupt gzip": (_content(gzip.compress(TEXT.encode())[:40] + b"\xff" * 40), "register-archive-damaged"),
    "a cut zip": (_content(_zip_of(("nix.txt", TEXT.encode()))[:-30]), "register-archive-damaged"),
    "an encrypted zip": (_content(_encrypted_zip()), "register-archive-damaged"),
    "an lzma zip": (
        _content(_zip_of(("nix.txt", TEXT.encode()), method=zipfile.ZIP_LZMA)),
        "register-archive-damaged",
    ),
    "a folder": (Path.mkdir, "register-file-not-readable"),
    "a pipe that nobody writes": (os.mkfifo, "register-file-not-readable"),
    "a device": (lambda path: path.symlink_to("/dev/zero"), "register-file-not-readable"),
    "nothing": (lambda path: None, "register-file-not-found"),
    "a dangling link": (lambda path: path.symlink_to("nowhere"), "register-file-not-found"),
    "more than 1 % unreadable lines": (_content(TOO_MANY_BAD), "register-lines-rejected"),
    "two numbers a line": (_content(TWO_NUMBERS), "register-lines-rejected"),
    "numbers in the second column": (_content(IDS_FIRST.encode()), "register-lines-rejected"),
    "a web page": (_content(b"<!doctype html>\n<p>Log in</p>\n" * 50), "register-lines-rejected"),
    "another country's register": (_content(FOREIGN), "register-of-another-country"),
    "a shrunken register": (_content("".join(f"+{number}\n" for number in LISTED[:200]).encode()), "register-shrunken"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_refused_by_its_own_code_and_the_good_version_stays_in_force(
    service: Service, tmp_path: Path, name: str
) -> None:
    make, code = BAD_FILES[name]
    path = tmp_path / "bad"
    make(path)
    good = in_force_id(service)
    assert good is not None

    with pytest.raises(ServiceError) as refused:
        load(service, path, date(2026, 11, 18))

    assert refused.value.code == code
    assert in_force_id(service) == good
    assert len(list(service.settings.registers_dir.iterdir())) <= 2
    assert not _holds_a_number(refused.value)


def _holds_a_number(error: ServiceError) -> bool:
    shown = f"{error.detail} {error.extra}"
    return any(str(number)[2:] in shown for number in LISTED)


@pytest.mark.parametrize(
    ("as_of", "code"),
    [
        (date(2026, 11, 21), "register-date-in-future"),
        (date(9999, 12, 31), "register-date-in-future"),
        (date(2026, 11, 14), "register-older"),
        (date.min, "register-older"),
        (None, "register-date-missing"),
    ],
)
def test_a_bad_date_is_refused_by_its_own_code(service: Service, tmp_path: Path, as_of: date | None, code: str) -> None:
    good = in_force_id(service)

    with pytest.raises(ServiceError) as refused:
        load(service, written_file(tmp_path / "b.txt"), as_of)

    assert refused.value.code == code
    assert in_force_id(service) == good


def test_a_file_that_may_not_be_read_is_refused(service: Service, tmp_path: Path) -> None:
    path = written_file(tmp_path / "b.txt")
    path.chmod(0)
    good = in_force_id(service)

    with _without_roots_rights(), pytest.raises(ServiceError) as refused:
        load(service, path, date(2026, 11, 18))

    assert refused.value.code == "register-file-not-readable"
    assert in_force_id(service) == good


def test_a_file_that_grows_while_it_is_read_is_refused(service: Service, tmp_path: Path) -> None:
    path = written_file(tmp_path / "b.txt")
    good = in_force_id(service)

    with _appending_when_read(path), pytest.raises(ServiceError) as refused:
        load(service, path, date(2026, 11, 18))

    assert refused.value.code == "register-file-changed"
    assert in_force_id(service) == good


@pytest.mark.parametrize("line", ["0701740605 0701740606", "07017", "(tom)", "070-174 06 O5", "Antal: 495"])
def test_one_unreadable_line_refuses_the_file_for_it_may_be_somebody_listed(
    service: Service, tmp_path: Path, line: str
) -> None:
    path = tmp_path / "b.txt"
    path.write_text(f"nummer\n{TEXT}\n{line}\n", encoding="utf-8")
    good = in_force_id(service)

    with pytest.raises(RegisterLinesRejected) as refused:
        load(service, path, date(2026, 11, 18))

    place = len(LISTED) + 3
    assert refused.value.extra["rejected_lines"] == 1
    assert [one["line"] for one in refused.value.extra["first_rejected"]] == [place]  # type: ignore[attr-defined] # JSON
    assert f"the first: {place}" in refused.value.detail
    assert line not in f"{refused.value.detail} {refused.value.extra}"
    assert in_force_id(service) == good


@pytest.mark.parametrize("line", ["701740605;701740606", '"701740605";"701740606"', "701740605,Eva,8-46500400"])
def test_a_second_number_in_a_row_refuses_the_file_though_neither_has_a_prefix(
    service: Service, tmp_path: Path, line: str
) -> None:
    path = tmp_path / "b.txt"
    path.write_text(f"{TEXT}{line}\n", encoding="utf-8")

    with pytest.raises(RegisterLinesRejected) as refused:
        load(service, path, date(2026, 11, 18))

    assert refused.value.extra["faults"] == {"ambiguous": 1}


@pytest.mark.parametrize("beside", ["20261118", "2026-11-18", "18-11-2026", "114 55", "19121212-1212", "Eva", "12"])
def test_what_is_no_number_may_stand_beside_a_number_without_a_prefix(
    service: Service, tmp_path: Path, beside: str
) -> None:
    path = tmp_path / "b.txt"
    path.write_text("".join(f"{number % 10**9};{beside}\n" for number in LISTED), encoding="utf-8")

    assert load(service, path, date(2026, 11, 18)).count == len(LISTED)


def test_a_first_line_that_holds_a_number_is_no_heading(service: Service, tmp_path: Path) -> None:
    path = tmp_path / "b.txt"
    path.write_text(f"hem 0701740605 arbete 0701740606\n{TEXT}", encoding="utf-8")

    with pytest.raises(RegisterLinesRejected):
        load(service, path, date(2026, 11, 18))


def test_unreadable_lines_are_left_out_only_for_a_reason_that_goes_on_record(service: Service, tmp_path: Path) -> None:
    path, kept = tmp_path / "b.txt", LISTED[2:]
    text = "".join(f"+{number}\n" for number in kept)
    path.write_text(f"nummer\n{text}0{LISTED[0] % 10**9} 0{LISTED[1] % 10**9}\n\n07017\n", encoding="utf-8")

    with pytest.raises(InvalidInput):
        load(service, path, date(2026, 11, 18), accept_unreadable=" ")
    loaded = load(service, path, date(2026, 11, 18), accept_unreadable="the operator confirmed a cut line")

    assert loaded.rejected == {"ambiguous": 1, "too_short": 1}
    assert loaded.first_rejected == ((len(kept) + 2, "ambiguous"), (len(kept) + 4, "too_short"))
    assert (loaded.count, loaded.duplicates) == (len(LISTED), 0)  # the ambiguous line lists both its numbers
    assert LoadWarning.REJECTED_LINES in loaded.warnings
    with service.store.reading() as session:
        payloads = session.scalars(select(LedgerEntry.payload).where(LedgerEntry.kind == "register.loaded")).all()
    reasons = [json.loads(payload or "").get("accepted_unreadable_because") for payload in payloads]
    assert reasons == [None, "the operator confirmed a cut line"]


def test_more_than_one_line_in_a_hundred_is_refused_whatever_the_reason(service: Service, tmp_path: Path) -> None:
    path = tmp_path / "b.txt"
    path.write_bytes(TOO_MANY_BAD)
    good = in_force_id(service)

    with pytest.raises(RegisterLinesRejected):
        load(service, path, date(2026, 11, 18), accept_unreadable="we know")

    assert in_force_id(service) == good


def test_a_file_cut_off_between_two_lines_is_refused_by_the_count_that_its_sender_said(
    service: Service, tmp_path: Path
) -> None:
    """It is less than 10 % shorter than the version in force, so that nothing else tells."""
    before, lines = in_force_id(service), TEXT.splitlines(keepends=True)
    whole = tmp_path / "whole.txt"
    whole.write_text("Nummer\n\n" + "".join([*lines, lines[0]]))
    cut = tmp_path / "cut.txt"
    cut.write_text("Nummer\n\n" + "".join(lines[: -len(lines) // 20]))

    for path in (cut, whole):
        with pytest.raises(RegisterLinesOther):
            load(service, path, date(2026, 11, 18), expect_lines=len(lines))
        assert in_force_id(service) == before
    loaded = load(service, whole, date(2026, 11, 18), expect_lines=len(lines) + 1)
    again = load(service, whole, date(2026, 11, 18), expect_lines=len(lines) + 1)

    assert (loaded.lines, loaded.count, again.already_loaded) == (len(lines) + 1, len(lines), True)
    with pytest.raises(RegisterLinesOther):
        load(service, whole, date(2026, 11, 18), expect_lines=len(lines))


def test_one_endless_line_is_refused_in_bounded_memory(tmp_path: Path) -> None:
    from dnc.registers.files import read_register_file

    _one_line_of(100 << 20)(tmp_path / "bad")
    tracemalloc.start()
    try:
        with pytest.raises(ServiceError):
            read_register_file(tmp_path / "bad")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 20 << 20


@contextmanager
def _without_roots_rights() -> Iterator[None]:
    """Be nobody for a while: root may read everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@contextmanager
def _appending_when_read(path: Path) -> Iterator[None]:
    """Have a slow sender add to the file between two blocks."""
    import dnc.registers.rows

    def slow(raw: object, *, region: str = "SE") -> object:
        with path.open("a", encoding="utf-8") as file:
            file.write("\n")
        return read_number(raw, region=region)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dnc.registers.rows, "read_number", slow)
        yield
