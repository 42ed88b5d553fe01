"""Append-only tables refuse to change or lose a row, and none is left unguarded."""

import re

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from core.clock import FixedClock
from core.database import open_engine
from core.ledger import Event, LedgerWriter
from tests.registers import NOON

GUARDED = (
    "assessments",
    "audit_differences",
    "call_records",
    "canaries",
    "canary_sightings",
    "changes",
    "checkpoint_timestamps",
    "checks",
    "complaint_origins",
    "complaints",
    "consent_withdrawals",
    "consents",
    "contacts",
    "exports",
    "lead_arrivals",
    "lead_file_references",
    "ledger_checkpoints",
    "opt_out_releases",
    "opt_out_repeats",
    "opt_outs",
    "pause_marks",
    "register_versions",
    "relation_versions",
    "screening_parts",
    "seller_rules",
    "source_sellers",
    "source_terms",
)
AT = "'2026-11-20 12:00+00'"
ROWS = {
    "assessments": (
        "(id, reference, seller_id, title, file_name, size, sha256, added_at, added_by) "
        "VALUES ('b', 'LIA-1', 's', 'T', 'f', 1, 'x', {at}, 'a')"
    ),
    "call_record_files": (
        "(id, seller_id, sha256, asked, file_name, size, received_at, received_by) "
        "VALUES ('cf', 's', 'x', 'y', 'f', 1, {at}, 'a')"
    ),
    "call_records": "(file_id, row_no, state) VALUES ('cf', 1, 'matched')",
    "canaries": "(number, export_id, recipient_id, seeded_at) VALUES (46701740605, 'e', 'm', {at})",
    "canary_sightings": (
        "(id, seller_id, export_id, recipient_id, number, how, subject, note, seen_at, recorded_at, recorded_by) "
        "VALUES ('g', 's', 'e', 'm', 46701740605, 'report', 'x', '', {at}, {at}, 'a')"
    ),
    "changes": "(seq, at, kind, number, subject, channels) VALUES (1, {at}, 'hold', 46701740605, 's', 'voice')",
    "checks": (
        "(id, seller_id, campaign_id, number, verdict, checked_at, asked_by, chain, seq, place) "
        "VALUES ('c', 's', 'k', 46701740605, 'deny', {at}, 'a', 1, 1, 0)"
    ),
    "complaint_origins": "(complaint_id, source_id, lead_file_id, row_no) VALUES ('w', 'q', 'f', 1)",
    "complaints": (
        "(id, seller_id, number, kind, via, note, received_at, recorded_at, recorded_by) "
        "VALUES ('w', 's', 46701740605, 'person', 'mail', '', {at}, {at}, 'a')"
    ),
    "consents": (
        "(id, seller_id, number, channels, names_seller, text_version, evidence, given_at, recorded_at, recorded_by) "
        "VALUES ('n', 's', 46701740605, 'voice', true, 'v', '{{}}', {at}, {at}, 'a')"
    ),
    "consent_withdrawals": (
        "(consent_id, withdrawn_at, via, note, recorded_at, recorded_by) VALUES ('n', {at}, 'mail', '', {at}, 'a')"
    ),
    "contacts": (
        "(id, check_id, seller_id, campaign_id, number, call_id, started_at, outcome, recorded_at, logged_by) "
        "VALUES ('t', 'c', 's', 'k', 46701740605, 'x', {at}, 'busy', {at}, 'a')"
    ),
    "customer_relations": (
        "(id, seller_id, number, product, reference, started_at, recorded_at, recorded_by) "
        "VALUES ('v', 's', 46701740605, 'p', 'A-1', {at}, {at}, 'a')"
    ),
    "audits": (
        "(id, scope, begun_at, begun_by, starts, ends, chain, seq, counts) "
        "VALUES ('d', 'all', {at}, 'a', '{{}}', '{{}}', 0, -1, '{{}}')"
    ),
    "audit_differences": "(audit_id, no, chain, seq, against, what) VALUES ('d', 1, 1, 1, 'facts', 'x')",
    "checkpoint_timestamps": (
        "(checkpoint_no, stamped_at, authority, response) SELECT no, at, 'tsa.example', '' FROM ledger_checkpoints"
    ),
    "exports": (
        "(id, seller_id, campaign_id, recipient_id, contract_reference, sha256, leads, made_at, made_by) "
        "VALUES ('e', 's', 'k', 'm', 'PUB-1', 'x', 1, {at}, 'a')"
    ),
    "lead_arrivals": (
        "(id, lead_file_id, source_id, seller_id, screened_at, screened_by, asked_for, counts, wash) "
        "VALUES ('l', 'f', 'q', 's', {at}, 'a', {at}, '{{}}', '{{}}')"
    ),
    "lead_file_references": (
        "(id, lead_file_id, no, kind, reference, added_at, added_by) VALUES ('fr', 'f', 1, 'invoice', 'F', {at}, 'a')"
    ),
    "lead_files": (
        "(id, source_id, sha256, filename, size, encoding, delimiter, mapping, state, rows_read, rows_accepted, "
        "rows_rejected, rows_duplicate, rows_ambiguous, received_at, received_by) "
        "VALUES ('f', 'q', 'x', 'f.csv', 1, 'utf-8', ';', '{{}}', 'finished', 0, 0, 0, 0, 0, {at}, 'a')"
    ),
    "ledger_checkpoints": "(no, at, payload, signature) VALUES (1, {at}, '{{}}', '00')",
    "opt_outs": (
        "(id, seller_id, number, channels, via, note, received_at, recorded_at, recorded_by) "
        "VALUES ('o', 's', 46701740605, 'voice', 'mail', '', {at}, {at}, 'a')"
    ),
    "opt_out_repeats": (
        "(id, opt_out_id, via, received_at, recorded_at, recorded_by) VALUES ('u', 'o', 'mail', {at}, {at}, 'a')"
    ),
    "opt_out_releases": (
        "(opt_out_id, asked_by_person_at, verified_by, note, released_at, released_by) "
        "VALUES ('o', {at}, 'v', '', {at}, 'a')"
    ),
    "pause_marks": (
        "(subject_id, no, became, recorded_at, recorded_by, reason) VALUES ('q', 1, 'paused', {at}, 'a', 'R')"
    ),
    "register_versions": (
        "(id, register, as_of, count, snapshot_sha256, file_name, file_sha256, rejected_lines, loaded_at, loaded_by) "
        "VALUES ('r', 'nix', '2026-11-15', 1, 'x', 'f', 'y', 0, {at}, 'a')"
    ),
    "relation_versions": (
        "(relation_id, version, started_at, recorded_at, recorded_by) VALUES ('v', 1, {at}, {at}, 'a')"
    ),
    "recipients": (
        "(id, slug, seller_id, name, contract_reference, created_at) VALUES ('m', 'm', 's', 'M', 'PUB-1', {at})"
    ),
    "screening_parts": (
        "(screening_id, no, first_row, rows, decided_at, packed, sha256, chain, seq) "
        "VALUES ('z', 0, 1, 1, {at}, '', 'x', 1, 1)"
    ),
    "screenings": (
        "(id, seller_id, campaign_id, subject, next_hour, asked_at, asked_by, state, parts, rows, progress, counts, "
        "policies, registers, ran_at) "
        "VALUES ('z', 's', 'k', 'file', false, {at}, 'a', 'done', 1, 1, 1, '{{}}', '[]', '[]', {at})"
    ),
    "seller_rules": (
        "(id, seller_id, version, rules, because, set_at, set_by) VALUES ('o', 's', 1, 'r', 'b', {at}, 'a')"
    ),
    "source_sellers": "(terms_id, name) VALUES ('h', 'S')",
    "source_terms": (
        "(id, source_id, version, text, sha256, added_at, added_by) VALUES ('h', 'q', 1, 'T', 'x', {at}, 'a')"
    ),
    "sources": (
        "(id, slug, supplier_id, seller_id, name, say, retention_days, created_at) "
        "VALUES ('q', 'q', 'p', 's', 'Q', 'Hej', 30, {at})"
    ),
    "suppliers": "(id, slug, name, kind, created_at) VALUES ('p', 'p', 'P', 'partner', {at})",
}
CHANGED = {
    "assessments": "title = 'other'",
    "call_records": "state = 'repeated'",
    "canaries": "number = number + 1",
    "canary_sightings": "note = 'other'",
    "changes": "kind = 'release'",
    "checks": "verdict = 'allow'",
    "complaint_origins": "row_no = 2",
    "complaints": "kind = 'other'",
    "consents": "channels = 'automated_voice'",
    "consent_withdrawals": "via = 'web'",
    "contacts": "outcome = 'sale'",
    "audit_differences": "what = 'other'",
    "checkpoint_timestamps": "authority = 'other'",
    "exports": "leads = 2",
    "lead_arrivals": "counts = '[]'",
    "lead_file_references": "reference = 'other'",
    "ledger_checkpoints": "signature = '01'",
    "opt_outs": "channels = 'automated_voice'",
    "opt_out_releases": "note = 'changed'",
    "opt_out_repeats": "via = 'other'",
    "pause_marks": "became = 'resumed'",
    "register_versions": "count = 2",
    "relation_versions": "version = 2",
    "screening_parts": "rows = 2",
    "seller_rules": "rules = 'x'",
    "source_sellers": "name = 'other'",
    "source_terms": "text = 'other'",
}
FILED = ("suppliers", "sources", "lead_files")
PARENTS = {
    "call_records": ("call_record_files",),
    "audit_differences": ("audits",),
    "checkpoint_timestamps": ("ledger_checkpoints",),
    "canaries": ("recipients", "exports"),
    "canary_sightings": ("recipients", "exports"),
    "complaint_origins": (*FILED, "complaints"),
    "consent_withdrawals": ("consents",),
    "contacts": ("checks",),
    "exports": ("recipients",),
    "lead_arrivals": FILED,
    "lead_file_references": FILED,
    "opt_out_releases": ("opt_outs",),
    "opt_out_repeats": ("opt_outs",),
    "relation_versions": ("customer_relations",),
    "screening_parts": ("screenings",),
    "source_sellers": ("suppliers", "sources", "source_terms"),
    "source_terms": ("suppliers", "sources"),
}
"""The rows that must be there before a table's own, beside a seller and a campaign."""


