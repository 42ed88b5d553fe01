"""The feed that a dialer follows: in order, nothing skipped."""

from tests.api.calling import Json, Ringklar, answered, refused
from tests.seeding import FROM_PARTNER, OPTED_OUT


def pages(application: Ringklar, limit: int) -> list[Json]:
    """Return all changes, read page by page from the start."""
    found: list[Json] = []
    cursor = 0
    while True:
        page = answered(application.get(f"/v1/changes?cursor={cursor}&limit={limit}"), 200)
        if not page["changes"]:
            assert page["cursor"] == cursor
            return found
        assert len(page["changes"]) <= limit
        found += page["changes"]
        cursor = page["cursor"]


def test_pages_of_any_size_hold_every_change_in_order(ringklar: Ringklar) -> None:
    numbers = [f"+467017406{place}" for place in range(30, 41)]
    added = [ringklar.opt_out(number)["id"] for number in numbers]
    for opt_out_id in added[::2]:
        ringklar.release(opt_out_id)

    expected = [("opt_out", OPTED_OUT, ringklar.seeded.opt_out_id)]
    expected += [("opt_out", number, id_) for number, id_ in zip(numbers, added, strict=True)]
    expected += [("release", number, id_) for number, id_ in zip(numbers[::2], added[::2], strict=True)]
    for limit in (1, 3, 7, 200):
        changes = pages(ringklar, limit)
        assert [(change["kind"], change["number"], change["subject"]) for change in changes] == expected
        cursors = [change["cursor"] for change in changes]
        assert cursors == sorted(set(cursors))


def test_a_hold_reaches_the_dialer_and_so_does_what_comes_after_the_cursor(ringklar: Ringklar) -> None:
    cursor = answered(ringklar.get("/v1/changes"), 200)["cursor"]
    check_id = ringklar.check(FROM_PARTNER)["id"]
    started_at = ringklar.service.clock.now().isoformat()
    body = {"check_id": check_id, "call_id": "c-1", "started_at": started_at, "outcome": "objected"}

    hold_id = answered(ringklar.post("/v1/contacts", body), 201)["hold_id"]

    [change] = answered(ringklar.get(f"/v1/changes?cursor={cursor}"), 200)["changes"]
    assert (change["kind"], change["number"], change["subject"]) == ("hold", FROM_PARTNER, hold_id)


def test_a_cursor_that_the_feed_has_not_reached_is_refused_and_not_answered_with_silence(ringklar: Ringklar) -> None:
    """As a dialer's is when the database was restored: the next changes would get cursors that it has passed."""
    ringklar.opt_out(FROM_PARTNER)
    newest = answered(ringklar.get("/v1/changes"), 200)["cursor"]

    refused(ringklar.get(f"/v1/changes?cursor={newest + 1}"), 409, "cursor-ahead")

    assert answered(ringklar.get(f"/v1/changes?cursor={newest}"), 200) == {"changes": [], "cursor": newest}
