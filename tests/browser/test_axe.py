"""axe-core's judgement of every page: what a screen reader or a tired eye would stumble over."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.pages import DOORS
from tests.pages import browser as looking
from tests.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.site]
Pages = dict[str, dict[str, str]]
# Most pages are the same in all states: each state once, and each width and scheme.
LOOKS = [("empty", 1280, "light"), ("failing", 390, "dark"), ("long", 1280, "light")]
# Swagger UI's own.
NOT_OURS = {"docs"}
# What holds is not listed, which takes axe most of its time.
BROKEN_ALONE = {"resultTypes": ["violations"]}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Pages]]:
    if shutil.which("chromium") is None:
        pytest.skip("there is no chromium here")
    with looking.furnished(tmp_path_factory.mktemp("pages")) as found:
        yield found


@pytest.fixture(scope="module")
def chromium(house: Any) -> Iterator[Browser]:
    with looking.chromium() as browser:
        yield browser


def violations(page: Page, pages: dict[str, str]) -> dict[str, list[str]]:
    """By page: the rules that are broken, and where."""
    found = {}
    for name, path in pages.items():
        page.goto(path)
        broken = Axe().run(page, options=BROKEN_ALONE).response["violations"]
        if broken:
            found[name] = [
                f"{rule['id']}: {node['target']} {node['html'][:200]}" for rule in broken for node in rule["nodes"]
            ]
    return found


@pytest.mark.parametrize(("state", "width", "scheme"), LOOKS)
def test_axe_finds_nothing(house: tuple[Site, Pages], chromium: Browser, state: str, width: int, scheme: str) -> None:
    site, pages = house
    options: dict[str, Any] = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
    with chromium.new_context(base_url=site.url, reduced_motion="reduce", **options) as context:
        doors = violations(context.new_page(), DOORS if state == "empty" else {})
        mine = {name: path for name, path in pages[state].items() if name not in NOT_OURS}
        assert doors | violations(looking.sign_in(context, state), mine) == {}


def test_axe_is_awake(house: tuple[Site, Pages], chromium: Browser) -> None:
    """It would see a picture without words and a pale text, under our policy as well."""
    site, _ = house
    with chromium.new_context(base_url=site.url) as context:
        page = context.new_page()
        page.goto("/accounts/login/")
        page.evaluate("document.querySelector('main h1').insertAdjacentHTML('afterend', '<img src=\"/favicon.ico\">')")
        assert [rule["id"] for rule in Axe().run(page, options=BROKEN_ALONE).response["violations"]] == ["image-alt"]
