"""Keep what surprised in a lead file, and the references that are added to it after its delivery."""

import sqlalchemy as sa
from alembic import op

from core.database import UtcDateTime
from migrations.append_only import make_append_only

revision = "0019_keep_more_of_deliveries"
down_revision = "0018_index_what_waits"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, empty for the files that are there; create the table, and guard it."""
    op.add_column("lead_files", sa.Column("warnings", sa.Text(), nullable=True))
    op.create_table(
        "lead_file_references",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("lead_file_id", sa.String(length=36), nullable=False),
        sa.Column("no", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("reference", sa.String(length=100), nullable=False),
        sa.Column("added_at", UtcDateTime(), nullable=False),
        sa.Column("added_by", sa.String(length=120), nullable=False),
        sa.ForeignKeyConstraint(["lead_file_id"], ["lead_files.id"], name=op.f("fk_lead_file_references_lead_file_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lead_file_references")),
        sa.UniqueConstraint("lead_file_id", "no", name=op.f("uq_lead_file_references_lead_file_id_no")),
    )
    make_append_only("lead_file_references")


def downgrade() -> None:
    """Drop both: what was said after the deliveries is in the ledger alone, what surprised in them is not known."""
    op.drop_table("lead_file_references")
    op.drop_column("lead_files", "warnings")
