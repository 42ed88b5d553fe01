"""Let a seller narrow a policy: the versions of each seller's own rules."""

import sqlalchemy as sa
from alembic import op

from core.database import UtcDateTime
from migrations.append_only import make_append_only

revision = "0009_add_seller_rules"
down_revision = "0008_describe_registers"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table and its triggers."""
    op.create_table(
        "seller_rules",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("seller_id", sa.String(length=36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("rules", sa.Text(), nullable=False),
        sa.Column("because", sa.String(length=500), nullable=False),
        sa.Column("set_at", UtcDateTime(), nullable=False),
        sa.Column("set_by", sa.String(length=120), nullable=False),
        sa.ForeignKeyConstraint(["seller_id"], ["sellers.id"], name=op.f("fk_seller_rules_seller_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seller_rules")),
        sa.UniqueConstraint("seller_id", "version", name=op.f("uq_seller_rules_seller_id")),
    )
    make_append_only("seller_rules")


def downgrade() -> None:
    """Drop the table: every seller is held to the law alone again."""
    op.drop_table("seller_rules")
