"""Consents, withdrawals and customer relations over HTTP, and what they do to the next check."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from core.access import Role
from leads.models import LeadFile, Source
from tests.api.calling import NOBODYS_ID, Json, Ringklar, answered, refused
from tests.seeding import LIST_SOURCE, LISTED, SELLER

WRITERS = (Role.CUSTOMER_SERVICE, Role.LEAD_MANAGER)


def consent(**changes: Json) -> Json:
    """Return a consent that lifts the register, good but for ``changes``."""
    return {
        "number": LISTED,
        "seller": SELLER,
        "channels": ["voice"],
        "names_seller": True,
        "text_version": "2026-1",
        "evidence": {"form": "https://example.se/form", "ip": "192.0.2.7"},
        "given_at": "2026-11-20T10:00:00Z",
        **changes,
    }


def relation(**changes: Json) -> Json:
    """Return a running contract of the campaign's product, good but for ``changes``."""
    return {
        "number": LISTED,
        "seller": SELLER,
        "product": "electricity",
        "reference": "A-1",
        "started_at": "2026-01-01T00:00:00Z",
        **changes,
    }


def codes(ringklar: Ringklar) -> list[str]:
    """Return the reasons of a check of the listed number."""
    return [reason["code"] for reason in ringklar.check(LISTED)["reasons"]]


@pytest.mark.parametrize("role", WRITERS)
def test_a_consent_lifts_the_register_until_it_is_withdrawn(ringklar: Ringklar, role: Role) -> None:
    assert codes(ringklar) == ["on_register"]

    given = answered(ringklar.post("/v1/consents", consent(), role=role), 201)

    assert {key: given[key] for key in ("seller", "channels", "names_seller", "text_version", "expires_at")} == {
        "seller": SELLER,
        "channels": ["voice"],
        "names_seller": True,
        "text_version": "2026-1",
        "expires_at": None,
    }
    assert codes(ringklar) == []
    path = f"/v1/consents/{given['id']}/withdraw"
    first = answered(ringklar.post(path, {"via": "phone"}, role=role), 200)
    assert answered(ringklar.post(path, {"via": "letter"}, role=role), 200) == first
    assert first["consent_id"] == given["id"]
    assert codes(ringklar) == ["on_register"]


@pytest.mark.parametrize("written", [str, str.upper, " {} ".format], ids=["plain", "capitals", "spaces"])
def test_a_consent_whose_evidence_names_a_lead_file_goes_with_that_file(
    ringklar: Ringklar, written: Callable[[str], str]
) -> None:
    with ringklar.service.store.reading() as session:
        of_list = select(LeadFile.id).join(Source, Source.id == LeadFile.source_id).where(Source.slug == LIST_SOURCE)
        lead_file_id = session.scalars(of_list).one()
    named = consent(evidence={"lead_file": written(lead_file_id), "row_no": 1})
    answered(ringklar.post("/v1/consents", named, role=Role.LEAD_MANAGER), 201)
    assert codes(ringklar) == []

    path = f"/v1/lead-files/{lead_file_id}"
    answered(ringklar.post(f"{path}/pause", {"reason": "klagomål"}, role=Role.LEAD_MANAGER), 200)
    assert codes(ringklar) == ["on_register"]
    what_if = {"number": LISTED, "campaign": "vinterel"}
    simulated = answered(ringklar.post("/v1/what-if", what_if), 200)
    assert [reason["code"] for reason in simulated["reasons"]] == ["on_register"]
    answered(ringklar.post("/v1/consents", consent(), role=Role.LEAD_MANAGER), 201)
    assert codes(ringklar) == [], "what is recorded by hand goes with no file"

    answered(ringklar.post(f"{path}/resume", {}, role=Role.LEAD_MANAGER), 200)
    assert codes(ringklar) == []


@pytest.mark.parametrize("source", [None, "hemtavlingen"], ids=["nobody's", "another seller's"])
def test_a_consent_that_names_a_lead_file_which_the_seller_has_not_is_refused(
    ringklar: Ringklar, source: str | None
) -> None:
    """Mistyped, it would stand through every pause of the file that did deliver it."""
    with ringklar.service.store.reading() as session:
        of_source = select(LeadFile.id).join(Source, Source.id == LeadFile.source_id).where(Source.slug == source)
        lead_file_id = NOBODYS_ID if source is None else session.scalars(of_source).one()
    named = consent(evidence={"lead_file": lead_file_id, "row_no": 1})

    for role in WRITERS:
        problem = refused(ringklar.post("/v1/consents", named, role=role), 422, "invalid-input")
        assert [(one["at"], one["message"]) for one in problem["errors"]] == [
            (["evidence"], "the seller has no lead file of that id, so no pause could take the consent away")
        ]
    assert codes(ringklar) == ["on_register"]


