"""The service with one more route that does nothing: what a check is measured against, on the same server."""

from flask import Blueprint, Response, jsonify

from web.auth import Auth, register
from wsgi import app

blueprint = Blueprint("noop", __name__)


@blueprint.post("/noop")
def noop() -> Response:
    """Answer without looking at anything."""
    return jsonify(ok=True)


register(app, blueprint, Auth.PUBLIC)
