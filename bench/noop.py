"""The service with one more route that does nothing: what a check is measured against, on the same server."""

from flask import Blueprint, Response, jsonify

import core.clock
from bench.clock import BenchClock
from web.auth import Auth, register

core.clock.SystemClock = BenchClock  # type: ignore[misc] # before the application takes it

from wsgi import app  # noqa: E402

blueprint = Blueprint("noop", __name__)


@blueprint.post("/noop")
def noop() -> Response:
    """Answer without looking at anything."""
    return jsonify(ok=True)


register(app, blueprint, Auth.PUBLIC)
