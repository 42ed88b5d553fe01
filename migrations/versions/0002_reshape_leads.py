"""Keep leads narrow: one key, small numbers for source and file, the person in one column; rows only where refused."""

import sqlalchemy as sa
from alembic import op

from core.database import UtcDateTime

revision = "0002_reshape_leads"
down_revision = "0001_create_tables"
branch_labels = None
depends_on = None

NUMBERED = ("sources", "lead_files")


def file_columns() -> tuple[sa.Column[object], ...]:
    """Return the columns that lead files gain, made anew for each use."""
    return (
        sa.Column("format", sa.String(length=10), server_default="csv", nullable=False),
        sa.Column("wrapping", sa.String(length=10), server_default="none", nullable=False),
        sa.Column("headings", sa.Text(), nullable=True),
        sa.Column("contract_reference", sa.String(length=100), nullable=True),
        sa.Column("invoice_reference", sa.String(length=100), nullable=True),
        sa.Column("order_reference", sa.String(length=100), nullable=True),
        sa.Column("wash_register", sa.String(length=40), nullable=True),
        sa.Column("wash_version", sa.Date(), nullable=True),
        sa.Column("merkle_root", sa.String(length=64), nullable=True),
        sa.Column("kept", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("kept_until", UtcDateTime(), nullable=True),
    )


def upgrade() -> None:
    """Number sources and files, then move the leads over; rows that became leads are known from those.

    A file that was not read to its end begins anew when it is imported again: where to go on was not on record.
    """
    for table in NUMBERED:
        op.add_column(table, sa.Column("no", sa.Integer(), server_default="0", nullable=False))
        op.execute(f"UPDATE {table} SET no = (SELECT count(*) FROM {table} other WHERE other.id <= {table}.id)")  # noqa: S608 - our own names
        op.create_index(op.f(f"ix_{table}_no"), table, ["no"], unique=True)
    for column in file_columns():
        op.add_column("lead_files", column)
    op.create_table(
        "lead_segments",
        sa.Column("lead_file_id", sa.String(length=36), nullable=False),
        sa.Column("rows_before", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("end_position", sa.BigInteger(), nullable=False),
        sa.Column("frontier", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["lead_file_id"], ["lead_files.id"], name=op.f("fk_lead_segments_lead_file_id")),
        sa.PrimaryKeyConstraint("lead_file_id", "rows_before", name=op.f("pk_lead_segments")),
        sqlite_with_rowid=False,
    )
    op.rename_table("leads", "leads_before")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE leads_before RENAME CONSTRAINT pk_leads TO pk_leads_before")
    op.create_table(
        "leads",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("source_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("file_no", sa.Integer(), nullable=False),
        sa.Column("row_no", sa.Integer(), nullable=False),
        sa.Column("birth_date", sa.Date(), nullable=True),
        sa.Column("collected_at", UtcDateTime(), nullable=True),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("person", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("number", "source_no", name=op.f("pk_leads")),
    )
    op.create_index("ix_leads_file_no", "leads", ["file_no"], unique=False, postgresql_using="brin")
    pairs = "'name', l.name, 'address', l.address, 'email', l.email, 'partner_reference', l.partner_reference"
    person = (
        f"json_strip_nulls(json_build_object({pairs}))::text"
        if op.get_bind().dialect.name == "postgresql"
        else f"json_patch('{{}}', json_object({pairs}))"
    )
    op.execute(
        "INSERT INTO leads (number, source_no, file_no, row_no, birth_date, collected_at, expires_at, person) "  # noqa: S608 - our own names
        f"SELECT l.number, s.no, f.no, l.row_no, l.birth_date, l.collected_at, l.expires_at, {person} "
        "FROM leads_before l JOIN sources s ON s.id = l.source_id JOIN lead_files f ON f.id = l.lead_file_id "
        "WHERE f.state = 'finished'"
    )
    op.drop_table("leads_before")
    unfinished = "SELECT id FROM lead_files WHERE state <> 'finished'"
    op.execute(f"DELETE FROM lead_rows WHERE state = 'accepted' OR lead_file_id IN ({unfinished})")  # noqa: S608 - our own names
    op.execute(
        "UPDATE lead_files SET rows_read = 0, rows_accepted = 0, rows_rejected = 0, rows_duplicate = 0, "
        "rows_ambiguous = 0 WHERE state <> 'finished'"
    )


def downgrade() -> None:
    """Bring the wide table back; the rows that became leads, and the Merkle trees, are gone."""
    op.rename_table("leads", "leads_after")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE leads_after RENAME CONSTRAINT pk_leads TO pk_leads_after")
    op.create_table(
        "leads",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("seller_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("source_id", sa.String(length=36), nullable=False),
        sa.Column("lead_file_id", sa.String(length=36), nullable=False),
        sa.Column("row_no", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=True),
        sa.Column("address", sa.String(length=300), nullable=True),
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column("birth_date", sa.Date(), nullable=True),
        sa.Column("partner_reference", sa.String(length=100), nullable=True),
        sa.Column("collected_at", UtcDateTime(), nullable=True),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["lead_file_id"], ["lead_files.id"], name=op.f("fk_leads_lead_file_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_leads")),
        sa.UniqueConstraint("number", "source_id", name=op.f("uq_leads_number_source_id")),
    )
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    said = "l.person::json ->> '{}'" if on_postgresql else "json_extract(l.person, '$.{}')"
    row = "lpad(l.row_no::text, 12, '0')" if on_postgresql else "printf('%012d', l.row_no)"
    fields = ", ".join(said.format(name) for name in ("name", "address", "email", "partner_reference"))
    op.execute(
        "INSERT INTO leads (name, address, email, partner_reference, id, seller_id, number, source_id, lead_file_id, "  # noqa: S608 - our own names
        "row_no, birth_date, collected_at, expires_at, created_at) "
        f"SELECT {fields}, substr(f.id, 1, 23) || '-' || {row}, s.seller_id, l.number, s.id, f.id, "
        "l.row_no, l.birth_date, l.collected_at, l.expires_at, f.received_at "
        "FROM leads_after l JOIN sources s ON s.no = l.source_no JOIN lead_files f ON f.no = l.file_no"
    )
    op.drop_table("leads_after")
    op.drop_table("lead_segments")
    for column in reversed(file_columns()):
        op.drop_column("lead_files", column.name)
    for table in NUMBERED:
        op.drop_index(op.f(f"ix_{table}_no"), table_name=table)
        op.drop_column(table, "no")
