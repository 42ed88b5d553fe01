"""Keep what leads, sources and relations were at past moments.

What was overwritten so far is read back from the ledger, which kept it; where a payload is erased, from the columns.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

from core.database import UtcDateTime
from migrations.append_only import make_append_only

revision = "0014_keep_past_standing"
down_revision = "0013_add_proofs"
branch_labels = None
depends_on = None

APPEND_ONLY = ("pause_marks", "relation_versions")
PAUSABLE = {"supplier": "suppliers", "source": "sources", "lead_file": "lead_files"}
BECAME = ("paused", "quarantined", "resumed")
AT_ONCE = 1_000

_ledger = sa.table(
    "ledger_entries",
    sa.column("chain"),
    sa.column("seq"),
    sa.column("at", UtcDateTime()),
    sa.column("kind"),
    sa.column("subject"),
    sa.column("actor"),
    sa.column("payload"),
)
_marks = sa.table(
    "pause_marks",
    *(sa.column(name) for name in ("subject_id", "no", "became")),
    sa.column("recorded_at", UtcDateTime()),
    *(sa.column(name) for name in ("recorded_by", "reason")),
)
_relations = sa.table(
    "customer_relations",
    sa.column("id"),
    *(sa.column(name, UtcDateTime()) for name in ("started_at", "fulfilled_at", "recorded_at")),
    sa.column("recorded_by"),
)
_versions = sa.table(
    "relation_versions",
    sa.column("relation_id"),
    sa.column("version"),
    *(sa.column(name, UtcDateTime()) for name in ("started_at", "fulfilled_at", "recorded_at")),
    *(sa.column(name) for name in ("recorded_by", "reopened_reason")),
)
_births = sa.table(
    "lead_birth_dates",
    sa.column("number"),
    sa.column("source_no"),
    sa.column("replaced_at", UtcDateTime()),
    sa.column("birth_date"),
    sa.column("is_known"),
)
_leads = sa.table("leads", *(sa.column(name) for name in ("number", "source_no", "file_no", "row_no")))
_files = sa.table("lead_files", *(sa.column(name) for name in ("id", "no", "source_id")))
_rows = sa.table("lead_rows", *(sa.column(name) for name in ("lead_file_id", "row_no", "number")))
_sources = sa.table("sources", *(sa.column(name) for name in ("id", "no")))


def upgrade() -> None:
    """Create the tables, fill them with the past that is still known, then guard them."""
    op.create_table(
        "pause_marks",
        sa.Column("subject_id", sa.String(length=36), nullable=False),
        sa.Column("no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("became", sa.String(length=12), nullable=False),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.Column("recorded_by", sa.String(length=120), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("subject_id", "no", name=op.f("pk_pause_marks")),
    )
    op.create_table(
        "relation_versions",
        sa.Column("relation_id", sa.String(length=36), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("fulfilled_at", UtcDateTime(), nullable=True),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.Column("recorded_by", sa.String(length=120), nullable=False),
        sa.Column("reopened_reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["relation_id"], ["customer_relations.id"], name=op.f("fk_relation_versions_relation_id")
        ),
        sa.PrimaryKeyConstraint("relation_id", "version", name=op.f("pk_relation_versions")),
    )
    op.create_table(
        "lead_birth_dates",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("source_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("replaced_at", UtcDateTime(), nullable=False),
        sa.Column("birth_date", sa.Date(), nullable=True),
        sa.Column("is_known", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("number", "source_no", "replaced_at", name=op.f("pk_lead_birth_dates")),
    )
    _recall_pauses()
    _recall_relations()
    _recall_birth_dates()
    for table in APPEND_ONLY:
        make_append_only(table)


def _entries(kinds: list[str]) -> Iterator[Any]:  # Any: rows of the ledger
    query = sa.select(_ledger).where(_ledger.c.kind.in_(kinds)).order_by(_ledger.c.at, _ledger.c.chain, _ledger.c.seq)
    return iter(op.get_bind().execute(query).all())


def _insert(table: sa.TableClause, rows: list[dict[str, object]]) -> None:
    for start in range(0, len(rows), AT_ONCE):
        op.get_bind().execute(sa.insert(table), rows[start : start + AT_ONCE])


def _recall_pauses() -> None:
    marks: dict[str, list[dict[str, object]]] = defaultdict(list)

    def mark(subject: str, became: str, at: datetime, by: str, reason: str | None) -> None:
        marks[subject].append(
            {
                "subject_id": subject,
                "no": len(marks[subject]) + 1,
                "became": became,
                "recorded_at": at,
                "recorded_by": by,
                "reason": reason or "",
            }
        )

    for entry in _entries([f"{thing}.{became}" for thing in PAUSABLE for became in BECAME]):
        said = json.loads(entry.payload) if entry.payload else {}
        mark(entry.subject, entry.kind.partition(".")[2], entry.at, entry.actor, said.get("reason"))
    for table in PAUSABLE.values():
        stands = sa.table(
            table,
            sa.column("id"),
            *(sa.column(name, UtcDateTime()) for name in ("paused_at", "quarantined_at")),
            sa.column("paused_reason"),
        )
        for row in op.get_bind().execute(sa.select(stands).where(stands.c.paused_at.is_not(None))):
            last = marks[row.id][-1]["became"] if marks[row.id] else "resumed"
            if last == "resumed":
                mark(row.id, "paused", row.paused_at, "migration", row.paused_reason)
            if row.quarantined_at is not None and last != "quarantined":
                mark(row.id, "quarantined", row.quarantined_at, "migration", row.paused_reason)
    _insert(_marks, [one for of_one in marks.values() for one in of_one])


def _recall_relations() -> None:
    versions: dict[str, list[dict[str, object]]] = defaultdict(list)
    stands = {row.id: row for row in op.get_bind().execute(sa.select(_relations))}
    for entry in _entries(["relation.recorded"]):
        if entry.payload is None or entry.subject not in stands:
            continue
        said = json.loads(entry.payload)
        versions[entry.subject].append(
            {
                "relation_id": entry.subject,
                "version": len(versions[entry.subject]) + 1,
                **{name: _instant(said.get(name)) for name in ("started_at", "fulfilled_at", "recorded_at")},
                "recorded_by": entry.actor,
                "reopened_reason": said.get("reopened_reason"),
            }
        )
    for row in stands.values():
        last = versions[row.id][-1] if versions[row.id] else {}
        if (last.get("started_at"), last.get("fulfilled_at")) != (row.started_at, row.fulfilled_at):
            versions[row.id].append(
                {
                    "relation_id": row.id,
                    "version": len(versions[row.id]) + 1,
                    "started_at": row.started_at,
                    "fulfilled_at": row.fulfilled_at,
                    "recorded_at": row.recorded_at,
                    "recorded_by": row.recorded_by,
                    "reopened_reason": None,
                }
            )
    _insert(_versions, [one for of_one in versions.values() for one in of_one])


def _recall_birth_dates() -> None:
    """Say that a lead's birth date was another before, which nobody can tell any more."""
    found: dict[tuple[int, int, datetime], dict[str, object]] = {}
    for entry in _entries(["lead.birth_date_learnt"]):
        lead = _lead_of(entry)
        for number, source_no in () if lead is None else op.get_bind().execute(lead):
            found[number, source_no, entry.at] = {
                "number": number,
                "source_no": source_no,
                "replaced_at": entry.at,
                "birth_date": None,
                "is_known": False,
            }
    _insert(_births, list(found.values()))


