"""Let a seller narrow a policy."""

revision = "0009_add_seller_rules"
down_revision = "0008_describe_registers"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
