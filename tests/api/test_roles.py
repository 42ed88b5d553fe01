"""Who may do what: every role on every route, by the declared rights and by a table written by hand."""

import io
import re

import pytest
from flask import Blueprint
from werkzeug.test import TestResponse

from core.access import RIGHTS, ApiKey, Role, secret_hash
from tests.api.calling import NOBODYS_ID, Ringklar, answered, refused
from tests.seeding import CAMPAIGN, FROM_PARTNER, OTHER_CAMPAIGN, OTHER_SELLER, PARTNER_SOURCE, SELLER
from web.auth import EXTENSION, Auth
from web.endpoint import Operation

D, S, C = Role.DIALER, Role.SALES, Role.CUSTOMER_SERVICE
L, O, A = Role.LEAD_MANAGER, Role.COMPLIANCE, Role.ADMIN  # noqa: E741 - a table reads by single letters

EXPECTED: dict[str, set[Role]] = {
    "POST /v1/checks": {D, S},
    "POST /v1/checks/batch": {D, S},
    "GET /v1/checks/{check_id}": {D, S, C, O},
    "POST /v1/what-if": {D, S, C, L, O},
    "POST /v1/contacts": {D, S},
    "POST /v1/opt-outs": {C},
    "POST /v1/opt-outs/{opt_out_id}/release": {C, O},
    "POST /v1/objections": {S, C},
    "GET /v1/holds": {C, O},
    "POST /v1/holds/{hold_id}/close": {C, O},
    "POST /v1/holds/{hold_id}/opt-out": {C},
    "POST /v1/lead-files/{lead_file_id}/holds/close": {C, O},
    "POST /v1/lead-files/{lead_file_id}/holds/opt-out": {C},
    "POST /v1/lookups": {S, C, O},
    "POST /v1/lookups/screenings": {C, O},
    "GET /v1/changes": {D, O},
    "GET /v1/campaigns": {D, S, C, L, O},
    "POST /v1/registers/{name}/versions": {O},
    "GET /v1/registers": {D, S, C, L, O, A},
    "GET /v1/registers/{name}/changes": {L, O},
    "POST /v1/rematches": {O},
    "POST /v1/call-records": {O},
    "GET /v1/call-records": {O},
    "GET /v1/call-records/{file_id}": {O},
    "GET /v1/call-records/{file_id}/rows": {O},
    "GET /v1/call-records/{file_id}/missing-contacts": {O},
    "POST /v1/lead-files": {L},
    "GET /v1/lead-files": {L, O},
    "GET /v1/lead-files/{lead_file_id}": {L},
    "GET /v1/lead-files/{lead_file_id}/rows": {L},
    "GET /v1/lead-files/{lead_file_id}/rejects": {L},
    "GET /v1/lead-files/{lead_file_id}/original": {O},
    "GET /v1/lead-files/{lead_file_id}/receipt": {L, O},
    "GET /v1/lead-files/{lead_file_id}/references": {L, O},
    "POST /v1/lead-files/{lead_file_id}/references": {L},
    "GET /v1/lead-files/{lead_file_id}/rows/{row_no}/proof": {L, O},
    "POST /v1/lead-files/{lead_file_id}/pause": {L, O},
    "POST /v1/lead-files/{lead_file_id}/withdraw": {L, O},
    "POST /v1/lead-files/{lead_file_id}/resume": {L, O},
    "POST /v1/suppliers": {L},
    "GET /v1/suppliers": {L, O},
    "GET /v1/suppliers/{slug}": {L, O},
    "POST /v1/suppliers/{slug}/pause": {L, O},
    "POST /v1/suppliers/{slug}/resume": {L, O},
    "GET /v1/suppliers/{slug}/mapping": {L},
    "POST /v1/suppliers/{slug}/mapping": {L},
    "POST /v1/suppliers/{slug}/mapping/forget": {L},
    "POST /v1/sources": {L},
    "GET /v1/sources": {L, O},
    "GET /v1/sources/{slug}": {L, O},
    "POST /v1/sources/{slug}/terms": {L},
    "POST /v1/sources/{slug}/pause": {L, O},
    "POST /v1/sources/{slug}/resume": {L, O},
    "GET /v1/lead-files/{lead_file_id}/arrival": {L, O},
    "GET /v1/sources/{slug}/arrivals": {L, O},
    "POST /v1/exports": {L},
    "GET /v1/exports": {L, O},
    "GET /v1/recipients": {L, O},
    "POST /v1/screenings": {D, L, O},
    "POST /v1/screenings/leads": {L, O},
    "GET /v1/screenings": {D, L, O},
    "GET /v1/screenings/{screening_id}": {D, L, O},
    "GET /v1/screenings/{screening_id}/result": {D, L, O},
    "POST /v1/screenings/{screening_id}/answers": {D, L, O},
    "POST /v1/screenings/{screening_id}/cancel": {D, L, O},
    "POST /v1/screenings/{screening_id}/resume": {D, L, O},
    "POST /v1/canaries/sightings": {C, O},
    "GET /v1/canaries/sightings": {O},
    "POST /v1/consents": {C, L},
    "POST /v1/consents/{consent_id}/withdraw": {C, L},
    "POST /v1/customer-relations": {C, L},
    "POST /v1/complaints": {C, O},
    "POST /v1/walk-backs": {C, O},
    "POST /v1/quarantines": {O},
    "GET /v1/league": {L, O},
    "GET /v1/audits": {O},
    "GET /v1/audits/{audit_id}/differences": {O},
    "POST /v1/replays": {O},
    "GET /v1/sellers/{slug}/rules": {L, O},
    "POST /v1/sellers/{slug}/rules": {O},
}
"""Which roles may call which endpoint: a change of rights must be seen in review, here."""

