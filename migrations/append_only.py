"""The triggers by which a table refuses to change or lose a row."""

from alembic import op


def make_refusal() -> None:
    """Make what PostgreSQL's triggers call; SQLite's say it themselves."""
    if is_postgresql():
        op.execute(
            "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
        )


def drop_refusal() -> None:
    """Drop it, once no table has such triggers any more."""
    if is_postgresql():
        op.execute("DROP FUNCTION refuse_change()")


def is_postgresql() -> bool:
    """Return whether the migration runs on PostgreSQL, not on SQLite."""
    return op.get_bind().dialect.name == "postgresql"


def let_change(table: str) -> None:
    """Drop the table's triggers, for what a migration changes in its rows; ``make_append_only`` puts them back."""
    if is_postgresql():
        op.execute(f"DROP TRIGGER {table}_append_only ON {table}")
        op.execute(f"DROP TRIGGER {table}_no_truncate ON {table}")
        return
    for verb in ("update", "delete"):
        op.execute(f"DROP TRIGGER {table}_no_{verb}")


def make_append_only(table: str) -> None:
    """Have the table refuse UPDATE and DELETE, and on PostgreSQL TRUNCATE; dropping the table drops the triggers."""
    if is_postgresql():
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
        return
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        )
