"""The feed that a dialer follows, and writes that are repeated: in order, nothing skipped, nothing done twice."""

import threading

from core.access import Role
from tests.api.calling import Json, Ringklar, answered, refused
from tests.seeding import FROM_LIST, FROM_PARTNER, OPTED_OUT, SELLER


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


def opt_out_with(application: Ringklar, key: str, numbers: list[str]) -> Json:
    """Return the answer to opting numbers out under an Idempotency-Key."""
    body = {"numbers": numbers, "seller": SELLER, "via": "phone"}
    headers = {"Idempotency-Key": key}
    return application.post("/v1/opt-outs", body, role=Role.CUSTOMER_SERVICE, headers=headers)


def test_the_same_request_under_the_same_key_has_one_effect_and_one_answer(ringklar: Ringklar) -> None:
    first = opt_out_with(ringklar, "key-1", [FROM_PARTNER])
    after_first = ringklar.row_counts()

    again = opt_out_with(ringklar, "key-1", [FROM_PARTNER])

    assert answered(first, 200)["results"][0]["result"] == "added"
    assert (again.status_code, again.text) == (first.status_code, first.text)
    assert ringklar.row_counts() == after_first


def test_another_request_under_the_same_key_is_a_conflict(ringklar: Ringklar) -> None:
    opt_out_with(ringklar, "key-1", [FROM_PARTNER])
    before = ringklar.row_counts()

    refused(opt_out_with(ringklar, "key-1", [FROM_LIST]), 409, "idempotency-conflict")

    assert ringklar.row_counts() == before


def test_a_key_belongs_to_its_caller(ringklar: Ringklar) -> None:
    opt_out_with(ringklar, "key-1", [FROM_PARTNER])
    other = ringklar.new_key(Role.CUSTOMER_SERVICE, ringklar.seeded.seller_id)
    body = {"numbers": [FROM_LIST], "seller": SELLER, "via": "phone"}

    response = ringklar.post("/v1/opt-outs", body, key=other, headers={"Idempotency-Key": "key-1"})

    assert answered(response, 200)["results"][0]["number"] == FROM_LIST


def test_a_refused_request_may_be_sent_again_under_its_key(ringklar: Ringklar) -> None:
    headers = {"Idempotency-Key": "key-1"}
    body = {"numbers": [FROM_PARTNER], "seller": "finns-inte", "via": "phone"}
    refused(ringklar.post("/v1/opt-outs", body, role=Role.CUSTOMER_SERVICE, headers=headers), 404)

    assert answered(opt_out_with(ringklar, "key-1", [FROM_PARTNER]), 200)["results"][0]["result"] == "added"


def test_the_same_request_twice_at_once_has_one_effect(ringklar: Ringklar) -> None:
    before = ringklar.row_counts()
    start, answers = threading.Barrier(4), []

    def ask() -> None:
        start.wait()
        answers.append(opt_out_with(ringklar, "key-1", [FROM_PARTNER]))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    given = [answer for answer in answers if answer.status_code == 200]
    assert given
    assert len({answer.text for answer in given}) == 1
    for answer in answers:
        if answer.status_code != 200:
            refused(answer, 409)
    after = ringklar.row_counts()
    assert after["opt_outs"] == before["opt_outs"] + 1
    assert after["kept_answers"] == before["kept_answers"] + 1
    assert opt_out_with(ringklar, "key-1", [FROM_PARTNER]).text == given[0].text
