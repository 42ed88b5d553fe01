"""Registers are described by layouts, versions may be deltas or cover only what was washed."""

revision = "0008_describe_registers"
down_revision = "0007_add_lead_identities"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
