"""Call records over HTTP: files, their rows, and the contacts that none of them shows, a page at a time."""

import io

import pytest

from core.access import Role
from tests.api.calling import Json, Ringklar, answered
from tests.calls import contact
from tests.seeding import CAMPAIGN, FROM_PARTNER, SELLER, WITHOUT_SOURCE


@pytest.fixture
def matched(ringklar: Ringklar) -> tuple[Ringklar, str]:
    """The application after two contacts, and two files of two calls to others; with it the second file's path."""
    check = answered(ringklar.post("/v1/checks", {"number": FROM_PARTNER, "campaign": CAMPAIGN}), 201)
    for call_id in ("c-1", "c-2"):
        contact(ringklar.seeded, check["id"], call_id)
    content = f"start;to\n2026-11-24T09:00:00Z;{WITHOUT_SOURCE}\n2026-11-24T09:30:00Z;{WITHOUT_SOURCE}\n"
    sent(ringklar, content.rstrip())
    return ringklar, f"/v1/call-records/{sent(ringklar, content)}"


def sent(ringklar: Ringklar, content: str) -> str:
    """Return the id of a file of call records."""
    form = {"seller": SELLER, "file": (io.BytesIO(content.encode()), "calls.csv")}
    told: Json = answered(ringklar.ask("POST", "/v1/call-records", role=Role.COMPLIANCE, data=form), 201)
    return str(told["id"])


@pytest.mark.parametrize(
    ("place", "name"), [("/v1/call-records", "files"), ("{}/rows", "rows"), ("{}/missing-contacts", "contacts")]
)
def test_a_list_is_read_to_its_end_and_no_further(matched: tuple[Ringklar, str], place: str, name: str) -> None:
    ringklar, file = matched

    def page(query: str) -> tuple[list[Json], object]:
        told = answered(ringklar.get(f"{place.format(file)}?{query}", Role.COMPLIANCE), 200)
        return told[name], told["cursor"]

    both, end = page("limit=2")

    assert (len(both), end) == (2, None)
    first, cursor = page("limit=1")
    assert first == both[:1]
    assert page(f"limit=1&cursor={cursor}") == (both[1:], None)