@pytest.mark.parametrize("lead_file", ["mars.csv", 7, ["x"], {"a": 1}])
def test_evidence_that_names_no_lead_file_of_ours_is_evidence_all_the_same(ringklar: Ringklar, lead_file: Json) -> None:
    answered(ringklar.post("/v1/consents", consent(evidence={"lead_file": lead_file}), role=Role.LEAD_MANAGER), 201)

    assert codes(ringklar) == []


@pytest.mark.parametrize("given_at", ["2026-11-20T10:00:00Z", "2026-11-19T10:00:00Z", "2026-11-23T12:00:00Z"])
def test_a_withdrawal_ends_every_record_of_what_was_agreed_to_before_it(ringklar: Ringklar, given_at: str) -> None:
    given = answered(ringklar.post("/v1/consents", consent(), role=Role.CUSTOMER_SERVICE), 201)
    answered(ringklar.post("/v1/consents", consent(given_at=given_at), role=Role.LEAD_MANAGER), 201)
    assert codes(ringklar) == []

    withdrawal = {"via": "phone", "withdrawn_at": "2026-11-23T12:00:00Z"}
    answered(ringklar.post(f"/v1/consents/{given['id']}/withdraw", withdrawal, role=Role.CUSTOMER_SERVICE), 200)

    assert codes(ringklar) == ["on_register"]
    answered(ringklar.post("/v1/consents", consent(given_at=given_at), role=Role.LEAD_MANAGER), 201)
    assert codes(ringklar) == ["on_register"]
    answered(ringklar.post("/v1/consents", consent(given_at="2026-11-23T12:00:01Z"), role=Role.LEAD_MANAGER), 201)
    assert codes(ringklar) == []


def test_a_withdrawal_said_again_ends_what_was_agreed_to_since(ringklar: Ringklar) -> None:
    first = answered(ringklar.post("/v1/consents", consent(), role=Role.CUSTOMER_SERVICE), 201)
    path, early = f"/v1/consents/{first['id']}/withdraw", {"via": "phone", "withdrawn_at": "2026-11-21T12:00:00Z"}
    withdrawn = answered(ringklar.post(path, early, role=Role.CUSTOMER_SERVICE), 200)
    given = answered(
        ringklar.post("/v1/consents", consent(given_at="2026-11-22T12:00:00Z"), role=Role.LEAD_MANAGER), 201
    )
    other_way = consent(given_at="2026-11-22T12:00:00Z", channels=["automated_voice"])
    answered(ringklar.post("/v1/consents", other_way, role=Role.LEAD_MANAGER), 201)
    assert answered(ringklar.post(path, early, role=Role.CUSTOMER_SERVICE), 200) == withdrawn
    assert codes(ringklar) == [], "the same wish sent again ends nothing that came after it"

    again = answered(ringklar.post(path, {"via": "mail"}, role=Role.CUSTOMER_SERVICE), 200)

    assert again == withdrawn
    assert codes(ringklar) == ["on_register"]
    changes = answered(ringklar.get("/v1/changes"), 200)["changes"]
    assert [one["subject"] for one in changes if one["kind"] == "retraction"] == [first["id"], given["id"]]
    seen = answered(ringklar.post("/v1/lookups", {"number": LISTED}, role=Role.CUSTOMER_SERVICE), 200)["consents"]
    assert {one["id"] for one in seen if one["withdrawn_at"] is not None} == {first["id"], given["id"]}


def test_a_consent_that_names_no_seller_or_is_too_old_lifts_nothing(ringklar: Ringklar) -> None:
    for changes in ({"names_seller": False}, {"given_at": "2026-08-01T10:00:00Z"}, {"channels": ["automated_voice"]}):
        answered(ringklar.post("/v1/consents", consent(**changes), role=Role.CUSTOMER_SERVICE), 201)

        assert codes(ringklar) == ["on_register"], changes


