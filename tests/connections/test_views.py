"""The dashboard: each page, and that another user's rows are not there."""

from typing import Any

import pytest
from django.test import Client

from apikeys.models import ApiKey, AuditEvent
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


def test_a_key_is_shown_once_and_works(browser: Client, user: Any):
    form = {"name": "Claude", "expires": "90", "providers": ["google"]}
    made = browser.post("/app/keys/", form)
    text = made.content.decode().partition('id="key-text">')[2].partition("<")[0]
    row = ApiKey.objects.authenticate(text)
    assert row is not None
    assert (row.user, row.providers, row.may_disconnect, row.expires_at is None) == (user, ["google"], False, False)
    assert "no-store" in made["Cache-Control"]
    assert text not in browser.get("/app/keys/").content.decode()


def test_a_key_is_revoked_after_a_question(browser: Client, agent: Any):
    path = f"/app/keys/{agent.row.pk}/revoke/"
    assert "refused at once" in browser.get(path).content.decode()
    assert agent.get("/ai/context/summary").status_code == 200
    browser.post(path)
    assert agent.get("/ai/context/summary").status_code == 401


def test_another_users_key_cannot_be_revoked(browser: Client, other_agent: Any):
    assert browser.post(f"/app/keys/{other_agent.row.pk}/revoke/").status_code == 404
    assert other_agent.get("/ai/context/summary").status_code == 200


def test_the_ledger_tells_in_words_and_only_ones_own(browser: Client, agent: Any, other_agent: Any, connect: Any):
    connect("google")
    agent.post("/tokens/fetch", {"provider": "google", "purpose": "read the inbox"})
    other_agent.post("/tokens/fetch", {"provider": "stripe", "purpose": "somebody else's"})
    page = browser.get("/app/ledger/").content.decode()
    assert "assistant fetched a credential of Google" in page
    assert "read the inbox" in page
    assert "somebody else" not in page
    assert AuditEvent.objects.filter(action="token.fetch").count() == 2


def test_the_ledger_has_pages(browser: Client, user: Any):
    AuditEvent.objects.bulk_create([AuditEvent(user=user, action="token.fetch", provider=f"p{n}") for n in range(60)])
    first = browser.get("/app/ledger/").content.decode()
    older = first.partition("?before=")[2].partition('"')[0]
    second = browser.get("/app/ledger/", {"before": older}).content.decode()
    assert ("p59" in first, "p9 " in first) == (True, False)
    assert second.count("<details") == 10
