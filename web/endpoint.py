"""Endpoints of the JSON API: declared once, then parsed, authorised, run, rendered and described from that.

    api = Api("opt-outs", store)

    @api.post("/v1/opt-outs", right=Right.ADD_OPT_OUT, problems=[NotFound])
    def add(body: NewOptOuts, caller: Caller, session: Session) -> OptOutResults:
        '''Record opt-outs; each row has a result of its own.'''

What a view needs it asks for by parameter name:

- ``body``: the JSON body as the annotated pydantic model; every mistake is listed, the input is never echoed;
- ``query``: the query string as the annotated pydantic model;
- ``upload``: an ``Upload`` (multipart/form-data): form fields, and a file streamed to disk; ``fields`` in the
  decorator is the pydantic model of the other form fields, given as ``form``;
- ``caller``: the authenticated ``Caller``, who has been seen to hold ``right``;
- ``session``: a unit of work opened around the view: writing for POST, reading for GET. It is committed before the
  answer leaves. A writing view takes the ``Idempotency-Key`` header: the same request again gets the first answer
  for ``KEPT_FOR``. One declared ``repeatable`` takes the header too, but does its work each time: because that is
  harmless, while a kept answer would not be, being about a person or about what has changed since;
- anything else is a part of the path, a string.

A view returns a pydantic model, or a ``Rendered`` JSON text.
"""

import hashlib
import inspect
import json
import math
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeVar, get_type_hints

from flask import Blueprint, Response, g, request, send_file
from pydantic import BaseModel, ConfigDict

from core.access import Caller, Right
from core.errors import NotFound, ServiceError
from core.store import Store
from web.auth import CONFIRMS, key_caller
from web.fields import object_of
from web.kept import Answer, answer_once
from web.problems import BodyTooLarge, MalformedRequest, UnsupportedMediaType
from web.uploads import Upload, received

BODY_LIMIT = 4 * 1024 * 1024
NOTHING_UPLOADED = nullcontext(None)
FAILED = "ringklar.failed"
"""In a request's environment: the error that its view has raised already, when it was answered directly."""
IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,100}")
View = TypeVar("View", bound=Callable[..., Any])


