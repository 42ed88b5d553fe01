"""Holds over HTTP: sales report, customer service settles, compliance may close, and nobody sees another seller's."""

from datetime import timedelta
from pathlib import Path

import pytest

from core.access import Role
from core.clock import FixedClock
from tests.api.calling import NOBODYS_ID, Json, Ringklar, answered, refused
from tests.held import CHILD, MARKED, entries, every_hold, held_by_file, reported
from tests.seeding import (
    FROM_PARTNER,
    LIST_SOURCE,
    LIST_SOURCE_NAME,
    LIST_SUPPLIER_NAME,
    OF_OTHER_SELLER,
    OTHER_CAMPAIGN,
    OTHER_SELLER,
    SELLER,
)

SERVICE = Role.CUSTOMER_SERVICE
FOUND = {"resolution": "Rätt person, missförstånd"}


def objection(application: Ringklar, number: str = FROM_PARTNER, note: str = "", **how: object) -> Json:
    """Return the answer to an objection that sales report."""
    body = {"number": number, "seller": SELLER, "note": note}
    return answered(application.post("/v1/objections", body, **{"role": Role.SALES, **how}), 201)  # type: ignore[arg-type] # passed on as given


def listed(application: Ringklar, query: str = "", key: str | None = None) -> list[Json]:
    """Return all holds that the query asks for, read by the page."""
    found: list[Json] = []
    path, cursor = f"/v1/holds?limit=2{query}", ""
    while True:
        page = answered(application.get(path + cursor, SERVICE, key), 200)
        found += page["holds"]
        if page["next_cursor"] is None:
            return found
        cursor = f"&cursor={page['next_cursor']}"


def everybodys(application: Ringklar) -> str:
    """Return a key of customer service for every seller."""
    return application.new_key(SERVICE, None)


def test_an_objection_that_sales_report_blocks_the_number_and_waits_as_a_hold(ringklar: Ringklar) -> None:
    assert ringklar.check(FROM_PARTNER)["verdict"] == "allow"

    made = objection(ringklar, "070-174 06 05", " ringde om el ")

    assert made.keys() == {"hold_id", "made_at"}
    [reason] = ringklar.check(FROM_PARTNER)["reasons"]
    assert reason["code"] == "held"
    [hold] = listed(ringklar)
    assert hold == {
        "id": made["hold_id"],
        "number": FROM_PARTNER,
        "seller": SELLER,
        "reason": "objected",
        "note": "ringde om el",
        "lead_file": None,
        "contact": None,
        "made_at": made["made_at"],
        "made_by": hold["made_by"],
        "closed_at": None,
        "closed_by": None,
        "resolution": None,
    }


def test_the_same_objection_sent_again_makes_one_hold_and_a_new_one_after_that_was_closed_another(
    ringklar: Ringklar,
) -> None:
    keyed = {"Idempotency-Key": "objection-1"}
    first = objection(ringklar, headers=keyed)
    assert objection(ringklar, headers=keyed) == objection(ringklar) == first
    answered(ringklar.post(f"/v1/holds/{first['hold_id']}/close", FOUND, SERVICE), 200)

    second = objection(ringklar, headers=keyed)

    assert second["hold_id"] != first["hold_id"]
    assert ringklar.check(FROM_PARTNER)["verdict"] == "deny"


def test_an_objection_whose_number_cannot_be_read_or_to_another_seller_is_refused(ringklar: Ringklar) -> None:
    document = refused(ringklar.post("/v1/objections", {"number": "hej", "seller": SELLER}, Role.SALES), 422)
    assert document["fault"] == "not_a_number"
    for seller in (OTHER_SELLER, "finns-inte"):
        refused(ringklar.post("/v1/objections", {"number": FROM_PARTNER, "seller": seller}, Role.SALES), 404)
    assert every_hold(ringklar.service.store) == []


