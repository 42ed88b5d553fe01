"""What hostile requests are made of, and the watch that sees that they change nothing and are not repeated."""

import io
import json
from collections.abc import Iterator
from typing import Any

from werkzeug.test import TestResponse

from core.access import Role
from tests.api.calling import NOBODYS_ID, Json, Ringklar, refused
from tests.seeding import CAMPAIGN, PARTNER_SOURCE, SELLER

MARKER = "zqhemligtzq"
NUMBER = "+46701740666"
KEY = f"{MARKER} {NUMBER}"
"""A field that no schema knows, and that tells of a person."""
ECHOES = (MARKER, "46701740666", "0701740666", "701740666")
BODY_LIMIT = 4 * 1024 * 1024
NOW, LATER = "2026-11-24T08:30:00Z", "2026-11-24T09:30:00Z"

VALID: dict[str, tuple[Role, Json]] = {
    "/v1/checks": (
        Role.DIALER,
        {"number": NUMBER, "campaign": CAMPAIGN, "region": "SE", "reference": MARKER, "token": False},
    ),
    "/v1/checks/batch": (Role.DIALER, {"numbers": [NUMBER], "campaign": CAMPAIGN, "region": "SE", "token": False}),
    "/v1/what-if": (
        Role.DIALER,
        {"number": NUMBER, "campaign": CAMPAIGN, "region": "SE", "at": NOW, "policy": "se-2026-1"},
    ),
    "/v1/contacts": (
        Role.DIALER,
        {
            "check_id": NOBODYS_ID,
            "call_id": MARKER,
            "started_at": NOW,
            "ended_at": NOW,
            "outcome": "sale",
            "agent": MARKER,
            "source_disclosed": True,
        },
    ),
    "/v1/opt-outs": (
        Role.CUSTOMER_SERVICE,
        {
            "numbers": [NUMBER],
            "seller": SELLER,
            "channels": ["voice"],
            "via": "phone",
            "received_at": NOW,
            "note": MARKER,
            "region": "SE",
        },
    ),
    f"/v1/opt-outs/{NOBODYS_ID}/release": (
        Role.CUSTOMER_SERVICE,
        {"asked_by_person_at": NOW, "verified_by": MARKER, "note": MARKER},
    ),
    "/v1/objections": (Role.SALES, {"number": NUMBER, "seller": SELLER, "region": "SE", "note": MARKER}),
    f"/v1/holds/{NOBODYS_ID}/close": (Role.CUSTOMER_SERVICE, {"resolution": MARKER}),
    f"/v1/lead-files/{NOBODYS_ID}/holds/close": (
        Role.COMPLIANCE,
        {"resolution": MARKER, "reason": "objected", "limit": 10},
    ),
    f"/v1/lead-files/{NOBODYS_ID}/holds/opt-out": (Role.CUSTOMER_SERVICE, {"reason": "minor", "limit": 10}),
    "/v1/lookups": (Role.CUSTOMER_SERVICE, {"number": NUMBER, "region": "SE", "as_of": NOW, "known_at": NOW}),
    "/v1/lookups/screenings": (
        Role.CUSTOMER_SERVICE,
        {"number": NUMBER, "region": "SE", "cursor": f"{NOBODYS_ID}:1"},
    ),
    "/v1/consents": (
        Role.CUSTOMER_SERVICE,
        {
            "number": NUMBER,
            "region": "SE",
            "seller": SELLER,
            "channels": ["voice"],
            "names_seller": True,
            "text_version": MARKER,
            "evidence": {"form": MARKER},
            "given_at": NOW,
            "expires_at": "2027-11-24T08:30:00Z",
        },
    ),
    f"/v1/consents/{NOBODYS_ID}/withdraw": (
        Role.CUSTOMER_SERVICE,
        {"withdrawn_at": NOW, "via": MARKER, "note": MARKER},
    ),
    "/v1/customer-relations": (
        Role.CUSTOMER_SERVICE,
        {
            "number": NUMBER,
            "region": "SE",
            "seller": SELLER,
            "product": "electricity",
            "reference": MARKER,
            "started_at": "2026-01-01T00:00:00Z",
            "fulfilled_at": NOW,
            "reopened_reason": MARKER,
        },
    ),
    "/v1/suppliers": (Role.LEAD_MANAGER, {"slug": "ny", "name": MARKER, "kind": "partner"}),
    "/v1/sources": (
        Role.LEAD_MANAGER,
        {
            "slug": "ny",
            "supplier": "kronan",
            "seller": SELLER,
            "name": MARKER,
            "basis": "legitimate_interest",
            "assessment": MARKER,
            "say": MARKER,
            "say_en": MARKER,
            "retention_days": 30,
            "needs_identity": True,
        },
    ),
    f"/v1/sources/{NOBODYS_ID}/terms": (
        Role.LEAD_MANAGER,
        {
            "text": MARKER,
            "page_url": f"https://{MARKER}.example",
            "shown_from": "2026-06-01",
            "shown_until": "2026-08-31",
            "names": [MARKER],
        },
    ),
    f"/v1/suppliers/{NOBODYS_ID}/pause": (Role.COMPLIANCE, {"reason": MARKER}),
    f"/v1/sources/{NOBODYS_ID}/pause": (Role.COMPLIANCE, {"reason": MARKER}),
    f"/v1/lead-files/{NOBODYS_ID}/pause": (Role.COMPLIANCE, {"reason": MARKER}),
    f"/v1/lead-files/{NOBODYS_ID}/withdraw": (Role.COMPLIANCE, {"reason": MARKER}),
    f"/v1/lead-files/{NOBODYS_ID}/references": (
        Role.LEAD_MANAGER,
        {"contract": MARKER, "invoice": MARKER, "order": MARKER},
    ),
    f"/v1/suppliers/{NOBODYS_ID}/mapping": (
        Role.LEAD_MANAGER,
        {"mapping": {"number": MARKER}, "encoding": "cp1252", "delimiter": ";", "has_headings": True},
    ),
    "/v1/exports": (Role.LEAD_MANAGER, {"campaign": CAMPAIGN, "recipient": "ingen"}),
    "/v1/screenings/leads": (
        Role.LEAD_MANAGER,
        {"campaign": CAMPAIGN, "sources": [PARTNER_SOURCE], "next_opening": True},
    ),
    f"/v1/screenings/{NOBODYS_ID}/answers": (
        Role.LEAD_MANAGER,
        {"number": NUMBER, "region": "SE", "cursor": 0, "limit": 10},
    ),
    "/v1/canaries/sightings": (
        Role.COMPLIANCE,
        {"number": NUMBER, "region": "SE", "seen_at": NOW, "how": MARKER},
    ),
    f"/v1/sellers/{NOBODYS_ID}/rules": (
        Role.COMPLIANCE,
        {
            "rules": {"SE": {"opens": "10:00", "attempts_day": 2, "prohibited_products": ["insurance"]}},
            "because": MARKER,
        },
    ),
    "/v1/complaints": (
        Role.CUSTOMER_SERVICE,
        {
            "number": NUMBER,
            "seller": SELLER,
            "kind": "person",
            "via": "phone",
            "note": MARKER,
            "received_at": NOW,
            "region": "SE",
        },
    ),
    "/v1/walk-backs": (
        Role.COMPLIANCE,
        {"number": NUMBER, "region": "SE", "part": "leads", "cursor": "46701740605:1", "limit": 10},
    ),
    "/v1/quarantines": (
        Role.COMPLIANCE,
        {
            "number": NUMBER,
            "seller": SELLER,
            "region": "SE",
            "supplier": None,
            "source": None,
            "lead_file": None,
            "reason": MARKER,
        },
    ),
    "/v1/replays": (
        Role.COMPLIANCE,
        {"since": NOW, "until": LATER, "policy": "se-2026-1", "campaign": None, "by": "reason"},
    ),
    "/v1/rematches": (
        Role.COMPLIANCE,
        {"name": "nix", "since": NOW, "until": LATER, "version": None, "cursor": NOBODYS_ID, "limit": 10},
    ),
}
"""Each route that takes JSON, who may use it, and a body with every field set; none of them is sent as it is."""

