"""Suppliers and sources over HTTP: added, shown with what they lack, paused and resumed, by those who may."""

import io
from typing import Any

import pytest
from sqlalchemy import select

from core.access import Role
from core.ledger import LedgerEntry
from leads.assessments import add_assessment
from tests.api.calling import NOBODYS_ID, Json, Ringklar, answered, refused
from tests.seeding import (
    FROM_PARTNER,
    LIST_SOURCE,
    LIST_SUPPLIER_NAME,
    OPERATOR,
    PARTNER_SOURCE,
    SELLER,
    SELLER_NAME,
)

MANAGER, COMPLIANCE = Role.LEAD_MANAGER, Role.COMPLIANCE
TERMS: dict[str, Json] = {
    "text": f"Ja, {SELLER_NAME} får ringa mig.",
    "page_url": "https://hosten.example/villkor",
    "shown_from": "2026-09-01",
    "shown_until": "2026-10-31",
    "names": [SELLER_NAME],
}


def new_source(**changes: Any) -> Json:  # Any: whatever the test changes
    """Return the body of a good source, but for ``changes``."""
    return {
        "slug": "hosten",
        "supplier": "kronan",
        "seller": SELLER,
        "name": "Hösttävlingen",
        "basis": "consent",
        "say": "Du tävlade i Hösttävlingen.",
        "say_en": "You took part in Hösttävlingen.",
        **changes,
    }


def post(ringklar: Ringklar, path: str, body: Json | None, status: int, role: Role = MANAGER) -> Json:
    """Return what ``path`` answers to the body, or to none."""
    return answered(ringklar.ask("POST", path, role=role, **({} if body is None else {"json": body})), status)


def file_document(ringklar: Ringklar, reference: str) -> None:
    """File the document of a balancing test."""
    service = ringklar.service
    with service.store.writing() as session:
        add_assessment(
            session,
            service.assessments,
            OPERATOR,
            reference=reference,
            seller=SELLER,
            title="Deltagare i tävlingar",
            document=io.BytesIO(b"LIA"),
            file_name="lia.pdf",
            now=service.clock.now(),
        )


def test_a_supplier_is_added_shown_and_listed(ringklar: Ringklar) -> None:
    added = post(ringklar, "/v1/suppliers", {"slug": "fjord", "name": "Fjord AB", "kind": "partner"}, 201)

    assert {key: added[key] for key in ("slug", "name", "kind", "paused_at")} == {
        "slug": "fjord",
        "name": "Fjord AB",
        "kind": "partner",
        "paused_at": None,
    }
    assert answered(ringklar.get("/v1/suppliers/fjord", COMPLIANCE), 200) == added
    listed = answered(ringklar.get("/v1/suppliers", MANAGER), 200)
    assert [one["slug"] for one in listed["suppliers"]] == ["fjallraven", "fjord", "kronan"]
    assert listed["next_cursor"] is None
    taken = refused(ringklar.post("/v1/suppliers", {"slug": "fjord", "name": "F", "kind": "list"}, MANAGER), 409)
    assert "fjord" not in taken["detail"]
    refused(ringklar.post("/v1/suppliers", {"slug": "Fjord", "name": "F", "kind": "list"}, MANAGER), 422)
    refused(ringklar.get("/v1/suppliers/finns-inte", MANAGER), 404, "not-found")


def test_a_source_is_added_and_answers_for_itself_once_its_terms_are_filed(ringklar: Ringklar) -> None:
    added = post(ringklar, "/v1/sources", new_source(), 201)
    assert (added["supplier"], added["kind"], added["seller"]) == ("kronan", "partner", SELLER)
    assert (added["evidence_gaps"], added["terms_version"], added["retention_days"]) == (["no_terms"], None, 365)

    filed = post(ringklar, "/v1/sources/hosten/terms", TERMS, 201)
    again = post(ringklar, "/v1/sources/hosten/terms", TERMS, 201)

    assert filed == again
    assert {key: filed[key] for key in TERMS} == TERMS
    assert filed["version"] == 1
    shown = answered(ringklar.get("/v1/sources/hosten", COMPLIANCE), 200)
    assert (shown["evidence_gaps"], shown["terms_version"], shown["terms"]) == ([], 1, [filed])
    post(ringklar, "/v1/sources/hosten/terms", {"text": "Ja till alla."}, 201)
    shown = answered(ringklar.get("/v1/sources/hosten", MANAGER), 200)
    assert shown["evidence_gaps"] == ["no_page_url", "no_period", "seller_not_named"]
    assert [terms["version"] for terms in shown["terms"]] == [2, 1]


