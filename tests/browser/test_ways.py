"""Choosing how to connect, in Chromium and without a script: one connection by either way, from a real provider."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.test_dashboard import FLAGS, sign_in
from tests.oauth_server.process import OAuthServer, provider_toml
from tests.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.oauth_server]
WAYS = """
[[ways]]
code = "token"
name = "Personal access token"
help = "One that you made there yourself"
auth = "api_key"
send = {{ headers = {{ Authorization = "Bearer {{token}}" }} }}

[[ways.fields]]
name = "token"
label = "Token"

[ways.verify]
url = "{server_url}/me"
id = "sub"
label = "email"
"""
Fetch = Callable[[], dict[str, Any]]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    binary = shutil.which("chromium")
    if binary is None:
        pytest.skip("there is no chromium here")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def oauth(tmp_path: Path) -> Iterator[OAuthServer]:
    server = OAuthServer.start(tmp_path)
    yield server
    server.stop()


@pytest.fixture
def site(tmp_path: Path, oauth: OAuthServer) -> Iterator[Site]:
    site = Site.with_sandbox(tmp_path, oauth)
    file = tmp_path / "catalogue" / "sandbox.toml"
    file.write_text(provider_toml(oauth.url) + WAYS.format(server_url=oauth.url))
    try:
        yield site.settled()
    finally:
        site.stop()


@pytest.fixture
def fetch(site: Site) -> Fetch:
    """What an agent of the owner is answered by a fetch."""
    key = site.make_owner()

    def fetch() -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {key}"}
        answer = httpx.post(f"{site.url}/tokens/fetch", json={"provider": "sandbox"}, headers=headers, timeout=30)
        data: dict[str, Any] = answer.raise_for_status().json()["data"]
        return data

    return fetch


@pytest.fixture
def page(chromium: Browser, site: Site, fetch: Fetch) -> Iterator[Page]:
    """A phone without JavaScript, in which the owner is signed in."""
    context = chromium.new_context(viewport={"width": 390, "height": 844}, base_url=site.url, java_script_enabled=False)
    page = context.new_page()
    page.set_default_timeout(20_000)
    sign_in(page)
    yield page
    context.close()


def test_a_connection_is_made_by_a_token_and_then_by_signing_in(
    page: Page, site: Site, oauth: OAuthServer, fetch: Fetch
):
    # Without an OAuth client there is one way, and so nothing to choose.
    page.goto("/app/providers/sandbox/")
    page.get_by_role("button", name="Connect Sandbox").click()
    assert page.get_by_role("navigation", name="How to connect it").count() == 0
    token = oauth.mint("openid", "files.read")["access_token"]
    page.get_by_label("Token", exact=True).fill(token)
    page.get_by_role("button", name="Check and save").click()
    page.get_by_role("heading", name="Sandbox is connected").wait_for()
    pasted = fetch()
    assert (pasted["type"], pasted["accessToken"], pasted["account"]) == ("api_key", token, "ada@example.test")
    assert httpx.get(f"{oauth.url}/api/files", headers=pasted["headers"]).status_code == 200

    oauth.allow_redirect(f"{site.url}/oauth/callback/sandbox")
    site.manage("provider", "set", "sandbox", "--client-id", oauth.client_id)
    site.manage("provider", "set", "sandbox", "--client-secret-stdin", sent=oauth.client_secret)
    page.goto(f"/app/connections/{pasted['connectionId']}/")
    page.get_by_role("button", name="Replace the credential").click()
    choice = page.get_by_role("navigation", name="How to connect it")
    assert choice.locator("[aria-current]").inner_text().startswith("Personal access token")
    assert choice.get_by_role("link").first.inner_text().startswith("Sign in")
    assert page.get_by_label("Token", exact=True).count() == 1
    choose_by_keyboard(page)
    page.get_by_role("button", name="Continue to Sandbox").click()
    page.get_by_label("E-mail").fill("ada@example.test")
    page.get_by_label("Password").fill("ada-password")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Allow").click()
    page.get_by_role("button", name="Yes, it is the same account").click()
    page.get_by_role("heading", name="Sandbox is connected").wait_for()
    granted = fetch()
    assert (granted["type"], granted["connectionId"]) == ("oauth2", pasted["connectionId"])
    assert granted["accessToken"] != token
    assert httpx.get(f"{oauth.url}/api/files", headers=granted["headers"]).status_code == 200


def choose_by_keyboard(page: Page) -> None:
    page.get_by_role("link", name="Sign in").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Continue to Sandbox").wait_for()
    assert page.get_by_label("Token", exact=True).count() == 0