class Document(BaseModel):
    """The parent of all request and response bodies: unknown fields are refused, nothing is changed after."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class Rendered:
    """An answer that is JSON text already."""

    json: str


@dataclass(frozen=True, slots=True)
class Download:
    """A file as an answer: ``file`` is sent from its beginning and then closed; ``name`` is what to save it as."""

    file: BinaryIO
    name: str

    def response(self) -> Response:
        """Return the answer that sends it; it is not to be stored on the way."""
        size = self.file.seek(0, os.SEEK_END)
        self.file.seek(0)
        sent = send_file(self.file, mimetype="application/octet-stream", as_attachment=True, download_name=self.name)
        sent.content_length = size  # so that who takes it knows one that was cut off
        sent.headers["Cache-Control"] = "no-store"
        return sent


@dataclass(frozen=True, slots=True)
class Operation:
    """One endpoint as declared; what OpenAPI and the role table are made from."""

    method: str
    path: str
    name: str
    summary: str
    details: str
    right: Right
    status: int
    body: type[BaseModel] | None
    query: type[BaseModel] | None
    form: type[BaseModel] | None
    takes_file: bool
    takes_idempotency_key: bool
    repeatable: bool
    response: type[BaseModel | Download]
    problems: tuple[type[ServiceError], ...]


@dataclass(frozen=True, slots=True)
class DirectView:
    """An endpoint to which a caller and a JSON body of at most ``limit`` bytes say all: see ``web.direct``."""

    operation: Operation
    body: type[BaseModel]
    view: Callable[..., BaseModel | Rendered]
    limit: int


class Api:
    """A group of endpoints under one blueprint, all behind API keys."""

    def __init__(self, name: str, store: Store) -> None:
        self.blueprint = Blueprint(name, __name__)
        self.operations: list[Operation] = []
        self.direct: list[DirectView] = []
        self._store = store

    def get(self, path: str, **declared: Any) -> Callable[[View], View]:
        """Declare a GET endpoint; see ``post``."""
        return self._declare("GET", path, **declared)

    def post(self, path: str, **declared: Any) -> Callable[[View], View]:
        """Declare a POST endpoint: its ``right``, perhaps status, problems, response, fields, limit, repeatable.

        ``confirms``: the view may be given a remembered caller, and refuses one whose key does not stand any more. It
        takes a caller and a body alone, and does without Flask: a plain request is answered by ``web.direct``.
        """
        return self._declare("POST", path, **declared)

    def _declare(
        self,
        method: str,
        path: str,
        *,
        right: Right,
        status: int = 200,
        problems: Sequence[type[ServiceError]] = (),
        response: type[BaseModel] | None = None,
        fields: type[BaseModel] | None = None,
        limit: int = BODY_LIMIT,
        repeatable: bool = False,
        confirms: bool = False,
    ) -> Callable[[View], View]:
        def declare(view: View) -> View:
            hints = get_type_hints(view)
            names = set(inspect.signature(view).parameters)
            summary, *details = (inspect.getdoc(view) or "").split("\n\n")
            operation = Operation(
                method=method,
                path=re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", path),
                name=view.__name__,
                summary=summary.replace("\n", " "),
                details="\n\n".join(part.replace("\n", " ") for part in details),
                right=right,
                status=status,
                body=hints.get("body"),
                query=hints.get("query"),
                form=fields,
                takes_file="upload" in names,
                takes_idempotency_key=method == "POST" and ("session" in names or repeatable),
                repeatable=repeatable,
                response=response or hints["return"],
                problems=tuple(problems),
            )
            self.operations.append(operation)
            run = _runner(self._store, operation, view, names, limit)
            setattr(run, CONFIRMS, confirms)
            if confirms:
                self.direct.append(DirectView(operation, hints["body"], view, limit))
            self.blueprint.add_url_rule(path, view.__name__, run, methods=[method])
            return view

        return declare


def _runner(
    store: Store, operation: Operation, view: Callable[..., Any], names: set[str], limit: int
) -> Callable[..., Response]:
    wants_caller, wants_session = "caller" in names, "session" in names
    body_model, query_model, form_model = operation.body, operation.query, operation.form

    def run(**arguments: Any) -> Response:
        caller: Caller = g.caller
        with _revoked_key_first(store, caller):
            caller.require(operation.right)
            if any("\x00" in part for part in arguments.values()):
                raise NotFound("there is nothing of that name")
            if wants_caller:
                arguments["caller"] = caller
            if body_model is not None:
                arguments["body"] = body_model.model_validate(read_json(limit))
            if query_model is not None:
                arguments["query"] = query_model.model_validate(read_query())
        failed = request.environ.get(FAILED)
        if failed is not None:
            raise failed
        with received(limit) if operation.takes_file else NOTHING_UPLOADED as upload:
            if upload is not None:
                arguments["upload"] = upload
                if form_model is not None:
                    arguments["form"] = form_model.model_validate(upload.fields)
            key = _idempotency_key() if operation.takes_idempotency_key else None
            if not wants_session:
                return _answered(view(**arguments), operation.status)
            if operation.method == "GET":
                with store.reading() as session:
                    return _answered(view(session=session, **arguments), operation.status)
            return _write(store, operation, caller, view, arguments, key)

    run.__name__ = operation.name
    return run


@contextmanager
def _revoked_key_first(store: Store, caller: Caller) -> Iterator[None]:
    """Refuse a remembered caller whose key was revoked for that reason, whatever else is wrong with the request."""
    try:
        yield
    except Exception:
        if caller.is_remembered:
            key_caller(store)
        raise


def _idempotency_key() -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not IDEMPOTENCY_KEY.fullmatch(key):
        raise MalformedRequest("an Idempotency-Key has 1 to 100 printable ASCII characters without spaces")
    return key


def _write(
    store: Store,
    operation: Operation,
    caller: Caller,
    view: Callable[..., Any],
    arguments: dict[str, Any],
    key: str | None,
) -> Response:
    if key is None or operation.repeatable:
        with store.writing() as session:
            text = render(view(session=session, **arguments))
        return _response(text, operation.status)
    asked = hashlib.sha256(f"{operation.method} {request.path}\n".encode() + _content(arguments)).hexdigest()
    with store.writing() as session:
        answer = answer_once(
            session,
            lambda: Answer(operation.status, render(view(session=session, **arguments))),
            caller_id=caller.id,
            key=key,
            request_sha256=asked,
            now=store.clock.now(),
        )
    return _response(answer.text, answer.status)


def _content(arguments: dict[str, Any]) -> bytes:
    """Return what tells the request from another at the same address; a body that no view asked for is not read."""
    if "upload" in arguments:
        upload: Upload = arguments["upload"]
        return upload.fingerprint
    return request.get_data() if "body" in arguments else b""


def render(answer: BaseModel | Rendered) -> str:
    """Return the JSON text of a view's answer."""
    return answer.json if isinstance(answer, Rendered) else answer.model_dump_json()


