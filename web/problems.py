"""Problem documents (RFC 9457): the one place where an error becomes an HTTP answer."""

import json
import logging
import re
from http import HTTPStatus

from flask import Flask, Response, g, request
from gunicorn.http.errors import ParseException
from pydantic import ValidationError
from werkzeug.exceptions import ClientDisconnected, HTTPException

from core.errors import InvalidInput, Kind, ServiceError

log = logging.getLogger(__name__)

STATUS: dict[Kind, HTTPStatus] = {
    Kind.INVALID: HTTPStatus.UNPROCESSABLE_ENTITY,
    Kind.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    Kind.FORBIDDEN: HTTPStatus.FORBIDDEN,
    Kind.NOT_FOUND: HTTPStatus.NOT_FOUND,
    Kind.CONFLICT: HTTPStatus.CONFLICT,
    Kind.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Kind.TOO_MANY: HTTPStatus.TOO_MANY_REQUESTS,
    Kind.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
}
PROBLEM_TYPE = "application/problem+json"
_CODES: dict[int, str] = {
    HTTPStatus.UNPROCESSABLE_ENTITY: InvalidInput.code,
    HTTPStatus.INTERNAL_SERVER_ERROR: "internal-error",
}
_FIELD = re.compile(r"[A-Za-z_][A-Za-z_-]{0,39}")


class MalformedRequest(ServiceError):
    """The request body is not what the content type says (broken JSON, bad UTF-8, a key given twice)."""

    kind, code, title = Kind.INVALID, "malformed-request", "The request body cannot be read"


class UnsupportedMediaType(ServiceError):
    """The endpoint takes another content type."""

    kind, code, title = Kind.INVALID, "unsupported-media-type", "The content type is not supported"


class BodyTooLarge(ServiceError):
    """The body is larger than the endpoint takes."""

    kind, code, title = Kind.TOO_LARGE, "body-too-large", "The request is too large"


OWN_STATUS: dict[type[ServiceError], HTTPStatus] = {
    MalformedRequest: HTTPStatus.BAD_REQUEST,
    UnsupportedMediaType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
}


def status_of(error: type[ServiceError]) -> HTTPStatus:
    """Return the HTTP status for a class of error."""
    return OWN_STATUS.get(error, STATUS[error.kind])


def code_of(status: int) -> str:
    """Return the code of a refusal that no error of ours names, by its status."""
    return _CODES.get(status) or HTTPStatus(status).name.lower().replace("_", "-")


def note_code(code: str) -> None:
    """Have the log line of the present request name why it was refused; a problem document does so by itself."""
    g.code = code


def problem(status: int, code: str, title: str, detail: str, **extra: object) -> Response:
    """Return a problem document; ``code`` is its stable name, the last part of ``type``."""
    note_code(code)
    document = {
        "type": f"urn:ringklar:problem:{code}",
        "title": title,
        "status": int(status),
        "detail": detail,
        "code": code,
        "request_id": g.get("request_id"),
        **extra,
    }
    response = Response(json.dumps(document, ensure_ascii=False), status=int(status), content_type=PROBLEM_TYPE)
    if status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = "1"
    return response


def service_problem(error: ServiceError) -> Response:
    """Return the problem document of a refusal."""
    members = dict(error.extra)
    told = members.get("errors")
    if isinstance(told, list):
        members["errors"] = [_mistake_in_words(words, error.code) for words in told]
    return problem(status_of(type(error)), error.code, error.title, error.detail, **members)


def _mistake_in_words(words: str, code: str) -> dict[str, object]:
    """Return a mistake that a service found in the form of those that pydantic finds.

    What stands before a colon is its place if it reads like one: ``evidence``, ``SE.opens``; else it is of the whole.
    """
    name, colon, message = words.partition(": ")
    place = name.split(".")
    is_placed = colon and all(_FIELD.fullmatch(part) for part in place)
    return {"at": place if is_placed else [], "code": code, "message": message if is_placed else words}


def mistakes(error: ValidationError) -> list[dict[str, object]]:
    """Return every mistake that pydantic found: where and what, never the input itself.

    The name of a field that should not be there is input too: it is given back if it reads like a field's name.
    """
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [
        {"at": [_place(part) for part in item["loc"]], "code": item["type"], "message": item["msg"]}
        for item in found[:100]
    ]


def _place(part: int | str) -> str:
    return str(part) if isinstance(part, int) or _FIELD.fullmatch(part) else "…"


def install_problems(app: Flask) -> None:
    """Make every error of ``app`` a problem document; unknown failures are opaque and logged with the request id.

    An address with a slash too many is not found: a redirect would be a page, and would repeat the address.
    """
    app.url_map.merge_slashes = False

    @app.errorhandler(ServiceError)
    def refused(error: ServiceError) -> Response:
        return service_problem(error)

    @app.errorhandler(ValidationError)
    def invalid(error: ValidationError) -> Response:
        return problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            InvalidInput.code,
            "The input is not valid",
            "see errors for each mistake",
            errors=mistakes(error),
        )

    @app.errorhandler(ParseException)
    @app.errorhandler(ClientDisconnected)
    def unreadable(_error: ParseException | ClientDisconnected) -> Response:
        return service_problem(MalformedRequest("the body is cut off, or its chunks are not those of HTTP"))

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        status = HTTPStatus(error.code or 500)
        response = problem(status, code_of(status), status.phrase, status.description or status.phrase)
        for name, value in error.get_headers(request.environ):
            if name.lower() == "allow":
                response.headers[name] = value
        return response

    @app.errorhandler(Exception)
    def failed(error: Exception) -> Response:
        log.error("request failed", exc_info=error, extra={"request_id": g.get("request_id")})
        return problem(500, code_of(500), "Internal error", "the failure is on record under the request id")
