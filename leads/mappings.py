"""How a supplier's files are to be read, saved once: what its columns mean, its character set, its delimiter.

There is one mapping for a supplier, which somebody saved on purpose, and beside it those that a file was imported with:
the next file with the very same headings is read in the same way.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ForeignKey, String, Text, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column
from sqlalchemy.sql.elements import ColumnElement

from core.access import Caller, Right
from core.database import Base
from core.errors import Forbidden, InvalidInput, NotFound
from core.ledger import Event, put_on_record
from leads.headings import MAX_COLUMNS, Field, maps_by_place, plain_heading, shown
from leads.models import Supplier
from leads.suppliers import supplier_named

ENCODINGS = ("utf-8", "utf-16", "cp1252", "iso-8859-1", "iso-8859-15", "cp850", "cp865", "mac-roman")
"""The character sets that can be asked for, in Python's names: what Nordic suppliers write."""
HEADING = 200
SAVED = ""
"""What stands for the headings of the mapping that was saved on purpose."""
_FORBIDDEN_DELIMITERS = frozenset("\"'\r\n\x00 .+-@#/()")


class LeadMapping(Base):
    """How files of a supplier are read. ``headings_sha256`` tells which: empty for all that no other row is for."""

    __tablename__ = "lead_mappings"

    supplier_id: Mapped[str] = mapped_column(ForeignKey("suppliers.id"), primary_key=True)
    headings_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    mapping: Mapped[str] = mapped_column(Text)
    has_headings: Mapped[bool]
    encoding: Mapped[str | None] = mapped_column(String(20))
    delimiter: Mapped[str | None] = mapped_column(String(1))
    saved_at: Mapped[datetime]
    saved_by: Mapped[str] = mapped_column(String(120))


@dataclass(frozen=True, slots=True)
class SavedMapping:
    """How to read a supplier's files; None and empty where nothing was saved.

    ``has_headings`` False: the first line is a row, and ``mapping`` names columns by number. ``remembered`` holds the
    mappings that files were imported with, by the fingerprint of their headings.
    """

    mapping: Mapping[str, str]
    has_headings: bool
    encoding: str | None
    delimiter: str | None
    saved_at: datetime | None
    saved_by: str | None
    remembered: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def mapping_for(self, headings: Sequence[str]) -> Mapping[str, str]:
        """Return the mapping to read a file with these headings by: the one it was imported with before, or the
        supplier's own."""
        return self.remembered.get(fingerprint(headings), self.mapping)


def fingerprint(headings: Sequence[str]) -> str:
    """Return the SHA-256 of headings as they are compared: case, accents, spaces and signs make no difference."""
    plain = json.dumps([plain_heading(heading) or heading.strip() for heading in headings])
    return hashlib.sha256(plain.encode()).hexdigest()


def saved_mapping(session: Session, supplier_id: str) -> SavedMapping | None:
    """Return how the supplier's files are to be read, or None if nothing was ever saved. Served by pk_lead_mappings."""
    rows = session.scalars(select(LeadMapping).where(LeadMapping.supplier_id == supplier_id)).all()
    if not rows:
        return None
    own = next((row for row in rows if row.headings_sha256 == SAVED), None)
    remembered = {row.headings_sha256: json.loads(row.mapping) for row in rows if row.headings_sha256 != SAVED}
    if own is None:
        return SavedMapping({}, True, None, None, None, None, remembered)
    return SavedMapping(
        json.loads(own.mapping),
        own.has_headings,
        own.encoding,
        own.delimiter,
        own.saved_at,
        own.saved_by,
        remembered,
    )


def mapping_of(session: Session, caller: Caller, supplier_slug: str) -> SavedMapping:
    """Return how the supplier's files are to be read.

    Raises:
        NotFound: there is no such supplier, or nothing was saved for it.
    """
    caller.require(Right.LOAD_LEADS)
    saved = saved_mapping(session, supplier_named(session, supplier_slug).id)
    if saved is None:
        raise NotFound("nothing is saved of how this supplier's files are read")
    return saved


def save_mapping(
    session: Session,
    caller: Caller,
    *,
    supplier_slug: str,
    mapping: Mapping[str, str],
    encoding: str | None,
    delimiter: str | None,
    has_headings: bool | None,
    now: datetime,
) -> SavedMapping:
    """Save how the supplier's files are to be read from the next import on; it takes the place of what was saved.

    A mapping takes the place of those that files were imported with before, too. ``has_headings`` None: there are
    headings unless the mapping names columns by number alone. Files that were read already stay as they are. What is
    saved already, saved again, is no change.

    Raises:
        InvalidInput: a field that there is not, a column for two fields, no column for the number in a file without
            headings, an encoding or delimiter that is not taken, or nothing to save; ``errors`` lists every mistake.
        NotFound: there is no such supplier.
        Forbidden: the caller acts for one seller only, and a supplier serves all.
    """
    supplier = _supplier_for_every_seller(session, caller, supplier_slug)
    given = {name.strip(): heading.strip() for name, heading in mapping.items()}
    headed = not maps_by_place(given) if has_headings is None else has_headings
    mistakes = _mistakes(given, headed, encoding, delimiter)
    if mistakes:
        raise InvalidInput("; ".join(mistakes), extra={"errors": mistakes})
    if given:
        _forget(session, caller, supplier, LeadMapping.headings_sha256 != SAVED)
    before = session.get(LeadMapping, (supplier.id, SAVED), with_for_update=True)
    text = json.dumps(given, ensure_ascii=False)
    told = (text, headed, encoding, delimiter)
    if before is None or (before.mapping, before.has_headings, before.encoding, before.delimiter) != told:
        _put(
            session,
            caller,
            LeadMapping(
                supplier_id=supplier.id,
                headings_sha256=SAVED,
                mapping=text,
                has_headings=headed,
                encoding=encoding,
                delimiter=delimiter,
                saved_at=now,
                saved_by=caller.actor,
            ),
        )
    saved = saved_mapping(session, supplier.id)
    assert saved is not None  # noqa: S101 - it was written above
    return saved


