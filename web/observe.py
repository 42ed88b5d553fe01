"""What operations see: a request id, one JSON log line a request, and metrics. No number is ever written."""

import json
import logging
import re
import sys
import time
from datetime import UTC, datetime

from flask import Flask, Response, g, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest, multiprocess

from core.ids import new_id

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
LONG_DIGITS = re.compile(r"(?<![\w-])\+?\d[\d\s().-]{5,}\d(?![\w-])")
_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}

REQUESTS = Counter("ringklar_http_requests_total", "Requests answered", ["method", "route", "status"])
SECONDS = Histogram(
    "ringklar_http_request_seconds",
    "Time to answer",
    ["route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5),
)
_encode = json.JSONEncoder(ensure_ascii=False).encode
access_log = logging.getLogger("ringklar.access")


class JsonLines(logging.Formatter):
    """One JSON object a line; anything that looks like a phone number is masked, whoever wrote it."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as a line of JSON; the access log's lines are JSON already, with nothing of a person."""
        if record.name == access_log.name:
            return record.getMessage()
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": mask(record.getMessage()),
        }
        for name, value in record.__dict__.items():
            if name not in _STANDARD:
                line[name] = mask(value) if isinstance(value, str) else value
        if record.exc_info:
            line["error"] = mask(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False, default=lambda value: mask(str(value)))


def mask(text: str) -> str:
    """Return ``text`` with every run of seven or more digits of one number replaced."""
    return LONG_DIGITS.sub("[number]", text)


def log_as_json(level: str) -> None:
    """Send this process's log to standard output as JSON lines."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)


def install_observation(app: Flask) -> None:
    """Give every request an id (the caller's, if it is a sane one), a log line, and its share in the metrics."""
    counters: dict[tuple[str, str, int], Counter] = {}
    timers: dict[str, Histogram] = {}

    @app.before_request
    def begin() -> None:
        g.started = time.perf_counter()
        given = request.headers.get("X-Request-Id")
        is_sane = given is not None and REQUEST_ID.fullmatch(given) is not None and mask(given) == given
        g.request_id = given if is_sane else new_id()

    @app.after_request
    def end(response: Response) -> Response:
        asked = request.url_rule
        method, rule, status = request.method, asked.rule if asked is not None else "(none)", response.status_code
        context = g._get_current_object()  # noqa: SLF001 - werkzeug documents it so
        request_id = context.get("request_id") or new_id()
        seconds = time.perf_counter() - context.get("started", time.perf_counter())
        response.headers["X-Request-Id"] = request_id
        if (method, rule, status) not in counters:
            counters[method, rule, status] = REQUESTS.labels(method if asked is not None else "-", rule, str(status))
            timers[rule] = SECONDS.labels(rule)
        counters[method, rule, status].inc()
        timers[rule].observe(seconds)
        if access_log.isEnabledFor(logging.INFO):
            caller = context.get("caller")
            access_log.info(
                _encode(
                    {
                        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
                        "level": "info",
                        "logger": "ringklar.access",
                        "event": "request",
                        "method": method if asked is not None else "-",
                        "route": rule,
                        "status": status,
                        "ms": round(seconds * 1000, 2),
                        "request_id": request_id,
                        "caller": caller.actor if caller is not None else None,
                    }
                )
            )
        return response


def metrics(multiprocess_dir: str | None) -> Response:
    """Return the metrics in Prometheus' text format, over all worker processes if there are several."""
    if multiprocess_dir:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry, path=multiprocess_dir)
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
    return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)
