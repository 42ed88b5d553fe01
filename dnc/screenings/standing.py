"""What is on record of numbers, told apart a column at a time: equal keys, equal facts.

Nothing is decided here. A key only says which numbers are alike, so that one of them stands for all; what is known of
that one is then gathered as for a check. Whatever ``dnc.gathering`` asks is asked here too, in the same words.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from typing import cast as cast_type

import numpy as np
import numpy.typing as npt
import polars as pl
from sqlalchemy import Connection, String, cast, func, literal, or_, select, text, true
from sqlalchemy.sql import ColumnElement, Select, visitors

from core.clock import to_microseconds
from core.database import any_of, any_of_value
from core.prepared import read_date_or_none
from dnc.calendar import age_on, next_opening
from dnc.gathering import _STANDING, LOOK_BACK, CampaignCard
from dnc.policy import Policy, policy_for
from dnc.screenings.numbers import Ints
from leads.lead_columns import BRIEF_COLUMNS, LEAD_COLUMNS, LEADS, brief_leads, file_columns, lead_columns

HORIZON = timedelta(days=2)
"""A lead that ends later than this after the moment ends no answer: no answer may be relied on for so long."""
NOT_OF_NUMBERS = frozenset({"campaign", "register"})
LEAD, RESERVATION = "lead", "reservation"
OF_CAMPAIGN = frozenset({"attempt", RESERVATION})
LOOKED_UP_AT_MOST = 20_000
"""So few numbers are looked up by index, whatever the tables hold."""
FURTHEST = timedelta(days=30)
"""No country's next hour of calling is further away than this, as far as is read ahead."""
WORTH_A_SCAN = 4
"""A table is read from one end to the other if it has at most so many rows for each number asked about."""
SIDE = ("source_no", "paused", "collected", "ends", "age")
DATES = ("collected_at", "expires_at", "birth_date")
_FACT = ("seller_id", "a", "b", "c", "e", "t1", "t2", "t3", "flag", "day")


@dataclass(frozen=True, slots=True)
class Moment:
    """When a country's numbers are asked for, and the policy in force then."""

    at: datetime
    policy: Policy | None


def moment_of(country: str | None, now: datetime, *, opens_weekends: bool, next_hour: bool) -> Moment:
    """Return ``now``, or with ``next_hour`` the next moment at which the country lets calls be made. Pure."""
    policy, at = policy_for(country, now), now
    if next_hour and policy is not None:
        at = next_opening(at, policy, opens_weekends=opens_weekends) or at
        policy = policy_for(country, at)
    return Moment(at, policy)


@dataclass(frozen=True, slots=True)
class Ahead:
    """Tables that were read from one end to the other before the numbers were known.

    ``kinds`` are those of the facts read; ``facts`` has each (kind, number, id) with the code of what it says.
    ``leads``, in brief, tell for moments from ``first`` to ``last``; None if they were not read.
    """

    kinds: frozenset[str] = frozenset()
    facts: pl.DataFrame | None = None
    leads: pl.DataFrame | None = None
    first: datetime | None = None
    last: datetime | None = None


def read_ahead(connection: Connection, count: int, campaign: CampaignCard, now: datetime) -> Ahead:
    """Return what is worth reading as a whole for some ``count`` numbers, while they are read themselves."""
    found, kinds = [], set()
    for kind, part in _kinds():
        if _is_scanned(connection, _table_of(part), count):
            kinds.add(kind)
            found.append(_facts(connection, part, kind, None, campaign, now))
    facts = _as_facts(found)
    found.clear()
    leads, last = None, now + FURTHEST
    if _is_scanned(connection, LEADS, count):
        leads = _brief(connection, campaign, now, last)
    return Ahead(frozenset(kinds), facts, leads, now, last)


def _brief(connection: Connection, campaign: CampaignCard, first: datetime, last: datetime) -> pl.DataFrame:
    parts = list(brief_leads(connection, campaign.seller_id, first, last + HORIZON))
    return pl.concat(parts) if parts else pl.DataFrame(schema=BRIEF_COLUMNS)


def standing_keys(
    connection: Connection,
    numbers: Ints,
    places: Ints,
    moments: Sequence[Moment],
    campaign: CampaignCard,
    now: datetime,
    ahead: Ahead,
) -> tuple[Ints, Ints]:
    """Return two keys for each number: of what else is on record, and of its leads; 0 where there is nothing.

    ``numbers`` are in order, each once; ``moments[places[i]]`` is when number ``i`` is asked for. Of a lead only what
    tells at that moment counts: whether it is collected, whether it has ended, which of several ends last, how old the
    person is. A number with several leads and a consent has every date of them in its key.
    """
    others, consented = _others(connection, numbers, campaign, now, ahead)
    return others, _leads(connection, numbers, places, moments, campaign, consented, ahead)


