"""Date what the first versions loaded by the ledger: when a register version came into force, and a lead file was read.

A version had the moment at which its loading began, and of a lead file nothing told when its rows were taken.
"""

import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

from core.database import UtcDateTime
from migrations.append_only import let_change, make_append_only

revision = "0020_date_first_loads"
down_revision = "0019_keep_more_of_deliveries"
branch_labels = None
depends_on = None

_ledger = sa.table(
    "ledger_entries",
    *(sa.column(name) for name in ("chain", "seq", "kind", "subject", "payload")),
    sa.column("at", UtcDateTime()),
)
_versions = sa.table(
    "register_versions", *(sa.column(name) for name in ("id", "layout")), sa.column("loaded_at", UtcDateTime())
)
_files = sa.table("lead_files", *(sa.column(name) for name in ("id", "state")), sa.column("read_at", UtcDateTime()))


def upgrade() -> None:
    """Give each the moment of its ledger entry; the ledger is read only where there is one to date."""
    _date_versions()
    _date_files()


def _date_versions() -> None:
    """Date the versions of before layouts: their entry was written with the swap."""
    former = set(op.get_bind().execute(sa.select(_versions.c.id).where(_versions.c.layout.is_(None))).scalars())
    if not former:
        return
    swapped = {
        version: entry.at
        for entry in _entries("register.loaded")
        if entry.payload is not None and (version := json.loads(entry.payload).get("version_id")) in former
    }
    let_change("register_versions")
    for version, at in swapped.items():
        later = sa.update(_versions).where(_versions.c.id == version, _versions.c.loaded_at < at)
        op.get_bind().execute(later.values(loaded_at=at))
    make_append_only("register_versions")


def _date_files() -> None:
    """Date the files that were read to their end, with their last rows."""
    undated = (_files.c.state == "finished") & _files.c.read_at.is_(None)
    former = set(op.get_bind().execute(sa.select(_files.c.id).where(undated)).scalars())
    for entry in _entries("lead_file.finished") if former else ():
        if entry.subject in former:
            op.get_bind().execute(sa.update(_files).where(_files.c.id == entry.subject).values(read_at=entry.at))


def _entries(kind: str) -> Iterator[Any]:  # Any: rows of the ledger
    query = sa.select(_ledger.c.at, _ledger.c.subject, _ledger.c.payload).where(_ledger.c.kind == kind)
    return iter(op.get_bind().execute(query.order_by(_ledger.c.at, _ledger.c.chain, _ledger.c.seq)).all())


def downgrade() -> None:
    """Leave the moments: they are the right ones to any version."""
