"""Take the foreign keys off checks, and leave room beside reservations: ADR 0018."""

import sqlalchemy as sa
from alembic import op

from migrations.append_only import is_postgresql

revision = "0016_unbind_checks"
down_revision = "0015_name_consents_files"
branch_labels = None
depends_on = None

PARENTS = {"campaign_id": "campaigns", "seller_id": "sellers"}
ROOM = 50
"""How full a page of reservations is filled, in per cent: a row that is moved finds room on its own page."""


def upgrade() -> None:
    """Drop the keys; no row is touched."""
    if is_postgresql():
        for column in PARENTS:
            op.drop_constraint(f"fk_checks_{column}", "checks", type_="foreignkey")
        op.execute(f"ALTER TABLE reservations SET (fillfactor = {ROOM})")
    else:
        _reword(*((_clause(column), "") for column in PARENTS))


def downgrade() -> None:
    """Put them back."""
    if is_postgresql():
        for column, parent in PARENTS.items():
            op.create_foreign_key(f"fk_checks_{column}", "checks", parent, [column], ["id"])
        op.execute("ALTER TABLE reservations RESET (fillfactor)")
    else:
        key = "CONSTRAINT pk_checks PRIMARY KEY (id)"
        _reword((key, key + "".join(map(_clause, PARENTS))))


def _clause(column: str) -> str:
    return f", \n\tCONSTRAINT fk_checks_{column} FOREIGN KEY({column}) REFERENCES {PARENTS[column]} (id)"


def _reword(*changes: tuple[str, str]) -> None:
    """Change words of the table's SQL in place: SQLite's own way to drop a constraint without copying every row.

    https://www.sqlite.org/lang_altertable.html#otheralter

    Raises:
        RuntimeError: the words are not there.
    """
    connection = op.get_bind()
    words = connection.execute(sa.text("SELECT sql FROM sqlite_schema WHERE name = 'checks'")).scalar_one()
    for old, new in changes:
        if words.count(old) != 1:
            raise RuntimeError("the table of checks is not as its migration made it")
        words = words.replace(old, new)
    version = connection.execute(sa.text("PRAGMA schema_version")).scalar_one()
    op.execute("PRAGMA writable_schema = ON")
    connection.execute(sa.text("UPDATE sqlite_schema SET sql = :words WHERE name = 'checks'"), {"words": words})
    op.execute(f"PRAGMA schema_version = {version + 1}")
    op.execute("PRAGMA writable_schema = RESET")