BODYLESS = {f"/v1/{things}/{NOBODYS_ID}/resume" for things in ("suppliers", "sources", "lead-files", "screenings")} | {
    f"/v1/suppliers/{NOBODYS_ID}/mapping/forget",
    f"/v1/screenings/{NOBODYS_ID}/cancel",
    f"/v1/holds/{NOBODYS_ID}/opt-out",
}
"""Each route that writes and takes no body."""

NULLABLE = {
    "sources",
    "assessment",
    "say_en",
    "page_url",
    "shown_from",
    "shown_until",
    "reference",
    "at",
    "policy",
    "ended_at",
    "agent",
    "source_disclosed",
    "received_at",
    "as_of",
    "known_at",
    "cursor",
    "reopened_reason",
} | {
    "expires_at",
    "withdrawn_at",
    "fulfilled_at",
}
INSTANTS = {
    "since",
    "until",
    "at",
    "started_at",
    "ended_at",
    "received_at",
    "asked_by_person_at",
    "as_of",
    "known_at",
    "seen_at",
} | {
    "given_at",
    "expires_at",
    "withdrawn_at",
    "fulfilled_at",
}
UPLOADS: dict[str, tuple[Role, dict[str, str]]] = {
    "/v1/lead-files": (Role.LEAD_MANAGER, {"source": PARTNER_SOURCE}),
    "/v1/registers/nix/versions": (Role.COMPLIANCE, {"as_of": "2026-11-23"}),
    "/v1/call-records": (Role.COMPLIANCE, {"seller": SELLER}),
    "/v1/screenings": (Role.DIALER, {"campaign": CAMPAIGN}),
}
"""Each route that takes a file, who may use it, and the form that goes with it."""


