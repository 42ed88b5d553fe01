"""Asking before a call: one number, many, a moment of choice, and what was answered before."""

import random

import pytest

from core.access import Role
from dnc.policies.catalogue import HYPOTHETICAL, POLICIES
from tests.api.calling import NOBODYS_ID, Ringklar, answered, refused
from tests.seeding import (
    CAMPAIGN,
    FROM_LIST,
    FROM_PARTNER,
    LISTED,
    OF_OTHER_SELLER,
    OPTED_OUT,
    OTHER_CAMPAIGN,
    PARTNER_SAYS,
    PARTNER_SOURCE_NAME,
    SELLER,
    WITHOUT_SOURCE,
)

SATURDAY = "2026-11-28T10:00:00Z"


def codes(check: dict[str, list[dict[str, str]]]) -> set[str]:
    """Return the codes of a check's reasons."""
    return {reason["code"] for reason in check["reasons"]}


def test_a_number_from_a_partner_may_be_called_and_the_answer_says_what_to_say(ringklar: Ringklar) -> None:
    check = ringklar.check("070-174 06 05")

    assert (check["number"], check["verdict"], check["may_call"]) == (FROM_PARTNER, "allow", True)
    assert check["reasons"] == []
    assert (check["campaign"], check["seller"]) == (CAMPAIGN, SELLER)
    assert check["source"]["name"] == PARTNER_SOURCE_NAME
    assert check["source"]["say"] == PARTNER_SAYS
    assert check["lawful_basis"] == {
        "basis": "legitimate_interest",
        "article": "6.1.f",
        "assessment": "LIA-2026-03",
    }
    assert check["checked_at"] < check["valid_until"]


@pytest.mark.parametrize(
    ("number", "code", "verdict"),
    [
        (OPTED_OUT, "opted_out", "deny"),
        (LISTED, "on_register", "deny"),
        (WITHOUT_SOURCE, "no_source", "deny"),
        ("0701740605 / 0701740606", "invalid_number", "unknown"),
        ("ring mig", "invalid_number", "unknown"),
        ("", "invalid_number", "unknown"),
    ],
)
def test_a_number_that_may_not_be_called_says_why(ringklar: Ringklar, number: str, code: str, verdict: str) -> None:
    check = ringklar.check(number)

    assert code in codes(check)
    assert (check["verdict"], check["may_call"], check["valid_until"]) == (verdict, False, None)


def test_what_was_answered_can_be_read_again_word_for_word(ringklar: Ringklar) -> None:
    for number in (FROM_PARTNER, FROM_LIST, OPTED_OUT, "ingen"):
        given = ringklar.check(number)

        for role in (Role.DIALER, Role.SALES, Role.CUSTOMER_SERVICE, Role.COMPLIANCE):
            assert answered(ringklar.get(f"/v1/checks/{given['id']}", role), 200) == given


def test_an_answer_stands_as_given_when_the_person_says_no_later(ringklar: Ringklar) -> None:
    given = ringklar.check(FROM_PARTNER)

    ringklar.opt_out(FROM_PARTNER)

    assert answered(ringklar.get(f"/v1/checks/{given['id']}"), 200) == given
    assert ringklar.check(FROM_PARTNER)["verdict"] == "deny"


def test_the_callers_reference_comes_back(on_sqlite: Ringklar) -> None:
    body = {"number": FROM_PARTNER, "campaign": CAMPAIGN, "reference": 'order "7" å'}

    check = answered(on_sqlite.post("/v1/checks", body), 201)

    assert check["reference"] == 'order "7" å'
    assert answered(on_sqlite.get(f"/v1/checks/{check['id']}"), 200) == check


def test_a_national_form_is_read_in_the_region_that_the_caller_names(on_sqlite: Ringklar) -> None:
    body = {"number": "0701740605", "campaign": CAMPAIGN, "region": "NO"}

    check = answered(on_sqlite.post("/v1/checks", body), 201)

    assert check["verdict"] == "unknown"
    assert check["number"] != FROM_PARTNER


@pytest.mark.parametrize("region", ["UK", "EU", "XX", "001"])
def test_a_region_that_is_no_country_is_refused_and_not_taken_for_a_fault_of_the_number(
    shared: Ringklar, region: str
) -> None:
    problem = refused(shared.post("/v1/checks", {"number": "0701740605", "campaign": CAMPAIGN, "region": region}), 422)

    assert [mistake["at"] for mistake in problem["errors"]] == [["region"]]


def test_a_number_that_the_plan_does_not_have_is_told_as_that(on_sqlite: Ringklar) -> None:
    check = answered(on_sqlite.post("/v1/checks", {"number": "070-174 06 0", "campaign": CAMPAIGN}), 201)

    assert [reason["fault"] for reason in check["reasons"] if reason["code"] == "invalid_number"] == ["invalid"]