OPEN = {
    "/openapi.json",
    "/v1/keys",
    "/health/live",
    "/health/ready",
    "/health/jobs",
    "/metrics",
    "/assets/<path:filename>",
}
"""Everything that is answered to somebody who does not say who they are, but for the page to sign in at."""


def route(operation: Operation) -> str:
    """Return the operation as the table names it."""
    return f"{operation.method} {operation.path}"


def minimal(application: Ringklar, operation: Operation, **who: object) -> TestResponse:
    """Send the operation the least it takes, with ids of nothing."""
    path = re.sub(r"{\w+}", NOBODYS_ID, operation.path)
    how: dict[str, object] = {"json": {}} if operation.body is not None else {}
    return application.ask(operation.method, path, **who, **how)  # type: ignore[arg-type] # passed on as given


def test_every_role_is_refused_exactly_where_its_role_lacks_the_right(shared: Ringklar) -> None:
    for operation in shared.operations:
        for role in Role:
            response = minimal(shared, operation, role=role)

            what = f"{role} at {route(operation)}: {response.status_code}"
            assert (response.status_code == 403) == (role not in RIGHTS[operation.right]), what
            assert response.status_code != 401, what
            if response.status_code == 403:
                refused(response, 403, "forbidden")


def test_the_declared_rights_are_those_of_the_table(shared: Ringklar) -> None:
    declared = {route(operation): set(RIGHTS[operation.right]) for operation in shared.operations}

    assert declared == EXPECTED


def test_nobody_without_a_key_is_answered(shared: Ringklar) -> None:
    for operation in shared.operations:
        path = re.sub(r"{\w+}", NOBODYS_ID, operation.path)

        response = shared.client.open(path, method=operation.method)

        refused(response, 401, "unauthenticated")
        assert response.headers["WWW-Authenticate"] == "Bearer"


def test_a_revoked_key_is_dead_at_once(ringklar: Ringklar) -> None:
    key = ringklar.new_key(Role.DIALER, ringklar.seeded.seller_id)
    answered(ringklar.get("/v1/changes", key=key), 200)
    answered(ringklar.post("/v1/checks", {"campaign": CAMPAIGN, "number": FROM_PARTNER}, key=key), 201)

    with ringklar.service.store.writing() as session:
        row = session.query(ApiKey).filter_by(key_hash=secret_hash(key)).one()
        row.revoked_at = ringklar.service.clock.now()

    for operation in ringklar.operations:
        refused(minimal(ringklar, operation, key=key), 401, "unauthenticated")


@pytest.mark.parametrize(
    "credentials",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer  \t ",
        "Basic cm9ib3Q6aGVtbGlndA==",
        "rk_hemligt",
        "Bearer rk_hemligt",
        "Bearer rk_hemligt rk_hemligt",
        "Bearer \u00e5\u00e4\u00f6",
        "Bearer " + "k" * 20_000,
    ],
)
def test_malformed_credentials_are_refused_and_not_repeated(shared: Ringklar, credentials: str) -> None:
    for operation in shared.operations:
        path = re.sub(r"{\w+}", NOBODYS_ID, operation.path)

        response = shared.client.open(path, method=operation.method, headers={"Authorization": credentials})

        refused(response, 401, "unauthenticated")
        assert "hemligt" not in response.text


def test_a_key_in_the_url_or_the_body_opens_nothing(shared: Ringklar) -> None:
    key = shared.seeded.keys[Role.DIALER]

    refused(shared.client.get("/v1/changes", query_string={"key": key, "access_token": key}), 401)
    refused(shared.client.post("/v1/checks", json={"Authorization": f"Bearer {key}"}), 401)


