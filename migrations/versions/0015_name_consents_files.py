"""Name the lead file that delivered a consent, as its evidence says."""

import json
import re
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

from migrations.append_only import let_change, make_append_only

revision = "0015_name_consents_files"
down_revision = "0014_keep_past_standing"
branch_labels = None
depends_on = None

AT_ONCE = 1_000
ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

_consents = sa.table("consents", *(sa.column(name) for name in ("id", "evidence", "lead_file_id")))


def upgrade() -> None:
    """Add the column, and fill it with the file that the evidence of each consent names."""
    op.add_column("consents", sa.Column("lead_file_id", sa.String(length=36), nullable=True))
    let_change("consents")
    fill = sa.update(_consents).where(_consents.c.id == sa.bindparam("consent")).values(lead_file_id=sa.bindparam("of"))
    for rows in _with_evidence():
        named = [{"consent": row.id, "of": file_id} for row in rows if (file_id := _named(row.evidence)) is not None]
        if named:
            op.get_bind().execute(fill, named)
    make_append_only("consents")


def _with_evidence() -> Iterator[list[Any]]:  # Any: rows of the table
    last = ""
    query = sa.select(_consents.c.id, _consents.c.evidence).where(_consents.c.evidence.like('%"lead_file"%'))
    while rows := list(
        op.get_bind().execute(query.where(_consents.c.id > last).order_by(_consents.c.id).limit(AT_ONCE))
    ):
        yield rows
        last = rows[-1].id


def _named(evidence: str) -> str | None:
    try:
        named = json.loads(evidence)["lead_file"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return named if isinstance(named, str) and ID.fullmatch(named) else None


def downgrade() -> None:
    """Remove the column: the evidence still says it."""
    op.drop_column("consents", "lead_file_id")
