"""A database from before lead files could be withdrawn: what it holds counts on, and its files may be read again."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from core.database import open_engine
from migrations.run import downgrade, upgrade


def test_what_was_learnt_before_withdrawals_counts_on_and_files_may_then_be_read_again(database_url: str) -> None:
    downgrade(database_url, "0020_date_first_loads")
    engine = open_engine(database_url, pool_size=1)
    at = "1767225600000000" if engine.dialect.name == "sqlite" else "'2026-01-01 00:00+00'"
    file = (
        "INSERT INTO lead_files (id, no, source_id, sha256, filename, size, encoding, delimiter, mapping, state, "
        "rows_read, rows_accepted, rows_rejected, rows_duplicate, rows_ambiguous, received_at, received_by) VALUES "
        f"(:id, :no, 'o1', 'a', 'f.c', 9, 'utf-8', ';', '{{}}', 'finished', 1, 1, 0, 0, 0, {at}, 'm')"
    )
    statements = [
        f"INSERT INTO sellers (id, slug, name, created_at) VALUES ('s1', 'n', 'N', {at})",
        f"INSERT INTO suppliers (id, slug, name, kind, created_at) VALUES ('p1', 'f', 'F', 'partner', {at})",
        (
            "INSERT INTO sources (id, no, slug, supplier_id, seller_id, name, say, retention_days, created_at) "
            f"VALUES ('o1', 1, 'o1', 'p1', 's1', 'T', 'Hej', 30, {at})"
        ),
        *(
            "INSERT INTO leads (number, source_no, file_no, row_no, birth_date, expires_at) "
            f"VALUES ({number}, 1, 1, {row}, '2012-01-01', {at})"
            for row, number in enumerate((46701740605, 46701740606), start=1)
        ),
        f"INSERT INTO lead_birth_dates VALUES (46701740605, 1, {at}, NULL, 1 = 1)",
        "INSERT INTO lead_segments VALUES ('f1', 0, 1, 0, 9, '')",
    ]
    with engine.begin() as connection:
        for statement in statements[:3]:
            connection.execute(text(statement))
        connection.execute(text(file), {"id": "f1", "no": 1})
        for statement in statements[3:]:
            connection.execute(text(statement))
    engine.dispose()

    upgrade(database_url)

    with engine.begin() as connection:
        told = connection.execute(text("SELECT number, told_by FROM leads ORDER BY number")).all()
        assert [tuple(row) for row in told] == [(46701740605, 0), (46701740606, None)]
        assert connection.execute(text("SELECT tells_births FROM lead_files")).scalar() in (0, False)
        assert connection.execute(text("SELECT lead_file_id FROM lead_segments")).scalars().all() == ["f1"]
    with pytest.raises(DBAPIError), engine.begin() as connection:
        connection.execute(text(file), {"id": "f2", "no": 2})
    with pytest.raises(DBAPIError), engine.begin() as connection:
        connection.execute(text("INSERT INTO lead_segments VALUES ('f9', 0, 1, 0, 9, '')"))
    engine.dispose()
    downgrade(database_url, "0020_date_first_loads")
    with pytest.raises(DBAPIError), engine.begin() as connection:
        connection.execute(text(file), {"id": "f2", "no": 2})
    upgrade(database_url)
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE lead_files SET withdrawn_at = {at}"))
        connection.execute(text(file), {"id": "f2", "no": 2})
    engine.dispose()
    with pytest.raises(RuntimeError, match="read again"):
        downgrade(database_url, "0020_date_first_loads")
