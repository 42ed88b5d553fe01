"""What rows say of the past against the ledger: what is changed, removed or put in is found and named."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from dnc.audit import compare_records
from tests.integration.recording import fill
from tests.integration.seeds import KINDS, seeded_service
from tests.integration.tampering import tamper
from tests.seeding import Seeded


@pytest.fixture(params=KINDS)
def seeded(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Seeded]:
    """Return a service with a row of each kind on record."""
    with seeded_service(request, request.param, tmp_path, prepare=fill) as found:
        yield found


def findings(seeded: Seeded) -> set[tuple[str, str]]:
    """Return what was found, and of which table."""
    with seeded.service.store.snapshot() as session:
        found = compare_records(session, seeded.service.keyring)
    return {(one.what, next((name for name in TAMPERED if name in one.detail), one.detail)) for one in found}


EARLIER = "(SELECT min(received_at) FROM opt_outs)"
"""An hour before anything else was done."""
TAMPERED: dict[str, dict[str, tuple[str, str]]] = {
    "pause_marks": {
        "a pause that was none": ("changed", "UPDATE pause_marks SET became = 'resumed' WHERE no = 1"),
        "a quarantine that was a pause": ("changed", "UPDATE pause_marks SET became = 'paused'"),
        "when a pause took place": (
            "changed",
            f"UPDATE pause_marks SET recorded_at = {EARLIER} WHERE became = 'paused'",
        ),
        "when it ended": ("changed", f"UPDATE pause_marks SET recorded_at = {EARLIER} WHERE became = 'resumed'"),
        "who paused": ("changed", "UPDATE pause_marks SET recorded_by = 'key:other'"),
        "why it was paused": ("changed", "UPDATE pause_marks SET reason = 'other' WHERE became = 'paused'"),
        "the order of pauses": ("changed", "UPDATE pause_marks SET no = no + 7"),
        "a pause that was taken away": (
            "missing",
            "DELETE FROM pause_marks WHERE no = (SELECT max(no) FROM pause_marks)",
        ),
        "a pause that was put in": (
            "inserted",
            (
                "INSERT INTO pause_marks SELECT subject_id, no + 7, became, recorded_at, recorded_by, reason "
                "FROM pause_marks"
            ),
        ),
        "a pause of what never was": (
            "inserted",
            (
                "INSERT INTO pause_marks SELECT 'x', no, became, recorded_at, recorded_by, reason FROM pause_marks "
                "WHERE no = 1 LIMIT 1"
            ),
        ),
    },
    "relation_versions": {
        "when a contract began": ("changed", f"UPDATE relation_versions SET started_at = {EARLIER}"),
        "when it was fulfilled": ("changed", f"UPDATE relation_versions SET fulfilled_at = {EARLIER}"),
        "that it ran once": ("changed", "UPDATE relation_versions SET fulfilled_at = started_at WHERE version = 1"),
        "when a version was recorded": ("changed", f"UPDATE relation_versions SET recorded_at = {EARLIER}"),
        "who recorded it": ("changed", "UPDATE relation_versions SET recorded_by = 'key:other'"),
        "why a contract was reopened": ("changed", "UPDATE relation_versions SET reopened_reason = 'x'"),
        "the order of versions": ("changed", "UPDATE relation_versions SET version = version + 7"),
        "a version that was taken away": ("missing", "DELETE FROM relation_versions WHERE version = 2"),
        "the only version": ("missing", "DELETE FROM relation_versions"),
        "a version that was put in": (
            "inserted",
            (
                "INSERT INTO relation_versions SELECT relation_id, version + 7, started_at, fulfilled_at, recorded_at, "
                "recorded_by, reopened_reason FROM relation_versions"
            ),
        ),
    },
    "lead_birth_dates": {
        "a birth date that was taken away": ("missing", "DELETE FROM lead_birth_dates"),
        "whose birth date it was": ("inserted", "UPDATE lead_birth_dates SET number = number + 1"),
        "of which source": ("inserted", "UPDATE lead_birth_dates SET source_no = source_no + 1"),
        "when a birth date was replaced": ("missing", f"UPDATE lead_birth_dates SET replaced_at = {EARLIER}"),
        "a birth date that was put in": (
            "inserted",
            (
                f"INSERT INTO lead_birth_dates SELECT number, source_no, {EARLIER}, birth_date, is_known, told_by, "
                "withdrawn_no FROM lead_birth_dates"
            ),
        ),
    },
    "call_record_files": {
        "which file of calls it was": ("changed", "UPDATE call_record_files SET sha256 = asked"),
        "how large it was": ("changed", "UPDATE call_record_files SET size = size + 1"),
        "whose calls they were": ("changed", "UPDATE call_record_files SET seller_id = (SELECT max(id) FROM sellers)"),
        "of which campaign": ("changed", "UPDATE call_record_files SET campaign_id = NULL"),
        "how many calls matched": ("changed", "UPDATE call_record_files SET counts = '{}'"),
        "counts that cannot be read": ("changed", "UPDATE call_record_files SET counts = 'x'"),
        "when the first call began": ("changed", f"UPDATE call_record_files SET first_started_at = {EARLIER}"),
        "when the last call began": ("changed", "UPDATE call_record_files SET last_started_at = NULL"),
        "how many contacts there were": ("changed", "UPDATE call_record_files SET contacts = contacts + 1"),
        "how many had no call": ("changed", "UPDATE call_record_files SET contacts_missing = contacts_missing + 1"),
        "that a file was matched": ("changed", "UPDATE call_record_files SET matched_at = NULL"),
        "what became of a call": ("changed", "UPDATE call_records SET state = 'matched'"),
        "a call that was taken away": ("changed", "DELETE FROM call_records WHERE row_no = 1"),
        "a file that was taken away": ("missing", "DELETE FROM call_record_files"),
        "a file that was put in": (
            "inserted",
            (
                "INSERT INTO call_record_files SELECT 'x', seller_id, campaign_id, asked, sha256, file_name, size, "
                "counts, "
                "first_started_at, last_started_at, contacts, contacts_missing, received_at, received_by, matched_at "
                "FROM call_record_files"
            ),
        ),
    },
}
"""By the table that a finding names, what is done to it or to the calls in it, and what is found."""


def test_the_past_that_was_not_touched_agrees_with_the_ledger(seeded: Seeded) -> None:
    with seeded.service.store.reading() as session:
        for table in ("pause_marks", "relation_versions", "lead_birth_dates", "call_record_files", "call_records"):
            assert session.scalar(text(f"SELECT count(*) FROM {table}"))

    assert findings(seeded) == set()


@pytest.mark.parametrize(("table", "what"), [(table, what) for table, whats in TAMPERED.items() for what in whats])
def test_a_past_that_was_tampered_with_is_found_and_its_table_named(seeded: Seeded, table: str, what: str) -> None:
    kind, statement = TAMPERED[table][what]
    tamper(seeded.service, text(statement))

    assert (kind, table) in findings(seeded)
