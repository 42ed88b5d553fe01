"""Who joined and who left a register between two of its versions, and whose leads they are."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from consent.standing import grounds_known
from core.access import Caller, Right
from core.database import any_of, any_of_value
from core.sellers import Seller
from core.standing import NUMBERS
from dnc.registers.contents import (
    Answers,
    Numbers,
    VersionCard,
    VersionContents,
    read_contents,
    version_named,
)
from leads.deliveries import leads_known


class Move(StrEnum):
    """What became of a number from one version to a later one.

    ``not_known_before`` is listed by the later one and outside what the earlier one covers; ``not_known_after`` was
    listed by the earlier one and is outside what the later one covers: neither may be said to have joined or left.
    """

    JOINED = "joined"
    LEFT = "left"
    NOT_KNOWN_BEFORE = "not_known_before"
    NOT_KNOWN_AFTER = "not_known_after"


@dataclass(frozen=True, slots=True)
class Comparison:
    """How many numbers moved, and how many of those that some seller has a lead on, by the seller's slug."""

    register: str
    older: VersionCard
    newer: VersionCard
    moved: Mapping[Move, int]
    stayed: int
    sellers: Mapping[str, Mapping[Move, int]]


def moves(older: VersionContents | None, newer: VersionContents) -> Iterator[tuple[Move, Numbers]]:
    """Yield the numbers that moved, in ascending order for each move, some at a time; none comes twice.

    ``older`` None: there was no version before, and nothing was known. What is held beside the snapshots is bounded.
    """
    for new in newly_listed(older, newer):
        yield from _told_apart(new, older, Move.JOINED, Move.NOT_KNOWN_BEFORE)
    if older is not None:
        for chunk in older.chunks():
            yield from _told_apart(chunk[~newer.lists(chunk)], newer, Move.LEFT, Move.NOT_KNOWN_AFTER)


def newly_listed(older: VersionContents | None, newer: VersionContents) -> Iterator[Numbers]:
    """Yield the numbers that the newer one lists and the older one, if any, did not, in ascending order."""
    for chunk in newer.chunks():
        new = chunk if older is None else chunk[~older.lists(chunk)]
        if len(new):
            yield new


def _told_apart(
    numbers: Numbers, other: VersionContents | None, known: Move, unknown: Move
) -> Iterator[tuple[Move, Numbers]]:
    if not len(numbers):
        return
    is_known: Answers = np.zeros(len(numbers), dtype=np.bool_) if other is None else other.knows(numbers)
    for move, those in ((known, numbers[is_known]), (unknown, numbers[~is_known])):
        if len(those):
            yield move, those


def sellers_of(session: Session, numbers: Iterable[int], seller_id: str | None = None) -> list[tuple[int, str]]:
    """Return each of the numbers that a seller (or this one) has a lead on, with the seller's id, by number.

    One statement, by pk_leads.
    """
    leads = leads_known()
    query = select(leads.c.number, leads.c.seller_id).where(any_of(leads.c.number, NUMBERS)).distinct()
    if seller_id is not None:
        query = query.where(leads.c.seller_id == seller_id)
    values = any_of_value(session.get_bind().dialect.name, map(int, numbers))
    return sorted((number, id_) for number, id_ in session.execute(query, {"numbers": values}))


def sellers_knowing(session: Session, numbers: Iterable[int]) -> list[tuple[int, str]]:
    """Return each of the numbers that a seller has anything on that may carry a call, with the seller's id, by number.

    Two statements: that of ``sellers_of``, and that of ``grounds_known``.
    """
    asked = list(map(int, numbers))
    values = any_of_value(session.get_bind().dialect.name, asked)
    grounds = {(number, id_) for number, id_ in session.execute(grounds_known(), {"numbers": values})}
    return sorted(grounds.union(sellers_of(session, asked)))


def compare_versions(
    session: Session, registers_dir: Path, caller: Caller, *, name: str, older: str, newer: str
) -> Comparison:
    """Return what moved from one version to another, each named by id or date; a caller of one seller sees its leads.

    It costs a pass over both snapshots and a probe of the leads for each number that moved.

    Raises:
        Forbidden: the caller may not compare registers.
        UnknownRegister: there is no register of that name.
        UnknownVersion: it has no such version.
        VersionUnreadable: a snapshot is missing or damaged.
    """
    caller.require(Right.COMPARE_REGISTERS)
    before, after = version_named(session, name, older), version_named(session, name, newer)
    was, is_now = read_contents(registers_dir, before), read_contents(registers_dir, after)
    moved: Counter[Move] = Counter()
    by_seller: dict[str, Counter[Move]] = {}
    for move, numbers in moves(was, is_now):
        moved[move] += len(numbers)
        for _number, seller_id in sellers_of(session, numbers, caller.seller_id):
            by_seller.setdefault(seller_id, Counter())[move] += 1
    slugs = {seller.id: seller.slug for seller in session.scalars(select(Seller))}
    return Comparison(
        register=name,
        older=before,
        newer=after,
        moved={move: moved[move] for move in Move},
        stayed=len(is_now.listed) - moved[Move.JOINED] - moved[Move.NOT_KNOWN_BEFORE],
        sellers={
            slug: {move: counts[move] for move in Move}
            for slug, counts in sorted((slugs[id_], counts) for id_, counts in by_seller.items())
        },
    )
