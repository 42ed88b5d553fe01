"""Complaints, walk-backs, quarantines and the league over HTTP."""

import pytest
from sqlalchemy import event

from core.access import Role
from tests.api.calling import NOBODYS_ID, Json, Ringklar, answered, captured_log, refused
from tests.seeding import (
    FROM_LIST,
    FROM_PARTNER,
    LIST_SOURCE,
    LISTED,
    OF_OTHER_SELLER,
    OPTED_OUT,
    OTHER_SELLER,
    PARTNER_SOURCE,
    SELLER,
    WITHOUT_SOURCE,
    add_test_source,
    import_leads,
)


def complain(application: Ringklar, role: Role = Role.CUSTOMER_SERVICE, **how: str) -> Json:
    body = {"number": FROM_PARTNER, "seller": SELLER, "kind": "nix_board", "via": "letter", "note": "26-101"} | how
    return answered(application.post("/v1/complaints", body, role=role), 201)


def walk(application: Ringklar, number: str = FROM_PARTNER, role: Role = Role.COMPLIANCE, **how: object) -> Json:
    return answered(application.post("/v1/walk-backs", {"number": number, **how}, role=role), 200)


def reasons(application: Ringklar, number: str) -> list[str]:
    return [reason["code"] for reason in application.check(number)["reasons"]]


def test_a_complaint_is_answered_with_the_leads_it_was_tied_to_and_not_with_the_number(ringklar: Ringklar) -> None:
    complaint = complain(ringklar, number="070-174 06 05")

    assert (complaint["kind"], complaint["via"], complaint["note"]) == ("nix_board", "letter", "26-101")
    assert [origin["row"] for origin in complaint["origins"]] == [1]
    assert FROM_PARTNER not in str(complaint)


@pytest.mark.parametrize(
    ("how", "status", "code"),
    [
        ({"seller": OTHER_SELLER}, 404, "not-found"),
        ({"seller": "nobody"}, 404, "not-found"),
        ({"number": "hemligt"}, 422, "invalid-input"),
        ({"via": ""}, 422, "invalid-input"),
        ({"note": "hemligt" * 80}, 422, "invalid-input"),
        ({"kind": "hemligt"}, 422, "invalid-input"),
        ({"received_at": "2026-11-25T00:00:00Z"}, 422, "invalid-input"),
    ],
)
def test_a_complaint_that_cannot_be_recorded_is_refused_and_not_repeated(
    on_sqlite: Ringklar, how: dict[str, str], status: int, code: str
) -> None:
    body = {"number": FROM_PARTNER, "seller": SELLER, "via": "letter"} | how

    response = on_sqlite.post("/v1/complaints", body, role=Role.CUSTOMER_SERVICE)

    refused(response, status, code)
    assert "hemligt" not in response.text


def test_a_walk_back_tells_origin_calls_and_everybody_else_from_there(ringklar: Ringklar) -> None:
    complain(ringklar)
    check = ringklar.check(FROM_PARTNER)
    ringklar.check(LISTED)

    found = walk(ringklar)

    assert sorted(lead["row"] for lead in found["leads"]) == [1, 2]
    assert [source["source"] for source in found["sources"]] == ["hemtavlingen", PARTNER_SOURCE]
    assert [row["id"] for row in found["checks"]] == [check["id"]]
    assert len(found["complaints"]) == 1
    assert found["others"]["checks"] == {"deny": 1}
    assert [one["number"] for one in found["page"]] == [LISTED, OPTED_OUT, OF_OTHER_SELLER]
    assert found["cursor"] is None


def test_a_walk_back_goes_on_from_its_cursor_by_parts(ringklar: Ringklar) -> None:
    for number in (LISTED, OPTED_OUT, LISTED):
        ringklar.check(number)
    seen: list[str] = []
    cursor = None
    while True:
        page = walk(ringklar, part="checks", limit=1, **({"cursor": cursor} if cursor else {}))
        assert (page["others"] is None) == (cursor is not None)
        seen += [one["number"] for one in page["page"]]
        cursor = page["cursor"]
        if cursor is None:
            break

    assert seen == [LISTED, LISTED, OPTED_OUT]
    refused(
        ringklar.post("/v1/walk-backs", {"number": FROM_PARTNER, "cursor": "x"}, role=Role.COMPLIANCE),
        422,
        "invalid-input",
    )


def test_customer_service_is_not_told_other_peoples_numbers(ringklar: Ringklar) -> None:
    found = walk(ringklar, role=Role.CUSTOMER_SERVICE)

    assert [source["source"] for source in found["sources"]] == [PARTNER_SOURCE], "and nothing of another seller"
    assert found["others"]["leads"] == 2
    assert (found["page"], found["cursor"]) == (None, None)
    for number in (LISTED, OPTED_OUT, OF_OTHER_SELLER):
        assert number not in str(found)


def test_a_walk_back_is_done_anew_each_time_and_leaves_no_number_in_the_log(ringklar: Ringklar) -> None:
    key = {"Idempotency-Key": "walk-1"}
    with captured_log() as log:
        first, later = (
            answered(ringklar.post("/v1/walk-backs", {"number": FROM_PARTNER}, role=Role.COMPLIANCE, headers=key), 200)
            for _ in range(2)
        )

    assert first == later
    assert ringklar.row_counts()["kept_answers"] == 0
    for number in (FROM_PARTNER, LISTED):
        assert number[1:] not in log.getvalue()


