"""Connecting Telegram with a phone in Chromium: an agent's link, its steps with their faults, the agent's fetch.

Telegram is a stand-in inside the web process (`tests/telegram`), for no test may leave this machine.
"""

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.test_dashboard import FLAGS, WIDER_THAN_THE_SCREEN, sign_in
from tests.site import Site
from tests.telegram.stand_in import API_HASH, API_ID, BOB, CODE

pytestmark = pytest.mark.browser
Api = Callable[..., dict[str, Any]]


class TelegramSite(Site):
    """Akhrot's web server, with the stand-in for Telegram."""

    command = ("-m", "tests.telegram")


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
    site = TelegramSite(tmp_path_factory.mktemp("site"))
    try:
        yield site.settled()
    finally:
        site.stop()


@pytest.fixture(scope="module")
def api(site: Site) -> Api:
    """``api("POST", "/tokens/fetch", {…})``: the data that an agent of the owner is answered."""
    key = site.make_owner()

    def api(method: str, path: str, body: Any = None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {key}"}
        answer = httpx.request(method, site.url + path, json=body, headers=headers, timeout=30, trust_env=False)
        data: dict[str, Any] = answer.raise_for_status().json()["data"]
        return data

    return api


@pytest.fixture(params=[{}, {"java_script_enabled": False}], ids=["script", "no script"])
def page(chromium: Browser, site: Site, api: Api, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A phone in which the owner is signed in."""
    context = chromium.new_context(viewport={"width": 390, "height": 844}, base_url=site.url, **request.param)
    page = context.new_page()
    page.set_default_timeout(30_000)
    sign_in(page)
    yield page
    context.close()


def focused(page: Page, label: str) -> None:
    """The field of that label has the focus, and fits on the screen."""
    expect(page.get_by_label(label, exact=True)).to_be_focused()


def test_the_whole_way_from_an_agents_link_to_its_fetch(page: Page, site: Site, api: Api):
    asked = api("POST", "/oauth/sessions", {"provider": "telegram"})
    page.goto(asked["url"])
    page.get_by_text("Step 1 of 3").wait_for()
    page.get_by_label("API ID").fill(str(API_ID))
    page.get_by_label("API hash", exact=True).fill(API_HASH)
    page.get_by_label("Phone number").fill("0151 98765432")
    page.get_by_role("button", name="Send me a code").click()
    page.get_by_role("alert").get_by_text("with + and the country code").wait_for()
    focused(page, "Phone number")
    # The hash was kept, and is not in the page.
    assert page.get_by_label("API hash", exact=True).input_value() == ""
    page.get_by_label("Phone number").fill(f"+{BOB.phone[:2]} {BOB.phone[2:]}")
    page.keyboard.press("Enter")

    page.get_by_role("heading", name="Enter the code").wait_for()
    focused(page, "Code")
    assert page.url == asked["url"], "nothing of it is in the address"
    page.get_by_label("Code").fill("11111")
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("alert").get_by_text("not the code").wait_for()
    focused(page, "Code")
    # The tab is closed, and the link opened again.
    onward = page.context.new_page()
    page.close()
    onward.goto(asked["url"])
    onward.get_by_label("Code").fill(CODE)
    assert not onward.evaluate(WIDER_THAN_THE_SCREEN)
    onward.get_by_role("button", name="Continue").click()

    onward.get_by_role("heading", name="Enter your two-step password").wait_for()
    onward.get_by_text("Your hint: a nut").wait_for()
    for password in ("hazel", "walnut"):
        focused(onward, "Two-step password")
        onward.get_by_label("Two-step password", exact=True).fill(password)
        onward.get_by_role("button", name="Sign in").click()
        if password == "hazel":
            onward.get_by_role("alert").get_by_text("not the password").wait_for()
    onward.get_by_role("heading", name="Telegram is connected").wait_for()
    onward.get_by_text("Bob Babbage").wait_for()

    polled = api("GET", f"/oauth/sessions/{asked['sessionId']}")
    assert (polled["status"], polled["account"]) == ("completed", "Bob Babbage")
    fetched = api("POST", "/tokens/fetch", {"provider": "telegram"})
    assert (fetched["type"], fetched["apiId"], fetched["apiHash"]) == ("mtproto", API_ID, API_HASH)
    for secret in (API_HASH, "walnut", BOB.phone, fetched["accessToken"]):
        assert secret not in site.log()
    assert api("DELETE", f"/connections/{fetched['connectionId']}")["revocation"] == "revoked"


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_every_step_fits_and_keeps_to_the_policy(chromium: Browser, site: Site, api: Api, width: int, scheme: Any):
    context = chromium.new_context(viewport={"width": width, "height": 844}, base_url=site.url, color_scheme=scheme)
    page = context.new_page()
    page.set_default_timeout(30_000)
    complaints: list[str] = []
    noted = ("error", "warning")
    page.on("console", lambda message: complaints.append(message.text) if message.type in noted else None)
    sign_in(page)
    page.goto(api("POST", "/oauth/sessions", {"provider": "telegram"})["url"])
    assert not page.evaluate(WIDER_THAN_THE_SCREEN)
    for label, value in (("API ID", str(API_ID)), ("API hash", API_HASH), ("Phone number", f"+{BOB.phone}")):
        page.get_by_label(label, exact=True).fill(value)
    page.get_by_role("button", name="Send me a code").click()
    page.get_by_label("Code").fill(CODE)
    assert not page.evaluate(WIDER_THAN_THE_SCREEN)
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("heading", name="Enter your two-step password").wait_for()
    assert not page.evaluate(WIDER_THAN_THE_SCREEN)
    page.get_by_role("button", name="Stop signing in").click()
    page.get_by_text("You stopped signing in to Telegram").wait_for()
    assert complaints == []
    context.close()
