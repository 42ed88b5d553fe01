"""Keep call records, each matched to a check, and how far the change feed has followed each register."""

import sqlalchemy as sa
from alembic import op

from core.database import UtcDateTime
from migrations.append_only import make_append_only

revision = "0012_add_call_records"
down_revision = "0011_add_screenings"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables and a trigger; the versions in force now count as followed."""
    _retractions()
    _call_records()
    make_append_only("call_records")


def _call_records() -> None:
    op.create_table(
        "call_record_files",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("seller_id", sa.String(length=36), nullable=False),
        sa.Column("campaign_id", sa.String(length=36), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("asked", sa.String(length=64), nullable=False),
        sa.Column("file_name", sa.String(length=255), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("counts", sa.Text(), nullable=True),
        sa.Column("first_started_at", UtcDateTime(), nullable=True),
        sa.Column("last_started_at", UtcDateTime(), nullable=True),
        sa.Column("contacts", sa.Integer(), nullable=True),
        sa.Column("contacts_missing", sa.Integer(), nullable=True),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("received_by", sa.String(length=120), nullable=False),
        sa.Column("matched_at", UtcDateTime(), nullable=True),
        _refers("call_record_files", "seller_id", "sellers.id"),
        _refers("call_record_files", "campaign_id", "campaigns.id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call_record_files")),
        sa.UniqueConstraint("seller_id", "sha256", "asked", name=op.f("uq_call_record_files_seller_id_sha256_asked")),
    )
    op.create_table(
        "call_records",
        sa.Column("file_id", sa.String(length=36), nullable=False),
        sa.Column("row_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.Column("started_at", UtcDateTime(), nullable=True),
        sa.Column("seconds", sa.Integer(), nullable=True),
        sa.Column("call_id", sa.String(length=100), nullable=True),
        sa.Column("agent", sa.String(length=100), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("check_id", sa.String(length=36), nullable=True),
        sa.Column("contact_id", sa.String(length=36), nullable=True),
        _refers("call_records", "file_id", "call_record_files.id"),
        sa.PrimaryKeyConstraint("file_id", "row_no", name=op.f("pk_call_records")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_call_records_number_call_records_started_at", "call_records", ["number", "started_at"], unique=False
    )


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
    """Drop the tables, and with them what was called."""
    for table in ("call_records", "call_record_files", "register_retractions"):
        op.drop_table(table)
