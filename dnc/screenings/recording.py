"""A screening's parts on record: each part's distinct answers once in the ledger, its rows packed beside.

One transaction puts a part on record and moves the screening on, if it is still running and stands where the part
begins: so nothing is recorded twice, whoever works on it, and nothing after it was cancelled.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from core.clock import utc
from core.ledger import UNREADABLE, Event, LedgerEntry, payload_digest
from core.numbers import metadata_version
from core.store import Store, storage_faults
from dnc.deciding import Decided, encode
from dnc.screenings.added import added_cells, answer_of, shared
from dnc.screenings.counts import Summary
from dnc.screenings.errors import ScreeningBusy, ScreeningDamaged, ScreeningErased, ScreeningNotRunning
from dnc.screenings.models import Screening, ScreeningPart
from dnc.screenings.numbers import Ints
from dnc.screenings.packing import PackedRows, PackedRowsDamaged, unpack_rows
from dnc.screenings.parts import Part
from dnc.screenings.terms import ScreeningState

PART_KIND = "screening.part"
RECORD_FORM = 1


@dataclass(frozen=True, slots=True)
class Told:
    """One distinct answer: as it is recorded, what is added to a row, and what is counted."""

    record: str
    cells: list[str]
    verdict: str
    reasons: tuple[str, ...]
    source: str | None
    policy: str | None
    registers: tuple[str, ...]

    @classmethod
    def of(cls, decided: Decided) -> "Told":
        """Return what is told of a decision."""
        decision = decided.decision
        version = decision.register.version_id if decision.register is not None else None
        return cls(
            decided.record,
            added_cells(answer_of(decided)),
            decision.verdict.value,
            tuple(reason.code.value for reason in decision.reasons),
            decision.source_id,
            decision.policy,
            () if version is None else (version,),
        )


def record_part(
    store: Store,
    screening: Screening,
    part: Part,
    told: Sequence[Told],
    places: Ints,
    packed: PackedRows,
    decided_at: datetime,
) -> None:
    """Put the part on record; durable when this returns. ``told[places[i]]`` is the answer to its row ``i``.

    ``packed`` are its numbers and places.

    Raises:
        ScreeningNotRunning: it was cancelled, or is over.
        ScreeningBusy: another process has recorded this part.
        StorageUnavailable: it could not be recorded.
    """
    summary = _summary(told, places)
    event = Event(
        PART_KIND,
        f"{screening.id}:{part.no}",
        screening.asked_by,
        screening.seller_id,
        _payload(part, told, places, packed.sha256, summary, decided_at),
    )
    with (
        storage_faults(),
        store.engine.connect().execution_options(sqlite_begin="IMMEDIATE") as connection,
        connection.begin(),
        Session(connection) as session,
    ):
        row = session.execute(select(Screening).where(Screening.id == screening.id).with_for_update()).scalar_one()
        if row.state != ScreeningState.RUNNING:
            raise ScreeningNotRunning(f"the screening is {row.state}")
        if row.parts != part.no:
            raise ScreeningBusy("another process has recorded this part")
        row.parts, row.rows, row.progress = part.no + 1, row.rows + len(part), part.progress
        row.counts = encode(Summary.of(json.loads(row.counts), summary.record()).record())
        row.policies = _more(row.policies, [one.policy for one in told if one.policy is not None])
        row.registers = _more(row.registers, [version for one in told for version in one.registers])
        row.ran_at = store.clock.now()
        session.flush()
        with store.ledger.appending(connection, [event]) as [position]:
            connection.execute(
                insert(ScreeningPart).values(
                    screening_id=screening.id,
                    no=part.no,
                    first_row=part.first_row,
                    rows=len(part),
                    decided_at=decided_at,
                    packed=packed.content,
                    sha256=packed.sha256,
                    chain=position.chain,
                    seq=position.seq,
                )
            )
            connection.commit()


def _summary(told: Sequence[Told], places: Ints) -> Summary:
    summary = Summary()
    for one, count in zip(told, np.bincount(places, minlength=len(told)).tolist(), strict=True):
        summary.add(one.verdict, one.reasons, one.source, count)
    return summary


def _payload(
    part: Part, told: Sequence[Told], places: Ints, sha256: str, summary: Summary, decided_at: datetime
) -> str:
    counts = np.bincount(places, minlength=len(told)).tolist()
    decisions = ",".join(f'{one.record[:-1]},"rows":{count}}}' for one, count in zip(told, counts, strict=True))
    head = {
        "form": RECORD_FORM,
        "phonenumbers": metadata_version(),
        "part": part.no,
        "first_row": part.first_row,
        "rows": len(part),
        "decided_at": utc(decided_at),
        "packed": sha256,
        "counts": summary.record(),
    }
    return f'{encode(head)[:-1]},"decisions":[{decisions}]}}'


def _more(known: str, found: Sequence[str]) -> str:
    return encode(sorted({*json.loads(known), *found}))


@dataclass(frozen=True, slots=True)
class PartEntry:
    """What the ledger has of a part: the SHA-256 of its packed rows, and each distinct answer's record."""

    packed: str
    decisions: list[dict[str, object]]

    def answer(self, place: int) -> dict[str, object]:
        """Return an answer in its wire form."""
        answer = self.decisions[place]["answer"]
        assert isinstance(answer, dict)  # noqa: S101 - it was written so
        return shared(answer)


@dataclass(frozen=True, slots=True)
class RecordedPart:
    """A part as it stands on record: its numbers, the place of each row's answer, and what the ledger has of it."""

    values: Ints
    places: Ints
    entry: PartEntry

    def cells(self) -> list[list[str]]:
        """Return what is added to a row, for each answer."""
        return [added_cells(self.entry.answer(place)) for place in range(len(self.entry.decisions))]


def recorded_part(session: Session, screening_id: str, no: int) -> RecordedPart:
    """Return a part as it stands on record. By pk_screening_parts and pk_ledger_entries.

    Raises:
        ScreeningErased: its answers are no longer kept.
        ScreeningDamaged: its rows are not those that the ledger vouches for.
    """
    row = session.get_one(ScreeningPart, (screening_id, no))
    entry = part_entry(session, row.chain, row.seq)
    try:
        values, places = unpack_rows(row.packed, entry.packed)
    except PackedRowsDamaged as error:
        raise ScreeningDamaged(f"part {no} is not the one that is on record") from error
    return RecordedPart(values, places, entry)


def part_entry(session: Session, chain: int, seq: int) -> PartEntry:
    """Return what the ledger has of the part that is recorded there. By pk_ledger_entries.

    Raises:
        ScreeningErased: its answers are no longer kept.
        ScreeningDamaged: it is not as it was written.
    """
    found = session.execute(
        select(LedgerEntry.payload, LedgerEntry.digest).where(LedgerEntry.chain == chain, LedgerEntry.seq == seq)
    ).one_or_none()
    if found is not None and found.payload is None:
        raise ScreeningErased("its retention has ended")
    try:
        if found is None or payload_digest(found.payload) != found.digest:
            raise ValueError("the entry is another")
        document = json.loads(found.payload)
        return PartEntry(document["packed"], list(document["decisions"]))
    except UNREADABLE as error:
        raise ScreeningDamaged("the ledger's entry of a part is not as it was written") from error


def move_on(session: Session, screening_id: str, **changes: object) -> None:
    """Set columns of a screening."""
    session.execute(update(Screening).where(Screening.id == screening_id).values(**changes))
