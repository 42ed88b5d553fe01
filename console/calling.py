"""The sales page: may I call this number, what do I say, and the person does not want to be called."""

from collections.abc import Sequence
from http import HTTPStatus

from flask import Blueprint, request
from werkzeug.wrappers import Response

from console.languages import gettext
from console.pages import go_to, page, signed_in_caller
from console.parts import Parts
from console.wording import number_fault
from core.access import Right
from core.naming import NOTE_LENGTH
from core.number_plan import NumberFault
from core.number_text import LONGEST_TEXT
from core.numbers import Number, read_number
from core.sellers import seller_of
from dnc.campaigns import campaigns_of
from dnc.gate import Question
from dnc.holds import report_objection
from dnc.reasons import ENDED_BY_TIME
from dnc.recorded import check_on_record
from dnc.schemas import CheckDocument


def add_calling(blueprint: Blueprint, parts: Parts) -> None:
    """Add the sales page."""
    store = parts.store

    @blueprint.get("/call")
    def call_page() -> Response:
        signed_in_caller().require(Right.CHECK)
        return page("call.html", campaigns=_campaigns(parts), chosen="", written="")

    @blueprint.post("/call")
    def ask() -> Response:
        caller = signed_in_caller()
        caller.require(Right.CHECK)
        campaigns, chosen = _campaigns(parts), request.form.get("campaign", "")
        written = request.form.get("number", "")
        form: dict[str, object] = {"campaigns": campaigns, "chosen": chosen, "written": written}
        problem = _problem(campaigns, chosen, written)
        if problem is not None:
            return page("call.html", HTTPStatus.UNPROCESSABLE_ENTITY, **form, problem=problem)
        answer = parts.gate.ask(caller, chosen, Question(written))
        # The document is what a dialer gets: it never names a bought list.
        check = CheckDocument.model_validate_json(answer.json)
        shown = answer.number.national if answer.number is not None else None
        # Where anything else stands in the way, an hour to ask again at would only invite to try a person who said no.
        only_time = all(reason.code in ENDED_BY_TIME for reason in check.reasons)
        again = check.retry_at if only_time else None
        return page("call.html", HTTPStatus.OK, **form, check=check, shown=shown, ask_again_at=again)

    @blueprint.post("/call/objections")
    def object_to_calls() -> Response:
        caller = signed_in_caller()
        caller.require(Right.REPORT_OBJECTION)
        with store.writing() as session:
            check = CheckDocument.model_validate(check_on_record(session, caller, request.form.get("check", "")))
            number = read_number(check.number)
            if isinstance(number, Number):
                report_objection(
                    session,
                    caller,
                    store.keyring,
                    number=number.value,
                    seller_id=seller_of(session, caller, check.seller).id,
                    note=request.form.get("note", "").strip()[:NOTE_LENGTH],
                    now=store.clock.now(),
                )
        held = number.national if isinstance(number, Number) else None
        return page("call.html", campaigns=_campaigns(parts), chosen=check.campaign, written="", held=held)

    @blueprint.get("/call/objections")
    def back_to_call_page() -> Response:
        return go_to("console.call_page")


def _campaigns(parts: Parts) -> Sequence[tuple[str, str]]:
    """Return slug and name of each campaign that the caller may ask for."""
    with parts.store.reading() as session:
        return [(found.slug, found.name) for found in campaigns_of(session, signed_in_caller().seller_id)]


def _problem(campaigns: Sequence[tuple[str, str]], chosen: str, written: str) -> str | None:
    if not any(slug == chosen for slug, _name in campaigns):
        return gettext("Choose a campaign.")
    if len(written) > LONGEST_TEXT:
        return number_fault(NumberFault.TOO_LONG)
    return None if written.strip() else gettext("Write a number.")