def _lead_of(entry: Any) -> sa.Select[Any] | None:  # Any: a row of the ledger
    """Return the statement that finds the lead whose birth date was learnt, or None if nothing tells which it is.

    The first version named a lead by an id of its own, which is gone; the row that told the birth date is kept.
    """
    lead_file_id, _, row_no = entry.subject.rpartition(":")
    lead = sa.select(_leads.c.number, _leads.c.source_no)
    if lead_file_id:
        return lead.join(_files, _files.c.no == _leads.c.file_no).where(
            _files.c.id == lead_file_id, _leads.c.row_no == int(row_no)
        )
    if entry.payload is None:
        return None
    told = json.loads(entry.payload)
    return (
        lead.join(_rows, _rows.c.number == _leads.c.number)
        .join(_files, _files.c.id == _rows.c.lead_file_id)
        .join(_sources, (_sources.c.id == _files.c.source_id) & (_sources.c.no == _leads.c.source_no))
        .where(_rows.c.lead_file_id == told["lead_file"], _rows.c.row_no == told["row_no"])
    )


def _instant(written: str | None) -> datetime | None:
    return None if written is None else datetime.fromisoformat(written)


def downgrade() -> None:
    """Drop the tables: of each pause, relation and birth date only the newest is known again."""
    op.drop_table("lead_birth_dates")
    op.drop_table("relation_versions")
    op.drop_table("pause_marks")
