"""Lead files over HTTP: delivered, tried, read back with a reason a row, and kept in the data folder alone."""

import io
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from core.access import Role
from tests.api.calling import NOBODYS_ID, Ringklar, answered, refused
from tests.seeding import LIST_SOURCE, PARTNER_SOURCE

ROWS = """Telefon;Namn;Insamlad
070-174 06 21;Åsa;2026-11-01
0701740621;Åsa igen;
hemligt;Bo;
0701740622 / 0701740623;Cia;
+46701740624;David;2026-11-02
"""
CONTENT = ROWS.replace("\n", "\r\n").encode("cp1252")
Fields = dict[str, Any]  # Any: what werkzeug's client takes as a form


def deliver(ringklar: Ringklar, content: bytes = CONTENT, **fields: str) -> TestResponse:
    """Send a lead file as the lead manager."""
    form: Fields = {"source": PARTNER_SOURCE, **fields, "file": (io.BytesIO(content), "leads.csv")}
    return ringklar.ask("POST", "/v1/lead-files", role=Role.LEAD_MANAGER, data=form)


def uploads(ringklar: Ringklar) -> list[Path]:
    """Return what lies in the folder for files being received."""
    return list((ringklar.service.settings.data_dir / "uploads").iterdir())


def test_a_delivered_file_is_answered_with_what_became_of_its_rows(ringklar: Ringklar) -> None:
    report = answered(deliver(ringklar), 202)

    counts = [report[state] for state in ("rows", "accepted", "rejected", "duplicate", "ambiguous")]
    assert counts == [5, 2, 1, 1, 1]
    assert report["reasons"] == {"ambiguous_number": 1, "duplicate_in_file": 1, "invalid_number": 1}
    assert report["mapping"] == {"number": "Telefon", "name": "Namn", "collected_at": "Insamlad"}
    assert (report["encoding"], report["delimiter"], report["state"]) == ("cp1252", ";", "finished")
    read = answered(ringklar.get(f"/v1/lead-files/{report['id']}", Role.LEAD_MANAGER), 200)
    assert read == report
    assert ringklar.check("+46701740621")["verdict"] == "allow"


def test_columns_of_numbers_are_used_in_the_order_that_is_mapped(ringklar: Ringklar) -> None:
    content = b"Telefon;Mobil\n0701740621;\n0701740622;0701740623\n"
    doubt = refused(deliver(ringklar, content), 422, "unclear-headings")
    assert "number_2=“Telefon”" in doubt["detail"]
    order = {"number": "Mobil", "number_2": "Telefon"}

    report = answered(deliver(ringklar, content, mapping=json.dumps(order)), 202)

    assert (report["mapping"], report["accepted"]) == (order, 2)
    asked = ("+46701740621", "+46701740622", "+46701740623")
    assert [ringklar.check(number)["verdict"] for number in asked] == ["allow", "deny", "allow"]


def test_a_file_sent_again_gives_the_first_report(ringklar: Ringklar) -> None:
    first = answered(deliver(ringklar), 202)

    again = answered(deliver(ringklar), 202)

    assert (first["repeated"], again["repeated"]) == (False, True)
    assert {**again, "repeated": False} == first


def test_a_file_read_wrongly_is_withdrawn_and_read_once_more(ringklar: Ringklar) -> None:
    content = b"Fax;Mobil\n0701740621;0701740622\n0701740623;0701740621\n"
    wrong = answered(deliver(ringklar, content, mapping='{"number": "Fax"}'), 202)
    right = '{"number": "Mobil"}'

    for dry_run in ("true", "false"):
        again = answered(deliver(ringklar, content, mapping=right, dry_run=dry_run), 202)
        assert (again["id"], again["repeated"], again["mapping"]) == (wrong["id"], True, {"number": "Fax"})
        [warning] = again["warnings"]
        assert "not read again: the mapping" in warning
    place, reason = f"/v1/lead-files/{wrong['id']}", {"reason": "fel kolumn"}
    withdrawn = answered(ringklar.post(f"{place}/withdraw", reason, role=Role.LEAD_MANAGER), 200)
    assert (withdrawn["paused_reason"], withdrawn["withdrawn_at"]) == ("fel kolumn", withdrawn["paused_at"])
    assert answered(ringklar.post(f"{place}/withdraw", reason, role=Role.COMPLIANCE), 200) == withdrawn
    second = answered(deliver(ringklar, content, mapping=right), 202)
    repeat = answered(deliver(ringklar, content, mapping=right), 202)

    assert (second["accepted"], second["sha256"]) == (2, wrong["sha256"])
    assert (repeat["id"], repeat["repeated"], repeat["warnings"]) == (second["id"], True, [])
    checks = [ringklar.check(number) for number in ("+46701740621", "+46701740622", "+46701740623")]
    assert [check["verdict"] for check in checks] == ["allow", "allow", "deny"]
    assert [reason["code"] for reason in checks[2]["reasons"]] == ["source_paused"]
    listed = answered(ringklar.get(f"/v1/lead-files?source={PARTNER_SOURCE}", Role.LEAD_MANAGER), 200)["lead_files"]
    moments = {one["id"]: one["withdrawn_at"] for one in listed}
    assert (moments[wrong["id"]], moments[second["id"]]) == (withdrawn["withdrawn_at"], None)
    receipts = [
        answered(ringklar.get(f"/v1/lead-files/{one['id']}/receipt", Role.LEAD_MANAGER), 200) for one in (wrong, second)
    ]
    assert len({json.dumps(receipt, sort_keys=True) for receipt in receipts}) == 2


