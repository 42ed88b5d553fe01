"""Registers over HTTP: a version put in force, every bad file refused, and how each stands."""

import io
from datetime import timedelta
from typing import Any

import pytest
from werkzeug.test import TestResponse

from core.access import Role
from tests.api.calling import Ringklar, answered, refused
from tests.registers import FICTION
from tests.seeding import FROM_PARTNER, REGISTER_AS_OF

NUMBERS = [f"+{number}" for numbers in FICTION for number in numbers]
Fields = dict[str, Any]  # Any: what werkzeug's client takes as a form


def send(
    ringklar: Ringklar,
    numbers: list[str] | bytes = NUMBERS,
    as_of: str = "2026-11-20",
    name: str = "nix",
    role: Role = Role.COMPLIANCE,
    **fields: str,
) -> TestResponse:
    """Send a register file."""
    content = numbers if isinstance(numbers, bytes) else "\n".join(numbers).encode()
    form: Fields = {"as_of": as_of, **fields, "file": (io.BytesIO(content), "nix.txt")}
    return ringklar.ask("POST", f"/v1/registers/{name}/versions", role=role, data=form)


def stands(ringklar: Ringklar, role: Role = Role.DIALER) -> Any:  # Any: JSON
    """Return how NIX stands."""
    registers = answered(ringklar.get("/v1/registers", role), 200)["registers"]
    [nix] = [one for one in registers if one["name"] == "nix"]
    return nix


def test_a_version_is_in_force_at_the_next_check_and_shown_to_every_role(ringklar: Ringklar) -> None:
    assert ringklar.check(FROM_PARTNER)["verdict"] == "allow"

    loaded = answered(send(ringklar), 201)

    assert (loaded["name"], loaded["as_of"], loaded["count"], loaded["count_before"]) == ("nix", "2026-11-20", 495, 1)
    assert (loaded["already_loaded"], loaded["rejected_lines"], loaded["duplicates"]) == (False, 0, 0)
    check = ringklar.check(FROM_PARTNER)
    assert [reason["code"] for reason in check["reasons"]] == ["on_register"]
    assert [register["version"] for register in check["registers"]] == ["2026-11-20"]
    for role in Role:
        nix = stands(ringklar, role)
        assert (nix["version_id"], nix["count"], nix["state"]) == (loaded["version_id"], 495, "ok")


def test_the_same_file_and_date_again_changes_nothing(ringklar: Ringklar) -> None:
    first = answered(send(ringklar), 201)
    before = ringklar.row_counts()

    again = answered(send(ringklar), 201)

    assert (again["version_id"], again["already_loaded"]) == (first["version_id"], True)
    assert ringklar.row_counts() == before


@pytest.mark.parametrize(
    ("numbers", "as_of", "status", "code"),
    [
        (b"", "2026-11-20", 422, "register-file-empty"),
        (b"\n\n", "2026-11-20", 422, "register-file-empty"),
        (b"\x00\x01\x02\xff\x00", "2026-11-20", 422, "register-file-binary"),
        (b"PK\x03\x04rest", "2026-11-20", 422, "register-archive-damaged"),
        (b"hemligt\nhemligt\n", "2026-11-20", 422, "register-lines-rejected"),
        (NUMBERS, "2026-11-31", 422, "register-date-missing"),
        (NUMBERS, "2026-11-25", 422, "register-date-in-future"),
        (NUMBERS, "2026-11-14", 409, "register-older"),
        (NUMBERS, "igår", 422, None),
    ],
)
def test_a_bad_file_or_date_is_refused_and_the_good_version_stays(
    shared: Ringklar, numbers: list[str] | bytes, as_of: str, status: int, code: str | None
) -> None:
    before = stands(shared), shared.row_counts()

    response = send(shared, numbers, as_of)

    refused(response, status, code)
    assert "hemligt" not in response.text
    assert (stands(shared), shared.row_counts()) == before


def test_a_key_of_one_seller_replaces_the_register_of_nobody(ringklar: Ringklar) -> None:
    before = stands(ringklar)
    key = ringklar.new_key(Role.COMPLIANCE, ringklar.seeded.seller_id)

    for fields in ({}, {"accept_shrunken": "ours alone"}):
        form: Fields = {"as_of": "2026-11-20", **fields, "file": (io.BytesIO(b"+46701740699\n"), "nix.txt")}
        refused(ringklar.ask("POST", "/v1/registers/nix/versions", key=key, data=form), 403, "forbidden")

    assert stands(ringklar) == before