@pytest.mark.parametrize("table", GUARDED)
def test_an_append_only_table_refuses_to_change_or_lose_a_row(database_url: str, table: str) -> None:
    engine = open_engine(database_url, pool_size=1)
    at = "1795521600000000" if engine.dialect.name == "sqlite" else AT
    with engine.begin() as connection:
        connection.execute(text(f"INSERT INTO sellers (id, slug, name, created_at) VALUES ('s', 's', 'S', {at})"))
        connection.execute(
            text(
                "INSERT INTO campaigns (id, slug, seller_id, name, product, channel, opens_weekends, created_at) "
                f"VALUES ('k', 'k', 's', 'K', 'p', 'voice', false, {at})"
            )
        )
        for parent in dict.fromkeys([*PARENTS.get(table, ()), table]):
            connection.exec_driver_sql(f"INSERT INTO {parent} " + ROWS[parent].format(at=at))
    statements = [f"UPDATE {table} SET {CHANGED[table]}", f"DELETE FROM {table}"]
    if engine.dialect.name == "postgresql":
        statements.append(f"TRUNCATE {table} CASCADE")
    for statement in statements:
        with pytest.raises(DBAPIError, match="is append-only"), engine.begin() as connection:
            connection.execute(text(statement))
    with engine.connect() as connection:
        assert connection.execute(text(f"SELECT count(*) FROM {table}")).scalar() == 1
    engine.dispose()


