"""Exports and canaries over HTTP: leads handed out on record, and where they showed up."""

import csv
import hashlib
import io
import json

import pytest

from core.access import Role, operator
from dnc.canaries import look_for_canaries
from dnc.recipients import add_recipient
from tests.api.calling import Json, Ringklar, answered, refused
from tests.seeding import CAMPAIGN, FROM_LIST, FROM_PARTNER, LIST_SUPPLIER_NAME, OTHER_SELLER, SELLER

ME = operator("tests")


@pytest.fixture
def handing(ringklar: Ringklar) -> Ringklar:
    """The application with a recipient of the first seller, and one of the other."""
    with ringklar.service.store.writing() as session:
        for slug, seller, key in (("operatoren", SELLER, "dialer key"), ("andras", OTHER_SELLER, None)):
            add_recipient(
                session,
                ME,
                slug=slug,
                seller=seller,
                name="Operatören AB",
                contract_reference="PUB-1",
                key_name=key,
                now=ringklar.service.clock.now(),
            )
    return ringklar


def exported(ringklar: Ringklar) -> tuple[Json, list[dict[str, str]]]:
    """Return an export as answered, and the lines of its file."""
    body = {"campaign": CAMPAIGN, "recipient": "operatoren"}
    document = answered(ringklar.post("/v1/exports", body, role=Role.LEAD_MANAGER), 201)
    return document, list(csv.DictReader(io.StringIO(document["csv"])))


def canaries_in(lines: list[dict[str, str]]) -> list[str]:
    """Return the numbers that nobody delivered."""
    return [line["number"] for line in lines if line["number"] not in (FROM_PARTNER, FROM_LIST)]


def sightings(ringklar: Ringklar, query: str = "") -> Json:
    """Return a page of sightings, as compliance reads it."""
    return answered(ringklar.get(f"/v1/canaries/sightings{query}", Role.COMPLIANCE), 200)


def test_an_export_is_answered_with_the_file_that_is_on_record(handing: Ringklar) -> None:
    document, lines = exported(handing)

    assert document["sha256"] == hashlib.sha256(document["csv"].encode()).hexdigest()
    assert document["leads"] == 2
    assert {line["check_before_calling"] for line in lines} == {"yes"}
    assert LIST_SUPPLIER_NAME not in document["csv"]
    assert "canar" not in json.dumps(document)


def test_leads_go_only_to_a_recipient_of_the_campaign_s_seller(handing: Ringklar) -> None:
    for body, code in (
        ({"campaign": CAMPAIGN, "recipient": "andras"}, "unknown-recipient"),
        ({"campaign": "hemskydd", "recipient": "andras"}, "unknown-campaign"),
    ):
        refused(handing.post("/v1/exports", body, role=Role.LEAD_MANAGER), 404, code)


def test_an_export_leaves_no_copy_behind_for_repeated_requests(handing: Ringklar) -> None:
    body = {"campaign": CAMPAIGN, "recipient": "operatoren"}
    first, second = (
        answered(handing.post("/v1/exports", body, role=Role.LEAD_MANAGER, headers={"Idempotency-Key": "e"}), 201)
        for _ in range(2)
    )

    assert first["id"] != second["id"]
    assert handing.row_counts()["kept_answers"] == 0


def test_a_dialer_that_checks_a_canary_is_denied_and_seen_if_it_is_not_the_recipient(handing: Ringklar) -> None:
    [canary, *_] = canaries_in(exported(handing)[1])
    stranger = handing.new_key(Role.DIALER, handing.seeded.seller_id)

    own, theirs = handing.check(canary), handing.check(canary, key=stranger)
    look_for_canaries(handing.service.store, handing.service.clock.now())

    assert [reason["code"] for reason in own["reasons"]] == ["no_source"]
    [one] = sightings(handing)["sightings"]
    assert (one["how"], one["subject"], one["number"]) == ("check", theirs["id"], canary)
    assert (one["recipient"], one["recipient_name"]) == ("operatoren", "Operatören AB")


