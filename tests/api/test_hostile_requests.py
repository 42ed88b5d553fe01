"""Hostile requests on every route that writes: each gets a clear problem, and nothing is kept, lost or repeated.

Each request carries a marker and a number that reaches nobody: neither may come back in the answer or in the log.
"""

import io
import json
import re

import pytest

from core.access import RIGHTS, Role
from tests.api.calling import NOBODYS_ID, Ringklar
from tests.api.hostile import (
    BODY_LIMIT,
    BODYLESS,
    BROKEN,
    MARKER,
    NUMBER,
    UPLOADS,
    VALID,
    CutOff,
    Watch,
    in_chunks,
    send,
    spoiled,
    text_of,
    upload,
)
from tests.seeding import PARTNER_SOURCE
from web.endpoint import Operation


def _operation(watch: Watch, path: str) -> Operation:
    """Return the declaration of a route that writes."""
    [operation] = [
        one
        for one in watch.application.operations
        if one.method == "POST" and re.sub(r"{\w+}", NOBODYS_ID, one.path) == path
    ]
    return operation


def test_every_route_that_writes_is_in_these_tables(shared: Ringklar) -> None:
    writing = {operation.path for operation in shared.operations if operation.method == "POST"}
    tried = {path.replace(NOBODYS_ID, "{}").replace("/nix/", "/{}/") for path in [*VALID, *UPLOADS, *BODYLESS]}

    assert {re.sub(r"{\w+}", "{}", path) for path in writing} == tried


@pytest.mark.parametrize("path", VALID)
@pytest.mark.parametrize("what", BROKEN)
def test_a_body_that_is_no_json_object_is_refused(watch: Watch, path: str, what: str) -> None:
    role = VALID[path][0]

    response = send(watch, path, role, data=BROKEN[what], content_type="application/json")

    document = watch.refused(response, what)
    assert response.status_code in {400, 404, 422} or (what, document["code"]) == ("deep lists", "body-too-large")


@pytest.mark.parametrize("written", ["1e999", "-1e999", "[[1.0e400]]"])
def test_a_number_that_would_be_kept_as_infinity_is_refused(watch: Watch, written: str) -> None:
    """Evidence may have any shape, and is kept as it came: JSON writes no infinity."""
    role, valid = VALID["/v1/consents"]
    body = json.dumps({**valid, "evidence": {"form": 0}}).replace('{"form": 0}', f'{{"form": {written}}}')

    response = send(watch, "/v1/consents", role, data=body, content_type="application/json")

    assert watch.refused(response, written)["code"] == "malformed-request"


@pytest.mark.parametrize("path", VALID)
def test_a_single_wrong_field_is_refused_and_named(watch: Watch, path: str) -> None:
    role, valid = VALID[path]

    for what, body in spoiled(valid):
        response = send(watch, path, role, data=text_of(body), content_type="application/json")

        watch.refused(response, f"{path}: {what}")


@pytest.mark.parametrize("path", VALID)
def test_every_missing_field_is_listed_at_once(watch: Watch, path: str) -> None:
    role, valid = VALID[path]
    body = _operation(watch, path).body
    assert body is not None
    assert body.model_fields.keys() == valid.keys()
    required = {name for name, field in body.model_fields.items() if field.is_required()}
    unknown = {"surplus": 1, "also-surplus": 2}

    document = watch.refused(send(watch, path, role, json=unknown), path)

    assert document["code"] == "invalid-input"
    assert {mistake["at"][0] for mistake in document["errors"]} == unknown.keys() | required


@pytest.mark.parametrize("path", VALID)
def test_a_body_over_the_limit_is_refused(watch: Watch, path: str) -> None:
    body = text_of({"number": NUMBER + "0" * BODY_LIMIT})

    response = send(watch, path, VALID[path][0], data=body, content_type="application/json")

    assert watch.refused(response, path)["code"] == "body-too-large"


@pytest.mark.parametrize("path", VALID)
def test_a_body_in_chunks_is_not_cut_at_the_limit_and_carried_out(watch: Watch, path: str) -> None:
    """Nothing says beforehand how long it is, and what stands before the limit is valid by itself."""
    role, valid = VALID[path]
    body = text_of(valid).ljust(BODY_LIMIT) + MARKER.encode()

    response = send(watch, path, role, content_type="application/json", **in_chunks(io.BytesIO(body)))

    assert watch.refused(response, path)["code"] == "body-too-large"


@pytest.mark.parametrize("path", [*VALID, *UPLOADS])
def test_a_body_in_chunks_that_is_cut_off_is_refused(watch: Watch, path: str) -> None:
    role, content_type = (
        (VALID[path][0], "application/json")
        if path in VALID
        else (UPLOADS[path][0], "multipart/form-data; boundary=zqhemligtzq")
    )

    response = send(watch, path, role, content_type=content_type, **in_chunks(CutOff()))

    assert watch.refused(response, path)["code"] == "malformed-request"


