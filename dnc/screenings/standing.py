"""What is on record of numbers, told apart a column at a time: equal keys, equal facts.

Nothing is decided here. A key only says which numbers are alike, so that one of them stands for all; what is known of
that one is then gathered as for a check.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl
from sqlalchemy import Connection

from core.clock import to_microseconds
from core.columns import places_of
from core.prepared import read_date_or_none
from dnc.calendar import age_on, next_opening
from dnc.facts import CampaignFact
from dnc.gathering import CampaignCard
from dnc.narrowing import policy_under
from dnc.policies.catalogue import Policy, policy_for
from dnc.screenings.numbers import Ints
from dnc.screenings.tables import HORIZON, Found, Tables, found_on, is_scanned
from leads.lead_columns import LEAD_COLUMNS, BriefLeads, brief_leads, file_columns, lead_columns
from leads.lead_texts import LEADS, brief_texts

SIDE = ("source_no", "paused", "collected", "ends", "age")
DATES = ("collected_at", "expires_at", "birth_date")


@dataclass(frozen=True, slots=True)
class Moment:
    """When a country's numbers are asked for, and the policy in force then."""

    at: datetime
    policy: Policy | None


def moment_of(country: str | None, now: datetime, campaign: CampaignFact, *, next_hour: bool) -> Moment:
    """Return ``now``, or with ``next_hour`` when the country and the seller's own rules next let calls be made. Pure.

    If they do so on no day within ``SEARCH_DAYS``, it is ``now``.
    """
    policy, at = policy_for(country, now), now
    if next_hour and policy is not None:
        own = policy_under(policy, campaign.rules)
        at = next_opening(at, own, opens_weekends=campaign.opens_weekends) or at
        policy = policy_for(country, at)
    return Moment(at, policy)


@dataclass(frozen=True, slots=True)
class Ahead:
    """Tables that were read from one end to the other before the numbers were known.

    ``kinds`` are those of the facts read; ``facts`` has each kind and number with the code of what it says.
    ``leads`` tell for moments from ``first`` to ``last``; None if they were not read.
    """

    kinds: frozenset[str] = frozenset()
    facts: pl.DataFrame | None = None
    leads: BriefLeads | None = None
    first: datetime | None = None
    last: datetime | None = None


def ahead_of(tables: Tables) -> Ahead:
    """Return what the tables say, to be found by number. Pure."""
    leads = None if tables.leads is None else brief_leads(tables.leads)
    kinds = frozenset(kind for kind, _ in tables.found)
    return Ahead(kinds, _as_facts(tables.found), leads, tables.first, tables.last)


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
    frame = _as_facts(found_on(connection, numbers, campaign, now, but=ahead.kinds))
    if ahead.facts is not None:
        held_ahead = ahead.facts.with_columns(pl.col("code") + len(frame))  # no code of ours is as large
        frame = pl.concat([frame, held_ahead])
    at, is_asked = _places(numbers, frame["number"].to_numpy())
    at, frame = at[is_asked], frame.filter(pl.Series(is_asked))
    lifted[at[frame["kind"].is_in(["consent", "relation"]).to_numpy()]] = True
    is_alone = np.bincount(at, minlength=len(numbers))[at] == 1
    keys[at[is_alone]] = frame["code"].to_numpy()[is_alone] + 1
    several = np.unique(at[~is_alone])
    if len(several):
        keys[several] = keys.max() + _of_several(connection, numbers[several], campaign, now)
    return keys, lifted


def _of_several(connection: Connection, numbers: Ints, campaign: CampaignCard, now: datetime) -> Ints:
    """Return a key, from 1 on, for each of the numbers that several facts are on: in the order of their ids."""
    frame = _as_facts(found_on(connection, numbers, campaign, now, with_ids=True))
    at, is_asked = _places(numbers, frame["number"].to_numpy())
    frame = frame.with_columns(pl.Series("at", at)).filter(pl.Series(is_asked)).sort("at", "kind", "id")
    whole = frame.group_by("at", maintain_order=True).agg("code")
    whole = whole.with_columns(pl.col("code").cast(pl.List(pl.String)).list.join(","))
    return whole["code"].rank("dense").cast(pl.Int64).to_numpy()


def _as_facts(found: Sequence[Found]) -> pl.DataFrame:
    """Return kind, code, number and, if it was asked for, id of what was found; equal facts have equal codes."""
    rows = [(kind, held) for kind, facts in found for *_facts_of_it, held in facts]
    frame = pl.DataFrame(rows, schema={"kind": pl.String, "held": pl.String}, orient="row")
    frame = frame.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias("code"))
    frame = frame.with_columns(pl.col("held").str.split("\n")).explode("held")
    held = pl.col("held").str.splitn(" ", 2).struct
    if frame["held"].str.contains(" ", literal=True).any():
        return frame.select(
            "kind", "code", held.field("field_0").cast(pl.Int64).alias("number"), held.field("field_1").alias("id")
        )
    return frame.select("kind", "code", pl.col("held").cast(pl.Int64).alias("number"))