def test_a_register_that_nobody_knows_is_not_found(shared: Ringklar) -> None:
    refused(send(shared, name="xin"), 404, "unknown-register")


def test_a_register_that_shrank_is_taken_only_with_a_reason(ringklar: Ringklar) -> None:
    answered(send(ringklar), 201)
    fewer = NUMBERS[:100]

    refused(send(ringklar, fewer, "2026-11-21"), 409, "register-shrunken")
    refused(send(ringklar, fewer, "2026-11-21", accept_shrunken=""), 422)
    assert stands(ringklar)["count"] == 495

    taken = answered(send(ringklar, fewer, "2026-11-21", accept_shrunken="the register was split"), 201)
    assert (taken["count"], taken["count_before"]) == (100, 495)


def test_a_register_file_with_another_number_of_lines_than_was_said_is_refused(ringklar: Ringklar) -> None:
    before = stands(ringklar)

    problem = refused(send(ringklar, NUMBERS[:-1], expect_lines="495"), 409, "register-lines-other")
    assert (problem["lines"], problem["expected_lines"]) == (494, 495)
    refused(send(ringklar, expect_lines="0"), 422)
    assert stands(ringklar) == before

    assert answered(send(ringklar, expect_lines="495"), 201)["count"] == 495


def test_an_unreadable_line_is_left_out_only_with_a_reason(ringklar: Ringklar) -> None:
    cut = [*NUMBERS, "07017"]

    problem = refused(send(ringklar, cut), 422, "register-lines-rejected")
    assert (problem["rejected_lines"], problem["first_rejected"]) == (1, [{"line": 496, "fault": "too_short"}])
    refused(send(ringklar, cut, accept_unreadable=""), 422)

    taken = answered(send(ringklar, cut, accept_unreadable="the operator knows of it"), 201)
    assert (taken["count"], taken["rejected_lines"], taken["warnings"]) == (495, 1, ["rejected_lines"])


def test_a_register_ages_and_then_answers_nothing(ringklar: Ringklar) -> None:
    assert stands(ringklar)["as_of"] == REGISTER_AS_OF.isoformat()
    seen = []
    for days in (0, 45, 60):
        ringklar.seeded.clock.at += timedelta(days=days)
        seen.append(stands(ringklar)["state"])

    assert seen == ["ok", "ageing", "stale"]
    assert "register_stale" in [reason["code"] for reason in ringklar.check(FROM_PARTNER)["reasons"]]


def test_a_change_list_and_a_layout_for_one_file_go_with_the_form(ringklar: Ringklar) -> None:
    full = answered(send(ringklar, b"202,5550142\n202,5550143\n", name="us"), 201)

    changed = answered(send(ringklar, b"202,5550199,A,2026-11-20\n", name="us", kind="changes", base="2026-11-20"), 201)
    marked = answered(
        send(
            ringklar,
            "".join(f"{number};J\n" for number in NUMBERS).encode(),
            layout='{"delimiter": ";", "columns": {"number": 1, "result": 2}, "listed": ["J"]}',
        ),
        201,
    )

    assert (full["kind"], full["lines"], full["changed"]) == ("full", 2, None)
    assert (changed["kind"], changed["count"]) == ("changes", 3)
    assert changed["changed"] == {"added": 1, "removed": 0, "unlisted": 0, "listed_before": 0}
    assert (marked["count"], marked["lines"]) == (495, 495)
    registers = {one["name"]: one for one in answered(ringklar.get("/v1/registers", Role.SALES), 200)["registers"]}
    assert (registers["us"]["validity"], registers["us"]["count"]) == ("31 days", 3)


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"kind": "changes"}, 422, "register-changes-not-taken"),
        ({"layout": "{"}, 422, "register-layout-invalid"),
        ({"layout": '{"country": "NO"}'}, 422, "register-layout-invalid"),
        ({"base": "2026-11-20"}, 422, None),
        ({"base": "2026-11-31", "kind": "changes"}, 422, "register-date-missing"),
        ({"kind": "delta"}, 422, None),
    ],
)
def test_a_form_that_cannot_be_followed_is_refused(
    shared: Ringklar, fields: dict[str, Any], status: int, code: str | None
) -> None:
    problem = refused(send(shared, **fields), status)

    assert code is None or problem["code"] == code
