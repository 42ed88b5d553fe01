"""How moments are written on the command line."""

from datetime import UTC, datetime

import click


class _Instant(click.ParamType[datetime]):
    """RFC 3339, as 2026-11-24T10:00:00+01:00; without an offset it is UTC."""

    name = "time"

    def convert(self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return the moment, aware; fail with the wanted form."""
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail("write a time as 2026-11-24T10:00:00+01:00", param, ctx)
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


INSTANT = _Instant()
