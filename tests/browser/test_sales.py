"""What sales staff do before and in a call, in a real browser."""

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from core.access import Role
from tests.browser.visits import Site, faults_of_access, sign_in
from tests.seeding import (
    FROM_LIST,
    FROM_PARTNER,
    LIST_SAYS,
    LIST_SOURCE,
    LIST_SOURCE_NAME,
    LIST_SUPPLIER_NAME,
    LISTED,
    OPTED_OUT,
    PARTNER_NAME,
    PARTNER_SAYS,
    PARTNER_SOURCE_NAME,
    WITHOUT_SOURCE,
)


def ask(page: Page, number: str) -> Locator:
    """Ask for the number on the sales page, and return the answer."""
    page.get_by_label("Telefonnummer").fill(number)
    with page.expect_response(lambda response: response.request.method == "POST"):
        page.get_by_role("button", name="Fråga").click()
    return page.locator("#answer")


@pytest.mark.parametrize("spelling", ["070-174 06 05", "+46 (0)70 174 06 05", "0046701740605"])
def test_an_allowed_number_in_any_spelling_shows_that_and_what_to_say(page: Page, site: Site, spelling: str) -> None:
    sign_in(page, site, Role.SALES)

    answer = ask(page, spelling)

    expect(answer.get_by_role("heading", name="Du får ringa")).to_be_focused()
    expect(answer.get_by_text("070-174 06 05")).to_be_visible()
    expect(answer.get_by_text(PARTNER_SAYS)).to_be_visible()
    expect(answer.get_by_text(PARTNER_SOURCE_NAME, exact=True)).to_be_visible()
    expect(answer.get_by_text("Svaret gäller till 24 nov. 2026 10:10.")).to_be_visible()
    expect(answer.get_by_text(PARTNER_NAME)).to_have_count(0)
    assert "701740605" not in page.url
    assert "174" not in page.title()
    assert faults_of_access(page) == ""


def test_a_bought_list_shows_what_to_say_and_neither_its_name_nor_who_sold_it(page: Page, site: Site) -> None:
    sign_in(page, site, Role.SALES)

    answer = ask(page, FROM_LIST)

    expect(answer.get_by_role("heading", name="Du får ringa")).to_be_visible()
    expect(answer.get_by_text(LIST_SAYS)).to_be_visible()
    html = page.content()
    for secret in (LIST_SUPPLIER_NAME, "Fjällräven", "fjallraven", LIST_SOURCE_NAME, f"{LIST_SOURCE}."):
        assert secret not in html


@pytest.mark.parametrize(
    ("number", "verdict", "reason"),
    [
        (LISTED, "Ring inte", "Numret finns i spärregistret"),
        (OPTED_OUT, "Ring inte", "Personen har sagt nej till samtal"),
        (WITHOUT_SOURCE, "Ring inte", "Det finns inget som visar varifrån numret kommer."),
        ("0701740605 / 0701740606", "Inte känt: ring inte", "Det kan läsas som mer än ett nummer."),
    ],
)
def test_a_number_that_may_not_be_called_shows_every_reason_in_words(
    page: Page, site: Site, number: str, verdict: str, reason: str
) -> None:
    sign_in(page, site, Role.SALES)

    answer = ask(page, number)

    expect(answer.get_by_role("heading", name=verdict, exact=True)).to_be_visible()
    expect(answer.get_by_role("listitem").filter(has_text=reason)).to_be_visible()
    expect(answer.get_by_text("Säg i samtalet")).to_have_count(0)
    assert faults_of_access(page) == ""


def test_an_objection_blocks_the_number_from_the_next_check_on(page: Page, site: Site) -> None:
    sign_in(page, site, Role.SALES)
    answer = ask(page, FROM_PARTNER)
    answer.get_by_text("Personen vill inte bli uppringd").click()
    answer.get_by_label("Vad sa personen?").fill("Ring mig aldrig mer")
    assert faults_of_access(page) == ""

    answer.get_by_role("button", name="Ja, spärra numret").click()

    expect(answer.get_by_role("heading", name="Numret är spärrat nu")).to_be_focused()
    again = ask(page, "070-1740605")
    expect(again.get_by_role("heading", name="Ring inte")).to_be_visible()
    expect(again.get_by_role("listitem").filter(has_text="Kundtjänst utreder en invändning")).to_be_visible()


def test_the_page_works_without_scripts(browser: Browser, site: Site) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, site, Role.SALES)
    page.get_by_label("Telefonnummer").fill(FROM_PARTNER)
    page.get_by_role("button", name="Fråga").click()
    expect(page.get_by_role("heading", name="Du får ringa")).to_be_visible()
    page.get_by_text("Personen vill inte bli uppringd").click()
    page.get_by_role("button", name="Ja, spärra numret").click()

    expect(page.get_by_role("heading", name="Numret är spärrat nu")).to_be_visible()
    assert "701740605" not in page.url
    context.close()


def test_an_answer_asked_for_after_the_session_is_over_leads_to_the_sign_in_page(page: Page, site: Site) -> None:
    sign_in(page, site, Role.SALES)
    page.context.clear_cookies(name="ringklar-session")
    page.get_by_label("Telefonnummer").fill(FROM_PARTNER)

    page.get_by_role("button", name="Fråga").click()

    expect(page).to_have_title("Logga in – Ringklar")


def test_sales_staff_are_told_in_words_that_customer_service_is_not_theirs(page: Page, site: Site) -> None:
    sign_in(page, site, Role.SALES)

    answered = page.goto(f"{site.address}/customer-service")

    assert answered is not None
    assert answered.status == 403
    expect(page.get_by_role("heading", name="Sidan är inte till för din roll")).to_be_visible()
    expect(page.get_by_role("link", name="Kundtjänst")).to_have_count(0)
    assert faults_of_access(page) == ""
