"""Rows against the ledger: whatever is changed, removed or put in beside it is found."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text, update

from core.checkpoints import public_key
from core.database import Base
from core.erasure import erase_payloads
from core.exporting import ledger_lines
from core.ids import new_id
from core.ledger import LedgerEntry, Position
from core.verification import verify
from dnc.audit import compare_records
from tests.integration.recording import fill
from tests.integration.seeds import KINDS, seeded_service
from tests.integration.tampering import found, tamper
from tests.seeding import (
    FROM_LIST,
    LISTED,
    OPERATOR,
    Seeded,
    load_listed,
)


@pytest.fixture(params=KINDS)
def seeded(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Seeded]:
    """Return a service with a row of each kind on record."""
    with seeded_service(request, request.param, tmp_path, prepare=fill) as found:
        yield found


def test_what_was_not_touched_agrees_with_the_ledger(seeded: Seeded) -> None:
    assert found(seeded) == set()


CHANGED = {
    "a check's verdict": "UPDATE checks SET verdict = 'allow' WHERE verdict = 'unknown'",
    "a check's number": "UPDATE checks SET number = number + 1 WHERE reference = 'r'",
    "a check's reference": "UPDATE checks SET reference = 's' WHERE reference = 'r'",
    "a check's campaign": "UPDATE checks SET campaign_id = (SELECT max(id) FROM campaigns)",
    "a check's seller": "UPDATE checks SET seller_id = (SELECT max(id) FROM sellers)",
    "who asked a check": "UPDATE checks SET asked_by = 'key:other'",
    "when a check was made": "UPDATE checks SET checked_at = valid_until WHERE verdict = 'allow'",
    "until when a check holds": "UPDATE checks SET valid_until = NULL WHERE verdict = 'allow'",
    "a check's place": "UPDATE checks SET place = 7 WHERE reference = 'r'",
    "a contact's number": "UPDATE contacts SET number = number + 1 WHERE call_id = 'call-0'",
    "a contact's outcome": "UPDATE contacts SET outcome = 'sale' WHERE call_id = 'call-0'",
    "a contact's call": "UPDATE contacts SET call_id = 'other' WHERE call_id = 'call-0'",
    "whether the source was told": "UPDATE contacts SET source_disclosed = false",
    "a contact's seller": "UPDATE contacts SET seller_id = (SELECT max(id) FROM sellers)",
    "who logged a contact": "UPDATE contacts SET logged_by = 'key:other'",
    "an opt-out's number": "UPDATE opt_outs SET number = number + 1",
    "an opt-out's channels": "UPDATE opt_outs SET channels = 'automated_voice'",
    "an opt-out's seller": "UPDATE opt_outs SET seller_id = (SELECT max(id) FROM sellers)",
    "when an opt-out was received": "UPDATE opt_outs SET received_at = recorded_at",
    "when an opt-out was recorded": "UPDATE opt_outs SET recorded_at = received_at",
    "when a person asked to leave": (
        "UPDATE opt_out_releases SET asked_by_person_at = (SELECT min(received_at) FROM opt_outs)"
    ),
    "how a person was recognised": "UPDATE opt_out_releases SET verified_by = 'other'",
    "a hold's number": "UPDATE holds SET number = number + 1",
    "a hold's seller": "UPDATE holds SET seller_id = (SELECT max(id) FROM sellers)",
    "a hold's reason": "UPDATE holds SET reason = 'other'",
    "a hold that was closed behind our back": "UPDATE holds SET closed_at = made_at WHERE closed_at IS NULL",
    "a hold that was opened again behind our back": "UPDATE holds SET closed_at = NULL",
    "a consent's channels": "UPDATE consents SET channels = 'automated_voice'",
    "a consent's seller": "UPDATE consents SET seller_id = (SELECT max(id) FROM sellers)",
    "a consent's number": "UPDATE consents SET number = number + 1",
    "when a consent was given": "UPDATE consents SET given_at = recorded_at",
    "what a customer relation says": "UPDATE customer_relations SET fulfilled_at = NULL",
    "a restriction that was ended behind our back": "UPDATE restrictions SET ended_at = made_at",
    "which register version is in force": "UPDATE registers SET version_id = NULL",
    "a withdrawal's way": "UPDATE consent_withdrawals SET via = 'other'",
    "how many rows of a lead file were accepted": "UPDATE lead_files SET rows_accepted = rows_accepted + 1",
    "the root over a lead file's rows": "UPDATE lead_files SET merkle_root = sha256",
    "a lead file that was opened again": "UPDATE lead_files SET state = 'reading'",
    "a contract that a lead file came under, taken away": "UPDATE lead_files SET contract_reference = NULL",
    "a wash that was claimed of a lead file, taken away": "UPDATE lead_files SET wash_register = NULL",
    "what a lead file was worth": "UPDATE lead_arrivals SET counts = '{}'",
    "what a supplier is said to have claimed": "UPDATE lead_arrivals SET wash_register = 'nix'",
    "under what contract leads are handed over": "UPDATE recipients SET contract_reference = 'other'",
    "which file was handed over": "UPDATE exports SET sha256 = 'other'",
    "what an export was seeded with": "UPDATE canaries SET number = number + 100",
    "a canary that was taken out of an export": (
        "DELETE FROM canaries WHERE number = (SELECT min(number) FROM canaries)"
    ),
    "a canary that was put into an export": (
        "INSERT INTO canaries SELECT min(number) - 1, export_id, recipient_id, seeded_at FROM canaries "
        "GROUP BY export_id, recipient_id, seeded_at"
    ),
    "which canary was seen": "UPDATE canary_sightings SET number = number + 100",
    "a company that the terms name": "UPDATE source_sellers SET name = 'other'",
    "a lead that a complaint was tied to": "DELETE FROM complaint_origins",
}


@pytest.mark.parametrize("change", CHANGED)
def test_a_changed_row_is_found(seeded: Seeded, change: str) -> None:
    with seeded.service.store.reading() as session:
        sellers = session.execute(text("SELECT max(id) FROM sellers")).scalar()
    assert sellers == seeded.other_seller_id
    tamper(seeded.service, text(CHANGED[change]))

    assert "changed" in found(seeded)


COLUMNS = {
    "api_keys": "name role seller_id revoked_at",
    "assessments": "reference seller_id title file_name size sha256 added_by",
    "campaigns": "slug seller_id name product channel opens_weekends closed_at",
    "canaries": "number export_id recipient_id seeded_at",
    "canary_sightings": "seller_id export_id recipient_id number how subject seen_at recorded_by",
    "checks": "seller_id campaign_id number verdict checked_at valid_until asked_by reference chain seq place",
    "complaint_origins": "source_id lead_file_id row_no",
    "complaints": "seller_id number kind via received_at recorded_at recorded_by",
    "consents": (
        "seller_id number channels names_seller text_version evidence given_at expires_at recorded_at recorded_by "
        "lead_file_id"
    ),
    "consent_withdrawals": "withdrawn_at via recorded_at recorded_by",
    "contacts": (
        "check_id seller_id campaign_id number call_id started_at ended_at outcome agent source_disclosed logged_by"
    ),
    "customer_relations": "seller_id number product started_at fulfilled_at recorded_at recorded_by",
    "exports": "seller_id campaign_id recipient_id contract_reference sha256 leads made_by",
    "holds": "seller_id number reason contact_id made_by closed_at",
    "lead_arrivals": (
        "lead_file_id source_id seller_id screened_by asked_for register register_version_id register_as_of counts "
        "wash_register wash_version wash"
    ),
    "lead_file_references": "lead_file_id no kind reference added_at added_by",
    "lead_files": (
        "source_id sha256 filename size received_by state rows_read rows_accepted rows_rejected rows_duplicate "
        "rows_ambiguous merkle_root paused_at quarantined_at warnings contract_reference invoice_reference "
        "order_reference wash_register wash_version"
    ),
    "opt_outs": "seller_id number channels via received_at recorded_at recorded_by",
    "opt_out_repeats": "opt_out_id via received_at recorded_by",
    "opt_out_releases": "asked_by_person_at verified_by released_by",
    "recipients": "slug seller_id name contract_reference key_id",
    "register_versions": (
        "register as_of count snapshot_sha256 file_name file_sha256 rejected_lines loaded_by "
        "kind base_version_id layout covered"
    ),
    "registers": "name country version_id layout",
    "restrictions": "seller_id number kind made_by ended_at",
    "seller_rules": "seller_id version rules because set_by",
    "sellers": "slug name",
    "source_sellers": "name",
    "source_terms": "source_id version text sha256 page_url shown_from shown_until added_by",
    "sources": "slug supplier_id seller_id name basis assessment say say_en retention_days paused_at quarantined_at",
    "suppliers": "slug name kind paused_at quarantined_at",
    "users": "name role seller_id disabled_at",
}
"""By table, the columns that decide or prove, and are held against the ledger."""
SWITCHED = {"closed_at", "ended_at", "paused_at", "quarantined_at", "revoked_at", "disabled_at"}


@pytest.fixture
def on_sqlite(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Seeded]:
    with seeded_service(request, "sqlite", tmp_path, prepare=fill) as found:
        yield found


def _other(value: object, kind: type) -> object:
    """Return another value of the column's type."""
    if kind is bool:
        return not value
    if kind is int:
        return 7 if value is None else int(str(value)) + 1
    if kind is str:
        return "x" if not value else str(value)[:-1] + ("x" if str(value)[-1] != "x" else "y")
    if value is None:
        return date(2026, 11, 1) if kind is date else datetime(2026, 11, 1, tzinfo=UTC)
    assert isinstance(value, date)
    return value + timedelta(days=1)


