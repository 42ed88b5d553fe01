"""The feed that a dialer follows: in order, nothing skipped."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from core.access import Role
from dnc.facts import RestrictionKind
from dnc.restrictions import restrict
from leads.models import LeadFile, Source
from tests.api.calling import Json, Ringklar, answered, refused
from tests.api.test_grounds_api import consent, relation
from tests.seeding import FROM_PARTNER, LISTED, OPERATOR, OPTED_OUT, PARTNER_SOURCE, SELLER


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


def withdraw(ringklar: Ringklar) -> None:
    """End the consent that lifts the register."""
    given = answered(ringklar.post("/v1/consents", consent(), role=Role.CUSTOMER_SERVICE), 201)
    answered(ringklar.post(f"/v1/consents/{given['id']}/withdraw", {"via": "phone"}, role=Role.CUSTOMER_SERVICE), 200)


def fulfil(ringklar: Ringklar) -> None:
    """Let the contract that lifts the register have ended long ago."""
    ended = relation(started_at="2025-01-01T00:00:00Z", fulfilled_at="2025-11-01T00:00:00Z")
    answered(ringklar.post("/v1/customer-relations", ended, role=Role.CUSTOMER_SERVICE), 200)


def begin_later(ringklar: Ringklar) -> None:
    """Let the contract that lifts the register begin today alone."""
    later = relation(started_at="2026-11-24T09:00:00Z")
    answered(ringklar.post("/v1/customer-relations", later, role=Role.CUSTOMER_SERVICE), 200)


def mark_vulnerable(ringklar: Ringklar) -> None:
    """Restrict the use of the number."""
    now, kind = ringklar.service.clock.now(), RestrictionKind.VULNERABLE
    with ringklar.service.store.writing() as session:
        keyring = ringklar.service.keyring
        restrict(session, OPERATOR, keyring, number=int(LISTED), seller_id=None, kind=kind, note="", now=now)


def object_to(ringklar: Ringklar) -> None:
    """Report that the person objected."""
    body = {"seller": SELLER, "number": LISTED, "note": "nej"}
    answered(ringklar.post("/v1/objections", body, role=Role.SALES), 201)


@pytest.mark.parametrize(
    ("no", "told"),
    [
        (lambda ringklar: ringklar.opt_out(LISTED), "opt_out"),
        (object_to, "hold"),
        (mark_vulnerable, "retraction"),
        (withdraw, "retraction"),
        (fulfil, "retraction"),
        (begin_later, "retraction"),
    ],
)
def test_every_no_to_one_number_is_told_at_once(
    ringklar: Ringklar, no: Callable[[Ringklar], object], told: str
) -> None:
    answered(ringklar.post("/v1/customer-relations", relation(), role=Role.CUSTOMER_SERVICE), 200)
    assert ringklar.check(LISTED)["verdict"] == "allow"
    cursor = answered(ringklar.get("/v1/changes"), 200)["cursor"]

    no(ringklar)

    changes = answered(ringklar.get(f"/v1/changes?cursor={cursor}"), 200)["changes"]
    assert [(change["kind"], change["number"]) for change in changes] == [(told, LISTED)]


def test_a_contract_that_runs_longer_takes_no_answer_back(ringklar: Ringklar) -> None:
    fulfil(ringklar)
    cursor = answered(ringklar.get("/v1/changes"), 200)["cursor"]

    again = relation(started_at="2025-01-01T00:00:00Z", reopened_reason="the wrong contract was ended")
    answered(ringklar.post("/v1/customer-relations", again, role=Role.CUSTOMER_SERVICE), 200)

    assert answered(ringklar.get(f"/v1/changes?cursor={cursor}"), 200)["changes"] == []


@pytest.mark.parametrize("deed", ["sources/{source}/pause", "lead-files/{file}/pause", "lead-files/{file}/withdraw"])
def test_a_stop_of_many_leads_is_heard_by_the_next_check_and_by_no_feed(ringklar: Ringklar, deed: str) -> None:
    """Which is why no answer is relied on for more than ten minutes."""
    with ringklar.service.store.reading() as session:
        of_source = select(LeadFile.id).join(Source, Source.id == LeadFile.source_id)
        file = session.scalars(of_source.where(Source.slug == PARTNER_SOURCE)).one()
    assert ringklar.check(FROM_PARTNER)["verdict"] == "allow"
    cursor = answered(ringklar.get("/v1/changes"), 200)["cursor"]

    path = f"/v1/{deed.format(source=PARTNER_SOURCE, file=file)}"
    answered(ringklar.post(path, {"reason": "klagomål"}, role=Role.LEAD_MANAGER), 200)

    assert [reason["code"] for reason in ringklar.check(FROM_PARTNER)["reasons"]] == ["source_paused"]
    assert answered(ringklar.get(f"/v1/changes?cursor={cursor}"), 200)["changes"] == []
