"""Add the terms of sources with the sellers they name, and the balancing tests whose documents are kept."""

import sqlalchemy as sa
from alembic import op

from core.database import UtcDateTime
from migrations.append_only import make_append_only

revision = "0004_add_source_terms"
down_revision = "0003_add_lead_mappings"
branch_labels = None
depends_on = None

APPEND_ONLY = ("assessments", "source_sellers", "source_terms")


def upgrade() -> None:
    """Create the tables, then the triggers that keep them append-only."""
    op.create_table(
        "source_terms",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("source_id", sa.String(length=36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("page_url", sa.String(length=1000), nullable=True),
        sa.Column("shown_from", sa.Date(), nullable=True),
        sa.Column("shown_until", sa.Date(), nullable=True),
        sa.Column("added_at", UtcDateTime(), nullable=False),
        sa.Column("added_by", sa.String(length=120), nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name=op.f("fk_source_terms_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source_terms")),
        sa.UniqueConstraint("source_id", "version", name=op.f("uq_source_terms_source_id_version")),
    )
    op.create_table(
        "source_sellers",
        sa.Column("terms_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["terms_id"], ["source_terms.id"], name=op.f("fk_source_sellers_terms_id")),
        sa.PrimaryKeyConstraint("terms_id", "name", name=op.f("pk_source_sellers")),
    )
    op.create_table(
        "assessments",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("reference", sa.String(length=200), nullable=False),
        sa.Column("seller_id", sa.String(length=36), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("file_name", sa.String(length=255), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("added_at", UtcDateTime(), nullable=False),
        sa.Column("added_by", sa.String(length=120), nullable=False),
        sa.ForeignKeyConstraint(["seller_id"], ["sellers.id"], name=op.f("fk_assessments_seller_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assessments")),
        sa.UniqueConstraint("reference", name=op.f("uq_assessments_reference")),
    )
    for table in APPEND_ONLY:
        make_append_only(table)


def downgrade() -> None:
    """Drop the tables, and with them what was filed."""
    for table in APPEND_ONLY:
        op.drop_table(table)
