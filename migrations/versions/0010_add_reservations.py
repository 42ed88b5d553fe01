"""Hold an attempt from the check until its contact is logged."""

revision = "0010_add_reservations"
down_revision = "0009_add_seller_rules"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
