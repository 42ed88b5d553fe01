"""No text that is taken is longer than the column that keeps it: PostgreSQL would lose the whole request."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import String

import consent.models
import dnc.models
from core.access import Role
from core.database import Base
from tests.api.calling import Json, Ringklar, answered, refused
from tests.seeding import FROM_PARTNER, SELLER

TWO_LETTERS = "^[A-Z]{2}$"
LONGEST_UNKEPT = 2000
"""Characters: no text at all is taken that is longer, but for the terms of a source."""
OF_LEADS = {
    ("NewSupplier", "name"): 200,
    ("NewSource", "name"): 200,
    ("NewPause", "reason"): 1000,
    ("NewQuarantine", "reason"): 1000,
    ("NewTerms", "text"): 100_000,
}
"""Texts whose columns, in the tables of leads, are wider than another table's of the same name."""

KEPT_AS = {("NewSighting", "how"): "note"}
"""Texts that are kept in a column of another name."""


def columns() -> dict[str, int]:
    """Return the shortest column of each name, in characters."""
    shortest: dict[str, int] = {}
    tables = [
        mapper.local_table
        for mapper in Base.registry.mappers
        if mapper.class_.__module__ in {dnc.models.__name__, consent.models.__name__}
    ]
    for table in tables:
        for column in table.columns:
            if isinstance(column.type, String) and column.type.length:
                shortest[column.name] = min(shortest.get(column.name, 10_000), column.type.length)
    return shortest


def texts(schema: Json, definitions: Json) -> Iterator[tuple[str, Any]]:
    """Yield each field of an object that may hold a free text, with that text's schema."""
    for name, field in schema.get("properties", {}).items():
        waiting = [field]
        while waiting:
            part = waiting.pop()
            if "$ref" in part:
                waiting.append(definitions[part["$ref"].rpartition("/")[2]])
            waiting += part.get("anyOf", [])
            waiting += [part["items"]] if "items" in part else []
            is_free = part.get("type") == "string" and not part.keys() & {"enum", "const", "format"}
            if is_free and part.get("pattern") != TWO_LETTERS:
                yield name, part


def test_every_text_that_is_taken_fits_its_column(shared: Ringklar) -> None:
    schemas = answered(shared.client.get("/openapi.json"), 200)["components"]["schemas"]
    bodies = {operation.body.__name__ for operation in shared.operations if operation.body is not None}
    kept = columns()
    taken = [(body, name, text) for body in sorted(bodies) for name, text in texts(schemas[body], schemas)]

    def longest(body: str, name: str, otherwise: int) -> int:
        return OF_LEADS.get((body, name), otherwise)

    limits = [(body, name, text.get("maxLength", 1_000_000)) for body, name, text in taken]
    unbounded = [(body, name) for body, name, limit in limits if limit > longest(body, name, LONGEST_UNKEPT)]
    too_long = [
        (body, name)
        for body, name, limit in limits
        if limit > longest(body, name, kept.get(KEPT_AS.get((body, name), name), 1_000_000))
    ]

    assert {name for _, name, _ in taken} >= {"via", "call_id", "agent", "reference", "verified_by", "campaign"}
    assert (unbounded, too_long) == ([], [])


@pytest.mark.parametrize("via", ["x" * 41, "", "  "])
def test_a_way_that_no_column_holds_is_refused_and_the_same_no_can_be_sent_again(ringklar: Ringklar, via: str) -> None:
    body = {"numbers": [FROM_PARTNER], "seller": SELLER, "via": via}
    refused(ringklar.post("/v1/opt-outs", body, role=Role.CUSTOMER_SERVICE), 422, "invalid-input")

    answered(ringklar.post("/v1/opt-outs", {**body, "via": "å" * 40}, role=Role.CUSTOMER_SERVICE), 200)

    assert ringklar.check(FROM_PARTNER)["verdict"] == "deny"


def test_how_it_was_made_sure_that_the_person_asked_may_be_as_long_over_http_as_on_the_page(ringklar: Ringklar) -> None:
    asked = {"asked_by_person_at": "2026-11-24T09:00:00Z"}
    path = f"/v1/opt-outs/{ringklar.seeded.opt_out_id}/release"
    refused(ringklar.post(path, {**asked, "verified_by": "å" * 201}, Role.CUSTOMER_SERVICE), 422, "invalid-input")

    released = answered(ringklar.post(path, {**asked, "verified_by": "å" * 200}, Role.CUSTOMER_SERVICE), 200)

    assert released["verified_by"] == "å" * 200


def test_a_number_may_be_written_as_long_wherever_one_is_asked_for(shared: Ringklar) -> None:
    schemas = answered(shared.client.get("/openapi.json"), 200)["components"]["schemas"]
    bodies = {operation.body.__name__ for operation in shared.operations if operation.body is not None}

    longest = {
        body: text["maxLength"] for body in bodies for name, text in texts(schemas[body], schemas) if name == "number"
    }

    assert set(longest.values()) == {250}, longest
    assert {"NewConsent", "LookUpQuestion"} <= longest.keys()