def test_no_append_only_table_is_left_unguarded(database_url: str) -> None:
    engine = open_engine(database_url, pool_size=1)
    triggers = (
        "SELECT sql FROM sqlite_master WHERE type = 'trigger'"
        if engine.dialect.name == "sqlite"
        else "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal"
    )
    with engine.connect() as connection:
        written = " ".join(connection.execute(text(triggers)).scalars())
    assert set(re.findall(r" ON (?:public\.)?(\w+) ", written)) == {*GUARDED, "ledger_entries"}
    engine.dispose()


def test_of_a_ledger_entry_only_the_payload_can_be_erased(database_url: str) -> None:
    engine = open_engine(database_url, pool_size=1)
    writer = LedgerWriter(FixedClock(NOON))
    with engine.begin() as connection, writer.appending(connection, [Event("a", "s", "t", None, {"x": 1})]):
        pass
    at = "1" if engine.dialect.name == "sqlite" else "now()"
    changes = [
        "chain = 9",
        "seq = 9",
        f"at = {at}",
        "kind = 'b'",
        "subject = 'u'",
        "actor = 'v'",
        "seller_id = 'w'",
        "digest = 'd'",
        "hash = 'h'",
        "payload = '{}'",
    ]
    for change in changes:
        for also in ("", ", payload = NULL") if not change.startswith("payload") else ("",):
            with pytest.raises(DBAPIError), engine.begin() as connection:
                connection.execute(text(f"UPDATE ledger_entries SET {change}{also} WHERE seq = 1"))
    with pytest.raises(DBAPIError), engine.begin() as connection:
        connection.execute(text("DELETE FROM ledger_entries WHERE seq = 1"))
    with engine.begin() as connection:
        connection.execute(text("UPDATE ledger_entries SET payload = NULL WHERE seq = 1"))
    with pytest.raises(DBAPIError), engine.begin() as connection:
        connection.execute(text("UPDATE ledger_entries SET payload = '{}' WHERE seq = 1"))
    engine.dispose()
