"""What customer service does with a person's no, in a real browser."""

from datetime import timedelta
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from core.access import Role, operator
from dnc.gate import Question
from dnc.holds import report_objection
from tests.browser.visits import Site, faults_of_access, sign_in
from tests.held import MARKED, held_by_file
from tests.seeding import (
    CAMPAIGN,
    FROM_LIST,
    FROM_PARTNER,
    LIST_SOURCE_NAME,
    LIST_SUPPLIER_NAME,
    OF_OTHER_SELLER,
    OPTED_OUT,
    OTHER_CAMPAIGN,
    number_of,
)

SALES_ASKS = operator("sales")


def find(page: Page, number: str) -> Locator:
    """Find everything on the number, and return the answer."""
    page.get_by_label("Telefonnummer").fill(number)
    with page.expect_response(lambda response: response.request.method == "POST"):
        page.get_by_role("button", name="Sök").click()
    return page.locator("#answer")


def reasons(site: Site, number: str, campaign: str = CAMPAIGN) -> set[str]:
    """Return the reasons of the next check, as a dialer gets them."""
    answer = site.seeded.service.gate.ask(SALES_ASKS, campaign, Question(number))
    return {reason.code.value for reason in answer.decision.reasons}


def hold(site: Site, number: str) -> None:
    """Report an objection, as sales would."""
    service = site.seeded.service
    with service.store.writing() as session:
        report_objection(
            session,
            SALES_ASKS,
            service.store.keyring,
            number=number_of(number).value,
            seller_id=site.seeded.seller_id,
            note="Vill inte bli störd",
            now=service.clock.now(),
        )


def test_everything_on_a_number_is_found_with_the_supplier_and_the_file(page: Page, site: Site) -> None:
    reasons(site, FROM_LIST)
    sign_in(page, site, Role.CUSTOMER_SERVICE)

    answer = find(page, "070-174 06 06")

    expect(answer.get_by_role("heading", name="070-174 06 06")).to_be_focused()
    expect(answer.get_by_text(LIST_SOURCE_NAME)).to_be_visible()
    expect(answer.get_by_text(LIST_SUPPLIER_NAME)).to_be_visible()
    expect(answer.get_by_text("adresslistan.csv, rad 1")).to_be_visible()
    expect(answer.get_by_text("24 nov. 2026 10:00 · Fick ringas")).to_be_visible()
    assert "701740606" not in page.url
    assert "174" not in page.title()
    assert faults_of_access(page) == ""


def test_an_opt_out_stops_the_next_check_and_a_release_that_the_person_asked_for_ends_it(
    page: Page, site: Site
) -> None:
    assert reasons(site, FROM_PARTNER) == set()
    sign_in(page, site, Role.CUSTOMER_SERVICE)
    answer = find(page, FROM_PARTNER)
    answer.get_by_text("Spärra numret").click()
    answer.get_by_label("Hur personen sa nej").select_option("Brev")
    answer.get_by_label("Anteckning").first.fill("Skrev till oss")
    assert faults_of_access(page) == ""
    answer.get_by_role("button", name="Spärra", exact=True).click()
    expect(answer.get_by_role("status")).to_contain_text("Nej-spärren är registrerad")
    expect(answer.get_by_text("Har sagt nej")).to_be_visible()
    expect(answer.get_by_text("10:00, Brev")).to_be_visible()
    assert reasons(site, FROM_PARTNER) == {"opted_out"}

    site.seeded.clock.at += timedelta(minutes=5)
    answer = find(page, FROM_PARTNER)
    answer.get_by_text("Upphäv", exact=True).click()
    answer.get_by_label("Hur du förvissade dig").fill("Motringde numret")
    assert faults_of_access(page) == ""
    answer.get_by_role("button", name="Upphäv nej-spärren").click()

    expect(answer.get_by_role("status")).to_contain_text("Nej-spärren är upphävd")
    expect(answer.get_by_text("Motringde numret")).to_be_visible()
    expect(answer.get_by_text("Upphävd", exact=True).first).to_be_visible()
    assert reasons(site, FROM_PARTNER) == set()


def test_a_no_to_automated_calls_alone_is_not_told_as_a_no_to_every_call(page: Page, site: Site) -> None:
    sign_in(page, site, Role.CUSTOMER_SERVICE)
    answer = find(page, FROM_PARTNER)
    answer.get_by_text("Spärra numret").click()
    answer.get_by_label("Samtal från människor").uncheck()

    answer.get_by_role("button", name="Spärra", exact=True).click()

    expect(answer.get_by_role("status")).to_have_text(
        "Nej-spärren är registrerad. Den gäller från och med nu: Norrsken Energi, Automatiska samtal."
    )
    expect(answer.get_by_text("Har sagt nej")).to_have_text("Har sagt nej: Automatiska samtal")
    assert reasons(site, FROM_PARTNER) == set()


