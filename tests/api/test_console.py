"""The console over HTTP: who gets in, who sees what, and what every page is protected by."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from app import create_app
from core.access import Role, User, WebSession, secret_hash
from core.ledger import LedgerEntry
from dnc.gate import Gate
from tests.seeding import (
    CAMPAIGN,
    FROM_LIST,
    FROM_PARTNER,
    LIST_SAYS,
    LIST_SOURCE_NAME,
    LIST_SUPPLIER_NAME,
    OF_OTHER_SELLER,
    OTHER_CAMPAIGN,
    PASSWORD,
    Seeded,
    seed,
)

STAFF = [role for role in Role if role is not Role.DIALER]
SERVICE = {Role.CUSTOMER_SERVICE, Role.COMPLIANCE}
NOBODYS_ID = "01a20000-0000-7000-8000-000000000000"
WRONG = "fel lösenord helt"
MINUTE = timedelta(minutes=1)

# Every page and form: who may. "not 403" is what being allowed means here.
TABLE: dict[tuple[str, str], set[Role]] = {
    ("GET", "/"): set(STAFF),
    ("GET", "/start"): set(STAFF),
    ("GET", "/sign-in"): set(STAFF),
    ("GET", "/call"): {Role.SALES},
    ("POST", "/call"): {Role.SALES},
    ("GET", "/call/objections"): set(STAFF),
    ("POST", "/call/objections"): {Role.SALES, Role.CUSTOMER_SERVICE},
    ("GET", "/customer-service"): SERVICE,
    ("POST", "/customer-service"): SERVICE,
    ("GET", "/customer-service/<path:_action>"): set(STAFF),
    ("POST", "/customer-service/opt-outs"): {Role.CUSTOMER_SERVICE},
    ("POST", "/customer-service/opt-outs/<opt_out_id>/release"): SERVICE,
    ("POST", "/customer-service/holds/<hold_id>/close"): SERVICE,
    ("POST", "/customer-service/holds/<hold_id>/opt-out"): {Role.CUSTOMER_SERVICE},
}
IN_AND_OUT = {("POST", "/sign-in"), ("POST", "/sign-out")}


@pytest.fixture
def seeded(sqlite_url: str, tmp_path: Path) -> Iterator[Seeded]:
    found = seed(sqlite_url, tmp_path)
    yield found
    found.service.close()


@pytest.fixture
def app(seeded: Seeded) -> Flask:
    return create_app(seeded.service)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def token_of(client: FlaskClient, path: str = "/sign-in") -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get(path, follow_redirects=True).text)
    assert found is not None
    return found[1]


def send(client: FlaskClient, path: str, **form: str) -> TestResponse:
    """Send a form as a browser does, with its token."""
    return client.post(path, data={"csrf_token": token_of(client), **form})


def sign_in(client: FlaskClient, name: str, password: str = PASSWORD) -> TestResponse:
    return send(client, "/sign-in", name=name, password=password)


def session_cookie(client: FlaskClient, name: str = "ringklar-session") -> str | None:
    cookie = client.get_cookie(name)
    return None if cookie is None else cookie.value


def is_in(client: FlaskClient) -> bool:
    return client.get("/start").status_code == 200


def sessions_kept(seeded: Seeded) -> int:
    with seeded.service.store.reading() as session:
        return session.scalar(select(func.count()).select_from(WebSession)) or 0


def test_only_the_hash_of_the_token_is_kept_and_the_cookie_is_out_of_reach(seeded: Seeded, client: FlaskClient) -> None:
    answer = sign_in(client, "sales")

    [header] = [line for line in answer.headers.getlist("Set-Cookie") if line.startswith("ringklar-session=")]
    assert answer.status_code == 303
    assert "HttpOnly" in header
    assert "SameSite=Lax" in header
    token = session_cookie(client)
    assert token is not None
    assert len(token) >= 43
    with seeded.service.store.reading() as session:
        assert session.scalars(select(WebSession.token_hash)).all() == [secret_hash(token)]


def test_over_https_every_cookie_is_bound_to_this_host(sqlite_url: str, tmp_path: Path) -> None:
    found = seed(sqlite_url, tmp_path, secure_cookies=True)
    client = create_app(found.service).test_client()
    page = client.get("/sign-in?lang=en", base_url="https://localhost")
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert token is not None
    form = {"csrf_token": token[1], "name": "sales", "password": PASSWORD}
    answer = client.post("/sign-in", data=form, base_url="https://localhost")

    cookies = [*page.headers.getlist("Set-Cookie"), *answer.headers.getlist("Set-Cookie")]
    assert {line.split("=")[0] for line in cookies} == {
        "__Host-ringklar-session",
        "__Host-ringklar-forms",
        "__Host-ringklar-language",
    }
    assert all("; Secure" in line and "Path=/" in line and "Domain" not in line for line in cookies)
    assert "max-age" in answer.headers["Strict-Transport-Security"]
    found.service.close()


def test_a_token_that_was_there_before_signing_in_opens_nothing(client: FlaskClient, app: Flask) -> None:
    planted = "planted-by-somebody-else-before-the-sign-in"
    client.set_cookie("ringklar-session", planted)
    sign_in(client, "sales")

    stranger = app.test_client()
    stranger.set_cookie("ringklar-session", planted)

    assert session_cookie(client) != planted
    assert is_in(client)
    assert not is_in(stranger)


def test_signing_in_again_ends_the_session_before(client: FlaskClient, app: Flask) -> None:
    sign_in(client, "sales")
    first = session_cookie(client)
    assert first is not None
    client.post("/sign-in", data={"csrf_token": token_of(client), "name": "admin", "password": PASSWORD})

    stranger = app.test_client()
    stranger.set_cookie("ringklar-session", first)

    assert session_cookie(client) not in (None, first)
    assert not is_in(stranger)


def test_signing_out_ends_the_session_for_every_copy_of_the_cookie(
    seeded: Seeded, client: FlaskClient, app: Flask
) -> None:
    sign_in(client, "sales")
    copy = app.test_client()
    copy.set_cookie("ringklar-session", session_cookie(client) or "")
    assert is_in(copy)

    send(client, "/sign-out")

    assert session_cookie(client) is None
    assert not is_in(copy)
    assert sessions_kept(seeded) == 0


def test_a_session_ends_after_half_an_hour_without_use_and_lives_on_while_it_is_used(
    seeded: Seeded, client: FlaskClient
) -> None:
    sign_in(client, "sales")
    for _ in range(3):
        seeded.clock.at += 29 * MINUTE
        assert is_in(client)

    seeded.clock.at += 30 * MINUTE

    assert not is_in(client)


def test_a_session_ends_after_ten_hours_however_much_it_is_used(seeded: Seeded, client: FlaskClient) -> None:
    sign_in(client, "sales")
    for _ in range(23):
        seeded.clock.at += 26 * MINUTE
        assert is_in(client)

    seeded.clock.at += 2 * MINUTE

    assert not is_in(client)


def test_sessions_that_are_over_are_swept_when_somebody_signs_in(
    seeded: Seeded, client: FlaskClient, app: Flask
) -> None:
    sign_in(client, "sales")
    seeded.clock.at += 31 * MINUTE

    sign_in(app.test_client(), "admin")

    assert sessions_kept(seeded) == 1


def test_a_disabled_user_is_out_at_once_and_cannot_come_back(database_url: str, tmp_path: Path) -> None:
    found = seed(database_url, tmp_path)
    client = create_app(found.service).test_client()
    sign_in(client, "sales")
    assert is_in(client)
    with found.service.store.writing() as session:
        session.scalars(select(User).where(User.name == "sales")).one().disabled_at = found.clock.now()

    assert not is_in(client)
    assert sign_in(client, "sales").status_code == 422
    found.service.close()


def test_five_wrong_passwords_lock_the_account_for_longer_and_longer(database_url: str, tmp_path: Path) -> None:
    found = seed(database_url, tmp_path)
    client = create_app(found.service).test_client()
    refused = [sign_in(client, "sales", WRONG) for _ in range(5)]
    assert {answer.status_code for answer in refused} == {422}

    assert sign_in(client, "sales").status_code == 422, "the right password came in during the lock"
    found.clock.at += 5 * MINUTE
    sign_in(client, "sales", WRONG)
    found.clock.at += 6 * MINUTE
    assert sign_in(client, "sales").status_code == 422, "the second lock was no longer than the first"
    found.clock.at += 4 * MINUTE
    assert sign_in(client, "sales").status_code == 303
    send(client, "/sign-out")
    sign_in(client, "sales", WRONG)
    assert sign_in(client, "sales").status_code == 303, "the failures before were not forgotten"
    found.service.close()


def test_an_unknown_name_gets_the_same_words_at_the_same_cost(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(client, "nobody-here", WRONG)  # the first one also makes what the others are compared with
    costs: list[str] = []
    for name in ("hash", "verify"):
        plain = getattr(PasswordHasher, name)

        def counted(*args: object, _name: str = name, _plain: object = plain) -> object:
            costs.append(_name)
            assert callable(_plain)
            return _plain(*args)

        monkeypatch.setattr(PasswordHasher, name, counted)

    def told(name: str) -> tuple[int, str, list[str]]:
        costs.clear()
        answer = sign_in(client, name, WRONG)
        text = re.sub(r'(csrf_token" value|name="name" value)="[^"]*"', "", answer.text)
        return answer.status_code, text, costs.copy()

    assert told("nobody-here") == told("sales")
    assert told("sales")[2] == ["verify"]


def test_sign_ins_failures_and_sign_outs_are_on_record_without_what_was_typed(
    seeded: Seeded, client: FlaskClient
) -> None:
    sign_in(client, "sales", WRONG)
    sign_in(client, "mitt-hemliga-lösenord", WRONG)
    sign_in(client, "sales")
    send(client, "/sign-out")

    with seeded.service.store.reading() as session:
        entries = session.execute(
            select(LedgerEntry.kind, LedgerEntry.actor, LedgerEntry.payload)
            .where(LedgerEntry.kind.like("user.sign%"))
            .order_by(LedgerEntry.seq)
        ).all()
        user_id = session.scalars(select(User.id).where(User.name == "sales")).one()
    assert [(kind, actor) for kind, actor, _payload in entries] == [
        ("user.sign_in_failed", f"user:{user_id}"),
        ("user.sign_in_failed", "user:unknown"),
        ("user.signed_in", f"user:{user_id}"),
        ("user.signed_out", f"user:{user_id}"),
    ]
    written = "".join(payload or "" for _kind, _actor, payload in entries)
    assert WRONG not in written
    assert "hemliga" not in written
    assert PASSWORD not in written


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
        assert answer.headers["Location"] == "/sign-in"


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

    assert (person.status_code, person.mimetype) == (404, "text/html")
    assert (machine.status_code, machine.mimetype) == (404, "application/problem+json")
    assert (api.status_code, api.mimetype) == (404, "application/problem+json")


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

    assert over.headers["HX-Redirect"] == "/sign-in"
    assert over.text == ""
