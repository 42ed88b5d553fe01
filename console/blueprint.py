"""The console as one blueprint, with the check of who is signed in; and what the application needs for it."""

from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

from flask import Blueprint, Flask, request
from flask import Response as FlaskResponse
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.wrappers import Response

from console import wording
from console.calling import add_calling
from console.cookies import SESSION, read_cookie
from console.entrance import add_entrance
from console.languages import install_languages, keep_language
from console.lead_files import add_lead_files
from console.pages import add_error_pages, add_filters, error_page, go_to, the_caller
from console.parts import Parts
from console.protection import install_csrf, protect, protect_blueprint, refuse_forged
from console.serving import add_serving
from console.sessions import signed_in
from core.access import Caller
from core.config import Settings
from core.store import Store
from dnc.gate import Gate
from web.problems import code_of, problem

STATIC = Path(__file__).parent / "static"
OPEN_ENDPOINTS = frozenset({"console.sign_in_page", "console.enter"})
"""What somebody who is not signed in may ask for; everything else leads to the sign-in page."""


def install_console(app: Flask, settings: Settings) -> None:
    """Give ``app`` what pages need: languages, CSRF tokens, and pages for addresses that nothing answers."""
    secure = settings.secure_cookies
    install_languages(app, secure)
    install_csrf(app, settings.secret, secure)

    def unanswered(error: HTTPException) -> Response:
        status = HTTPStatus(error.code or HTTPStatus.NOT_FOUND)
        accepted = request.accept_mimetypes
        if request.path.startswith("/v1/") or accepted.quality("text/html") <= accepted.quality("application/json"):
            response = problem(status, code_of(status), status.phrase, error.description or status.phrase)
        else:
            response = protect(error_page(status), secure)
        if isinstance(error, MethodNotAllowed):
            response.headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))
        return response

    for status in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED):
        app.register_error_handler(status, unanswered)


def console_blueprint(store: Store, gate: Gate, settings: Settings) -> Blueprint:
    """Return the pages; to be registered under ``Auth.SESSION`` with ``session_check``."""
    parts = Parts(store, gate, settings.secure_cookies)
    blueprint = Blueprint("console", __name__, template_folder="templates")
    protect_blueprint(blueprint, parts.secure_cookies)
    add_error_pages(blueprint)
    add_filters(blueprint)
    blueprint.add_app_template_global(wording.word, "word")
    blueprint.add_app_template_global(wording.reason_text, "reason_text")

    @blueprint.before_request
    def turn_away() -> Response | None:
        if the_caller() is None and request.endpoint not in OPEN_ENDPOINTS:
            is_lost = request.method == "POST" and request.endpoint != "console.leave"
            return go_to("console.sign_in_page", "?not_done=1" if is_lost else "")
        refuse_forged()
        return None

    @blueprint.after_request
    def remember_language(response: FlaskResponse) -> FlaskResponse:
        keep_language(response, parts.secure_cookies)
        return response

    add_entrance(blueprint, parts)
    add_calling(blueprint, parts)
    add_serving(blueprint, parts)
    add_lead_files(blueprint, parts)
    return blueprint


def static_blueprint(settings: Settings) -> Blueprint:
    """Return the console's scripts, styles and icons, which tell nothing; to be registered under ``Auth.PUBLIC``."""
    blueprint = Blueprint("assets", __name__, static_folder=str(STATIC), static_url_path="/assets")
    protect_blueprint(blueprint, settings.secure_cookies)
    return blueprint


def session_check(store: Store, settings: Settings) -> Callable[[], Caller | None]:
    """Return the function that says who is signed in with the present request's cookie, or None."""

    def check() -> Caller | None:
        token = read_cookie(SESSION, settings.secure_cookies)
        return signed_in(store, token) if token else None

    return check
