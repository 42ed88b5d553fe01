"""What carried the calls that were made: their sources, and what lifted the register, by the facts of their checks."""

import json
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from core.database import any_of, any_of_value
from core.ledger import UNREADABLE, LedgerEntry
from dnc.facts import facts_from_record
from dnc.grounds import GroundKind, carrying, weigh
from dnc.narrowing import policy_under
from dnc.policies.catalogue import policy_named

KEPT_ENTRIES = 2_000
Place = tuple[int, int, int]
"""Where a check's facts stand: chain, number and row of its ledger entry."""


@dataclass(frozen=True, slots=True)
class Carried:
    """What carried a call when it was checked: the source of its lead, if any, and what lifted the register, if it did.

    ``known`` is false where the facts were erased or cannot be read: then nothing is said of either.
    """

    source_id: str | None
    lifted_by: GroundKind | None
    known: bool = True


NOT_KNOWN = Carried(None, None, known=False)


class CarriedCalls:
    """Reads the facts of many checks, each ledger entry and each distinct decision once."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._entries: OrderedDict[tuple[int, int], list[Carried] | None] = OrderedDict()

    def of(self, places: Iterable[Place]) -> Mapping[Place, Carried]:
        """Return what carried each call; one statement for each chain among the places, by pk_ledger_entries."""
        wanted = set(places)
        self._read({(chain, seq) for chain, seq, _row in wanted} - self._entries.keys())
        found = {}
        for chain, seq, row in wanted:
            carried = self._entries.get((chain, seq))
            found[chain, seq, row] = NOT_KNOWN if carried is None or row >= len(carried) else carried[row]
        while len(self._entries) > KEPT_ENTRIES:
            self._entries.popitem(last=False)
        return found

    def _read(self, missing: set[tuple[int, int]]) -> None:
        by_chain: dict[int, list[int]] = defaultdict(list)
        for chain, seq in missing:
            by_chain[chain].append(seq)
        for chain, seqs in by_chain.items():
            query = select(LedgerEntry.seq, LedgerEntry.payload).where(
                LedgerEntry.chain == chain, any_of(LedgerEntry.seq, bindparam("seqs"))
            )
            values = {"seqs": any_of_value(self._session.get_bind().dialect.name, seqs)}
            for seq, payload in self._session.execute(query, values):
                self._entries[chain, seq] = None if payload is None else _carried(payload)


def _carried(payload: str) -> list[Carried] | None:
    """Return what carried each row of a ledger entry of checks, None if it cannot be read.

    Each distinct decision is weighed once.
    """
    try:
        document = json.loads(payload)
        weighed = [_weighed(stored) for stored in document["decisions"]]
        return [weighed[row[2]] for row in document["rows"]]
    except UNREADABLE:
        return None


def _weighed(stored: dict[str, Any]) -> Carried:
    """Return what the stored facts held, by the same rules and policy, the seller's own, as when they were decided."""
    try:
        answer = stored["answer"]
        facts = facts_from_record(stored["facts"])
        policy = policy_named(answer["policy"]) if answer["policy"] is not None else None
        if policy is not None and facts.campaign is not None:
            policy = policy_under(policy, facts.campaign.rules)
        at = datetime.fromisoformat(answer["checked_at"])
        grounds = weigh(facts, policy, at)
        ground, _lacking = carrying(facts, grounds, at)
    except UNREADABLE:
        return NOT_KNOWN
    lifted_by = None if grounds.lift is None else grounds.lift.kind
    return Carried(None if ground is None else ground.source_id, lifted_by)
