"""What lies beside a delivery in the inbox and says how to read it and under what it came: small JSON files.

``NAME.delivery.json`` may hold ``mapping``, ``encoding``, ``contract``, ``invoice``, ``order`` and ``washed``;
``NAME.mapping.json`` is the mapping alone.
"""

import os
from codecs import BOM_UTF8
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from core.errors import InvalidInput
from jobs.inbox import open_plain
from leads.intake import DeliveryTerms, HowToRead
from leads.references import REFERENCE_LENGTH

DELIVERY, MAPPING = SIDECARS = (".delivery.json", ".mapping.json")
LIMIT = 64 * 1024
Reference = Annotated[str, Field(max_length=REFERENCE_LENGTH)]


class _Delivery(BaseModel):
    """What may be said of a delivery."""

    model_config = ConfigDict(extra="forbid", strict=True)

    mapping: dict[str, str] | None = None
    encoding: str | None = None
    contract: Reference | None = None
    invoice: Reference | None = None
    order: Reference | None = None
    washed: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}:[0-9]{4}-[0-9]{2}-[0-9]{2}$")] | None = None


_MAPPING = TypeAdapter(dict[str, str], config=ConfigDict(strict=True))


def read_sidecars(path: Path) -> tuple[HowToRead, DeliveryTerms]:
    """Return what is said of the delivery at ``path``; nothing, if nothing lies beside it.

    Raises:
        InvalidInput: what lies there is not what it should be; ``errors`` lists every mistake.
    """
    said, mapping = _content(path, DELIVERY), _content(path, MAPPING)
    try:
        delivery = _Delivery() if said is None else _Delivery.model_validate_json(said)
        if mapping is not None:
            if delivery.mapping is not None:
                raise InvalidInput(f"there is a mapping both in {DELIVERY} and in {MAPPING}")
            delivery.mapping = _MAPPING.validate_json(mapping)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        mistakes = [": ".join([*(str(part) for part in one["loc"]), one["msg"]]) for one in found]
        raise InvalidInput("what lies beside the file as JSON is wrong", extra={"errors": mistakes}) from error
    how = HowToRead(mapping=delivery.mapping, encoding=delivery.encoding)
    return how, DeliveryTerms.told(delivery.contract, delivery.invoice, delivery.order, delivery.washed)


def _content(path: Path, suffix: str) -> bytes | None:
    """Return what lies beside the file under its name and ``suffix``, without the mark that editors begin it with."""
    beside = path.with_name(path.name + suffix)
    if not os.path.lexists(beside):
        return None
    try:
        with os.fdopen(open_plain(beside), "rb") as file:
            content = file.read(LIMIT + 1)
    except OSError as error:
        raise InvalidInput(f"what lies beside the file as {suffix} cannot be opened") from error
    if len(content) > LIMIT:
        raise InvalidInput(f"what lies beside the file as {suffix} has at most {LIMIT} bytes")
    return content.removeprefix(BOM_UTF8)
