"""Rows against the ledger: whatever is changed, removed or put in beside it is found."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from consent.grounds import record_consent, withdraw_consent
from consent.terms import Channel
from core.ids import new_id
from core.numbers import Number, read_number
from dnc.audit import compare_records
from dnc.contacts import Outcome, log_contact
from dnc.gate import Question
from dnc.holds import close_hold
from dnc.opt_outs import release_opt_out
from tests.integration.seeds import KINDS, dialer_of, seeded_service
from tests.seeding import CAMPAIGN, FROM_LIST, FROM_PARTNER, OPERATOR, Seeded, opt_out


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


def found(seeded: Seeded) -> set[str]:
    with seeded.service.store.snapshot() as session:
        return {finding.what for finding in compare_records(session, seeded.service.keyring)}


def tamper(seeded: Seeded, statement: str) -> None:
    """Change rows as one may who holds the database: with its triggers gone and its keys unchecked."""
    with seeded.service.store.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            for name in connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
                connection.exec_driver_sql(f"DROP TRIGGER {name}")
            connection.commit()
            connection.connection.cursor().execute("PRAGMA foreign_keys = OFF")
        else:
            connection.exec_driver_sql("SET LOCAL session_replication_role = 'replica'")
        connection.exec_driver_sql(statement)
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
    "a withdrawal's way": "UPDATE consent_withdrawals SET via = 'other'",
}


@pytest.mark.parametrize("change", CHANGED)
def test_a_changed_row_is_found(seeded: Seeded, change: str) -> None:
    with seeded.service.store.reading() as session:
        sellers = session.execute(text("SELECT max(id) FROM sellers")).scalar()
    assert sellers == seeded.other_seller_id
    tamper(seeded, CHANGED[change])

    assert "changed" in found(seeded)


TABLES = ["checks", "contacts", "opt_outs", "opt_out_releases", "holds", "consents", "consent_withdrawals"]


@pytest.mark.parametrize("table", TABLES)
def test_a_removed_row_is_found(seeded: Seeded, table: str) -> None:
    key = {"opt_out_releases": "opt_out_id", "consent_withdrawals": "consent_id"}.get(table, "id")
    tamper(seeded, f"DELETE FROM {table} WHERE {key} = (SELECT max({key}) FROM {table})")

    assert "missing" in found(seeded)


@pytest.mark.parametrize("table", TABLES)
def test_a_row_that_was_put_in_is_found(seeded: Seeded, table: str) -> None:
    key = {"opt_out_releases": "opt_out_id", "consent_withdrawals": "consent_id"}.get(table, "id")
    with seeded.service.store.reading() as session:
        columns = list(session.execute(text(f"SELECT * FROM {table} LIMIT 1")).keys())
    values = [f"'{new_id()}'" if name == key else "'put-in'" if name == "call_id" else name for name in columns]
    tamper(seeded, f"INSERT INTO {table} SELECT {', '.join(values)} FROM {table} LIMIT 1")

    assert "inserted" in found(seeded)


def test_a_finding_names_no_number(seeded: Seeded) -> None:
    tamper(seeded, "UPDATE opt_outs SET number = number + 1")
    with seeded.service.store.snapshot() as session:
        shown = str(compare_records(session, seeded.service.keyring))
    assert "4670174" not in shown
