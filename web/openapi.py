"""The OpenAPI 3.1 description, made from the declared operations: it cannot differ from what is served."""

import inspect
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from pydantic.json_schema import models_json_schema

from core.access import RIGHTS, Role
from core.errors import Forbidden, InvalidInput, ServiceError, StorageUnavailable, Unauthenticated
from web.endpoint import Download, Operation
from web.kept import KEPT_FOR, IdempotencyConflict
from web.problems import PROBLEM_TYPE, BodyTooLarge, MalformedRequest, UnsupportedMediaType, status_of

PROBLEM_SCHEMA = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "request_id": {"type": ["string", "null"]},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["at", "code", "message"],
                "properties": {
                    "at": {"type": "array", "items": {"type": "string"}},
                    "code": {"type": "string"},
                    "message": {"type": "string"},
                },
            },
        },
    },
}
KEY_IS_KEPT = (
    f"the same request with the same key gets the first answer again, for {KEPT_FOR // timedelta(hours=1)} hours"
)
KEY_IS_IGNORED = "taken and not used: sending the same again does no harm, and no answer is kept"


def describe(operations: Iterable[Operation], *, version: str) -> dict[str, Any]:
    """Return the OpenAPI document of the operations."""
    operations = list(operations)
    models: set[tuple[Any, Any]] = set()
    for operation in operations:
        models |= {
            (model, "validation") for model in (operation.body, operation.query, operation.form) if model is not None
        }
        if not issubclass(operation.response, Download):
            models.add((operation.response, "serialization"))
    refs, definitions = models_json_schema(
        sorted(models, key=lambda pair: (pair[0].__name__, pair[1])), ref_template="#/components/schemas/{model}"
    )
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, refs, definitions)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Ringklar",
            "version": version,
            "description": "May this number be called now, on what ground, and what must the caller say?",
        },
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "schemas": {**definitions.get("$defs", {}), "Problem": PROBLEM_SCHEMA},
        },
    }


def _operation(operation: Operation, refs: Any, definitions: Any) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = [
        {"name": part[1:-1], "in": "path", "required": True, "schema": {"type": "string"}}
        for part in operation.path.split("/")
        if part.startswith("{")
    ]
    if operation.query is not None:
        schema = definitions["$defs"][operation.query.__name__]
        parameters += [
            {"name": name, "in": "query", "required": name in schema.get("required", []), "schema": field}
            for name, field in schema["properties"].items()
        ]
    if operation.takes_idempotency_key:
        parameters.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "schema": {"type": "string", "pattern": "^[\\x21-\\x7e]{1,100}$"},
                "description": KEY_IS_IGNORED if operation.repeatable else KEY_IS_KEPT,
            }
        )
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": _description(operation),
        "parameters": parameters,
        "responses": _responses(operation, refs),
    }
    if operation.body is not None:
        schema = refs[(operation.body, "validation")]
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    if operation.takes_file:
        described["requestBody"] = {
            "required": True,
            "content": {"multipart/form-data": {"schema": _form_schema(operation, definitions)}},
        }
    return described


def _description(operation: Operation) -> str:
    """Return what the summary leaves out: of the answer, of what may be asked for, and whose key may ask."""
    roles = RIGHTS[operation.right]
    whose = "any role" if roles == set(Role) else f"one of these roles: {', '.join(sorted(roles))}"
    asked = inspect.cleandoc(operation.query.__doc__ or "").replace("\n", " ") if operation.query is not None else ""
    return "\n\n".join(part for part in (operation.details, asked, f"Needs a key of {whose}.") if part)


def _form_schema(operation: Operation, definitions: Any) -> dict[str, Any]:
    form = definitions["$defs"][operation.form.__name__] if operation.form is not None else {}
    return {
        "type": "object",
        "required": ["file", *form.get("required", [])],
        "properties": {"file": {"type": "string", "format": "binary"}, **form.get("properties", {})},
    }


def _content(response: type[Any], refs: Any) -> dict[str, Any]:
    if issubclass(response, Download):
        return {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    return {"application/json": {"schema": refs[(response, "serialization")]}}


def _responses(operation: Operation, refs: Any) -> dict[str, Any]:
    usual: list[type[ServiceError]] = [Unauthenticated, Forbidden, StorageUnavailable]
    if operation.body is not None or operation.takes_file:
        usual += [MalformedRequest, UnsupportedMediaType, BodyTooLarge, InvalidInput]
    if operation.query is not None:
        usual += [InvalidInput, MalformedRequest]
    if operation.takes_idempotency_key:
        usual += [MalformedRequest] if operation.repeatable else [IdempotencyConflict, MalformedRequest]
    by_status: dict[str, list[str]] = {}
    for error in (*usual, *operation.problems):
        codes = by_status.setdefault(str(int(status_of(error))), [])
        if error.code not in codes:
            codes.append(error.code)
    content = {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    answers: dict[str, Any] = {
        str(operation.status): {
            "description": operation.summary,
            "content": _content(operation.response, refs),
        }
    }
    for status, codes in sorted(by_status.items()):
        answers[status] = {"description": "Problem: " + ", ".join(codes), "content": content}
    return answers
