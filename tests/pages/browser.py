"""A site with a user in each state, and Chromium to look at it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.oauth_server.process import ROOT
from tests.pages.furnish import PASSWORD
from tests.site import Site

BINARY = "/usr/bin/chromium"
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
WIDTHS = (1280, 390)
SCHEMES = ("light", "dark")


@contextmanager
def furnished(folder: Path) -> Iterator[tuple[Site, dict[str, dict[str, str]]]]:
    """A running site, and the pages of each state's user by name."""
    site = Site(folder)
    try:
        site.settled()
        site.make_owner()
        environment = {**site.environment, "DJANGO_SETTINGS_MODULE": "akhrot_site.settings"}
        command = [sys.executable, "-m", "tests.pages.furnish"]
        done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        yield site, json.loads(done.stdout)
    finally:
        site.stop()


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BINARY, args=FLAGS)
        yield browser
        browser.close()


def sign_in(context: BrowserContext, state: str) -> Page:
    """A page of the user of `state`."""
    page = context.new_page()
    page.goto("/accounts/login/")
    page.get_by_label("E-mail").fill(f"{state}@example.test")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/app/**")
    return page