def test_a_reported_canary_is_listed_in_pages(handing: Ringklar) -> None:
    canaries = canaries_in(exported(handing)[1])
    told = []
    for number in (*canaries, FROM_PARTNER):
        body = {"number": number, "seen_at": "2026-11-24T09:00:00Z", "how": "annons på nätet"}
        answer = handing.post("/v1/canaries/sightings", body, role=Role.CUSTOMER_SERVICE)
        told.append(answered(answer, 200)["exports"])

    first = sightings(handing, "?limit=2")
    rest = sightings(handing, f"?limit=2&cursor={first['next_cursor']}")

    assert told == [1, 1, 1, 0]
    assert [one["number"] for one in (*first["sightings"], *rest["sightings"])] == canaries
    assert rest["next_cursor"] is None


def test_a_number_that_cannot_be_read_is_refused_without_being_repeated(handing: Ringklar) -> None:
    body = {"number": "hemligt 123", "seen_at": "2026-11-24T09:00:00Z", "how": "samtal"}

    response = handing.post("/v1/canaries/sightings", body, role=Role.COMPLIANCE)

    refused(response, 422, "invalid-input")
    assert "hemligt" not in response.text


def test_what_was_handed_to_whom_is_listed_the_newest_first(handing: Ringklar) -> None:
    first, second = exported(handing)[0], exported(handing)[0]

    page = answered(handing.get("/v1/exports", Role.LEAD_MANAGER), 200)

    assert [one["id"] for one in page["exports"]] == [second["id"], first["id"]]
    assert page["next_cursor"] is None
    assert answered(handing.get("/v1/exports", Role.COMPLIANCE), 200) == page
    newest = page["exports"][0]
    assert newest.keys() == {"id", "campaign", "recipient", "contract", "sha256", "leads", "made_at", "made_by"}
    assert {name: newest[name] for name in ("sha256", "leads", "made_at")} == {
        name: second[name] for name in ("sha256", "leads", "made_at")
    }
    assert (newest["campaign"], newest["recipient"], newest["contract"]) == (CAMPAIGN, "operatoren", "PUB-1")
    assert newest["made_by"].startswith("key:")
    rest = answered(handing.get(f"/v1/exports?limit=1&cursor={second['id']}", Role.COMPLIANCE), 200)
    assert [one["id"] for one in rest["exports"]] == [first["id"]]


def test_exports_are_listed_for_one_recipient_and_never_another_sellers(handing: Ringklar) -> None:
    made, _ = exported(handing)
    theirs = handing.new_key(Role.LEAD_MANAGER, handing.seeded.other_seller_id)

    def ids(query: str = "", key: str | None = None) -> list[str]:
        return [
            one["id"] for one in answered(handing.get(f"/v1/exports{query}", Role.LEAD_MANAGER, key), 200)["exports"]
        ]

    assert ids("?recipient=operatoren") == [made["id"]]
    assert ids(key=theirs) == []
    assert ids("?recipient=andras", theirs) == []
    refused(handing.get("/v1/exports?recipient=operatoren", key=theirs), 404, "unknown-recipient")
    assert answered(handing.get("/v1/exports?recipient=andras", Role.COMPLIANCE), 200)["exports"] == []


def test_recipients_are_listed_by_slug_and_never_another_sellers(handing: Ringklar) -> None:
    [ours] = answered(handing.get("/v1/recipients", Role.LEAD_MANAGER), 200)["recipients"]

    now = handing.service.clock.now().isoformat().replace("+00:00", "Z")
    assert ours == {
        "slug": "operatoren",
        "name": "Operatören AB",
        "seller": SELLER,
        "contract": "PUB-1",
        "key": "dialer key",
        "created_at": now,
    }
    page = answered(handing.get("/v1/recipients?limit=1", Role.COMPLIANCE), 200)
    assert [(one["slug"], one["key"]) for one in page["recipients"]] == [("andras", None)]
    rest = answered(handing.get(f"/v1/recipients?cursor={page['next_cursor']}", Role.COMPLIANCE), 200)
    assert [one["slug"] for one in rest["recipients"]] == ["operatoren"]


@pytest.mark.parametrize("path", ["/v1/exports", "/v1/recipients"])
def test_who_calls_is_not_told_to_whom_leads_are_handed(handing: Ringklar, path: str) -> None:
    for role in (Role.DIALER, Role.SALES, Role.CUSTOMER_SERVICE, Role.ADMIN):
        refused(handing.get(path, role), 403, "forbidden")
