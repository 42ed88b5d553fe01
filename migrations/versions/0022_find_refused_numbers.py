"""Find what refused rows say of a number, whichever file they came with; of most no number could be read."""

import sqlalchemy as sa
from alembic import op

revision = "0022_find_refused_numbers"
down_revision = "0021_withdraw_lead_files"
branch_labels = None
depends_on = None

_REFUSED = sa.text("state = 'rejected' AND number IS NOT NULL")


def upgrade() -> None:
    """Add the index."""
    op.create_index("ix_lead_rows_number", "lead_rows", ["number"], sqlite_where=_REFUSED, postgresql_where=_REFUSED)


def downgrade() -> None:
    """Remove it."""
    op.drop_index("ix_lead_rows_number", table_name="lead_rows")
