"""The console over HTTP: who sees what, and what every page is protected by."""

import re
from datetime import timedelta

import pytest
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from cli.main import main
from core.access import Role, operator
from core.ledger import LedgerEntry
from core.sellers import seller_named
from dnc.gate import Gate
from dnc.holds import open_holds, report_objection
from dnc.models import Check
from tests.api.calling import Ringklar
from tests.api.forms import is_in, send, sign_in, token_of
from tests.seeding import (
    CAMPAIGN,
    FROM_LIST,
    FROM_PARTNER,
    LIST_SAYS,
    LIST_SOURCE_NAME,
    LIST_SUPPLIER_NAME,
    LISTED,
    OF_OTHER_SELLER,
    OPTED_OUT,
    OTHER_CAMPAIGN,
    Seeded,
)

STAFF = [role for role in Role if role is not Role.DIALER]
SERVICE = {Role.CUSTOMER_SERVICE, Role.COMPLIANCE}
NOBODYS_ID = "01a20000-0000-7000-8000-000000000000"

# Every page and form: who may. "not 403" is what being allowed means here.
TABLE: dict[tuple[str, str], set[Role]] = {
    ("GET", "/"): set(STAFF),
    ("GET", "/start"): set(STAFF),
    ("GET", "/sign-in"): set(STAFF),
    ("GET", "/call"): {Role.SALES},
    ("POST", "/call"): {Role.SALES},
    ("GET", "/call/objections"): set(STAFF),
    ("POST", "/call/objections"): {Role.SALES, Role.CUSTOMER_SERVICE},
    ("GET", "/lead-files"): {Role.LEAD_MANAGER, Role.COMPLIANCE},
    ("GET", "/customer-service"): SERVICE,
    ("POST", "/customer-service"): SERVICE,
    ("GET", "/customer-service/<path:_action>"): set(STAFF),
    ("POST", "/customer-service/opt-outs"): {Role.CUSTOMER_SERVICE},
    ("POST", "/customer-service/opt-outs/<opt_out_id>/release"): SERVICE,
    ("POST", "/customer-service/holds/<hold_id>/close"): SERVICE,
    ("POST", "/customer-service/holds/<hold_id>/opt-out"): {Role.CUSTOMER_SERVICE},
    ("POST", "/customer-service/lead-files/<lead_file_id>/holds/close"): SERVICE,
    ("POST", "/customer-service/lead-files/<lead_file_id>/holds/opt-out"): {Role.CUSTOMER_SERVICE},
}
IN_AND_OUT = {("POST", "/sign-in"), ("POST", "/sign-out")}


def routes(app: Flask) -> set[tuple[str, str]]:
    return {
        (method, rule.rule)
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("console.")
        for method in (rule.methods or set()) & {"GET", "POST"}
    }


def visit(client: FlaskClient, method: str, rule: str, **form: str) -> TestResponse:
    path = re.sub(r"<[^>]+>", NOBODYS_ID, rule)
    return client.get(path) if method == "GET" else send(client, path, **form)


def test_the_table_of_roles_names_every_page_and_form(app: Flask) -> None:
    assert routes(app) == set(TABLE) | IN_AND_OUT


@pytest.mark.parametrize("role", STAFF)
def test_a_role_gets_the_pages_and_forms_of_the_table_and_no_others(role: Role, client: FlaskClient) -> None:
    sign_in(client, role)

    allowed = set()
    for method, rule in TABLE:
        for number in ("inget nummer", FROM_PARTNER):
            answer = visit(client, method, rule, number=number, campaign=CAMPAIGN, check=NOBODYS_ID)
            assert answer.status_code in (200, 303, 403, 404, 422), (method, rule, answer.status_code)
            if answer.status_code != 403:
                allowed.add((method, rule))
            else:
                assert "Sidan är inte till för din roll" in answer.text

    assert allowed == {place for place, roles in TABLE.items() if role in roles}


def test_nobody_gets_anything_but_the_sign_in_page_without_signing_in(app: Flask, client: FlaskClient) -> None:
    for method, rule in set(TABLE) - {("GET", "/sign-in")}:
        answer = visit(client, method, rule, number=FROM_PARTNER)
        assert answer.status_code == 303, (method, rule)
        assert answer.headers["Location"].partition("?")[0] == "/sign-in"


