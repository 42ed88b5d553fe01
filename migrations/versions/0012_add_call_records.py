"""Keep call records, each matched to a check, and how far the change feed has followed each register."""

import sqlalchemy as sa
from alembic import op

from core.database import UtcDateTime

revision = "0012_add_call_records"
down_revision = "0011_add_screenings"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables; the versions in force now count as followed."""
    _retractions()


def _retractions() -> None:
    op.create_table(
        "register_retractions",
        sa.Column("register", sa.String(length=20), nullable=False),
        sa.Column("version_id", sa.String(length=36), nullable=True),
        sa.Column("toward_id", sa.String(length=36), nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.Column("announced", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        _refers("register_retractions", "register", "registers.name"),
        sa.PrimaryKeyConstraint("register", name=op.f("pk_register_retractions")),
    )
    op.execute(
        "INSERT INTO register_retractions (register, version_id, announced, changed_at) "
        "SELECT registers.name, register_versions.id, 0, register_versions.loaded_at "
        "FROM registers JOIN register_versions ON register_versions.id = registers.version_id"
    )


def _refers(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [to], name=op.f(f"fk_{table}_{column}"))


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("register_retractions")
