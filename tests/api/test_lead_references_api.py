"""What a delivery comes under, said over HTTP once it is known."""

import io

import pytest

from core.access import Role
from tests.api.calling import NOBODYS_ID, Json, Ringklar, answered, refused
from tests.seeding import LIST_SOURCE, PARTNER_SOURCE


@pytest.fixture
def path(ringklar: Ringklar) -> str:
    """Return the address of a file that was delivered under a contract."""
    file = (io.BytesIO(b"Telefon\n0701740620\n"), "leads.csv")
    form = {"source": PARTNER_SOURCE, "contract": "A-1", "washed": "nix:2026-11-15", "file": file}
    delivered = answered(ringklar.ask("POST", "/v1/lead-files", role=Role.LEAD_MANAGER, data=form), 202)
    assert short(delivered) == [("contract", "A-1", True)]
    return f"/v1/lead-files/{delivered['id']}"


def short(document: Json) -> list[tuple[str, str, bool]]:
    """Return the references of an answer in short."""
    return [(one["kind"], one["reference"], one["stands"]) for one in document["references"]]


def test_an_invoice_that_comes_later_is_added_and_every_answer_tells_it(ringklar: Ringklar, path: str) -> None:
    given = answered(ringklar.get(f"{path}/receipt", Role.COMPLIANCE), 200)["receipt"]

    added = answered(ringklar.post(f"{path}/references", {"invoice": "F-1", "contract": "A-2"}, Role.LEAD_MANAGER), 200)

    assert short(added) == [("contract", "A-1", False), ("contract", "A-2", True), ("invoice", "F-1", True)]
    assert all(one["said_at"] and one["said_by"].startswith("key:") for one in added["references"])
    for role in (Role.LEAD_MANAGER, Role.COMPLIANCE):
        assert answered(ringklar.get(f"{path}/references", role), 200) == added
    report = answered(ringklar.get(path, Role.LEAD_MANAGER), 200)
    assert (report["references"], report["warnings"]) == (added["references"], [])
    issued = answered(ringklar.get(f"{path}/receipt", Role.COMPLIANCE), 200)["receipt"]
    assert (given["references_added"], given["contract_reference"]) == ([], "A-1")
    assert (issued["contract_reference"], issued["invoice_reference"]) == ("A-1", None)
    assert [(one["reference"], one["added_by"]) for one in issued["references_added"]] == [
        ("A-2", "key"),
        ("F-1", "key"),
    ]


def test_an_invoice_tells_which_files_it_covers(ringklar: Ringklar, path: str) -> None:
    answered(ringklar.post(f"{path}/references", {"invoice": "F 1&2", "contract": "A-2"}, Role.LEAD_MANAGER), 200)

    def files(query: str, role: Role = Role.LEAD_MANAGER) -> list[str]:
        found = answered(ringklar.get(f"/v1/lead-files?{query}", role), 200)["lead_files"]
        return [f"/v1/lead-files/{one['id']}" for one in found]

    for role in (Role.LEAD_MANAGER, Role.COMPLIANCE):
        assert files("invoice=F+1%262", role) == files("contract=A-2&invoice=F+1%262", role) == [path]
    [one] = answered(ringklar.get("/v1/lead-files?invoice=F+1%262", Role.COMPLIANCE), 200)["lead_files"]
    assert short(one) == [("contract", "A-1", False), ("contract", "A-2", True), ("invoice", "F 1&2", True)]
    assert (one["wash_register"], one["wash_version"]) == ("nix", "2026-11-15")
    assert files("contract=A-1") == files("order=A-2") == files(f"source={LIST_SOURCE}&contract=A-2") == []
    for empty in ("invoice=", "invoice=%20", f"order={'x' * 101}"):
        refused(ringklar.get(f"/v1/lead-files?{empty}", Role.LEAD_MANAGER), 422, "invalid-input")


def test_a_request_that_is_sent_again_adds_nothing_more(ringklar: Ringklar, path: str) -> None:
    for key in ("k-1", "k-1", "k-2"):
        body, headers = {"invoice": "F-1"}, {"Idempotency-Key": key}
        added = answered(ringklar.post(f"{path}/references", body, Role.LEAD_MANAGER, headers=headers), 200)
        assert short(added) == [("contract", "A-1", True), ("invoice", "F-1", True)]


@pytest.mark.parametrize(
    "body",
    [{}, {"invoice": None}, {"invoice": ""}, {"invoice": "  "}, {"order": "x" * 101}, {"washed": "nix:2026-11-15"}],
)
def test_what_names_no_reference_is_refused(ringklar: Ringklar, path: str, body: Json) -> None:
    before = ringklar.row_counts()

    refused(ringklar.post(f"{path}/references", body, Role.LEAD_MANAGER), 422)
    assert ringklar.row_counts() == before


def test_another_sellers_file_and_none_cannot_be_told_apart(ringklar: Ringklar, path: str) -> None:
    theirs = ringklar.new_key(Role.LEAD_MANAGER, ringklar.seeded.other_seller_id)

    for file in (path, f"/v1/lead-files/{NOBODYS_ID}"):
        refused(ringklar.post(f"{file}/references", {"invoice": "F-1"}, key=theirs), 404, "not-found")
        refused(ringklar.get(f"{file}/references", key=theirs), 404, "not-found")