def test_each_role_comes_first_to_a_page_of_its_own(app: Flask) -> None:
    first = {}
    for role in STAFF:
        client = app.test_client()
        sign_in(client, role)
        first[role] = client.get("/").headers["Location"]

    assert first == {
        Role.SALES: "/call",
        Role.CUSTOMER_SERVICE: "/customer-service",
        Role.COMPLIANCE: "/customer-service",
        Role.LEAD_MANAGER: "/start",
        Role.ADMIN: "/start",
    }


def test_an_administrator_is_told_the_commands_that_show_who_may_do_what(client: FlaskClient) -> None:
    sign_in(client, Role.ADMIN)

    named = re.findall(r"<code>ringklar ([a-z]+) ([a-z]+)", client.get("/start").text)

    assert {("key", "list"), ("user", "list")} <= set(named)
    for group, command in named:
        assert CliRunner().invoke(main, [group, command, "--help"]).exit_code == 0


@pytest.mark.parametrize("token", ["none", "made up", "another browser's"])
def test_a_form_without_this_browsers_token_changes_nothing(
    token: str, seeded: Seeded, app: Flask, client: FlaskClient
) -> None:
    sign_in(client, "customer_service")
    stranger = app.test_client()
    given = {"none": {}, "made up": {"csrf_token": "x.y.z"}, "another browser's": {"csrf_token": token_of(stranger)}}
    before = records(seeded)

    for method, rule in routes(app):
        if method == "POST":
            path = re.sub(r"<[^>]+>", NOBODYS_ID, rule)
            answer = client.post(path, data={"number": FROM_PARTNER, "name": "sales", **given[token]})
            assert answer.status_code == 400, rule
            assert "Formuläret är för gammalt" in answer.text

    assert records(seeded) == before
    assert is_in(client)


def records(seeded: Seeded) -> int:
    with seeded.service.store.reading() as session:
        return session.scalar(select(func.count()).select_from(LedgerEntry)) or 0


def test_callers_of_the_api_need_no_form_token(seeded: Seeded, client: FlaskClient) -> None:
    answer = client.post(
        "/v1/checks",
        json={"number": FROM_PARTNER, "campaign": CAMPAIGN},
        headers={"Authorization": f"Bearer {seeded.keys[Role.DIALER]}"},
    )

    assert answer.status_code == 201
    assert answer.json is not None
    assert answer.json["may_call"] is True


def test_a_session_is_no_key_to_the_api(client: FlaskClient) -> None:
    sign_in(client, "customer_service")

    assert client.post("/v1/lookups", json={"number": FROM_PARTNER}).status_code == 401


@pytest.mark.parametrize("role", STAFF)
def test_every_page_is_protected_and_holds_no_script_or_style_of_its_own(role: Role, client: FlaskClient) -> None:
    sign_in(client, role)
    answers = [visit(client, *place, number=FROM_PARTNER, campaign=CAMPAIGN) for place in TABLE]
    browser = {"Accept": "text/html"}
    answers += [client.get("/nothing", headers=browser), client.post("/call"), client.get("/assets/console.css")]

    for answer in answers:
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        if answer.mimetype == "text/html":
            assert answer.headers["Cache-Control"] == "no-store"
            assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=|javascript:|https?://", answer.text)
        answer.close()


def test_a_bought_list_is_named_nowhere_on_the_sales_page(client: FlaskClient) -> None:
    sign_in(client, "sales")

    text = send(client, "/call", campaign=CAMPAIGN, number=FROM_LIST).text

    assert LIST_SAYS in text
    for secret in (LIST_SOURCE_NAME, LIST_SUPPLIER_NAME, "fjallraven"):
        assert secret not in text


def test_sales_are_told_when_to_ask_again_only_where_time_is_all_that_stands_in_the_way(
    client: FlaskClient, seeded: Seeded
) -> None:
    seeded.clock.at += timedelta(hours=12)
    sign_in(client, "sales")

    assert "Fråga igen 25 nov. 2026 08:00." in send(client, "/call", campaign=CAMPAIGN, number=FROM_PARTNER).text
    for number in (OPTED_OUT, LISTED):
        text = send(client, "/call", campaign=CAMPAIGN, number=number).text
        assert "Ring inte" in text
        assert "Fråga igen" not in text


