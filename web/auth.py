"""Authentication, chosen where a blueprint is registered; what is not chosen is denied.

``register(app, blueprint, auth)`` is the only way in: grep for ``Auth.PUBLIC`` to see all that is open.
"""

from collections.abc import Callable
from enum import Enum

from flask import Blueprint, Flask, Response, g, request

from core.access import Caller, caller_with_key
from core.errors import Forbidden, Unauthenticated
from core.store import Store
from web.problems import service_problem

EXTENSION = "ringklar.auth"


class Auth(Enum):
    """How the callers of a blueprint show who they are."""

    PUBLIC = "public"
    API_KEY = "api key"
    SESSION = "session"


SessionCheck = Callable[[], Caller | None]


def install_auth(app: Flask, store: Store) -> None:
    """Deny every request whose blueprint chose no authentication, and authenticate the others before their view."""
    chosen: dict[str | None, tuple[Auth, SessionCheck | None]] = {}
    app.extensions[EXTENSION] = chosen

    @app.before_request
    def authenticate() -> Response | None:
        if request.routing_exception is not None:
            return None
        auth, check = chosen.get(request.blueprint, (None, None))
        match auth:
            case Auth.PUBLIC:
                return None
            case Auth.API_KEY:
                g.caller = key_caller(store)
                return None
            case Auth.SESSION if check is not None:
                g.caller = check()
                return None
            case _:
                return service_problem(Forbidden("this part of the service has no authentication chosen"))


def register(app: Flask, blueprint: Blueprint, auth: Auth, check: SessionCheck | None = None) -> None:
    """Put ``blueprint`` into ``app`` behind ``auth``.

    For ``Auth.SESSION``, ``check`` returns the signed-in caller, or None: the console's views decide what that means.
    """
    app.extensions[EXTENSION][blueprint.name] = (auth, check)
    app.register_blueprint(blueprint)


def key_caller(store: Store) -> Caller:
    """Return whose key the request carries; read from the database each time, so a revoked key is dead at once.

    Raises:
        Unauthenticated: none, malformed, unknown or revoked.
    """
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        raise Unauthenticated("send Authorization: Bearer KEY")
    caller = caller_with_key(store.rows, secret.strip())
    if caller is None:
        raise Unauthenticated("the key is unknown or revoked")
    return caller
