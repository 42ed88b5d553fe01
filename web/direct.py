"""The direct way to an endpoint that is asked more than all others: a plain request is answered without Flask.

Flask's contexts and its routing take as long as all that a check needs from being read to being worded. What is not
plain goes Flask's way from the start, and so does whatever is refused or fails: each refusal is worded in one place.
"""

import re
import time
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from io import BytesIO
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from web.auth import KnownKeys, bearer
from web.endpoint import FAILED, DirectView, json_value, render
from web.observe import answered, request_id_for

_NO_LENGTH = -1
_LENGTH = re.compile(r"[0-9]{1,9}")
_HOST = re.compile(r"(?:[A-Za-z0-9-]{1,63}\.){0,9}[A-Za-z0-9-]{1,63}(?::[0-9]{1,5})?")
"""A name or an IPv4 address; whether anything else can be a host, Flask tells."""


class DirectWay:
    """A WSGI application in front of Flask's: answers plain requests to ``views``, and hands on all others."""

    def __init__(self, flask: WSGIApplication, views: Sequence[DirectView], known: KnownKeys) -> None:
        self._flask = flask
        self._views = {(view.operation.method, view.operation.path): view for view in views}
        self._known = known

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer the request."""
        view = self._views.get((environ["REQUEST_METHOD"], environ["PATH_INFO"]))
        if view is None:
            return self._flask(environ, start_response)
        length = _plain_length(environ)
        if not 0 <= length <= view.limit:
            return self._flask(environ, start_response)
        started, operation = time.perf_counter(), view.operation
        try:
            caller = self._known.caller(bearer(environ.get("HTTP_AUTHORIZATION", "")))
            caller.require(operation.right)
        except Exception:  # noqa: BLE001 - Flask's way refuses it
            return self._flask(environ, start_response)
        try:
            content = environ["wsgi.input"].read(length)
        except OSError:  # nothing more came: Flask's way finds it cut off
            content = b""
        environ["wsgi.input"] = BytesIO(content)  # for Flask, should it have to answer
        try:
            body = view.body.model_validate(json_value(content))
        except Exception:  # noqa: BLE001 - as above
            return self._flask(environ, start_response)
        try:
            answer = render(view.view(caller=caller, body=body)).encode()
        except Exception as error:  # noqa: BLE001 - Flask's way words it; the view is not asked again
            environ[FAILED] = error
            return self._flask(environ, start_response)
        request_id = request_id_for(environ.get("HTTP_X_REQUEST_ID"))
        answered(operation.method, operation.path, operation.status, started, request_id, caller)
        headers = [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(answer))),
            ("X-Request-Id", request_id),
        ]
        start_response(_STATUS[operation.status], headers)
        return [answer]


_STATUS = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}


def _plain_length(environ: WSGIEnvironment) -> int:
    """Return how long the request's JSON body is, ``_NO_LENGTH`` unless the request is a plain one."""
    if environ.get("CONTENT_TYPE") != "application/json" or environ.get("QUERY_STRING") or environ.get("SCRIPT_NAME"):
        return _NO_LENGTH
    if _HOST.fullmatch(environ.get("HTTP_HOST", "")) is None:
        return _NO_LENGTH
    length = environ.get("CONTENT_LENGTH", "")
    return int(length) if _LENGTH.fullmatch(length) else _NO_LENGTH
