"""Authentication, chosen where a blueprint is registered; what is not chosen is denied.

``register(app, blueprint, auth)`` is the only way in: grep for ``Auth.PUBLIC`` to see all that is open.
"""

from collections.abc import Callable
from dataclasses import replace
from enum import Enum

from flask import Blueprint, Flask, Response, g, request

from core.access import Caller, caller_with_key, secret_hash
from core.errors import Forbidden, Unauthenticated
from core.store import Store
from web.problems import service_problem

EXTENSION = "ringklar.auth"
CONFIRMS = "confirms_caller"
"""Set on a view that reads, with all else, whether a remembered key still stands: it saves a read of its own."""
KEYS_KNOWN = 1_000


class Auth(Enum):
    """How the callers of a blueprint show who they are."""

    PUBLIC = "public"
    API_KEY = "api key"
    SESSION = "session"


SessionCheck = Callable[[], Caller | None]


def install_auth(app: Flask, store: Store, known: "KnownKeys") -> None:
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
                confirms = getattr(app.view_functions[request.endpoint or ""], CONFIRMS, False)
                g.caller = known.caller(_bearer()) if confirms else key_caller(store)
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
    return _caller_with(store, _bearer())


def _bearer() -> str:
    return bearer(request.headers.get("Authorization", ""))


def bearer(authorization: str) -> str:
    """Return the key that a request carries whose header of that name this is.

    Raises:
        Unauthenticated: none, or malformed.
    """
    scheme, _, secret = authorization.partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        raise Unauthenticated("send Authorization: Bearer KEY")
    return secret.strip()


def _caller_with(store: Store, secret: str) -> Caller:
    caller = caller_with_key(store.rows, secret)
    if caller is None:
        raise Unauthenticated("the key is unknown or revoked")
    return caller


class KnownKeys:
    """Keys that were read before, for views that read by themselves whether the key still stands (``CONFIRMS``)."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._callers: dict[str, Caller] = {}

    def caller(self, secret: str) -> Caller:
        """Return whose key this is, as one to be confirmed: it may be revoked before what it asks has its turn.

        Raises:
            Unauthenticated: it was not met before, and is unknown or revoked.
        """
        digest = secret_hash(secret)
        known = self._callers.get(digest)
        if known is None:
            known = replace(_caller_with(self._store, secret), is_remembered=True)
            if len(self._callers) >= KEYS_KNOWN:
                self._callers.clear()
            self._callers[digest] = known
        return known
