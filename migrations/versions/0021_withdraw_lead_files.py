"""Let a lead file be withdrawn and read again: its bytes stand once in a source; keep who told a birth date.

Of birth dates that were learnt before, nobody kept which file told them: they go on counting.
"""

import sqlalchemy as sa
from alembic import op

from core.database import UtcDateTime
from migrations.append_only import is_postgresql

revision = "0021_withdraw_lead_files"
down_revision = "0020_date_first_loads"
branch_labels = None
depends_on = None

DELIVERED_ONCE = "uq_lead_files_source_id_sha256"
COLUMNS = {
    "lead_files": (("withdrawn_at", UtcDateTime()), ("tells_births", sa.Boolean())),
    "leads": (("told_by", sa.Integer()),),
    "lead_rows": (("birth_date", sa.Date()),),
    "lead_birth_dates": (("told_by", sa.Integer()), ("withdrawn_no", sa.Integer())),
}


def upgrade() -> None:
    """Add the columns, and hold the files that stand to one delivery each, instead of all."""
    for table, columns in COLUMNS.items():
        for name, kind in columns:
            is_flag = isinstance(kind, sa.Boolean)
            default = sa.false() if is_flag else None
            op.add_column(table, sa.Column(name, kind, nullable=not is_flag, server_default=default))
    op.execute(
        "UPDATE leads SET told_by = 0 WHERE (number, source_no) IN (SELECT number, source_no FROM lead_birth_dates)"
    )
    if is_postgresql():
        op.drop_constraint(DELIVERED_ONCE, "lead_files", type_="unique")
    else:
        with op.batch_alter_table("lead_files") as lead_files:
            lead_files.drop_constraint(DELIVERED_ONCE, type_="unique")
    op.create_index("ix_lead_files_source_id", "lead_files", ["source_id"])
    standing = sa.text("withdrawn_at IS NULL")
    op.create_index(
        "uq_lead_files_standing",
        "lead_files",
        ["source_id", "sha256"],
        unique=True,
        sqlite_where=standing,
        postgresql_where=standing,
    )


def downgrade() -> None:
    """Take all of it away: a withdrawn file is paused, and may be resumed.

    Raises:
        RuntimeError: a file was withdrawn and read again; an earlier version has room for one of the two.
    """
    again = "SELECT count(*) FROM lead_files GROUP BY source_id, sha256 HAVING count(*) > 1"
    if op.get_bind().execute(sa.text(again)).first() is not None:
        raise RuntimeError("lead files were withdrawn and read again, which an earlier version cannot keep")
    op.drop_index("uq_lead_files_standing", "lead_files")
    op.drop_index("ix_lead_files_source_id", "lead_files")
    for table, columns in reversed(COLUMNS.items()):
        for name, _kind in reversed(columns):
            op.drop_column(table, name)
    if is_postgresql():
        op.create_unique_constraint(DELIVERED_ONCE, "lead_files", ["source_id", "sha256"])
    else:
        with op.batch_alter_table("lead_files") as lead_files:
            lead_files.create_unique_constraint(DELIVERED_ONCE, ["source_id", "sha256"])
