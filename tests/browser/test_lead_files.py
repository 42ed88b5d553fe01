"""What lead managers see of the files that came in, in a real browser."""

from pathlib import Path

from playwright.sync_api import Page, expect

from core.access import Role, operator
from leads.importer import import_lead_file
from leads.intake import DeliveryTerms
from tests.browser.visits import Site, faults_of_access, sign_in
from tests.seeding import LIST_SOURCE, PARTNER_SOURCE
from tests.workbooks import sheet


def test_a_lead_manager_finds_a_file_and_the_others_of_its_source(page: Page, site: Site) -> None:
    sign_in(page, site, Role.LEAD_MANAGER)

    page.get_by_role("link", name="Filer med leads").click()

    expect(page).to_have_title("Filer med leads – Ringklar")
    expect(page.get_by_role("article")).to_have_count(2)
    card = page.get_by_role("article", name=f"{PARTNER_SOURCE}.csv")
    expect(card).to_contain_text("Inläst")
    assert faults_of_access(page) == ""
    card.get_by_role("link", name=PARTNER_SOURCE).click()
    expect(page.get_by_role("article")).to_have_count(1)
    page.get_by_role("link", name="Visa alla").click()
    expect(page.get_by_role("article", name=f"{LIST_SOURCE}.csv")).to_be_visible()
    page.get_by_role("link", name="English").click()
    expect(page).to_have_title("Lead files – Ringklar")
    expect(page.get_by_role("article").first).to_contain_text("Accepted")


def test_a_file_shows_what_surprised_in_it_and_what_it_came_under(page: Page, site: Site, tmp_path: Path) -> None:
    service, path = site.seeded.service, tmp_path / "bok.xlsx"
    path.write_bytes(sheet([("Telefon", "Kundnr"), ("0701740641", 1234567)]))
    terms = DeliveryTerms.told("A-1", "2026" * 25, None, "nix:2026-11-15")
    delivered = {"path": path, "file_name": path.name, "source_slug": LIST_SOURCE, "terms": terms}
    import_lead_file(service.store, service.lead_files, operator("tests"), **delivered)  # type: ignore[arg-type]

    for role in (Role.LEAD_MANAGER, Role.COMPLIANCE):
        sign_in(page, site, role)
        page.get_by_role("link", name="Filer med leads").click()
        card = page.get_by_role("article", name="bok.xlsx")
        expect(card).to_contain_text("Avtal")
        expect(card).to_contain_text("A-1 (24 nov. 2026 10:00, tests)")
        expect(card).to_contain_text("nix, per den 15 nov. 2026")
        expect(card).to_contain_text("“Kundnr” kom som tal från ett kalkylark: inledande nollor har gått förlorade")
        assert faults_of_access(page) == ""
        page.get_by_role("link", name="English").click()
        expect(card).to_contain_text("“Kundnr” came as spreadsheet numbers: leading zeros are lost")
        page.get_by_role("link", name="Svenska").click()
        page.get_by_role("button", name="Logga ut").click()


def test_compliance_reaches_the_lead_files_beside_its_own_page(page: Page, site: Site) -> None:
    sign_in(page, site, Role.COMPLIANCE)

    page.get_by_role("link", name="Filer med leads").click()

    expect(page.get_by_role("article")).to_have_count(2)
    assert faults_of_access(page) == ""
