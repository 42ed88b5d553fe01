"""What operations see: request ids, log lines without numbers, metrics, readiness, and failures that tell nothing."""

import json
from pathlib import Path
from typing import NoReturn

import pytest
from sqlalchemy import text

from app import create_app
from core.access import Role
from core.clock import FixedClock
from core.errors import Overloaded
from service import build_service
from tests.api.calling import NOBODYS_ID, Ringklar, answered, captured_log, refused
from tests.api.forms import sign_in
from tests.api.hostile import MARKER
from tests.seeding import CAMPAIGN, FROM_PARTNER, SELLER, TUESDAY_AT_TEN, settings_for_tests

SPELLINGS = ("+46701740605", "0701740605", "070-174 06 05", "46701740605", "701740605", "174 06 05")


@pytest.mark.parametrize(
    "given",
    [
        "req_11.24-a",
        "abcdefgh",
        "A" * 64,
        "01a200de-9324-74f5-b9db-e8b0f67f0028",
        "46701740-6051-4123-8456-012345678901",
    ],
)
def test_a_sane_request_id_is_given_back(on_sqlite: Ringklar, given: str) -> None:
    for path in ("/v1/changes", f"/v1/checks/{NOBODYS_ID}", "/finns-inte"):
        response = on_sqlite.ask("GET", path, headers={"X-Request-Id": given})
        assert response.headers["X-Request-Id"] == given


@pytest.mark.parametrize(
    "given",
    [
        "",
        "kort",
        "A" * 65,
        "med blanksteg",
        "åäö-åäö-åäö",
        "0701740605",
        "070-174-06-05",
        "call-46701740605-1",
        "x46701740605",
        "nr_46701740605",
        "070_174_06_05",
        "46701740605".ljust(64, "0"),
    ],
)
def test_any_other_request_id_is_replaced(on_sqlite: Ringklar, given: str) -> None:
    ids = {on_sqlite.ask("GET", "/v1/changes", headers={"X-Request-Id": given}).headers["X-Request-Id"] for _ in "ab"}

    assert given not in ids
    assert len(ids) == 2


def test_every_request_leaves_one_json_line_without_any_number(on_sqlite: Ringklar) -> None:
    service = Role.CUSTOMER_SERVICE
    with captured_log() as log:
        for spelling in SPELLINGS:
            body = {"number": spelling, "campaign": CAMPAIGN}
            on_sqlite.post("/v1/checks", {**body, "reference": f"ring {spelling}"})
            on_sqlite.post("/v1/checks", {**body, "surplus": spelling})
            on_sqlite.post("/v1/lookups", {"number": spelling}, role=service)
            on_sqlite.post("/v1/opt-outs", {"numbers": [spelling], "seller": SELLER, "via": spelling}, role=service)
            on_sqlite.get(f"/v1/checks/{spelling}")
            on_sqlite.get(f"/v1/changes?number={spelling}")
            on_sqlite.get(f"/{spelling}")

    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert len(lines) == 7 * len(SPELLINGS)
    for spelling in SPELLINGS:
        assert spelling not in log.getvalue()
    for line in lines:
        assert line.keys() >= {"at", "level", "event", "method", "route", "status", "ms", "request_id", "caller"}
    assert {line["route"] for line in lines} >= {"/v1/checks", "/v1/checks/<check_id>", "(none)"}


