"""What each role may see of a number, and that a bought list is never named to those who call."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from importlib import import_module

import pytest
from sqlalchemy import select

from core.access import Role
from dnc.facts import RestrictionKind
from dnc.restrictions import restrict
from leads.models import Lead, LeadFile
from tests.api.calling import Json, Ringklar, answered
from tests.seeding import (
    CAMPAIGN,
    FROM_LIST,
    FROM_PARTNER,
    LIST_SAYS,
    LIST_SOURCE,
    LIST_SOURCE_NAME,
    LIST_SUPPLIER_NAME,
    OPERATOR,
    OPTED_OUT,
    PARTNER_NAME,
    PARTNER_SAYS,
    PARTNER_SOURCE_NAME,
    SELLER,
)

LIST_NAMES = (LIST_SOURCE, LIST_SOURCE_NAME, LIST_SUPPLIER_NAME, "fjallraven", "Fjällräven", "Premium")


def look_up(application: Ringklar, number: str, role: Role, **moments: str) -> Json:
    """Return what the role sees of the number."""
    return answered(application.post("/v1/lookups", {"number": number, **moments}, role=role), 200)


def _settle(ringklar: Ringklar, hold_id: str) -> None:
    answered(ringklar.post(f"/v1/holds/{hold_id}/opt-out", {}, role=Role.CUSTOMER_SERVICE), 200)


def _refuse(ringklar: Ringklar, _hold_id: str) -> None:
    ringklar.opt_out(FROM_PARTNER)


@pytest.mark.parametrize("role", [Role.DIALER, Role.SALES])
def test_those_who_call_never_learn_who_sold_a_list_from_any_answer(ringklar: Ringklar, role: Role) -> None:
    check_body = {"number": FROM_LIST, "campaign": CAMPAIGN}
    check = ringklar.post("/v1/checks", check_body, role=role)
    started_at = ringklar.service.clock.now().isoformat()
    contact = {
        "check_id": check.json["id"] if check.json else "",
        "call_id": "c-1",
        "started_at": started_at,
        "outcome": "asked_source",
    }
    ringklar.opt_out(FROM_LIST)
    answers = [
        check,
        ringklar.post("/v1/checks", check_body, role=role),
        ringklar.post("/v1/checks/batch", {"numbers": [FROM_LIST, OPTED_OUT], "campaign": CAMPAIGN}, role=role),
        ringklar.post("/v1/what-if", check_body, role=role),
        ringklar.post("/v1/contacts", contact, role=role),
        ringklar.post("/v1/lookups", {"number": FROM_LIST}, role=role),
        ringklar.get(f"/v1/checks/{contact['check_id']}", role),
        ringklar.get("/v1/changes", role),
        ringklar.get("/v1/registers", role),
    ]
    every_path = {re.sub(r"{\w+}", contact["check_id"], operation.path) for operation in ringklar.operations}
    answers += [ringklar.ask(method, path, role=role) for path in sorted(every_path) for method in ("GET", "POST")]

    assert answered(check, 201)["source"] == {"kind": "list", "say": LIST_SAYS, "say_en": None}
    with ringklar.service.store.reading() as session:
        ids = session.execute(
            select(LeadFile.source_id, LeadFile.id)
            .join(Lead, Lead.file_no == LeadFile.no)
            .where(Lead.number == int(FROM_LIST[1:]))
        ).one()
    assert "LIA-2026-03" not in answers[5].text
    for answer in answers:
        for name in (*LIST_NAMES, *ids):
            assert name not in answer.text
            assert json.dumps(name)[1:-1] not in answer.text


def test_no_moment_tells_sales_one_bought_list_from_another(ringklar: Ringklar) -> None:
    moments = "collected_at", "received_at", "expires_at"
    [seen], [whole] = (look_up(ringklar, FROM_LIST, role)["leads"] for role in (Role.SALES, Role.CUSTOMER_SERVICE))

    assert [seen[name] for name in moments] == [None, None, None]
    assert all(whole[name] for name in moments)


def test_no_moment_that_sales_ask_about_tells_when_a_bought_list_came_or_was_paused(ringklar: Ringklar) -> None:
    """Asked again and again, each time for another moment, it would be told to the second."""
    [now] = look_up(ringklar, FROM_LIST, Role.SALES)["leads"]
    before = "2026-11-24T08:59:59Z"

    for moments in ({"as_of": before}, {"known_at": before}, {"as_of": before, "known_at": before}):
        assert look_up(ringklar, FROM_LIST, Role.SALES, **moments)["leads"] == [now]
        assert look_up(ringklar, FROM_PARTNER, Role.SALES, **moments)["leads"] == []
        assert look_up(ringklar, FROM_LIST, Role.CUSTOMER_SERVICE, **moments)["leads"] == []
    ringklar.seeded.clock.at += timedelta(hours=1)
    answered(ringklar.post(f"/v1/sources/{LIST_SOURCE}/pause", {"reason": "x"}, Role.LEAD_MANAGER), 200)
    for moments in ({}, {"as_of": "2026-11-24T09:30:00Z"}):
        assert [lead["paused"] for lead in look_up(ringklar, FROM_LIST, Role.SALES, **moments)["leads"]] == [True]


def test_sales_see_the_very_contest_of_a_partner(ringklar: Ringklar) -> None:
    seen = look_up(ringklar, FROM_PARTNER, Role.SALES)

    assert "LIA-2026-03" in json.dumps(seen)
    assert [(lead["source"], lead["supplier"], lead["say"]) for lead in seen["leads"]] == [
        (PARTNER_SOURCE_NAME, PARTNER_NAME, PARTNER_SAYS)
    ]
    assert (seen["checks"], seen["opt_outs"], seen["consents"], seen["contacts"]) == ([], [], [], [])


def test_sales_learn_that_a_person_said_no_but_not_how(ringklar: Ringklar) -> None:
    seen = look_up(ringklar, OPTED_OUT, Role.SALES)

    assert (seen["opted_out"], seen["opt_outs"]) == (True, [])


@pytest.mark.parametrize("kind", RestrictionKind)
def test_sales_learn_that_a_restricted_number_is_not_called_but_not_why(
    ringklar: Ringklar, kind: RestrictionKind
) -> None:
    now, keyring = ringklar.service.clock.now(), ringklar.service.keyring
    assert not look_up(ringklar, FROM_PARTNER, Role.SALES)["held"]
    with ringklar.service.store.writing() as session:
        restrict(session, OPERATOR, keyring, number=int(FROM_PARTNER), seller_id=None, kind=kind, note="", now=now)

    seen, whole = (look_up(ringklar, FROM_PARTNER, role) for role in (Role.SALES, Role.CUSTOMER_SERVICE))

    assert (seen["held"], seen["restrictions"], seen["holds"]) == (True, [], [])
    assert (whole["held"], whole["restrictions"]) == (False, [kind])


@pytest.mark.parametrize("role", [Role.CUSTOMER_SERVICE, Role.COMPLIANCE])
def test_customer_service_and_compliance_see_the_whole_origin(ringklar: Ringklar, role: Role) -> None:
    [lead] = look_up(ringklar, FROM_LIST, role)["leads"]

    assert (lead["kind"], lead["source"], lead["supplier"]) == ("list", LIST_SOURCE_NAME, LIST_SUPPLIER_NAME)
    assert (lead["file"], lead["row"]) == ("adresslistan.csv", 1)


Change = Callable[[Ringklar, str], None]
MEANWHILE: dict[str, tuple[str, Change]] = {
    "a hold becomes an opt-out after opt-outs were read": ("dnc.lookups._holds", _settle),
    "a no is said after the look-up and before the past": ("dnc.history.routes.timeline", _refuse),
}


@pytest.mark.parametrize("role", [Role.SALES, Role.CUSTOMER_SERVICE])
@pytest.mark.parametrize("meanwhile", MEANWHILE)
def test_what_is_changed_while_a_number_is_looked_up_is_told_in_all_of_the_answer_or_in_none(
    ringklar: Ringklar, monkeypatch: pytest.MonkeyPatch, meanwhile: str, role: Role
) -> None:
    objection = {"seller": SELLER, "number": FROM_PARTNER}
    place, change = MEANWHILE[meanwhile]
    hold_id = ""
    if change is _settle:
        hold_id = answered(ringklar.post("/v1/objections", objection, role=Role.SALES), 201)["hold_id"]
    module, _, name = place.rpartition(".")
    read = getattr(import_module(module), name)

    def read_later(*given: object, **named: object) -> object:
        monkeypatch.setattr(place, read)
        change(ringklar, hold_id)
        return read(*given, **named)

    monkeypatch.setattr(place, read_later)
    seen = look_up(ringklar, FROM_PARTNER, role)

    assert (seen["opted_out"], seen["held"]) == (False, change is _settle)
    for one in seen["standing"]:
        assert ("opted_out" in one["as_known_now"]["reasons"]) == seen["opted_out"]
        assert ("held" in one["as_known_now"]["reasons"]) == seen["held"]
    seen = look_up(ringklar, FROM_PARTNER, role)
    assert (seen["opted_out"], seen["held"]) == (True, False)


def test_every_look_up_is_on_record(ringklar: Ringklar) -> None:
    look_up(ringklar, FROM_PARTNER, Role.SALES)  # which begins this process's chain, too
    before = ringklar.row_counts()["ledger_entries"]

    for role in (Role.SALES, Role.CUSTOMER_SERVICE, Role.COMPLIANCE):
        look_up(ringklar, FROM_PARTNER, role)

    assert ringklar.row_counts()["ledger_entries"] == before + 3


def test_the_past_is_shown_as_it_was_and_as_it_was_known(ringklar: Ringklar) -> None:
    said_at, recorded_at = "2026-11-24T08:00:00Z", "2026-11-24T09:00:00Z"

    def opted_out(**moments: str) -> bool:
        return bool(look_up(ringklar, OPTED_OUT, Role.CUSTOMER_SERVICE, **moments)["opted_out"])

    assert opted_out()
    assert opted_out(as_of=said_at)
    assert not opted_out(as_of="2026-11-24T07:59:59Z")
    assert not opted_out(as_of=said_at, known_at="2026-11-24T08:59:59Z")
    assert opted_out(as_of=said_at, known_at=recorded_at)


def test_checks_and_contacts_show_up_for_customer_service(ringklar: Ringklar) -> None:
    check = ringklar.check("070-174 06 05")

    seen = look_up(ringklar, FROM_PARTNER, Role.CUSTOMER_SERVICE)

    assert [(past["id"], past["verdict"]) for past in seen["checks"]] == [(check["id"], "allow")]


def test_why_was_this_callable_is_answered_twice(ringklar: Ringklar) -> None:
    ringklar.opt_out(FROM_PARTNER)
    moment = "2026-11-24T09:00:00Z"

    seen = look_up(ringklar, FROM_PARTNER, Role.COMPLIANCE, as_of=moment, known_at="2026-11-24T08:59:59Z")

    assert seen["known_then"] == "2026-11-24T08:59:59Z"
    own_no = [one for one in seen["history"] if one["kind"] == "opt_out"]
    assert [(one["was_true"], one["was_known"]) for one in own_no] == [(True, False)]
    [answers] = [one for one in seen["standing"] if one["campaign"] == CAMPAIGN]
    assert answers["as_known_then"]["may_call"] is False
    assert "opted_out" not in answers["as_known_then"]["reasons"]
    assert answers["as_known_now"] == {
        "verdict": "deny",
        "may_call": False,
        "reasons": ["opted_out"],
        "policy": "se-2026-1",
    }
    assert any("opted_out" in one["text"] for one in seen["differences"] if one["campaign"] == CAMPAIGN)
    assert any(one["kind"] == "opt_out" for one in seen["differences"])


def test_sales_are_told_nothing_of_a_numbers_past(ringklar: Ringklar) -> None:
    seen = look_up(ringklar, OPTED_OUT, Role.SALES)

    assert (seen["standing"], seen["history"], seen["differences"]) == ([], [], [])
