"""The files that commands read and write, wherever they lie and whatever they are."""

import json
import os
from collections.abc import Callable
from errno import ENOSPC
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from cli.main import main
from leads.models import LeadFile
from tests.commands import environment_of, run_command
from tests.screened import file_in
from tests.seeding import CAMPAIGN, FROM_PARTNER, PARTNER_SOURCE, SELLER, Seeded

Run = Callable[..., Result]


@pytest.fixture
def ringklar(on_sqlite: Seeded, tmp_path: Path, on_the_day: None) -> Run:
    """Return what runs one command; for LEAD FILE, NUMBERS and SCREENING it takes what there is of each."""
    numbers = file_in(tmp_path, [FROM_PARTNER])
    settings = on_sqlite.service.settings
    screened = run_command(settings, "screen", str(numbers), str(tmp_path / "first.csv"), "--campaign", CAMPAIGN)
    with on_sqlite.service.store.reading() as session:
        meant = {
            "LEAD FILE": str(session.scalar(select(LeadFile.id).limit(1))),
            "NUMBERS": str(numbers),
            "SCREENING": screened.stderr.split()[-1],
        }
    return lambda *words: run_command(settings, *(meant.get(word, word) for word in words))


@pytest.mark.parametrize(
    "words",
    [
        ("ledger", "export", "OUT"),
        ("leads", "receipt", "LEAD FILE", "--out", "OUT"),
        ("leads", "proof", "LEAD FILE", "1", "--out", "OUT"),
        ("leads", "rejects", "LEAD FILE", "OUT"),
        ("leads", "original", "LEAD FILE", "OUT"),
        ("leads", "export", "OUT", "--campaign", CAMPAIGN, "--to", "processor"),
        ("screen", "NUMBERS", "OUT", "--campaign", CAMPAIGN),
        ("screening", "resume", "SCREENING", "NUMBERS", "OUT"),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_no_device_or_pipe_is_replaced_by_a_file(ringklar: Run, tmp_path: Path, words: tuple[str, ...]) -> None:
    pipe, link = tmp_path / "pipe", tmp_path / "stdout"
    os.mkfifo(pipe)
    link.symlink_to(pipe)

    for out in (pipe, link):
        done = ringklar(*(str(out) if word == "OUT" else word for word in words))

        assert done.exit_code == 2
        assert "is no plain file" in done.stderr
    assert pipe.is_fifo()
    assert link.is_symlink()
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize(
    "words",
    [
        ("ledger", "export", "OUT"),
        ("leads", "receipt", "LEAD FILE", "--out", "OUT"),
        ("leads", "rejects", "LEAD FILE", "OUT"),
        ("leads", "export", "OUT", "--campaign", CAMPAIGN, "--to", "ringhuset"),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_a_disk_that_is_full_leaves_what_was_there(
    ringklar: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    added = ringklar(
        "recipient", "add", "ringhuset", "--seller", SELLER, "--name", "Ringhuset", "--contract", "AVTAL-1"
    )
    assert added.exit_code == 0, added.stderr
    out = tmp_path / "out"
    out.write_bytes(b"what was there")
    opened = os.open

    def full(path: Path, *how: int) -> int:
        return opened("/dev/full", os.O_WRONLY) if Path(path).name.startswith("out") else opened(path, *how)

    monkeypatch.setattr("cli.files.os.open", full)
    done = ringklar(*(str(out) if word == "OUT" else word for word in words))

    assert done.exit_code == 1
    assert "could not be written (No space left on device)" in done.stderr
    assert out.read_bytes() == b"what was there"


def test_a_list_that_could_not_be_written_to_its_end_is_not_there(
    ringklar: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, out = tmp_path / "calls.csv", tmp_path / "out.csv"
    calls.write_text(f"number;started_at\n{FROM_PARTNER};2020-01-01T10:00:00Z\n")
    words = ("calls", "match", str(calls), "--seller", SELLER, "--list", str(out))

    def full(*_: object, **__: object) -> list[object]:
        raise OSError(ENOSPC, os.strerror(ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr("cli.call_records.call_rows", full)
        done = ringklar(*words)

    assert (done.exit_code, "could not be written (No space left on device)" in done.stderr) == (1, True)
    assert list(tmp_path.glob("out*")) == []
    assert ringklar(*words).exit_code == 1
    assert FROM_PARTNER in out.read_text()


def test_a_balancing_test_is_written_for_its_owner_alone_and_over_no_file(ringklar: Run, tmp_path: Path) -> None:
    filed, out = tmp_path / "lia.pdf", tmp_path / "out.pdf"
    filed.write_bytes(b"our balancing test")
    added = ringklar("assessment", "add", "LIA-9", str(filed), "--seller", SELLER, "--title", "Provet")
    assert added.exit_code == 0, added.output

    assert ringklar("assessment", "show", "LIA-9", "--to", str(out)).exit_code == 0

    assert (out.read_bytes(), out.stat().st_mode & 0o777) == (b"our balancing test", 0o600)
    again = ringklar("assessment", "show", "LIA-9", "--to", str(out))
    assert (again.exit_code, "is there already" in again.stderr) == (2, True)


def test_what_a_link_leads_to_is_replaced_and_the_link_stays(ringklar: Run, tmp_path: Path) -> None:
    old, link = tmp_path / "old.jsonl", tmp_path / "newest.jsonl"
    old.write_text("old")
    link.symlink_to(old)

    assert ringklar("ledger", "export", str(link)).exit_code == 0
    assert link.is_symlink()
    assert old.read_text().startswith("{")


@pytest.mark.parametrize(
    "words",
    [
        ("screen", "IN", "OUT", "--campaign", CAMPAIGN),
        ("leads", "import", "IN", "--source", PARTNER_SOURCE, "--dry-run"),
        ("calls", "match", "IN", "--seller", SELLER),
    ],
    ids=lambda words: words[0],
)
def test_what_can_be_read_but_once_is_refused_in_plain_words(
    ringklar: Run, tmp_path: Path, words: tuple[str, ...]
) -> None:
    taken, given = os.pipe()
    os.write(given, f"Telefon;Start\n{FROM_PARTNER};2026-11-20 10:00\n".encode())
    os.close(given)
    try:
        meant = {"IN": f"/dev/fd/{taken}", "OUT": str(tmp_path / "out.csv")}
        done = ringklar(*(meant.get(word, word) for word in words))
    finally:
        os.close(taken)

    assert done.exit_code == 2, done.exception
    assert "it is a pipe, which can be read but once" in done.stderr


def test_a_file_is_screened_whatever_its_name(ringklar: Run, tmp_path: Path) -> None:
    path = file_in(tmp_path, [FROM_PARTNER]).rename(tmp_path / os.fsdecode("hushåll.csv".encode("cp1252")))

    done = ringklar("screen", str(path), str(tmp_path / "out.csv"), "--campaign", CAMPAIGN)

    assert done.exit_code == 0, done.exception
    shown = ringklar("screening", "show", done.stderr.split()[-1], "--json")
    assert json.loads(shown.stdout)["file_name"] == "hush\\udce5ll.csv"


def test_what_was_done_is_told_on_a_terminal_of_any_character_set(on_sqlite: Seeded, tmp_path: Path) -> None:
    words = ["leads", "import", str(file_in(tmp_path, [FROM_PARTNER])), "--source", PARTNER_SOURCE]

    done = CliRunner(charset="latin-1").invoke(main, words, env=environment_of(on_sqlite.service.settings))

    assert done.exit_code == 0, done.exception
    assert "number from \\u201cTelefon\\u201d" in done.stdout
