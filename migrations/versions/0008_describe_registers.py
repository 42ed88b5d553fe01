"""Registers are described by layouts, versions may be deltas or cover only what was washed."""

import sqlalchemy as sa
from alembic import op

revision = "0008_describe_registers"
down_revision = "0007_add_lead_identities"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; every version loaded so far is a full file, read as NIX was."""
    op.add_column("registers", sa.Column("layout", sa.Text(), nullable=True))
    op.add_column("register_versions", sa.Column("kind", sa.String(length=10), server_default="full", nullable=False))
    op.add_column("register_versions", sa.Column("base_version_id", sa.String(length=36), nullable=True))
    op.add_column("register_versions", sa.Column("layout", sa.Text(), nullable=True))
    op.add_column("register_versions", sa.Column("covered", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    """Drop the columns: a wash is then taken for a register that speaks for every number, so none may be in force."""
    op.execute(
        "UPDATE registers SET version_id = NULL WHERE version_id IN "
        "(SELECT id FROM register_versions WHERE covered IS NOT NULL)"
    )
    for column in ("covered", "layout", "base_version_id", "kind"):
        op.drop_column("register_versions", column)
    op.drop_column("registers", "layout")