def test_the_line_of_a_refused_request_says_why_it_was_refused(
    on_sqlite: Ringklar, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = {"number": FROM_PARTNER, "campaign": CAMPAIGN}
    with captured_log() as log:
        answers = [
            on_sqlite.post("/v1/checks", check),
            on_sqlite.post("/v1/checks", {**check, "surplus": 1}),
            on_sqlite.post("/v1/checks", {**check, "campaign": "finns-inte"}),
            on_sqlite.get(f"/v1/checks/{NOBODYS_ID}"),
            on_sqlite.get("/v1/lead-files"),
            on_sqlite.ask("GET", "/v1/changes", headers={"Authorization": "Bearer rk_wrong"}),
            on_sqlite.ask("GET", "/finns-inte"),
            on_sqlite.ask("DELETE", "/v1/checks"),
        ]

        def busy(*_given: object) -> NoReturn:
            raise Overloaded("too much at once")

        monkeypatch.setattr(on_sqlite.service.gate, "ask", busy)
        answers.append(on_sqlite.post("/v1/checks", check))
        assert answers[-1].status_code == 503

    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    told = [answer.json and answer.json.get("code") for answer in answers]
    assert [line.get("code") for line in lines] == told
    assert ("code" in lines[0], told[-1], len(set(told))) == (False, Overloaded.code, 9)


def test_the_line_of_a_refused_page_says_why_it_was_refused(on_sqlite: Ringklar) -> None:
    client = create_app(on_sqlite.service).test_client()
    sign_in(client, Role.SALES)
    with captured_log() as log:
        client.get("/lead-files")
        client.post("/sign-in", data={"name": "a"})
        client.get("/sidan-finns-inte", headers={"Accept": "text/html"})
        client.get("/sign-in")

    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [(line["status"], line.get("code")) for line in lines if line["event"] == "request"] == [
        (403, "forbidden"),
        (400, "bad-request"),
        (404, "not-found"),
        (303, None),
    ]


def test_a_failure_is_opaque_to_the_caller_and_on_record_without_numbers(
    on_sqlite: Ringklar, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_given: object) -> NoReturn:
        raise RuntimeError(f"the secret place, with {FROM_PARTNER} and 070-174 06 05 in it")

    monkeypatch.setattr(on_sqlite.service.gate, "ask", fail)
    before = on_sqlite.row_counts()

    with captured_log() as log:
        response = on_sqlite.post("/v1/checks", {"number": FROM_PARTNER, "campaign": CAMPAIGN})

    document = refused(response, 500, "internal-error")
    for told in ("secret place", "RuntimeError", "Traceback", "gate", "File", *SPELLINGS):
        assert told not in response.text
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    [failure] = [line for line in lines if line["level"] == "error"]
    assert failure["request_id"] == document["request_id"]
    assert "RuntimeError" in failure["error"]
    for spelling in SPELLINGS:
        assert spelling not in log.getvalue()
    assert on_sqlite.row_counts() == before


def test_a_failure_of_the_database_is_on_record_without_the_values_it_was_given(
    ringklar: Ringklar, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = MARKER

    def fail(*_given: object) -> NoReturn:
        with ringklar.service.store.writing() as session:
            session.execute(text("CREATE TEMPORARY TABLE said (words varchar(40) UNIQUE)"))
            for _ in range(2):
                session.execute(text("INSERT INTO said VALUES (:words)"), {"words": said})
        raise AssertionError("the second row was taken")

    monkeypatch.setattr(ringklar.service.gate, "ask", fail)

    with captured_log() as log:
        refused(ringklar.post("/v1/checks", {"number": FROM_PARTNER, "campaign": CAMPAIGN}), 500, "internal-error")

    [failure] = [line for line in map(json.loads, log.getvalue().splitlines()) if line["level"] == "error"]
    assert said not in log.getvalue()
    assert "INSERT INTO said VALUES (:words)" in failure["error"], "the place in the code is told"
    assert "IntegrityError" in failure["error"]
    told = {"sqlite": "code SQLITE_CONSTRAINT", "postgresql": "code 23505, constraint said_words_key"}
    assert told[ringklar.service.store.engine.dialect.name] in failure["error"]


def test_metrics_count_requests_by_route_and_name_no_person(on_sqlite: Ringklar) -> None:
    on_sqlite.check(FROM_PARTNER)
    on_sqlite.get(f"/v1/checks/{FROM_PARTNER}")

    metrics = on_sqlite.client.get("/metrics").text

    assert 'ringklar_http_requests_total{method="POST",route="/v1/checks",status="201"}' in metrics
    assert 'ringklar_http_requests_total{method="GET",route="/v1/checks/<check_id>",status="404"}' in metrics
    assert "ringklar_http_request_seconds_bucket" in metrics
    for spelling in SPELLINGS:
        assert spelling not in metrics


def test_methods_and_addresses_of_nothing_do_not_grow_the_metrics(on_sqlite: Ringklar) -> None:
    for place in range(20):
        on_sqlite.ask(f"METHOD{chr(65 + place)}", f"/finns-inte-{place}")

    metrics = on_sqlite.client.get("/metrics").text

    assert "METHOD" not in metrics
    assert "finns-inte" not in metrics


def test_a_migrated_database_is_ready(ringklar: Ringklar) -> None:
    assert answered(ringklar.client.get("/health/live"), 200) == {"status": "live"}
    assert answered(ringklar.client.get("/health/ready"), 200) == {"status": "ready"}


def test_a_database_that_is_not_migrated_is_alive_but_not_ready(tmp_path: Path) -> None:
    settings = settings_for_tests(f"sqlite:///{tmp_path / 'empty.sqlite'}", tmp_path)
    service = build_service(settings, FixedClock(TUESDAY_AT_TEN))
    try:
        client = create_app(service).test_client()

        assert client.get("/health/live").status_code == 200
        assert client.get("/health/ready").status_code == 503
    finally:
        service.close()


def test_a_database_that_does_not_answer_is_alive_but_not_ready(tmp_path: Path) -> None:
    settings = settings_for_tests("postgresql://nobody@127.0.0.1:1/nothing", tmp_path)
    service = build_service(settings, FixedClock(TUESDAY_AT_TEN))
    try:
        client = create_app(service).test_client()

        assert client.get("/health/live").status_code == 200
        assert client.get("/health/ready").status_code == 503
        headers = {"Authorization": "Bearer rk_x"}
        response = client.post("/v1/checks", json={"number": FROM_PARTNER, "campaign": CAMPAIGN}, headers=headers)
        refused(response, 503, "storage-unavailable")
        assert response.headers["Retry-After"] == "1"
    finally:
        service.close()
