"""Which revision a database has, and which is the newest, told without alembic: every command asks."""

from functools import cache
from pathlib import Path

from sqlalchemy import Engine, inspect, text


@cache
def head() -> str:
    """Return the newest revision that this code knows: a revision is named as its file, and files are numbered."""
    return max(path.stem for path in (Path(__file__).parent / "versions").glob("[0-9]*.py"))


def current(engine: Engine) -> str | None:
    """Return the database's revision, or None for an empty database."""
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        return None if found is None else str(found)