def test_a_release_dated_before_the_no_is_refused_in_words_and_changes_nothing(page: Page, site: Site) -> None:
    sign_in(page, site, Role.CUSTOMER_SERVICE)
    answer = find(page, OPTED_OUT)
    answer.get_by_text("Upphäv", exact=True).click()
    answer.get_by_label("När personen bad").fill("2026-11-20T10:00")
    answer.get_by_label("Hur du förvissade dig").fill("Motringde numret")

    answer.get_by_role("button", name="Upphäv nej-spärren").click()

    expect(answer.get_by_role("alert")).to_contain_text("Bara en senare önskan upphäver en nej-spärr.")
    assert "opted_out" in reasons(site, OPTED_OUT)


def test_an_objection_waits_as_a_task_and_becomes_an_opt_out_in_one_step(page: Page, site: Site) -> None:
    hold(site, FROM_PARTNER)
    sign_in(page, site, Role.CUSTOMER_SERVICE)
    task = page.get_by_role("region", name="Uppgifter").get_by_role("article")
    expect(task).to_contain_text("070-174 06 05")
    expect(task).to_contain_text("Vill inte bli störd")
    assert faults_of_access(page) == ""

    task.get_by_role("button", name="Gör till en nej-spärr").click()

    expect(page.get_by_role("status")).to_contain_text("den tillfälliga spärren är avslutad")
    expect(page.get_by_text("Inget väntar.")).to_be_visible()
    assert reasons(site, FROM_PARTNER) == {"opted_out"}


def test_each_task_is_told_by_its_number_to_who_hears_the_page(page: Page, site: Site) -> None:
    hold(site, FROM_PARTNER)
    hold(site, FROM_LIST)
    sign_in(page, site, Role.CUSTOMER_SERVICE)

    task = page.get_by_role("article", name="070-174 06 06")

    expect(task.get_by_role("button", name="Gör till en nej-spärr")).to_be_visible()
    expect(page.get_by_role("article")).to_have_count(2)


def test_a_hold_that_was_a_mistake_is_closed_with_what_was_found(page: Page, site: Site) -> None:
    hold(site, FROM_PARTNER)
    sign_in(page, site, Role.CUSTOMER_SERVICE)
    task = page.get_by_role("region", name="Uppgifter").get_by_role("article")
    task.get_by_text("Avsluta spärren").click()
    task.get_by_label("Vad du kom fram till").fill("Fel person rapporterade")

    task.get_by_role("button", name="Avsluta, det får ringas igen").click()

    expect(page.get_by_role("status")).to_contain_text("stoppar inte längre samtal")
    expect(page.get_by_text("Fel person rapporterade")).to_be_visible()
    assert reasons(site, FROM_PARTNER) == set()


def test_a_lead_files_holds_are_closed_in_one_step_with_what_was_found(page: Page, site: Site, tmp_path: Path) -> None:
    held_by_file(site.seeded.service, tmp_path, MARKED)
    sign_in(page, site, Role.CUSTOMER_SERVICE)
    task = page.get_by_role("article").filter(has_text="5 nummer som en och samma fil")
    task.get_by_text("Avsluta alla dessa spärrar").click()
    assert faults_of_access(page) == ""
    task.get_by_label("Vad du kom fram till om filen").fill("Kolumnen gällde e-post")

    task.get_by_role("button", name="Avsluta 5 spärrar, det får ringas igen").click()

    expect(page.get_by_role("status")).to_contain_text("Avgjorda nu: 5. Väntar fortfarande: 0.")
    expect(page.get_by_text("Inget väntar.")).to_be_visible()


def test_who_serves_every_seller_may_opt_a_person_out_of_all_of_them(page: Page, site: Site) -> None:
    sign_in(page, site, "every_seller")
    answer = find(page, OF_OTHER_SELLER)
    answer.get_by_text("Spärra numret").click()
    answer.get_by_label("Vill inte bli uppringd av").select_option("Alla företag")

    answer.get_by_role("button", name="Spärra", exact=True).click()

    expect(answer.get_by_role("status")).to_contain_text("Nej-spärren är registrerad")
    assert "opted_out" in reasons(site, OF_OTHER_SELLER)
    assert "opted_out" in reasons(site, OF_OTHER_SELLER, OTHER_CAMPAIGN)


def test_who_goes_through_the_page_by_keyboard_sees_where_they_are(page: Page, site: Site) -> None:
    hold(site, FROM_PARTNER)
    sign_in(page, site, Role.CUSTOMER_SERVICE)
    outlines = []

    for stop in ("Sök", "Visa allt om numret", "Gör till en nej-spärr", "Avsluta spärren"):
        page.keyboard.press("Tab")
        expect(page.locator(":focus")).to_have_text(stop)
        outlines.append(page.locator(":focus").evaluate("at => getComputedStyle(at).outline"))

    assert set(outlines) == {"rgb(20, 82, 74) solid 3px"}


def test_a_number_that_cannot_be_read_is_told_in_words(page: Page, site: Site) -> None:
    sign_in(page, site, Role.CUSTOMER_SERVICE)

    answer = find(page, "0701740605 eller 0701740606")

    expect(answer.get_by_role("alert")).to_contain_text("Det kan läsas som mer än ett nummer.")
