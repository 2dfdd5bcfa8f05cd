"""The list of connections and one connection's page in Chromium: by keyboard, on a phone, and without a script."""

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.test_dashboard import WIDER_THAN_THE_SCREEN, Open, sign_in
from tests.browser.test_dashboard import chromium as chromium
from tests.browser.test_dashboard import oauth as oauth
from tests.browser.test_dashboard import open_page as open_page
from tests.browser.test_dashboard import site as site
from tests.site import OWNER, Site

pytestmark = [pytest.mark.browser, pytest.mark.oauth_server]
FOCUSED = "document.activeElement.id"
HIDE = "Object.defineProperty(document, 'hidden', {get: () => true, configurable: true})"
SHOW = "delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))"


@pytest.fixture(scope="module")
def agent(site: Site) -> Iterator[httpx.Client]:
    """An agent that holds a key of the owner's."""
    key = site.tell("apikey", "create", "--user", OWNER, "--name", "Claude on my laptop")
    with httpx.Client(base_url=site.url, headers={"Authorization": f"Bearer {key}"}, timeout=30) as client:
        yield client


def open_connection(page: Page, name: str) -> None:
    page.goto("/app/")
    page.get_by_role("link", name=re.compile(f"^{name}")).first.click()
    page.get_by_role("heading", name=name, exact=True, level=1).wait_for()


def test_what_is_found_follows_the_typing_and_the_states_are_chosen_by_keyboard(open_page: Open):
    page = open_page()
    page.goto("/app/?q=mongo")
    page.evaluate("window.stayed = true")
    rows = page.locator(".conn-link")
    expect(rows).to_have_count(1)
    page.get_by_label("Search your connections").fill("")
    page.get_by_label("Search your connections").press_sequentially("sandb")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("Sandbox")
    expect(page).to_have_url(re.compile(r"/app/\?q=sandb$"))
    expect(page.locator("#told")).to_have_text("1 connection")
    assert page.evaluate(FOCUSED) == "q"
    page.get_by_role("radio", name="All").press("ArrowRight")
    expect(page.get_by_role("heading", name="No connection matches")).to_be_visible()
    assert page.evaluate(FOCUSED) == "state-needs"
    expect(page).to_have_url(re.compile(r"\?q=sandb&state=needs$"))
    assert page.evaluate("window.stayed"), "the page was loaded again"


def test_the_list_is_filtered_without_a_script(open_page: Open):
    page = open_page(width=390, java_script_enabled=False)
    page.goto("/app/?q=x")
    page.get_by_label("Search your connections").fill("mongo")
    page.get_by_role("button", name="Search").click()
    expect(page.locator(".conn-link")).to_have_count(1)
    assert "q=mongo" in page.url


def test_a_request_appears_by_itself_and_a_tab_that_nobody_sees_does_not_ask(open_page: Open, agent: httpx.Client):
    page = open_page(width=390)
    page.goto("/app/")
    page.evaluate("window.stayed = true")
    agent.post("/oauth/sessions", json={"provider": "twilio"}).raise_for_status()
    expect(page.get_by_role("heading", name="Waiting for you")).to_be_visible(timeout=15_000)
    expect(page.get_by_role("link", name=re.compile("Claude on my laptop wants to connect Twilio"))).to_be_visible()
    expect(page.locator("#told-waiting")).to_have_text("1 request waits for you")
    assert page.evaluate("window.stayed"), "the page was loaded again"
    page.evaluate(HIDE)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.clock.install()
    page.clock.run_for(30_000)
    assert asked == []
    with page.expect_response(re.compile("/app/waiting/")) as again:
        page.evaluate(SHOW)
        page.clock.run_for(2_000)
    assert again.value.status == 204


def test_a_page_left_open_until_the_session_ended_leads_to_the_sign_in(open_page: Open):
    page = open_page()
    page.goto("/app/")
    page.context.clear_cookies()
    page.wait_for_url(re.compile("/accounts/login/"), timeout=20_000)


def test_a_test_says_how_it_went_and_leaves_the_keyboard_where_it_was(open_page: Open):
    page = open_page()
    open_connection(page, "Sandbox")
    page.evaluate("window.stayed = true")
    page.get_by_role("button", name="Test now").press("Enter")
    expect(page.locator("#messages")).to_contain_text("It works: Sandbox accepts it.")
    assert page.evaluate(FOCUSED) == "test-now"
    assert page.locator(".btn-loading").count() == 0
    expect(page.get_by_text("You tested Sandbox")).to_be_visible()
    page.get_by_role("button", name="Refresh now").press("Enter")
    expect(page.locator("#messages")).to_contain_text(re.compile("Renewed: Sandbox|issued less than a minute ago"))
    assert page.evaluate(FOCUSED) == "refresh-now"
    assert page.evaluate("window.stayed"), "the page was loaded again"


def test_a_name_is_given_in_place_and_one_that_is_none_says_why(open_page: Open, site: Site):
    page = open_page(width=390)
    open_connection(page, "Sandbox")
    page.get_by_text("Give it a name").press("Enter")
    page.get_by_label("Your name for it").fill("00000000-0000-4000-8000-00000000000a")
    page.get_by_role("button", name="Save the name").press("Enter")
    expect(page.get_by_text("so agents could not tell them apart")).to_be_visible()
    page.get_by_label("Your name for it").fill("Nuts" * 20)
    page.get_by_role("button", name="Save the name").press("Enter")
    expect(page.locator("#messages")).to_contain_text("Renamed to")
    expect(page.locator("#page-top")).to_contain_text("Nuts" * 20)
    assert not page.evaluate(WIDER_THAN_THE_SCREEN)
    page.goto("/app/")
    assert not page.evaluate(WIDER_THAN_THE_SCREEN)


def test_a_connection_is_tested_without_a_script(open_page: Open):
    page = open_page(java_script_enabled=False)
    open_connection(page, "Sandbox")
    page.get_by_role("button", name="Test now").click()
    page.get_by_text("It works: Sandbox accepts it.").wait_for()


def test_the_exact_time_is_told_in_the_readers_own_zone(open_page: Open):
    page = open_page(timezone_id="Asia/Kathmandu")
    page.goto("/app/")
    title = page.locator("time[data-moment]").first.get_attribute("title")
    assert title
    assert re.search(r"^\d{1,2} \w{3,4} \d{4}, \d\d:\d\d:\d\d GMT\+5:45$", title)


def test_what_could_not_be_done_is_said(chromium: Browser, site: Site):
    page = chromium.new_context(base_url=site.url).new_page()
    page.set_default_timeout(10_000)
    sign_in(page)
    open_connection(page, "Sandbox")
    page.route(re.compile("/test/$"), lambda route: route.abort())
    page.get_by_role("button", name="Test now").click()
    expect(page.locator("#messages")).to_contain_text("That did not work")
    assert page.locator(".btn-loading").count() == 0
    page.context.close()
