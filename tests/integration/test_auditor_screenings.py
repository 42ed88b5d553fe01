"""The auditor decides screened numbers again from the tables as they were, and tells each that differs by its row."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from dnc.auditor import rebuilding, trying
from dnc.auditor.auditing import Scope, audit, differences_of, excused_of
from dnc.auditor.findings import Against
from dnc.gate import Question
from tests.calls import contact
from tests.commands import run_command
from tests.integration.seeds import dialer_of
from tests.integration.test_auditor import audited, consented, found, later, tamper
from tests.screened import CELLS, file_in, screened
from tests.seeding import (
    CAMPAIGN,
    FROM_PARTNER,
    LISTED,
    OPERATOR,
    OPTED_OUT,
    WITHOUT_SOURCE,
    Seeded,
    load_listed,
    opt_out,
)


def told(seeded: Seeded, audit_id: str) -> list[str]:
    with seeded.service.store.reading() as session:
        return [one.what for one in differences_of(session, audit_id)]


def called_by_another(seeded: Seeded) -> str:
    """Let another dialer hold the attempt on one of the numbers; return the id of its check."""
    other = replace(dialer_of(seeded), id="other", name="other")
    [answer] = seeded.service.gate.ask_many(other, CAMPAIGN, [Question(FROM_PARTNER)])
    assert answer.decision.may_call
    return answer.id


@pytest.mark.parametrize("next_hour", [False, True])
def test_screened_answers_that_stand_are_found_to_stand_whatever_has_changed_since(
    seeded: Seeded, tmp_path: Path, next_hour: bool
) -> None:
    """By day and by night, while another holds the attempt, after its call; then an opt-out and another register."""

    def screen() -> None:
        later(seeded, seconds=10)
        screened(seeded, file_in(tmp_path), next_hour=next_hour)
        later(seeded, minutes=10)

    consented(seeded, seeded.clock.now() - timedelta(days=1))
    screen()
    check_id = called_by_another(seeded)
    screen()
    contact(seeded, check_id, "call-1")
    screen()
    later(seeded, hours=12)
    screen()
    opt_out(seeded.service, FROM_PARTNER, seeded.seller_id)
    load_listed(seeded.service, seeded.service.settings.data_dir, [FROM_PARTNER])
    screen()

    report = audited(seeded)
    assert told(seeded, report.id) == []
    counts = report.counts
    assert (counts.checks, counts.screened, counts.tables) == (1, 5 * len(CELLS), 1 + 5 * len(CELLS))
    assert (counts.differences, counts.unrebuilt, counts.in_flight) == (0, 0, 0)


REMOVED = {
    "an opt-out that was removed": (OPTED_OUT, "DELETE FROM opt_outs"),
    "an opt-out that was given to another number": (OPTED_OUT, "UPDATE opt_outs SET number = number + 50"),
    "a lead that was removed": (FROM_PARTNER, "DELETE FROM leads"),
    "a campaign that was closed earlier": (
        FROM_PARTNER,
        "UPDATE campaigns SET closed_at = created_at WHERE slug = 'vinterel'",
    ),
}


@pytest.mark.parametrize("change", REMOVED)
def test_a_table_that_was_changed_is_found_by_the_rows_of_a_screening(
    seeded: Seeded, tmp_path: Path, change: str
) -> None:
    """Each number once, by its first row; what it is, is not told."""
    number, statement = REMOVED[change]
    screened(seeded, file_in(tmp_path, [WITHOUT_SOURCE, number, number]))
    later(seeded, hours=2)
    tamper(seeded, statement)

    report = audited(seeded)
    assert (Against.TABLES, None) in found(seeded, report)
    [what] = [one for one in told(seeded, report.id) if one.startswith("row 2: ")]
    assert "verdict" in what
    assert not any(one.startswith("row 3: ") for one in told(seeded, report.id))
    assert number[1:] not in "".join(told(seeded, report.id))


def test_rows_that_differ_alike_are_told_together(
    seeded: Seeded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuilding, "ROWS_TOLD", 2)
    numbers = ["+46701740620", "+46701740621", "+46701740622"]
    for number in numbers:
        opt_out(seeded.service, number, seeded.seller_id)
    later(seeded, hours=1)
    screened(seeded, file_in(tmp_path, numbers))
    screened(seeded, file_in(tmp_path, numbers[1:]))
    later(seeded, hours=1)
    tamper(seeded, "DELETE FROM opt_outs")

    report = audited(seeded)
    assert [what.split(":")[0] for what in told(seeded, report.id)] == ["rows 1, 2 and 1 more", "rows 1, 2"]
    assert report.counts.differences == 2


ROWS = {
    "packed": "UPDATE screening_parts SET packed = (SELECT packed FROM screening_parts WHERE no = 1) WHERE no = 0",
    "another part": (
        "UPDATE screening_parts SET (packed, sha256) = (SELECT packed, sha256 FROM screening_parts WHERE no = 1)"
        " WHERE no = 0"
    ),
    "moment": "UPDATE screening_parts SET decided_at = (SELECT min(opened_at) + 1 FROM ledger_chains) WHERE no = 0",
    "gone": "DELETE FROM screening_parts WHERE no = 0",
}


@pytest.mark.parametrize("change", ROWS)
def test_a_part_whose_rows_were_changed_or_removed_is_found(on_sqlite: Seeded, tmp_path: Path, change: str) -> None:
    screened(on_sqlite, file_in(tmp_path))
    tamper(on_sqlite, ROWS[change])

    report = audited(on_sqlite)
    assert found(on_sqlite, report) == [(Against.ROW, None)]
    assert report.counts.tables == len(CELLS) - 3  # the other parts are tried


def test_a_screened_answer_that_its_facts_do_not_give_is_told_once(on_sqlite: Seeded, tmp_path: Path) -> None:
    screened(on_sqlite, file_in(tmp_path, [OPTED_OUT, WITHOUT_SOURCE]))
    tamper(
        on_sqlite,
        'UPDATE ledger_entries SET payload = replace(payload, \'["0",["\', \'["0",["fax","\')'
        " WHERE kind = 'screening.part'",
    )

    report = audited(on_sqlite)
    assert found(on_sqlite, report) == [(Against.FACTS, None)]
    assert report.counts.tables == 1


def test_a_no_that_was_written_while_numbers_were_screened_is_told_by_row_and_is_no_difference(
    seeded: Seeded, tmp_path: Path
) -> None:
    later(seeded, hours=1)
    screened(seeded, file_in(tmp_path, [WITHOUT_SOURCE, FROM_PARTNER]))
    later(seeded, seconds=-1)
    opt_out(seeded.service, FROM_PARTNER, seeded.seller_id)

    report = audited(seeded)
    assert (report.counts.in_flight, report.counts.differences) == (1, 0)
    with seeded.service.store.reading() as session:
        [excused] = excused_of(session, report.id)
    assert excused.what.startswith("row 2: verdict")
    assert excused.check_id is None


def test_the_command_tells_an_excused_row_by_its_entry(on_sqlite: Seeded, tmp_path: Path) -> None:
    later(on_sqlite, hours=1)
    screened(on_sqlite, file_in(tmp_path, [FROM_PARTNER]))
    later(on_sqlite, seconds=-1)
    opt_out(on_sqlite.service, FROM_PARTNER, on_sqlite.seller_id)

    told = run_command(on_sqlite.service.settings, "audit")
    assert told.exit_code == 0
    checks, rows, explained, row = told.stdout.splitlines()
    assert (checks, rows) == ("0 checks decided again: 0 differ", "  with 1 screened rows, each number once")
    assert explained == "  1 that a change in the same moments explains"
    assert re.match(r"    chain \d+, entry \d+: row 1: verdict", row)


def test_an_attempt_that_was_taken_while_numbers_were_screened_is_no_difference(seeded: Seeded, tmp_path: Path) -> None:
    """A screening takes no attempt, so it need not have heard of who took one in the same second."""
    later(seeded, hours=1)
    screened(seeded, file_in(tmp_path, [FROM_PARTNER]))
    later(seeded, seconds=-1)
    called_by_another(seeded)

    report = audited(seeded)
    assert (report.counts.in_flight, report.counts.differences) == (1, 0)


def test_a_register_that_cannot_be_read_any_more_is_counted(on_sqlite: Seeded, tmp_path: Path) -> None:
    screened(on_sqlite, file_in(tmp_path, [LISTED]))
    report = audit(on_sqlite.service.store, lambda _snapshot, _number: None, OPERATOR, now=on_sqlite.clock.now())

    assert (report.counts.unrebuilt, report.counts.differences) == (1, 0)


def test_many_numbers_are_tried_some_at_a_time(seeded: Seeded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trying, "NUMBERS_AT_ONCE", 2)
    screened(seeded, file_in(tmp_path, [*CELLS, OPTED_OUT]))
    later(seeded, hours=1)
    tamper(seeded, "DELETE FROM opt_outs")

    report = audited(seeded, Scope.ALL)
    assert [what.split(":")[0] for what in told(seeded, report.id)] == ["row 4", "row 9"]
    assert report.counts.tables == len(CELLS) + 1
