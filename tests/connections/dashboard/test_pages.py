"""The dashboard: each page, and that another user's rows are not there."""

from typing import Any

import pytest
from django.test import Client

from apikeys.models import AuditEvent
from connections.models import OAuthSession


@pytest.mark.parametrize(
    "path", ["/app/", "/app/start/", "/app/providers/", "/app/providers/google/", "/app/keys/", "/app/ledger/"]
)
def test_a_newcomer_finds_every_page(browser: Client, path: str):
    assert browser.get(path).status_code == 200
    assert Client().get(path)["Location"].startswith("/accounts/login/")


def test_a_request_that_waits_is_on_the_home_page(browser: Client, agent: Any):
    agent.post("/oauth/sessions", {"provider": "openai"})
    assert "assistant wants to connect" in browser.get("/app/").content.decode()


def test_the_catalogue_is_searched_by_what_providers_do(browser: Client):
    found = browser.get("/app/providers/", {"q": "payments"}).content.decode()
    assert "Stripe" in found
    assert "Twilio" not in found
    assert "Nothing found" in browser.get("/app/providers/", {"q": "<nothing>"}).content.decode()


def test_connecting_from_the_dashboard_makes_a_link_of_ones_own(browser: Client, user: Any):
    answer = browser.post("/app/providers/openai/connect/")
    session = OAuthSession.objects.get()
    assert answer["Location"] == f"/connect/{session.pk}"
    assert (session.user, session.key) == (user, None)


def test_the_ledger_tells_in_words_and_only_ones_own(browser: Client, agent: Any, other_agent: Any, connect: Any):
    connect("google")
    agent.post("/tokens/fetch", {"provider": "google", "purpose": "read the inbox"})
    other_agent.post("/tokens/fetch", {"provider": "stripe", "purpose": "somebody else's"})
    page = browser.get("/app/ledger/").content.decode()
    assert "assistant fetched a credential for Google" in page
    assert "read the inbox" in page
    assert "somebody else" not in page
    assert AuditEvent.objects.filter(action="token.fetch").count() == 2


def test_the_ledger_has_pages(browser: Client, user: Any):
    AuditEvent.objects.bulk_create([AuditEvent(user=user, action="token.fetch", provider=f"p{n}") for n in range(60)])
    first = browser.get("/app/ledger/").content.decode()
    older = first.partition("?before=")[2].partition('"')[0]
    second = browser.get("/app/ledger/", {"before": older}).content.decode()
    assert ("p59" in first, "p19 " in first) == (True, False)
    assert second.count('<details class="event') == 20
