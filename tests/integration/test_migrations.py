"""The schema: up and down again, equal to the models, and guarded where rows must never change."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, UniqueConstraint, inspect, text
from sqlalchemy.exc import DBAPIError

from core.clock import FixedClock
from core.database import open_engine
from core.ledger import Event, LedgerWriter
from migrations.revisions import current, head
from migrations.run import downgrade, upgrade
from migrations.schema import metadata
from tests.postgres import PostgresServer
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
    "ledger_checkpoints",
    "opt_out_releases",
    "opt_out_repeats",
    "opt_outs",
    "pause_marks",
    "register_versions",
    "relation_versions",
    "seller_rules",
    "source_sellers",
    "source_terms",
)
AT = "'2026-11-20 12:00+00'"


def _shape(engine: Engine) -> dict[str, object]:
    """Return every table with its columns, keys, indexes and constraints, and every trigger."""
    found: dict[str, object] = {}
    inspector = inspect(engine)
    for table in sorted(inspector.get_table_names()):
        found[table] = (
            [(c["name"], str(c["type"]), c["nullable"], c.get("autoincrement")) for c in inspector.get_columns(table)],
            inspector.get_pk_constraint(table),
            sorted(map(str, inspector.get_foreign_keys(table))),
            sorted(map(str, inspector.get_indexes(table))),
            sorted(map(str, inspector.get_unique_constraints(table))),
        )
    triggers = (
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name"
        if engine.dialect.name == "sqlite"
        else "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY tgname"
    )
    with engine.connect() as connection:
        found["triggers"] = [tuple(row) for row in connection.execute(text(triggers))]
    return found


def test_the_schema_goes_down_to_nothing_and_comes_up_the_same(database_url: str) -> None:
    engine = open_engine(database_url, pool_size=1)
    before = _shape(engine)

    downgrade(database_url, "base")
    assert current(engine) is None
    assert set(inspect(engine).get_table_names()) <= {"alembic_version"}

    upgrade(database_url)
    assert current(engine) == head()
    assert _shape(engine) == before
    engine.dispose()


def test_models_and_migrated_schema_are_the_same(database_url: str) -> None:
    engine = open_engine(database_url, pool_size=1)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        differences = compare_metadata(context, metadata)
    assert differences == []
    engine.dispose()


def test_every_column_key_and_constraint_of_the_models_is_in_the_schema(database_url: str) -> None:
    """What alembic does not compare: keys, their columns, names of constraints and what may be NULL."""
    engine = open_engine(database_url, pool_size=1)
    inspector = inspect(engine)
    assert set(inspector.get_table_names()) - {"alembic_version"} == set(metadata.tables)
    for name, table in metadata.tables.items():
        columns = {column["name"]: column["nullable"] for column in inspector.get_columns(name)}
        assert columns == {column.name: bool(column.nullable) for column in table.columns}, name
        key = inspector.get_pk_constraint(name)
        assert key["constrained_columns"] == [column.name for column in table.primary_key.columns], name
        uniques = {(u["name"], tuple(u["column_names"])) for u in inspector.get_unique_constraints(name)}
        assert uniques == {
            (constraint.name, tuple(column.name for column in constraint.columns))
            for constraint in table.constraints
            if isinstance(constraint, UniqueConstraint)
        }, name
        foreign = {
            (tuple(f["constrained_columns"]), f["referred_table"], tuple(f["referred_columns"]))
            for f in inspector.get_foreign_keys(name)
        }
        assert foreign == {
            (
                tuple(column.name for column in constraint.columns),
                constraint.referred_table.name,
                tuple(element.column.name for element in constraint.elements),
            )
            for constraint in table.foreign_key_constraints
        }, name
        indexes = {tuple(i["column_names"]) for i in inspector.get_indexes(name) if "duplicates_constraint" not in i}
        assert indexes == {tuple(column.name for column in index.columns) for index in table.indexes}, name
    engine.dispose()


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
    "ledger_checkpoints": "signature = '01'",
    "opt_outs": "channels = 'automated_voice'",
    "opt_out_releases": "note = 'changed'",
    "opt_out_repeats": "via = 'other'",
    "pause_marks": "became = 'resumed'",
    "register_versions": "count = 2",
    "relation_versions": "version = 2",
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
    "opt_out_releases": ("opt_outs",),
    "opt_out_repeats": ("opt_outs",),
    "relation_versions": ("customer_relations",),
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
    guarded = set(re.findall(r" ON (?:public\.)?(\w+) ", str(_shape(engine)["triggers"])))
    assert guarded == {*GUARDED, "ledger_entries"}
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


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_processes_that_migrate_at_once_all_succeed(kind: str, postgres: PostgresServer, tmp_path: Path) -> None:
    urls = [f"sqlite:///{tmp_path / f'{place}' / 'fresh.db'}" for place in range(3)]
    if kind == "postgresql":
        for place in range(3):
            postgres.create_database(f"fresh_{place}")
        urls = [postgres.url_for(f"fresh_{place}") for place in range(3)]
    starter = (
        "import sys\nfrom migrations.run import upgrade\nprint('ready', flush=True)\nsys.stdin.readline()\n"
        "for url in sys.argv[1:]: upgrade(url)\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", starter, *urls],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.flush()
    for process in processes:
        _out, complaint = process.communicate(timeout=60)
        assert process.returncode == 0, complaint.decode()
    for url in urls:
        engine = open_engine(url, pool_size=1)
        assert current(engine) == head()
        engine.dispose()
    if kind == "postgresql":
        for place in range(3):
            postgres.drop_database(f"fresh_{place}")


def test_leads_that_were_there_are_moved_over_whole(database_url: str) -> None:
    downgrade(database_url, "0001_create_tables")
    engine = open_engine(database_url, pool_size=1)
    at = "1767225600000000" if engine.dialect.name == "sqlite" else "'2026-01-01 00:00+00'"
    statements = [
        f"INSERT INTO sellers (id, slug, name, created_at) VALUES ('s1', 'norrsken', 'Norrsken', {at})",
        f"INSERT INTO suppliers (id, slug, name, kind, created_at) VALUES ('p1', 'fjord', 'Fjord', 'partner', {at})",
    ]
    for no in "12":
        statements += [
            (
                "INSERT INTO sources (id, slug, supplier_id, seller_id, name, say, retention_days, created_at) "
                f"VALUES ('o{no}', 'o{no}', 'p1', 's1', 'T', 'Hej', 30, {at})"
            ),
            (
                "INSERT INTO lead_files (id, source_id, sha256, filename, size, encoding, delimiter, mapping, state, "
                "rows_read, rows_accepted, rows_rejected, rows_duplicate, rows_ambiguous, received_at, received_by) "
                f"VALUES ('f{no}', 'o{no}', 'a', 'f.c', 9, 'utf-8', ';', '{{}}', 'finished', 2, 1, 1, 0, 0, {at}, 'm')"
            ),
            f"INSERT INTO lead_rows VALUES ('f{no}', 1, 'accepted', '', '[]', 46701740605)",
            f"INSERT INTO lead_rows VALUES ('f{no}', 2, 'rejected', 'missing_number', '[]', NULL)",
            (
                "INSERT INTO leads (id, seller_id, number, source_id, lead_file_id, row_no, name, expires_at, "
                f"created_at) VALUES ('l{no}', 's1', 46701740605, 'o{no}', 'f{no}', 1, 'Åsa \"T\"', {at}, {at})"
            ),
        ]
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    with engine.begin() as connection:
        for table, values in (
            (
                "lead_files",
                (
                    "SELECT 'f3', source_id, 'b', filename, size, encoding, delimiter, mapping, 'reading', "
                    "rows_read, 1, 1, 0, 0, received_at, received_by, NULL, NULL FROM lead_files WHERE id = 'f1'"
                ),
            ),
            ("lead_rows", "SELECT 'f3', row_no, state, reasons, raw, number FROM lead_rows WHERE lead_file_id = 'f1'"),
        ):
            connection.execute(text(f"INSERT INTO {table} {values}"))
        connection.execute(
            text(
                "INSERT INTO leads (id, seller_id, number, source_id, lead_file_id, row_no, expires_at, created_at) "
                f"VALUES ('l3', 's1', 46701740606, 'o1', 'f3', 1, {at}, {at})"
            )
        )
    engine.dispose()

    upgrade(database_url)

    with engine.connect() as connection:
        leads = connection.execute(
            text(
                "SELECT l.number, s.id, f.id, l.row_no, l.person FROM leads l "
                "JOIN sources s ON s.no = l.source_no JOIN lead_files f ON f.no = l.file_no ORDER BY s.id"
            )
        )
        moved = [(*row[:4], json.loads(row[4])) for row in leads]
        rows = connection.execute(text("SELECT row_no FROM lead_rows")).scalars().all()
        unfinished = connection.execute(text("SELECT rows_read, rows_accepted FROM lead_files WHERE id = 'f3'")).one()
    assert moved == [(46701740605, f"o{no}", f"f{no}", 1, {"name": 'Åsa "T"'}) for no in "12"]
    assert rows == [2, 2]
    assert tuple(unfinished) == (0, 0)  # it begins anew
    engine.dispose()
    downgrade(database_url, "0001_create_tables")
    with engine.connect() as connection:
        names = connection.execute(text("SELECT name, source_id, lead_file_id, row_no FROM leads ORDER BY id")).all()
    assert names == [('Åsa "T"', f"o{no}", f"f{no}", 1) for no in "12"]
    engine.dispose()
