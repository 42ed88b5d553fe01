"""What operations see: a request id, one JSON log line a request, and metrics. No number is ever written.

Nor is what a database or a schema says of the values it was given: of such an error the log has the kind, the place
in the code and the database's own code for it.
"""

import json
import logging
import re
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from types import MappingProxyType, TracebackType

from flask import Flask, Response, g, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest, multiprocess
from pydantic import ValidationError
from sqlalchemy.exc import StatementError

from core.access import Caller
from core.errors import ServiceError
from core.ids import new_id
from web.problems import code_of

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_UUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[1-8][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}"
_SHA256 = r"[0-9a-f]{64}"
_DAY = r"(?:19|20|21)\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
_TIME = r"[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,6})?)?"
UUID = re.compile(_UUID)
LONG_DIGITS = re.compile(r"\+?\d(?:[\s()./+_\u00ad\u200b-\u200f\u2010-\u2015\u2060\u2212-]{0,3}\d){6,}")
"""Seven digits or more, with what people write between them; also inside a word, such as the name of a recording.

Dashes of print and what cannot be seen stand between them too, where a number was copied from a page.
"""
_KEPT_OR_LONG_DIGITS = re.compile(
    rf"(?<![0-9A-Za-z-])(?P<kept>{_UUID}|{_SHA256}|{_DAY}(?:{_TIME})?)(?![0-9A-Za-z-])|{LONG_DIGITS.pattern}"
)
SERVER = "gunicorn.error"
"""The log of the server in front of the application."""
_QUOTE = re.compile(r"b?['\"]")
_QUOTED = re.compile(r"(['\"`]).*['\"`]", re.DOTALL)
DRIVERS = {"psycopg", "psycopg_pool", "sqlite3", "pysqlite3"}
_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}

