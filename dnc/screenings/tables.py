"""The tables that say something of numbers, read by a statement for each kind of fact; the leads apart from them.

Whatever ``dnc.gathering`` asks is asked here too, in the same words. The database groups and writes what it finds, so
that the rest of a screening can be loaded, and its rows be read, meanwhile.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from typing import cast as cast_type

from sqlalchemy import Connection, String, Table, cast, func, literal, or_, select, true
from sqlalchemy.sql import ColumnElement, Select, visitors
from sqlalchemy.sql.elements import Null

from core.database import any_of, any_of_value, rows_at_most
from dnc.calendar import SEARCH_DAYS
from dnc.gathering import LOOK_BACK, CampaignCard, parts_standing
from leads.lead_texts import LEADS, BriefTexts, brief_texts

if TYPE_CHECKING:
    from dnc.screenings.numbers import Ints

HORIZON = timedelta(days=2)
"""A lead that ends later than this after the moment ends no answer: no answer may be relied on for so long."""
FURTHEST = timedelta(days=SEARCH_DAYS)
"""No country's next hour of calling is further away than this, as far as is read ahead."""
LEAD, RESERVATION = "lead", "reservation"
OF_CAMPAIGN = frozenset({"attempt", RESERVATION})
LOOKED_UP_AT_MOST = 20_000
"""So few numbers are looked up by index, whatever the tables hold."""
WORTH_A_SCAN = 4
"""A table is read from one end to the other if it has at most so many rows for each number asked about."""
_FACT = ("seller_id", "a", "b", "c", "e", "t1", "t2", "t3", "flag", "day")

Found = tuple[str, Sequence[Any]]
"""A kind of fact, and each distinct fact of it with the numbers that it is on, as text: a number a line."""


@dataclass(frozen=True, slots=True)
class Tables:
    """Tables that were read from one end to the other before the numbers were known.

    ``leads`` tell for moments from ``first`` to ``last``; None if they were not read.
    """

    found: Sequence[Found]
    leads: BriefTexts | None
    first: datetime
    last: datetime


def read_tables(connection: Connection, count: int, campaign: CampaignCard, now: datetime) -> Tables:
    """Return what is worth reading as a whole for some ``count`` numbers, while they are read themselves."""
    found = [
        _found(connection, part, kind, None, campaign, now)
        for kind, part in _kinds()
        if is_scanned(connection, _table_of(part), count)
    ]
    leads, last = None, now + FURTHEST
    if is_scanned(connection, LEADS, count):
        leads = brief_texts(connection, campaign.seller_id, now, last + HORIZON)
    return Tables(found, leads, now, last)


def found_on(
    connection: Connection,
    numbers: "Ints",
    campaign: CampaignCard,
    now: datetime,
    *,
    but: frozenset[str] = frozenset(),
    with_ids: bool = False,
) -> list[Found]:
    """Return the facts on the numbers, and perhaps on others, of all kinds ``but`` some.

    ``with_ids``: each number has its fact's id beside it.
    """
    found = []
    for kind, part in _kinds():
        if kind not in but:
            asked = None if is_scanned(connection, _table_of(part), len(numbers)) else numbers
            found.append(_found(connection, part, kind, asked, campaign, now, with_ids=with_ids))
    return found


def is_scanned(connection: Connection, table: Table, count: int) -> bool:
    """Return whether reading all of our ``table`` costs less than looking each of ``count`` numbers up."""
    if count <= LOOKED_UP_AT_MOST:
        return False
    at_most = rows_at_most(connection, table)
    if at_most is not None and at_most <= WORTH_A_SCAN * count:
        return True
    some = select(literal(1)).select_from(table).limit(WORTH_A_SCAN * count + 1).subquery()
    rows = connection.execute(select(func.count()).select_from(some)).scalar_one()
    return bool(rows <= WORTH_A_SCAN * count)


def _kinds() -> Iterator[tuple[str, Select[Any]]]:
    """Yield each kind of fact on numbers other than leads, with the statement that reads it."""
    for part in parts_standing():
        kind = str(part.selected_columns.kind.element).strip("'")
        if kind != LEAD and not _is_never_said(part.selected_columns.number):
            yield kind, part


def _table_of(part: Select[Any]) -> Table:
    table = part.selected_columns.number.element.table
    assert isinstance(table, Table)  # noqa: S101 - a number stands in a table of ours
    return table


def _found(
    connection: Connection,
    part: Select[Any],
    kind: str,
    numbers: "Ints | None",
    campaign: CampaignCard,
    now: datetime,
    *,
    with_ids: bool = False,
) -> Found:
    """Return what is found of one kind that the seller has; ``numbers`` None: on any number."""
    values: dict[str, Any] = {"since": now - LOOK_BACK}
    if numbers is None:
        part = cast_type("Select[Any]", visitors.replacement_traverse(part, {}, lambda element, **_: _all(element)))
    else:
        values["numbers"] = any_of_value(connection.dialect.name, numbers.tolist())
    rows = part.subquery()
    facts = [rows.columns[column] for column in _said(part)]
    number: ColumnElement[Any] = cast(rows.columns.number, String)
    if with_ids:
        number = number.op("||")(" ").op("||")(rows.columns.id)
    query = (
        select(*facts, func.aggregate_strings(number, "\n"))
        .where(or_(rows.columns.seller_id == campaign.seller_id, rows.columns.seller_id.is_(None)))
        .group_by(*facts)
    )
    if kind in OF_CAMPAIGN:
        query = query.where(rows.columns.a == campaign.id)
    if kind == RESERVATION:  # of those that lapsed or are settled nothing is known
        query = query.where(rows.columns.t1 > now, rows.columns.flag.is_(False))
    return kind, connection.execute(query, values).all()


def _said(part: Select[Any]) -> list[str]:
    """Return which columns of a fact the kind has at all: to sort by those that are always NULL takes as long."""
    return [name for name in _FACT if not _is_never_said(part.selected_columns[name])]


def _is_never_said(column: Any) -> bool:  # Any: a labelled column of any type
    """Return whether the column is a NULL in all rows."""
    return isinstance(getattr(column.element, "clause", None), Null)


def _all(element: Any) -> Any:  # Any: SQLAlchemy's own signature
    return true() if isinstance(element, any_of) else None
