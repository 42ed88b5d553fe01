"""Whole days between two instants of a row, as each database counts them."""

from typing import Any

from sqlalchemy import Integer
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class days_between(FunctionElement[int]):  # noqa: N801 - reads as SQL
    """``days_between(earlier, later)``: the whole days from one column of instants to another; null if either is.

    A begun day does not count: 29 days and 23 hours are 29.
    """

    inherit_cache = True
    type = Integer()
    name = "days_between"


@compiles(days_between, "sqlite")
def _days_between_sqlite(element: days_between, compiler: SQLCompiler, **kw: Any) -> str:  # Any: SQLAlchemy's own
    earlier, later = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"(({later} - {earlier}) / 86400000000)"


@compiles(days_between, "postgresql")
def _days_between_postgresql(element: days_between, compiler: SQLCompiler, **kw: Any) -> str:  # Any: SQLAlchemy's own
    earlier, later = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"CAST(trunc(extract(epoch FROM {later} - {earlier}) / 86400) AS integer)"