def _answered(answer: BaseModel | Rendered | Download, status: int) -> Response:
    return answer.response() if isinstance(answer, Download) else _response(render(answer), status)


def _response(text: str, status: int) -> Response:
    return Response(text, status=status, content_type="application/json")


def read_json(limit: int = BODY_LIMIT) -> object:
    """Return the request's JSON value.

    Raises:
        UnsupportedMediaType: the content type is not JSON.
        BodyTooLarge: the body is over ``limit`` bytes.
        MalformedRequest: not JSON by RFC 8259 in UTF-8, a key twice in one object, or text no database can keep.
    """
    if request.content_type != "application/json" and request.mimetype != "application/json":
        raise UnsupportedMediaType("send application/json")
    if (request.content_length or 0) > limit:
        raise BodyTooLarge(f"at most {limit} bytes")
    request.max_content_length = limit + 1  # what comes in chunks is cut there, and not refused
    content = request.get_data()
    if len(content) > limit:
        raise BodyTooLarge(f"at most {limit} bytes")
    return json_value(content)


def json_value(content: bytes) -> object:
    """Return the JSON value of a body.

    Raises:
        MalformedRequest: not JSON by RFC 8259 in UTF-8, a key twice in one object, or text no database can keep.
    """
    try:
        # Decoded here, because json takes bytes for UTF-16 or UTF-32 if they look like it.
        text = content.decode("utf-8")
        value = _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise MalformedRequest("the body is not valid JSON in UTF-8, or names a key twice") from error
    if "\\u" in text:  # written out, JSON has no NUL in a text, and UTF-8 no half of a surrogate pair
        _refuse_unstorable(value)
    return value


def read_query() -> dict[str, str]:
    """Return the query string's parameters.

    Raises:
        MalformedRequest: a parameter is given twice, or holds a NUL character, which no database can keep.
    """
    given = request.args.to_dict(flat=False)
    if any(len(values) > 1 for values in given.values()):
        raise MalformedRequest("a query parameter is given twice")
    if any("\x00" in text for values in given.values() for text in values):
        raise MalformedRequest("a query parameter holds a NUL character")
    return {name: values[0] for name, values in given.items()}


def _constant(_name: str) -> object:
    raise ValueError("not a JSON number")


def _finite(written: str) -> float:
    value = float(written)
    if math.isinf(value):
        raise ValueError("a number that would be kept as infinity, which JSON has none of")
    return value


_DECODER = json.JSONDecoder(object_pairs_hook=object_of, parse_constant=_constant, parse_float=_finite)


def _refuse_unstorable(value: object) -> None:
    """Refuse NUL characters and lone surrogates anywhere in the value."""
    waiting: list[object] = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            waiting += [*item.keys(), *item.values()]
        elif isinstance(item, list):
            waiting += item
        elif isinstance(item, str) and ("\x00" in item or any("\ud800" <= letter <= "\udfff" for letter in item)):
            raise MalformedRequest("a text holds a NUL character or half a surrogate pair")
