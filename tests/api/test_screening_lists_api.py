"""Screenings over HTTP as a list: the newest first, of the caller's own seller; a dialer's key sees its own alone."""

import io
from types import SimpleNamespace

import pytest

import core.pages
from core.access import Role
from tests.api.calling import NOBODYS_ID, Json, Ringklar, answered, refused
from tests.seeding import CAMPAIGN, FROM_PARTNER, LISTED, OTHER_CAMPAIGN

DIALER, MANAGER = Role.DIALER, Role.LEAD_MANAGER
PATH = "/v1/screenings"
FILE = f"Kund;Telefon\na;{FROM_PARTNER}\nb;{LISTED}\nc;\n".encode()


def screen(ringklar: Ringklar, name: str = "ring.csv", key: str | None = None, campaign: str = CAMPAIGN) -> Json:
    """Send a file to be screened, by the dialer's key if no other is given."""
    form = {"campaign": campaign, "file": (io.BytesIO(FILE), name)}
    return answered(ringklar.ask("POST", PATH, key=key, data=form), 202)


def listed(ringklar: Ringklar, key: str | None = None, role: Role = DIALER) -> list[Json]:
    """Return the whole list, read two at a time."""
    found: list[Json] = []
    cursor = ""
    while True:
        page = answered(ringklar.get(f"{PATH}?limit=2{cursor}", role, key), 200)
        assert len(page["screenings"]) <= 2
        found += page["screenings"]
        if page["next_cursor"] is None:
            return found
        cursor = f"&cursor={page['next_cursor']}"


def ids(found: list[Json]) -> list[str]:
    """Return the ids, in order."""
    return [one["id"] for one in found]


def test_a_screening_is_found_again_without_its_id(ringklar: Ringklar) -> None:
    assert listed(ringklar) == []
    made = [screen(ringklar, f"{place}.csv") for place in range(3)]

    found = listed(ringklar)

    assert ids(found) == ids(made[::-1])
    for one, whole in zip(found, made[::-1], strict=True):
        assert one == {name: whole[name] for name in one}
        assert one["verdicts"] == {"allow": 1, "deny": 1, "unknown": 1}
        assert one["file_name"] == whole["file_name"]


def test_what_is_screened_meanwhile_moves_no_later_page(ringklar: Ringklar) -> None:
    made = [screen(ringklar, f"{place}.csv") for place in range(3)]
    first = answered(ringklar.get(f"{PATH}?limit=2"), 200)
    screen(ringklar, "senare.csv")

    rest = answered(ringklar.get(f"{PATH}?limit=2&cursor={first['next_cursor']}"), 200)

    assert ids([*first["screenings"], *rest["screenings"]]) == ids(made[::-1])
    assert rest["next_cursor"] is None


def test_a_running_screening_of_leads_is_listed_for_those_who_may_screen_them(
    ringklar: Ringklar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.subprocess.Popen", lambda *_args, **_kwargs: SimpleNamespace(poll=lambda: 0))
    leads = answered(ringklar.post(f"{PATH}/leads", {"campaign": CAMPAIGN}, MANAGER), 202)
    file = screen(ringklar)

    for role in (MANAGER, Role.COMPLIANCE):
        found = listed(ringklar, role=role)

        assert ids(found) == [file["id"], leads["id"]]
        assert (found[1]["subject"], found[1]["file_name"], found[1]["state"]) == ("campaign", None, "running")
        assert (found[1]["progress"], found[1]["result"], found[1]["kept_until"]) == (0.0, False, None)
    assert ids(listed(ringklar)) == [file["id"]]


def test_another_sellers_screenings_are_never_listed(ringklar: Ringklar) -> None:
    other = ringklar.seeded.other_seller_id
    mine, theirs = screen(ringklar), screen(ringklar, key=ringklar.new_key(DIALER, other), campaign=OTHER_CAMPAIGN)

    assert ids(listed(ringklar, role=MANAGER)) == [mine["id"]]
    assert ids(listed(ringklar, ringklar.new_key(MANAGER, other))) == [theirs["id"]]
    assert ids(listed(ringklar, ringklar.new_key(MANAGER, None))) == [theirs["id"], mine["id"]]
    assert ids(listed(ringklar, ringklar.new_key(Role.COMPLIANCE, None))) == [theirs["id"], mine["id"]]


def test_a_dialer_learns_nothing_of_the_files_that_others_screened(ringklar: Ringklar) -> None:
    """Their names may tell who sold a list, and their results hold numbers that no export gave it."""
    screen(ringklar, "fjallraven-q4.csv", ringklar.seeded.keys[MANAGER])
    own = screen(ringklar, "ring.csv")
    another = ringklar.new_key(DIALER, ringklar.seeded.seller_id)

    assert ids(listed(ringklar)) == [own["id"]]
    assert "fjallraven" not in ringklar.get(PATH).text
    assert listed(ringklar, another) == []


def test_a_dialer_that_has_heard_the_id_of_anothers_screening_can_do_nothing_with_it(ringklar: Ringklar) -> None:
    theirs = screen(ringklar, "fjallraven-q4.csv", ringklar.seeded.keys[MANAGER])
    own = screen(ringklar, "ring.csv")
    another = ringklar.new_key(DIALER, ringklar.seeded.seller_id)

    for id_, key in ((theirs["id"], ringklar.seeded.keys[DIALER]), (own["id"], another), (NOBODYS_ID, another)):
        place = f"{PATH}/{id_}"
        for part in ("", "/result"):
            refused(ringklar.get(f"{place}{part}", key=key), 404, "unknown-screening")
        for part in ("cancel", "resume"):
            refused(ringklar.post(f"{place}/{part}", {}, key=key), 404, "unknown-screening")
        refused(ringklar.post(f"{place}/answers", {"number": FROM_PARTNER}, key=key), 404, "unknown-screening")
    for role, screening in ((DIALER, own), (MANAGER, own), (MANAGER, theirs), (Role.COMPLIANCE, theirs)):
        assert answered(ringklar.get(f"{PATH}/{screening['id']}", role), 200) == screening


def test_a_page_looks_through_so_many_and_no_more_and_the_next_goes_on(
    ringklar: Ringklar, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = screen(ringklar)
    for _place in range(3):
        screen(ringklar, key=ringklar.seeded.keys[MANAGER])
    newest = screen(ringklar)
    monkeypatch.setattr(core.pages, "LOOKED_THROUGH", 2)

    page = answered(ringklar.get(PATH), 200)

    assert ids(page["screenings"]) == [newest["id"]]
    assert page["next_cursor"] is not None
    assert ids(listed(ringklar)) == [newest["id"], first["id"]]


@pytest.mark.parametrize("query", ["cursor=1", "cursor=", "limit=0", "limit=1001", "state=done"])
def test_a_question_that_cannot_be_read_is_refused_and_says_where(shared: Ringklar, query: str) -> None:
    document = refused(shared.get(f"{PATH}?{query}"), 422, "invalid-input")

    assert [mistake["at"] for mistake in document["errors"]] == [[query.partition("=")[0]]]


@pytest.mark.parametrize("role", [Role.SALES, Role.CUSTOMER_SERVICE, Role.ADMIN])
def test_who_may_not_screen_is_shown_no_screening(shared: Ringklar, role: Role) -> None:
    refused(shared.get(PATH, role), 403, "forbidden")