def remember_mapping(
    session: Session,
    caller: Caller,
    *,
    supplier_id: str,
    headings: Sequence[str],
    mapping: Mapping[str, str] | None,
    now: datetime,
) -> None:
    """Let the supplier's next file with these headings be read by the mapping that this one was imported with.

    Nothing is remembered of a file without headings, nor without a mapping, nor for a caller who acts for one seller
    only: a supplier serves all, and it would change how the others' files are read.
    """
    if not mapping or caller.seller_id is not None or maps_by_place(mapping):
        return
    caller.require(Right.LOAD_LEADS)
    key, text = fingerprint(headings), json.dumps(dict(mapping), ensure_ascii=False)
    before = session.get(LeadMapping, (supplier_id, key))
    if before is not None and before.mapping == text:
        return
    _put(
        session,
        caller,
        LeadMapping(
            supplier_id=supplier_id,
            headings_sha256=key,
            mapping=text,
            has_headings=True,
            encoding=None,
            delimiter=None,
            saved_at=now,
            saved_by=caller.actor,
        ),
    )


def forget_mapping(session: Session, caller: Caller, *, supplier_slug: str) -> None:
    """Read the supplier's files by their headings alone from the next import on. Idempotent.

    Raises:
        NotFound: there is no such supplier.
        Forbidden: the caller acts for one seller only, and a supplier serves all.
    """
    supplier = _supplier_for_every_seller(session, caller, supplier_slug)
    _forget(session, caller, supplier)


def _forget(session: Session, caller: Caller, supplier: Supplier, *which: ColumnElement[bool]) -> None:
    """Take away the supplier's mappings, or those of them that are meant; on record if there are any."""
    mappings = select(LeadMapping).where(LeadMapping.supplier_id == supplier.id, *which)
    rows = session.scalars(mappings.with_for_update()).all()
    if not rows:
        return
    for row in rows:
        session.delete(row)
    session.flush()
    put_on_record(session, Event("lead_mapping.forgotten", supplier.id, caller.actor, None, {"count": len(rows)}))


def _put(session: Session, caller: Caller, row: LeadMapping) -> None:
    """Write the row over the one before it, and put it on record."""
    try:
        with session.begin_nested():
            session.merge(row)
            session.flush()
    except IntegrityError:  # saved by another import meanwhile
        session.merge(row)
        session.flush()
    payload = {
        "headings_sha256": row.headings_sha256,
        "mapping": json.loads(row.mapping),
        "has_headings": row.has_headings,
        "encoding": row.encoding,
        "delimiter": row.delimiter,
    }
    put_on_record(session, Event("lead_mapping.saved", row.supplier_id, caller.actor, None, payload))


def _supplier_for_every_seller(session: Session, caller: Caller, slug: str) -> Supplier:
    caller.require(Right.LOAD_LEADS)
    supplier = supplier_named(session, slug)
    if caller.seller_id is not None:
        raise Forbidden("a supplier serves every seller: give the mapping with your own files instead")
    return supplier


def _mistakes(mapping: Mapping[str, str], headed: bool, encoding: str | None, delimiter: str | None) -> list[str]:
    found = [
        f"the mapping names {shown(name)}; the fields are {', '.join(Field)}"
        for name in mapping
        if name not in list(Field)
    ]
    named = [heading for heading in mapping.values() if heading]
    found += [
        f"a heading has at most {HEADING} characters: {shown(heading)}" for heading in named if len(heading) > HEADING
    ]
    if any("\x00" in heading for heading in named):
        found.append("a heading holds a NUL character")
    plain = [heading if maps_by_place({"": heading}) else plain_heading(heading) or heading for heading in named]
    if len(set(plain)) != len(plain):
        found.append("the mapping gives a column to two fields")
    if any(maps_by_place({"": heading}) and int(heading[1:]) > MAX_COLUMNS for heading in named):
        found.append(f"at most {MAX_COLUMNS} columns are read")
    if not headed and (not maps_by_place(mapping) or not mapping.get(Field.NUMBER)):
        found.append("a file without headings needs a mapping by column number, such as number=#1")
    if encoding is not None and encoding not in ENCODINGS:
        found.append(f"the encoding is one of {', '.join(ENCODINGS)}")
    if delimiter is not None and (len(delimiter) != 1 or delimiter.isalnum() or delimiter in _FORBIDDEN_DELIMITERS):
        found.append("the delimiter is one character that no number or name holds")
    if not named and not mapping and encoding is None and delimiter is None:
        found.append("there is nothing to save: give a mapping, an encoding or a delimiter")
    return found
