"""A picture of every page in every state, at both widths, in light and dark."""

import tempfile
from collections.abc import Iterable
from pathlib import Path

from playwright.sync_api import Browser, Page

from tests.pages import DOORS
from tests.pages import browser as looking

HEIGHT = 900


def photograph(folder: Path, states: Iterable[str], only: Iterable[str]) -> int:
    """Into `folder`, as ``state-page-width-scheme.png``; how many there are."""
    folder.mkdir(parents=True, exist_ok=True)
    number = 0
    with (
        tempfile.TemporaryDirectory() as place,
        looking.furnished(Path(place)) as (site, pages),
        looking.chromium() as chromium,
    ):
        for state in states or pages:
            chosen = {name: path for name, path in pages[state].items() if not only or name.split("-")[0] in only}
            number += _state(chromium, site.url, state, chosen, folder)
    return number


def _state(chromium: Browser, url: str, state: str, pages: dict[str, str], folder: Path) -> int:
    number = 0
    for width in looking.WIDTHS:
        for scheme in looking.SCHEMES:
            context = chromium.new_context(
                viewport={"width": width, "height": HEIGHT},
                base_url=url,
                color_scheme=scheme,  # type: ignore[arg-type]
            )
            page = context.new_page()
            doors = DOORS if state == "empty" else {}
            number += _shoot(page, doors, folder, "door", f"{width}-{scheme}")
            number += _shoot(looking.sign_in(context, state), pages, folder, state, f"{width}-{scheme}")
            context.close()
    return number


def _shoot(page: Page, pages: dict[str, str], folder: Path, state: str, look: str) -> int:
    for name, path in pages.items():
        page.goto(path)
        page.screenshot(path=folder / f"{state}-{name}-{look}.png", full_page=True)
    return len(pages)
