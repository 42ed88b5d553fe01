"""Lead files over HTTP as a list: paged, by source and state, of the caller's own seller, and for nobody in sales."""

import io
from types import SimpleNamespace

import pytest

from core.access import Role
from tests.api.calling import Json, Ringklar, answered, refused
from tests.seeding import LIST_SOURCE, OTHER_SELLER, PARTNER_SOURCE

MANAGER = Role.LEAD_MANAGER
PATH = "/v1/lead-files"


def deliver(ringklar: Ringklar, row: str, source: str = PARTNER_SOURCE) -> Json:
    """Send a file of one row as the lead manager."""
    form = {"source": source, "file": (io.BytesIO(f"Telefon;Namn\n{row}\n".encode()), "leads.csv")}
    return answered(ringklar.ask("POST", PATH, role=MANAGER, data=form), 202)


def listed(ringklar: Ringklar, query: str = "", key: str | None = None) -> Json:
    """Return the whole list, read page by page."""
    files: list[Json] = []
    cursor = ""
    while True:
        page = answered(ringklar.get(f"{PATH}?limit=2{query}{cursor}", MANAGER, key), 200)
        assert len(page["lead_files"]) <= 2
        files += page["lead_files"]
        if page["next_cursor"] is None:
            return files
        cursor = f"&cursor={page['next_cursor']}"


def test_a_file_is_found_again_without_its_id(ringklar: Ringklar) -> None:
    before = listed(ringklar)
    delivered = deliver(ringklar, "0701740621;Åsa")

    newest, *older = listed(ringklar)

    assert older == before
    counts = ("id", "source", "file_name", "sha256", "state", "progress", "rows", "accepted", "received_at")
    assert {name: newest[name] for name in counts} == {name: delivered[name] for name in counts}
    assert newest["received_by"].startswith("key:")
    paused = answered(ringklar.post(f"{PATH}/{newest['id']}/pause", {"reason": "klagomål"}, MANAGER), 200)
    assert listed(ringklar)[0]["paused_at"] == paused["paused_at"]


def test_files_are_listed_by_source_and_by_state(ringklar: Ringklar, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.subprocess.Popen", lambda *_args, **_kwargs: SimpleNamespace(poll=lambda: 0))
    monkeypatch.setattr("leads.routes.READ_AT_ONCE", 0)
    waiting = deliver(ringklar, "0701740621;Åsa", LIST_SOURCE)

    assert {one["source"] for one in listed(ringklar, f"&source={PARTNER_SOURCE}")} == {PARTNER_SOURCE}
    [being_read] = listed(ringklar, "&state=reading")
    assert (being_read["id"], being_read["progress"], being_read["rows"]) == (waiting["id"], 0.0, 0)
    assert waiting["id"] not in {one["id"] for one in listed(ringklar, "&state=finished")}
    assert listed(ringklar, f"&state=reading&source={PARTNER_SOURCE}") == []


def test_another_sellers_files_and_sources_are_as_unknown_as_nothing(ringklar: Ringklar) -> None:
    everybodys = ringklar.new_key(MANAGER, None)
    theirs = ringklar.new_key(MANAGER, ringklar.seeded.other_seller_id)

    assert [one["source"] for one in listed(ringklar, key=everybodys)] == ["hemtavlingen", LIST_SOURCE, PARTNER_SOURCE]
    assert [one["source"] for one in listed(ringklar)] == [LIST_SOURCE, PARTNER_SOURCE]
    assert [one["source"] for one in listed(ringklar, key=theirs)] == ["hemtavlingen"]
    for source in (PARTNER_SOURCE, "finns-inte"):
        document = refused(ringklar.get(f"{PATH}?source={source}", key=theirs), 404, "not-found")
        assert document["detail"] == "there is no source with that slug"


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ("state=lost", "state"),
        ("state=", "state"),
        ("source=Fel%20Namn", "source"),
        ("cursor=1", "cursor"),
        ("cursor=", "cursor"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        (f"seller={OTHER_SELLER}", "seller"),
    ],
)
def test_a_question_that_cannot_be_read_is_refused_and_says_where(shared: Ringklar, query: str, place: str) -> None:
    document = refused(shared.get(f"{PATH}?{query}", MANAGER), 422, "invalid-input")

    assert [mistake["at"] for mistake in document["errors"]] == [[place]]


@pytest.mark.parametrize("role", [Role.DIALER, Role.SALES, Role.CUSTOMER_SERVICE, Role.ADMIN])
def test_who_may_not_know_the_sources_learns_of_none_from_the_list(shared: Ringklar, role: Role) -> None:
    for query in ("", f"?source={LIST_SOURCE}", "?source=finns-inte", "?state=lost"):
        response = shared.get(f"{PATH}{query}", role)

        refused(response, 403, "forbidden")
        assert LIST_SOURCE not in response.text


def test_compliance_sees_the_files_that_it_may_pause(shared: Ringklar) -> None:
    assert len(answered(shared.get(PATH, Role.COMPLIANCE), 200)["lead_files"]) == 3
