"""The admin as Chromium shows it, under its own content security policy, on a phone and a desk."""

import json
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.site import OWNER, PASSWORD, Site

pytestmark = pytest.mark.browser
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
PAGES = (
    *("/admin/", "/admin/providers/provider/", "/admin/providers/provider/add/", "/admin/apikeys/auditevent/"),
    *("/admin/providers/provider/from_issuer/", "/admin/providers/provider/add/?copy=github"),
    *("/admin/providers/provider/google/change/", "/admin/providers/provider/twilio/change/", "/admin/auth/user/"),
    *("/admin/connections/connection/", "/admin/connections/oauthsession/", "/admin/apikeys/apikey/"),
    *("/admin/auth/user/1/change/", "/admin/auth/user/add/", "/admin/account/emailaddress/"),
    "/admin/mfa/authenticator/",
)
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
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("site"))
    try:
        site.settled().make_owner()
        add = ("connection", "add", "--user", OWNER, "--fields-stdin", "--provider", "mongodb")
        site.tell(*add, sent=json.dumps({"connectionString": "mongodb://user:password@db.invalid/walnuts"}))
        yield site
    finally:
        site.stop()


@pytest.fixture
def open_page(chromium: Browser, site: Site) -> Iterator[Open]:
    """``open_page(width=390, color_scheme="dark")``: signed in; fails the test on any complaint in its console."""
    complaints: list[str] = []
    contexts = []

    def open_page(*, width: int = 1280, **options: Any) -> Page:
        context = chromium.new_context(viewport={"width": width, "height": 844}, base_url=site.url, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        noted = ("error", "warning")
        page.on("console", lambda message: complaints.append(message.text) if message.type in noted else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto("/admin/")
        page.get_by_label("E-mail").fill(OWNER)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.wait_for_url("**/admin/")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_every_page_fits_and_keeps_to_the_policy(open_page: Open, width: int, scheme: str):
    page = open_page(width=width, color_scheme=scheme)
    for path in PAGES:
        answer = page.goto(path)
        assert answer is not None
        assert answer.ok, path
        assert not page.evaluate(WIDER_THAN_THE_SCREEN), path


def test_the_redirect_uri_is_copied(open_page: Open, site: Site):
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    page.goto("/admin/providers/provider/google/change/")
    page.get_by_role("button", name="Copy", exact=True).click()
    page.get_by_text("Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == f"{site.url}/oauth/callback/google"
    page.get_by_role("button", name="Copy the scopes").click()
    page.get_by_role("button", name="Copy the scopes").wait_for(state="detached")
    assert "https://www.googleapis.com/auth/drive" in page.evaluate("navigator.clipboard.readText()").split()


def test_a_client_is_set_and_its_secret_not_shown_again(open_page: Open):
    page = open_page()
    page.goto("/admin/providers/provider/google/change/")
    page.get_by_label("OAuth client id").fill("the-client")
    page.get_by_label("OAuth client secret").fill("the-secret")
    page.get_by_role("button", name="Save and continue editing").click()
    page.get_by_text("Set. It is never shown").wait_for()
    assert page.get_by_label("OAuth client id").input_value() == "the-client"
    assert page.get_by_label("OAuth client secret").input_value() == ""
    assert "the-secret" not in page.content()


def test_faults_follow_what_is_typed_and_nothing_typed_is_lost(open_page: Open):
    page = open_page()
    page.goto("/admin/providers/provider/add/?copy=twilio")
    field, token = page.get_by_label("Specification"), page.get_by_label("Auth token")
    token.fill("typed-before")
    text = field.input_value()
    field.fill(text.replace('"label": "Auth token"', '"lable": "Auth token"'))
    page.get_by_text("fields.1.lable: Extra inputs are not permitted").wait_for()
    field.fill(text.replace("api.twilio.com", "twilio.example"))
    page.get_by_text("GET https://twilio.example/2010-04-01").wait_for()
    # The next panel has no such mark.
    page.locator("#dry-run").evaluate("panel => panel.dataset.before = 'yes'")
    field.press("End")
    field.press_sequentially(" ")
    token.fill("typed-while-it-is-checked")
    page.locator("#dry-run:not([data-before])").wait_for()
    assert token.input_value() == "typed-while-it-is-checked"
    assert "twilio.example" in field.input_value()


def test_a_form_is_checked_without_htmx_as_well(open_page: Open):
    page = open_page()
    page.route("**/htmx.js", lambda route: route.fulfill(body="", content_type="text/javascript"))
    page.goto("/admin/providers/provider/add/?copy=twilio")
    page.get_by_label("Specification").fill("code = 1 # mine")
    page.get_by_role("button", name="Check", exact=True).click()
    assert "specification: code: Input should be a valid string" in page.locator("#dry-run").inner_text()
    assert page.get_by_label("Specification").input_value() == "code = 1 # mine"


def test_a_connection_is_disconnected(open_page: Open):
    page = open_page()
    page.goto("/admin/connections/connection/")
    page.get_by_role("link", name="MongoDB").click()
    page.get_by_role("link", name="Delete").click()
    page.get_by_text("the user must connect it again").wait_for()
    page.get_by_role("button", name="Yes, I’m sure").click()
    page.get_by_text("is disconnected: the provider cannot be asked to end it").wait_for()
