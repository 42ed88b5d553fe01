"""A seller's leads a column at a time, for whoever asks about them by the hundred thousand."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
from sqlalchemy import Connection, select

from core.columns import frame_of, places_of
from leads.lead_texts import BriefTexts, lead_texts
from leads.models import LeadFile

LEAD_COLUMNS = {
    "number": pl.Int64,
    "source_no": pl.Int32,
    "file_no": pl.Int32,
    "row_no": pl.Int32,
    "collected_at": pl.Int64,
    "expires_at": pl.Int64,
    "birth_date": pl.String,
}
"""Instants are microseconds since 1970, days ISO 8601."""
_TOLD_COLUMNS = {name: kind for name, kind in LEAD_COLUMNS.items() if name not in ("number", "row_no")}


@dataclass(frozen=True, slots=True)
class BriefLeads:
    """Leads in brief: the one on ``numbers[i]`` says what stands in row ``which[i]`` of ``told``.

    ``told`` has the columns of ``LEAD_COLUMNS`` but number and row; an instant that tells nothing is null.
    """

    numbers: npt.NDArray[np.int64]
    which: npt.NDArray[np.int64]
    told: pl.DataFrame


def lead_columns(connection: Connection, seller_id: str, numbers: Sequence[int] | None) -> Iterator[pl.DataFrame]:
    """Yield the seller's leads as ``LEAD_COLUMNS``: on the numbers, by pk_leads; or all, from one end to the other."""
    for text in lead_texts(connection, seller_id, numbers):
        yield frame_of(text, LEAD_COLUMNS)


def brief_leads(texts: BriefTexts) -> BriefLeads:
    """Return the leads that the texts tell of; those of one whole number each come first, in the order of numbers."""
    wholes = [frame_of(brief, {"whole": pl.Int64}) for brief, _ in texts.parts]
    others = [frame_of(told, {"number": pl.Int64, **_TOLD_COLUMNS}) for _, told in texts.parts]
    whole = np.sort(pl.concat(wholes)["whole"].to_numpy()) if wholes else np.empty(0, dtype=np.int64)
    numbers, origins = np.divmod(whole, texts.files * texts.sources)
    origins, which = places_of(origins)
    file_no, source_no = np.divmod(origins, texts.sources)
    nothing = {name: pl.lit(None, dtype=kind) for name, kind in _TOLD_COLUMNS.items() if not name.endswith("_no")}
    told = pl.select(pl.Series("source_no", source_no), pl.Series("file_no", file_no)).with_columns(**nothing)
    told = told.cast(pl.Schema(_TOLD_COLUMNS))
    if any(map(len, others)):
        rest = pl.concat(others)
        numbers = np.concatenate([numbers, rest["number"].to_numpy()])
        which = np.concatenate([which, np.arange(len(rest)) + len(told)])
        told = pl.concat([told, rest.drop("number")])
    return BriefLeads(numbers, which, told)


def file_columns(connection: Connection) -> pl.DataFrame:
    """Return every lead file's ``file_no``, ``file_id`` and whether it is ``paused``. A row a delivery."""
    rows = connection.execute(select(LeadFile.no, LeadFile.id, LeadFile.paused_at.is_not(None))).all()
    schema = {"file_no": pl.Int32, "file_id": pl.String, "paused": pl.Boolean}
    return pl.DataFrame([tuple(row) for row in rows], schema=schema, orient="row")
