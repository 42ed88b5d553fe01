"""Add what lead files were screened to on arrival, exports of leads, and the canaries in them."""

import sqlalchemy as sa
from alembic import op

from core.database import UtcDateTime
from migrations.append_only import make_append_only

revision = "0006_add_arrivals"
down_revision = "0005_add_complaints"
branch_labels = None
depends_on = None

APPEND_ONLY = ("lead_arrivals", "exports", "canaries", "canary_sightings")


def upgrade() -> None:
    """Create the tables and their triggers."""
    _arrivals()
    _exports()
    _canaries()
    for table in APPEND_ONLY:
        make_append_only(table)


def _arrivals() -> None:
    op.create_table(
        "lead_arrivals",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("lead_file_id", sa.String(length=36), nullable=False),
        sa.Column("source_id", sa.String(length=36), nullable=False),
        sa.Column("seller_id", sa.String(length=36), nullable=False),
        sa.Column("screened_at", UtcDateTime(), nullable=False),
        sa.Column("screened_by", sa.String(length=120), nullable=False),
        sa.Column("asked_for", UtcDateTime(), nullable=False),
        sa.Column("register", sa.String(length=20), nullable=True),
        sa.Column("register_version_id", sa.String(length=36), nullable=True),
        sa.Column("register_as_of", sa.Date(), nullable=True),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.Column("wash_register", sa.String(length=40), nullable=True),
        sa.Column("wash_version", sa.Date(), nullable=True),
        sa.Column("wash", sa.Text(), nullable=False),
        _refers("lead_arrivals", "lead_file_id", "lead_files.id"),
        _refers("lead_arrivals", "source_id", "sources.id"),
        _refers("lead_arrivals", "seller_id", "sellers.id"),
        _refers("lead_arrivals", "register_version_id", "register_versions.id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lead_arrivals")),
    )
    op.create_index("ix_lead_arrivals_lead_file_id", "lead_arrivals", ["lead_file_id"], unique=False)
    op.create_index("ix_lead_arrivals_source_id", "lead_arrivals", ["source_id"], unique=False)


def _exports() -> None:
    op.create_table(
        "recipients",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("slug", sa.String(length=60), nullable=False),
        sa.Column("seller_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("contract_reference", sa.String(length=100), nullable=False),
        sa.Column("key_id", sa.String(length=36), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        _refers("recipients", "seller_id", "sellers.id"),
        _refers("recipients", "key_id", "api_keys.id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recipients")),
        sa.UniqueConstraint("slug", name=op.f("uq_recipients_slug")),
    )
    op.create_table(
        "exports",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("seller_id", sa.String(length=36), nullable=False),
        sa.Column("campaign_id", sa.String(length=36), nullable=False),
        sa.Column("recipient_id", sa.String(length=36), nullable=False),
        sa.Column("contract_reference", sa.String(length=100), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("leads", sa.Integer(), nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.Column("made_by", sa.String(length=120), nullable=False),
        _refers("exports", "seller_id", "sellers.id"),
        _refers("exports", "campaign_id", "campaigns.id"),
        _refers("exports", "recipient_id", "recipients.id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exports")),
    )
    op.create_index("ix_exports_seller_id_exports_made_at", "exports", ["seller_id", "made_at"], unique=False)


def _canaries() -> None:
    op.create_table(
        "canaries",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("export_id", sa.String(length=36), nullable=False),
        sa.Column("recipient_id", sa.String(length=36), nullable=False),
        sa.Column("seeded_at", UtcDateTime(), nullable=False),
        _refers("canaries", "export_id", "exports.id"),
        _refers("canaries", "recipient_id", "recipients.id"),
        sa.PrimaryKeyConstraint("number", "export_id", name=op.f("pk_canaries")),
    )
    op.create_table(
        "canary_sightings",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("seller_id", sa.String(length=36), nullable=False),
        sa.Column("export_id", sa.String(length=36), nullable=False),
        sa.Column("recipient_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("how", sa.String(length=12), nullable=False),
        sa.Column("subject", sa.String(length=120), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.Column("recorded_by", sa.String(length=120), nullable=False),
        _refers("canary_sightings", "seller_id", "sellers.id"),
        _refers("canary_sightings", "export_id", "exports.id"),
        _refers("canary_sightings", "recipient_id", "recipients.id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_canary_sightings")),
        sa.UniqueConstraint(
            "export_id", "number", "how", "subject", name=op.f("uq_canary_sightings_export_id_number_how_subject")
        ),
    )
    op.create_index(
        "ix_canary_sightings_seller_id_canary_sightings_recorded_at",
        "canary_sightings",
        ["seller_id", "recorded_at"],
        unique=False,
    )


def _refers(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [to], name=op.f(f"fk_{table}_{column}"))


def downgrade() -> None:
    """Drop the tables, and with them what was found and handed out."""
    for table in ("canary_sightings", "canaries", "exports", "recipients", "lead_arrivals"):
        op.drop_table(table)
