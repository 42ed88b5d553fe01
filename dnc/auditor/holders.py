"""Until when answers held the attempt that they gave, by the form of their time; the first version's held none."""

import json
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.ledger import UNREADABLE, LedgerEntry, Position
from dnc.facts import FORM_OF_HELD_ATTEMPTS, FORM_OF_HELD_CALLS, RECORD_FORM
from dnc.history.rows import Past, PastPermission

AT_ONCE = 20
"""Entries may be large: each holds the checks of a moment."""


class Holders:
    """Tells by the ledger entries of answers how they held attempts; each is read once."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._forms: dict[Position, int] = {}

    def of(self, past: Past) -> Past:
        """Return what is on record, with the attempts that answers held as those held them."""
        entries = {one.entry for found in past.permissions.values() for one in found}
        self._read(entries - self._forms.keys())
        return replace(past, permissions={number: self._as_held(found) for number, found in past.permissions.items()})

    def _as_held(self, permissions: Collection[PastPermission]) -> list[PastPermission]:
        held = [one for one in permissions if self._forms[one.entry] >= FORM_OF_HELD_ATTEMPTS]
        return [
            one if self._forms[one.entry] >= FORM_OF_HELD_CALLS else replace(one, held_until=one.valid_until)
            for one in held
        ]

    def _read(self, entries: Collection[Position]) -> None:
        """Note the form of each entry's answers; of one that is erased, that of today."""
        by_chain: dict[int, list[int]] = {}
        for entry in entries:
            self._forms[entry] = RECORD_FORM
            by_chain.setdefault(entry.chain, []).append(entry.seq)
        for chain, places in by_chain.items():
            for start in range(0, len(places), AT_ONCE):
                query = select(LedgerEntry.seq, LedgerEntry.payload).where(
                    LedgerEntry.chain == chain, LedgerEntry.seq.in_(places[start : start + AT_ONCE])
                )
                for seq, payload in self._session.execute(query):
                    self._forms[Position(chain, seq)] = _form(payload)


def _form(payload: str | None) -> int:
    try:
        decisions: list[Any] = json.loads(payload or "")["decisions"]  # Any: JSON has no types
        return min(int(one["facts"]["form"]) for one in decisions)
    except UNREADABLE:
        return RECORD_FORM
