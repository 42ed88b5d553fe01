"""Find the runs and the holds that wait without reading all that ever ended."""

from alembic import op

revision = "0018_index_what_waits"
down_revision = "0017_look_through_screenings"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the indexes."""
    op.create_index("ix_job_runs_ended_at_job_runs_task", "job_runs", ["ended_at", "task"])
    op.create_index("ix_holds_closed_at_holds_made_at", "holds", ["closed_at", "made_at"])


def downgrade() -> None:
    """Remove them."""
    op.drop_index("ix_holds_closed_at_holds_made_at", table_name="holds")
    op.drop_index("ix_job_runs_ended_at_job_runs_task", table_name="job_runs")