def test_a_quarantine_denies_the_next_check_and_lead_managers_cannot_end_it(ringklar: Ringklar) -> None:
    assert reasons(ringklar, FROM_PARTNER) == []
    body = {"number": FROM_PARTNER, "seller": SELLER, "reason": "26-101"}

    done = answered(ringklar.post("/v1/quarantines", body, role=Role.COMPLIANCE), 201)

    assert done == {"quarantined": [PARTNER_SOURCE], "already": []}
    assert reasons(ringklar, FROM_PARTNER) == ["source_paused"]
    assert reasons(ringklar, FROM_LIST) == []
    again = answered(ringklar.post("/v1/quarantines", body, role=Role.COMPLIANCE), 201)
    assert again == {"quarantined": [], "already": [PARTNER_SOURCE]}
    resume = f"/v1/sources/{PARTNER_SOURCE}/resume"
    refused(ringklar.post(resume, {}, role=Role.LEAD_MANAGER), 403, "forbidden")
    assert reasons(ringklar, FROM_PARTNER) == ["source_paused"]
    assert ringklar.post(resume, {}, role=Role.COMPLIANCE).status_code == 200
    assert reasons(ringklar, FROM_PARTNER) == []


def test_a_supplier_a_source_or_a_file_is_quarantined_by_name(ringklar: Ringklar) -> None:
    origin = complain(ringklar)["origins"][0]
    for thing in ({"supplier": "kronan"}, {"source": LIST_SOURCE}, {"lead_file": origin["lead_file_id"]}):
        body = {**thing, "reason": "26-101"}
        done = answered(ringklar.post("/v1/quarantines", body, role=Role.COMPLIANCE), 201)
        assert done == {"quarantined": list(thing.values()), "already": []}
    assert reasons(ringklar, FROM_PARTNER) == ["source_paused"]
    assert reasons(ringklar, FROM_LIST) == ["source_paused"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"reason": "x"}, 422),
        ({"source": LIST_SOURCE}, 422),
        ({"source": LIST_SOURCE, "reason": "  "}, 422),
        ({"source": LIST_SOURCE, "supplier": "kronan", "reason": "x"}, 422),
        ({"source": LIST_SOURCE, "seller": SELLER, "reason": "x"}, 422),
        ({"number": FROM_LIST, "reason": "x"}, 422),
        ({"number": WITHOUT_SOURCE, "seller": SELLER, "reason": "x"}, 404),
        ({"source": "nothing", "reason": "x"}, 404),
        ({"lead_file": NOBODYS_ID, "reason": "x"}, 404),
    ],
)
def test_a_quarantine_of_nothing_or_of_several_things_is_refused(
    on_sqlite: Ringklar, body: dict[str, str], status: int
) -> None:
    refused(on_sqlite.post("/v1/quarantines", body, role=Role.COMPLIANCE), status)

    assert reasons(on_sqlite, FROM_LIST) == []


def test_the_league_shows_each_figure_with_its_interval(ringklar: Ringklar) -> None:
    complain(ringklar)

    table = answered(ringklar.get("/v1/league?days=30", Role.LEAD_MANAGER), 200)

    assert {one["slug"] for one in table["sources"]} == {PARTNER_SOURCE, LIST_SOURCE}
    [one] = [one for one in table["sources"] if one["slug"] == PARTNER_SOURCE]
    assert (one["rows"], one["median_age_days"], one["supplier"]) == (3, 21, "kronan")
    assert one["figures"]["invalid"] == {"hits": 0, "of": 3, "share": 0.0, "lower": 0.0, "upper": 0.561497}
    complained = one["figures"]["complained"]
    assert (one["contacts"], complained["hits"], complained["of"]) == (0, 1, 1), "the call was never logged"
    for query in ("?days=0", "?days=3661", "?days=x"):
        refused(ringklar.get(f"/v1/league{query}", Role.LEAD_MANAGER), 422, "invalid-input")


def test_the_league_is_of_one_state_while_a_sources_first_file_comes(ringklar: Ringklar) -> None:
    service = ringklar.service
    add_test_source(service, "senkommen", "kronan", SELLER, "Senkommen 2026", "Du var med i Senkommen 2026.")
    came: list[str] = []

    def come(*told: object) -> None:
        if "rows_rejected" in str(told[2]) and not came:
            came.append("senkommen")
            import_leads(service, service.settings.data_dir, "senkommen", [FROM_LIST])

    event.listen(service.store.engine, "after_cursor_execute", come)
    try:
        table = answered(ringklar.get("/v1/league", Role.LEAD_MANAGER), 200)
    finally:
        event.remove(service.store.engine, "after_cursor_execute", come)

    assert came
    [one] = [one for one in table["sources"] if one["slug"] == "senkommen"]
    assert (one["deliveries"], one["figures"]["missing_evidence"]["of"]) == (0, 0)