def _others(
    connection: Connection, numbers: Ints, campaign: CampaignCard, now: datetime, ahead: Ahead
) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """Return each number's key of everything but leads, and whether a consent or relation is among it."""
    keys, lifted = np.zeros(len(numbers), dtype=np.int64), np.zeros(len(numbers), dtype=np.bool_)
    found = []
    for kind, part in _kinds():
        if kind not in ahead.kinds:
            is_scanned = _is_scanned(connection, _table_of(part), len(numbers))
            found.append(_facts(connection, part, kind, None if is_scanned else numbers, campaign, now))
    frame = _as_facts(found)
    if ahead.facts is not None:
        held_ahead = ahead.facts.with_columns(pl.col("code") + len(frame))  # no code of ours is as large
        frame = pl.concat([frame, held_ahead])
    if frame.is_empty():
        return keys, lifted
    at, is_asked = _places(numbers, frame["number"].to_numpy())
    frame = frame.with_columns(pl.Series("at", at)).filter(pl.Series(is_asked)).sort("at", "kind", "field_1")
    if frame.is_empty():
        return keys, lifted
    lifted[frame.filter(pl.col("kind").is_in(["consent", "relation"]))["at"].to_numpy()] = True
    whole = (
        frame.group_by("at").agg(pl.col("code")).with_columns(pl.col("code").cast(pl.List(pl.String)).list.join(","))
    )
    keys[whole["at"].to_numpy()] = whole["code"].rank("dense").to_numpy()
    return keys, lifted


def _kinds() -> Iterator[tuple[str, Select[Any]]]:
    """Yield each kind of fact on numbers other than leads, with the statement that reads it."""
    for part in _STANDING._statement.selects:  # type: ignore[attr-defined] # noqa: SLF001 - the parts of one union
        kind = str(part.selected_columns.kind.element).strip("'")
        if kind not in NOT_OF_NUMBERS and kind != LEAD:
            yield kind, part


def _table_of(part: Select[Any]) -> str:
    return str(part.selected_columns.number.element.table.name)


def _as_facts(found: Sequence[tuple[str, Sequence[Any]]]) -> pl.DataFrame:
    """Return kind, code, number and id (``field_1``) of what ``_facts`` found; equal facts have equal codes."""
    rows = [(kind, held) for kind, facts in found for *_facts_of_it, held in facts]
    frame = pl.DataFrame(rows, schema={"kind": pl.String, "held": pl.String}, orient="row")
    frame = frame.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias("code"))
    held = pl.col("held").str.splitn(" ", 2).struct
    frame = frame.with_columns(pl.col("held").str.split("\n")).explode("held")
    return frame.select("kind", "code", held.field("field_0").cast(pl.Int64).alias("number"), held.field("field_1"))


def _facts(
    connection: Connection, part: Select[Any], kind: str, numbers: Ints | None, campaign: CampaignCard, now: datetime
) -> tuple[str, Sequence[Any]]:
    """Return the kind and each distinct fact of it that the seller has, with "number id" of all that it is on.

    ``numbers`` None: on any number.
    """
    name = connection.dialect.name
    values: dict[str, Any] = {"since": now - LOOK_BACK}
    if numbers is None:
        part = cast_type("Select[Any]", visitors.replacement_traverse(part, {}, lambda element, **_: _all(element)))
    else:
        values["numbers"] = any_of_value(name, numbers.tolist())
    rows = part.subquery()
    facts = [rows.columns[column] for column in _FACT]
    number: ColumnElement[Any] = cast(rows.columns.number, String).op("||")(" ").op("||")(rows.columns.id)
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


def _all(element: Any) -> Any:  # Any: SQLAlchemy's own signature
    return true() if isinstance(element, any_of) else None


def _is_scanned(connection: Connection, table: str, count: int) -> bool:
    """Return whether reading all of our ``table`` costs less than looking each of ``count`` numbers up."""
    if count <= LOOKED_UP_AT_MOST:
        return False
    some = select(literal(1)).select_from(text(table)).limit(WORTH_A_SCAN * count + 1).subquery()
    rows = connection.execute(select(func.count()).select_from(some)).scalar_one()
    return bool(rows <= WORTH_A_SCAN * count)


def _places(numbers: Ints, asked: Ints) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """Return the place of each value among ``numbers``, and whether it is there at all."""
    at = np.searchsorted(numbers, asked)
    at[at == len(numbers)] = 0
    return at, numbers[at] == asked


