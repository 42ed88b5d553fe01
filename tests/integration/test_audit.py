"""Rows against the ledger: whatever is changed, removed or put in beside it is found."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Executable, select, text, update

from consent.grounds import record_consent, record_relation, withdraw_consent
from consent.terms import Channel
from core.access import disable_user, revoke_key
from core.database import Base
from core.erasure import erase_payloads
from core.ids import new_id
from core.ledger import LedgerEntry, Position
from core.numbers import Number, read_number
from dnc.audit import compare_records
from dnc.campaigns import close_campaign
from dnc.contacts import Outcome, log_contact
from dnc.facts import RestrictionKind
from dnc.gate import Question
from dnc.holds import close_hold
from dnc.opt_outs import release_opt_out
from dnc.restrictions import end_restriction, restrict
from leads.models import LeadFile
from leads.pauses import (
    pause_lead_file,
    pause_source,
    pause_supplier,
    resume_lead_file,
    resume_source,
    resume_supplier,
)
from tests.integration.seeds import KINDS, dialer_of, seeded_service
from tests.seeding import (
    CAMPAIGN,
    FROM_LIST,
    FROM_PARTNER,
    LIST_SOURCE,
    LISTED,
    OPERATOR,
    OPTED_OUT,
    OTHER_CAMPAIGN,
    PARTNER_SOURCE,
    Seeded,
    load_listed,
    opt_out,
)


@pytest.fixture(params=KINDS)
def seeded(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Seeded]:
    """Return a service with a row of each kind on record."""
    with seeded_service(request, request.param, tmp_path) as found:
        _fill(found)
        yield found


def _fill(seeded: Seeded) -> None:
    store, keyring, dialer, now = seeded.service.store, seeded.service.keyring, dialer_of(seeded), seeded.clock.now()
    number = read_number(FROM_PARTNER)
    assert isinstance(number, Number)
    check = seeded.service.gate.ask(dialer, CAMPAIGN, Question(FROM_PARTNER, reference="r"))
    seeded.service.gate.ask_many(dialer, CAMPAIGN, [Question(FROM_LIST), Question("bad"), Question(FROM_LIST)])
    released = opt_out(seeded.service, FROM_LIST, None)
    opt_out(seeded.service, OPTED_OUT, seeded.seller_id)  # who had said no before
    with store.writing() as session:
        logged = [
            log_contact(
                session,
                dialer,
                keyring,
                check_id=check.id,
                call_id=f"call-{place}",
                started_at=now,
                ended_at=None,
                outcome=Outcome.OBJECTED,
                agent=None,
                source_disclosed=True,
                now=now,
            )
            for place in range(2)
        ]
        session.flush()
        close_hold(session, OPERATOR, keyring, hold_id=str(logged[0].hold_id), resolution="a mistake", now=now)
        release_opt_out(
            session,
            OPERATOR,
            keyring,
            opt_out_id=released,
            asked_by_person_at=now,
            verified_by="called back",
            note="",
            now=now,
        )
        consent = record_consent(
            session,
            OPERATOR,
            keyring=keyring,
            seller_id=seeded.seller_id,
            number=number,
            channels=frozenset({Channel.VOICE}),
            names_seller=True,
            text_version="2026-1",
            evidence={"form": "web-7"},
            given_at=now - timedelta(days=1),
            expires_at=None,
            now=now,
        )
        session.flush()
        withdraw_consent(
            session, OPERATOR, keyring=keyring, consent_id=consent.id, withdrawn_at=now, via="mail", note="", now=now
        )
    _fill_what_can_change(seeded, number)


def _fill_what_can_change(seeded: Seeded, number: Number) -> None:
    """Put on record what is written anew, ended, paused or resumed, so that there is one of each state."""
    store, keyring, now = seeded.service.store, seeded.service.keyring, seeded.clock.now()
    for product, fulfilled_at in (("electricity", None), ("electricity", now), ("broadband", None)):
        with store.writing() as session:
            record_relation(
                session,
                OPERATOR,
                keyring=keyring,
                seller_id=seeded.seller_id,
                number=number,
                product=product,
                reference="A-1",
                started_at=now - timedelta(days=30),
                fulfilled_at=fulfilled_at,
                now=now,
            )
    with store.writing() as session:
        restricted = [
            restrict(session, OPERATOR, keyring, number=one, seller_id=seller, kind=kind, note="", now=now)
            for one, seller, kind in (
                (number.value, None, RestrictionKind.DECEASED),
                (number.value + 1, seeded.seller_id, RestrictionKind.DECEASED),
            )
        ]
        session.flush()
        end_restriction(session, OPERATOR, restriction_id=restricted[0].id, now=now)
        close_campaign(session, OPERATOR, slug=OTHER_CAMPAIGN, now=now)
        revoke_key(session, OPERATOR, name="admin key", now=now)
        disable_user(session, OPERATOR, name="admin", now=now)
        for slug in (PARTNER_SOURCE, LIST_SOURCE):
            pause_source(session, OPERATOR, slug=slug, reason="a complaint", now=now)
        for slug in ("kronan", "fjallraven"):
            pause_supplier(session, OPERATOR, slug=slug, reason="a complaint", now=now)
        files = session.scalars(select(LeadFile.id).order_by(LeadFile.id)).all()
        for lead_file_id in files[:2]:
            pause_lead_file(session, OPERATOR, lead_file_id=lead_file_id, reason="a complaint", now=now)
    with store.writing() as session:
        resume_source(session, OPERATOR, slug=PARTNER_SOURCE, now=now)
        resume_supplier(session, OPERATOR, slug="kronan", now=now)
        resume_lead_file(session, OPERATOR, lead_file_id=files[0], now=now)


def found(seeded: Seeded) -> set[str]:
    with seeded.service.store.snapshot() as session:
        return {finding.what for finding in compare_records(session, seeded.service.keyring)}


def tamper(seeded: Seeded, *statements: Executable) -> None:
    """Change rows as one may who holds the database: with its triggers gone and its keys unchecked."""
    with seeded.service.store.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            for name in connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
                connection.exec_driver_sql(f"DROP TRIGGER {name}")
            connection.commit()
            connection.connection.cursor().execute("PRAGMA foreign_keys = OFF")
        else:
            connection.exec_driver_sql("SET LOCAL session_replication_role = 'replica'")
        for statement in statements:
            connection.execute(statement)
        connection.commit()
        connection.invalidate()


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
}


@pytest.mark.parametrize("change", CHANGED)
def test_a_changed_row_is_found(seeded: Seeded, change: str) -> None:
    with seeded.service.store.reading() as session:
        sellers = session.execute(text("SELECT max(id) FROM sellers")).scalar()
    assert sellers == seeded.other_seller_id
    tamper(seeded, text(CHANGED[change]))

    assert "changed" in found(seeded)


COLUMNS = {
    "api_keys": "name role seller_id revoked_at",
    "campaigns": "slug seller_id name product channel opens_weekends closed_at",
    "checks": "seller_id campaign_id number verdict checked_at valid_until asked_by reference chain seq place",
    "consents": (
        "seller_id number channels names_seller text_version evidence given_at expires_at recorded_at recorded_by"
    ),
    "consent_withdrawals": "withdrawn_at via recorded_at recorded_by",
    "contacts": (
        "check_id seller_id campaign_id number call_id started_at ended_at outcome agent source_disclosed logged_by"
    ),
    "customer_relations": "seller_id number product started_at fulfilled_at recorded_at recorded_by",
    "holds": "seller_id number reason contact_id made_by closed_at",
    "lead_files": "source_id sha256 filename size received_by paused_at",
    "opt_outs": "seller_id number channels via received_at recorded_at recorded_by",
    "opt_out_repeats": "opt_out_id via received_at recorded_by",
    "opt_out_releases": "asked_by_person_at verified_by released_by",
    "register_versions": ("register as_of count snapshot_sha256 file_name file_sha256 rejected_lines loaded_by"),
    "registers": "name country version_id",
    "restrictions": "seller_id number kind made_by ended_at",
    "sellers": "slug name",
    "sources": "slug supplier_id seller_id name basis assessment say say_en retention_days paused_at",
    "suppliers": "slug name kind paused_at",
    "users": "name role seller_id disabled_at",
}
"""By table, the columns that decide or prove, and are held against the ledger."""


@pytest.fixture
def on_sqlite(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Seeded]:
    with seeded_service(request, "sqlite", tmp_path) as found:
        _fill(found)
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
        return datetime(2026, 11, 1, tzinfo=UTC)
    assert isinstance(value, date)
    return value + timedelta(days=1)


@pytest.mark.parametrize(
    ("table", "column"), [(table, name) for table, names in COLUMNS.items() for name in names.split()]
)
def test_any_column_that_decides_is_held_against_the_ledger(on_sqlite: Seeded, table: str, column: str) -> None:
    """A state (its name ends in _at and may be empty) is set where it was empty and emptied where it was set."""
    changed = Base.metadata.tables[table]
    cell, key = changed.c[column], next(iter(changed.primary_key))
    switched = column in {"closed_at", "ended_at", "paused_at", "revoked_at", "disabled_at"} and table != "contacts"
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
        tamper(on_sqlite, update(changed).where(key == row[0]).values({cell: value}))
        assert found(on_sqlite)
        tamper(
            on_sqlite,
            update(changed).where(key == row[0] if column != key.name else key == value).values({cell: row[1]}),
        )
        assert not found(on_sqlite)


TABLES = sorted(COLUMNS.keys() - {"registers"})
KEYS = {"opt_out_releases": "opt_out_id", "consent_withdrawals": "consent_id"}
UNIQUE = {"call_id", "slug", "name", "key_hash", "sha256", "reference"}


@pytest.mark.parametrize("table", TABLES)
def test_a_removed_row_is_found(seeded: Seeded, table: str) -> None:
    key = KEYS.get(table, "id")
    tamper(seeded, text(f"DELETE FROM {table} WHERE {key} = (SELECT max({key}) FROM {table})"))

    assert "missing" in found(seeded)


@pytest.mark.parametrize("table", TABLES)
def test_a_row_that_was_put_in_is_found(seeded: Seeded, table: str) -> None:
    key = KEYS.get(table, "id")
    with seeded.service.store.reading() as session:
        columns = list(session.execute(text(f"SELECT * FROM {table} LIMIT 1")).keys())
    values = [f"'{new_id()}'" if name == key else "'put-in'" if name in UNIQUE else name for name in columns]
    tamper(seeded, text(f"INSERT INTO {table} SELECT {', '.join(values)} FROM {table} LIMIT 1"))

    assert "inserted" in found(seeded)


def test_an_older_register_version_put_back_in_force_is_found(seeded: Seeded) -> None:
    folder = seeded.service.settings.data_dir
    load_listed(seeded.service, folder, [LISTED, FROM_LIST], date(2026, 11, 20))
    assert found(seeded) == set()
    tamper(seeded, text("UPDATE registers SET version_id = (SELECT min(id) FROM register_versions)"))

    assert found(seeded) == {"changed"}


def test_a_change_hidden_by_erasing_its_entry_is_found(seeded: Seeded) -> None:
    tamper(
        seeded,
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
    tamper(seeded, text("UPDATE opt_outs SET number = number + 1"))
    with seeded.service.store.snapshot() as session:
        shown = str(compare_records(session, seeded.service.keyring))
    assert "4670174" not in shown
