"""The served description against the service itself: schemathesis asks what it describes, and answers must fit it."""

import io
import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import positive_data_acceptance
from werkzeug.test import TestResponse

from core.access import RIGHTS, Role
from dnc.arrivals import screen_arrivals
from dnc.auditor.auditing import audit
from dnc.recipients import add_recipient
from leads.arriving import finished_files
from tests.api.calling import NOBODYS_ID, Json, Ringklar, answered, refused
from tests.api.test_roles import delivery
from tests.seeding import (
    CAMPAIGN,
    FROM_LIST,
    FROM_PARTNER,
    LISTED,
    OPERATOR,
    OPTED_OUT,
    PARTNER_SOURCE,
    SELLER,
    WITHOUT_SOURCE,
)
from web.endpoint import Download

EXAMPLES = 25
"""Requests to each operation: the walk is bounded, and the same each time."""

BEYOND_A_SCHEMA = [positive_data_acceptance]
"""What a schema allows is refused for other reasons, too: a NUL in a text, a call that ends before it starts."""


def role_for(application: Ringklar, method: str, path: str) -> Role:
    """Return a role that may call the operation."""
    [right] = {one.right for one in application.operations if (one.method, one.path) == (method, path)}
    return min(RIGHTS[right])


def test_what_is_described_is_what_is_served(shared: Ringklar) -> None:
    described = {
        (method.upper(), path)
        for path, methods in answered(shared.client.get("/openapi.json"), 200)["paths"].items()
        for method in methods
    }
    served = {
        (method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in shared.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule.startswith("/v1") and rule.rule != "/v1/keys"  # open to all, for libraries that read key sets
    }

    assert described == served == {(operation.method, operation.path) for operation in shared.operations}


def test_every_operation_is_described_for_its_reader(shared: Ringklar) -> None:
    for methods in answered(shared.client.get("/openapi.json"), 200)["paths"].values():
        for operation in methods.values():
            assert operation["summary"].endswith(".")
            assert "Needs a key of " in operation["description"]
            for asked in operation["parameters"]:
                if asked["in"] == "query" and asked["name"] in {"cursor", "limit"}:
                    assert asked["schema"]["description"], (operation["operationId"], asked)
            assert operation["responses"].keys() >= {"401", "403", "503"}
    described = answered(shared.client.get("/openapi.json"), 200)["paths"]
    asking = described["/v1/lead-files"]["get"]["description"]
    assert "one that was replaced finds nothing" in asking
    assert asking.endswith("Needs a key of one of these roles: compliance, lead_manager.")
    assert "a larger one goes on being read" in described["/v1/lead-files"]["post"]["description"]
    names = [operation.name for operation in shared.operations]
    assert len(names) == len(set(names))


MISTAKEN: dict[str, tuple[Role, Json, list[list[str]]]] = {
    "/v1/consents": (
        Role.CUSTOMER_SERVICE,
        {
            "number": LISTED,
            "seller": SELLER,
            "channels": ["voice"],
            "names_seller": True,
            "text_version": " ",
            "evidence": {},
            "given_at": "2026-11-20T10:00:00Z",
        },
        [["text_version"], ["evidence"]],
    ),
    "/v1/customer-relations": (
        Role.CUSTOMER_SERVICE,
        {
            "number": "fel",
            "seller": SELLER,
            "product": "electricity",
            "reference": "A-1",
            "started_at": "2026-01-01T00:00:00Z",
        },
        [["number"]],
    ),
    f"/v1/sellers/{SELLER}/rules": (
        Role.COMPLIANCE,
        {"rules": {"SE": {"opens": "25:00", "finns_inte": 1}}, "because": "x"},
        [[], ["SE", "opens"]],
    ),
    f"/v1/sources/{PARTNER_SOURCE}/terms": (Role.LEAD_MANAGER, {"text": ""}, [[]]),
}
"""What a service refuses, who sends it, and where in it each mistake is; it may be of the whole."""


@pytest.mark.parametrize("path", MISTAKEN)
def test_a_mistake_that_a_service_finds_has_the_form_of_every_other(shared: Ringklar, path: str) -> None:
    role, body, places = MISTAKEN[path]

    document = refused(shared.post(path, body, role), 422)

    assert [mistake["at"] for mistake in document["errors"]] == places
    assert {mistake["code"] for mistake in document["errors"]} == {document["code"]}


def ask_as_described(operation: Any, key: str) -> int:  # Any: schemathesis' operation is generic over its own kinds
    """Return how many generated requests the operation was sent; each answer was as the description says."""
    asked = 0

    @seed(20261124)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        nonlocal asked
        asked += 1
        case.call_and_validate(headers={"Authorization": f"Bearer {key}"}, excluded_checks=BEYOND_A_SCHEMA)

    ask()
    return asked


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the libraries below schemathesis
def test_generated_requests_are_answered_as_described(on_sqlite: Ringklar) -> None:
    schema = schemathesis.openapi.from_wsgi("/openapi.json", on_sqlite.app)
    operations = [offered.ok() for offered in schema.get_all_operations() if isinstance(offered, Ok)]

    for operation in operations:
        role = role_for(on_sqlite, operation.method.upper(), operation.path)
        assert ask_as_described(operation, on_sqlite.seeded.keys[role]) > 0

    assert len(operations) == len(on_sqlite.operations)


def test_answers_fit_their_declared_models(ringklar: Ringklar) -> None:
    models = {f"{operation.method} {operation.path}": operation.response for operation in ringklar.operations}

    def fits(operation: str, response: TestResponse) -> Json:
        assert response.status_code < 300, response.text
        model = models[operation]
        tried.add(operation)
        if issubclass(model, Download):
            assert response.mimetype == "application/octet-stream"
            assert "attachment" in response.headers["Content-Disposition"]
            with response:
                return response.data
        model.model_validate_json(response.text)
        return response.json

    tried: set[str] = set()
    service, now = Role.CUSTOMER_SERVICE, ringklar.service.clock.now().isoformat()
    numbers = [FROM_PARTNER, FROM_LIST, LISTED, OPTED_OUT, "+46701740609", "fel", ""]
    for number in numbers:
        body = {"number": number, "campaign": CAMPAIGN}
        check = fits("POST /v1/checks", ringklar.post("/v1/checks", {**body, "reference": 'a "b"'}))
        fits("GET /v1/checks/{check_id}", ringklar.get(f"/v1/checks/{check['id']}"))
        fits("POST /v1/what-if", ringklar.post("/v1/what-if", {**body, "at": "2026-12-25T10:00:00Z"}))
    _try_exports(ringklar, fits)
    batch = {"numbers": numbers, "campaign": CAMPAIGN}
    fits("POST /v1/checks/batch", ringklar.post("/v1/checks/batch", batch))
    permitted = ringklar.check(FROM_PARTNER)["id"]
    call = {"check_id": permitted, "call_id": "c", "started_at": now, "outcome": "objected"}
    fits("POST /v1/contacts", ringklar.post("/v1/contacts", call))
    no = {"numbers": numbers, "seller": SELLER, "via": "phone"}
    added = fits("POST /v1/opt-outs", ringklar.post("/v1/opt-outs", no, role=service))["results"][0]["id"]
    wish = {"asked_by_person_at": now, "verified_by": "bank id"}
    path = f"/v1/opt-outs/{added}/release"
    fits("POST /v1/opt-outs/{opt_out_id}/release", ringklar.post(path, wish, role=service))
    consent = {
        "number": LISTED,
        "seller": SELLER,
        "channels": ["voice"],
        "names_seller": True,
        "text_version": "1",
        "evidence": {"form": "web"},
        "given_at": now,
    }
    given_id = fits("POST /v1/consents", ringklar.post("/v1/consents", consent, role=service))["id"]
    relation = {
        "number": FROM_LIST,
        "seller": SELLER,
        "product": "electricity",
        "reference": "A-1",
        "started_at": "2026-01-01T00:00:00Z",
    }
    fits("POST /v1/customer-relations", ringklar.post("/v1/customer-relations", relation, role=service))
    for number in (LISTED, FROM_LIST):  # as a consent and a relation carry them
        fits("POST /v1/checks", ringklar.post("/v1/checks", {"number": number, "campaign": CAMPAIGN}))
    path = f"/v1/consents/{given_id}/withdraw"
    fits("POST /v1/consents/{consent_id}/withdraw", ringklar.post(path, {"via": "phone"}, role=service))
    for role in (Role.SALES, service):
        for number in numbers[:5]:
            fits("POST /v1/lookups", ringklar.post("/v1/lookups", {"number": number}, role=role))
    fits("GET /v1/changes", ringklar.get("/v1/changes"))
    fits("GET /v1/campaigns", ringklar.get("/v1/campaigns"))
    fits("GET /v1/registers", ringklar.get("/v1/registers"))
    manager = Role.LEAD_MANAGER
    file_id = fits("POST /v1/lead-files", delivery(ringklar, ringklar.seeded.keys[manager]))["id"]
    fits("GET /v1/lead-files", ringklar.get("/v1/lead-files", manager))
    fits("GET /v1/lead-files/{lead_file_id}", ringklar.get(f"/v1/lead-files/{file_id}", manager))
    fits("GET /v1/lead-files/{lead_file_id}/rows", ringklar.get(f"/v1/lead-files/{file_id}/rows", manager))
    _try_holds(ringklar, fits, file_id)
    _try_custody(ringklar, fits, file_id)
    _try_mappings(ringklar, fits)
    _try_oversight(ringklar, fits)
    _try_proof(ringklar, fits)
    _try_sources(ringklar, fits, file_id)
    form = {"as_of": "2026-11-20", "file": (io.BytesIO(f"{LISTED}\n".encode()), "nix.txt")}
    loaded = ringklar.ask("POST", "/v1/registers/nix/versions", role=Role.COMPLIANCE, data=form)
    fits("POST /v1/registers/{name}/versions", loaded)
    _try_register_changes(ringklar, fits)
    _try_call_records(ringklar, fits)

    assert tried == models.keys()


def _try_register_changes(ringklar: Ringklar, fits: Callable[[str, TestResponse], Json]) -> None:
    """Ask how the register changed, and hold the contacts against it again, page by page."""
    role, versions = Role.COMPLIANCE, "from=2026-11-15&to=2026-11-20"
    fits("GET /v1/registers/{name}/changes", ringklar.get(f"/v1/registers/nix/changes?{versions}", role))
    question = {"name": "nix", "since": "2026-11-01T00:00:00Z", "until": "2026-12-01T00:00:00Z"}
    for more in ({}, {"version": "2026-11-20"}, {"cursor": NOBODYS_ID}):
        fits("POST /v1/rematches", ringklar.post("/v1/rematches", {**question, **more}, role))


def _try_call_records(ringklar: Ringklar, fits: Callable[[str, TestResponse], Json]) -> None:
    """Send call records, a call and a row that is none, and ask for all that came of them."""
    role, content = Role.COMPLIANCE, f"start;to\n2026-11-24T09:00:00Z;{WITHOUT_SOURCE}\nx;y\n".encode()
    form = {"seller": SELLER, "file": (io.BytesIO(content), "calls.csv")}
    sent = fits("POST /v1/call-records", ringklar.ask("POST", "/v1/call-records", role=role, data=form))
    fits("GET /v1/call-records", ringklar.get("/v1/call-records", role))
    path = f"/v1/call-records/{sent['id']}"
    fits("GET /v1/call-records/{file_id}", ringklar.get(path, role))
    fits("GET /v1/call-records/{file_id}/rows", ringklar.get(f"{path}/rows", role))
    missing = ringklar.get(f"{path}/missing-contacts", role)
    assert len(fits("GET /v1/call-records/{file_id}/missing-contacts", missing)["contacts"]) == 1


def _try_custody(ringklar: Ringklar, fits: Callable[[str, TestResponse], Json], file_id: str) -> None:
    """Ask for what proves a delivery, and for the rows that were refused."""
    role, file = Role.LEAD_MANAGER, f"/v1/lead-files/{file_id}"
    fits("GET /v1/lead-files/{lead_file_id}/rejects", ringklar.get(f"{file}/rejects", role))
    added = ringklar.post(f"{file}/references", {"invoice": "F-1"}, role)
    fits("POST /v1/lead-files/{lead_file_id}/references", added)
    fits("GET /v1/lead-files/{lead_file_id}/references", ringklar.get(f"{file}/references", role))
    fits("GET /v1/lead-files/{lead_file_id}/original", ringklar.get(f"{file}/original", Role.COMPLIANCE))
    fits("GET /v1/lead-files/{lead_file_id}/receipt", ringklar.get(f"{file}/receipt", role))
    fits("GET /v1/lead-files/{lead_file_id}/rows/{row_no}/proof", ringklar.get(f"{file}/rows/1/proof", role))


def _try_mappings(ringklar: Ringklar, fits: Callable[[str, TestResponse], Json]) -> None:
    """Ask each endpoint of saved mappings."""
    role, path = ringklar.new_key(Role.LEAD_MANAGER, None), "/v1/suppliers/kronan/mapping"
    saved = {"mapping": {"number": "Mobil"}, "encoding": "cp1252", "delimiter": ";"}
    fits("POST /v1/suppliers/{slug}/mapping", ringklar.post(path, saved, key=role))
    fits("GET /v1/suppliers/{slug}/mapping", ringklar.get(path, key=role))
    fits("POST /v1/suppliers/{slug}/mapping/forget", ringklar.ask("POST", f"{path}/forget", key=role))


def _try_proof(ringklar: Ringklar, fits: Callable[[str, TestResponse], Json]) -> None:
    """Audit what was answered so far, ask for what was found, and for the same answers under another policy."""
    service, role = ringklar.service, Role.COMPLIANCE
    audit(service.store, service.shelf.listed, OPERATOR, now=service.clock.now())
    [one] = fits("GET /v1/audits", ringklar.get("/v1/audits", role))["audits"]
    path = f"/v1/audits/{one['id']}/differences"
    fits("GET /v1/audits/{audit_id}/differences", ringklar.get(path, role))
    question = {"since": "2026-11-01T00:00:00Z", "until": "2026-12-01T00:00:00Z", "policy": "se-optin-2027-proposal"}
    for by in ("source", "campaign", "reason"):
        fits("POST /v1/replays", ringklar.post("/v1/replays", {**question, "by": by}, role))


def _try_holds(ringklar: Ringklar, fits: Callable[[str, TestResponse], Json], file_id: str) -> None:
    """Ask each endpoint of holds: what sales report is closed, or turned into an opt-out."""
    role = Role.CUSTOMER_SERVICE
    for note in ("a", "b"):
        objection = {"number": FROM_LIST, "seller": SELLER, "note": note}
        fits("POST /v1/objections", ringklar.post("/v1/objections", objection, Role.SALES))
    one, other, of_call = [hold["id"] for hold in fits("GET /v1/holds", ringklar.get("/v1/holds", role))["holds"]]
    found = {"resolution": "x"}
    fits("POST /v1/holds/{hold_id}/close", ringklar.post(f"/v1/holds/{one}/close", found, role))
    for hold_id in (other, of_call):
        turned = ringklar.ask("POST", f"/v1/holds/{hold_id}/opt-out", role=role)
        fits("POST /v1/holds/{hold_id}/opt-out", turned)
    fits("GET /v1/holds", ringklar.get("/v1/holds?state=closed&limit=1&reason=objected", role))
    path = "/v1/lead-files/{lead_file_id}/holds"
    closed = ringklar.post(f"/v1/lead-files/{file_id}/holds/close", {**found, "reason": "minor"}, role)
    fits(f"POST {path}/close", closed)
    fits(f"POST {path}/opt-out", ringklar.post(f"/v1/lead-files/{file_id}/holds/opt-out", {}, role))


def _try_oversight(ringklar: Ringklar, fits: Callable[[str, TestResponse], Json]) -> None:
    """Ask each endpoint of complaints, walk-backs, quarantines and the league, and end what was quarantined."""
    role = Role.COMPLIANCE
    complaint = {"number": FROM_PARTNER, "seller": SELLER, "kind": "authority", "via": "mail", "note": "x"}
    fits("POST /v1/complaints", ringklar.post("/v1/complaints", complaint, role))
    for part in ("leads", "checks", "contacts"):
        question = {"number": FROM_PARTNER, "part": part, "limit": 1}
        fits("POST /v1/walk-backs", ringklar.post("/v1/walk-backs", question, role))
    for asked_by in (Role.CUSTOMER_SERVICE, role):
        fits("POST /v1/walk-backs", ringklar.post("/v1/walk-backs", {"number": FROM_PARTNER}, asked_by))
    rules = {"rules": {"SE": {"attempts_day": 2, "closed_weekdays": ["sunday"]}}, "because": "x"}
    fits("POST /v1/sellers/{slug}/rules", ringklar.post(f"/v1/sellers/{SELLER}/rules", rules, role))
    fits("GET /v1/sellers/{slug}/rules", ringklar.get(f"/v1/sellers/{SELLER}/rules", role))
    fits("GET /v1/league", ringklar.get("/v1/league", role))
    stopped = {"number": FROM_PARTNER, "seller": SELLER, "reason": "x"}
    for _once_more in range(2):
        fits("POST /v1/quarantines", ringklar.post("/v1/quarantines", stopped, role))
    fits("GET /v1/league", ringklar.get("/v1/league?days=1", role))
    everybodys = ringklar.new_key(role, None)
    resumed = ringklar.ask("POST", f"/v1/sources/{PARTNER_SOURCE}/resume", key=everybodys)
    fits("POST /v1/sources/{slug}/resume", resumed)


def _try_exports(ringklar: Ringklar, fits: Callable[[str, TestResponse], Json]) -> None:
    """Ask each endpoint of arrivals, exports and canaries."""
    service, role, now = ringklar.service, Role.LEAD_MANAGER, ringklar.service.clock.now()
    screen_arrivals(service.store, service.shelf.listed, now)
    with service.store.writing() as session:
        file = finished_files(session)[0]
        add_recipient(
            session,
            OPERATOR,
            slug="operatoren",
            seller=SELLER,
            name="Operatören AB",
            contract_reference="PUB-1",
            key_name=None,
            now=now,
        )
    everybodys = ringklar.new_key(role, None)
    arrival = ringklar.get(f"/v1/lead-files/{file}/arrival", key=everybodys)
    fits("GET /v1/lead-files/{lead_file_id}/arrival", arrival)
    fits("GET /v1/sources/{slug}/arrivals", ringklar.get(f"/v1/sources/{PARTNER_SOURCE}/arrivals", role))
    wanted = {"campaign": CAMPAIGN, "recipient": "operatoren"}
    handed = fits("POST /v1/exports", ringklar.post("/v1/exports", wanted, role))["csv"]
    seen = {"number": handed.splitlines()[-1].split(",")[0], "seen_at": now.isoformat(), "how": "annons"}
    fits("POST /v1/canaries/sightings", ringklar.post("/v1/canaries/sightings", seen, Role.COMPLIANCE))
    fits("GET /v1/exports", ringklar.get("/v1/exports", role))
    fits("GET /v1/recipients", ringklar.get("/v1/recipients", role))
    fits("GET /v1/canaries/sightings", ringklar.get("/v1/canaries/sightings", Role.COMPLIANCE))
    _try_screenings(ringklar, fits)


def _try_screenings(ringklar: Ringklar, fits: Callable[[str, TestResponse], Json]) -> None:
    """Ask each endpoint of screenings."""
    form = {"campaign": CAMPAIGN, "file": (io.BytesIO(f"Telefon\n{FROM_PARTNER}\n".encode()), "ring.csv")}
    made = fits("POST /v1/screenings", ringklar.ask("POST", "/v1/screenings", data=form))
    place = f"/v1/screenings/{made['id']}"
    fits("GET /v1/screenings", ringklar.get("/v1/screenings"))
    fits("GET /v1/screenings/{screening_id}", ringklar.get(place))
    fits("GET /v1/screenings/{screening_id}/result", ringklar.get(f"{place}/result"))
    asked = {"number": FROM_PARTNER}
    fits("POST /v1/screenings/{screening_id}/answers", ringklar.post(f"{place}/answers", asked))
    fits("POST /v1/lookups/screenings", ringklar.post("/v1/lookups/screenings", asked, Role.CUSTOMER_SERVICE))
    fits("POST /v1/screenings/{screening_id}/resume", ringklar.post(f"{place}/resume", {}))
    with pytest.MonkeyPatch.context() as patched:  # nobody works on it, or it might be over before it is cancelled
        patched.setattr("service.subprocess.Popen", lambda *_args, **_kwargs: SimpleNamespace(poll=lambda: 0))
        leads = ringklar.post("/v1/screenings/leads", {"campaign": CAMPAIGN}, Role.LEAD_MANAGER)
    running = f"/v1/screenings/{fits('POST /v1/screenings/leads', leads)['id']}"
    fits("POST /v1/screenings/{screening_id}/cancel", ringklar.post(f"{running}/cancel", {}, Role.LEAD_MANAGER))


def _try_sources(ringklar: Ringklar, fits: Callable[[str, TestResponse], Json], file_id: str) -> None:
    """Ask each endpoint of suppliers and sources, and those that pause."""
    role = Role.LEAD_MANAGER
    everybodys = ringklar.new_key(role, None)
    supplier = {"slug": "fjord", "name": "Fjord AB", "kind": "partner"}
    source = {"slug": "ny", "supplier": "fjord", "seller": SELLER, "name": "Ny", "basis": "consent", "say": "Ny."}
    fits("POST /v1/suppliers", ringklar.post("/v1/suppliers", supplier, role))
    fits("POST /v1/sources", ringklar.post("/v1/sources", source, role))
    terms = {"text": "Ja.", "page_url": "https://fjord.example", "shown_from": "2026-11-01"}
    fits("POST /v1/sources/{slug}/terms", ringklar.post("/v1/sources/ny/terms", terms, role))
    for things, name in (("suppliers", "fjord"), ("sources", "ny")):
        fits(f"GET /v1/{things}", ringklar.get(f"/v1/{things}", role))
        fits(f"GET /v1/{things}/{{slug}}", ringklar.get(f"/v1/{things}/{name}", role))
    for path, name in (("suppliers/{slug}", "fjord"), ("sources/{slug}", "ny"), ("lead-files/{lead_file_id}", file_id)):
        place = re.sub(r"{\w+}", name, path)
        fits(f"POST /v1/{path}/pause", ringklar.post(f"/v1/{place}/pause", {"reason": "x"}, key=everybodys))
        fits(f"POST /v1/{path}/resume", ringklar.ask("POST", f"/v1/{place}/resume", key=everybodys))
    withdraw = "POST /v1/lead-files/{lead_file_id}/withdraw"
    fits(withdraw, ringklar.post(f"/v1/lead-files/{file_id}/withdraw", {"reason": "x"}, key=everybodys))
