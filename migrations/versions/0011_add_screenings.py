"""Put whole screenings on record, compactly."""

import sqlalchemy as sa
from alembic import op

from core.database import UtcDateTime
from migrations.append_only import make_append_only

revision = "0011_add_screenings"
down_revision = "0010_add_reservations"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables; what a part says is never changed."""
    op.create_table(
        "screenings",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("seller_id", sa.String(length=36), nullable=False),
        sa.Column("campaign_id", sa.String(length=36), nullable=False),
        sa.Column("subject", sa.String(length=10), nullable=False),
        sa.Column("file_name", sa.String(length=255), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("number_column", sa.String(length=200), nullable=True),
        sa.Column("sources", sa.Text(), nullable=True),
        sa.Column("next_hour", sa.Boolean(), nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("asked_by", sa.String(length=120), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("parts", sa.Integer(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("progress", sa.Float(), nullable=False),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.Column("policies", sa.Text(), nullable=False),
        sa.Column("registers", sa.Text(), nullable=False),
        sa.Column("ran_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("failure", sa.String(length=60), nullable=True),
        sa.Column("kept", sa.String(length=64), nullable=True),
        sa.Column("result_kept", sa.String(length=64), nullable=True),
        sa.Column("result_name", sa.String(length=255), nullable=True),
        sa.Column("kept_until", UtcDateTime(), nullable=True),
        _refers("screenings", "seller_id", "sellers.id"),
        _refers("screenings", "campaign_id", "campaigns.id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_screenings")),
    )
    op.create_index("ix_screenings_seller_id_screenings_asked_at", "screenings", ["seller_id", "asked_at"])
    op.create_index("ix_screenings_state", "screenings", ["state"])
    op.create_table(
        "screening_parts",
        sa.Column("screening_id", sa.String(length=36), nullable=False),
        sa.Column("no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("first_row", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("decided_at", UtcDateTime(), nullable=False),
        sa.Column("packed", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("chain", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        _refers("screening_parts", "screening_id", "screenings.id"),
        sa.PrimaryKeyConstraint("screening_id", "no", name=op.f("pk_screening_parts")),
    )
    make_append_only("screening_parts")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE screening_parts ALTER COLUMN packed SET STORAGE EXTERNAL")


def _refers(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [to], name=op.f(f"fk_{table}_{column}"))


def downgrade() -> None:
    """Drop the tables, and with them every answer that a screening gave."""
    op.drop_table("screening_parts")
    op.drop_table("screenings")
