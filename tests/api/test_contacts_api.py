"""Calls that took place, logged by the dialer: once each, and an objection stops the next call."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import select

from core.access import Role
from core.ledger import LedgerEntry
from dnc.holds import close_hold
from tests.api.calling import Json, Ringklar, answered, refused
from tests.seeding import FROM_LIST, FROM_PARTNER, OPERATOR, OPTED_OUT


def call(application: Ringklar, check_id: str, **changed: Json) -> Json:
    """Return a contact's body: a call that starts now."""
    started_at = application.service.clock.now().isoformat()
    return {"check_id": check_id, "call_id": "call-1", "started_at": started_at, "outcome": "no_answer", **changed}


def test_the_same_call_logged_again_gives_the_first_record(ringklar: Ringklar) -> None:
    body = call(ringklar, ringklar.check(FROM_PARTNER)["id"], agent="agent 7", source_disclosed=True)

    first = answered(ringklar.post("/v1/contacts", body), 201)
    again = answered(ringklar.post("/v1/contacts", body), 201)

    assert (first["permitted"], first["repeated"], again["repeated"]) == (True, False, True)
    assert again["id"] == first["id"]
    assert ringklar.row_counts()["contacts"] == 1


@pytest.mark.parametrize("changed", [{"outcome": "sale"}, {"started_at": "2026-11-24T08:00:00Z"}])
def test_another_call_under_the_same_call_id_is_a_conflict(ringklar: Ringklar, changed: Json) -> None:
    body = call(ringklar, ringklar.check(FROM_PARTNER)["id"])
    answered(ringklar.post("/v1/contacts", body), 201)

    refused(ringklar.post("/v1/contacts", {**body, **changed}), 409, "call-id-taken")

    assert ringklar.row_counts()["contacts"] == 1


def test_two_callers_may_use_the_same_call_id(ringklar: Ringklar) -> None:
    body = call(ringklar, ringklar.check(FROM_PARTNER)["id"])
    other = ringklar.new_key(Role.DIALER, ringklar.seeded.seller_id)

    answered(ringklar.post("/v1/contacts", body), 201)

    assert answered(ringklar.post("/v1/contacts", body, key=other), 201)["repeated"] is False


def test_an_objection_holds_the_number_at_once_and_is_no_opt_out(ringklar: Ringklar) -> None:
    body = call(ringklar, ringklar.check(FROM_PARTNER)["id"], outcome="objected")
    opt_outs = ringklar.row_counts()["opt_outs"]

    contact = answered(ringklar.post("/v1/contacts", body), 201)

    assert contact["hold_id"]
    next_check = ringklar.check(FROM_PARTNER)
    assert next_check["verdict"] == "deny"
    assert "held" in {reason["code"] for reason in next_check["reasons"]}
    assert ringklar.row_counts()["opt_outs"] == opt_outs
    seen = answered(ringklar.post("/v1/lookups", {"number": FROM_PARTNER}, role=Role.CUSTOMER_SERVICE), 200)
    assert (seen["held"], [hold["id"] for hold in seen["holds"]]) == (True, [contact["hold_id"]])


@pytest.mark.parametrize("outcome", ["objected", "wrong_number", "minor", "deceased"])
@pytest.mark.parametrize("later", [timedelta(), timedelta(seconds=1)])
def test_a_no_reported_late_under_the_calls_own_call_id_holds_the_number_once(
    ringklar: Ringklar, outcome: str, later: timedelta
) -> None:
    body = call(ringklar, ringklar.check(FROM_PARTNER)["id"])
    first = answered(ringklar.post("/v1/contacts", body), 201)
    started_at = (ringklar.service.clock.now() + later).isoformat()

    corrected = {**body, "outcome": outcome, "started_at": started_at}
    again = [answered(ringklar.post("/v1/contacts", corrected), 201) for _ in range(2)]

    assert [(one["id"], one["outcome"], one["repeated"]) for one in again] == [(first["id"], "no_answer", True)] * 2
    assert first["hold_id"] is None
    assert again[0]["hold_id"] == again[1]["hold_id"] is not None
    assert "held" in {reason["code"] for reason in ringklar.check(FROM_PARTNER)["reasons"]}
    seen = answered(ringklar.post("/v1/lookups", {"number": FROM_PARTNER}, role=Role.CUSTOMER_SERVICE), 200)
    assert [(hold["id"], hold["reason"]) for hold in seen["holds"]] == [(again[0]["hold_id"], outcome)]
    with ringklar.service.store.reading() as session:
        made = session.scalars(select(LedgerEntry.payload).where(LedgerEntry.kind == "hold.made")).all()
    assert [(entry["reason"], entry["contact"]) for entry in map(json.loads, filter(None, made))] == [
        (outcome, first["id"])
    ]


