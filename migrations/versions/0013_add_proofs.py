"""Keep time stamps of checkpoints and what the auditor found."""

revision = "0013_add_proofs"
down_revision = "0012_add_call_records"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
