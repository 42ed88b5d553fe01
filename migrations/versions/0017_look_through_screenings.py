"""Say how far a screened file was looked through for canaries."""

import sqlalchemy as sa
from alembic import op

revision = "0017_look_through_screenings"
down_revision = "0016_unbind_checks"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column: no part of any file was looked through yet."""
    op.add_column("screenings", sa.Column("looked_through", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    """Remove the column."""
    op.drop_column("screenings", "looked_through")
