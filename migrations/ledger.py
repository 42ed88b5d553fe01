"""The ledger's tables and triggers, as the first migration makes them."""

import sqlalchemy as sa
from alembic import op

from core.database import UtcDateTime
from migrations.append_only import is_postgresql, make_append_only


def create_ledger() -> None:
    """Create chains, entries and checkpoints, and the triggers that keep them as they are; after ``make_refusal``."""
    op.create_table(
        "ledger_chains",
        sa.Column("no", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("opened_at", UtcDateTime(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("head", sa.String(length=64), nullable=False),
        sa.Column("signed_seq", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("no", name=op.f("pk_ledger_chains")),
    )
    op.create_table(
        "ledger_checkpoints",
        sa.Column("no", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("signature", sa.String(length=128), nullable=False),
        sa.PrimaryKeyConstraint("no", name=op.f("pk_ledger_checkpoints")),
    )
    op.create_table(
        "ledger_entries",
        sa.Column("chain", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("actor", sa.String(length=120), nullable=False),
        sa.Column("seller_id", sa.String(length=36), nullable=True),
        sa.Column("payload", sa.Text(), nullable=True),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("chain", "seq", name=op.f("pk_ledger_entries")),
        sqlite_with_rowid=False,
    )
    make_append_only("ledger_checkpoints")
    _let_only_payloads_go()


def _let_only_payloads_go() -> None:
    """Have ``ledger_entries`` refuse every change but the erasure of a payload."""
    if is_postgresql():
        op.execute(
            "CREATE TRIGGER ledger_entries_no_truncate BEFORE TRUNCATE ON ledger_entries "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            "CREATE TRIGGER ledger_entries_no_delete BEFORE DELETE ON ledger_entries "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            "CREATE TRIGGER ledger_entries_no_update BEFORE UPDATE ON ledger_entries FOR EACH ROW "
            "WHEN (NEW.payload IS NOT NULL OR (NEW.chain, NEW.seq, NEW.at, NEW.kind, NEW.subject, NEW.actor, "
            "NEW.seller_id, NEW.digest, NEW.hash) IS DISTINCT FROM (OLD.chain, OLD.seq, OLD.at, OLD.kind, OLD.subject, "
            "OLD.actor, OLD.seller_id, OLD.digest, OLD.hash)) EXECUTE FUNCTION refuse_change()"
        )
        return
    op.execute(
        "CREATE TRIGGER ledger_entries_no_delete BEFORE DELETE ON ledger_entries "
        "BEGIN SELECT RAISE(ABORT, 'ledger_entries is append-only'); END"
    )
    op.execute(
        "CREATE TRIGGER ledger_entries_no_update BEFORE UPDATE ON ledger_entries "
        "WHEN NEW.payload IS NOT NULL OR NEW.chain IS NOT OLD.chain OR NEW.seq IS NOT OLD.seq OR NEW.at IS NOT OLD.at "
        "OR NEW.kind IS NOT OLD.kind OR NEW.subject IS NOT OLD.subject OR NEW.actor IS NOT OLD.actor "
        "OR NEW.seller_id IS NOT OLD.seller_id OR NEW.digest IS NOT OLD.digest OR NEW.hash IS NOT OLD.hash "
        "BEGIN SELECT RAISE(ABORT, 'of a ledger entry only the payload can be erased'); END"
    )