def _places(numbers: Ints, asked: Ints) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """Return the place of each value among ``numbers``, and whether it is there at all."""
    if not len(numbers):
        return np.zeros(len(asked), dtype=np.int64), np.zeros(len(asked), dtype=np.bool_)
    if (asked[1:] < asked[:-1]).any():  # to look numbers up in order is faster, even if they are sorted for it
        order = np.argsort(asked)
        at = np.empty(len(asked), dtype=np.int64)
        at[order] = np.searchsorted(numbers, asked[order])
    else:
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
    files = file_columns(connection)
    brief = _of_moments(ahead, moments)
    if brief is None and is_scanned(connection, LEADS, len(numbers)):
        asked = [moment.at for moment in moments]
        brief = brief_leads(brief_texts(connection, campaign.seller_id, min(asked), max(asked) + HORIZON))
    if brief is not None:
        at, is_asked = _places(numbers, brief.numbers)
        at = at[is_asked]
        kinds, which = places_of(brief.which[is_asked] * len(moments) + places[at])
        codes = _codes(_sides(brief.told[kinds // len(moments)], kinds % len(moments), moments, files), SIDE)[which]
    else:
        full = _full(connection, campaign, numbers, numbers)
        at = full["at"].to_numpy()
        codes = _codes(_sides(full, places[at], moments, files), SIDE)
    is_alone = np.bincount(at, minlength=len(numbers))[at] == 1
    keys[at[is_alone]] = codes[is_alone]
    several = np.unique(at[~is_alone])
    if len(several):
        leads = _full(connection, campaign, numbers, numbers[several])
        keys[several] = keys.max() + _of_several_leads(leads, places, moments, consented, files)
    return keys


def _of_several_leads(
    leads: pl.DataFrame,
    places: Ints,
    moments: Sequence[Moment],
    consented: npt.NDArray[np.bool_],
    files: pl.DataFrame,
) -> Ints:
    """Return a key, from 1 on, for each of the numbers, in order, that several ``leads`` are on."""
    at = leads["at"].to_numpy()
    dated = leads.select("at", "row_no", "file_no", *DATES).join(
        files.select("file_no", "file_id"), on="file_no", how="left", maintain_order="left"
    )
    leads = pl.concat([_sides(leads, places[at], moments, files), dated.drop("file_no")], how="horizontal")
    exact = pl.Series("exact", consented[at])
    dates = [pl.when(exact).then(pl.col(name)).alias(f"exact_{name}") for name in DATES]
    leads = leads.with_columns(*dates, last=pl.col("expires_at").rank("dense").over("at"))
    leads = leads.sort("at", "file_id", pl.col("row_no").cast(pl.String))
    codes = _codes(leads, [*SIDE, "last", *(f"exact_{name}" for name in DATES)])
    whole = leads.select("at", code=pl.Series(codes)).group_by("at", maintain_order=True).agg("code")
    whole = whole.with_columns(pl.col("code").cast(pl.List(pl.String)).list.join(","))
    return whole["code"].rank("dense").cast(pl.Int64).to_numpy()


def _of_moments(ahead: Ahead, moments: Sequence[Moment]) -> BriefLeads | None:
    """Return the leads that were read ahead, if they tell for all of the moments."""
    if ahead.leads is None or ahead.first is None or ahead.last is None:
        return None
    return ahead.leads if all(ahead.first <= moment.at <= ahead.last for moment in moments) else None


def _full(connection: Connection, campaign: CampaignCard, numbers: Ints, wanted: Ints) -> pl.DataFrame:
    """Return the seller's leads on those ``wanted`` of the numbers, with each one's place among ``numbers``."""
    asked = None if is_scanned(connection, LEADS, len(wanted)) else wanted.tolist()
    given = lead_columns(connection, campaign.seller_id, asked)
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


def _sides(leads: pl.DataFrame, place: Ints, moments: Sequence[Moment], files: pl.DataFrame) -> pl.DataFrame:
    """Return for each lead, as ``SIDE``, what counts of it at the moment in its ``place`` among ``moments``."""
    asked = pl.Series(np.array([to_microseconds(moment.at) for moment in moments], dtype=np.int64)[place])
    ends, horizon = pl.col("expires_at"), HORIZON // timedelta(microseconds=1)
    paused = leads.select("file_no").join(files.drop("file_id"), on="file_no", how="left", maintain_order="left")
    return leads.select(
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
