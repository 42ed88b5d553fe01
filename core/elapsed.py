"""Whole days between two instants of a row, as each database counts them."""

from typing import Any

from sqlalchemy import Integer
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ColumnElement


class days_between(ColumnElement[int]):  # noqa: N801 - reads as SQL
    """The whole days from ``earlier`` to ``later``, two columns of instants; null if either is.

    A begun day does not count: 29 days and 23 hours are 29.
    """

    inherit_cache = True
    type = Integer()

    def __init__(self, earlier: ColumnElement[Any], later: ColumnElement[Any]) -> None:  # Any: columns of instants
        self.earlier = earlier
        self.later = later


@compiles(days_between, "sqlite")
def _days_between_sqlite(element: days_between, compiler: SQLCompiler, **kw: Any) -> str:
    earlier, later = compiler.process(element.earlier, **kw), compiler.process(element.later, **kw)
    return f"(({later} - {earlier}) / 86400000000)"


@compiles(days_between, "postgresql")
def _days_between_postgresql(element: days_between, compiler: SQLCompiler, **kw: Any) -> str:
    earlier, later = compiler.process(element.earlier, **kw), compiler.process(element.later, **kw)
    return f"CAST(trunc(extract(epoch FROM {later} - {earlier}) / 86400) AS integer)"
