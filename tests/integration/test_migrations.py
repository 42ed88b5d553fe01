"""The schema: up and down again, equal to the models, and guarded where rows must never change."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, UniqueConstraint, inspect, text
from sqlalchemy.engine.interfaces import ReflectedIndex
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from core.database import open_engine
from core.secrets import keyring
from leads.past_audit import compare_birth_dates
from migrations import run
from migrations.revisions import current, head
from migrations.run import downgrade, upgrade
from migrations.schema import metadata
from tests.postgres import PostgresServer


def _shape(engine: Engine) -> dict[str, object]:
    """Return every table with its columns, keys, indexes and constraints, and every trigger."""
    found: dict[str, object] = {}
    inspector = inspect(engine)
    for table in sorted(inspector.get_table_names()):
        found[table] = (
            [(c["name"], str(c["type"]), c["nullable"], c.get("autoincrement")) for c in inspector.get_columns(table)],
            inspector.get_pk_constraint(table),
            sorted(map(str, inspector.get_foreign_keys(table))),
            sorted(str({**index, "dialect_options": _as_text(index)}) for index in inspector.get_indexes(table)),
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


def _as_text(index: ReflectedIndex) -> dict[str, str]:
    return {name: str(option) for name, option in index.get("dialect_options", {}).items()}


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


def test_the_code_may_lie_in_a_folder_of_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "gren%2Fmed mellanslag å"
    shutil.copytree(Path(run.__file__).parent, folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(run, "__file__", str(folder / "run.py"))
    url = f"sqlite:///{tmp_path / 'new.db'}"

    upgrade(url)

    engine = open_engine(url, pool_size=1)
    assert current(engine) == head()
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


def test_consents_are_filled_with_the_lead_file_that_their_evidence_names(database_url: str) -> None:
    downgrade(database_url, "0014_keep_past_standing")
    engine = open_engine(database_url, pool_size=1)
    at = "1767225600000000" if engine.dialect.name == "sqlite" else "'2026-01-01 00:00+00'"
    file_id = "01a20460-5f95-704f-9594-4565a9a6cc94"
    said = {
        "named": {"lead_file": file_id, "row_no": 1},
        "by hand": {"form": "web-7", "note": "lead_file"},
        "in words": {"lead_file": "mars.csv"},
        "of many": {"lead_file": [file_id]},
        "too long": {"lead_file": f"{file_id}\n"},
        "not ours": {"note": {"lead_file": file_id}},
    }
    evidence = {id_: json.dumps(written) for id_, written in said.items()} | {"unreadable": f'"lead_file": "{file_id}"'}
    evidence |= {f"many {place:04}": evidence["named"] for place in range(2_000)}
    insert = text(
        "INSERT INTO consents (id, seller_id, number, channels, names_seller, text_version, evidence, given_at, "
        f"recorded_at, recorded_by) VALUES (:id, 's1', 46701740605, 'voice', true, 'v', :evidence, {at}, {at}, 'm')"
    )
    with engine.begin() as connection:
        connection.execute(text(f"INSERT INTO sellers (id, slug, name, created_at) VALUES ('s1', 'n', 'N', {at})"))
        connection.execute(insert, [{"id": id_, "evidence": written} for id_, written in evidence.items()])
    engine.dispose()

    upgrade(database_url)

    with engine.connect() as connection:
        named = connection.execute(text("SELECT id, lead_file_id FROM consents WHERE lead_file_id IS NOT NULL")).all()
    assert {row.id for row in named} == {id_ for id_ in evidence if id_ == "named" or id_.startswith("many")}
    assert {row.lead_file_id for row in named} == {file_id}
    with engine.connect() as connection, pytest.raises(DBAPIError, match="append-only"):
        connection.execute(text("UPDATE consents SET lead_file_id = NULL"))
    engine.dispose()
    downgrade(database_url, "0014_keep_past_standing")
    with engine.connect() as connection, pytest.raises(DBAPIError, match="append-only"):
        connection.execute(text("DELETE FROM consents"))
    engine.dispose()


def test_checks_that_were_there_stay_when_their_foreign_keys_go_and_come_back(database_url: str) -> None:
    downgrade(database_url, "0015_name_consents_files")
    engine = open_engine(database_url, pool_size=1)
    at = "1767225600000000" if engine.dialect.name == "sqlite" else "'2026-01-01 00:00+00'"
    check = (
        "INSERT INTO checks (id, seller_id, campaign_id, number, verdict, checked_at, asked_by, chain, seq, place) "
        f"VALUES (:id, 's1', :campaign, 46701740605, 'deny', {at}, 'a', 1, 1, 0)"
    )
    with engine.begin() as connection:
        for statement in (
            f"INSERT INTO sellers (id, slug, name, created_at) VALUES ('s1', 'n', 'N', {at})",
            (
                "INSERT INTO campaigns (id, slug, seller_id, name, product, channel, opens_weekends, created_at) "
                f"VALUES ('k1', 'k', 's1', 'K', 'p', 'voice', false, {at})"
            ),
        ):
            connection.execute(text(statement))
        connection.execute(text(check), {"id": "c1", "campaign": "k1"})
    with pytest.raises(DBAPIError), engine.begin() as connection:
        connection.execute(text(check), {"id": "c2", "campaign": "nowhere"})
    engine.dispose()

    upgrade(database_url)

    with engine.begin() as connection:
        connection.execute(text(check), {"id": "c2", "campaign": "k1"})
        connection.execute(
            text(
                "INSERT INTO contacts (id, check_id, seller_id, campaign_id, number, call_id, started_at, outcome, "
                f"recorded_at, logged_by) VALUES ('t1', 'c1', 's1', 'k1', 46701740605, 'x', {at}, 'busy', {at}, 'a')"
            )
        )
        if engine.dialect.name == "sqlite":
            assert connection.execute(text("PRAGMA integrity_check")).scalar() == "ok"
    with engine.connect() as connection, pytest.raises(DBAPIError, match="append-only"):
        connection.execute(text("DELETE FROM checks"))
    engine.dispose()
    downgrade(database_url, "0015_name_consents_files")
    with engine.connect() as connection:
        assert connection.execute(text("SELECT id FROM checks ORDER BY id")).scalars().all() == ["c1", "c2"]
    with pytest.raises(DBAPIError), engine.begin() as connection:
        connection.execute(text(check), {"id": "c3", "campaign": "nowhere"})
    engine.dispose()


def test_lead_files_that_were_there_have_unknown_warnings_and_take_references(database_url: str) -> None:
    downgrade(database_url, "0018_index_what_waits")
    engine = open_engine(database_url, pool_size=1)
    at = "1767225600000000" if engine.dialect.name == "sqlite" else "'2026-01-01 00:00+00'"
    with engine.begin() as connection:
        for statement in (
            f"INSERT INTO sellers (id, slug, name, created_at) VALUES ('s1', 'n', 'N', {at})",
            f"INSERT INTO suppliers (id, slug, name, kind, created_at) VALUES ('p1', 'f', 'F', 'partner', {at})",
            (
                "INSERT INTO sources (id, slug, supplier_id, seller_id, name, say, retention_days, created_at) "
                f"VALUES ('o1', 'o1', 'p1', 's1', 'T', 'Hej', 30, {at})"
            ),
            (
                "INSERT INTO lead_files (id, source_id, sha256, filename, size, encoding, delimiter, mapping, state, "
                "rows_read, rows_accepted, rows_rejected, rows_duplicate, rows_ambiguous, received_at, received_by, "
                "invoice_reference) VALUES "
                f"('f1', 'o1', 'a', 'f.c', 9, 'utf-8', ';', '{{}}', 'finished', 0, 0, 0, 0, 0, {at}, 'm', 'F-1')"
            ),
        ):
            connection.execute(text(statement))
    engine.dispose()

    upgrade(database_url)

    add = (
        "INSERT INTO lead_file_references (id, lead_file_id, no, kind, reference, added_at, added_by) "
        f"VALUES (:id, 'f1', 1, 'invoice', 'F-2', {at}, 'm')"
    )
    with engine.begin() as connection:
        assert connection.execute(text("SELECT warnings, invoice_reference FROM lead_files")).one() == (None, "F-1")
        connection.execute(text(add), {"id": "r1"})
    with pytest.raises(DBAPIError), engine.begin() as connection:
        connection.execute(text(add), {"id": "r2"})
    engine.dispose()
    downgrade(database_url, "0018_index_what_waits")
    with engine.connect() as connection:
        assert connection.execute(text("SELECT invoice_reference FROM lead_files")).scalars().all() == ["F-1"]
    engine.dispose()


def test_birth_dates_that_the_first_version_learnt_are_recalled_by_the_rows_that_told_them(database_url: str) -> None:
    """It named a lead by an id of its own, which is gone."""
    downgrade(database_url, "0001_create_tables")
    engine = open_engine(database_url, pool_size=1)
    keys = keyring(bytes(range(32)))
    at = "1767225600000000" if engine.dialect.name == "sqlite" else "'2026-01-01 00:00+00'"
    statements = [
        f"INSERT INTO sellers (id, slug, name, created_at) VALUES ('s1', 'norrsken', 'Norrsken', {at})",
        f"INSERT INTO suppliers (id, slug, name, kind, created_at) VALUES ('p1', 'fjord', 'Fjord', 'partner', {at})",
    ]
    statements += [
        "INSERT INTO sources (id, slug, supplier_id, seller_id, name, say, retention_days, created_at) "
        f"VALUES ('{source}', '{source}', 'p1', 's1', 'T', 'Hej', 30, {at})"
        for source in ("o1", "o2")
    ]
    statements += [
        "INSERT INTO lead_files (id, source_id, sha256, filename, size, encoding, delimiter, mapping, state, "
        "rows_read, rows_accepted, rows_rejected, rows_duplicate, rows_ambiguous, received_at, received_by) VALUES "
        f"('{file}', '{source}', '{file}', 'f.c', 9, 'utf-8', ';', '{{}}', 'finished', 1, 1, 0, 0, 0, {at}, 'm')"
        for file, source in (("f1", "o1"), ("f2", "o2"), ("f3", "o2"))
    ]
    statements += [
        "INSERT INTO leads (id, seller_id, number, source_id, lead_file_id, row_no, birth_date, expires_at, "
        f"created_at) VALUES ('{lead}', 's1', 46701740605, '{source}', '{file}', 1, '2012-01-01', {at}, {at})"
        for lead, file, source in (("l1", "f1", "o1"), ("l2", "f2", "o2"))
    ]
    rows = [("f3", 1, 46701740605), ("f3", 2, 46701740606)]
    statements += [f"INSERT INTO lead_rows VALUES ('{f}', {row}, 'duplicate', '', '[]', {n})" for f, row, n in rows]
    learnt = [("l2", 1, 46701740605), ("l9", 2, 46701740606), ("l2", 7, 46701740605), ("l2", None, 46701740605)]
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
        for seq, (lead, row, number) in enumerate(learnt):
            told = json.dumps({"lead_file": "f3", "number": keys.number_hash(number), "row_no": row})
            connection.execute(
                text(
                    "INSERT INTO ledger_entries (chain, seq, at, kind, subject, actor, seller_id, payload, digest, "
                    f"hash) VALUES (1, :seq, {at}, 'lead.birth_date_learnt', :lead, 'a', 's1', :payload, 'd', 'h')"
                ),
                {"seq": seq, "lead": lead, "payload": told if row is not None else None},
            )
    engine.dispose()

    upgrade(database_url)

    with engine.connect() as connection:
        kept = connection.execute(
            text("SELECT b.number, s.id, b.is_known FROM lead_birth_dates b JOIN sources s ON s.no = b.source_no")
        ).all()
    assert [(number, source, bool(known)) for number, source, known in kept] == [(46701740605, "o2", False)]
    with Session(engine) as session:
        assert compare_birth_dates(session, keys) == []
    engine.dispose()