def test_where_a_balancing_test_is_is_told(ringklar: Ringklar) -> None:
    body = new_source(basis="legitimate_interest")
    missing = post(ringklar, "/v1/sources", body, 201)
    elsewhere = post(ringklar, "/v1/sources", {**body, "slug": "andra", "assessment": "LIA-2026-09"}, 201)
    file_document(ringklar, "LIA-2026-09")

    assert (missing["assessment_document"], missing["evidence_gaps"]) == ("missing", ["no_assessment"])
    assert (elsewhere["assessment_document"], elsewhere["evidence_gaps"]) == (
        "elsewhere",
        ["assessment_document_elsewhere"],
    )
    kept = answered(ringklar.get("/v1/sources/andra", MANAGER), 200)
    assert (kept["assessment_document"], kept["evidence_gaps"]) == ("kept", [])


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"supplier": "fjallraven", "say": f"Vi köpte ditt nummer av {LIST_SUPPLIER_NAME}."}, 422),
        ({"basis": None}, 422),
        ({"say": " "}, 422),
        ({"retention_days": 0}, 422),
        ({"slug": PARTNER_SOURCE}, 409),
        ({"seller": "sydljus"}, 404),
        ({"supplier": "finns-inte"}, 404),
    ],
)
def test_a_source_that_may_not_be_is_refused_as_at_the_command_line(
    on_sqlite: Ringklar, changes: Json, status: int
) -> None:
    refused(on_sqlite.post("/v1/sources", new_source(**changes), MANAGER), status)


@pytest.mark.parametrize(
    "changes",
    [
        {"text": ""},
        {"names": ["Kraftbolaget"]},
        {"page_url": "hosten.example"},
        {"shown_until": "2026-08-31"},
        {"shown_from": "2026-02-30"},
        {"shown_from": 1_780_000_000},
        {"shown_from": "2026-09-01T00:00:00Z"},
    ],
)
def test_terms_that_could_prove_nothing_are_refused(on_sqlite: Ringklar, changes: Json) -> None:
    refused(on_sqlite.post(f"/v1/sources/{PARTNER_SOURCE}/terms", {**TERMS, **changes}, MANAGER), 422, "invalid-input")


def test_long_lists_come_in_pages(ringklar: Ringklar) -> None:
    for things in ("suppliers", "sources"):
        whole = answered(ringklar.get(f"/v1/{things}", MANAGER), 200)[things]
        first = answered(ringklar.get(f"/v1/{things}?limit=1", MANAGER), 200)
        rest = answered(ringklar.get(f"/v1/{things}?limit=1&cursor={first['next_cursor']}", MANAGER), 200)

        assert first["next_cursor"] == whole[0]["slug"]
        assert rest["next_cursor"] is None
        assert [*first[things], *rest[things]] == whole


def test_a_pause_over_http_denies_from_the_next_check_on(ringklar: Ringklar) -> None:
    file_id = lead_file_id(ringklar)
    everybodys = ringklar.new_key(MANAGER, None)
    for path in (f"/v1/sources/{PARTNER_SOURCE}", "/v1/suppliers/kronan", f"/v1/lead-files/{file_id}"):
        assert ringklar.check(FROM_PARTNER)["verdict"] == "allow"

        paused = answered(ringklar.post(f"{path}/pause", {"reason": "klagomål 17"}, key=everybodys), 200)

        assert paused["paused_at"] is not None
        assert paused["paused_reason"] == "klagomål 17"
        [reason] = ringklar.check(FROM_PARTNER)["reasons"]
        assert reason["code"] == "source_paused"
        resumed = answered(ringklar.ask("POST", f"{path}/resume", role=COMPLIANCE), 200)
        assert (resumed["paused_at"], resumed["paused_reason"]) == (None, None)
    assert ringklar.check(FROM_PARTNER)["verdict"] == "allow"
    refused(ringklar.post(f"/v1/sources/{PARTNER_SOURCE}/pause", {"reason": " "}, MANAGER), 422)
    refused(ringklar.post("/v1/suppliers/kronan/pause", {"reason": "klagomål"}, MANAGER), 403)


