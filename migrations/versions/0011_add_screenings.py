"""Put whole screenings on record, compactly."""

revision = "0011_add_screenings"
down_revision = "0010_add_reservations"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
