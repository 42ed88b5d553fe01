"""Writes that are repeated: under an Idempotency-Key nothing is done twice, and a person's no is never swallowed."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from werkzeug.test import TestResponse

from core.access import Role
from core.clock import FixedClock
from tests.api.calling import Json, Ringklar, answered, refused
from tests.seeding import FROM_LIST, FROM_PARTNER, LISTED, SELLER

KEYED = {"Idempotency-Key": "key-1"}


def opt_out_under_key(application: Ringklar) -> TestResponse:
    """Return the answer to opting a number out under the key."""
    body = {"numbers": [FROM_PARTNER], "seller": SELLER, "via": "phone"}
    return application.post("/v1/opt-outs", body, role=Role.CUSTOMER_SERVICE, headers=KEYED)


def release_under_key(
    application: Ringklar, id_: str | None = None, note: str = "", key: str | None = None
) -> TestResponse:
    """Return the answer to a release under the key, the same request each time; by default of the seed's opt-out."""
    path = f"/v1/opt-outs/{id_ or application.seeded.opt_out_id}/release"
    body = {"asked_by_person_at": "2026-11-24T09:00:00Z", "verified_by": "bank id", "note": note}
    return application.post(path, body, role=Role.CUSTOMER_SERVICE, key=key, headers=KEYED)


def wait(application: Ringklar, time: timedelta) -> None:
    """Let time pass."""
    assert isinstance(application.service.clock, FixedClock)
    application.service.clock.at += time


def at_once(ask: Callable[[], TestResponse]) -> list[TestResponse]:
    """Return the answers to four requests sent at the same time."""
    start, answers = threading.Barrier(4), []

    def run() -> None:
        start.wait()
        answers.append(ask())

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_a_second_no_after_a_release_is_recorded_although_its_request_is_the_same(ringklar: Ringklar) -> None:
    [first] = answered(opt_out_under_key(ringklar), 200)["results"]
    ringklar.release(first["id"])
    assert ringklar.check(FROM_PARTNER)["verdict"] == "allow"

    [second] = answered(opt_out_under_key(ringklar), 200)["results"]

    assert (second["result"], second["id"] == first["id"]) == ("added", False)
    assert ringklar.check(FROM_PARTNER)["verdict"] == "deny"


def test_a_withdrawal_after_a_new_consent_ends_that_although_its_request_is_the_same(ringklar: Ringklar) -> None:
    def consent(given_at: str) -> Json:
        body = {
            "number": LISTED,
            "seller": SELLER,
            "channels": ["voice"],
            "names_seller": True,
            "text_version": "2026-1",
            "evidence": {"form": "web"},
            "given_at": given_at,
        }
        return answered(ringklar.post("/v1/consents", body, role=Role.CUSTOMER_SERVICE), 201)

    def withdraw(id_: str) -> Json:
        path = f"/v1/consents/{id_}/withdraw"
        return answered(ringklar.post(path, {"via": "mail"}, role=Role.CUSTOMER_SERVICE, headers=KEYED), 200)

    first = consent("2026-11-20T10:00:00Z")
    withdraw(first["id"])
    wait(ringklar, timedelta(hours=2))
    consent("2026-11-24T10:00:00Z")
    assert ringklar.check(LISTED)["verdict"] == "allow"

    withdraw(first["id"])

    assert [reason["code"] for reason in ringklar.check(LISTED)["reasons"]] == ["on_register"]


def test_a_no_sent_twice_at_once_is_recorded_once(ringklar: Ringklar) -> None:
    before = ringklar.row_counts()["opt_outs"]

    results = [answered(answer, 200)["results"][0] for answer in at_once(lambda: opt_out_under_key(ringklar))]

    assert sorted(result["result"] for result in results) == ["added", "already", "already", "already"]
    assert len({result["id"] for result in results}) == 1
    assert ringklar.row_counts()["opt_outs"] == before + 1


def test_a_look_up_sent_again_is_on_record_again_and_shows_what_is_true_by_then(ringklar: Ringklar) -> None:
    def look_up() -> Json:
        body = {"number": FROM_PARTNER}
        return answered(ringklar.post("/v1/lookups", body, role=Role.CUSTOMER_SERVICE, headers=KEYED), 200)

    assert not look_up()["opted_out"]
    ringklar.opt_out(FROM_PARTNER)
    before = ringklar.row_counts()

    assert look_up()["opted_out"]

    after = ringklar.row_counts()
    assert after["ledger_entries"] == before["ledger_entries"] + 1
    assert after["kept_answers"] == 0, "an answer about a person is kept nowhere"


