"""Which answers held the attempt that they gave: those of the first version's form held none."""

import json
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.ledger import UNREADABLE, LedgerEntry, Position
from dnc.facts import FORM_OF_HELD_ATTEMPTS
from dnc.history.rows import Past

AT_ONCE = 20
"""Entries may be large: each holds the checks of a moment."""


class Holders:
    """Tells by the ledger entries of answers whether they held attempts; each is read once."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._holds: dict[Position, bool] = {}

    def of(self, past: Past) -> Past:
        """Return what is on record, of the answers that allowed a call only those that held the attempt."""
        entries = {one.entry for found in past.permissions.values() for one in found}
        self._read(entries - self._holds.keys())
        held = {number: [one for one in found if self._holds[one.entry]] for number, found in past.permissions.items()}
        return replace(past, permissions=held)

    def _read(self, entries: Collection[Position]) -> None:
        """Note of each entry whether its answers held attempts: also if it is erased, as those of today did."""
        by_chain: dict[int, list[int]] = {}
        for entry in entries:
            self._holds[entry] = True
            by_chain.setdefault(entry.chain, []).append(entry.seq)
        for chain, places in by_chain.items():
            for start in range(0, len(places), AT_ONCE):
                query = select(LedgerEntry.seq, LedgerEntry.payload).where(
                    LedgerEntry.chain == chain, LedgerEntry.seq.in_(places[start : start + AT_ONCE])
                )
                for seq, payload in self._session.execute(query):
                    self._holds[Position(chain, seq)] = _held(payload)


def _held(payload: str | None) -> bool:
    try:
        decisions: list[Any] = json.loads(payload or "")["decisions"]  # Any: JSON has no types
        return all(one["facts"]["form"] >= FORM_OF_HELD_ATTEMPTS for one in decisions)
    except UNREADABLE:
        return True