def test_an_objection_sent_again_names_the_hold_that_it_made_though_it_is_closed(ringklar: Ringklar) -> None:
    body = call(ringklar, ringklar.check(FROM_PARTNER)["id"], outcome="objected")
    hold_id = answered(ringklar.post("/v1/contacts", body), 201)["hold_id"]
    with ringklar.service.store.writing() as session:
        close_hold(
            session,
            OPERATOR,
            ringklar.service.keyring,
            hold_id=hold_id,
            resolution="a mistake",
            now=ringklar.service.clock.now(),
        )

    again = answered(ringklar.post("/v1/contacts", body), 201)

    assert (again["hold_id"], again["repeated"]) == (hold_id, True)
    assert ringklar.row_counts()["holds"] == 1
    other = answered(ringklar.post("/v1/contacts", {**body, "outcome": "minor"}), 201)
    assert other["hold_id"] != hold_id, "what nobody has looked at yet holds anew"
    assert "held" in {reason["code"] for reason in ringklar.check(FROM_PARTNER)["reasons"]}


def test_a_no_under_the_call_id_of_another_checks_call_is_a_conflict_and_counts_under_its_own(
    ringklar: Ringklar,
) -> None:
    answered(ringklar.post("/v1/contacts", call(ringklar, ringklar.check(FROM_PARTNER)["id"])), 201)
    other = call(ringklar, ringklar.check(FROM_LIST)["id"], outcome="objected")

    refused(ringklar.post("/v1/contacts", other), 409, "call-id-taken")

    assert ringklar.row_counts()["holds"] == 0
    assert answered(ringklar.post("/v1/contacts", {**other, "call_id": "call-2"}), 201)["hold_id"]


def test_a_call_without_permission_is_logged_and_says_so(ringklar: Ringklar) -> None:
    denied = call(ringklar, ringklar.check(OPTED_OUT)["id"])

    assert answered(ringklar.post("/v1/contacts", denied), 201)["permitted"] is False


def test_attempts_close_together_deny_the_next_call(ringklar: Ringklar) -> None:
    answered(ringklar.post("/v1/contacts", call(ringklar, ringklar.check(FROM_PARTNER)["id"])), 201)

    check = ringklar.check(FROM_PARTNER)

    assert {reason["code"] for reason in check["reasons"]} == {"attempts_gap"}
    assert check["retry_at"] == "2026-11-24T13:00:00Z"


def test_a_call_that_ends_before_it_starts_or_starts_tomorrow_is_refused(ringklar: Ringklar) -> None:
    now, check_id = ringklar.service.clock.now(), ringklar.check(FROM_PARTNER)["id"]

    for changed in (
        {"ended_at": (now - timedelta(minutes=1)).isoformat()},
        {"started_at": (now + timedelta(days=1)).isoformat()},
    ):
        refused(ringklar.post("/v1/contacts", call(ringklar, check_id, **changed)), 422, "invalid-input")
    assert ringklar.row_counts()["contacts"] == 0


def test_a_check_of_an_unreadable_number_cannot_carry_a_call(on_sqlite: Ringklar) -> None:
    unreadable = on_sqlite.check("ingen")["id"]

    refused(on_sqlite.post("/v1/contacts", call(on_sqlite, unreadable)), 404, "unknown-check")
