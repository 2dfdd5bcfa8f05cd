"""The dashboard as Chromium shows it: on a phone and a desk, in light and dark, by keyboard, without JavaScript."""

import json
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.oauth_server.process import OAuthServer
from tests.site import OWNER, PASSWORD, Site

pytestmark = [pytest.mark.browser, pytest.mark.oauth_server]
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
PAGES = (
    *("/app/", "/app/providers/", "/app/providers/sandbox/", "/app/providers/google/", "/app/providers/twilio/"),
    *("/app/keys/", "/app/ledger/", "/accounts/email/", "/accounts/password/change/", "/accounts/2fa/"),
    *("/accounts/logout/", "/accounts/reauthenticate/", "/docs"),
)
DOORS = ("/accounts/login/", "/accounts/signup/", "/accounts/password/reset/", "/accounts/password/reset/done/")
NOWHERE = ("/app/nothing/", "/connect/00000000-0000-4000-8000-00000000000a", "/oauth/callback/sandbox?state=s&code=c")
WIDER_THAN_THE_SCREEN = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
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
def oauth(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OAuthServer]:
    server = OAuthServer.start(tmp_path_factory.mktemp("oauth"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, oauth: OAuthServer) -> Iterator[Site]:
    site = Site.with_sandbox(tmp_path_factory.mktemp("site"), oauth)
    try:
        furnish(site.settled(), oauth)
        yield site
    finally:
        site.stop()


def furnish(site: Site, oauth: OAuthServer) -> None:
    """An owner with a connection of either kind, and a provider to connect."""
    oauth.allow_redirect(f"{site.url}/oauth/callback/sandbox")
    client = ("--client-id", oauth.client_id, "--client-secret-stdin")
    site.tell("provider", "set", "sandbox", *client, sent=oauth.client_secret)
    site.make_owner()
    minted = oauth.mint("openid", "files.read")
    grant = {name: minted[name] for name in ("access_token", "refresh_token")}
    add = ("connection", "add", "--user", OWNER, "--fields-stdin", "--provider")
    site.tell(*add, "sandbox", "--account", "ada@example.test", sent=json.dumps(grant))
    # A provider that nobody can be asked about: the tests stay on this machine.
    site.tell(*add, "mongodb", sent=json.dumps({"connectionString": "mongodb://user:password@db.invalid/walnuts"}))


@pytest.fixture
def open_page(chromium: Browser, site: Site) -> Iterator[Open]:
    """``open_page(width=390, color_scheme="dark")``: a page that fails the test on any complaint in its console."""
    complaints: list[str] = []
    contexts = []

    def open_page(*, width: int = 1280, signed_in: bool = True, **options: Any) -> Page:
        context = chromium.new_context(viewport={"width": width, "height": 844}, base_url=site.url, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        noted = ("error", "warning")
        page.on("console", lambda message: complaints.append(message.text) if message.type in noted else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        if signed_in:
            sign_in(page)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [text for text in complaints if "status of 4" not in text] == []


def sign_in(page: Page) -> None:
    page.goto("/accounts/login/")
    page.get_by_label("E-mail").fill(OWNER)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("heading", name="Connections").wait_for()


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_every_page_fits_and_keeps_to_the_policy(open_page: Open, width: int, scheme: str):
    page = open_page(width=width, color_scheme=scheme, signed_in=False)
    for path in DOORS:
        page.goto(path)
        assert not page.evaluate(WIDER_THAN_THE_SCREEN), path
    sign_in(page)
    for path in (*PAGES, *NOWHERE):
        page.goto(path)
        assert path == "/docs" or page.get_by_role("main").count() == 1, path
        assert path == "/docs" or page.get_by_role("heading", level=1).count() == 1, path
        assert path == "/docs" or not page.evaluate(WIDER_THAN_THE_SCREEN), path


def test_a_connection_is_looked_at_and_ended_in_a_dialog_that_can_be_left(open_page: Open):
    page = open_page(width=390)
    page.get_by_role("link", name="MongoDB").click()
    page.get_by_role("heading", name="MongoDB", exact=True).wait_for()
    assert not page.evaluate(WIDER_THAN_THE_SCREEN)
    page.get_by_role("link", name="Disconnect").click()
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="hidden")
    page.get_by_role("link", name="Disconnect").click()
    page.get_by_role("link", name="Keep it").click()
    assert "/app/connections/" in page.url
    page.get_by_role("link", name="Disconnect").click()
    page.get_by_role("dialog").get_by_role("button", name="Disconnect").click()
    page.get_by_text("MongoDB is disconnected").wait_for()


def test_the_theme_follows_the_system_until_one_chooses(open_page: Open):
    page = open_page(color_scheme="dark")
    theme = "document.documentElement.dataset.bsTheme"
    assert page.evaluate(theme) == "dark"
    page.get_by_role("button", name="Switch between light and dark").click()
    assert page.evaluate(theme) == "light"
    page.goto("/app/ledger/")
    assert page.evaluate(theme) == "light"


def test_the_keyboard_reaches_the_content_and_the_menu(open_page: Open):
    page = open_page()
    page.goto("/app/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.get_by_role("button", name="Your account").press("Enter")
    page.get_by_role("link", name="Two-factor sign-in").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Two-factor sign-in").wait_for(state="hidden")


def test_a_strange_credential_gets_a_word_and_a_secret_can_be_looked_at(open_page: Open):
    page = open_page(width=390)
    page.goto("/app/providers/twilio/")
    page.get_by_role("button", name="Connect Twilio").click()
    token = page.get_by_label("Auth token", exact=True)
    token.fill("too short")
    page.locator("#id_authToken_looks").wait_for()
    assert token.get_attribute("type") == "password"
    page.get_by_role("button", name="Show Auth token").click()
    assert token.get_attribute("type") == "text"
    assert not page.evaluate(WIDER_THAN_THE_SCREEN)


def test_connecting_needs_no_javascript(open_page: Open):
    page = open_page(width=390, java_script_enabled=False)
    page.goto("/app/providers/sandbox/")
    page.get_by_role("button", name="Connect Sandbox").click()
    page.get_by_role("button", name="Continue to Sandbox").click()
    page.get_by_label("E-mail").fill("bob@example.test")
    page.get_by_label("Password").fill("bob-password")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Allow").click()
    page.get_by_role("heading", name="Sandbox is connected").wait_for()
    page.get_by_role("link", name="View it on the dashboard").click()
    page.get_by_role("link", name="Disconnect").click()
    page.get_by_role("heading", name="Disconnect Sandbox?").wait_for()
