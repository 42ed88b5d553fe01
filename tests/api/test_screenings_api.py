"""Screenings over HTTP: a file goes in, its answers come out, to its own seller alone, and its record stays."""

import csv
import io
from types import SimpleNamespace
from typing import Any

import pytest

from core.access import Role
from dnc.screenings.kept_files import forget_screened_files
from dnc.screenings.service import KEPT_FOR
from dnc.screenings.work import work_on
from tests.api.calling import Json, Ringklar, answered, refused
from tests.seeding import CAMPAIGN, FROM_PARTNER, LIST_SOURCE, LISTED, OPTED_OUT, PARTNER_SOURCE

FILE = f"Kund;Telefon\na;{FROM_PARTNER}\nb;{LISTED}\nc;\nd;{OPTED_OUT}\n".encode()


def send(ringklar: Ringklar, content: bytes = FILE, role: Role = Role.DIALER, **fields: str) -> Any:  # Any: an answer
    """Send a file to be screened."""
    form = {"campaign": CAMPAIGN, **fields, "file": (io.BytesIO(content), "ring.csv")}
    return ringklar.ask("POST", "/v1/screenings", role=role, data=form)


def test_a_file_comes_back_with_the_answers_of_its_rows(ringklar: Ringklar) -> None:
    made: Json = answered(send(ringklar), 202)

    assert (made["state"], made["rows"], made["progress"]) == ("done", 4, 1.0)
    assert made["verdicts"] == {"allow": 1, "deny": 2, "unknown": 1}
    assert made["sources"][PARTNER_SOURCE]["verdicts"]["allow"] == 1
    again: Json = answered(ringklar.get(f"/v1/screenings/{made['id']}"), 200)
    assert again == made
    result = ringklar.get(f"/v1/screenings/{made['id']}/result")
    rows = list(csv.DictReader(io.StringIO(result.data.decode()), delimiter=";"))
    assert [row["Kund"] + " " + row["verdict"] for row in rows] == ["a allow", "b deny", "c unknown", "d deny"]
    assert result.headers["Cache-Control"] == "no-store"


def test_the_answer_to_a_number_is_told_by_the_record(ringklar: Ringklar) -> None:
    made: Json = answered(send(ringklar), 202)

    told: Json = answered(
        ringklar.post(f"/v1/screenings/{made['id']}/answers", {"number": "070-174 06 07"}, role=Role.COMPLIANCE), 200
    )

    [one] = told["answers"]
    assert (one["row"], one["number"], one["answer"]["verdict"]) == (2, LISTED, "deny")


def test_the_answers_to_a_number_that_stands_in_many_rows_come_some_at_a_time(ringklar: Ringklar) -> None:
    made: Json = answered(send(ringklar, FILE + b"e;0701740607\n" * 4), 202)

    def asked(**place: int) -> tuple[list[int], int | None]:
        body = {"number": LISTED, **place}
        told: Json = answered(ringklar.post(f"/v1/screenings/{made['id']}/answers", body, role=Role.COMPLIANCE), 200)
        return [one["row"] for one in told["answers"]], told["cursor"]

    assert asked() == ([2, 5, 6, 7, 8], None)
    assert asked(limit=2) == ([2, 5], 5)
    assert asked(limit=2, cursor=5) == ([6, 7], 7)
    assert asked(limit=2, cursor=7) == ([8], None)
    refused(
        ringklar.post(f"/v1/screenings/{made['id']}/answers", {"number": LISTED, "limit": 1_001}, Role.COMPLIANCE), 422
    )


def test_another_seller_s_key_learns_of_no_screening(ringklar: Ringklar) -> None:
    made: Json = answered(send(ringklar), 202)
    key = ringklar.new_key(Role.DIALER, ringklar.seeded.other_seller_id)

    for path in ("", "/result"):
        refused(ringklar.get(f"/v1/screenings/{made['id']}{path}", key=key), 404, "unknown-screening")
    form = {"campaign": CAMPAIGN, "file": (io.BytesIO(FILE), "ring.csv")}
    refused(ringklar.ask("POST", "/v1/screenings", key=key, data=form), 404, "unknown-campaign")


