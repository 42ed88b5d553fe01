"""Keep what leads, sources, restrictions and relations were at past moments."""

revision = "0014_keep_past_standing"
down_revision = "0013_add_proofs"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
