"""The page of lead files: what became of each, for those who may know the sources, of their own seller alone."""

import re
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from core.access import Role, operator
from leads.importer import import_lead_file, receive_lead_file
from leads.intake import DeliveryTerms
from leads.pauses import pause_lead_file
from leads.quarantines import quarantine_lead_file
from leads.references import add_references
from leads.terms import ReferenceKind
from leads.withdrawals import withdraw_lead_file
from tests.api.forms import sign_in
from tests.seeding import LIST_SOURCE, PARTNER_SOURCE, Seeded, import_leads
from tests.workbooks import workbook

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


@pytest.fixture
def surprising(seeded: Seeded, tmp_path: Path) -> str:
    """Return the id of a workbook in which everything surprises that can, and that came under what is said later."""

    def write(book: Any) -> None:
        page, first, second = book.add_worksheet(), book.add_worksheet(), book.add_worksheet()
        for hidden in (first, second):
            hidden.hide()
            hidden.write(0, 0, "Telefon")
        page.set_row(2, None, None, {"hidden": True})
        for place, cells in enumerate([("Telefon", "Kundnr <100%>"), ("0701740641", 1234567), ("0701740642", 7654321)]):
            page.write_row(place, 0, cells)
        page.merge_range(3, 0, 4, 0, "0701740643")

    path = tmp_path / "bok.xlsx"
    path.write_bytes(workbook(write))
    who, service = operator("tests"), seeded.service
    report = import_lead_file(
        service.store,
        service.lead_files,
        who,
        path=path,
        file_name=path.name,
        source_slug=LIST_SOURCE,
        terms=DeliveryTerms.told("A-1", None, None, "nix:2026-11-15"),
    )
    assert report.warnings is not None
    assert len(report.warnings) == 4
    with service.store.writing() as session:
        given = {ReferenceKind.CONTRACT: "A-2", ReferenceKind.INVOICE: "F <1>"}
        add_references(session, who, str(report.id), given, seeded.clock.now())
    return str(report.id)


@pytest.mark.parametrize("role", [MANAGER, Role.COMPLIANCE])
def test_what_surprised_in_a_file_and_what_it_came_under_are_shown_in_both_languages(
    role: Role, client: FlaskClient, surprising: str
) -> None:
    sign_in(client, role)

    swedish, english = cards(client)[0], cards(client, "?lang=en")[0]

    assert (
        "Avtal A-1 (24 nov. 2026 10:00, tests), ersatt senare Avtal A-2 (24 nov. 2026 10:00, tests) "
        "Faktura F &lt;1&gt; (24 nov. 2026 10:00, tests) Leverantörens egen uppgift om tvätt nix, per den 15 nov. 2026 "
        "Att notera arbetsboken har 2 dolda blad, som inte lästes "
        "Att notera celler är sammanfogade: bara den första av dem har sin text, de andra är tomma "
        "Att notera bladet har dolda rader eller kolumner: de lästes som de andra "
        "Att notera “Kundnr &lt;100%&gt;” kom som tal från ett kalkylark: inledande nollor har gått förlorade "
        f"Id, för kommandon och API:et {surprising}"
    ) in swedish
    assert "Contract A-1 (24 Nov 2026 10:00, tests), replaced later Contract A-2 " in english
    assert "The supplier's own claim of a wash nix, as of 15 Nov 2026 To note the workbook has 2 hidden " in english
    assert "To note “Kundnr &lt;100%&gt;” came as spreadsheet numbers: leading zeros are lost Id, for" in english


def test_of_a_file_that_came_before_surprises_were_kept_it_is_told_that_they_are_not_known(
    client: FlaskClient, seeded: Seeded
) -> None:
    sign_in(client, MANAGER)
    assert "Att notera" not in cards(client)[0]

    with seeded.service.store.writing() as session:
        session.execute(text("UPDATE lead_files SET warnings = NULL"))

    assert "Att notera Den kom innan det som är ovanligt i en fil sparades med den." in cards(client)[0]


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

    with seeded.service.store.writing() as session:
        withdraw_lead_file(session, who, lead_file_id=oldest, reason="fel kolumn", now=now)
    assert cards(client)[1].startswith("Inläst Filen är återkallad ")


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
