"""Try stored answers: against their own facts, their rows, and the tables as they were when they were given."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.clock import utc
from core.columns import places_of
from core.ledger import UNREADABLE, LedgerEntry, Position
from core.secrets import Keyring
from dnc.auditor.findings import Against, Findings
from dnc.auditor.rebuilding import Given, Rebuilding, Stored
from dnc.gathering import Listed
from dnc.models import Check
from dnc.policies.catalogue import policy_for
from dnc.recorded import decided_otherwise
from dnc.screenings.models import Screening, ScreeningPart
from dnc.screenings.numbers import Ints
from dnc.screenings.packing import unpack_rows

ROWS_AT_ONCE = 500
NUMBERS_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class _Check:
    """A check as its ledger entry has it, in its ``place`` there."""

    entry: Position
    place: int
    id: str
    number_hash: str | None
    stored: Stored


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a screening as its ledger entry has it: ``stored`` by place, without the answers that were told."""

    entry: Position
    subject: str
    document: Mapping[str, Any]
    stored: Mapping[int, Stored]


class Trial:
    """Tries entries one after another; give it the entries of a few thousand checks at a time, or of a part."""

    def __init__(self, session: Session, keyring: Keyring, listed: Listed) -> None:
        self._session, self._keyring = session, keyring
        self.findings = Findings()
        self._rebuilding = Rebuilding(session, listed, self.findings)
        self._checks: list[_Check] = []
        self._parts: list[_Part] = []

    @property
    def waiting(self) -> int:
        """How many checks and screened rows wait for the tables to be read."""
        return len(self._checks) + sum(int(part.document["rows"]) for part in self._parts)

    def take(self, entry: LedgerEntry) -> None:
        """Try an entry's answers against their facts, and note its checks or rows for ``against_tables``."""
        counts, place = self.findings.counts, Position(entry.chain, entry.seq)
        counts.entries += 1
        if entry.payload is None:
            counts.erased += 1
            return
        try:
            document = json.loads(entry.payload)
            decisions, version = list(document["decisions"]), document["phonenumbers"]
            asked, screened = _rows_in(document)
        except UNREADABLE as error:
            self.findings.differ(place, None, Against.FACTS, f"the entry cannot be read ({type(error).__name__})")
            return
        counts.answers += len(decisions)
        counts.checks += len(asked)
        counts.screened += screened
        stored: dict[int, Stored] = {}
        for number, decision in enumerate(decisions):
            found = self._stored(place, decision, version, of_screening=not asked)
            if isinstance(found, Stored):
                stored[number] = found
            else:  # told; nothing of it can be relied on
                ids: list[str | None] = [id_ for id_, _hash, its in asked if its == number]
                for check_id in ids or [None]:
                    self.findings.differ(place, check_id, Against.FACTS, found)
        if screened:
            self._parts.append(_Part(place, entry.subject, document, stored))
        self._checks += [
            _Check(place, at, id_, number_hash, stored[number])
            for at, (id_, number_hash, number) in enumerate(asked)
            if number in stored
        ]

    def _stored(self, entry: Position, decision: Any, version: str, *, of_screening: bool) -> Stored | str:
        """Return a stored answer, or what differs if its facts are decided again. ``decision`` is whatever was read."""
        try:
            what = decided_otherwise(decision)
            stored = Stored.of(decision, version)
            if what is None and of_screening:  # a check's is tried from the tables
                what = self._policy_fault(entry, stored)
        except UNREADABLE as error:
            return f"the stored answer cannot be read ({type(error).__name__})"
        if what is not None:
            return what
        self._rebuilding.policies.add((entry.chain, str(stored.answer["policy"])))
        return stored

    def _policy_fault(self, entry: Position, stored: Stored) -> str | None:
        """Return that a screening's answer is not by the policy in force at its moment, or None.

        One that found no policy is left, as a check's is, unless its process is known to have known one.
        """
        number, told = stored.facts.number, stored.answer["policy"]
        policy = policy_for(None if number is None else number.country, stored.answered_for)
        version = None if policy is None else policy.version
        is_left = told is None and (entry.chain, version) not in self._rebuilding.policies
        return None if is_left or told == version else "policy would differ"

    def against_tables(self) -> None:
        """Try what waits against its rows and against the tables as they were."""
        checks, self._checks = self._checks, []
        parts, self._parts = self._parts, []
        self._rebuilding.rebuild(self._on_record(checks))
        for part in parts:
            for given in self._of_part(part):
                self._rebuilding.rebuild(given)

    def _on_record(self, checks: Sequence[_Check]) -> list[Given]:
        """Return the checks whose rows are as their entries have them."""
        rows: dict[str, Check] = {}
        for start in range(0, len(checks), ROWS_AT_ONCE):
            ids = [one.id for one in checks[start : start + ROWS_AT_ONCE]]
            rows |= {row.id: row for row in self._session.scalars(select(Check).where(Check.id.in_(ids)))}
        given = []
        for one in checks:
            row = rows.get(one.id)
            wrong = "the check's row is gone" if row is None else self._row_fault(one, row)
            if wrong is not None or row is None:
                self.findings.differ(one.entry, one.id, Against.ROW, wrong or "")
            else:
                given.append(Given(one.entry, one.id, one.stored, row.number, row.checked_at, row.asked_by))
        self._session.expunge_all()
        return given

    def _row_fault(self, one: _Check, row: Check) -> str | None:
        """Return how the row differs from its entry, or None."""
        answer = one.stored.answer
        told = {
            "number": one.number_hash,
            "campaign_id": one.stored.campaign_id,
            "verdict": answer.get("verdict"),
            "checked_at": answer.get("checked_at"),
            "valid_until": answer.get("valid_until"),
            "place": (one.entry.chain, one.entry.seq, one.place),
        }
        held = {
            "number": None if row.number is None else self._keyring.number_hash(row.number),
            "campaign_id": row.campaign_id,
            "verdict": row.verdict,
            "checked_at": utc(row.checked_at),
            "valid_until": utc(row.valid_until),
            "place": (row.chain, row.seq, row.place),
        }
        wrong = [name for name, value in told.items() if held[name] != value]
        return f"the check's row differs in {', '.join(wrong)}" if wrong else None

    def _of_part(self, part: _Part) -> Iterator[list[Given]]:
        """Yield what a part answered, some thousands of numbers at a time, each number once for each of its answers."""
        screening_id, _, no = part.subject.rpartition(":")
        screening = self._session.get(Screening, screening_id)
        row = self._session.get(ScreeningPart, (screening_id, int(no))) if no.isdecimal() else None
        if screening is None or row is None:
            self.findings.differ(part.entry, None, Against.ROW, "the part, or its screening, is gone")
            return
        try:
            values, places = _unpacked(row, part.document)
        except UNREADABLE:
            self.findings.differ(part.entry, None, Against.ROW, "the part's rows are not those that are on record")
            return
        known_at, counts_held, first_row = row.decided_at, not screening.next_hour, row.first_row
        self._session.expunge_all()
        _, distinct = places_of(values)
        _, first = np.unique(distinct * len(part.document["decisions"]) + places, return_index=True)
        first.sort()
        for start in range(0, len(first), NUMBERS_AT_ONCE):
            given = []
            for at in first[start : start + NUMBERS_AT_ONCE].tolist():
                stored = part.stored.get(int(places[at]))
                if stored is not None:
                    number = int(values[at]) if values[at] >= 0 else None
                    given.append(Given(part.entry, None, stored, number, known_at, None, counts_held, first_row + at))
            yield given


def _rows_in(document: Mapping[str, Any]) -> tuple[list[tuple[str, str | None, int]], int]:
    """Return id, hash of the number and place of the answer of each check in an entry, and how many rows of a part.

    What is not as it was written raises one of ``UNREADABLE``.
    """
    rows = document["rows"]
    if isinstance(rows, int):
        return [], rows
    asked = [(id_, number_hash, number) for id_, number_hash, number, _ids, _reference in rows]
    if not all(0 <= number < len(document["decisions"]) for _id, _hash, number in asked):
        raise LookupError("a check's answer is not there")
    return asked, 0


def _unpacked(row: ScreeningPart, document: Mapping[str, Any]) -> tuple[Ints, Ints]:
    """Return the numbers of a part and the places of their answers.

    Raises:
        ValueError: they are not those that its entry tells of, or one of ``UNREADABLE``.
    """
    values, places = unpack_rows(row.packed, document["packed"])
    counts = [one["rows"] for one in document["decisions"]]
    if np.bincount(places).tolist() != counts or utc(row.decided_at) != document["decided_at"]:
        raise ValueError("the part is another")
    return values, places
