"""What every visit to the site begins with, and what every page is measured by."""

from dataclasses import dataclass

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from core.access import Role
from tests.seeding import PASSWORD, Seeded

# Preloading would have axe put stylesheets into the page, which our content-security policy refuses it too.
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}, "preload": False}
PHONE_WIDTH = 375


@dataclass(frozen=True, slots=True)
class Site:
    """A running, seeded service; ``address`` has no slash at its end."""

    address: str
    seeded: Seeded


def sign_in(page: Page, site: Site, name: str | Role) -> None:
    """Sign in as the user of that name and wait for the first page."""
    page.goto(f"{site.address}/sign-in")
    page.get_by_label("Namn").fill(str(name))
    page.get_by_label("Lösenord").fill(PASSWORD)
    page.get_by_role("button", name="Logga in").click()
    page.get_by_role("button", name="Logga ut").wait_for()


def faults_of_access(page: Page) -> str:
    """Return what axe finds against WCAG 2.1 A and AA on the page as it stands, and what does not fit a phone."""
    found = Axe().run(page, options=RULES)
    text = "" if found.violations_count == 0 else str(found.generate_report())
    size = page.viewport_size
    assert size is not None
    page.set_viewport_size({"width": PHONE_WIDTH, "height": 800})
    width = page.evaluate("document.documentElement.scrollWidth")
    page.set_viewport_size(size)
    return text + ("" if width <= PHONE_WIDTH else f"the page is {width} px wide on a phone")