@pytest.mark.parametrize(
    ("table", "column"), [(table, name) for table, names in COLUMNS.items() for name in names.split()]
)
def test_any_column_that_decides_is_held_against_the_ledger(on_sqlite: Seeded, table: str, column: str) -> None:
    """A state (its name ends in _at and may be empty) is set where it was empty and emptied where it was set."""
    changed = Base.metadata.tables[table]
    cell, key = changed.c[column], next(iter(changed.primary_key))
    switched = column in SWITCHED and table != "contacts"
    with on_sqlite.service.store.reading() as session:
        rows = session.execute(select(key, cell).order_by(key)).all()
    wanted = (
        [next(row for row in rows if (row[1] is None) is empty) for empty in (True, False)] if switched else rows[:1]
    )
    for row in wanted:
        value = (
            (None if row[1] is not None else _other(None, datetime))
            if switched
            else _other(row[1], cell.type.python_type)
        )
        tamper(on_sqlite.service, update(changed).where(key == row[0]).values({cell: value}))
        assert found(on_sqlite)
        tamper(
            on_sqlite.service,
            update(changed).where(key == row[0] if column != key.name else key == value).values({cell: row[1]}),
        )
        assert not found(on_sqlite)


PARTS = {"canaries", "complaint_origins", "source_sellers"}
"""Tables whose rows belong to a row of another table, and are on record with it."""
TABLES = sorted(COLUMNS.keys() - {"registers"} - PARTS)
KEYS = {"opt_out_releases": "opt_out_id", "consent_withdrawals": "consent_id"}
UNIQUE = {"call_id", "slug", "name", "key_hash", "sha256", "reference", "subject"}
COUNTED = {"no", "version"}
"""Columns of small numbers that are not given twice."""


