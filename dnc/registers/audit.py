"""What the ledger must say of registers and their versions, and whether it does."""

import json

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.audit import Recorded, entries_of, read_object
from core.verification import Finding
from dnc.models import Register, RegisterVersion
from dnc.registers.layouts import stored_text
from dnc.registers.standing import known_registers

RECORDED = (
    Recorded(
        "register.loaded",
        RegisterVersion,
        "id",
        lambda row, _keyring: {
            "register": row.register,
            "as_of": row.as_of.isoformat(),
            "count": row.count,
            "snapshot_sha256": row.snapshot_sha256,
            "file_name": row.file_name,
            "file_sha256": row.file_sha256,
            "rejected_lines": row.rejected_lines,
            "kind": None if row.layout is None else row.kind,  # neither was on record before layouts
            "base_version": row.base_version_id,
            "layout": None if row.layout is None else read_object(row.layout),
            "covered": row.covered,
        },
        "loaded_by",
        keyed_by="version_id",
    ),
)


def compare_registers(session: Session) -> list[Finding]:
    """Return a finding for each register whose version in force, country or layout is not one on record.

    Each entry names the version before it, so the newest is the one that no other names, whatever the clocks said.
    """
    loaded: dict[str, set[str | None]] = {}
    replaced: set[str | None] = set()
    for entries in entries_of(session, "register.loaded"):
        for said in (json.loads(entry.payload) for entry in entries if entry.payload is not None):
            loaded.setdefault(said["register"], set()).add(said["version_id"])
            replaced.add(said["version_before"])
    rows = {row.name: row for row in session.scalars(select(Register))}
    countries, layouts = known_registers(), dict[str, set[str | None]]()
    for entries in entries_of(session, "register.layout_set"):
        for said in (json.loads(entry.payload) for entry in entries if entry.payload is not None):
            countries.setdefault(said["register"], said["country"])
            layouts.setdefault(said["register"], set()).add(stored_text(said["layout"]))
    findings = []
    for name in sorted(rows.keys() | loaded.keys()):
        row, newest = rows.get(name), (loaded.get(name, set()) - replaced) or {None}
        if row is None:
            findings.append(Finding("missing", None, None, f"the register {name} is gone"))
        elif newest != {row.version_id}:
            findings.append(Finding("changed", None, None, f"the register {name} has another version in force"))
        elif row.country != countries.get(name):
            findings.append(Finding("changed", None, None, f"the register {name} has another country"))
        elif row.layout not in layouts.get(name, {None}):
            findings.append(Finding("changed", None, None, f"the register {name} has another layout"))
    return findings
