"""API keys in Chromium: made by keyboard, copied, replaced, revoked, brought back, on a phone and without a script."""

import re
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.test_dashboard import WIDER_THAN_THE_SCREEN, Open
from tests.browser.test_dashboard import chromium as chromium
from tests.browser.test_dashboard import oauth as oauth
from tests.browser.test_dashboard import open_page as open_page
from tests.browser.test_dashboard import site as site
from tests.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.oauth_server]
FOCUSED = "document.activeElement.textContent.trim()"


def status_of(site: Site, key: str) -> int:
    """What an agent with this key is answered."""
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.get(f"{site.url}/ai/context/summary", headers=headers, timeout=30, trust_env=False).status_code


def make(page: Page, name: str) -> str:
    """A new key of that name; its text. The page then shows it."""
    page.goto("/app/keys/new/")
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Create the key").click()
    return page.locator("#key-text").inner_text()


def row_of(page: Page, name: str) -> Locator:
    return page.locator(".key-row", has=page.get_by_role("link", name=name, exact=True))


def tab_to(page: Page, words: str, most: int = 60) -> None:
    """Press Tab until what has the focus says so."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if words in page.evaluate("(document.activeElement.labels?.[0] || document.activeElement).textContent || ''"):
            return
    raise AssertionError(f"the keyboard does not reach {words!r}")


def test_a_key_is_made_and_copied_by_keyboard(open_page: Open, site: Site):
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    page.goto("/app/keys/")
    page.get_by_role("link", name="New key").press("Enter")
    page.get_by_role("heading", name="New API key").wait_for()
    # The name has the focus already.
    page.keyboard.type("By keyboard")
    page.get_by_label("Filter the providers").focus()
    page.keyboard.type("mongo")
    tab_to(page, "MongoDB", most=2)
    page.keyboard.press("Space")
    expect(page.get_by_text("1 ticked")).to_be_visible()
    page.get_by_role("button", name="Create the key").press("Enter")
    key = page.locator("#key-text").inner_text()
    assert status_of(site, key) == 200
    page.get_by_role("button", name="Copy the key").press("Enter")
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == key
    page.get_by_role("link", name="go to the key's page").press("Enter")
    expect(page.get_by_role("heading", name="By keyboard")).to_be_visible()
    expect(page.locator("dl.facts").get_by_text("MongoDB", exact=True)).to_be_visible()
    assert key.rpartition("_")[2] not in page.content()


def test_the_arrows_lead_through_the_tabs_and_each_text_can_be_copied(open_page: Open):
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    key = make(page, "Tabs")
    tabs = page.get_by_role("tab")
    names = tabs.all_inner_texts()
    assert names == ["curl", "Python", "JavaScript", "Claude Code", "Cursor", "Any agent"]
    tabs.first.focus()
    for name in [*names[1:], names[0]]:
        page.keyboard.press("ArrowRight")
        selected = page.get_by_role("tab", selected=True)
        expect(selected).to_have_text(name)
        assert page.evaluate(FOCUSED) == name
        expect(page.get_by_role("tabpanel")).to_have_count(1)
        page.get_by_role("tabpanel").get_by_role("button").click()
        expect(page.get_by_role("tabpanel").get_by_role("button")).to_have_text("Copied")
        assert key in page.evaluate("navigator.clipboard.readText()")
        selected.focus()
    page.keyboard.press("End")
    assert page.evaluate(FOCUSED) == "Any agent"
    page.keyboard.press("ArrowLeft")
    assert page.evaluate(FOCUSED) == "Cursor"
    page.keyboard.press("Tab")
    copied = page.evaluate("document.activeElement.dataset.copy")
    assert copied == "snippet-cursor", "one tab alone is in the order of focus"


def test_a_revoked_key_is_refused_and_brought_back(open_page: Open, site: Site):
    page = open_page()
    key = make(page, "Revoked by mistake")
    page.goto("/app/keys/")
    row_of(page, "Revoked by mistake").get_by_role("button", name="Revoke").click()
    told = page.locator(".messages[role=status]")
    expect(told).to_contain_text("“Revoked by mistake” is revoked")
    assert status_of(site, key) == 401
    tab_to(page, "Undo")
    page.keyboard.press("Enter")
    expect(told).to_contain_text("“Revoked by mistake” works again")
    assert status_of(site, key) == 200


def test_what_is_said_is_said_once_more_for_who_listens(open_page: Open):
    """A screen reader tells a change in a status, so there must be one once the page stands."""
    page = open_page()
    make(page, "Spoken of")
    page.goto("/app/keys/")
    page.add_init_script(
        """document.addEventListener("DOMContentLoaded", () => {
          const status = document.querySelector(".messages[role=status]");
          const note = () => { document.body.dataset.spoken = "once"; };
          if (status) new MutationObserver(note).observe(status, {childList: true, subtree: true});
        }, {capture: true})"""
    )
    row_of(page, "Spoken of").get_by_role("button", name="Revoke").click()
    page.get_by_text("“Spoken of” is revoked").wait_for()
    expect(page.locator("body")).to_have_attribute("data-spoken", "once")


def test_the_offer_to_undo_goes_after_ten_seconds_and_takes_nobody_along(open_page: Open):
    page = open_page()
    make(page, "For good")
    page.goto("/app/keys/")
    page.clock.install()
    row_of(page, "For good").get_by_role("button", name="Revoke").click()
    undo = page.get_by_role("button", name="Undo")
    undo.focus()
    page.clock.fast_forward(8_000)
    expect(undo).to_be_visible()
    page.clock.fast_forward(3_000)
    expect(undo).to_have_count(0)
    assert "“For good” is revoked" in page.evaluate(FOCUSED)


def test_a_key_and_its_successor_lead_to_each_other(open_page: Open, site: Site):
    page = open_page(width=390)
    old = make(page, "Rotated")
    page.get_by_role("link", name="go to the key's page").click()
    page.get_by_label("The old key ends").select_option("In an hour")
    page.get_by_role("button", name="Create the new key").click()
    new = page.locator("#key-text").inner_text()
    assert (status_of(site, old), status_of(site, new)) == (200, 200)
    page.get_by_role("link", name=old.split("_")[1]).click()
    expect(page.get_by_text("This key is being replaced")).to_be_visible()
    expect(page.get_by_role("button", name="Create the new key")).to_have_count(0)
    page.get_by_role("link", name=new.split("_")[1]).click()
    expect(page.get_by_text("Replaces")).to_be_visible()
    assert not page.evaluate(WIDER_THAN_THE_SCREEN)


def test_a_date_is_asked_for_when_it_is_wanted_and_errors_keep_what_was_typed(open_page: Open):
    page = open_page(width=390)
    page.goto("/app/keys/new/")
    expect(page.get_by_label("Last day")).to_be_hidden()
    page.get_by_label("Name").fill("Until a day")
    page.get_by_label("Expires").select_option("On a date")
    page.get_by_label("Last day").fill("2020-01-01")
    page.get_by_role("button", name="Create the key").click()
    expect(page.get_by_text("This day is in the past")).to_be_visible()
    expect(page.get_by_label("Name")).to_have_value("Until a day")
    expect(page.get_by_label("Last day")).to_be_focused()
    assert not page.evaluate(WIDER_THAN_THE_SCREEN)


def test_the_list_of_providers_is_filtered_while_one_types(open_page: Open):
    page = open_page()
    page.goto("/app/keys/new/")
    boxes: Any = page.locator(".chooser-item:visible")
    everything = boxes.count()
    assert everything > 200
    page.get_by_label("Google", exact=True).check()
    page.get_by_label("Filter the providers").fill("TWILIO")
    expect(boxes).to_have_text([re.compile("Google"), re.compile("Twilio")])
    page.get_by_label("Filter the providers").press("Enter")
    expect(page.get_by_role("heading", name="New API key")).to_be_visible()
    page.get_by_label("Google", exact=True).uncheck()
    page.get_by_label("Filter the providers").fill("nothing like it")
    expect(boxes).to_have_count(0)
    expect(page.get_by_text("No provider with that name")).to_be_visible()
    page.get_by_label("Filter the providers").fill("")
    expect(boxes).to_have_count(everything)


def test_keys_need_no_javascript(open_page: Open, site: Site):
    page = open_page(width=390, java_script_enabled=False)
    page.goto("/app/keys/new/")
    expect(page.get_by_label("Filter the providers")).to_be_hidden()
    page.get_by_label("Name").fill("Without a script")
    page.get_by_label("Stripe", exact=True).check()
    page.get_by_role("button", name="Create the key").click()
    key = page.locator("#key-text").inner_text()
    for heading in ("curl", "Python", "JavaScript", "Claude Code", "Cursor", "Any agent"):
        expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible()
    expect(page.locator(".snippet-code pre:visible")).to_have_count(6)
    page.get_by_role("link", name="go to the key's page").click()
    page.get_by_role("button", name="Revoke").click()
    assert status_of(site, key) == 401
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("“Without a script” works again")).to_be_visible()
    assert status_of(site, key) == 200
    row_of(page, "Without a script").get_by_role("button", name="Revoke").click()
    page.get_by_text("Revoked and expired").click()
    expect(row_of(page, "Without a script").get_by_text("Revoked")).to_be_visible()


@pytest.mark.parametrize("width", [390, 1280])
def test_long_names_and_all_texts_fit(open_page: Open, width: int):
    page = open_page(width=width)
    make(page, "a-name-without-a-single-space-" * 2 + "x" * 20)
    for name in page.get_by_role("tab").all_inner_texts():
        page.get_by_role("tab", name=name).click()
        assert not page.evaluate(WIDER_THAN_THE_SCREEN), name
    page.get_by_role("link", name="go to the key's page").click()
    page.get_by_role("heading", name="Details").wait_for()
    assert not page.evaluate(WIDER_THAN_THE_SCREEN)
    page.goto("/app/keys/")
    assert not page.evaluate(WIDER_THAN_THE_SCREEN)