def test_a_hold_is_closed_with_what_was_found_and_once(ringklar: Ringklar) -> None:
    hold_id = objection(ringklar)["hold_id"]
    path, keyed = f"/v1/holds/{hold_id}/close", {"Idempotency-Key": "close-1"}

    for nothing in ("", " \n", "\u200b", "opt_out"):
        refused(ringklar.post(path, {"resolution": nothing}, SERVICE), 422, "invalid-input")
    closed = answered(ringklar.post(path, FOUND, SERVICE, headers=keyed), 200)

    assert (closed["id"], closed["resolution"]) == (hold_id, FOUND["resolution"])
    assert ringklar.check(FROM_PARTNER)["verdict"] == "allow"
    assert answered(ringklar.post(path, FOUND, SERVICE, headers=keyed), 200) == closed
    refused(ringklar.post(path, FOUND, Role.COMPLIANCE), 409, "hold-closed")
    assert len(entries(ringklar.service.store, "hold.closed")) == 1
    [hold] = listed(ringklar, "&state=closed")
    assert (hold["closed_at"], hold["resolution"]) == (closed["closed_at"], FOUND["resolution"])
    assert hold["closed_by"].startswith("key:")
    assert listed(ringklar) == []


def test_a_hold_becomes_an_opt_out_from_when_the_person_said_no(ringklar: Ringklar) -> None:
    made = objection(ringklar, note="vill aldrig")
    assert isinstance(ringklar.service.clock, FixedClock)
    ringklar.service.clock.at += timedelta(hours=5)

    became = answered(ringklar.ask("POST", f"/v1/holds/{made['hold_id']}/opt-out", role=SERVICE), 200)

    assert (became["id"], became["result"]) == (made["hold_id"], "added")
    [reason] = ringklar.check(FROM_PARTNER)["reasons"]
    assert reason["code"] == "opted_out"
    seen = answered(ringklar.post("/v1/lookups", {"number": FROM_PARTNER}, SERVICE), 200)
    [opt_out], [hold] = seen["opt_outs"], seen["holds"]
    assert (opt_out["id"], opt_out["via"], opt_out["note"]) == (became["opt_out_id"], "sales_call", "vill aldrig")
    assert (opt_out["received_at"], hold["resolution"]) == (made["made_at"], "opt_out")
    refused(ringklar.ask("POST", f"/v1/holds/{made['hold_id']}/opt-out", role=SERVICE), 409, "hold-closed")


def test_holds_are_listed_the_newest_first_by_state_reason_and_lead_file(ringklar: Ringklar, tmp_path: Path) -> None:
    file = held_by_file(ringklar.service, tmp_path, MARKED, [CHILD])
    own = objection(ringklar)["hold_id"]

    everything = listed(ringklar)

    assert [one["id"] for one in everything] == sorted((one["id"] for one in everything), reverse=True)
    assert len(everything) == 7
    of_file = listed(ringklar, f"&lead_file={file}")
    assert {one["lead_file"] for one in of_file} == {file}
    assert {one["number"] for one in of_file} == {*MARKED, CHILD}
    assert [one["number"] for one in listed(ringklar, f"&lead_file={file}&reason=minor")] == [CHILD]
    answered(ringklar.post(f"/v1/holds/{own}/close", FOUND, SERVICE), 200)
    assert [one["id"] for one in listed(ringklar, "&state=closed")] == [own]
    assert len(listed(ringklar)) == 6
    assert len(listed(ringklar, "&state=all")) == 7


@pytest.mark.parametrize("role", [SERVICE, Role.COMPLIANCE])
def test_a_lead_files_holds_are_closed_together_and_asking_again_goes_on(
    ringklar: Ringklar, tmp_path: Path, role: Role
) -> None:
    file = held_by_file(ringklar.service, tmp_path)
    path = f"/v1/lead-files/{file}/holds/close"
    refused(ringklar.post(path, {"resolution": " "}, role), 422, "invalid-input")

    answers = [answered(ringklar.post(path, {**FOUND, "limit": 3}, role), 200) for _ in range(3)]

    nobody = {"closed_before": [], "opted_out": 0}
    assert answers == [
        {"closed": 3, "still_open": 2, **nobody},
        {"closed": 2, "still_open": 0, **nobody},
        {"closed": 0, "still_open": 0, **nobody},
    ]
    assert {hold.resolution for hold in every_hold(ringklar.service.store)} == {FOUND["resolution"]}
    assert len(entries(ringklar.service.store, "hold.closed")) == 5