@pytest.mark.parametrize("path", sorted(BODYLESS))
def test_a_body_that_nobody_asked_for_is_not_read(watch: Watch, path: str) -> None:
    operation = _operation(watch, path)
    [role, *_] = RIGHTS[operation.right]

    response = send(watch, path, role, data=MARKER * 20_000, headers={"Idempotency-Key": "key-1"})

    assert watch.refused(response, path)["code"] in {"not-found", "unknown-screening"}


@pytest.mark.parametrize("path", VALID)
@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "text/html",
        "application/xml",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=zqhemligtzq",
        "application/jsonp",
        "zqhemligtzq",
        "application/problem+json",
    ],
)
def test_another_content_type_is_refused(watch: Watch, path: str, content_type: str | None) -> None:
    role, valid = VALID[path]

    response = send(watch, path, role, data=text_of(valid), content_type=content_type)

    assert watch.refused(response, path)["code"] == "unsupported-media-type"
    assert response.status_code == 415


@pytest.mark.parametrize("path", [*VALID, *UPLOADS])
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "ZQHEMLIGTZQ"])
def test_another_method_is_refused(watch: Watch, path: str, method: str) -> None:
    role = (VALID.get(path) or UPLOADS[path])[0]

    response = send(watch, path, role, method=method, json={"number": NUMBER})

    watch.refused(response, f"{method} {path}")
    assert response.status_code in {404, 405}
    if response.status_code == 405:
        assert "POST" in response.headers["Allow"]


@pytest.mark.parametrize("path", VALID)
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-8-sig"])
def test_json_in_another_encoding_than_plain_utf_8_is_refused(watch: Watch, path: str, encoding: str) -> None:
    role, valid = VALID[path]
    body = json.dumps({**valid, "note": f"{MARKER}\x00"} if "note" in valid else valid).encode(encoding)

    response = send(watch, path, role, data=body, content_type="application/json")

    assert watch.refused(response, encoding)["code"] == "malformed-request"


@pytest.mark.parametrize("path", VALID)
@pytest.mark.parametrize("value", ["", " ", "a b", "å" * 5, "k" * 101, "\x7f", f"{MARKER}\t"])
def test_an_idempotency_key_that_is_none_is_refused(watch: Watch, path: str, value: str) -> None:
    role, valid = VALID[path]
    if not _operation(watch, path).takes_idempotency_key:
        return

    response = send(watch, path, role, json=valid, headers={"Idempotency-Key": value})

    assert watch.refused(response, repr(value))["code"] == "malformed-request"


@pytest.mark.parametrize("name", ["Idempotency-Key", "X-Request-Id", "Authorization"])
@pytest.mark.parametrize(
    "value",
    ["k\r\nSet-Cookie: zqhemligtzq=1", "k\nX-Evil: zqhemligtzq", "k\x00zqhemligtzq", "zqhemligtzq<script>", NUMBER],
)
def test_no_header_can_be_made_to_write_another(watch: Watch, name: str, value: str) -> None:
    key = watch.application.seeded.keys[Role.CUSTOMER_SERVICE]
    environment = {"HTTP_AUTHORIZATION": f"Bearer {key}"} | {f"HTTP_{name.upper().replace('-', '_')}": value}

    response = watch.application.client.post("/v1/opt-outs", json={"numbers": []}, environ_overrides=environment)

    watch.refused(response, name)
    assert "Set-Cookie" not in response.headers
    assert "X-Evil" not in response.headers
    assert "\n" not in response.headers["X-Request-Id"]


@pytest.mark.parametrize(
    "id_",
    [
        "%00",
        "zqhemligtzq%00",
        "%ed%a0%80",
        "%ff%fe",
        "..%2f..%2fetc%2fpasswd",
        "....//",
        "%2e%2e",
        "zqhemligtzq" * 500,
        "1%27%20OR%20%271%27=%271",
        NUMBER,
        "%2B46701740666",
        "%0d%0aSet-Cookie:zqhemligtzq=1",
        "-1",
        "9" * 400,
        "{}",
        "<script>",
    ],
)
def test_an_id_of_nothing_is_not_found_however_it_is_written(watch: Watch, id_: str) -> None:
    service = Role.CUSTOMER_SERVICE
    opt_out, withdrawal = (
        VALID[f"/v1/opt-outs/{NOBODYS_ID}/release"][1],
        VALID[f"/v1/consents/{NOBODYS_ID}/withdraw"][1],
    )

    for path, response in (
        ("check", send(watch, f"/v1/checks/{id_}", Role.DIALER, method="GET")),
        ("release", send(watch, f"/v1/opt-outs/{id_}/release", service, json=opt_out)),
        ("withdraw", send(watch, f"/v1/consents/{id_}/withdraw", service, json=withdrawal)),
        ("lead file", send(watch, f"/v1/lead-files/{id_}", Role.LEAD_MANAGER, method="GET")),
        ("rows", send(watch, f"/v1/lead-files/{id_}/rows", Role.LEAD_MANAGER, method="GET")),
        ("rejects", send(watch, f"/v1/lead-files/{id_}/rejects", Role.LEAD_MANAGER, method="GET")),
        ("original", send(watch, f"/v1/lead-files/{id_}/original", Role.COMPLIANCE, method="GET")),
        ("receipt", send(watch, f"/v1/lead-files/{id_}/receipt", Role.LEAD_MANAGER, method="GET")),
        ("proof", send(watch, f"/v1/lead-files/{NOBODYS_ID}/rows/{id_}/proof", Role.LEAD_MANAGER, method="GET")),
        ("arrival", send(watch, f"/v1/lead-files/{id_}/arrival", Role.LEAD_MANAGER, method="GET")),
        ("mapping", send(watch, f"/v1/suppliers/{id_}/mapping", Role.LEAD_MANAGER, method="GET")),
        ("register", upload(watch, f"/v1/registers/{id_}/versions")),
    ):
        watch.refused(response, path)
        assert response.status_code in {404, 405, 422}, path