def test_a_check_that_does_not_exist_is_not_found(on_sqlite: Ringklar) -> None:
    refused(on_sqlite.get(f"/v1/checks/{NOBODYS_ID}"), 404, "unknown-check")


@pytest.mark.parametrize("campaign", [OTHER_CAMPAIGN, "finns-inte"])
def test_a_campaign_of_another_seller_is_as_unknown_as_one_that_is_not(ringklar: Ringklar, campaign: str) -> None:
    refused(ringklar.post("/v1/checks", {"number": FROM_PARTNER, "campaign": campaign}), 404, "unknown-campaign")
    refused(ringklar.post("/v1/what-if", {"number": FROM_PARTNER, "campaign": campaign}), 404, "unknown-campaign")
    batch = {"numbers": [FROM_PARTNER], "campaign": campaign}
    refused(ringklar.post("/v1/checks/batch", batch), 404, "unknown-campaign")


def test_ten_thousand_numbers_are_answered_in_order_the_bad_ones_in_their_places(ringklar: Ringklar) -> None:
    chance = random.Random(7)
    expected = {
        FROM_PARTNER: (FROM_PARTNER, "allow"),
        "070-174 06 08": (OPTED_OUT, "deny"),
        "+46 (0)70 174 06 07": (LISTED, "deny"),
        WITHOUT_SOURCE: (WITHOUT_SOURCE, "deny"),
        "": (None, "unknown"),
        "hemligt": (None, "unknown"),
        "0701740605, 0701740606": (None, "unknown"),
    }
    numbers = chance.choices(list(expected), k=10_000)
    before = ringklar.row_counts()["checks"]

    body = {"campaign": CAMPAIGN, "numbers": numbers}
    results = answered(ringklar.post("/v1/checks/batch", body), 201)["results"]

    assert [(result["number"], result["verdict"]) for result in results] == [expected[number] for number in numbers]
    assert len({result["id"] for result in results}) == 10_000
    assert ringklar.row_counts()["checks"] == before + 10_000
    for place in (0, 999, 1000, 5_432, 9_999):
        assert answered(ringklar.get(f"/v1/checks/{results[place]['id']}"), 200) == results[place]


def test_a_batch_gives_the_answers_that_single_checks_give(ringklar: Ringklar) -> None:
    numbers = [FROM_PARTNER, FROM_LIST, LISTED, OPTED_OUT, WITHOUT_SOURCE, OF_OTHER_SELLER, "070", "fel"]

    singles = [ringklar.check(number) for number in numbers]
    batch = answered(ringklar.post("/v1/checks/batch", {"campaign": CAMPAIGN, "numbers": numbers}), 201)["results"]

    for single, result in zip(singles, batch, strict=True):
        assert {**single, "id": None} == {**result, "id": None}


def test_a_what_if_is_marked_has_no_id_and_leaves_nothing_on_record(ringklar: Ringklar) -> None:
    before = ringklar.row_counts()

    for number in (FROM_PARTNER, OPTED_OUT, "fel"):
        for extra in ({}, {"at": SATURDAY}, {"policy": "se-2026-1"}):
            body = {"number": number, "campaign": CAMPAIGN, **extra}
            answer = answered(ringklar.post("/v1/what-if", body), 200)
            assert answer["simulated"] is True
            assert "id" not in answer

    assert ringklar.row_counts() == before


def test_a_what_if_answers_for_the_moment_that_was_asked_about(ringklar: Ringklar) -> None:
    question = {"number": FROM_PARTNER, "campaign": CAMPAIGN}

    today = answered(ringklar.post("/v1/what-if", question), 200)
    saturday = answered(ringklar.post("/v1/what-if", {**question, "at": SATURDAY}), 200)

    assert today["verdict"] == "allow"
    assert codes(saturday) == {"outside_hours"}
    assert saturday["retry_at"].startswith("2026-11-30T07:00:00")


def test_a_policy_that_does_not_exist_is_refused(on_sqlite: Ringklar) -> None:
    body = {"number": FROM_PARTNER, "campaign": CAMPAIGN, "policy": "se-1999-9"}

    problem = refused(on_sqlite.post("/v1/what-if", body), 422, "invalid-input")

    assert all(policy.version in problem["detail"] for policy in (*POLICIES, *HYPOTHETICAL))


def test_checks_and_what_ifs_of_one_moment_agree(on_sqlite: Ringklar) -> None:
    for number in (FROM_PARTNER, FROM_LIST, LISTED, OPTED_OUT, WITHOUT_SOURCE, "fel"):
        check = on_sqlite.check(number)
        what_if = answered(on_sqlite.post("/v1/what-if", {"number": number, "campaign": CAMPAIGN}), 200)

        shared = what_if.keys() - {"simulated"}
        assert {name: what_if[name] for name in shared} == {name: check[name] for name in shared}
