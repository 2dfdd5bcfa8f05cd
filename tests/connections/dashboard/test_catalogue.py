"""The dashboard's catalogue: what is found, where it is, in which state, and how little each page costs."""

from typing import Any

import pytest
from django.test import Client

from connections.dashboard.catalogue import PAGE, Shelf, Wish
from providers.models import Provider
from providers.offers import Offers

PATH = "/app/providers/"


def shelf_of(browser: Client, **query: Any) -> Shelf:
    shelf: Shelf = browser.get(PATH, query).context["shelf"]
    return shelf


def codes(browser: Client, **query: Any) -> list[str]:
    return [tile.spec.code for tile in shelf_of(browser, **query).tiles()]


def test_the_most_used_come_first_and_a_search_has_the_best_match_first(browser: Client):
    assert codes(browser)[0] == "google"
    assert codes(browser, q="gihub") == ["github"]
    assert codes(browser, q="POSTGRES")[0] == "neon"


def test_every_provider_is_on_one_page_and_no_page_is_long(browser: Client):
    first = shelf_of(browser)
    pages = [codes(browser, page=number) for number in range(1, first.pages + 1)]
    listed = [code for page in pages for code in page]
    assert max(map(len, pages)) == PAGE
    assert sorted(listed) == sorted(set(listed)) == sorted(Offers.read().specs())
    page = browser.get(PATH)
    assert page.content.count(b"/logos/") == page.content.count(b'loading="lazy"') > 0
    assert len(page.content) < 40_000


@pytest.mark.parametrize("nonsense", [{"page": "-1"}, {"page": "x"}, {"page": "²"}, {"page": "9" * 40}, {"state": "x"}])
def test_nonsense_asks_for_nothing(browser: Client, nonsense: dict[str, str]):
    assert codes(browser, **nonsense) == codes(browser)
    assert codes(browser, page="99999") == codes(browser, page=str(shelf_of(browser).pages))


def test_categories_and_states_count_what_choosing_them_shows(browser: Client, connect: Any, configured: Any):
    configured("google")
    connect("openai")
    for query in ({}, {"q": "mail"}, {"state": "waiting"}, {"category": "ai"}, {"q": "a", "category": "ai"}):
        shelf = shelf_of(browser, **query)
        for one in (*shelf.categories(), *shelf.states()):
            asked = browser.get(PATH + one.address).context["shelf"]
            assert asked.number == one.number, (query, one)


def test_a_provider_is_connected_ready_or_waits_for_its_client(browser: Client, connect: Any, configured: Any):
    assert "google" in codes(browser, state="waiting", q="google")
    configured("google")
    assert codes(browser, state="ready", q="google")[0] == "google"
    connect("google")
    connect("openai")
    assert sorted(codes(browser, state="connected")) == ["google", "openai"]
    assert all(Offers.read().is_ready(tile.spec.code) for tile in shelf_of(browser, state="ready").tiles())


def test_nothing_found_says_what_was_meant_and_what_to_do(browser: Client, user: Any):
    page = browser.get(PATH, {"q": "gmail <api>"}).content.decode()
    assert "Nothing found for “gmail &lt;api&gt;”" in page
    assert "Ask the operator" in page
    assert 'href="/app/providers/google/"' in page
    user.is_staff = user.is_superuser = True
    user.save()
    assert "/admin/providers/provider/add/" in browser.get(PATH, {"q": "qwertyuiop"}).content.decode()


def test_what_is_found_elsewhere_is_said(browser: Client):
    page = browser.get(PATH, {"q": "stripe", "category": "ai"}).content.decode()
    assert "Search all categories" in page
    assert 'href="?q=stripe"' in page


def test_a_disabled_provider_is_not_counted(browser: Client):
    number = shelf_of(browser).number
    Provider.objects.filter(code="openai").update(enabled=False)
    assert shelf_of(browser).number == number - 1
    assert "openai" not in codes(browser, q="openai")


def test_htmx_gets_what_was_found_and_the_address_without_what_is_empty(browser: Client):
    htmx = {"HX-Request": "true", "HX-Trigger": "finder"}
    answer = browser.get(PATH, {"q": "stripe", "category": "", "state": ""}, headers=htmx)
    page = answer.content.decode()
    assert "Stripe" in page
    assert "<html" not in page
    assert '<p id="told" hx-swap-oob="innerHTML">2 providers for stripe</p>' in page
    assert answer["HX-Replace-Url"] == f"{PATH}?q=stripe"
    assert "HX-Request" in answer["Vary"]
    link = browser.get(PATH, headers={"HX-Request": "true", "HX-Trigger": "category-ai"})
    assert "HX-Replace-Url" not in link
    back = browser.get(PATH, headers={"HX-Request": "true", "HX-History-Restore-Request": "true"})
    assert "<html" in back.content.decode()


def test_the_address_of_a_wish_leads_back_to_it():
    wish = Wish(query="a&b=ü", category="ai", state="ready", page=3)
    assert wish.address(page=3) == "?q=a%26b%3D%C3%BC&category=ai&state=ready&page=3"
    assert wish.address(category="") == "?q=a%26b%3D%C3%BC&state=ready"
    assert Wish().address() == "?"
