"""Rows that hold what no service writes: a verification says so, and nothing is handed on as if it were whole.

SQLite keeps whatever it is given, in a column of any type; PostgreSQL keeps moments that are none of the calendar.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.checkpoints import make_checkpoint
from tests.commands import run_command
from tests.integration.recording import fill
from tests.integration.seeds import seeded_service
from tests.integration.tampering import tamper
from tests.seeding import Seeded

IN_SQLITE = {
    "when an entry was written, in words": "UPDATE ledger_entries SET at = 'tomorrow' WHERE seq = 3",
    "when an entry was written, as bytes": "UPDATE ledger_entries SET at = x'00ff' WHERE seq = 3",
    "when an entry was written, past all calendars": "UPDATE ledger_entries SET at = 9e999 WHERE seq = 3",
    "an entry's payload, as bytes": "UPDATE ledger_entries SET payload = x'00ff' WHERE seq = 3",
    "an entry's payload, in no letters": "UPDATE ledger_entries SET payload = CAST(x'ff41' AS TEXT) WHERE seq = 3",
    "when a chain was opened": "UPDATE ledger_chains SET opened_at = 'tomorrow'",
    "a checkpoint's moment": "UPDATE ledger_checkpoints SET at = 1.5",
    "a checkpoint's payload, as bytes": "UPDATE ledger_checkpoints SET payload = x'00ff'",
}
WORDS_FOR_NUMBERS = {
    "where an entry stands": "UPDATE ledger_entries SET seq = 'three' WHERE seq = 3",
    "where a chain ends": "UPDATE ledger_chains SET seq = 'the end'",
    "a checkpoint's number": "UPDATE ledger_checkpoints SET no = 'one'",
}
OF_ROWS_IN_SQLITE = {
    "when an opt-out was recorded": "UPDATE opt_outs SET recorded_at = 'tomorrow'",
    "an opt-out's number": "UPDATE opt_outs SET number = 'none'",
    "when a consent was given": "UPDATE consents SET given_at = 1e30",
    "a consent's evidence": "UPDATE consents SET evidence = x'00ff'",
    "a contact's outcome": "UPDATE contacts SET outcome = CAST(x'ff41' AS TEXT)",
    "which day a register version is of": "UPDATE register_versions SET as_of = 'tomorrow'",
    "when a source was paused": "UPDATE pause_marks SET recorded_at = 'tomorrow'",
    "a part of a call log": "UPDATE call_record_files SET first_started_at = 'tomorrow'",
}
IN_POSTGRESQL = {
    "when an entry was written": "UPDATE ledger_entries SET at = 'infinity' WHERE seq = 3",
    "a checkpoint's moment": "UPDATE ledger_checkpoints SET at = '-infinity'",
    "when a chain was opened": "UPDATE ledger_chains SET opened_at = '200000-01-01'",
}
OF_ROWS_IN_POSTGRESQL = {
    "when an opt-out was recorded": "UPDATE opt_outs SET recorded_at = 'infinity'",
    "when a consent was given": "UPDATE consents SET given_at = '0044-03-15 BC'",
}
OF_THE_LEDGER = [("sqlite", one) for one in IN_SQLITE.items()] + [("postgresql", one) for one in IN_POSTGRESQL.items()]
IN_WORDS = [("sqlite", one) for one in WORDS_FOR_NUMBERS.items()]
OF_ROWS = [("sqlite", one) for one in OF_ROWS_IN_SQLITE.items()]
OF_ROWS += [("postgresql", one) for one in OF_ROWS_IN_POSTGRESQL.items()]


def signed(seeded: Seeded) -> None:
    """Put a row of each kind on record, and sign it."""
    fill(seeded)
    make_checkpoint(seeded.service.store)


@pytest.fixture
def seeded(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Seeded]:
    kind, (_what, change) = request.param
    with seeded_service(request, kind, tmp_path, prepare=signed) as found:
        tamper(found.service, change)
        found.service.close()
        yield found


def named(changed: tuple[str, tuple[str, str]]) -> str:
    return f"{changed[0]}: {changed[1][0]}"


@pytest.mark.parametrize("seeded", [*OF_THE_LEDGER, *IN_WORDS, *OF_ROWS], ids=named, indirect=True)
def test_a_verification_finds_what_cannot_be_read(seeded: Seeded) -> None:
    done = run_command(seeded.service.settings, "ledger", "verify")

    assert isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code == 1
    assert " findings" in done.stdout
    assert "4670174" not in done.output


@pytest.mark.parametrize("seeded", OF_ROWS, ids=named, indirect=True)
def test_what_cannot_be_read_of_one_table_hides_no_other(seeded: Seeded) -> None:
    tamper(seeded.service, "UPDATE holds SET reason = 'other'", "UPDATE campaigns SET name = 'other'")
    seeded.service.close()

    done = run_command(seeded.service.settings, "ledger", "verify")
    assert "the row of holds differs in reason" in done.stdout
    assert "the row of campaigns differs in name" in done.stdout


@pytest.mark.parametrize("seeded", OF_THE_LEDGER, ids=named, indirect=True)
def test_an_export_of_what_cannot_be_read_is_refused_and_never_cut_short(seeded: Seeded, tmp_path: Path) -> None:
    done = run_command(seeded.service.settings, "ledger", "export", str(tmp_path / "ledger.jsonl"))

    assert isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code == 1
    assert done.stderr.startswith("ringklar: ")
    assert list(tmp_path.glob("ledger.jsonl*")) == []


@pytest.mark.parametrize(
    "payload", ["", "[]", "{}", '{"heads":7}', '{"heads":[[1]]}', "[" * 100_000], ids=lambda payload: payload[:20]
)
def test_a_part_after_a_checkpoint_that_cannot_be_read_is_refused(
    request: pytest.FixtureRequest, tmp_path: Path, payload: str
) -> None:
    with seeded_service(request, "sqlite", tmp_path, prepare=signed) as found:
        tamper(found.service, f"UPDATE ledger_checkpoints SET payload = '{payload}'")
        settings = found.service.settings
    words = ("ledger", "export", str(tmp_path / "part.jsonl"), "--since", "2026-11-24T09:00:00Z")
    done = run_command(settings, *words)

    assert (done.exit_code, isinstance(done.exception, SystemExit)) == (1, True), done.exception
    assert "ledger verify" in done.stderr
    assert run_command(settings, "ledger", "verify").exit_code == 1
