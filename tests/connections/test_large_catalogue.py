"""A catalogue of a thousand more files: what is asked for often takes as many reads, and as much work, as before."""

import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from providers import registry
from providers.models import Provider
from tests.large_catalogue import MORE, PASTED, SIGNED_IN, write_files

TOLD = ("/ai/context/summary", "/ai/context/google", "/ai/context/google/gmail")


@pytest.fixture
def enlarge(tmp_path: Path, settings: Settings, db: None) -> Iterator[Callable[[], None]]:
    """``enlarge()`` puts a thousand files into the operator's folder, as a start would find them."""

    def enlarge() -> None:
        write_files(tmp_path)
        settings.AKHROT_CATALOG_DIR = str(tmp_path)
        registry.catalogue.cache_clear()
        assert Provider.objects.make_missing() == MORE
        # Made once in a process, when first needed.
        assert len(registry.catalogue().at_once) > MORE

    yield enlarge
    registry.catalogue.cache_clear()


def calls_of(act: Callable[[], Any]) -> int:
    """How many calls of Python functions `act` takes, the second time."""
    act()
    number = 0

    def count(_: Any, event: str, __: Any) -> None:
        nonlocal number
        number += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        act()
    finally:
        sys.setprofile(before)
    return number


@pytest.mark.parametrize(("auth", "kind"), [(PASTED, "api_key"), (SIGNED_IN, "oauth2")])
def test_the_files_are_good_ones(tmp_path: Path, auth: str, kind: str):
    write_files(tmp_path, 7, auth=auth)
    found = [registry.read(path) for path in sorted(tmp_path.iterdir())]
    assert [(spec.code, spec.kind) for spec in found] == [(f"walnut-{place}", kind) for place in range(7)]


def test_what_agents_ask_often_costs_the_same_with_a_thousand_more(
    agent: Any, connect: Any, configured: Any, enlarge: Any, django_assert_num_queries: Any
):
    configured("github")
    connect("google")
    connect("openai")
    before = {path: calls_of(partial(agent.get, path)) for path in TOLD}
    total = agent.get(TOLD[0]).json()["data"]["availableTotal"]
    enlarge()
    for path in TOLD:
        with django_assert_num_queries(3):
            agent.get(path)
        after = calls_of(partial(agent.get, path))
        assert after <= before[path] * 1.05 + 20, path
    data = agent.get(TOLD[0]).json()["data"]
    assert data["availableTotal"] == total + MORE
    assert data["available"][:6] == [*(f"walnut-{place}" for place in range(5)), "github"]


def test_a_limited_key_is_told_of_its_own_alone(issue: Any, enlarge: Any, configured: Any):
    enlarge()
    Provider.objects.filter(code="walnut-1").update(enabled=False)
    limited = issue(providers=["walnut-1", "walnut-7", "walnut-2", "google", "nothing"])
    data = limited.get("/ai/context/summary").json()["data"]
    assert (data["available"], data["availableTotal"]) == (["walnut-2", "walnut-7"], 2)
    configured("google")
    data = limited.get("/ai/context/summary").json()["data"]
    assert (data["available"], data["availableTotal"]) == (["walnut-2", "google", "walnut-7"], 3)


def test_the_catalogue_takes_as_many_reads_and_a_short_page(
    browser: Client, enlarge: Any, django_assert_num_queries: Any
):
    enlarge()
    # The browser's session, its user, what is connected, what the operator has set.
    for query in ({}, {"q": "pecan 7"}, {"q": "pekan"}, {"q": "qwertyuiop"}, {"category": "ai", "state": "ready"}):
        with django_assert_num_queries(4):
            page = browser.get("/app/providers/", query)
        assert len(page.content) < 40_000
    shelf = browser.get("/app/providers/", {"q": "pecan 7"}).context["shelf"]
    assert shelf.tiles()[0].spec.code == "walnut-7"
