"""Field types that request bodies share."""

import json
import re
from datetime import datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)

from core.naming import NOTE_LENGTH, VERIFIED_BY_LENGTH, VIA_LENGTH
from core.number_plan import is_country
from core.number_text import LONGEST_TEXT

_WRITTEN = re.compile(r"(?:19|20|21)[0-9]{2}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}.*")
"""Years 1900 to 2199: a calendar's first and last day cannot be moved to another zone, nor kept and read again."""


def _written_instant(value: Any) -> Any:  # Any: whatever JSON held
    if isinstance(value, datetime) or (isinstance(value, str) and _WRITTEN.fullmatch(value)):
        return value
    raise ValueError("an instant is a text such as 2026-11-22T14:03:00Z, in the years 1900 to 2199")


def object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:  # Any: whatever JSON holds
    """Return the JSON object of these names and values.

    Raises:
        ValueError: a name is given twice.
    """
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key is given twice")
    return result


def _country(code: str) -> str:
    if not is_country(code):
        raise ValueError("no numbering plan is known for this country: Sweden is SE, the United Kingdom GB")
    return code


def _each_key_once(text: Any) -> Any:  # Any: what the field was sent as
    try:
        json.loads(text, object_pairs_hook=object_of)
    except (TypeError, json.JSONDecodeError, RecursionError):
        return text  # that it is no JSON is for Json to say
    return text


EachKeyOnce = BeforeValidator(_each_key_once)
"""Of a form field that is JSON text: no object in it names a key twice, as in a body."""

Instant = Annotated[
    AwareDatetime,
    BeforeValidator(_written_instant),
    PlainSerializer(lambda value: value.isoformat().replace("+00:00", "Z"), return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""An instant with its time zone, RFC 3339."""

Limit = Annotated[int, Field(ge=1, le=1000, description="How many at most.")]
"""How much of a list is asked for at once."""

Slug = Annotated[str, StringConstraints(max_length=60, pattern=r"^[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?$")]
Short = Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True)]
Via = Annotated[str, StringConstraints(min_length=1, max_length=VIA_LENGTH, strip_whitespace=True)]
"""In which way a person said something: phone, e-mail, letter …"""
VerifiedBy = Annotated[str, StringConstraints(min_length=1, max_length=VERIFIED_BY_LENGTH, strip_whitespace=True)]
"""How it was made sure that the person asked."""
Note = Annotated[str, StringConstraints(max_length=NOTE_LENGTH)]
RawNumber = Annotated[str, StringConstraints(max_length=LONGEST_TEXT)]
"""A phone number in any spelling; whether it can be read is part of the answer, not of the input's form."""
Region = Annotated[
    str,
    StringConstraints(max_length=2, pattern=r"^[A-Z]{2}$"),
    AfterValidator(_country),
    Field(description="ISO country for national forms"),
]
Id = Annotated[str, StringConstraints(max_length=36, pattern=r"^[0-9a-f-]{36}$")]
