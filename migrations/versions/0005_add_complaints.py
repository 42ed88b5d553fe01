"""Add complaints with the leads they came from, and what marks a pause as a quarantine or as ended."""

import sqlalchemy as sa
from alembic import op

from core.database import UtcDateTime
from migrations.append_only import make_append_only

revision = "0005_add_complaints"
down_revision = "0004_add_source_terms"
branch_labels = None
depends_on = None

APPEND_ONLY = ("complaints", "complaint_origins")
PAUSABLE = ("suppliers", "sources", "lead_files")


def upgrade() -> None:
    """Create the tables and their triggers, then mark what can be paused."""
    op.create_table(
        "complaints",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("seller_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("via", sa.String(length=40), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.Column("recorded_by", sa.String(length=120), nullable=False),
        sa.ForeignKeyConstraint(["seller_id"], ["sellers.id"], name=op.f("fk_complaints_seller_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_complaints")),
    )
    op.create_index(op.f("ix_complaints_number"), "complaints", ["number"], unique=False)
    op.create_table(
        "complaint_origins",
        sa.Column("complaint_id", sa.String(length=36), nullable=False),
        sa.Column("source_id", sa.String(length=36), nullable=False),
        sa.Column("lead_file_id", sa.String(length=36), nullable=False),
        sa.Column("row_no", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["complaint_id"], ["complaints.id"], name=op.f("fk_complaint_origins_complaint_id")),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name=op.f("fk_complaint_origins_source_id")),
        sa.ForeignKeyConstraint(["lead_file_id"], ["lead_files.id"], name=op.f("fk_complaint_origins_lead_file_id")),
        sa.PrimaryKeyConstraint("complaint_id", "source_id", name=op.f("pk_complaint_origins")),
    )
    for table in APPEND_ONLY:
        make_append_only(table)
    for table in PAUSABLE:
        op.add_column(table, sa.Column("quarantined_at", UtcDateTime(), nullable=True))
        op.add_column(table, sa.Column("resumed_at", UtcDateTime(), nullable=True))


def downgrade() -> None:
    """Drop what was added: complaints are lost, and a quarantine is a pause again."""
    for table in reversed(PAUSABLE):
        op.drop_column(table, "resumed_at")
        op.drop_column(table, "quarantined_at")
    op.drop_table("complaint_origins")
    op.drop_index(op.f("ix_complaints_number"), table_name="complaints")
    op.drop_table("complaints")
