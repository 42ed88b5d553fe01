"""A real browser for the tests of this folder. No browser is a failure that says how to get one."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright
from werkzeug.serving import WSGIRequestHandler, make_server

from app import create_app
from tests.browser.visits import Site
from tests.browsers import find_browser
from tests.seeding import seed

# A browser under test talks to the service under test and to nobody else.
QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Return a headless Chromium, one for the session."""
    # Chromium's own sandbox refuses to start for root.
    args = [*QUIET, "--no-sandbox"] if os.geteuid() == 0 else list(QUIET)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=find_browser(), args=args)
        yield running
        running.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Return a page of a fresh, signed-out browser profile; nothing on it may break our content-security policy."""
    context = browser.new_context(locale="sv-SE", timezone_id="Europe/Stockholm")
    context.set_default_timeout(15_000)
    opened = context.new_page()
    complaints: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            complaints.append(message.text)

    opened.on("console", listen)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    context.close()
    assert not complaints, "\n".join(complaints)


class _Silent(WSGIRequestHandler):
    """Writes no log line for a request."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Write nothing."""


@pytest.fixture
def site(sqlite_url: str, tmp_path: Path) -> Iterator[Site]:
    """Return a seeded service that a browser can reach, at ten o'clock on a Tuesday."""
    seeded = seed(sqlite_url, tmp_path)
    server = make_server("127.0.0.1", 0, create_app(seeded.service), threaded=True, request_handler=_Silent)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    yield Site(f"http://127.0.0.1:{server.port}", seeded)
    server.shutdown()
    serving.join()
    server.server_close()
    seeded.service.close()
