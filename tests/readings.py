"""Texts read as lead files are, without a shelf or a database."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import BinaryIO

from leads.intake import HowToRead, layout_of
from leads.layouts import Layout
from leads.reading import Reading, raw_rows_of
from leads.rows import RawRow
from leads.segments import Start


@dataclass(frozen=True, slots=True)
class Held:
    """A delivery that is held in memory."""

    content: bytes

    def open(self) -> BinaryIO:
        """Return the content, to be read from its beginning."""
        return io.BytesIO(self.content)


def read_text(
    content: bytes, mapping: Mapping[str, str] | None = None, *, block: int = 1 << 20
) -> tuple[Layout, list[RawRow]]:
    """Return the layout and all rows of a delivery.

    Raises:
        UnreadableLeadFile, UnclearHeadings: it cannot be read.
    """
    held = Held(content)
    layout = layout_of(held, HowToRead(mapping=mapping), None)
    received_at = datetime(2026, 11, 20, 12, tzinfo=UTC)
    return layout, list(raw_rows_of(Reading(held, layout, received_at, timedelta(days=1), Start(), block=block)))
