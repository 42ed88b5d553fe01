"""Lay personal identity numbers by, sealed, for the sources that need them."""

import sqlalchemy as sa
from alembic import op

from core.database import UtcDateTime

revision = "0007_add_lead_identities"
down_revision = "0006_add_arrivals"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table; no source needs the numbers until it says so."""
    op.add_column("sources", sa.Column("needs_identity", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("lead_files", sa.Column("read_at", UtcDateTime(), nullable=True))
    op.create_table(
        "lead_identities",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("source_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sealed", sa.String(length=200), nullable=False),
        sa.Column("identity_hash", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("number", "source_no", name=op.f("pk_lead_identities")),
    )
    op.create_index(op.f("ix_lead_identities_identity_hash"), "lead_identities", ["identity_hash"], unique=False)


def downgrade() -> None:
    """Remove the numbers."""
    op.drop_index(op.f("ix_lead_identities_identity_hash"), table_name="lead_identities")
    op.drop_table("lead_identities")
    op.drop_column("lead_files", "read_at")
    op.drop_column("sources", "needs_identity")
