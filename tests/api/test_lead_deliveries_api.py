"""Deliveries over HTTP: what cannot be read is a clear problem, and what proves a consent opens a number."""

import gzip
import io
from typing import Any

import pytest

from core.access import Role
from tests.api.calling import Json, Ringklar, answered, refused
from tests.seeding import CAMPAIGN, LIST_SOURCE, LISTED, PARTNER_SOURCE, SELLER_NAME
from tests.workbooks import sheet, zipped

GOOD = b"Telefon;Namn\n0701740621;Bo\n"
MACROS: dict[str, str | bytes] = {
    "[Content_Types].xml": "<Types/>",
    "xl/workbook.xml": "<workbook/>",
    "xl/vbaProject.bin": b"x",
}


def deliver(ringklar: Ringklar, content: bytes, **fields: str) -> Any:  # Any: werkzeug's answer
    """Send a lead file as the lead manager."""
    form = {"source": PARTNER_SOURCE, **fields, "file": (io.BytesIO(content), "leads.bin")}
    return ringklar.ask("POST", "/v1/lead-files", role=Role.LEAD_MANAGER, data=form)


@pytest.mark.parametrize("dry_run", ["true", "false"])
@pytest.mark.parametrize(
    ("content", "code", "says"),
    [
        (b"tel\x00;namn\n1;2\n", "unreadable-lead-file", "NUL"),
        (b"tel;" + b";".join(b"c%d" % no for no in range(499)), "unclear-headings", "500 columns"),
        (b"tel;Tel\n1;2\n", "unclear-headings", "have the same heading"),
        (zipped(MACROS), "unreadable-lead-file", "macros"),
        (zipped({"a.zip": zipped({"a.csv": GOOD})}), "unreadable-lead-file", "archive inside an archive"),
        (gzip.compress(GOOD * 50, mtime=0)[:-6], "unreadable-lead-file", "cut off"),
        (sheet([["tel"], ["0701740621"]])[:-40], "unreadable-lead-file", "zip"),
    ],
)
def test_a_delivery_that_cannot_be_read_is_a_clear_problem_and_leaves_nothing(
    shared: Ringklar, content: bytes, code: str, says: str, dry_run: str
) -> None:
    before, shelf = shared.row_counts(), shared.service.lead_files
    lay = shelf.places()

    problem = refused(deliver(shared, content, dry_run=dry_run), 422, code)

    assert says in problem["detail"]
    assert shared.row_counts() == before
    assert shelf.places() == lay


def verdict(ringklar: Ringklar) -> Json:
    """Return what would be answered of a number on the register."""
    return answered(ringklar.post("/v1/what-if", {"number": LISTED, "campaign": CAMPAIGN}), 200)


@pytest.mark.parametrize(("named", "lifts"), [(SELLER_NAME, True), ("Någon Annan AB", False)])
def test_a_delivered_consent_that_names_the_seller_lifts_the_register(
    ringklar: Ringklar, named: str, lifts: bool
) -> None:
    assert "on_register" in [reason["code"] for reason in verdict(ringklar)["reasons"]]
    content = (
        "Telefon;consent_text_version;consent_url;consent_at;consent_sellers;consent_channels\n"
        f"{LISTED};v3;https://tavling.example/v3;2026-11-10T10:00:00+01:00;{named};telefon\n"
    )
    mapping = (
        '{"consent_text_version": "consent_text_version", "consent_url": "consent_url", "consent_at": "consent_at",'
        ' "consent_sellers": "consent_sellers", "consent_channels": "consent_channels"}'
    )

    report = answered(deliver(ringklar, content.encode(), source=LIST_SOURCE, mapping=mapping), 202)

    assert report["accepted"] == 1
    found = verdict(ringklar)
    assert ("on_register" not in [reason["code"] for reason in found["reasons"]]) == lifts
