"""Keep time stamps of checkpoints and what the auditor found."""

import sqlalchemy as sa
from alembic import op

from core.database import UtcDateTime
from migrations.append_only import make_append_only

revision = "0013_add_proofs"
down_revision = "0012_add_call_records"
branch_labels = None
depends_on = None

APPEND_ONLY = ("checkpoint_timestamps", "audit_differences")


def upgrade() -> None:
    """Create the tables and the triggers of those whose rows never change."""
    op.create_table(
        "checkpoint_timestamps",
        sa.Column("checkpoint_no", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("stamped_at", UtcDateTime(), nullable=False),
        sa.Column("authority", sa.String(length=200), nullable=False),
        sa.Column("response", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["checkpoint_no"], ["ledger_checkpoints.no"], name=op.f("fk_checkpoint_timestamps_checkpoint_no")
        ),
        sa.PrimaryKeyConstraint("checkpoint_no", name=op.f("pk_checkpoint_timestamps")),
    )
    op.create_table(
        "audits",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("scope", sa.String(length=10), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=True),
        sa.Column("begun_at", UtcDateTime(), nullable=False),
        sa.Column("begun_by", sa.String(length=120), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.Column("starts", sa.Text(), nullable=False),
        sa.Column("ends", sa.Text(), nullable=False),
        sa.Column("chain", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audits")),
    )
    op.create_table(
        "audit_differences",
        sa.Column("audit_id", sa.String(length=36), nullable=False),
        sa.Column("no", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("chain", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("check_id", sa.String(length=36), nullable=True),
        sa.Column("against", sa.String(length=10), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["audit_id"], ["audits.id"], name=op.f("fk_audit_differences_audit_id")),
        sa.PrimaryKeyConstraint("audit_id", "no", name=op.f("pk_audit_differences")),
    )
    for table in APPEND_ONLY:
        make_append_only(table)


def downgrade() -> None:
    """Drop the tables, and with them the stamps and what was found."""
    for table in ("audit_differences", "audits", "checkpoint_timestamps"):
        op.drop_table(table)