def test_a_relation_lifts_the_register_and_is_one_however_often_it_is_sent(ringklar: Ringklar) -> None:
    first = answered(ringklar.post("/v1/customer-relations", relation(), role=Role.CUSTOMER_SERVICE), 200)
    assert codes(ringklar) == []

    ended = relation(fulfilled_at="2025-11-01T00:00:00Z", started_at="2025-01-01T00:00:00Z")
    again = answered(ringklar.post("/v1/customer-relations", ended, role=Role.LEAD_MANAGER), 200)

    assert again["id"] == first["id"]
    assert again["fulfilled_at"] == "2025-11-01T00:00:00Z"
    assert codes(ringklar) == ["on_register"]


def test_a_fulfilled_contract_lifts_the_register_again_only_with_a_reason(ringklar: Ringklar) -> None:
    ended = relation(started_at="2025-01-01T00:00:00Z", fulfilled_at="2025-11-01T00:00:00Z")
    answered(ringklar.post("/v1/customer-relations", ended, role=Role.CUSTOMER_SERVICE), 200)

    for changes in ({"fulfilled_at": None}, {"fulfilled_at": "2026-11-01T00:00:00Z"}, {"reopened_reason": ""}):
        again = {**ended, "fulfilled_at": None, **changes}
        refused(ringklar.post("/v1/customer-relations", again, role=Role.LEAD_MANAGER), 422)
        assert codes(ringklar) == ["on_register"]

    again = {**ended, "fulfilled_at": None, "reopened_reason": "the wrong contract was ended"}
    assert answered(ringklar.post("/v1/customer-relations", again, role=Role.LEAD_MANAGER), 200)["fulfilled_at"] is None
    assert codes(ringklar) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"number": "hemligt"},
        {"number": "0701740605 / 0701740606"},
        {"channels": []},
        {"channels": ["pigeon"]},
        {"text_version": ""},
        {"evidence": {}},
        {"given_at": "2026-11-20T10:00:00"},
        {"given_at": "2026-12-20T10:00:00Z"},
        {"expires_at": "2026-11-19T10:00:00Z"},
        {"region": "Sverige"},
        {"surplus": 1},
    ],
)
def test_a_consent_that_could_not_be_proved_is_refused_and_not_repeated(shared: Ringklar, changes: Json) -> None:
    before = shared.row_counts()

    response = shared.post("/v1/consents", consent(**changes), role=Role.CUSTOMER_SERVICE)

    refused(response, 422)
    assert "hemligt" not in response.text
    assert "1740605" not in response.text
    assert shared.row_counts() == before


@pytest.mark.parametrize(
    "changes",
    [
        {"number": ""},
        {"product": ""},
        {"reference": " "},
        {"started_at": "2026-12-20T10:00:00Z"},
        {"fulfilled_at": "2025-01-01T00:00:00Z"},
        {"started_at": "yesterday"},
    ],
)
def test_a_relation_that_cannot_be_is_refused(shared: Ringklar, changes: Json) -> None:
    before = shared.row_counts()

    refused(shared.post("/v1/customer-relations", relation(**changes), role=Role.CUSTOMER_SERVICE), 422)

    assert shared.row_counts() == before


def test_a_seller_or_consent_that_is_not_there_is_not_found(shared: Ringklar) -> None:
    unknown = {"seller": "finns-inte"}
    refused(shared.post("/v1/consents", consent(**unknown), role=Role.CUSTOMER_SERVICE), 404, "not-found")
    refused(shared.post("/v1/customer-relations", relation(**unknown), role=Role.CUSTOMER_SERVICE), 404, "not-found")
    path = f"/v1/consents/{NOBODYS_ID}/withdraw"
    refused(shared.post(path, {"via": "phone"}, role=Role.CUSTOMER_SERVICE), 404, "not-found")


def test_a_withdrawal_is_announced_to_dialers(ringklar: Ringklar) -> None:
    given = answered(ringklar.post("/v1/consents", consent(), role=Role.CUSTOMER_SERVICE), 201)
    cursor = answered(ringklar.get("/v1/changes"), 200)["cursor"]

    answered(ringklar.post(f"/v1/consents/{given['id']}/withdraw", {"via": "phone"}, role=Role.LEAD_MANAGER), 200)

    [change] = answered(ringklar.get(f"/v1/changes?cursor={cursor}"), 200)["changes"]
    assert (change["kind"], change["number"]) == ("retraction", LISTED)