def text_of(value: Json) -> bytes:
    """Return JSON text, in which half a surrogate pair is escaped."""
    return json.dumps(value).encode()


BROKEN: dict[str, bytes] = {
    "nothing": b"",
    "blanks": b" \n ",
    "an empty object": b"{}",
    "null": b"null",
    "a list": text_of([NUMBER]),
    "a text": text_of(MARKER),
    "a number": b"46701740666",
    "true": b"true",
    "half an object": b'{"number": "' + NUMBER.encode(),
    "something after the object": b'{"number": "' + NUMBER.encode() + b'"} ' + MARKER.encode(),
    "single quotes": b"{'number': '" + NUMBER.encode() + b"'}",
    "a comment": b'{"number": "' + NUMBER.encode() + b'" /* ' + MARKER.encode() + b" */}",
    "NaN": b'{"number": NaN, "campaign": "' + MARKER.encode() + b'"}',
    "infinity": b'{"number": -Infinity, "campaign": "' + MARKER.encode() + b'"}',
    "a key given twice": b'{"number": "' + NUMBER.encode() + b'", "number": "' + MARKER.encode() + b'"}',
    "deep lists": b"[" * 100_000 + b"]" * 100_000,
    "deep objects": b'{"number":' * 50_000 + b"1" + b"}" * 50_000,
    "an integer of ten thousand digits": b'{"number": ' + b"46701740666" * 1_000 + b"}",
    "a huge exponent": b'{"number": 1e999999, "' + KEY.encode() + b'": 1}',
    "Latin-1": f'{{"number": "{MARKER}å"}}'.encode("latin-1"),
    "overlong UTF-8": b'{"number": "\xc0\xaf' + MARKER.encode() + b'"}',
    "a surrogate in UTF-8": b'{"number": "\xed\xa0\x80' + MARKER.encode() + b'"}',
    "raw NUL bytes": b'{"number": "' + MARKER.encode() + b'\x00"}',
    "nothing but NUL bytes": b"\x00" * 100,
    "an escaped NUL": b'{"number": "' + MARKER.encode() + b'\\u0000"}',
    "half a surrogate pair": b'{"number": "' + MARKER.encode() + b'\\ud800"}',
    "a key with half a surrogate pair": b'{"' + KEY.encode() + b'\\udfff": 1}',
    "XML": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
    "a form": b"number=" + NUMBER.encode() + b"&campaign=" + MARKER.encode(),
    "a zip file": b"PK\x03\x04" + MARKER.encode(),
}
WRONG: dict[str, Json] = {
    "a number": 46701740666,
    "a fraction": 46701740.666,
    "a huge integer": 10**400,
    "a list": [[NUMBER]],
    "a list of objects": [{KEY: NUMBER}],
    "a text too many": [MARKER, None],
    "an object": {KEY: NUMBER},
    "a huge text": (MARKER + NUMBER) * 20_000,
    "a text with NUL": f"{MARKER}\x00{NUMBER}",
    "half a surrogate pair": f"{MARKER}\ud800{NUMBER}",
    "null": None,
}
TAKEN = {("evidence", "an object")}
"""What is right although it looks wrong: evidence may have any shape."""


