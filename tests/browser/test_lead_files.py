"""What lead managers see of the files that came in, in a real browser."""

from playwright.sync_api import Page, expect

from core.access import Role
from tests.browser.visits import Site, faults_of_access, sign_in
from tests.seeding import LIST_SOURCE, PARTNER_SOURCE


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


def test_compliance_reaches_the_lead_files_beside_its_own_page(page: Page, site: Site) -> None:
    sign_in(page, site, Role.COMPLIANCE)

    page.get_by_role("link", name="Filer med leads").click()

    expect(page.get_by_role("article")).to_have_count(2)
    assert faults_of_access(page) == ""
