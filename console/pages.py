"""How a page is rendered: whole, or only its answer when htmx asks; and how a refusal becomes a page in words."""

import logging
from http import HTTPStatus

from flask import Blueprint, Response, g, make_response, redirect, render_template, request, url_for
from flask_wtf.csrf import CSRFError
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from console import wording
from console.languages import chosen_language, written_day, written_moment
from console.wording import error_sentence, error_title, status_sentence
from core import naming
from core.access import Caller, Right
from core.errors import ServiceError
from web.problems import note_code, status_of

log = logging.getLogger(__name__)
NUL = "\x00"


def the_caller() -> Caller | None:
    """Return who is signed in, or None."""
    caller: Caller | None = g.get("caller")
    return caller


def signed_in_caller() -> Caller:
    """Return who is signed in, where the blueprint has seen to it that somebody is."""
    caller = the_caller()
    assert caller is not None  # noqa: S101 - the blueprint turns everyone else away before a view runs
    return caller


def wants_fragment() -> bool:
    """Return whether htmx asks, and so puts the answer into the page that is there."""
    return request.headers.get("HX-Request") == "true"


def page(template: str, status: int = HTTPStatus.OK, **context: object) -> Response:
    """Return the template as a page, or its ``answer`` block alone if htmx asks."""
    caller = the_caller()
    text = render_template(
        template,
        fragment=wants_fragment(),
        lang=chosen_language(),
        user=caller,  # "caller" is a word of Jinja's own
        may=caller.may if caller is not None else _nothing,
        Right=Right,
        wording=wording,
        naming=naming,
        **context,
    )
    response = make_response(text, int(status))
    response.headers["Vary"] = "HX-Request, Cookie"
    return response


def _nothing(_right: Right) -> bool:
    return False


def go_to(endpoint: str, query: str = "") -> BaseResponse:
    """Return a redirection to a page of ours, with the ``query`` behind its address, that htmx follows as a browser."""
    address = url_for(endpoint) + query
    if wants_fragment():
        return Response(status=HTTPStatus.OK, headers={"HX-Redirect": address})
    return redirect(address, HTTPStatus.SEE_OTHER)


def error_page(status: int, sentence: str | None = None) -> Response:
    """Return a page that says in words why the request was not carried out."""
    return page(
        "error.html",
        status,
        title=error_title(status),
        sentence=sentence or status_sentence(status),
        request_id=g.get("request_id"),
    )


def add_error_pages(blueprint: Blueprint) -> None:
    """Make every error of the blueprint's views a page; unknown failures are opaque and logged by request id."""

    @blueprint.before_request
    def refuse_unstorable() -> Response | None:
        if NUL in request.path or any(NUL in text for values in request.form.listvalues() for text in values):
            return error_page(HTTPStatus.BAD_REQUEST)
        return None

    @blueprint.errorhandler(ServiceError)
    def refused(error: ServiceError) -> Response:
        note_code(error.code)
        return error_page(status_of(type(error)), error_sentence(error))

    @blueprint.errorhandler(CSRFError)
    @blueprint.errorhandler(ParseException)
    def forged(_error: CSRFError | ParseException) -> Response:
        return error_page(HTTPStatus.BAD_REQUEST)

    @blueprint.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        return error_page(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)

    @blueprint.errorhandler(Exception)
    def failed(error: Exception) -> Response:
        log.error("page failed", exc_info=error, extra={"request_id": g.get("request_id")})
        return error_page(HTTPStatus.INTERNAL_SERVER_ERROR)


def add_filters(blueprint: Blueprint) -> None:
    """Give the templates their filters: moments and days in the reader's language and Swedish local time."""
    blueprint.add_app_template_filter(written_moment, "moment")
    blueprint.add_app_template_filter(written_day, "day")
