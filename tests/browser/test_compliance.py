"""What compliance officers see and may do, in a real browser."""

from playwright.sync_api import Page, expect

from core.access import Role
from dnc.gate import Question
from tests.browser.test_customer_service import SALES_ASKS, find, hold, reasons
from tests.browser.visits import Site, faults_of_access, sign_in
from tests.seeding import CAMPAIGN, FROM_LIST, FROM_PARTNER, LIST_SUPPLIER_NAME, OPTED_OUT


def test_compliance_sees_everything_on_a_number_and_no_way_to_add_an_opt_out(page: Page, site: Site) -> None:
    sign_in(page, site, Role.COMPLIANCE)
    expect(page).to_have_title("Kundtjänst – Ringklar")

    answer = find(page, FROM_LIST)

    expect(answer.get_by_text(LIST_SUPPLIER_NAME)).to_be_visible()
    expect(answer.get_by_text("Spärra numret")).to_have_count(0)
    assert faults_of_access(page) == ""


def test_compliance_may_release_what_the_person_asked_to_have_released(page: Page, site: Site) -> None:
    sign_in(page, site, Role.COMPLIANCE)
    answer = find(page, OPTED_OUT)
    answer.get_by_text("Upphäv", exact=True).click()
    answer.get_by_label("Hur du förvissade dig").fill("Brev med underskrift")

    answer.get_by_role("button", name="Upphäv nej-spärren").click()

    expect(answer.get_by_role("status")).to_contain_text("Nej-spärren är upphävd")
    assert site.seeded.service.gate.ask(SALES_ASKS, CAMPAIGN, Question(OPTED_OUT)).decision.may_call


def test_compliance_may_close_a_hold_but_not_make_it_an_opt_out(page: Page, site: Site) -> None:
    hold(site, FROM_PARTNER)
    sign_in(page, site, Role.COMPLIANCE)
    task = page.get_by_role("region", name="Uppgifter").get_by_role("article")
    expect(task.get_by_role("button", name="Gör till en nej-spärr")).to_have_count(0)
    task.get_by_text("Avsluta spärren").click()
    task.get_by_label("Vad du kom fram till").fill("Rapporterad av misstag")

    task.get_by_role("button", name="Avsluta, det får ringas igen").click()

    expect(page.get_by_role("status")).to_contain_text("stoppar inte längre samtal")
    assert reasons(site, FROM_PARTNER) == set()
