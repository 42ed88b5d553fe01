"""Customer service's page: everything on a number, opt-outs and releases, and the holds that wait as tasks."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from http import HTTPStatus

from flask import Blueprint, request
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from consent.terms import Channel
from console.instants import read_local, written_local
from console.languages import gettext
from console.pages import go_to, page, signed_in_caller
from console.parts import Parts
from console.queries import SellerName, names_of, sellers_of
from console.wording import CHANNELS, VIAS, error_sentence, error_title, number_fault
from core.access import Caller, Right
from core.errors import InvalidInput, Kind, ServiceError
from core.naming import NOTE_LENGTH, VERIFIED_BY_LENGTH
from core.numbers import Number, read_number
from core.sellers import seller_of
from dnc.file_holds import SettledHolds, close_file_holds, opt_out_file_holds, waiting_files
from dnc.holds import HoldReason, close_hold, count_open_holds, open_holds, opt_out_hold
from dnc.lookups import NumberRecord, look_up, looking_up
from dnc.opt_outs import add_opt_outs, release_opt_out
from web.problems import note_code, status_of

EVERY_SELLER = "*"
SETTLED_AT_ONCE = 1_000
"""Holds of a lead file that one sending of a form settles: a person waits for it."""
Change = Callable[[Session, Caller, Number, datetime], str]


@dataclass(frozen=True, slots=True)
class Task:
    """An open hold, as customer service finds it in its list."""

    id: str
    number: Number
    seller: str
    reason: str
    note: str
    made_at: datetime
    made_by: str


def add_serving(blueprint: Blueprint, parts: Parts) -> None:
    """Add customer service's page and what can be done on it; compliance sees it with fewer forms."""
    store = parts.store
    _add_lead_files(blueprint, parts)

    @blueprint.get("/customer-service")
    def service_page() -> Response:
        return _page(parts)

    @blueprint.post("/customer-service")
    def find() -> Response:
        return _answer(parts, Right.CLOSE_HOLD, None)

    @blueprint.post("/customer-service/opt-outs")
    def opt_out() -> Response:
        return _answer(parts, Right.ADD_OPT_OUT, partial(_opt_out, parts))

    @blueprint.post("/customer-service/opt-outs/<opt_out_id>/release")
    def release(opt_out_id: str) -> Response:
        def change(session: Session, caller: Caller, _number: Number, now: datetime) -> str:
            asked_at = read_local(request.form.get("asked_at", ""), now)
            if asked_at is None:
                raise Unfit(gettext("Say when the person asked."))
            release_opt_out(
                session,
                caller,
                store.keyring,
                opt_out_id=opt_out_id,
                asked_by_person_at=asked_at,
                verified_by=_text("verified_by", VERIFIED_BY_LENGTH),
                note=_text("note", NOTE_LENGTH),
                now=now,
            )
            return gettext("The opt-out is released, because the person asked for it.")

        return _answer(parts, Right.RELEASE_OPT_OUT, change)

    @blueprint.post("/customer-service/holds/<hold_id>/close")
    def close(hold_id: str) -> Response:
        def change(session: Session, caller: Caller, _number: Number, now: datetime) -> str:
            resolution = _text("resolution", NOTE_LENGTH)
            close_hold(session, caller, store.keyring, hold_id=hold_id, resolution=resolution, now=now)
            return gettext("The hold is closed. It no longer stops calls.")

        return _answer(parts, Right.CLOSE_HOLD, change)

    @blueprint.post("/customer-service/holds/<hold_id>/opt-out")
    def turn_into_opt_out(hold_id: str) -> Response:
        def change(session: Session, caller: Caller, _number: Number, now: datetime) -> str:
            opt_out_hold(session, caller, store.keyring, hold_id=hold_id, now=now)
            return gettext("The number is opted out, and the hold is closed.")

        return _answer(parts, Right.ADD_OPT_OUT, change)

    @blueprint.get("/customer-service/<path:_action>")
    def back_to_service_page(_action: str) -> Response:
        return go_to("console.service_page")


def _add_lead_files(blueprint: Blueprint, parts: Parts) -> None:
    """Add what settles a lead file's holds together."""

    @blueprint.post("/customer-service/lead-files/<lead_file_id>/holds/close")
    def close_of_file(lead_file_id: str) -> Response:
        resolution = _text("resolution", NOTE_LENGTH)
        close = partial(close_file_holds, lead_file_id=lead_file_id, resolution=resolution)
        return _settle_file(parts, Right.CLOSE_HOLD, close)

    @blueprint.post("/customer-service/lead-files/<lead_file_id>/holds/opt-out")
    def opt_out_of_file(lead_file_id: str) -> Response:
        return _settle_file(parts, Right.ADD_OPT_OUT, partial(opt_out_file_holds, lead_file_id=lead_file_id))


class Unfit(InvalidInput):
    """A form's field is missing or cannot be read; ``detail`` says which, in the reader's language."""


