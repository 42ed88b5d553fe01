"""A number's screenings over HTTP: for those who see its full origin, of their seller, a page at a time."""

import io

import pytest

from core.access import Role
from dnc.screenings import lookups
from tests.api.calling import NOBODYS_ID, Json, Ringklar, answered, captured_log, refused
from tests.seeding import CAMPAIGN, FROM_PARTNER, LISTED, OTHER_CAMPAIGN, SELLER, WITHOUT_SOURCE

PATH = "/v1/lookups/screenings"
FILE = f"Kund;Telefon\na;{FROM_PARTNER}\nb;{LISTED}\nc;\nd;{FROM_PARTNER}\n".encode()
SEERS = [Role.CUSTOMER_SERVICE, Role.COMPLIANCE]


def screen(ringklar: Ringklar, name: str = "fjallraven-q4.csv", key: str | None = None, to: str = CAMPAIGN) -> Json:
    """Send a file to be screened, by the dialer's key if no other is given."""
    form = {"campaign": to, "file": (io.BytesIO(FILE), name)}
    return answered(ringklar.ask("POST", "/v1/screenings", key=key, data=form), 202)


def look_up(ringklar: Ringklar, role: Role = Role.COMPLIANCE, key: str | None = None, **asked: str) -> Json:
    """Return the page that is asked for; its number is one that every file has twice."""
    return answered(ringklar.ask("POST", PATH, role=role, key=key, json={"number": FROM_PARTNER, **asked}), 200)


@pytest.mark.parametrize("role", SEERS)
def test_it_is_told_who_asked_about_a_number_when_and_what_was_answered(ringklar: Ringklar, role: Role) -> None:
    made = screen(ringklar)

    page = look_up(ringklar, role)

    [one] = page["screenings"]
    [answered_rows] = one.pop("answers")
    told = {name: made[name] for name in made.keys() & one.keys()}
    assert one == told | {"seller": SELLER, "unread": []}
    assert {"id", "campaign", "subject", "file_name", "asked_at", "asked_by", "state", "rows"} <= told.keys()
    assert (answered_rows["rows"], answered_rows["answer"]["verdict"]) == ([1, 4], "allow")
    assert answered_rows["decided_at"] == made["asked_at"]
    assert (page["number"], page["rows"], page["next_cursor"]) == (FROM_PARTNER, 4, None)
    assert look_up(ringklar, role, number=WITHOUT_SOURCE)["screenings"] == []


def test_the_pages_go_on_where_the_last_one_ended_until_there_are_no_more(
    ringklar: Ringklar, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [screen(ringklar)["id"] for _ in range(3)]
    monkeypatch.setattr(lookups, "ROWS_AT_ONCE", 1)
    found: list[str] = []
    page = look_up(ringklar)
    screen(ringklar)  # what is screened meanwhile moves no later page

    while True:
        found += [one["id"] for one in page["screenings"]]
        if page["next_cursor"] is None:
            break
        page = look_up(ringklar, cursor=page["next_cursor"])

    assert found == made[::-1]


@pytest.mark.parametrize("role", [role for role in Role if role not in SEERS])
def test_those_who_do_not_see_the_full_origin_are_told_of_no_screening(ringklar: Ringklar, role: Role) -> None:
    screen(ringklar)

    response = ringklar.post(PATH, {"number": FROM_PARTNER}, role)

    refused(response, 403, "forbidden")
    assert "fjallraven" not in response.text


def test_another_sellers_screenings_are_never_found(ringklar: Ringklar) -> None:
    other = ringklar.seeded.other_seller_id
    mine = screen(ringklar)["id"]
    theirs = screen(ringklar, key=ringklar.new_key(Role.DIALER, other), to=OTHER_CAMPAIGN)["id"]

    def found(key: str | None, **asked: str) -> list[str]:
        return [one["id"] for one in look_up(ringklar, Role.CUSTOMER_SERVICE, key, **asked)["screenings"]]

    assert found(None) == [mine]
    assert found(ringklar.new_key(Role.COMPLIANCE, other)) == [theirs]
    assert found(ringklar.new_key(Role.CUSTOMER_SERVICE, None)) == [theirs, mine]
    assert found(None, cursor=f"{theirs}:0") == [mine]
    assert found(None, cursor=f"{NOBODYS_ID}:0") == []


def test_no_log_line_and_no_refusal_holds_the_number(ringklar: Ringklar) -> None:
    screen(ringklar)
    with captured_log() as log:
        look_up(ringklar, number="070-174 06 05")
        bad = ringklar.post(PATH, {"number": "070-174 06 05 07 08 09 10", "cursor": "07017406050"}, Role.COMPLIANCE)

    refused(bad, 422, "invalid-input")
    for text in (log.getvalue(), bad.text):
        assert not any(written in text for written in (FROM_PARTNER[1:], "070-174", "0701740605"))


@pytest.mark.parametrize("cursor", ["", "1", f"{NOBODYS_ID}:", f"{NOBODYS_ID}:x", "x" * 61])
def test_a_cursor_that_was_not_given_is_refused(shared: Ringklar, cursor: str) -> None:
    refused(shared.post(PATH, {"number": LISTED, "cursor": cursor}, Role.COMPLIANCE), 422, "invalid-input")
