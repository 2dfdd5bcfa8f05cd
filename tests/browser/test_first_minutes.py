"""From the owner's link to an agent's first fetch in Chromium, with the keyboard alone."""

import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.test_dashboard import FLAGS, WIDER_THAN_THE_SCREEN
from tests.site import OWNER, PASSWORD, Site

pytestmark = [pytest.mark.browser, pytest.mark.site]
KEY = "walnut-0123456789"
WALNUTS = """
code = "walnuts"
name = "Walnuts"
auth = "api_key"
popularity = 1000
base_url = "{url}"

[[fields]]
name = "key"
label = "Key"

[send.headers]
Authorization = "Bearer {{key}}"

[verify]
url = "{url}/me"
id = "id"
label = "name"
"""
# What a screen reader would call the element that has the focus, as far as these pages go.
NAME = """() => {
  const one = document.activeElement;
  const label = one.labels && one.labels[0] && one.labels[0].textContent;
  const shown = one.cloneNode(true);
  shown.querySelectorAll("[aria-hidden]").forEach((hidden) => hidden.remove());
  return (one.getAttribute("aria-label") || label || shown.textContent || "").replace(/\\s+/g, " ").trim();
}"""


class Walnuts(BaseHTTPRequestHandler):
    """A provider that knows one key."""

    def do_GET(self) -> None:
        good = self.headers["Authorization"] == f"Bearer {KEY}"
        body = b'{"id": "7", "name": "Walnuts of Ada"}' if good else b"{}"
        self.send_response(200 if good else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: the test says what went wrong."""


@pytest.fixture
def walnuts() -> Iterator[str]:
    """The address of that provider."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Walnuts)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def site(tmp_path: Path, walnuts: str) -> Iterator[Site]:
    """A new Akhrot without an owner, which knows that provider."""
    catalogue = tmp_path / "catalogue"
    catalogue.mkdir()
    (catalogue / "walnuts.toml").write_text(WALNUTS.format(url=walnuts))
    site = Site(tmp_path, AKHROT_CATALOG_DIR=str(catalogue))
    try:
        yield site.up()
    finally:
        site.stop()


@pytest.fixture
def chromium() -> Iterator[Browser]:
    binary = shutil.which("chromium")
    if binary is None:
        pytest.skip("there is no chromium here")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=FLAGS)
        yield browser
        browser.close()


def tab_to(page: Page, name: str) -> None:
    """Press Tab until what is called `name` has the focus."""
    for _ in range(80):
        if page.evaluate(NAME) == name:
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"no Tab leads to {name!r} on {page.url}")


def press(page: Page, name: str) -> None:
    tab_to(page, name)
    page.keyboard.press("Enter")


def type_into(page: Page, name: str, text: str) -> None:
    tab_to(page, name)
    page.keyboard.type(text)


@pytest.mark.parametrize("width", [390, 1280])
def test_the_whole_way_is_gone_with_the_keyboard_alone(site: Site, chromium: Browser, width: int):
    page = chromium.new_context(viewport={"width": width, "height": 844}).new_page()
    page.set_default_timeout(60_000)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    make_account(page, site)
    connect(page)
    agent = make_key(page)
    press(page, "Next: Give it to your agent")
    expect(page.get_by_text("Waiting for your agent.")).to_be_visible()
    page.evaluate("window.stayed = true")
    fetched = httpx.post(f"{site.url}/tokens/fetch", json={"provider": "walnuts"}, headers=agent, timeout=30)
    assert fetched.json()["data"]["accessToken"] == KEY
    expect(page.get_by_role("heading", name="You are set up")).to_be_visible(timeout=30_000)
    expect(page.locator("#told-path")).to_have_text("Your agent's first fetch has arrived")
    assert page.evaluate("window.stayed"), "the page was loaded again"
    assert page.locator("[data-live]").count() == 0
    assert not page.evaluate(WIDER_THAN_THE_SCREEN)
    press(page, "Hide")
    expect(page.get_by_text("You can find it again under")).to_be_visible()
    assert page.locator("#path").count() == 0
    press(page, "Your account")
    press(page, "Getting started")
    expect(page.get_by_role("heading", name="You are set up")).to_be_visible()
    # The key that was refused is answered 422, which Chromium complains of.
    assert [text for text in complaints if "status of 422" not in text] == []


def make_account(page: Page, site: Site) -> None:
    page.goto(site.owner_link())
    page.keyboard.type(OWNER)
    type_into(page, "Password", PASSWORD)
    type_into(page, "Password again", PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Four steps to your agent's first call").wait_for()
    assert not page.evaluate(WIDER_THAN_THE_SCREEN)


def connect(page: Page) -> None:
    """A key that the provider refuses first, then the right one."""
    press(page, "Walnuts")
    page.get_by_role("heading", name="Connect Walnuts").wait_for()
    type_into(page, "Key", "wrong")
    page.keyboard.press("Enter")
    page.get_by_text("Walnuts refuses this").wait_for()
    type_into(page, "Key", KEY)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Walnuts is connected").wait_for()
    press(page, "Next: Create a key")


def make_key(page: Page) -> dict[str, str]:
    """The headers of an agent that holds the key which was made."""
    page.get_by_text("Getting started, step 2 of 4").wait_for()
    type_into(page, "Name", "Claude on my laptop")
    page.keyboard.press("Enter")
    page.locator("#key-text").wait_for()
    return {"Authorization": f"Bearer {page.locator('#key-text').inner_text()}"}
