"""Signing in and out, in a real browser."""

from playwright.sync_api import Page, expect

from core.access import Role
from tests.browser.visits import Site, faults_of_access, sign_in
from tests.seeding import PASSWORD


def test_who_is_not_signed_in_is_asked_to_and_comes_to_the_first_page_of_the_role(page: Page, site: Site) -> None:
    page.goto(f"{site.address}/call")
    expect(page).to_have_title("Logga in – Ringklar")
    expect(page.get_by_label("Namn")).to_be_focused()

    page.keyboard.type("sales")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")

    expect(page).to_have_title("Får jag ringa? – Ringklar")


def test_a_wrong_password_is_told_in_words_and_may_be_tried_again(page: Page, site: Site) -> None:
    page.goto(f"{site.address}/sign-in")
    page.get_by_label("Namn").fill("sales")
    page.get_by_label("Lösenord").fill("fel lösenord helt")
    page.get_by_role("button", name="Logga in").click()

    expect(page.get_by_role("alert")).to_contain_text("Namn och lösenord stämmer inte")
    expect(page.get_by_label("Namn")).to_have_value("sales")
    expect(page.get_by_label("Lösenord")).to_have_value("")
    assert faults_of_access(page) == ""
    page.get_by_label("Lösenord").fill(PASSWORD)
    page.get_by_role("button", name="Logga in").click()
    expect(page).to_have_title("Får jag ringa? – Ringklar")


def test_after_signing_out_the_back_button_shows_nothing(page: Page, site: Site) -> None:
    sign_in(page, site, Role.CUSTOMER_SERVICE)

    page.get_by_role("button", name="Logga ut").click()

    expect(page).to_have_title("Logga in – Ringklar")
    page.go_back()
    expect(page).to_have_title("Logga in – Ringklar")


def test_the_language_that_is_chosen_is_kept(page: Page, site: Site) -> None:
    page.goto(f"{site.address}/sign-in")
    page.get_by_role("link", name="English").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()

    page.goto(f"{site.address}/sign-in")

    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_first_pages_of_lead_managers_and_administrators_can_be_used_by_all(page: Page, site: Site) -> None:
    page.goto(f"{site.address}/sign-in")
    assert faults_of_access(page) == ""
    for role in (Role.LEAD_MANAGER, Role.ADMIN):
        sign_in(page, site, role)
        expect(page).to_have_title("Start – Ringklar")
        assert faults_of_access(page) == ""
        page.get_by_role("button", name="Logga ut").click()
        expect(page).to_have_title("Logga in – Ringklar")


def test_an_address_that_nothing_answers_is_told_in_words(page: Page, site: Site) -> None:
    page.goto(f"{site.address}/nothing-here")

    expect(page.get_by_role("heading", name="Här finns inget")).to_be_visible()
    assert faults_of_access(page) == ""
