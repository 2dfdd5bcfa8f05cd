"""The main job in a real browser: connect, ask, call. Akhrot, the provider and Chromium are all real."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.oauth_server.process import OAuthServer
from tests.site import OWNER, PASSWORD, Site

pytestmark = [pytest.mark.browser, pytest.mark.oauth_server]
LIFETIME = 12
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


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
    # Any redirect URI that the sites below may have: their ports are not known yet.
    server = OAuthServer.start(tmp_path_factory.mktemp("oauth"), token_lifetime=LIFETIME)
    yield server
    server.stop()


@pytest.fixture
def site(tmp_path: Path, oauth: OAuthServer) -> Iterator[Site]:
    running = Site.with_sandbox(tmp_path, oauth).settled()
    oauth.allow_redirect(f"{running.url}/oauth/callback/sandbox")
    client = ("--client-id", oauth.client_id, "--client-secret-stdin")
    running.tell("provider", "set", "sandbox", *client, sent=oauth.client_secret)
    yield running
    running.stop()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A new browser's page which fails the test on an error in its console, such as a violated policy."""
    context = chromium.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.set_default_timeout(60_000)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert [text for text in complaints if "status of 4" not in text] == []


class Caller:
    """An agent outside: what a key and HTTP can do."""

    def __init__(self, site: Site, key: str) -> None:
        self.url = site.url
        self.headers = {"Authorization": f"Bearer {key}"}

    def get(self, path: str) -> Any:
        return httpx.get(self.url + path, headers=self.headers, timeout=30).raise_for_status().json()["data"]

    def post(self, path: str, **body: Any) -> Any:
        answer = httpx.post(self.url + path, json=body, headers=self.headers, timeout=30)
        return answer.raise_for_status().json()["data"]


def make_owner_and_key(page: Page, site: Site) -> Caller:
    page.goto(site.owner_link())
    page.get_by_label("E-mail").fill(OWNER)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password again").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    page.get_by_role("link", name="Create a key").click()
    page.get_by_label("Name").fill("Claude on my laptop")
    page.get_by_role("button", name="Create the key").click()
    return Caller(site, page.locator("#key-text").inner_text())


def allow_at_provider(page: Page) -> None:
    page.get_by_label("E-mail").fill("ada@example.test")
    page.get_by_label("Password").fill("ada-password")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Allow").click()


def test_connect_ask_call(site: Site, oauth: OAuthServer, page: Page):
    agent = make_owner_and_key(page, site)
    assert agent.get("/ai/context/summary")["connected"] == {}
    session = agent.post("/oauth/sessions", provider="sandbox", services=["files"])
    assert session["url"].startswith(f"{site.url}/connect/")
    page.goto(session["url"])
    assert "Claude on my laptop" in page.inner_text("main")
    assert "files.read" in page.inner_text("main")
    page.get_by_role("button", name="Continue to Sandbox").click()
    allow_at_provider(page)
    page.get_by_role("heading", name="Sandbox is connected").wait_for()
    assert "code=" not in page.url
    done = agent.get(f"/oauth/sessions/{session['sessionId']}")
    assert (done["status"], done["account"]) == ("completed", "ada@example.test")
    assert agent.get("/ai/context/summary")["connected"] == {"sandbox": ["files"]}
    first = agent.post("/tokens/fetch", provider="sandbox", service="files")
    assert httpx.get(first["baseUrl"] + "/api/files", headers=first["headers"]).json()[0]["name"] == "walnuts.txt"
    outlive(first, oauth, agent, "sandbox")


def outlive(first: dict[str, Any], oauth: OAuthServer, agent: Caller, provider: str) -> None:
    """Wait past the token's end; the next fetch answers one that works. Beat may have been there first."""
    deadline = time.monotonic() + 3 * LIFETIME
    while httpx.get(first["baseUrl"] + "/api/files", headers=first["headers"]).status_code != 401:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    second = agent.post("/tokens/fetch", provider=provider)
    assert second["tokenId"] != first["tokenId"]
    assert httpx.get(first["baseUrl"] + "/api/files", headers=second["headers"]).status_code == 200
    assert oauth.counts()["refresh_refused"] == 0
    assert oauth.counts()["max_concurrent_refresh"] == 1


def test_a_refusal_at_the_provider_leads_back_and_can_be_tried_again(site: Site, oauth: OAuthServer, page: Page):
    agent = make_owner_and_key(page, site)
    session = agent.post("/oauth/sessions", provider="sandbox")
    page.goto(session["url"])
    page.get_by_role("button", name="Continue to Sandbox").click()
    page.get_by_label("E-mail").fill("bob@example.test")
    page.get_by_label("Password").fill("bob-password")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Deny").click()
    page.get_by_role("heading", name="Sandbox was not connected").wait_for()
    assert page.url == session["url"], "neither state nor error stays in the address bar"
    failed = agent.get(f"/oauth/sessions/{session['sessionId']}")
    assert (failed["status"], failed["reason"]) == ("failed", "you did not agree at the provider")
    page.get_by_role("button", name="Try again").click()
    page.get_by_role("button", name="Continue to Sandbox").click()
    page.get_by_role("button", name="Allow").click()
    page.get_by_role("heading", name="Sandbox is connected").wait_for()
    assert agent.get(f"/oauth/sessions/{session['sessionId']}")["account"] == "bob@example.test"


def test_keys_are_pasted_and_kept_unverified_where_nobody_can_be_asked(site: Site, page: Page):
    agent = make_owner_and_key(page, site)
    page.goto(agent.post("/oauth/sessions", provider="twilio")["url"])
    page.get_by_label("Account SID").fill(" AC" + "0" * 32 + " ")
    page.get_by_label("Auth token", exact=True).fill("f" * 32)
    page.get_by_role("button", name="Check and save").click()
    page.get_by_text("could not be reached").wait_for()
    assert page.get_by_label("Auth token", exact=True).input_value() == ""
    page.get_by_label("Auth token", exact=True).fill("f" * 32)
    page.get_by_label("Save it anyway").check()
    page.get_by_role("button", name="Check and save").click()
    page.get_by_role("heading", name="Twilio is connected").wait_for()
    answer = agent.post("/tokens/fetch", provider="twilio")
    assert answer["credentials"] == {"accountSid": "AC" + "0" * 32, "authToken": "f" * 32}