@pytest.mark.parametrize(
    "query",
    [
        "cursor=zqhemligtzq",
        "cursor=-1",
        "cursor=99999999999999999999999",
        "cursor=1.5",
        "cursor=%00",
        "cursor=%ed%a0%80",
        "cursor=",
        "limit=0",
        "limit=1001",
        "limit=zqhemligtzq",
        "limit=1e3",
        "zqhemligtzq%20%2B46701740666=1",
        "number=%2B46701740666",
        "cursor=0&cursor=zqhemligtzq",
    ],
)
def test_a_query_that_is_wrong_is_refused(watch: Watch, query: str) -> None:
    watch.refused(send(watch, f"/v1/changes?{query}", Role.DIALER, method="GET"), query)


@pytest.mark.parametrize("text", ["%00", "zqhemligtzq%00"])
def test_a_query_that_no_database_can_be_asked_is_refused(watch: Watch, text: str) -> None:
    asking = [
        one for one in watch.application.operations if one.query is not None and "cursor" in one.query.model_fields
    ]
    paths = {re.sub(r"{\w+}", NOBODYS_ID, one.path): one.right for one in asking}
    assert {"/v1/suppliers", "/v1/sources", "/v1/changes"} <= paths.keys()

    for path, right in paths.items():
        role = next(role for role in (Role.COMPLIANCE, Role.LEAD_MANAGER) if role in RIGHTS[right])
        response = send(watch, f"{path}?cursor={text}", role, method="GET")

        assert watch.refused(response, path)["code"] == "malformed-request"


def test_an_empty_cursor_is_refused_by_every_list(watch: Watch) -> None:
    for one in watch.application.operations:
        if one.query is None or "cursor" not in one.query.model_fields:
            continue
        role = next(role for role in (Role.COMPLIANCE, Role.LEAD_MANAGER) if role in RIGHTS[one.right])
        path = re.sub(r"{\w+}", NOBODYS_ID, one.path)
        document = watch.refused(send(watch, f"{path}?cursor=", role, method="GET"), path)

        assert (document["code"], [mistake["at"] for mistake in document["errors"]]) == (
            "invalid-input",
            [["cursor"]],
        ), path


@pytest.mark.parametrize("path", ["/v1/changes", "/health/live", "/zqhemligtzq"])
def test_a_host_that_can_be_none_is_refused(watch: Watch, path: str) -> None:
    for host in ("..", "zqhemligtzq" * 300):
        response = send(watch, path, Role.DIALER, method="GET", environ_overrides={"HTTP_HOST": host})

        assert watch.refused(response, path)["code"] == "bad-request"


WORDS = {
    "/v1/suppliers": ["name"],
    "/v1/sources": ["name", "say"],
    f"/v1/sources/{PARTNER_SOURCE}/pause": ["reason"],
    "/v1/quarantines": ["reason"],
    "/v1/opt-outs/{seeded}/release": ["verified_by"],
}
"""Where words must be given, and which."""


@pytest.mark.parametrize("unseen", ["\u200b", " \ufeff\u00ad", "\u202e"])
@pytest.mark.parametrize("path", WORDS)
def test_words_that_cannot_be_seen_are_none(watch: Watch, path: str, unseen: str) -> None:
    [valid] = [
        {**body, "number": None, "seller": None, "source": PARTNER_SOURCE} if "quarantines" in path else body
        for known, (_role, body) in VALID.items()
        if re.fullmatch(re.sub(r"{\w+}|" + PARTNER_SOURCE, NOBODYS_ID, path), known)
    ]
    role = Role.LEAD_MANAGER if "suppliers" in path or path == "/v1/sources" else Role.COMPLIANCE
    place = path.replace("{seeded}", watch.application.seeded.opt_out_id)

    for word in WORDS[path]:
        response = send(watch, place, role, json={**valid, word: unseen})

        assert watch.refused(response, word)["code"] == "invalid-input"
