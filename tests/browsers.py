"""Find a real Chromium for the browser tests, and install one where none is.

``python -m tests.browsers --install`` is what ``make test`` runs before the tests. Debian has a ``chromium`` package.
Ubuntu's package of that name only points to a snap, which cannot open the profile folders that a test makes, so there
Playwright fetches its own build with the libraries that it needs.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
CHOSEN_BROWSER = "RINGKLAR_TEST_BROWSER"
# Playwright's own program is linked to it, and a bare machine has no compiler to have brought it.
DRIVER_NEEDS = "libatomic1"
REMEDY = (
    "The browser tests need a real Chromium, and Playwright's driver a library that a bare machine lacks. "
    f"On Debian: apt install chromium {DRIVER_NEEDS}. On Ubuntu, whose chromium package is only a snap: apt install "
    f"{DRIVER_NEEDS}, then .venv/bin/python -m playwright install --with-deps chromium, or Google Chrome's .deb. "
    f"A Chromium of your choice can be named in {CHOSEN_BROWSER}."
)


class NoBrowser(Exception):
    """No Chromium that the tests can drive is on this machine; the message says how to get one."""


def find_browser() -> Path:
    """Return the executable of a Chromium that starts and is no snap; raise ``NoBrowser`` if none can be driven."""
    if not _driver_runs():
        raise NoBrowser(REMEDY)
    for candidate in _candidates():
        if _starts(candidate):
            return candidate
    raise NoBrowser(REMEDY)


def install_browser() -> Path:
    """Return a Chromium's executable, installing one first where none is; raise ``NoBrowser`` if that fails."""
    try:
        return find_browser()
    except NoBrowser:
        for command in _installers():
            print("No browser found:", " ".join(command), file=sys.stderr, flush=True)
            if subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode != 0:
                break
        return find_browser()


def _candidates() -> Iterator[Path]:
    chosen = os.environ.get(CHOSEN_BROWSER)
    if chosen:
        yield Path(chosen)
        return
    yield from (Path(found) for name in NAMES if (found := shutil.which(name)))
    with sync_playwright() as playwright:
        fetched = Path(playwright.chromium.executable_path)
    if fetched.exists():
        yield fetched


def _driver_runs() -> bool:
    asked = [sys.executable, "-m", "playwright", "--version"]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0


def _starts(executable: Path) -> bool:
    try:
        answer = subprocess.run([executable, "--version"], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    named = re.search(r"(Chrom\w+|Edge) \d+", answer.stdout) is not None
    return answer.returncode == 0 and named and not answer.stdout.rstrip().endswith("snap")


def _installers() -> Iterator[list[str]]:
    """Yield the commands that bring a browser to this machine, in order; the first one that fails ends it."""
    as_root = _as_root()
    on_debian = _distribution() == "debian"
    if as_root is not None and shutil.which("apt-get"):
        apt = [*as_root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-o", "Dpkg::Use-Pty=0"]
        yield [*apt, "update"]
        yield [*apt, "install", "-y", "--no-install-recommends", DRIVER_NEEDS, *(["chromium"] if on_debian else [])]
        if on_debian:
            return
    fetch = [sys.executable, "-m", "playwright", "install", "--no-shell", "chromium"]
    yield fetch if as_root is None else [*fetch, "--with-deps"]


def _as_root() -> list[str] | None:
    """Return what to put before a command so that root runs it without being asked for a password, or None."""
    if os.geteuid() == 0:
        return []
    may_sudo = shutil.which("sudo") and subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False)
    return ["sudo", "-n"] if may_sudo and may_sudo.returncode == 0 else None


def _distribution() -> str:
    try:
        release = Path("/etc/os-release").read_text(encoding="utf-8")
    except OSError:
        return "unknown"
    found = re.search(r'^ID="?(\w+)', release, re.MULTILINE)
    return found[1] if found else "unknown"


def main() -> int:
    """Print the browser's path, installing one when asked to; 1 with the remedy when there is none."""
    parser = argparse.ArgumentParser(prog="python -m tests.browsers", description="Find a browser for the tests.")
    parser.add_argument("--install", action="store_true", help="install a browser where none is found")
    try:
        print(install_browser() if parser.parse_args().install else find_browser())
    except NoBrowser as missing:
        print(missing, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
