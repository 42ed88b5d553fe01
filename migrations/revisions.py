"""Which revision a database has, and which is the newest, told without alembic: every command asks."""

from functools import cache
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from core.errors import Kind, ServiceError


class SchemaUnknown(ServiceError):
    """The database was brought to a schema by another version, newer than this one; nothing was done to it."""

    kind, code, title = Kind.UNAVAILABLE, "schema-unknown", "The database is of a newer version than this"


@cache
def revisions() -> frozenset[str]:
    """Return every revision that this code knows: a revision is named as its file."""
    return frozenset(path.stem for path in (Path(__file__).parent / "versions").glob("[0-9]*.py"))


def head() -> str:
    """Return the newest revision that this code knows: files are numbered."""
    return max(revisions())


def current(engine: Engine) -> str | None:
    """Return the database's revision, or None for an empty database."""
    with engine.connect() as connection:
        return revision_of(connection)


def revision_of(connection: Connection) -> str | None:
    """Return the revision of the database that is connected to, or None for an empty one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def require_known(found: str | None) -> None:
    """See that this code knows the revision.

    Raises:
        SchemaUnknown: it does not.
    """
    if found is not None and found not in revisions():
        raise SchemaUnknown("run the version that migrated it, or restore the backup from before")