@pytest.mark.parametrize(("role", "path"), [("sales", "/call"), ("customer_service", "/customer-service")])
def test_the_number_shown_as_an_example_is_one_that_reaches_nobody(role: str, path: str, client: FlaskClient) -> None:
    sign_in(client, role)

    assert 'placeholder="070-174 06 05"' in client.get(path).text


def test_a_user_of_one_seller_reaches_nothing_of_another(client: FlaskClient, app: Flask) -> None:
    sign_in(client, "sales")
    assert send(client, "/call", campaign=OTHER_CAMPAIGN, number=OF_OTHER_SELLER).status_code == 422
    helper = app.test_client()
    sign_in(helper, "customer_service")

    assert "Hemtävlingen" not in send(helper, "/customer-service", number=OF_OTHER_SELLER).text
    refused = send(
        helper, "/customer-service/opt-outs", number=OF_OTHER_SELLER, seller="*", via="phone", channel="voice"
    )
    assert refused.status_code == 404
    everywhere = app.test_client()
    sign_in(everywhere, "every_seller")
    assert "Hemtävlingen" in send(everywhere, "/customer-service", number=OF_OTHER_SELLER).text


def test_the_number_of_tasks_is_that_of_all_that_wait_also_where_there_are_more_than_are_shown(
    client: FlaskClient, seeded: Seeded
) -> None:
    service = seeded.service
    with service.store.writing() as session:
        seller = seller_named(session, "norrsken").id
        for last in range(605, 700):
            for note in ("", "igen"):
                report_objection(
                    session,
                    operator("test"),
                    service.keyring,
                    number=46701740000 + last,
                    seller_id=seller,
                    note=note,
                    now=service.clock.now(),
                )
    sign_in(client, "customer_service")

    text = client.get("/customer-service").text

    assert "Uppgifter <small>190</small>" in text
    assert text.count('/opt-out" hx-post') == 100
    assert "De första 100 visas: de äldsta från samtal, sedan de från leveranser." in text


def test_a_text_too_long_for_a_number_is_refused_whole_and_never_cut_to_one(
    client: FlaskClient, seeded: Seeded
) -> None:
    """As the API refuses it: the end that would be cut off may be another number."""
    written = FROM_PARTNER + " " * 250 + FROM_LIST
    sign_in(client, "sales")
    asked = send(client, "/call", campaign=CAMPAIGN, number=written)
    sign_in(client, "customer_service")
    given = {"seller": "norrsken", "channel": "voice", "via": "phone", "number": written}
    served = [send(client, "/customer-service", number=written), send(client, "/customer-service/opt-outs", **given)]

    for answer in (asked, *served):
        assert answer.status_code == 422
        assert "Numret kan inte läsas. Det har för många siffror." in answer.text
        assert FROM_LIST in answer.text, "what was written stands in the field still, whole"
    with seeded.service.store.reading() as session:
        assert session.scalar(select(func.count()).select_from(Check)) == 0