@pytest.mark.parametrize("role", [Role.DIALER, Role.SALES])
def test_dialers_and_sales_can_neither_add_nor_release_opt_outs(ringklar: Ringklar, role: Role) -> None:
    before = ringklar.row_counts()
    added = {"numbers": [FROM_PARTNER], "seller": SELLER, "via": "phone"}
    released = {"asked_by_person_at": ringklar.service.clock.now().isoformat(), "verified_by": "bank id"}
    path = f"/v1/opt-outs/{ringklar.seeded.opt_out_id}/release"

    for key in (ringklar.seeded.keys[role], ringklar.new_key(role, ringklar.seeded.other_seller_id)):
        refused(ringklar.post("/v1/opt-outs", added, key=key), 403, "forbidden")
        refused(ringklar.post("/v1/opt-outs", {**added, "seller": "*"}, key=key), 403, "forbidden")
        refused(ringklar.post(path, released, key=key), 403, "forbidden")

    after = ringklar.row_counts()
    assert {name for name in after if after[name] != before[name]} <= {"api_keys", "ledger_entries", "ledger_chains"}
    assert (after["opt_outs"], after["opt_out_releases"]) == (before["opt_outs"], before["opt_out_releases"])


def test_every_route_belongs_to_a_blueprint_that_chose_its_authentication(shared: Ringklar) -> None:
    chosen = shared.app.extensions[EXTENSION]

    for rule in shared.app.url_map.iter_rules():
        assert rule.endpoint.rpartition(".")[0] in chosen, rule.rule
    for operation in shared.operations:
        rules = {re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule) for rule in shared.app.url_map.iter_rules()}
        assert operation.path in rules


def test_what_is_open_to_all_is_this_list_and_nothing_else(shared: Ringklar) -> None:
    chosen = shared.app.extensions[EXTENSION]

    public = {
        rule.rule
        for rule in shared.app.url_map.iter_rules()
        if chosen[rule.endpoint.rpartition(".")[0]][0] is Auth.PUBLIC
    }

    assert public == OPEN
    for path in ("/openapi.json", "/v1/keys", "/health/live", "/health/ready", "/metrics"):
        assert shared.client.get(path).status_code == 200
    assert shared.client.get("/health/jobs").status_code == 503  # no jobs run here


def test_every_route_under_v1_wants_a_key(shared: Ringklar) -> None:
    chosen = shared.app.extensions[EXTENSION]

    for rule in shared.app.url_map.iter_rules():
        if rule.rule.startswith("/v1") and rule.rule not in OPEN:
            assert chosen[rule.endpoint.rpartition(".")[0]][0] is Auth.API_KEY, rule.rule


def test_a_blueprint_without_authentication_is_denied(on_sqlite: Ringklar) -> None:
    forgotten = Blueprint("forgotten", __name__)
    ran = []

    @forgotten.get("/forgotten")
    def view() -> str:
        ran.append(1)
        return "secret"

    on_sqlite.app.register_blueprint(forgotten)

    for role in Role:
        response = on_sqlite.get("/forgotten", role)
        refused(response, 403, "forbidden")
        assert "secret" not in response.text
    assert not ran


def test_a_session_blueprint_without_a_check_is_denied(on_sqlite: Ringklar) -> None:
    pages = Blueprint("pages", __name__)

    @pages.get("/pages")
    def view() -> str:
        return "secret"

    on_sqlite.app.extensions[EXTENSION]["pages"] = (Auth.SESSION, None)
    on_sqlite.app.register_blueprint(pages)

    refused(on_sqlite.client.get("/pages"), 403, "forbidden")


def test_another_sellers_campaign_check_and_contact_are_as_unknown_as_nothing(ringklar: Ringklar) -> None:
    theirs = ringklar.new_key(Role.DIALER, ringklar.seeded.other_seller_id)
    check = ringklar.check(FROM_PARTNER)
    contact = {
        "check_id": check["id"],
        "call_id": "call-1",
        "started_at": ringklar.service.clock.now().isoformat(),
        "outcome": "sale",
    }

    refused(ringklar.post("/v1/checks", {"number": FROM_PARTNER, "campaign": CAMPAIGN}, key=theirs), 404)
    refused(ringklar.post("/v1/what-if", {"number": FROM_PARTNER, "campaign": CAMPAIGN}, key=theirs), 404)
    for id_ in (check["id"], NOBODYS_ID):
        document = refused(ringklar.get(f"/v1/checks/{id_}", key=theirs), 404, "unknown-check")
        assert document["detail"] == "there is no such check for your seller"
        refused(ringklar.post("/v1/contacts", {**contact, "check_id": id_}, key=theirs), 404, "unknown-check")
    assert ringklar.row_counts()["contacts"] == 0
    assert ringklar.check(FROM_PARTNER, OTHER_CAMPAIGN, theirs)["seller"] == OTHER_SELLER


