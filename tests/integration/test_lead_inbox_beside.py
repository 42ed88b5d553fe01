"""What lies beside a delivery in the inbox says how to read it, and under what it comes."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from jobs.lead_inbox import LeadInbox
from service import Service
from tests.deliveries import written
from tests.inboxes import LINES, files_of, looked_twice, names_in
from tests.registers import NOON


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_what_lies_beside_a_delivery_says_how_to_read_it_and_what_it_comes_under(
    service: Service, inbox: LeadInbox, encoding: str
) -> None:
    folder = inbox.directory / "tavling"
    said = {"contract": "K-1", "invoice": "F-2", "order": "B-3", "washed": "nix:2026-11-15", "encoding": "cp1252"}
    (folder / "a.csv.delivery.json").write_text(json.dumps(said), encoding)
    (folder / "a.csv.mapping.json").write_text('{"number": "Kontakt"}', encoding)
    written(folder / "a.csv", ["Kontakt;Namn", "070-174 06 05;Åsa"], "cp1252")

    assert looked_twice(inbox, service) == {"tavling/a.csv": "done"}

    [file] = files_of(service.store)
    assert (file.contract_reference, file.invoice_reference, file.order_reference) == ("K-1", "F-2", "B-3")
    assert (file.wash_register, str(file.wash_version), file.encoding) == ("nix", "2026-11-15", "cp1252")
    assert (file.rows_accepted, json.loads(file.mapping)["number"]) == (1, "Kontakt")
    assert names_in(folder) == {
        f"done/a.csv{suffix}" for suffix in ("", ".report.json", ".delivery.json", ".mapping.json")
    }


WRONG = [
    ("delivery", '{"order": "', "json"),
    ("delivery", '{"ordre": "B-3"}', "ordre"),
    ("delivery", '{"order": 3}', "order"),
    ("delivery", '{"washed": "nix"}', "washed"),
    ("delivery", '{"washed": "nix:2026-02-30"}', "day that there is not"),
    ("delivery", '{"encoding": "ebcdic"}', "encodings"),
    ("mapping", '["Telefon"]', "object"),
    ("mapping", '{"numbre": "Telefon"}', "numbre"),
    ("delivery", " " * 70_000, "65536"),
    ("delivery", '{"order": "a\\u0000b"}', "nul character"),
]


def test_what_lies_beside_and_is_wrong_refuses_the_delivery_whole(service: Service, inbox: LeadInbox) -> None:
    folder = inbox.directory / "tavling"
    for name, (suffix, said, _) in enumerate(WRONG):
        (folder / f"{name}.{suffix}.json").write_text(said, "utf-8")
        written(folder / str(name), LINES)

    outcomes = looked_twice(inbox, service)

    assert set(outcomes.values()) <= {"invalid-input", "unclear-headings"}
    for name, (suffix, _, told) in enumerate(WRONG):
        assert told in (folder / "refused" / f"{name}.reason.txt").read_text("utf-8").lower()
        assert (folder / "refused" / f"{name}.{suffix}.json").exists()
    assert files_of(service.store) == []


def test_a_delivery_waits_for_what_is_being_written_beside_it(service: Service, inbox: LeadInbox) -> None:
    folder = inbox.directory / "tavling"
    written(folder / "a.csv", LINES)
    inbox.pick_up(service.store, NOON)
    (folder / "a.csv.delivery.json").write_text("{", "utf-8")
    assert inbox.pick_up(service.store, NOON) == {}
    (folder / "a.csv.delivery.json").write_text('{"order": "B-3"}', "utf-8")

    assert looked_twice(inbox, service) == {"tavling/a.csv": "done"}
    assert [file.order_reference for file in files_of(service.store)] == ["B-3"]


def test_a_file_that_is_named_as_if_it_lay_beside_a_delivery_is_told_of_when_it_has_long_lain_alone(
    service: Service, inbox: LeadInbox, caplog: pytest.LogCaptureFixture
) -> None:
    """It is never taken, so who delivered it under such a name waits for nothing; but it may be there first."""
    written(inbox.directory / "tavling" / "hösten.delivery.json", LINES)
    written(inbox.directory / "tavling" / "a.csv.mapping.json", ["{}"])
    written(inbox.directory / "tavling" / "a.csv.part", LINES)
    (inbox.directory / "enkat" / ".mapping.json").write_text("{}", "utf-8")
    came = datetime.now(UTC)

    for minutes in (0, 55):
        inbox.pick_up(service.store, came + timedelta(minutes=minutes))
    assert caplog.records == []

    (inbox.directory / "tavling" / "a.csv.part").rename(inbox.directory / "tavling" / "a.csv")
    for minutes in (65, 66):
        inbox.pick_up(service.store, came + timedelta(minutes=minutes))
    assert [record.getMessage() for record in caplog.records] == [
        "a file in the inbox of tavling is named ….delivery.json and lies beside no delivery"
    ]
