"""Searching the catalogue in Chromium: while one types, by keyboard, and without JavaScript."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_dashboard import WIDER_THAN_THE_SCREEN, Open
from tests.browser.test_dashboard import chromium as chromium
from tests.browser.test_dashboard import oauth as oauth
from tests.browser.test_dashboard import open_page as open_page
from tests.browser.test_dashboard import site as site

pytestmark = [pytest.mark.browser, pytest.mark.oauth_server]
FOCUSED = "document.activeElement.id"


def tile(page: Page, name: str) -> None:
    expect(page.locator(".tile-link").first).to_have_text(name)


def test_what_is_found_follows_the_typing_and_so_does_the_address(open_page: Open):
    page = open_page()
    page.goto("/app/providers/")
    page.evaluate("window.stayed = true")
    page.get_by_label("Search providers").press_sequentially("gihub")
    tile(page, "GitHub")
    expect(page).to_have_url(re.compile(r"/app/providers/\?q=gihub$"))
    expect(page.get_by_role("status")).to_have_text("1 provider for gihub")
    assert page.evaluate(FOCUSED) == "q"
    assert page.evaluate("window.stayed"), "the page was loaded again"
    page.get_by_label("Search providers").fill("")
    tile(page, "Google")
    expect(page).to_have_url(re.compile(r"/app/providers/\??$"))


def test_a_category_and_a_state_are_chosen_by_keyboard_and_a_step_back_undoes_them(open_page: Open):
    page = open_page()
    page.goto("/app/providers/")
    page.get_by_role("link", name="Databases").press("Enter")
    tile(page, "Supabase")
    expect(page).to_have_url(re.compile(r"\?category=database$"))
    assert page.evaluate(FOCUSED) == "category-database"
    page.get_by_role("radio", name="All").press("ArrowRight")
    expect(page).to_have_url(re.compile(r"\?category=database&state=ready$"))
    assert page.evaluate(FOCUSED) == "state-ready"
    expect(page.get_by_role("radio", name="Ready")).to_be_checked()
    page.get_by_label("Search providers").press_sequentially("postgres")
    tile(page, "Neon")
    expect(page).to_have_url(re.compile(r"\?q=postgres&category=database&state=ready$"))
    page.go_back()
    expect(page).to_have_url(re.compile(r"/app/providers/$"))
    tile(page, "Google")
    expect(page.get_by_role("banner")).to_have_count(1)


def test_a_phone_has_a_list_of_categories_to_choose_from(open_page: Open):
    page = open_page(width=390)
    page.goto("/app/providers/")
    expect(page.get_by_role("navigation", name="Categories")).to_be_hidden()
    page.get_by_label("Category").select_option("database")
    tile(page, "Supabase")
    expect(page).to_have_url(re.compile(r"\?category=database$"))
    page.get_by_label("Search providers").fill("nothing like it")
    page.get_by_role("heading", name="Nothing found for").wait_for()
    assert not page.evaluate(WIDER_THAN_THE_SCREEN)


def test_searching_needs_no_javascript(open_page: Open):
    page = open_page(java_script_enabled=False)
    page.goto("/app/providers/")
    page.get_by_role("link", name="Databases").click()
    page.get_by_label("Search providers").fill("POSTGRES")
    page.get_by_role("button", name="Search").click()
    tile(page, "Neon")
    page.goto("/app/providers/")
    page.get_by_role("link", name="Next").click()
    page.get_by_text("Page 2 of").wait_for()
    page.get_by_role("radio", name="Connected").check(force=True)
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("link", name="Sandbox")).to_be_visible()


def test_only_the_logos_that_are_seen_are_loaded(open_page: Open):
    page = open_page(width=390)
    loaded: list[str] = []
    page.on("request", lambda request: loaded.append(request.url) if "/logos/" in request.url else None)
    page.goto("/app/providers/?category=productivity")
    page.get_by_role("link", name="Next").wait_for()
    listed = page.locator(".tile img").count()
    assert 0 < len(loaded) <= listed
    assert page.locator(".tile img").evaluate_all("all => all.every((one) => one.loading === 'lazy')")