def _leads(
    connection: Connection,
    numbers: Ints,
    places: Ints,
    moments: Sequence[Moment],
    campaign: CampaignCard,
    consented: npt.NDArray[np.bool_],
    ahead: Ahead,
) -> Ints:
    """Return each number's key of its leads."""
    keys = np.zeros(len(numbers), dtype=np.int64)
    leads = _of_moments(ahead, moments)
    if leads is None and _is_scanned(connection, LEADS, len(numbers)):
        asked = [moment.at for moment in moments]
        leads = _brief(connection, campaign, min(asked), max(asked))
    is_brief = leads is not None
    leads = _full(connection, campaign, numbers, numbers) if leads is None else _asked_about(leads, numbers)
    if leads.is_empty():
        return keys
    at = leads["at"].to_numpy()
    is_alone = np.bincount(at, minlength=len(numbers))[at] == 1
    files = file_columns(connection)
    if is_alone.all():
        keys[at] = _codes(_sides(leads, places, moments, files), SIDE)
        return keys
    alone = _sides(leads.filter(pl.Series(is_alone)), places, moments, files)
    keys[alone["at"].to_numpy()] = _codes(alone, SIDE)
    if is_brief:
        several = _full(connection, campaign, numbers, numbers[np.unique(at[~is_alone])])
    else:
        several = leads.filter(pl.Series(~is_alone))
    dated = several.select("row_no", "file_no", *DATES).join(
        files.select("file_no", "file_id"), on="file_no", how="left", maintain_order="left"
    )
    several = pl.concat([_sides(several, places, moments, files), dated.drop("file_no")], how="horizontal")
    exact = pl.Series("exact", consented[several["at"].to_numpy()])
    dates = [pl.when(exact).then(pl.col(name)).alias(f"exact_{name}") for name in DATES]
    several = several.with_columns(*dates, last=pl.col("expires_at").rank("dense").over("at"))
    several = several.sort("at", "file_id", pl.col("row_no").cast(pl.String))
    codes = _codes(several, [*SIDE, "last", *(f"exact_{name}" for name in DATES)])
    whole = several.select("at", code=pl.Series(codes)).group_by("at", maintain_order=True).agg("code")
    whole = whole.with_columns(pl.col("code").cast(pl.List(pl.String)).list.join(","))
    keys[whole["at"].to_numpy()] = whole["code"].rank("dense").to_numpy() + keys.max()
    return keys


def _of_moments(ahead: Ahead, moments: Sequence[Moment]) -> pl.DataFrame | None:
    """Return the leads that were read ahead, if they tell for all of the moments."""
    if ahead.leads is None or ahead.first is None or ahead.last is None:
        return None
    return ahead.leads if all(ahead.first <= moment.at <= ahead.last for moment in moments) else None


def _full(connection: Connection, campaign: CampaignCard, numbers: Ints, wanted: Ints) -> pl.DataFrame:
    """Return the seller's leads on those ``wanted`` of the numbers, with each one's place among ``numbers``."""
    is_scanned = _is_scanned(connection, LEADS, len(wanted))
    given = lead_columns(connection, campaign.seller_id, None if is_scanned else wanted.tolist())
    parts = [_asked_about(leads, wanted) for leads in given]
    if not parts:
        return pl.DataFrame(schema={**LEAD_COLUMNS, "at": pl.Int64}).drop("number")
    places = np.searchsorted(numbers, wanted)
    leads = pl.concat(parts)
    return leads.with_columns(pl.Series("at", places[leads["at"].to_numpy()]))


def _asked_about(leads: pl.DataFrame, numbers: Ints) -> pl.DataFrame:
    """Return the leads on the numbers, with the place ``at`` of each one's."""
    at, is_asked = _places(numbers, leads["number"].to_numpy())
    return leads.drop("number").with_columns(pl.Series("at", at)).filter(pl.Series(is_asked))


def _sides(leads: pl.DataFrame, places: Ints, moments: Sequence[Moment], files: pl.DataFrame) -> pl.DataFrame:
    """Return for each lead its number's place ``at``, and as ``SIDE`` what counts of it at the moment asked for."""
    place = places[leads["at"].to_numpy()]
    asked = pl.Series(np.array([to_microseconds(moment.at) for moment in moments], dtype=np.int64)[place])
    ends, horizon = pl.col("expires_at"), HORIZON // timedelta(microseconds=1)
    paused = leads.select("file_no").join(files.drop("file_id"), on="file_no", how="left", maintain_order="left")
    return leads.select(
        "at",
        "source_no",
        paused["paused"],
        collected=pl.col("collected_at").is_null() | (pl.col("collected_at") <= asked),
        ends=pl.when(ends <= asked).then(0).when(ends.is_null() | (ends > asked + horizon)).then(1).otherwise(ends),
        age=_age(leads.select("birth_date", pl.Series("place", place)), moments),
    )


def _codes(frame: pl.DataFrame, columns: Sequence[str]) -> Ints:
    """Return for each row a number from 1 on, equal for equal rows."""
    distinct = frame.select(columns).unique().with_row_index("code", 1)
    joined = frame.select(columns).join(distinct, on=list(columns), how="left", nulls_equal=True, maintain_order="left")
    return joined["code"].cast(pl.Int64).to_numpy()


def _age(leads: pl.DataFrame, moments: Sequence[Moment]) -> pl.Series:
    """Return how old the person is on the day that the number is asked for, null where that is not known."""
    if leads["birth_date"].null_count() == len(leads):
        return pl.repeat(None, len(leads), dtype=pl.Int64, eager=True).alias("age")
    met = leads.select("birth_date", "place").unique().drop_nulls()
    days = [moment.at.astimezone(moment.policy.zone if moment.policy is not None else UTC).date() for moment in moments]
    born = [(read_date_or_none(day), place) for day, place in met.rows()]
    ages = [None if day is None else age_on(day, days[place]) for day, place in born]
    met = met.with_columns(pl.Series("age", ages, dtype=pl.Int64))
    return leads.select("birth_date", "place").join(met, on=["birth_date", "place"], how="left", maintain_order="left")[
        "age"
    ]