def test_numbers_stand_in_no_log_line(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    sign_in(client, "sales")
    send(client, "/call", campaign=CAMPAIGN, number=FROM_PARTNER)

    written = "".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    assert "701740605" not in written


def test_an_address_that_nothing_answers_is_a_page_for_people_and_a_problem_for_machines(client: FlaskClient) -> None:
    person = client.get("/nothing", headers={"Accept": "text/html,*/*;q=0.8"})
    machine = client.get("/nothing", headers={"Accept": "*/*"})
    api = client.get("/v1/nothing", headers={"Accept": "text/html"})
    typed = client.get("/sign-out", headers={"Accept": "text/html"})
    wrong = client.get("/v1/checks", headers={"Accept": "*/*"})

    assert (person.status_code, person.mimetype) == (404, "text/html")
    assert (machine.status_code, machine.mimetype) == (404, "application/problem+json")
    assert (api.status_code, api.mimetype) == (404, "application/problem+json")
    assert (typed.status_code, typed.mimetype) == (405, "text/html")
    assert (wrong.status_code, wrong.mimetype) == (405, "application/problem+json")
    assert "POST" in wrong.headers["Allow"]


def test_a_failure_is_a_page_that_tells_nothing_but_not_to_call(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(client, "sales")

    def fail(*_args: object) -> None:
        raise RuntimeError("a secret of the machine")

    monkeypatch.setattr(Gate, "ask", fail)
    answer = send(client, "/call", campaign=CAMPAIGN, number=FROM_PARTNER)

    assert answer.status_code == 500
    assert "Inget svar betyder ring inte." in answer.text
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    "form",
    [
        {"number": "0701740605\x00", "campaign": CAMPAIGN},
        {"number": FROM_PARTNER, "campaign": "\x00"},
    ],
)
def test_text_that_no_database_can_keep_is_refused(form: dict[str, str], client: FlaskClient) -> None:
    sign_in(client, "sales")

    assert send(client, "/call", **form).status_code == 400


@pytest.mark.parametrize("path", ["opt-outs/%00/release", "holds/a%00/close", "holds/a%00/opt-out"])
def test_an_address_that_no_database_can_be_asked_for_is_refused(path: str, ringklar: Ringklar) -> None:
    client = ringklar.app.test_client()
    sign_in(client, "customer_service")
    form = {"asked_at": "2026-11-24T10:00", "verified_by": "bank id", "resolution": "none"}

    assert send(client, f"/customer-service/{path}", number=FROM_PARTNER, **form).status_code == 400


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"seller": "norrsken"},
        {"seller": "norrsken", "via": "pigeon", "channel": "voice"},
        {"seller": "norrsken", "via": "phone", "channel": "smoke"},
        {"seller": "norrsken", "via": "phone", "channel": "voice", "received_at": "i förrgår"},
        {"seller": "norrsken", "via": "phone", "channel": "voice", "received_at": "2027-01-01T10:00"},
    ],
)
def test_an_opt_out_that_lacks_something_is_refused_in_words_and_not_recorded(
    form: dict[str, str], client: FlaskClient
) -> None:
    sign_in(client, "customer_service")

    answer = send(client, "/customer-service/opt-outs", number=FROM_PARTNER, **form)

    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert "Ingen spärr" in answer.text


def test_an_objection_that_is_sent_twice_is_one_hold_and_one_task(seeded: Seeded, client: FlaskClient) -> None:
    sign_in(client, "sales")
    asked = send(client, "/call", campaign=CAMPAIGN, number=FROM_PARTNER)
    check = re.search(r'name="check" value="([^"]+)"', asked.text)
    assert check is not None

    for note in ("ringde om el", "ringde om el", "och om larm"):
        assert "Numret är spärrat nu" in send(client, "/call/objections", check=check[1], note=note).text

    with seeded.service.store.reading() as session:
        assert [hold.note for hold in open_holds(session, None)] == ["ringde om el", "och om larm"]


def test_a_hold_that_somebody_else_has_closed_is_told_and_not_closed_again(seeded: Seeded, client: FlaskClient) -> None:
    sign_in(client, "sales")
    asked = send(client, "/call", campaign=CAMPAIGN, number=FROM_PARTNER)
    check = re.search(r'name="check" value="([^"]+)"', asked.text)
    assert check is not None
    assert "Numret är spärrat nu" in send(client, "/call/objections", check=check[1]).text
    send(client, "/sign-out")
    sign_in(client, "customer_service")
    path = re.search(r'action="(/customer-service/holds/[^/]+/close)"', client.get("/customer-service").text)
    assert path is not None

    first = send(client, path[1], number=FROM_PARTNER, resolution="Utrett")
    second = send(client, path[1], number=FROM_PARTNER, resolution="Utrett en gång till")

    assert first.status_code == 200
    assert second.status_code == 409
    assert "Det var redan gjort" in second.text
    assert "Utrett en gång till" not in second.text


def test_htmx_gets_the_answer_alone_and_is_led_to_the_sign_in_page_when_the_session_is_over(
    client: FlaskClient,
) -> None:
    sign_in(client, "sales")
    form = {"csrf_token": token_of(client), "campaign": CAMPAIGN, "number": FROM_PARTNER}
    answer = client.post("/call", data=form, headers={"HX-Request": "true"})
    assert "Du får ringa" in answer.text
    assert "<html" not in answer.text
    client.delete_cookie("ringklar-session")

    over = client.post("/call", data=form, headers={"HX-Request": "true"})

    assert over.headers["HX-Redirect"] == "/sign-in?not_done=1"
    assert over.text == ""
