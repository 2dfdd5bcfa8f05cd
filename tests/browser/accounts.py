"""A site at a name that browsers allow passkeys at, browsers to look at it with, and what one does there first."""

import email
import email.policy
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser.test_dashboard import FLAGS
from tests.site import OWNER, PASSWORD, Site

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    binary = shutil.which("chromium")
    if binary is None:
        pytest.skip("there is no chromium here")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """At a name that browsers allow passkeys at, with mail that goes into files."""
    folder = tmp_path_factory.mktemp("site")
    site = Site(folder, AKHROT_SIGNUP="invite", EMAIL_URL=f"filemail:///{folder}/mail")
    site.url = f"http://localhost:{site.port}"
    site.environment["AKHROT_BASE_URL"] = site.url
    try:
        site.settled().make_owner()
        yield site
    finally:
        site.stop()


@pytest.fixture
def open_page(chromium: Browser, site: Site) -> Iterator[Open]:
    """``open_page(width=390)``: a browser of its own; whatever its console complains of fails the test."""
    complaints: list[str] = []
    contexts: list[BrowserContext] = []

    def open_page(*, width: int = 1280, **options: Any) -> Page:
        context = chromium.new_context(viewport={"width": width, "height": 844}, base_url=site.url, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [text for text in complaints if "status of 4" not in text] == []


def sign_in(page: Page, address: str = OWNER, password: str = PASSWORD) -> None:
    """Fill in the form and send it."""
    page.goto("/accounts/login/")
    page.get_by_label("E-mail").fill(address)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()


def is_in(page: Page) -> None:
    """Wait for the dashboard."""
    page.get_by_role("heading", name="Connections", exact=True).wait_for()


def confirm(page: Page, password: str = PASSWORD) -> None:
    """Give the password once more, if it is asked for."""
    if page.get_by_role("heading", name="Confirm it is you").is_visible():
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Confirm", exact=True).click()


def sign_out(page: Page) -> None:
    """Leave by the form."""
    page.goto("/accounts/logout/")
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.get_by_text("You are signed out here.").wait_for()


def letters(site: Site, to: str) -> list[str]:
    """The texts of the mails to somebody, the oldest first."""
    files = sorted(Path(site.folder / "mail").glob("*.log"), key=lambda file: file.stat().st_mtime_ns)
    sent = [part.strip() for file in files for part in file.read_text().split("-" * 79) if part.strip()]
    parsed = [email.message_from_string(text + "\n", policy=email.policy.default) for text in sent]
    texts = [(one["To"], one.get_body(("plain",))) for one in parsed]
    return [body.get_content() for address, body in texts if address == to and body]


@pytest.fixture
def bob(site: Site) -> Iterator[str]:
    """The address of a person of his own, with the password `PASSWORD`, who is gone afterwards."""
    script = (
        "from django.contrib.auth.models import User; from allauth.account.models import EmailAddress;"
        "address = 'bob@example.test'; User.objects.filter(email=address).delete();"
    )
    made = f"user = User.objects.create_user('bob', address, {PASSWORD!r});"
    made += "EmailAddress.objects.create(user=user, email=address, verified=True, primary=True)"
    site.tell("shell", "--no-imports", "-c", script + made)
    yield "bob@example.test"
    site.tell("shell", "--no-imports", "-c", script)