def _opt_out(parts: Parts, session: Session, caller: Caller, number: Number, now: datetime) -> str:
    seller, via = request.form.get("seller", ""), request.form.get("via", "")
    chosen = frozenset(Channel(name) for name in request.form.getlist("channel") if name in set(Channel))
    received = request.form.get("received_at", "")
    received_at = read_local(received, now, last=True) if received.strip() else now
    if not seller or via not in VIAS or not chosen or received_at is None:
        raise Unfit(gettext("Say for which seller, to which calls, how and when the person said no."))
    [result] = add_opt_outs(
        session,
        caller,
        parts.store.keyring,
        numbers=[number.e164],
        seller_id=None if seller == EVERY_SELLER else seller_of(session, caller, seller).id,
        channels=chosen,
        via=via,
        received_at=received_at,
        note=_text("note", NOTE_LENGTH),
        now=now,
    )
    if result.result == "already":
        return gettext("The number was opted out already. Nothing needed to be changed.")
    names = {
        EVERY_SELLER: gettext("Every seller"),
        **{one.slug: one.name for one in sellers_of(session, caller).values()},
    }
    return gettext("The number is opted out. It holds from now on: %(what)s.") % {
        "what": ", ".join([names[seller], *(str(words) for code, words in CHANNELS.items() if code in chosen)])
    }


def _text(name: str, longest: int) -> str:
    return request.form.get(name, "").strip()[:longest]


def _typed() -> dict[str, object]:
    """Return what was written and ticked in the form and where it was sent, to be shown again after a refusal."""
    written = {name: text[:NOTE_LENGTH] for name, text in request.form.items() if name != "csrf_token"}
    return {**written, "channels": request.form.getlist("channel"), "action": request.path}


def _answer(parts: Parts, right: Right, change: Change | None) -> Response:
    """Make the change, if one is asked for, and show everything on the number as it is after it, or why it was not."""
    caller, store = signed_in_caller(), parts.store
    caller.require(right)
    number = read_number(request.form.get("number", ""))
    if not isinstance(number, Number):
        return _page(parts, HTTPStatus.UNPROCESSABLE_ENTITY, problem=number_fault(number), typed=_typed())
    notice, problem, status = None, None, HTTPStatus.OK
    typed: dict[str, object] = {}
    if change is not None:
        try:
            with store.writing() as session:
                notice = change(session, caller, number, store.clock.now())
        except ServiceError as error:
            if error.kind not in (Kind.INVALID, Kind.CONFLICT):
                raise
            note_code(error.code)
            status, typed = status_of(type(error)), _typed()
            problem = error.detail if isinstance(error, Unfit) else error_sentence(error) or error_title(status)
    now = store.clock.now()
    with looking_up(store, caller, number=number, as_of=None, known_at=None, now=now) as session:
        record = look_up(session, caller, number=number, as_of=None, known_at=None, now=now)
        sellers = sellers_of(session, caller)
        names = names_of(session, _actors(record))
    context = {"record": record, "names": names, "notice": notice, "problem": problem, "now": written_local(now)}
    return _page(parts, status, sellers=sellers, typed=typed, **context)


def _settle_file(parts: Parts, right: Right, settle: Callable[..., SettledHolds]) -> Response:
    """Settle a lead file's open holds for the reason that the form names, and say how many are left."""
    caller = signed_in_caller()
    caller.require(right)
    reason = request.form.get("reason", "")
    if reason not in set(HoldReason):
        return _page(parts, HTTPStatus.UNPROCESSABLE_ENTITY, problem=error_title(HTTPStatus.UNPROCESSABLE_ENTITY))
    try:
        settled = settle(parts.store, caller, reason=HoldReason(reason), at_most=SETTLED_AT_ONCE)
    except InvalidInput as error:
        note_code(error.code)
        return _page(
            parts, status_of(type(error)), problem=error_sentence(error) or error_title(status_of(type(error)))
        )
    notice = gettext("Settled now: %(closed)s. Still waiting: %(still_open)s.") % {
        "closed": settled.closed,
        "still_open": settled.still_open,
    }
    if settled.closed_before:
        notice += " " + gettext("Settled by somebody else: %(count)s.") % {"count": len(settled.closed_before)}
    return _page(parts, notice=notice)


def _actors(record: NumberRecord) -> Iterable[str]:
    for opt_out in record.opt_outs:
        yield opt_out.recorded_by
        if opt_out.released_by is not None:
            yield opt_out.released_by
    for hold in record.holds:
        yield hold.made_by
        if hold.closed_by is not None:
            yield hold.closed_by
    yield from (check.asked_by for check in record.checks)


def _page(
    parts: Parts, status: int = HTTPStatus.OK, sellers: dict[str, SellerName] | None = None, **context: object
) -> Response:
    caller = signed_in_caller()
    caller.require(Right.CLOSE_HOLD)
    with parts.store.reading() as session:
        sellers = sellers_of(session, caller) if sellers is None else sellers
        holds = open_holds(session, caller.seller_id)
        waiting = count_open_holds(session, caller.seller_id)
        files = waiting_files(session, caller.seller_id)
        names = names_of(session, (hold.made_by for hold in holds))
        tasks = [
            Task(
                id=hold.id,
                number=Number(hold.number),
                seller=sellers[hold.seller_id].name,
                reason=hold.reason,
                note=hold.note,
                made_at=hold.made_at,
                made_by=names[hold.made_by],
            )
            for hold in holds
        ]
    shown = {"tasks": tasks, "files": files, "at_once": SETTLED_AT_ONCE, "waiting": waiting, "sellers": sellers}
    return page("customer_service.html", status, **shown, **context)
