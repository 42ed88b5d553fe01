"""The console's cookies: out of reach of scripts and of other sites, and bound to this host where there is HTTPS."""

from typing import Final

from flask import request
from werkzeug.wrappers import Response

SESSION: Final = "ringklar-session"
FORMS: Final = "ringklar-forms"
LANGUAGE: Final = "ringklar-language"
A_YEAR = 365 * 24 * 3600


def cookie_name(name: str, secure: bool) -> str:
    """Return the full name; ``__Host-`` makes browsers refuse it from other hosts and from plain HTTP."""
    return f"__Host-{name}" if secure else name


def read_cookie(name: str, secure: bool) -> str | None:
    """Return the cookie's value in the present request."""
    return request.cookies.get(cookie_name(name, secure))


def set_cookie(response: Response, name: str, value: str, secure: bool, *, max_age: int | None = None) -> None:
    """Give the browser the cookie; without ``max_age`` it is forgotten when the browser closes."""
    response.set_cookie(
        cookie_name(name, secure), value, max_age=max_age, path="/", secure=secure, httponly=True, samesite="Lax"
    )


def clear_cookie(response: Response, name: str, secure: bool) -> None:
    """Take the cookie back."""
    response.delete_cookie(cookie_name(name, secure), path="/", secure=secure, httponly=True, samesite="Lax")
