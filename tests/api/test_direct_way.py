"""A check is answered without Flask where its request is plain; nobody can tell by the answer which way it went."""

import json
from io import BytesIO
from typing import NoReturn

import pytest
from werkzeug.test import TestResponse

from core.access import Role, revoke_key
from core.errors import Overloaded, ServiceError, StorageUnavailable
from tests.api.calling import Json, Ringklar, captured_log
from tests.seeding import CAMPAIGN, FROM_PARTNER, OPERATOR

PLAIN, BY_FLASK = "application/json", "application/json; charset=utf-8"
GOOD = json.dumps({"number": FROM_PARTNER, "campaign": CAMPAIGN}).encode()


def send(ringklar: Ringklar, content_type: str, body: bytes = GOOD, **how: Json) -> TestResponse:
    return ringklar.ask("POST", "/v1/checks", data=body, content_type=content_type, **how)


def document(response: TestResponse) -> Json:
    """Return an answer without what is another in every one."""
    return {name: value for name, value in response.get_json().items() if name not in ("id", "request_id")}


def test_a_plain_request_does_without_flask(on_sqlite: Ringklar, monkeypatch: pytest.MonkeyPatch) -> None:
    def dispatch() -> NoReturn:
        raise AssertionError("Flask was asked")

    monkeypatch.setattr(on_sqlite.app, "full_dispatch_request", dispatch)

    assert send(on_sqlite, PLAIN).status_code == 201
    assert send(on_sqlite, BY_FLASK).status_code == 500


def test_both_ways_answer_alike_and_leave_the_same_trace(on_sqlite: Ringklar) -> None:
    def counted() -> list[str]:
        lines = on_sqlite.client.get("/metrics").text.splitlines()
        return [line for line in lines if 'route="/v1/checks"' in line and 'status="201"' in line]

    logs, answers, metrics = [], [], [counted()]
    for content_type in (PLAIN, BY_FLASK):
        with captured_log() as log:
            answers.append(send(on_sqlite, content_type, headers={"X-Request-Id": "call-24.a"}))
            metrics.append(counted())
        logs.append(json.loads(log.getvalue().splitlines()[0]))

    assert [answer.status_code for answer in answers] == [201, 201]
    assert {answer.headers["X-Request-Id"] for answer in answers} == {"call-24.a"}
    assert dict(answers[0].headers).keys() == dict(answers[1].headers).keys()
    assert answers[0].headers["Content-Type"] == answers[1].headers["Content-Type"]
    assert document(answers[0]) == document(answers[1])
    assert logs[0].keys() == logs[1].keys()
    assert {name: logs[0][name] for name in ("method", "route", "status", "caller", "request_id")} == {
        name: logs[1][name] for name in ("method", "route", "status", "caller", "request_id")
    }
    totals = [next(float(line.split()[-1]) for line in lines if "requests_total" in line) for lines in metrics[1:]]
    assert totals[1] == totals[0] + 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        b'{"number": "1", "number": "2", "campaign": "vinterel"}',
        b'{"number": "\\u0000", "campaign": "vinterel"}',
        b'{"number": "070-174 06 05"}',
        b'{"number": "070-174 06 05", "campaign": "vinterel", "surplus": 1}',
        b'{"number": "070-174 06 05", "campaign": "finns-inte"}',
        b'{"number": 12, "campaign": null, "region": "Sverige"}',
    ],
)
def test_both_ways_refuse_alike(on_sqlite: Ringklar, body: bytes) -> None:
    plain, by_flask = (send(on_sqlite, content_type, body) for content_type in (PLAIN, BY_FLASK))

    assert plain.status_code == by_flask.status_code >= 400
    assert plain.content_type == by_flask.content_type == "application/problem+json"
    assert document(plain) == document(by_flask)


@pytest.mark.parametrize(
    "host", ["..", "-" * 300, "a b", "ringklar.example:0x", "[::1]", "ringklar.example", "x:8000", "ö"]
)
def test_both_ways_take_the_same_hosts(on_sqlite: Ringklar, host: str) -> None:
    plain, by_flask = (
        send(on_sqlite, content_type, environ_overrides={"HTTP_HOST": host}) for content_type in (PLAIN, BY_FLASK)
    )

    assert plain.status_code == by_flask.status_code
    assert document(plain) == document(by_flask)


