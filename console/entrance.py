"""Signing in and out, and the first page of each role."""

from http import HTTPStatus

from flask import Blueprint, request
from werkzeug.wrappers import Response

from console.cookies import SESSION, clear_cookie, read_cookie, set_cookie
from console.pages import go_to, page, signed_in_caller, the_caller
from console.parts import Parts
from console.protection import renew_forms
from console.sessions import sign_in, sign_out
from core.access import Right


def add_entrance(blueprint: Blueprint, parts: Parts) -> None:
    """Add sign-in, sign-out and the first page."""

    @blueprint.get("/sign-in")
    def sign_in_page() -> Response:
        if the_caller() is not None:
            return go_to("console.first")
        return page("sign_in.html", refused=False, name="", not_done="not_done" in request.args)

    @blueprint.post("/sign-in")
    def enter() -> Response:
        name = request.form.get("name", "")
        token = sign_in(parts.store, name, request.form.get("password", ""))
        if token is None:
            return page("sign_in.html", HTTPStatus.UNPROCESSABLE_ENTITY, refused=True, name=name[:100])
        _end(parts)
        response = go_to("console.first")
        set_cookie(response, SESSION, token, parts.secure_cookies)
        return response

    @blueprint.post("/sign-out")
    def leave() -> Response:
        _end(parts)
        response = go_to("console.sign_in_page")
        clear_cookie(response, SESSION, parts.secure_cookies)
        return response

    @blueprint.get("/")
    def first() -> Response:
        caller = signed_in_caller()
        if caller.may(Right.CHECK):
            return go_to("console.call_page")
        if caller.may(Right.CLOSE_HOLD):
            return go_to("console.service_page")
        return go_to("console.start_page")

    @blueprint.get("/start")
    def start_page() -> Response:
        return page("start.html")


def _end(parts: Parts) -> None:
    """End the session that the browser came with, if any: a token never outlives a sign-in or sign-out."""
    token = read_cookie(SESSION, parts.secure_cookies)
    if token is not None:
        sign_out(parts.store, token)
    renew_forms()
