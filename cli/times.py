"""How moments are given on the command line."""

from datetime import UTC, datetime

import click

from core.database import FIRST_YEAR, LAST_YEAR


class _Instant(click.ParamType[datetime]):
    """RFC 3339, as 2026-11-24T10:00:00+01:00; without an offset it is UTC. In the years that the database keeps."""

    name = "time"

    def convert(self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return the moment, aware; fail with the wanted form."""
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail("write a time as 2026-11-24T10:00:00+01:00", param, ctx)
        if not FIRST_YEAR <= moment.year <= LAST_YEAR:
            self.fail(f"write a time in the years {FIRST_YEAR} to {LAST_YEAR}", param, ctx)
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


INSTANT = _Instant()
DAY = click.DateTime(["%Y-%m-%d"])
