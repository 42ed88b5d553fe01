"""The rows of certain numbers in what is on record of a screening: found only where the ledger vouches for it."""

import json
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import and_, bindparam, func, literal_column, select
from sqlalchemy.orm import Session

from core.clock import utc
from core.ledger import UNREADABLE, LedgerEntry
from core.prepared import Prepared, read_instant
from dnc.screenings.errors import ScreeningDamaged, ScreeningErased
from dnc.screenings.models import ScreeningPart
from dnc.screenings.numbers import Ints
from dnc.screenings.packing import PackedRowsDamaged, find_rows

_HEAD = 1_000
"""Characters of an entry in which all that it says of its part stands, before the counts and the answers."""
_END = ',"counts":'


@dataclass(frozen=True, slots=True)
class FoundRows:
    """The rows of a part that have one of the numbers looked for, in order: each one's number, its answer's place.

    The answers stand in the ledger's entry ``seq`` of ``chain``.
    """

    rows: Ints
    values: Ints
    places: Ints
    chain: int
    seq: int


_PART = Prepared(
    select(
        *(ScreeningPart.first_row, ScreeningPart.rows, ScreeningPart.decided_at, ScreeningPart.packed),
        *(ScreeningPart.sha256, ScreeningPart.chain, ScreeningPart.seq, LedgerEntry.digest),
        func.substr(LedgerEntry.payload, literal_column("1"), literal_column(str(_HEAD))),
    )
    .outerjoin(LedgerEntry, and_(LedgerEntry.chain == ScreeningPart.chain, LedgerEntry.seq == ScreeningPart.seq))
    .where(ScreeningPart.screening_id == bindparam("screening_id"), ScreeningPart.no == bindparam("no")),
    in_bytes=True,
)


def found_rows(session: Session, screening_id: str, no: int, numbers: Collection[int]) -> FoundRows:
    """Return the rows of a part that have one of the ``numbers``, from the record. What has none costs little to read.

    That it has none is vouched for by the ledger, too. By pk_screening_parts and pk_ledger_entries.

    Raises:
        ScreeningErased: its answers are no longer kept.
        ScreeningDamaged: it is gone, or is not what the ledger vouches for.
    """
    damaged = ScreeningDamaged(f"part {no} is not the one that is on record")
    parts = _PART.rows(session.connection(), {"screening_id": screening_id, "no": no})
    if not parts:
        raise damaged
    [(first_row, count, decided_at, packed, sha256, chain, seq, digest, head)] = parts
    if digest is not None and head is None:
        raise ScreeningErased("its retention has ended")
    if _said_in(head) != (no, first_row, count, utc(read_instant(decided_at)), sha256):
        raise damaged
    try:
        rows, values, places = find_rows(packed, sha256, numbers)
    except PackedRowsDamaged as error:
        raise damaged from error
    return FoundRows(first_row + rows, values, places, chain, seq)


def _said_in(head: str | None) -> tuple[object, ...] | None:
    """Return what an entry that begins so says of its part; None if that cannot be read."""
    try:
        said = json.loads((head or "").partition(_END)[0] + "}")
        return said["part"], said["first_row"], said["rows"], said["decided_at"], said["packed"]
    except UNREADABLE:
        return None