def lead_file_id(ringklar: Ringklar) -> str:
    """Return the id of the partner's lead file."""
    with ringklar.service.store.reading() as session:
        received = session.scalars(select(LedgerEntry).where(LedgerEntry.kind == "lead_file.received"))
        [found] = [one.subject for one in received if f'"{PARTNER_SOURCE}"' in str(one.payload)]
    return found


def test_another_sellers_sources_are_as_unknown_as_nothing(ringklar: Ringklar) -> None:
    theirs = ringklar.new_key(MANAGER, ringklar.seeded.other_seller_id)
    file_id = lead_file_id(ringklar)
    before = ringklar.row_counts()

    for slug in (PARTNER_SOURCE, NOBODYS_ID):
        refused(ringklar.get(f"/v1/sources/{slug}", key=theirs), 404, "not-found")
        refused(ringklar.post(f"/v1/sources/{slug}/terms", TERMS, key=theirs), 404, "not-found")
        refused(ringklar.post(f"/v1/sources/{slug}/pause", {"reason": "x"}, key=theirs), 404, "not-found")
        refused(ringklar.ask("POST", f"/v1/sources/{slug}/resume", key=theirs), 404, "not-found")
    for id_ in (file_id, NOBODYS_ID):
        refused(ringklar.post(f"/v1/lead-files/{id_}/pause", {"reason": "x"}, key=theirs), 404, "not-found")
        refused(ringklar.ask("POST", f"/v1/lead-files/{id_}/resume", key=theirs), 404, "not-found")
    listed = answered(ringklar.get("/v1/sources", key=theirs), 200)
    assert [one["slug"] for one in listed["sources"]] == ["hemtavlingen"]
    assert ringklar.row_counts() == before


@pytest.mark.parametrize("role", [Role.DIALER, Role.SALES, Role.CUSTOMER_SERVICE, Role.ADMIN])
def test_nothing_of_a_supplier_reaches_those_who_may_not_pause_it(shared: Ringklar, role: Role) -> None:
    before = shared.row_counts()
    for things, slug in (("suppliers", "fjallraven"), ("sources", LIST_SOURCE)):
        told = [
            shared.get(f"/v1/{things}", role),
            shared.get(f"/v1/{things}/{slug}", role),
            shared.get(f"/v1/{things}/finns-inte", role),
            shared.post(f"/v1/{things}", {"slug": slug}, role),
            shared.post(f"/v1/{things}/{slug}/pause", {"reason": "x"}, role),
            shared.ask("POST", f"/v1/{things}/{slug}/resume", role=role),
        ]
        for response in told:
            refused(response, 403, "forbidden")
            assert LIST_SUPPLIER_NAME not in response.text
    assert shared.row_counts() == before


def test_a_request_that_is_sent_again_files_terms_once(ringklar: Ringklar) -> None:
    headers = {"Idempotency-Key": "terms-1"}
    path = f"/v1/sources/{PARTNER_SOURCE}/terms"

    first = answered(ringklar.post(path, TERMS, MANAGER, headers=headers), 201)
    post(ringklar, path, {**TERMS, "text": TERMS["text"] + " Ändrat."}, 201)

    assert answered(ringklar.post(path, TERMS, MANAGER, headers=headers), 201) == first
    assert answered(ringklar.get(f"/v1/sources/{PARTNER_SOURCE}", MANAGER), 200)["terms_version"] == 2
