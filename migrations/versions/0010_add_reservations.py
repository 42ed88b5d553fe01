"""Hold an attempt from the check until its contact is logged."""

import sqlalchemy as sa
from alembic import op

from core.database import UtcDateTime

revision = "0010_add_reservations"
down_revision = "0009_add_seller_rules"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table of who holds the next attempt to call a number in a campaign."""
    op.create_table(
        "reservations",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("campaign_id", sa.String(length=36), nullable=False),
        sa.Column("seller_id", sa.String(length=36), nullable=False),
        sa.Column("held_by", sa.String(length=120), nullable=False),
        sa.Column("taken_at", UtcDateTime(), nullable=False),
        sa.Column("held_until", UtcDateTime(), nullable=False),
        sa.Column("settled", sa.Boolean(), nullable=False),
        sa.Column("moved_by", sa.String(length=36), nullable=False),
        sa.Column("moved_after", sa.String(length=36), nullable=True),
        sa.PrimaryKeyConstraint("number", "campaign_id", name=op.f("pk_reservations")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Drop the table: attempts that are held are free."""
    op.drop_table("reservations")