@pytest.mark.parametrize(
    ("content", "fields", "code"),
    [
        (b"Kund;Ort\na;b\n", {}, "unclear-headings"),
        (b"\x00\x00", {}, "unreadable-lead-file"),
        (b'{"telefon": "070"}\n', {}, "invalid-input"),
        (FILE, {"column": "Mobil"}, "unclear-headings"),
    ],
)
def test_a_file_that_cannot_be_screened_is_refused_and_not_on_record(
    ringklar: Ringklar, content: bytes, fields: dict[str, str], code: str
) -> None:
    refused(send(ringklar, content, Role.DIALER, **fields), 422, code)


def test_a_screening_whose_file_was_forgotten_does_not_go_on(
    ringklar: Ringklar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.subprocess.Popen", lambda *_args, **_kwargs: SimpleNamespace(poll=lambda: 0))
    monkeypatch.setattr("dnc.screenings.routes.SCREENED_AT_ONCE", 0)
    made: Json = answered(send(ringklar), 202)
    place = f"/v1/screenings/{made['id']}"
    answered(ringklar.post(f"{place}/cancel", {}), 200)
    service = ringklar.service
    forget_screened_files(service.store, service.screened_files, service.clock.now() + 2 * KEPT_FOR)

    refused(ringklar.post(f"{place}/resume", {}), 409, "screened-file-forgotten")
    assert answered(ringklar.get(place), 200)["state"] == "cancelled"


def test_a_dialer_is_given_no_list_of_the_leads_by_screening_them(ringklar: Ringklar) -> None:
    """Nor learns which bought lists there are."""
    for sources in (None, [PARTNER_SOURCE], [LIST_SOURCE], ["nonesuch"]):
        asked = {"campaign": CAMPAIGN} | ({} if sources is None else {"sources": sources})
        refused(ringklar.post("/v1/screenings/leads", asked, Role.DIALER), 403, "forbidden")


@pytest.mark.parametrize("sources", [[PARTNER_SOURCE], [LIST_SOURCE]])
def test_a_campaign_s_leads_are_screened_and_may_be_cancelled_and_resumed(
    ringklar: Ringklar, monkeypatch: pytest.MonkeyPatch, sources: list[str]
) -> None:
    monkeypatch.setattr("service.subprocess.Popen", lambda *_args, **_kwargs: SimpleNamespace(poll=lambda: 0))
    service = ringklar.service
    made: Json = answered(
        ringklar.post("/v1/screenings/leads", {"campaign": CAMPAIGN, "sources": sources}, Role.LEAD_MANAGER), 202
    )
    place = f"/v1/screenings/{made['id']}"
    assert (made["state"], made["subject"]) == ("running", "campaign")
    for part in ("", "/result"):
        refused(ringklar.get(f"{place}{part}", Role.DIALER), 404, "unknown-screening")
    refused(ringklar.post(f"{place}/answers", {"number": FROM_PARTNER}, Role.DIALER), 404, "unknown-screening")
    refused(ringklar.get(f"{place}/result", Role.LEAD_MANAGER), 409, "screening-unfinished")
    refused(ringklar.post(f"{place}/resume", {}, Role.LEAD_MANAGER), 409, "screening-busy")

    stopped: Json = answered(ringklar.post(f"{place}/cancel", {}, Role.LEAD_MANAGER), 200)
    assert stopped["state"] == "cancelled"
    work_on(service.screenings, service.screened_files, made["id"])
    assert answered(ringklar.get(place, Role.LEAD_MANAGER), 200)["rows"] == 0

    assert answered(ringklar.post(f"{place}/resume", {}, Role.LEAD_MANAGER), 200)["state"] == "running"
    work_on(service.screenings, service.screened_files, made["id"])
    assert ringklar.get(f"{place}/result", Role.LEAD_MANAGER).data.startswith(b"number,verdict,")
    refused(ringklar.post(f"{place}/cancel", {}, Role.LEAD_MANAGER), 409, "screening-not-running")
