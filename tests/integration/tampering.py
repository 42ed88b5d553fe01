"""Rows changed behind our back, and what an audit finds of it."""

from sqlalchemy import Connection, Executable, text

from dnc.audit import compare_records
from service import Service
from tests.seeding import Seeded


def found(seeded: Seeded) -> set[str]:
    """Return what kinds of tampering the rows show when they are compared with the ledger."""
    with seeded.service.store.snapshot() as session:
        return {finding.what for finding in compare_records(session, seeded.service.keyring)}


def tamper(service: Service, *statements: Executable | str) -> None:
    """Change rows as one may who holds the database: with its triggers gone and its keys unchecked."""
    with service.store.engine.connect() as connection:
        unguard(connection)
        if connection.dialect.name == "sqlite":
            connection.commit()
            connection.connection.cursor().execute("PRAGMA foreign_keys = OFF")
        for statement in statements:
            if isinstance(statement, str):
                connection.exec_driver_sql(statement)
            else:
                connection.execute(statement)
        connection.commit()
        connection.invalidate()


def unguard(connection: Connection) -> None:
    """Take away what keeps rows as they are: in SQLite its triggers, in PostgreSQL their effect on this transaction."""
    if connection.dialect.name == "sqlite":
        for name in connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
    else:
        connection.exec_driver_sql("SET LOCAL session_replication_role = 'replica'")
