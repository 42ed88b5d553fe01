"""What every page is protected by: a strict content-security policy, CSRF tokens on all forms, and no caching."""

from flask import Blueprint, Flask, Response, session
from flask_wtf.csrf import CSRFProtect

from console.cookies import FORMS, cookie_name
from core.secrets import derive

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
HSTS = "max-age=31536000"


_csrf = CSRFProtect()


def install_csrf(app: Flask, secret: bytes, secure: bool) -> None:
    """Give ``app``'s forms their tokens.

    Flask's own session holds nothing but the seed of the forms' tokens, signed with a key derived for that use: who is
    signed in stands in the database. Blueprints under API keys send no cookie and need none of it, so the check is
    asked for by the console's blueprint, for every one of its requests.
    """
    app.config.update(
        SECRET_KEY=derive(secret, "forms"),
        SESSION_COOKIE_NAME=cookie_name(FORMS, secure),
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=secure,
        WTF_CSRF_CHECK_DEFAULT=False,
        WTF_CSRF_TIME_LIMIT=None,  # a token lives as long as its session cookie; sign-in has limits of its own
        WTF_CSRF_SSL_STRICT=False,  # pages send no referrer
    )
    _csrf.init_app(app)


def refuse_forged() -> None:
    """Do nothing if the present request changes nothing or carries the token of a form of ours.

    Raises:
        CSRFError: it carries none, or another browser's.
    """
    _csrf.protect()


def renew_forms() -> None:
    """Make every token handed out before worthless: who signs in or out begins with new forms."""
    session.clear()


def protect(response: Response, secure: bool) -> Response:
    """Return a page's response with its protecting headers."""
    for name, value in HEADERS.items():
        response.headers[name] = value
    response.headers.setdefault("Cache-Control", "no-store")
    if secure:
        response.headers["Strict-Transport-Security"] = HSTS
    return response


def protect_blueprint(blueprint: Blueprint, secure: bool) -> None:
    """Protect every response of the blueprint."""

    @blueprint.after_request
    def protected(response: Response) -> Response:
        return protect(response, secure)