def test_both_ways_refuse_the_same_callers(on_sqlite: Ringklar) -> None:
    revoked = on_sqlite.new_key(Role.DIALER, on_sqlite.seeded.seller_id)
    assert send(on_sqlite, PLAIN, key=revoked).status_code == 201
    assert send(on_sqlite, BY_FLASK, key=revoked).status_code == 201
    with on_sqlite.service.store.writing() as session:
        revoke_key(session, OPERATOR, name="fresh key 1", now=on_sqlite.service.clock.now())

    for how in ({"key": revoked}, {"key": "rk_of-nobody"}, {"role": Role.CUSTOMER_SERVICE}):
        for body in (GOOD, b"{"):
            plain, by_flask = (send(on_sqlite, content_type, body, **how) for content_type in (PLAIN, BY_FLASK))
            assert plain.status_code == by_flask.status_code in (401, 403)
            assert document(plain) == document(by_flask)
    for header in ("", "Bearer", "Basic abc", "Bearer  "):
        nobody = on_sqlite.client.post(
            "/v1/checks", data=GOOD, content_type=PLAIN, headers={"Authorization": header} if header else {}
        )
        assert nobody.status_code == 401


@pytest.mark.parametrize("error", [RuntimeError("with 070-174 06 05 in it"), Overloaded("too many wait")])
def test_a_check_that_fails_is_not_tried_again(
    on_sqlite: Ringklar, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    asked = []

    def fail(*given: object) -> NoReturn:
        asked.append(given)
        raise error

    monkeypatch.setattr(on_sqlite.service.gate, "ask", fail)
    with captured_log() as log:
        plain = send(on_sqlite, PLAIN)
        told = log.getvalue()
        by_flask = send(on_sqlite, BY_FLASK)

    assert len(asked) == 2
    assert plain.status_code == by_flask.status_code == (503 if isinstance(error, ServiceError) else 500)
    assert plain.headers.get("Retry-After") == by_flask.headers.get("Retry-After")
    assert document(plain) == document(by_flask)
    assert told.count('"event": "request failed"') == (0 if isinstance(error, ServiceError) else 1)
    assert "070-174" not in log.getvalue()


@pytest.mark.parametrize("error", [Overloaded("too many wait"), StorageUnavailable("the database stands still")])
def test_who_cannot_be_answered_now_is_told_so_without_another_look_into_the_database(
    on_sqlite: Ringklar, monkeypatch: pytest.MonkeyPatch, error: ServiceError
) -> None:
    assert send(on_sqlite, PLAIN).status_code == 201
    read: list[object] = []

    def fail(*_given: object) -> NoReturn:
        raise error

    monkeypatch.setattr(on_sqlite.service.gate, "ask", fail)
    monkeypatch.setattr("web.auth.caller_with_key", lambda *given: read.append(given))

    for content_type in (PLAIN, BY_FLASK):
        told = send(on_sqlite, content_type)
        assert (told.status_code, told.headers["Retry-After"]) == (503, "1")
    assert read == []


@pytest.mark.parametrize("error", [RuntimeError("it failed"), StorageUnavailable("the database does not answer")])
def test_both_ways_fail_alike_when_the_key_cannot_be_read(
    on_sqlite: Ringklar, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_given: object) -> NoReturn:
        raise error

    monkeypatch.setattr("web.auth.caller_with_key", fail)
    plain, by_flask = (send(on_sqlite, content_type) for content_type in (PLAIN, BY_FLASK))

    assert plain.status_code == by_flask.status_code == (503 if isinstance(error, ServiceError) else 500)
    assert document(plain) == document(by_flask)


def test_the_body_of_somebody_unknown_is_not_read(on_sqlite: Ringklar) -> None:
    class Unread(BytesIO):
        def read(self, _size: int | None = -1, /) -> bytes:
            raise AssertionError("it was read")

    refused = on_sqlite.client.post(
        "/v1/checks", input_stream=Unread(GOOD), content_length=len(GOOD), content_type=PLAIN
    )

    assert refused.status_code == 401


@pytest.mark.parametrize("query", ["", "?x=1"])
@pytest.mark.parametrize(("length", "status"), [(str(len(GOOD)), 201), ("²", 400), ("9" * 12, 413), ("9" * 5000, 400)])
def test_a_length_that_is_none_is_answered_as_flask_does(
    on_sqlite: Ringklar, query: str, length: str, status: int
) -> None:
    answer = on_sqlite.ask(
        "POST", f"/v1/checks{query}", data=GOOD, content_type=PLAIN, environ_overrides={"CONTENT_LENGTH": length}
    )

    assert answer.status_code == status
