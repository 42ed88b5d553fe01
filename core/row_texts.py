"""Rows written as one text by the database, a line a row, for ``core.columns`` to take apart.

Only for columns of whole numbers, instants and texts of our own that hold no separator, such as ids and days.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, String, cast, extract, func, literal, type_coerce
from sqlalchemy.sql import ColumnElement
from sqlalchemy.sql.functions import Function

from core.database import UtcDateTime

_MICROSECONDS = 1_000_000


def as_text(columns: Sequence[Any], dialect: str, where: ColumnElement[bool] | None = None) -> ColumnElement[Any]:
    """Return the columns of all rows as one text, or of those rows ``where`` it is so; NULL if there are none.

    A line holds a row's cells with commas between them, an instant as microseconds since 1970. Of a lone column its
    NULLs are left out. Any: a mapped column or an expression of any type.
    """
    written = [_written(column, dialect) for column in columns]
    if len(written) == 1:
        line: ColumnElement[Any] = cast(written[0], String)
    else:  # ``concat`` takes NULL for an empty text, as ``||`` does not
        cells = [cell for column in written for cell in (literal(",", String), column)]
        line = Function("concat", *cells[1:], type_=String())
    text = func.aggregate_strings(line, "\n")
    return text if where is None else text.filter(where)


def _written(column: Any, dialect: str) -> Any:
    """Return the column as it is written: an instant as a whole number, in SQLite it is one already."""
    if not isinstance(column.type, UtcDateTime):
        return column
    if dialect == "sqlite":
        return type_coerce(column, BigInteger)
    return cast(extract("epoch", column) * _MICROSECONDS, BigInteger)