def test_the_description_says_where_a_key_is_not_used(shared: Ringklar) -> None:
    paths = answered(shared.client.get("/openapi.json"), 200)["paths"]

    def told(path: str) -> tuple[str, bool]:
        operation = paths[path]["post"]
        [header] = [one for one in operation["parameters"] if one["name"] == "Idempotency-Key"]
        return header["description"], "idempotency-conflict" in str(operation["responses"].get("409"))

    for path in ("/v1/opt-outs", "/v1/objections", "/v1/consents/{consent_id}/withdraw", "/v1/lookups"):
        assert told(path) == ("taken and not used: sending the same again does no harm, and no answer is kept", False)
    kept = "the same request with the same key gets the first answer again, for 72 hours"
    assert told("/v1/opt-outs/{opt_out_id}/release") == (kept, True)


def test_the_same_request_under_the_same_key_has_one_effect_and_one_answer(ringklar: Ringklar) -> None:
    first = release_under_key(ringklar)
    after_first = ringklar.row_counts()
    wait(ringklar, timedelta(hours=71, minutes=59))

    again = release_under_key(ringklar)

    answered(first, 200)
    assert (again.status_code, again.text) == (first.status_code, first.text)
    assert ringklar.row_counts() == after_first


def test_an_answer_is_not_given_again_after_three_days(ringklar: Ringklar) -> None:
    body = {
        "number": FROM_PARTNER,
        "seller": SELLER,
        "channels": ["voice"],
        "names_seller": True,
        "text_version": "2026-1",
        "evidence": {"form": "web"},
        "given_at": "2026-11-24T08:00:00Z",
    }

    def consent() -> str:
        answer = ringklar.post("/v1/consents", body, role=Role.CUSTOMER_SERVICE, headers=KEYED)
        return str(answered(answer, 201)["id"])

    first = consent()
    wait(ringklar, timedelta(hours=72))
    second = consent()

    assert second != first
    assert consent() == second, "the newer answer is kept in its place"
    assert ringklar.row_counts()["kept_answers"] == 1


def test_another_request_under_the_same_key_is_a_conflict(ringklar: Ringklar) -> None:
    release_under_key(ringklar)
    before = ringklar.row_counts()

    refused(release_under_key(ringklar, note="something else"), 409, "idempotency-conflict")

    assert ringklar.row_counts() == before


def test_a_key_belongs_to_its_caller(ringklar: Ringklar) -> None:
    other_id = ringklar.opt_out(FROM_LIST)["id"]
    other_key = ringklar.new_key(Role.CUSTOMER_SERVICE, ringklar.seeded.seller_id)
    wait(ringklar, timedelta(hours=1))
    answered(release_under_key(ringklar), 200)

    assert answered(release_under_key(ringklar, other_id, key=other_key), 200)["opt_out_id"] == other_id


def test_a_refused_request_may_be_sent_again_under_its_key(ringklar: Ringklar) -> None:
    added = ringklar.opt_out(FROM_LIST)["id"]
    refused(release_under_key(ringklar, "01a20000-0000-7000-8000-000000000000"), 404)

    wait(ringklar, timedelta(hours=1))
    assert answered(release_under_key(ringklar, added), 200)["opt_out_id"] == added


def test_the_same_request_twice_at_once_has_one_effect(ringklar: Ringklar) -> None:
    before = ringklar.row_counts()

    answers = at_once(lambda: release_under_key(ringklar))

    given = [answer for answer in answers if answer.status_code == 200]
    assert len({answer.text for answer in given}) == 1
    for answer in answers:
        if answer.status_code != 200:
            refused(answer, 409)
    after = ringklar.row_counts()
    assert after["opt_out_releases"] == before["opt_out_releases"] + 1
    assert after["kept_answers"] == before["kept_answers"] + 1
    assert release_under_key(ringklar).text == given[0].text


@pytest.mark.parametrize("key", ["", "a b", "k" * 101])
def test_a_key_that_is_none_is_refused_also_where_it_is_not_used(shared: Ringklar, key: str) -> None:
    body = {"numbers": [FROM_PARTNER], "seller": SELLER, "via": "phone"}

    answer = shared.post("/v1/opt-outs", body, role=Role.CUSTOMER_SERVICE, headers={"Idempotency-Key": key})

    refused(answer, 400, "malformed-request")