def test_a_lead_files_holds_become_opt_outs_together(ringklar: Ringklar, tmp_path: Path) -> None:
    file = held_by_file(ringklar.service, tmp_path, MARKED, [CHILD])

    became = answered(ringklar.post(f"/v1/lead-files/{file}/holds/opt-out", {"reason": "objected"}, SERVICE), 200)

    assert became == {"closed": 5, "closed_before": [], "opted_out": 5, "still_open": 0}
    for number in MARKED:
        assert [reason["code"] for reason in ringklar.check(number)["reasons"]] == ["opted_out"]
    assert [one["number"] for one in listed(ringklar)] == [CHILD]
    seen = answered(ringklar.post("/v1/lookups", {"number": MARKED[0]}, SERVICE), 200)
    assert seen["opt_outs"][0]["via"] == "lead_file"


def test_another_sellers_holds_are_as_unknown_as_nothing(ringklar: Ringklar, tmp_path: Path) -> None:
    file = held_by_file(ringklar.service, tmp_path, MARKED[:1])
    own = objection(ringklar)["hold_id"]
    theirs = ringklar.new_key(SERVICE, ringklar.seeded.other_seller_id)
    before = ringklar.row_counts()

    for id_ in (own, NOBODYS_ID):
        closing = refused(ringklar.post(f"/v1/holds/{id_}/close", FOUND, key=theirs), 404, "not-found")
        turning = refused(ringklar.ask("POST", f"/v1/holds/{id_}/opt-out", key=theirs), 404, "not-found")
        assert closing["detail"] == turning["detail"] == "there is no such hold"
    for id_ in (file, NOBODYS_ID):
        refused(ringklar.post(f"/v1/lead-files/{id_}/holds/close", FOUND, key=theirs), 404, "not-found")
        refused(ringklar.post(f"/v1/lead-files/{id_}/holds/opt-out", {}, key=theirs), 404, "not-found")
        refused(ringklar.get(f"/v1/holds?lead_file={id_}", key=theirs), 404, "not-found")

    assert listed(ringklar, "&state=all", theirs) == []
    assert ringklar.row_counts() == before
    assert len(listed(ringklar, key=everybodys(ringklar))) == 2


def test_who_serves_every_seller_sees_whose_each_hold_is_and_opts_out_for_that_seller_alone(
    ringklar: Ringklar,
) -> None:
    hold = reported(ringklar.service, ringklar.seeded.other_seller_id, "nej", OF_OTHER_SELLER)
    key = everybodys(ringklar)
    assert [one["seller"] for one in listed(ringklar, key=key)] == [OTHER_SELLER]

    answered(ringklar.ask("POST", f"/v1/holds/{hold.id}/opt-out", key=key), 200)

    dialer = ringklar.new_key(Role.DIALER, ringklar.seeded.other_seller_id)
    assert ringklar.check(OF_OTHER_SELLER, OTHER_CAMPAIGN, dialer)["reasons"][0]["code"] == "opted_out"
    assert "opted_out" not in [reason["code"] for reason in ringklar.check(OF_OTHER_SELLER)["reasons"]]


def test_sales_and_dialers_never_learn_which_list_a_hold_came_from(ringklar: Ringklar, tmp_path: Path) -> None:
    file = held_by_file(ringklar.service, tmp_path, MARKED[:1])
    number = MARKED[0]
    answers = [
        ringklar.post("/v1/objections", {"number": number, "seller": SELLER}, Role.SALES),
        ringklar.post("/v1/lookups", {"number": number}, Role.SALES),
        ringklar.post("/v1/checks", {"number": number, "campaign": "vinterel"}, Role.SALES),
        ringklar.get("/v1/changes"),
    ]
    answered(ringklar.post(f"/v1/lead-files/{file}/holds/opt-out", {}, SERVICE), 200)
    answers += [ringklar.post("/v1/lookups", {"number": number}, Role.SALES), ringklar.get("/v1/changes")]

    for answer in answers:
        assert answer.status_code < 300, answer.text
        for secret in (
            file,
            "lead_file",
            "lead file",
            LIST_SOURCE,
            LIST_SOURCE_NAME,
            LIST_SUPPLIER_NAME,
            "ring-ej.csv",
        ):
            assert secret not in answer.text
    for path in ("/v1/holds", f"/v1/holds?lead_file={file}"):
        for role in (Role.SALES, Role.DIALER, Role.LEAD_MANAGER):
            refused(ringklar.get(path, role), 403, "forbidden")
