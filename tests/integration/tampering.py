"""Rows changed behind our back, and what an audit finds of it."""

from sqlalchemy import Executable, text

from dnc.audit import compare_records
from tests.seeding import Seeded


def found(seeded: Seeded) -> set[str]:
    """Return what kinds of tampering the rows show when they are compared with the ledger."""
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