def test_another_sellers_opt_outs_cannot_be_seen_added_or_released(ringklar: Ringklar) -> None:
    theirs = ringklar.new_key(Role.CUSTOMER_SERVICE, ringklar.seeded.other_seller_id)
    mine = ringklar.opt_out(FROM_PARTNER)
    released = {"asked_by_person_at": ringklar.service.clock.now().isoformat(), "verified_by": "bank id"}
    before = ringklar.row_counts()

    for id_ in (mine["id"], NOBODYS_ID):
        document = refused(ringklar.post(f"/v1/opt-outs/{id_}/release", released, key=theirs), 404, "not-found")
        assert document["detail"] == "there is no such opt-out"
    for seller in (SELLER, "finns-inte"):
        body = {"numbers": [FROM_PARTNER], "seller": seller, "via": "phone"}
        document = refused(ringklar.post("/v1/opt-outs", body, key=theirs), 404, "not-found")
        assert document["detail"] == "there is no seller with that slug"
    assert ringklar.row_counts() == before
    seen = answered(ringklar.post("/v1/lookups", {"number": FROM_PARTNER}, key=theirs), 200)
    assert (seen["opted_out"], seen["opt_outs"], seen["checks"]) == (False, [], [])
    assert ringklar.check(FROM_PARTNER)["verdict"] == "deny"


def test_a_key_of_one_seller_cannot_opt_a_number_out_for_every_seller(ringklar: Ringklar) -> None:
    body = {"numbers": [FROM_PARTNER], "seller": "*", "via": "phone"}

    refused(ringklar.post("/v1/opt-outs", body, role=Role.CUSTOMER_SERVICE), 404, "not-found")

    assert ringklar.check(FROM_PARTNER)["verdict"] == "allow"


def test_another_sellers_changes_never_reach_a_dialer(ringklar: Ringklar) -> None:
    theirs = ringklar.new_key(Role.DIALER, ringklar.seeded.other_seller_id)

    ringklar.opt_out(FROM_PARTNER)

    assert answered(ringklar.get("/v1/changes", key=theirs), 200) == {"changes": [], "cursor": 0}


def test_another_sellers_consents_cannot_be_given_withdrawn_or_seen(ringklar: Ringklar) -> None:
    theirs = ringklar.new_key(Role.CUSTOMER_SERVICE, ringklar.seeded.other_seller_id)
    consent = {
        "number": FROM_PARTNER,
        "seller": SELLER,
        "channels": ["voice"],
        "names_seller": True,
        "text_version": "2026-1",
        "evidence": {"form": "web"},
        "given_at": "2026-11-20T10:00:00Z",
    }
    given = answered(ringklar.post("/v1/consents", consent, role=Role.CUSTOMER_SERVICE), 201)
    before = ringklar.row_counts()

    refused(ringklar.post("/v1/consents", consent, key=theirs), 404, "not-found")
    for id_ in (given["id"], NOBODYS_ID):
        refused(ringklar.post(f"/v1/consents/{id_}/withdraw", {"via": "phone"}, key=theirs), 404, "not-found")
    relation = {
        "number": FROM_PARTNER,
        "seller": SELLER,
        "product": "electricity",
        "reference": "A-1",
        "started_at": "2026-01-01T00:00:00Z",
    }
    refused(ringklar.post("/v1/customer-relations", relation, key=theirs), 404, "not-found")
    assert ringklar.row_counts() == before
    seen = answered(ringklar.post("/v1/lookups", {"number": FROM_PARTNER}, key=theirs), 200)
    assert (seen["consents"], seen["relations"]) == ([], [])


def test_another_sellers_sources_and_lead_files_cannot_be_used_or_seen(ringklar: Ringklar) -> None:
    theirs = ringklar.new_key(Role.LEAD_MANAGER, ringklar.seeded.other_seller_id)
    delivered = delivery(ringklar, ringklar.seeded.keys[Role.LEAD_MANAGER])
    file_id = answered(delivered, 202)["id"]
    before = ringklar.row_counts()

    refused(delivery(ringklar, theirs), 404)
    for id_ in (file_id, NOBODYS_ID):
        refused(ringklar.get(f"/v1/lead-files/{id_}", key=theirs), 404, "not-found")
        refused(ringklar.get(f"/v1/lead-files/{id_}/rows", key=theirs), 404, "not-found")
        refused(ringklar.get(f"/v1/lead-files/{id_}/rejects", key=theirs), 404, "not-found")
    assert ringklar.row_counts() == before


def delivery(application: Ringklar, key: str) -> TestResponse:
    """Deliver a small lead file for the seller's source."""
    content = b"Namn;Telefon;Insamlad\nTest;0701740620;2026-11-01\n"
    form = {"source": PARTNER_SOURCE, "file": (io.BytesIO(content), "leads.csv")}
    return application.ask("POST", "/v1/lead-files", key=key, data=form)
