"""Bring a database's schema up to date, or back."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from core.database import open_engine, select_lock
from migrations.revisions import require_known, revision_of

PATIENCE_MS = 600_000
"""How long a node waits for another one that migrates."""
MIGRATE_LOCK = 0x52494E47_4D4947  # PostgreSQL advisory lock: two nodes that start together migrate one after the other


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))  # it interpolates
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the database at ``url`` up to ``revision``, in one transaction; nothing happens if it is there already.

    Raises:
        SchemaUnknown: a newer version has brought it further.
    """
    _move(url, revision, up=True)


def downgrade(url: str, revision: str) -> None:
    """Take the database at ``url`` back to ``revision`` (``base``: empty), in one transaction."""
    _move(url, revision, up=False)


def _move(url: str, revision: str, *, up: bool) -> None:
    engine = open_engine(url, pool_size=1, patience_ms=PATIENCE_MS)
    try:
        with engine.connect().execution_options(sqlite_begin="IMMEDIATE") as connection:
            if connection.dialect.name == "sqlite":
                _let_tables_be_replaced(connection)
            with connection.begin():
                if connection.dialect.name == "postgresql":
                    connection.execute(select_lock(MIGRATE_LOCK))
                require_known(revision_of(connection))
                (command.upgrade if up else command.downgrade)(_config(connection), revision)
    finally:
        engine.dispose()


def _let_tables_be_replaced(connection: Connection) -> None:
    """Let SQLite drop a table that others refer to, which is put back under its name with the same rows.

    Its only way to take a constraint off a table; the pragma has no effect once a transaction is open.
    """
    connection.connection.cursor().execute("PRAGMA foreign_keys = OFF")