REQUESTS = Counter("ringklar_http_requests_total", "Requests answered", ["method", "route", "status"])
SECONDS = Histogram(
    "ringklar_http_request_seconds",
    "Time to answer",
    ["route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5),
)
_COUNTERS: dict[tuple[str, str, int], Counter] = {}
_TIMERS: dict[str, Histogram] = {}
_encode = json.JSONEncoder(ensure_ascii=False).encode
access_log = logging.getLogger("ringklar.access")


class JsonLines(logging.Formatter):
    """One JSON object a line; anything that looks like a phone number is masked, whoever wrote it."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as a line of JSON; the access log's lines are JSON already, with nothing of a person."""
        if record.name == access_log.name:
            return record.getMessage()
        line: dict[str, object] = {
            "at": _written(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": mask(_event(record)),
        }
        for name, value in record.__dict__.items():
            if name not in _STANDARD:
                line[name] = mask(value) if isinstance(value, str) else value
        if record.exc_info:
            line["error"] = mask("\n".join(told(record.exc_info[1])) if record.exc_info[1] is not None else "")
        return json.dumps(line, ensure_ascii=False, default=lambda value: mask(str(value)))


def _written(at: datetime) -> str:
    return f"{at.isoformat(timespec='milliseconds')[:-6]}Z"


def told_plainly(record: logging.LogRecord) -> str:
    """Return the record for whoever ran a command: what happened, and of an error what a log may have."""
    error = record.exc_info[1] if record.exc_info else None
    return mask("\n".join([record.getMessage(), *(told(error) if error is not None else ())]))


def _event(record: logging.LogRecord) -> str:
    """Return what happened; of what could not be read as a request only that, for the server quotes what was sent."""
    if record.name != SERVER:
        return record.getMessage()
    is_counted = all(type(value) is int for value in record.args or ())  # processes and their ends, say
    return _QUOTE.split(record.getMessage() if is_counted else str(record.msg), 1)[0]


def mask(text: str) -> str:
    """Return ``text`` with every run of seven or more digits of one number replaced.

    Ids (UUIDs), SHA-256 hashes and dates that stand by themselves are left: they are no numbers to call.
    """
    return _KEPT_OR_LONG_DIGITS.sub(lambda found: found["kept"] or "[number]", text)


def told(error: BaseException) -> Iterator[str]:
    """Yield what a log may have of an error and of what caused it: kind, places in the code, and text without values.

    The text of a database's error quotes rows and parameters, and that of a schema's quotes the input: of these only
    the kind, the database's own code and the constraint's name are told. Of any other text but our own refusals' what
    stands in quotes is left out: it may be a cell of a file.
    """
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None and cause is not error:
        yield from told(cause)
        yield "which led to:"
    yield from (line.rstrip() for line in traceback.format_tb(error.__traceback__))
    yield f"{type(error).__name__}: {_text_of(error)}"
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield "of which one is:"
            yield from told(one)


def _text_of(error: BaseException) -> str:
    if isinstance(error, StatementError):
        return f"{type(error.orig).__name__} of the driver" if error.orig is not None else "of a statement"
    if isinstance(error, ValidationError):
        return f"{error.error_count()} mistakes in {error.title}"
    if any(kind.__module__.partition(".")[0] in DRIVERS for kind in type(error).__mro__):
        constraint = getattr(getattr(error, "diag", None), "constraint_name", None)
        code = getattr(error, "sqlstate", None) or getattr(error, "sqlite_errorname", None)
        if code is None and type(error).__name__ == "OperationalError":
            return str(error)  # what the network said: no statement was carried out, so no value is told
        return f"code {code}, constraint {constraint}"
    return error.detail if isinstance(error, ServiceError) else _QUOTED.sub(r"\1…\1", str(error))


def tell_failure(_kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
    """Tell on standard error what nothing caught, as the log would, for ``sys.excepthook``."""
    print(mask("\n".join(["ringklar: it failed, as it should not", *told(error)])), file=sys.stderr)  # noqa: T201


def log_as_json(level: str) -> None:
    """Send this process's log to standard output as JSON lines, that of the server in front of it too."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.raiseExceptions = False  # of a line that cannot be written, it would tell every value on standard error
    server = logging.getLogger(SERVER)
    server.handlers[:], server.propagate = [], True


def _is_sane(request_id: str) -> bool:
    """Return whether a caller's request id may be logged: plain, and either a UUID or without a number in it."""
    if REQUEST_ID.fullmatch(request_id) is None:
        return False
    return UUID.fullmatch(request_id) is not None or LONG_DIGITS.search(request_id) is None


def request_id_for(given: str | None) -> str:
    """Return the id of a request: the caller's own, if it gave a sane one."""
    return given if given is not None and _is_sane(given) else new_id()


def answered(
    method: str,
    route: str,
    status: int,
    started: float,
    request_id: str,
    caller: Caller | None,
    refusal: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Give an answered request its log line and its share in the metrics; ``started`` is of ``time.perf_counter``.

    ``refusal`` is the problem's ``code``, if the request was refused.
    """
    seconds = time.perf_counter() - started
    if (method, route, status) not in _COUNTERS:
        _COUNTERS[method, route, status] = REQUESTS.labels(method, route, str(status))
        _TIMERS[route] = SECONDS.labels(route)
    _COUNTERS[method, route, status].inc()
    _TIMERS[route].observe(seconds)
    if access_log.isEnabledFor(logging.INFO):
        access_log.info(
            _encode(
                {
                    "at": _written(datetime.now(UTC)),
                    "level": "info",
                    "logger": "ringklar.access",
                    "event": "request",
                    "method": method,
                    "route": route,
                    "status": status,
                    "ms": round(seconds * 1000, 2),
                    "request_id": request_id,
                    "caller": caller.actor if caller is not None else None,
                    **refusal,
                }
            )
        )


def install_observation(app: Flask) -> None:
    """Give every request an id, a log line, and its share in the metrics."""

    @app.before_request
    def begin() -> None:
        g.started = time.perf_counter()
        g.request_id = request_id_for(request.headers.get("X-Request-Id"))

    @app.after_request
    def end(response: Response) -> Response:
        asked = request.url_rule
        method, route = (request.method, asked.rule) if asked is not None else ("-", "(none)")
        context = g._get_current_object()  # noqa: SLF001 - werkzeug documents it so
        request_id = context.get("request_id") or new_id()
        response.headers["X-Request-Id"] = request_id
        started, status = context.get("started", time.perf_counter()), response.status_code
        refusal = {"code": context.get("code") or code_of(status)} if status >= HTTPStatus.BAD_REQUEST else {}
        answered(method, route, status, started, request_id, context.get("caller"), refusal)
        return response


def metrics(multiprocess_dir: str | None) -> Response:
    """Return the metrics in Prometheus' text format, over all worker processes if there are several."""
    if multiprocess_dir:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry, path=multiprocess_dir)
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
    return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)
