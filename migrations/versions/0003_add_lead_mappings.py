"""Add what is saved of how a supplier's files are read."""

import sqlalchemy as sa
from alembic import op

from core.database import UtcDateTime

revision = "0003_add_lead_mappings"
down_revision = "0002_reshape_leads"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "lead_mappings",
        sa.Column("supplier_id", sa.String(length=36), nullable=False),
        sa.Column("headings_sha256", sa.String(length=64), nullable=False),
        sa.Column("mapping", sa.Text(), nullable=False),
        sa.Column("has_headings", sa.Boolean(), nullable=False),
        sa.Column("encoding", sa.String(length=20), nullable=True),
        sa.Column("delimiter", sa.String(length=1), nullable=True),
        sa.Column("saved_at", UtcDateTime(), nullable=False),
        sa.Column("saved_by", sa.String(length=120), nullable=False),
        sa.ForeignKeyConstraint(["supplier_id"], ["suppliers.id"], name=op.f("fk_lead_mappings_supplier_id")),
        sa.PrimaryKeyConstraint("supplier_id", "headings_sha256", name=op.f("pk_lead_mappings")),
    )


def downgrade() -> None:
    """Drop the table, and with it what was saved."""
    op.drop_table("lead_mappings")
