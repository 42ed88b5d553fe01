"""A person's no over HTTP: in any spelling, at once, through re-imports, until that person asks to leave the list."""

from datetime import timedelta
from pathlib import Path

import pytest

from core.access import Role
from tests.api.calling import Ringklar, answered, refused
from tests.api.test_grounds_api import codes, consent
from tests.seeding import (
    FROM_LIST,
    FROM_PARTNER,
    LISTED,
    OPTED_OUT,
    PARTNER_SOURCE,
    SELLER,
    import_leads,
)

SPELLINGS = [
    "+46701740605",
    "0701740605",
    "070-174 06 05",
    "070 174 06 05",
    "0046701740605",
    "+46 (0)70-174 06 05",
    "+46(0)701740605",
    "(070) 174 06 05",
    "070/174.06.05",
    "070\u00a0174\u00a006\u00a005",
    "tel:+46-70-174-06-05",
    "\uff10\uff17\uff10\uff11\uff17\uff14\uff10\uff16\uff10\uff15",
    " 0701740605 ",
]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_no_in_any_spelling_denies_the_next_check_in_any_other(ringklar: Ringklar, spelling: str) -> None:
    assert ringklar.check(FROM_PARTNER)["verdict"] == "allow"

    result = ringklar.opt_out(spelling)

    assert (result["result"], result["number"]) == ("added", FROM_PARTNER)
    for other in SPELLINGS:
        check = ringklar.check(other)
        assert (check["number"], check["verdict"]) == (FROM_PARTNER, "deny")
        assert "opted_out" in {reason["code"] for reason in check["reasons"]}


def test_a_released_number_may_be_called_again(ringklar: Ringklar) -> None:
    added = ringklar.opt_out(FROM_PARTNER)
    assert ringklar.check(FROM_PARTNER)["verdict"] == "deny"

    assert ringklar.release(added["id"])["opt_out_id"] == added["id"]

    assert ringklar.check(FROM_PARTNER)["verdict"] == "allow"
    path = f"/v1/opt-outs/{added['id']}/release"
    again = {"asked_by_person_at": ringklar.service.clock.now().isoformat(), "verified_by": "bank id"}
    refused(ringklar.post(path, again, role=Role.CUSTOMER_SERVICE), 409, "already-released")


def test_a_new_no_after_a_release_is_in_force_again(ringklar: Ringklar) -> None:
    first = ringklar.opt_out(FROM_PARTNER)
    ringklar.release(first["id"])

    second = ringklar.opt_out(FROM_PARTNER)

    assert (second["result"], second["id"] == first["id"]) == ("added", False)
    assert ringklar.check(FROM_PARTNER)["verdict"] == "deny"


def test_a_wish_older_than_the_no_does_not_end_it(ringklar: Ringklar) -> None:
    added = ringklar.opt_out(FROM_PARTNER)
    before = ringklar.service.clock.now() - timedelta(days=1)
    body = {"asked_by_person_at": before.isoformat(), "verified_by": "bank id"}

    path = f"/v1/opt-outs/{added['id']}/release"
    refused(ringklar.post(path, body, role=Role.CUSTOMER_SERVICE), 422, "invalid-input")

    assert ringklar.check(FROM_PARTNER)["verdict"] == "deny"


def test_a_no_survives_that_the_lead_is_delivered_again(ringklar: Ringklar, tmp_path: Path) -> None:
    ringklar.opt_out(FROM_PARTNER)

    import_leads(ringklar.service, tmp_path, PARTNER_SOURCE, [FROM_LIST, "+46701740650"])
    import_leads(ringklar.service, tmp_path, "adresslistan", [FROM_PARTNER])

    check = ringklar.check(FROM_PARTNER)
    assert check["verdict"] == "deny"
    assert "opted_out" in {reason["code"] for reason in check["reasons"]}


def test_each_number_has_a_result_in_its_place_the_bad_ones_too(ringklar: Ringklar) -> None:
    numbers = [FROM_PARTNER, "hemligt", "070-174 06 05", OPTED_OUT, "", "0701740605 / 0701740606", FROM_LIST]
    body = {"numbers": numbers, "seller": SELLER, "via": "letter"}

    results = answered(ringklar.post("/v1/opt-outs", body, role=Role.CUSTOMER_SERVICE), 200)["results"]

    assert [(result["place"], result["result"]) for result in results] == [
        (0, "added"),
        (1, "invalid"),
        (2, "already"),
        (3, "already"),
        (4, "invalid"),
        (5, "invalid"),
        (6, "added"),
    ]
    assert results[2]["id"] == results[0]["id"]
    assert results[3]["id"] == ringklar.seeded.opt_out_id
    assert all(result["fault"] for result in results if result["result"] == "invalid")


def test_a_no_for_every_seller_holds_for_each_of_them(ringklar: Ringklar) -> None:
    key = ringklar.new_key(Role.CUSTOMER_SERVICE, None)
    theirs = ringklar.new_key(Role.DIALER, ringklar.seeded.other_seller_id)
    assert ringklar.check(FROM_PARTNER, "hemskydd", theirs)["verdict"] == "allow"

    body = {"numbers": [FROM_PARTNER], "seller": "*", "via": "phone"}
    answered(ringklar.post("/v1/opt-outs", body, key=key), 200)

    assert ringklar.check(FROM_PARTNER)["verdict"] == "deny"
    assert ringklar.check(FROM_PARTNER, "hemskydd", theirs)["verdict"] == "deny"


def test_a_no_to_automated_calls_alone_leaves_the_voice_channel_open(ringklar: Ringklar) -> None:
    body = {"numbers": [FROM_PARTNER], "seller": SELLER, "via": "phone", "channels": ["automated_voice"]}

    answered(ringklar.post("/v1/opt-outs", body, role=Role.CUSTOMER_SERVICE), 200)

    assert ringklar.check(FROM_PARTNER)["verdict"] == "allow"


@pytest.mark.parametrize("said_to", [SELLER, "*"])
@pytest.mark.parametrize("by", [Role.CUSTOMER_SERVICE, Role.COMPLIANCE])
def test_who_leaves_the_list_gives_no_consent_back_that_came_before_the_no(
    ringklar: Ringklar, said_to: str, by: Role
) -> None:
    everywhere = ringklar.new_key(Role.CUSTOMER_SERVICE, None)
    given = [answered(ringklar.post("/v1/consents", consent(), role=Role.LEAD_MANAGER), 201)["id"] for _ in "12"]
    assert codes(ringklar) == []
    no = {"numbers": [LISTED], "seller": said_to, "via": "phone"}
    [opted_out] = answered(ringklar.post("/v1/opt-outs", no, key=everywhere), 200)["results"]
    ringklar.seeded.clock.at += timedelta(minutes=1)

    asked = {"asked_by_person_at": ringklar.service.clock.now().isoformat(), "verified_by": "callback to the number"}
    path = f"/v1/opt-outs/{opted_out['id']}/release"
    answered(ringklar.post(path, asked, key=ringklar.new_key(by, None)), 200)

    assert codes(ringklar) == ["on_register"]
    told = answered(ringklar.get("/v1/changes?cursor=1"), 200)["changes"]
    assert [(one["kind"], one["subject"]) for one in told if one["kind"] == "retraction"] == [
        ("retraction", id_) for id_ in given
    ]
    answered(ringklar.post("/v1/consents", consent(given_at="2026-11-24T09:00:01Z"), role=Role.LEAD_MANAGER), 201)
    assert codes(ringklar) == []
