"""Keep a dialer's or carrier's call records, each matched to a check."""

revision = "0012_add_call_records"
down_revision = "0011_add_screenings"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