def test_a_withdrawal_is_for_good_and_not_for_everybody(ringklar: Ringklar) -> None:
    file = answered(deliver(ringklar), 202)
    place, reason = f"/v1/lead-files/{file['id']}", {"reason": "fel kolumn"}
    for role in (Role.SALES, Role.DIALER, Role.CUSTOMER_SERVICE, Role.ADMIN):
        refused(ringklar.post(f"{place}/withdraw", reason, role=role), 403, "forbidden")
    quarantine = {"lead_file": file["id"], "reason": "klagomål"}
    answered(ringklar.post("/v1/quarantines", quarantine, role=Role.COMPLIANCE), 201)
    refused(ringklar.post(f"{place}/withdraw", reason, role=Role.LEAD_MANAGER), 403, "forbidden")
    answered(ringklar.post(f"{place}/withdraw", reason, role=Role.COMPLIANCE), 200)

    for again in (
        ringklar.ask("POST", f"{place}/resume", role=Role.COMPLIANCE),
        ringklar.post(f"{place}/pause", reason, role=Role.COMPLIANCE),
        ringklar.post("/v1/quarantines", quarantine, role=Role.COMPLIANCE),
    ):
        refused(again, 409, "lead-file-withdrawn")


def test_a_duplicate_that_says_the_person_is_a_child_denies_the_next_check(ringklar: Ringklar) -> None:
    answered(deliver(ringklar), 202)
    assert ringklar.check("+46701740621")["verdict"] == "allow"

    report = answered(deliver(ringklar, "Telefon;Född\n070-174 06 21;2012-05-03\n".encode()), 202)

    assert (report["accepted"], report["duplicate"]) == (0, 1)
    check = ringklar.check("+46701740621")
    assert (check["verdict"], [reason["code"] for reason in check["reasons"]]) == ("deny", ["minor"])


def test_a_dry_run_tells_the_same_and_keeps_nothing(ringklar: Ringklar) -> None:
    before = ringklar.row_counts()

    tried = answered(deliver(ringklar, dry_run="true"), 202)

    assert (tried["id"], tried["state"], tried["dry_run"]) == (None, None, True)
    assert ringklar.row_counts() == before
    real = answered(deliver(ringklar), 202)
    assert (tried["accepted"], tried["reasons"], tried["mapping"]) == (
        real["accepted"],
        real["reasons"],
        real["mapping"],
    )


def test_a_mapping_names_the_columns_that_headings_do_not(ringklar: Ringklar) -> None:
    content = b"kolumn1;kolumn2\n0701740625;Eva\n"

    refused(deliver(ringklar, content), 422, "unclear-headings")
    report = answered(deliver(ringklar, content, mapping=json.dumps({"number": "kolumn1"})), 202)

    assert report["mapping"] == {"number": "kolumn1"}
    assert report["accepted"] == 1


def test_rows_are_listed_by_state_page_by_page_with_their_reasons(ringklar: Ringklar) -> None:
    path = f"/v1/lead-files/{answered(deliver(ringklar), 202)['id']}/rows"

    rejected = answered(ringklar.get(f"{path}?state=rejected", Role.LEAD_MANAGER), 200)
    assert rejected == {
        "rows": [{"row_no": 3, "state": "rejected", "reasons": ["invalid_number"], "cells": ["hemligt", "Bo", ""]}],
        "next_cursor": None,
    }
    seen: list[int] = []
    cursor: str | None = "0"
    while cursor is not None:
        page = answered(ringklar.get(f"{path}?limit=2&cursor={cursor}", Role.LEAD_MANAGER), 200)
        seen += [row["row_no"] for row in page["rows"]]
        cursor = page["next_cursor"]
    assert seen == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("query", ["state=lost", "limit=0", "limit=1001", "cursor=-1", "cursor=x", "other=1"])
