"""Moments as callers may write them, to the ends of the calendar."""

import pytest

from core.access import Role
from tests.api.calling import Ringklar, answered, refused
from tests.seeding import CAMPAIGN, FROM_PARTNER, OPTED_OUT, SELLER


@pytest.mark.parametrize(
    "moment",
    [
        "0001-01-01T00:00:00+14:00",
        "0001-01-01T00:00:00Z",
        "1899-12-31T23:59:59Z",
        "2200-01-01T00:00:00Z",
        "9999-12-31T23:59:59-14:00",
        "9999-12-31T23:59:59.999999Z",
        "1700000000",
        "2026-11-24",
        "2026-11-24T08:30:00",
        "20261124T083000Z",
    ],
)
def test_a_moment_that_cannot_be_kept_or_is_not_one_is_refused(shared: Ringklar, moment: str) -> None:
    before = shared.row_counts()
    service = Role.CUSTOMER_SERVICE
    opt_out = {"numbers": ["0701740630"], "seller": SELLER, "via": "phone", "received_at": moment}
    released = {"asked_by_person_at": moment, "verified_by": "bank id"}
    contact = {"check_id": "0" * 36, "call_id": "c", "started_at": moment, "outcome": "sale"}

    for response in (
        shared.post("/v1/what-if", {"number": FROM_PARTNER, "campaign": CAMPAIGN, "at": moment}),
        shared.post("/v1/lookups", {"number": OPTED_OUT, "as_of": moment}, role=service),
        shared.post("/v1/lookups", {"number": OPTED_OUT, "known_at": moment}, role=service),
        shared.post("/v1/opt-outs", opt_out, role=service),
        shared.post(f"/v1/opt-outs/{shared.seeded.opt_out_id}/release", released, role=service),
        shared.post("/v1/contacts", contact),
    ):
        refused(response, 422, "invalid-input")
    assert shared.row_counts() == before


@pytest.mark.parametrize(
    "moment",
    [
        "1900-01-01T00:00:00+14:00",
        "2199-12-31T23:59:59-14:00",
        "2026-11-24T10:00:00+01:00",
        "2026-11-24t09:00:00z",
        "2026-11-24 09:00:00.123456Z",
    ],
)
def test_a_moment_in_any_zone_is_answered(ringklar: Ringklar, moment: str) -> None:
    question = {"number": FROM_PARTNER, "campaign": CAMPAIGN, "at": moment}

    assert answered(ringklar.post("/v1/what-if", question), 200)["simulated"]
    answered(ringklar.post("/v1/lookups", {"number": OPTED_OUT, "as_of": moment}, role=Role.CUSTOMER_SERVICE), 200)


def test_an_opt_out_said_long_ago_is_in_force_and_can_be_read(ringklar: Ringklar) -> None:
    body = {"numbers": [FROM_PARTNER], "seller": SELLER, "via": "letter", "received_at": "1900-01-01T00:00:00+14:00"}

    answered(ringklar.post("/v1/opt-outs", body, role=Role.CUSTOMER_SERVICE), 200)

    assert ringklar.check(FROM_PARTNER)["verdict"] == "deny"
    seen = answered(ringklar.post("/v1/lookups", {"number": FROM_PARTNER}, role=Role.CUSTOMER_SERVICE), 200)
    assert seen["opt_outs"][0]["received_at"] == "1899-12-31T10:00:00Z"


def test_a_period_to_the_end_of_the_calendar_is_decided_again(ringklar: Ringklar) -> None:
    ringklar.check(FROM_PARTNER)

    for until in ("2199-12-31T23:59:59Z", "2199-12-31T23:59:59-14:00"):
        period = {"since": "1900-01-01T00:00:00+14:00", "until": until, "policy": "se-2026-1"}
        told = answered(ringklar.post("/v1/replays", period, role=Role.COMPLIANCE), 200)
        assert told["all"]["checks"]["total"] == 1
