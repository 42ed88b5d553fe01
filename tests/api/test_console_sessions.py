"""Signing in to the console: what a session is, when it ends, and what guessing gets."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from app import create_app
from core.access import User, WebSession, secret_hash
from core.ledger import LedgerEntry
from tests.api.forms import is_in, send, session_cookie, sign_in, token_of
from tests.seeding import FROM_PARTNER, PASSWORD, Seeded, seed

WRONG = "fel lösenord helt"
MINUTE = timedelta(minutes=1)


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


@pytest.mark.parametrize("path", ["/call/objections", "/customer-service/opt-outs"])
def test_whoever_sends_a_no_after_the_session_has_ended_is_told_that_nothing_was_saved(
    seeded: Seeded, client: FlaskClient, path: str
) -> None:
    sign_in(client, "sales")
    form = {"csrf_token": token_of(client), "number": FROM_PARTNER}
    seeded.clock.at += 31 * MINUTE

    answer = client.post(path, data=form, follow_redirects=True)

    assert "Inget har gjorts eller sparats" in answer.text
    assert "Inget har gjorts eller sparats" not in client.get("/call", follow_redirects=True).text
    assert "Inget har gjorts eller sparats" not in client.post("/sign-out", follow_redirects=True).text


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