def test_a_question_about_rows_that_cannot_be_read_is_refused(shared: Ringklar, query: str) -> None:
    refused(shared.get(f"/v1/lead-files/{NOBODYS_ID}/rows?{query}", Role.LEAD_MANAGER), 422)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "unreadable-lead-file"),
        (b"PK\x03\x04rest", "unreadable-lead-file"),
        (b"namn\nAnna\n", "unclear-headings"),
        (b"tel;tel\n1;2\n", "unclear-headings"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_and_leaves_nothing(shared: Ringklar, content: bytes, code: str) -> None:
    before = shared.row_counts()

    refused(deliver(shared, content), 422, code)

    assert shared.row_counts() == before
    assert uploads(shared) == []


def test_what_is_wrong_with_the_form_is_told(shared: Ringklar) -> None:
    refused(deliver(shared, source="finns-inte"), 404, "not-found")
    refused(deliver(shared, mapping="{"), 422)
    refused(deliver(shared, mapping='{"number": 1}'), 422)
    refused(deliver(shared, mapping='{"number": "Namn", "number": "Telefon"}'), 422, "invalid-input")
    refused(deliver(shared, mapping="[" * 50_000), 422, "invalid-input")
    refused(deliver(shared, surplus="1"), 422)
    form: Fields = {"source": PARTNER_SOURCE}
    refused(shared.ask("POST", "/v1/lead-files", role=Role.LEAD_MANAGER, data=form), 415)
    two: Fields = {"source": PARTNER_SOURCE, "file": [(io.BytesIO(CONTENT), name) for name in ("a.csv", "b.csv")]}
    refused(shared.ask("POST", "/v1/lead-files", role=Role.LEAD_MANAGER, data=two), 400, "malformed-request")
    assert uploads(shared) == []


def test_a_received_file_lies_in_the_data_folder_alone_and_not_after_the_answer(
    on_sqlite: Ringklar, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The system's folder for temporary files is made unwritable: a file of any size needs none of it."""
    missing = tmp_path / "no-such-folder"
    monkeypatch.setattr(tempfile, "tempdir", str(missing))
    rows = "".join(f"hemligt {place};{'x' * 200};\r\n" for place in range(4_500)).encode()
    opening = f'--x\r\nContent-Disposition: form-data; name="source"\r\n\r\n{PARTNER_SOURCE}\r\n--x\r\n'
    opening += 'Content-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
    body = opening.encode() + CONTENT + rows + b"\r\n--x--\r\n"

    delivered = on_sqlite.ask(
        "POST",
        "/v1/lead-files",
        role=Role.LEAD_MANAGER,
        data=body,
        headers={"Content-Type": "multipart/form-data; boundary=x"},
    )

    assert answered(delivered, 202)["rows"] == 4_505
    assert not missing.exists()
    assert uploads(on_sqlite) == []


@pytest.mark.parametrize("length", [26, 60, 1_000])
def test_a_file_of_any_size_is_taken_wherever_its_lines_and_the_readings_of_it_end(
    on_sqlite: Ringklar, length: int
) -> None:
    """With a boundary as long as usual senders', after which a line may seem to be the last one."""
    boundary, rows = "-" * 24 + "5c0f1d3a7be8e210", 2_000_000 // length
    parts = [f'name="{name}"\r\n\r\n{text}' for name, text in (("source", PARTNER_SOURCE), ("dry_run", "true"))]
    parts.append('name="file"; filename="a.csv"\r\n\r\nTelefon;Namn\n' + f"0701740621;{'A' * (length - 12)}\n" * rows)
    body = "".join(f"--{boundary}\r\nContent-Disposition: form-data; {part}\r\n" for part in parts)

    delivered = on_sqlite.ask(
        "POST",
        "/v1/lead-files",
        role=Role.LEAD_MANAGER,
        data=f"{body}--{boundary}--\r\n".encode(),
        headers={"Content-Type": f"multipart/form-data; boundary={boundary}"},
    )

    assert answered(delivered, 202)["rows"] == rows


def test_no_answer_to_sales_names_a_lists_file_or_supplier(ringklar: Ringklar) -> None:
    answered(deliver(ringklar, source=LIST_SOURCE), 202)

    seen = ringklar.post("/v1/lookups", {"number": "+46701740624"}, role=Role.SALES)

    answered(seen, 200)
    assert not [word for word in ("fjallraven", "Fjällräven", "leads.csv", LIST_SOURCE) if word in seen.text]