def spoiled(valid: Json) -> Iterator[tuple[str, Json]]:
    """Return every body that differs from the valid one in a single, wrong field."""
    for field, kept in valid.items():
        for name, value in WRONG.items():
            is_right = (value is None and (field in NULLABLE or kept is None)) or (field, name) in TAKEN
            if not is_right:
                yield f"{field} is {name}", {**valid, field: value}
            if isinstance(kept, list) and value is not None:
                yield f"{field} holds {name}", {**valid, field: [*kept, value]}
        if isinstance(kept, list):
            yield f"{field} is empty", {**valid, field: []}
            yield f"{field} holds null", {**valid, field: [*kept, None]}
        if field == "numbers":
            yield "10,001 numbers", {**valid, field: kept * 10_001}
        if field in INSTANTS:
            for text in (MARKER, "2026-11-24T08:30:00", "2026-13-45T99:99:99Z", "2026-02-30T00:00:00Z", "", "now"):
                yield f"{field} is no instant: {text}", {**valid, field: text}
    yield "an unknown field", {**valid, KEY: NUMBER}
    yield "a field of the class", {**valid, "__class__": MARKER, "model_config": NUMBER}
    yield "an unknown slug", {**valid, "campaign": f"../{MARKER}", "seller": f"'; DROP TABLE checks; -- {MARKER}"}


class Watch:
    """Sees that requests change nothing and that neither answer nor log repeats them."""

    def __init__(self, application: Ringklar) -> None:
        self.application = application

    def refused(self, response: TestResponse, what: str) -> Json:
        """Return the problem that the request was refused with: a 4xx that repeats nothing."""
        assert 400 <= response.status_code < 500, f"{what}: {response.status_code} {response.text[:300]}"
        document = refused(response, response.status_code)
        for echo in ECHOES:
            assert echo not in response.text, f"{what}: {response.text[:300]}"
            assert not any(echo in value for value in response.headers.values()), what
        assert "Traceback" not in response.text
        assert "<" not in response.text
        return document


class CutOff(io.RawIOBase):
    """A body of which a part comes, and then the connection is gone."""

    def readable(self) -> bool:
        return True

    def readinto(self, _buffer: object) -> int:
        raise ConnectionResetError


def in_chunks(body: io.RawIOBase | io.BytesIO) -> dict[str, Any]:  # Any: what Flask's test client takes
    """Return how a body is sent in chunks, without a word of its length; the server in front puts them together."""
    environment = {"wsgi.input": body, "wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    return {"environ_overrides": environment}


def send(watch: Watch, path: str, role: Role, **how: Any) -> TestResponse:  # Any: what Flask's test client takes
    """Send a request as the role."""
    return watch.application.ask(how.pop("method", "POST"), path, role=role, **how)


def upload(watch: Watch, path: str, **changed: Any) -> TestResponse:  # Any: form fields as the test client takes them
    """Send a small file to ``path``, with form fields changed; None leaves one out."""
    role, form = UPLOADS.get(path, UPLOADS["/v1/registers/nix/versions"])
    whole = {"file": (io.BytesIO(b"Telefon\n0701740611\n"), "leads.csv"), **form, **changed}
    return send(watch, path, role, data={name: value for name, value in whole.items() if value is not None})
