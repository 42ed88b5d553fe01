"""One row shape for whatever speaks for or against calling a number, so that all of it is read by one statement.

Each package describes its part with ``standing``; the parts are joined by UNION ALL where the call is decided.
What ``a`` to ``e``, the instants, the flag and the day mean is said by each part.
"""

from typing import Any

from sqlalchemy import BigInteger, BindParameter, Boolean, Date, String, bindparam, cast, literal_column, null, select
from sqlalchemy.sql import Select
from sqlalchemy.sql.elements import ColumnElement

from core.database import UtcDateTime

Column = ColumnElement[Any] | Any  # Any: a mapped attribute of any type

NUMBERS: BindParameter[Any] = bindparam("numbers")
"""The numbers asked about; its value comes from ``core.database.any_of_value``."""


def standing(
    kind: str,
    *,
    id: Column,  # noqa: A002 - the column's name
    number: Column | None = None,
    seller_id: Column | None = None,
    a: Column | None = None,
    b: Column | None = None,
    c: Column | None = None,
    e: Column | None = None,
    t1: Column | None = None,
    t2: Column | None = None,
    t3: Column | None = None,
    flag: Column | None = None,
    day: Column | None = None,
) -> Select[Any]:
    """Return a SELECT of the common columns, with typed NULLs for those not given."""

    def text(column: Column | None) -> Column:
        return cast(null(), String) if column is None else column

    def instant(column: Column | None) -> Column:
        return cast(null(), UtcDateTime()) if column is None else column

    columns = {
        "kind": literal_column(f"'{kind}'", String),
        "number": cast(null(), BigInteger) if number is None else number,
        "id": id,
        "seller_id": text(seller_id),
        "a": text(a),
        "b": text(b),
        "c": text(c),
        "e": text(e),
        "t1": instant(t1),
        "t2": instant(t2),
        "t3": instant(t3),
        "flag": cast(null(), Boolean) if flag is None else flag,
        "day": cast(null(), Date) if day is None else day,
    }
    return select(*(column.label(name) for name, column in columns.items()))
