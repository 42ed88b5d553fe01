"""The page of lead files: what became of each, for those who may know the sources, of their own seller alone."""

import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from core.access import Role, operator
from leads.importer import receive_lead_file
from leads.pauses import pause_lead_file
from leads.quarantines import quarantine_lead_file
from tests.api.forms import sign_in
from tests.seeding import LIST_SOURCE, PARTNER_SOURCE, Seeded, import_leads

MANAGER = Role.LEAD_MANAGER
PATH = "/lead-files"


def cards(client: FlaskClient, query: str = "") -> list[str]:
    """Return the text of each file's card, in order."""
    answer = client.get(f"{PATH}{query}")
    assert answer.status_code == 200, answer.text
    found = re.findall(r"<article.*?</article>", answer.text, re.DOTALL)
    return [re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", card)).strip() for card in found]


def test_a_lead_manager_sees_what_became_of_each_file_in_both_languages(client: FlaskClient) -> None:
    sign_in(client, MANAGER)

    newest, oldest = cards(client)

    assert newest.startswith(f"Inläst {LIST_SOURCE}.csv Källa {LIST_SOURCE} Mottaget 24 nov. 2026 10:00, tests Rader 1")
    assert oldest.startswith(f"Inläst {PARTNER_SOURCE}.csv Källa {PARTNER_SOURCE} ")
    assert "Rader 3 Godkända 3 Avvisade 0 Dubbletter 0 Oklart vilket nummer som menas 0 Id, för kommandon" in oldest
    assert cards(client, "?lang=en")[1].startswith(f"Read {PARTNER_SOURCE}.csv Source {PARTNER_SOURCE} Received ")
    assert "hemtavlingen" not in client.get(PATH).text


def test_a_file_that_is_being_read_tells_how_far_it_has_come(
    client: FlaskClient, seeded: Seeded, tmp_path: Path
) -> None:
    path = tmp_path / "stor.csv"
    path.write_text("Telefon;Namn\n0701740621;Åsa\n")
    service = seeded.service
    receive_lead_file(
        service.store, service.lead_files, operator("tests"), path=path, file_name=path.name, source_slug=LIST_SOURCE
    )
    sign_in(client, MANAGER)

    [being_read] = cards(client, "?state=reading")

    assert being_read.startswith("Läses in: 0 % stor.csv")
    assert len(cards(client)) == 3


def test_a_pause_and_a_quarantine_are_shown(client: FlaskClient, seeded: Seeded) -> None:
    sign_in(client, MANAGER)
    newest, oldest = re.findall(r'id="file-([0-9a-f-]{36})"', client.get(PATH).text)
    who, now = operator("tests"), seeded.clock.now()
    with seeded.service.store.writing() as session:
        pause_lead_file(session, who, lead_file_id=newest, reason="klagomål", now=now)
        quarantine_lead_file(session, who, lead_file_id=oldest, reason="klagomål", now=now)

    paused, quarantined = cards(client)

    assert paused.startswith("Inläst Pausad ")
    assert quarantined.startswith("Inläst I karantän ")


def test_the_files_of_a_source_are_a_link_away_and_so_are_older_ones(
    client: FlaskClient, seeded: Seeded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.lead_files.SHOWN", 1)
    import_leads(seeded.service, tmp_path, PARTNER_SOURCE, ["+46701740622"])
    sign_in(client, MANAGER)

    first = client.get(PATH).text
    of_source = re.search(rf'href="({PATH}\?source={PARTNER_SOURCE})"', first)
    assert of_source is not None
    older = re.search(rf'href="({PATH}\?source={PARTNER_SOURCE}&amp;cursor=[0-9a-f-]+)"', client.get(of_source[1]).text)
    assert older is not None
    last = client.get(older[1].replace("&amp;", "&")).text

    assert f"Bara de från källan {PARTNER_SOURCE}." in last
    assert "<dd>3</dd>" in last
    assert "Äldre filer" not in last


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("?state=lost", 422),
        ("?cursor=1", 422),
        ("?source=Fel%20Namn", 422),
        ("?source=%00", 422),
        ("?source=finns-inte", 404),
        ("?source=hemtavlingen", 404),
        ("?source=&state=&cursor=", 200),
    ],
)
def test_an_address_that_asks_for_what_there_is_not_is_refused(query: str, status: int, client: FlaskClient) -> None:
    sign_in(client, MANAGER)

    assert client.get(f"{PATH}{query}").status_code == status


def test_where_there_is_no_file_the_page_says_so(client: FlaskClient) -> None:
    sign_in(client, MANAGER)

    assert "Det finns ingen sådan fil." in client.get(f"{PATH}?state=reading").text


@pytest.mark.parametrize("role", [Role.SALES, Role.CUSTOMER_SERVICE, Role.ADMIN])
def test_who_may_not_know_the_sources_is_shown_neither_page_nor_link(role: Role, client: FlaskClient) -> None:
    sign_in(client, role)

    for query in ("", f"?source={LIST_SOURCE}", "?source=finns-inte", "?state=lost"):
        answer = client.get(f"{PATH}{query}")
        assert answer.status_code == 403, query
        assert LIST_SOURCE not in answer.text
    assert PATH not in client.get("/", follow_redirects=True).text