@pytest.mark.parametrize("table", TABLES)
def test_a_removed_row_is_found(seeded: Seeded, table: str) -> None:
    key = KEYS.get(table, "id")
    tamper(seeded.service, text(f"DELETE FROM {table} WHERE {key} = (SELECT max({key}) FROM {table})"))

    assert "missing" in found(seeded)


@pytest.mark.parametrize("table", TABLES)
def test_a_row_that_was_put_in_is_found(seeded: Seeded, table: str) -> None:
    key = KEYS.get(table, "id")
    with seeded.service.store.reading() as session:
        columns = list(session.execute(text(f"SELECT * FROM {table} LIMIT 1")).keys())
    values = [
        f"'{new_id()}'"
        if name == key
        else "'put-in'"
        if name in UNIQUE
        else f"{name} + 1000"
        if name in COUNTED
        else name
        for name in columns
    ]
    tamper(seeded.service, text(f"INSERT INTO {table} SELECT {', '.join(values)} FROM {table} LIMIT 1"))

    assert "inserted" in found(seeded)


def test_an_older_register_version_put_back_in_force_is_found(seeded: Seeded) -> None:
    folder = seeded.service.settings.data_dir
    load_listed(seeded.service, folder, [LISTED, FROM_LIST], date(2026, 11, 20))
    assert found(seeded) == set()
    tamper(seeded.service, text("UPDATE registers SET version_id = (SELECT min(id) FROM register_versions)"))

    assert found(seeded) == {"changed"}


def test_a_change_hidden_by_erasing_its_entry_is_found(seeded: Seeded) -> None:
    tamper(
        seeded.service,
        text("UPDATE opt_outs SET number = number + 1"),
        text("UPDATE ledger_entries SET payload = NULL WHERE kind = 'opt_out.added'"),
    )
    assert found(seeded) == {"erased"}


def test_payloads_erased_openly_are_no_fault_of_their_rows(seeded: Seeded) -> None:
    with seeded.service.store.writing() as session:
        kinds = ["opt_out.added", "checks", "relation.recorded", "consent.recorded"]
        entries = session.execute(select(LedgerEntry.chain, LedgerEntry.seq).where(LedgerEntry.kind.in_(kinds))).all()
        erase_payloads(session, OPERATOR, [Position(chain, seq) for chain, seq in entries], "retention has ended")

    assert found(seeded) == set()


def test_a_finding_names_no_number(seeded: Seeded) -> None:
    tamper(seeded.service, text("UPDATE opt_outs SET number = number + 1"))
    with seeded.service.store.snapshot() as session:
        shown = str(compare_records(session, seeded.service.keyring))
    assert "4670174" not in shown


@pytest.mark.parametrize(
    "payload",
    ["", "[]", "7", "{}", '{"rows":[["id"]],"decisions":[]}', '{"rows":7,"counts":7}', "[" * 100_000],
    ids=lambda payload: payload[:40],
)
def test_entries_that_cannot_be_read_are_findings_and_not_the_end(seeded: Seeded, payload: str) -> None:
    changed = (LedgerEntry.payload.is_not(None)) & (LedgerEntry.payload != payload)
    with seeded.service.store.reading() as session:
        here = {(one.chain, one.seq) for one in session.scalars(select(LedgerEntry).where(changed))}
    tamper(seeded.service, update(LedgerEntry).values(payload=payload), "UPDATE opt_outs SET note = 'other'")

    own = public_key(seeded.service.keyring)
    with seeded.service.store.snapshot() as session:
        told = {(one.chain, one.seq) for one in verify(ledger_lines(session, own), own).findings}
        kinds = {one.what for one in compare_records(session, seeded.service.keyring)}
    assert here <= told
    assert {"changed", "unreadable"} <= kinds
